"""Which language does a page speak?"""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.middleware.locale import LocaleMiddleware
from django.urls import reverse
from django.utils import translation
from django.utils.functional import SimpleLazyObject


def spoken_here(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """What the reader chose (a cookie), else what the browser asks for. The admin is in English, its labels are."""
    by_reader: Callable[[HttpRequest], Any] = LocaleMiddleware(get_response)
    admin = SimpleLazyObject(lambda: reverse("admin:index"))

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if not request.path_info.startswith(str(admin)):
            response: HttpResponseBase = by_reader(request)
            return response
        with translation.override(settings.LANGUAGE_CODE):
            return get_response(request)

    return middleware


def remember(response: HttpResponse, language: str) -> None:
    """From now on this browser gets that language."""
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        max_age=settings.LANGUAGE_COOKIE_AGE,
        secure=settings.LANGUAGE_COOKIE_SECURE,
        samesite="Lax",
    )
