"""What may a page load and run? Nothing but this site's own files: no inline script, no inline style.

A view that needs another policy sets its own.
"""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "frame-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
DEBUG_PAGES = (404, 500)  # Django's own, with their inline styles, while DEBUG is on


def content_security_policy(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        if not (settings.DEBUG and response.status_code in DEBUG_PAGES):
            response.headers.setdefault("Content-Security-Policy", POLICY)
        return response

    return middleware
