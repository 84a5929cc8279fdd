"""The frame in which a diagram is drawn, from a text that the page around it sends."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_safe

SCRIPTS = ("content/mermaid/mermaid.js", "content/diagram.js")
STYLES = ("content/diagram.css",)


@require_safe
@xframe_options_sameorigin
def diagram(request: HttpRequest) -> HttpResponse:
    """Nobody's: what is drawn comes by a message, so that the answer is the same for everybody."""
    response = render(request, "content/diagram.html")
    response.headers["Content-Security-Policy"] = policy(request)
    return response


def policy(request: HttpRequest) -> str:
    """The drawing writes inline styles; else only these files are loaded, and nothing is sent anywhere.

    Sandboxed also where the page is opened by itself. An origin of its own has no 'self', so the files are named.
    """
    scripts, styles = (
        " ".join(request.build_absolute_uri(static(each)) for each in files) for files in (SCRIPTS, STYLES)
    )
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {scripts}",
            f"style-src 'unsafe-inline' {styles}",
            "form-action 'none'",
            "base-uri 'none'",
            "frame-ancestors 'self'",
            "sandbox allow-scripts",
        )
    )
