"""Which request do these log lines, this error page and this event in Sentry belong to?"""

import re
import uuid
from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponseBase

HEADER = "X-Request-ID"
# What a proxy may have made: an id, no sentence. Whatever else comes is replaced, as it would go into logs and pages.
TAKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}", re.ASCII)


def request_ids(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """The outermost middleware, so that every line and every answer has the id.

    It stays bound to the thread until the next request: Django writes of a refused request after all middleware.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        request_id = _taken(request.headers.get(HEADER, "")) or uuid.uuid4().hex
        request.request_id = request_id  # type: ignore[attr-defined]
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        response = get_response(request)
        response.headers[HEADER] = request_id
        return response

    return middleware


def of(request: HttpRequest) -> str:
    return str(getattr(request, "request_id", ""))


def _taken(given: str) -> str:
    return given if TAKEN.fullmatch(given) else ""
