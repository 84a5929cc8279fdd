"""What is done at the end of every request."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

from roadmaps import log_lines


def flush_log_lines(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        log_lines.flush()
        return response

    return middleware
