"""Which answers travel compressed? Text; but no page that holds a lasting secret."""

import functools
from collections.abc import Callable
from typing import ParamSpec

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.middleware.gzip import GZipMiddleware

P = ParamSpec("P")

# Zips and books are compressed already, and made again as a stream they would lose their length.
TEXTS = ("text/html", "text/plain", "application/json")
AS_IT_IS = "goes_as_it_is"


def text_compressed(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """The token of forms, a secret in most pages, is masked anew by Django in every answer."""
    gzip = GZipMiddleware(get_response)

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        is_text = response.headers.get("Content-Type", "").partition(";")[0] in TEXTS
        if not is_text or hasattr(response, AS_IT_IS):
            return response
        return gzip.process_response(request, response)

    return middleware


def holds_a_secret(view: Callable[P, HttpResponse]) -> Callable[P, HttpResponse]:
    """Not compressed: how far a page shrinks beside what its address says would tell the rest of it (BREACH)."""

    @functools.wraps(view)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        response = view(*args, **kwargs)
        setattr(response, AS_IT_IS, True)
        return response

    return wrapped
