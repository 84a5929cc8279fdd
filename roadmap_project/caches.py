"""Who may keep a page? Nobody but the reader's own browser, which asks again: they may have signed out meanwhile.

Back asks nobody, so who signs out has the browser forget what it kept: the next person at it sees none of it (of pages
that it keeps as they were, back.js asks). A view that says otherwise has its way; static files are not concerned.
"""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase


def kept_private(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        response.headers.setdefault("Cache-Control", "private, no-cache")
        if _ends_a_session(response):
            response.headers["Clear-Site-Data"] = '"cache"'
        return response

    return middleware


def _ends_a_session(response: HttpResponseBase) -> bool:
    """Whether the browser is to throw its session's cookie away: somebody signed out here, or was signed out."""
    cookie = response.cookies.get(settings.SESSION_COOKIE_NAME)
    return cookie is not None and cookie["max-age"] == 0
