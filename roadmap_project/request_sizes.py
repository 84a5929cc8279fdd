"""How much may be sent at once? Looked at before a form is read: a file would be written to a disk without end."""

from collections.abc import Callable

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponseBase

from roadmap_project import api_errors

LARGEST_FILE = 16 * 1024 * 1024  # bytes, of a roadmap that is brought in: content/importing.py says what that holds
MOST_SENT = LARGEST_FILE + 1024 * 1024  # with the other fields of its form


def bounded(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """A request without a length has no body here. The API has its own, smaller bound, and its own words."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        size = request.META.get("CONTENT_LENGTH") or "0"
        is_too_large = size.isascii() and size.isdigit() and int(size) > MOST_SENT
        if is_too_large and not request.path.startswith(api_errors.PREFIX):
            raise RequestDataTooBig("More was sent than is taken here.")
        return get_response(request)

    return middleware
