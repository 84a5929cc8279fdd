"""Which language does a page speak?"""

import re
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.conf.locale import LANG_INFO
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.middleware.locale import LocaleMiddleware
from django.urls import reverse
from django.utils import translation
from django.utils.functional import SimpleLazyObject
from django.utils.text import capfirst

WITHOUT_A_SCRIPT = {"zh": "zh-hans"}  # whose name Django knows only with one
LANGUAGE_TAG = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8})*", re.IGNORECASE)
TAG_BY_NAME = {
    name.lower(): code
    for code, known in LANG_INFO.items()
    for name in (known.get("name"), known.get("name_local"))
    if name  # which those have not that stand for another
}
OFFERED = (  # the common ones, in the order of their own names
    *("id", "cs", "da", "de", "en", "es", "fr", "it", "hu", "nl", "nb", "pl", "pt", "pt-br", "ro", "fi", "sv", "vi"),
    *("tr", "el", "ru", "uk", "he", "ar", "fa", "ur", "hi", "bn", "th", "ko", "ja", "zh", "zh-hant"),
)
# Django counts Azerbaijani among them, and writes it in Latin letters. The pages' style sheet has the same list.
RIGHT_TO_LEFT = ("ar", "ckb", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi")


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


def forget(request: HttpRequest, response: HttpResponse) -> None:
    """From now on this browser gets what it asks for, in what is left of this request as well."""
    request.COOKIES.pop(settings.LANGUAGE_COOKIE_NAME, None)
    response.delete_cookie(settings.LANGUAGE_COOKIE_NAME, samesite="Lax")


def tag_of(language: str) -> str:
    """What people type (`French`, `de`) as a tag; `und`, undetermined, for what is neither a tag nor a known name."""
    wanted = language.strip().lower()
    return TAG_BY_NAME.get(wanted) or (wanted if LANGUAGE_TAG.fullmatch(wanted) else "und")


def code_of(typed: str) -> str:
    """The code of a language that Django knows by this name, in English or its own; anything else as it was typed."""
    wanted = typed.strip().lower()
    code = TAG_BY_NAME.get(wanted, wanted if wanted in OFFERED else typed)
    return next((short for short, full in WITHOUT_A_SCRIPT.items() if full == code), code)


def own_name(code: str) -> str:
    """“fr” as Français; what is no code that Django knows stays as it is."""
    known: dict[str, Any] = LANG_INFO.get(WITHOUT_A_SCRIPT.get(code, code), {})
    return str(capfirst(known.get("name_local", code)))


def name_of(typed: str) -> str:
    """“en” as English, in the reader's language; what is no code that Django knows, like a name, stays as it is."""
    code = typed.strip().lower()
    try:
        return str(translation.get_language_info(WITHOUT_A_SCRIPT.get(code, code))["name_translated"])
    except KeyError:
        return typed


def direction_of(language: str) -> str:
    """As HTML's attribute `dir` has it."""
    return "rtl" if tag_of(language).partition("-")[0] in RIGHT_TO_LEFT else "ltr"


def beside(content: str) -> str:
    """The interface's language for words of ours around content in this one; for any other the reader's own."""
    try:
        return translation.get_supported_language_variant(tag_of(content))
    except LookupError:
        return translation.get_language() or settings.LANGUAGE_CODE


def for_content() -> str:
    """The language in which who reads these pages is likely to want to learn, as a tag."""
    return (translation.get_language() or settings.LANGUAGE_CODE).partition("-")[0]
