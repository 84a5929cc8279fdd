"""Which answer does each kind of failure get?"""

from collections.abc import Mapping
from itertools import chain
from typing import Any

from django import forms
from django.core.exceptions import RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from roadmap_project import wrong_values
from roadmap_project.api_errors import answer
from roadmap_project.throttling import TooManyTriesError
from roadmaps.deciding import PastDeadlineError, RefusedError

MOST_PROBLEMS = 8


class InvalidError(Exception):
    """What was sent cannot be taken; `problems` say what about which field."""

    def __init__(self, problems: list[dict[str, str]]) -> None:
        super().__init__(problems[0]["message"])
        self.problems = problems


class KeyUsedOtherwiseError(Exception):
    """The request's key came before, with something else; in words for the person."""


class TooManyRequestsError(Exception):
    """Asked too often; again in so many seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


def require(form: "forms.Form | forms.ModelForm[Any]") -> dict[str, Any]:
    """What the form takes; raises InvalidError with its words, or TooManyTriesError where it did not even look."""
    if not form.is_valid():
        for error in chain.from_iterable(form.errors.as_data().values()):
            if isinstance(error.__cause__, TooManyTriesError):
                raise error.__cause__
        raise InvalidError(
            [
                {"field": "" if name == "__all__" else name, "message": str(message)}
                for name, messages in form.errors.items()
                for message in messages
            ]
        )
    return form.cleaned_data


def add_to(api: NinjaAPI) -> None:
    for kind, handler in HANDLERS.items():
        api.add_exception_handler(kind, handler)


def too_often(request: HttpRequest, seconds: float) -> HttpResponse:
    wait = str(max(1, round(seconds + 0.5)))
    said = _("Too many requests. Ask again in %(seconds)s s.") % {"seconds": wait}
    return answer(request, 429, said, headers={"Retry-After": wait})


def _unauthorized(request: HttpRequest, error: Any) -> HttpResponse:
    return answer(
        request,
        401,
        _("Send a valid token, as “%(header)s”. You make one at %(place)s.")
        % {"header": "Authorization: Bearer …", "place": "/account/tokens/"},
        headers={"WWW-Authenticate": 'Bearer realm="api"'},
    )


def _not_found(request: HttpRequest, error: Any) -> HttpResponse:
    return answer(request, 404, _("There is no such thing, or it is not yours."))


def _http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    """A body that is no JSON is the one that ninja itself raises."""
    is_body = error.status_code == 400
    return answer(request, error.status_code, _("What was sent is not JSON.") if is_body else str(error))


def _invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    problems = [
        {
            "field": _place(each["loc"]),
            "message": _nothing_sent(each) or wrong_values.told(each) or wrong_values.as_said(each),
        }
        for each in error.errors[:MOST_PROBLEMS]
    ]
    return answer(request, 422, problems[0]["message"], problems=problems)


def _nothing_sent(error: Any) -> str:
    """The whole body is missing: there is no field to name."""
    is_so = error["type"] == "missing" and not _place(error["loc"])
    return _("Nothing was sent. This takes an object with fields, as JSON.") if is_so else ""


def _place(location: tuple[int | str, ...]) -> str:
    """Like `answers[0].chosen`: without where it came from, and without ninja's name of the argument."""
    parts = location[2:] if location[0] == "body" else location[1:]
    path = "".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in parts)
    return path.lstrip(".")[:200]


def _invalid_by_form(request: HttpRequest, error: InvalidError) -> HttpResponse:
    return answer(request, 422, str(error), problems=error.problems[:MOST_PROBLEMS])


def _refused(request: HttpRequest, error: RefusedError) -> HttpResponse:
    return answer(request, 409, str(error))


def _past_deadline(request: HttpRequest, error: PastDeadlineError) -> HttpResponse:
    return answer(request, 422, str(error), problems=[{"field": "deadline", "message": str(error)}])


def _key_used_otherwise(request: HttpRequest, error: KeyUsedOtherwiseError) -> HttpResponse:
    problem = {"field": "Idempotency-Key", "message": str(error)}
    return answer(request, 422, str(error), code="key_used_otherwise", problems=[problem])


def _too_many_requests(request: HttpRequest, error: TooManyRequestsError) -> HttpResponse:
    return too_often(request, error.seconds)


def _too_many_tries(request: HttpRequest, error: TooManyTriesError) -> HttpResponse:
    return too_often(request, error.seconds)


def _too_large(request: HttpRequest, error: RequestDataTooBig) -> HttpResponse:
    return answer(request, 413, _("More was sent than is taken here."))


def _unforeseen(request: HttpRequest, error: Exception) -> HttpResponse:
    """Django's affair: it is logged and reported as everywhere, and answered by roadmap_project.errors."""
    raise error


HANDLERS: Mapping[type[Exception], Any] = {
    AuthenticationError: _unauthorized,
    Http404: _not_found,
    HttpError: _http_error,
    ValidationError: _invalid,
    InvalidError: _invalid_by_form,
    RefusedError: _refused,
    PastDeadlineError: _past_deadline,
    KeyUsedOtherwiseError: _key_used_otherwise,
    TooManyRequestsError: _too_many_requests,
    TooManyTriesError: _too_many_tries,
    RequestDataTooBig: _too_large,
    Exception: _unforeseen,
}
