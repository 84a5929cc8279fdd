"""What is done at the end of every request."""

from collections.abc import Callable

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import get_language_from_request

from roadmaps import accounts, log_lines

LANGUAGE = "language"  # of the pages, as the account knows it: a session asks the account once


def flush_log_lines(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        log_lines.flush()
        return response

    return middleware


def remember_language(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Mail to who chose no language speaks as the pages did. Costs something only when that changes."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        session = request.session
        is_there = response.status_code < 500  # or the database may be away, and would be waited for again
        if is_there and session.accessed and SESSION_KEY in session:
            spoken = get_language_from_request(request)
            # A session may outlive its account, in another browser than the one that deleted it.
            if spoken != session.get(LANGUAGE, settings.LANGUAGE_CODE) and request.user.is_authenticated:
                accounts.spoke(int(session[SESSION_KEY]), spoken)
                session[LANGUAGE] = spoken
        return response

    return middleware
