"""Who may keep a page? Nobody but the reader's own browser, which asks again: they may have signed out meanwhile.

A view that says otherwise has its way; static files are not concerned.
"""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase


def kept_private(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        response.headers.setdefault("Cache-Control", "private, no-cache")
        return response

    return middleware
