"""What is done around every request, by whomever it is made."""

import math
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.utils.translation import get_language_from_request

from roadmap_project import api_errors, throttling
from roadmaps import accounts, log_lines

SAFE = ("GET", "HEAD", "OPTIONS")
NOT_COUNTED = ("admin", "roadmaps:logout")  # editors', who are trusted; leaving is always possible
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


class ChangesCounted:
    """A person's changes by page; those by API are counted at its own door.

    After the check of the form's token, so that nobody uses up another's. A change writes anyway.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_: Any) -> HttpResponseBase | None:
        if request.method in SAFE or request.path.startswith(api_errors.PREFIX):
            return None
        match = request.resolver_match
        if match and {match.app_name, match.view_name} & set(NOT_COUNTED):
            return None
        if not request.user.is_authenticated:
            return None
        try:
            throttling.count(throttling.changes_by_page(request.user.pk))
        except throttling.TooManyTriesError as error:
            response = render(request, "429.html", {"problem": str(error)}, status=429)
            response.headers["Retry-After"] = str(math.ceil(error.seconds))
            return response
        return None
