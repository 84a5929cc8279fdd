"""Who may come in, how often, and with what? Looked at before any operation."""

import functools
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from ninja.security import HttpBearer

from content.api.errors import TooManyRequestsError, too_often
from content.importing import MOST_BYTES
from roadmap_project import api_tokens, throttling
from roadmap_project.api_errors import answer
from roadmap_project.models import ApiToken
from roadmap_project.rates import Rates
from roadmaps.views import SignedInRequest

MOST_SENT = MOST_BYTES + 64 * 1024  # the largest is a roadmap to bring in, which says more precisely what is too much
SAFE = ("GET", "HEAD", "OPTIONS")
JSON = "application/json"

rates = Rates()


class TokenRequest(SignedInRequest):
    """What an operation gets."""

    auth: ApiToken


class Token(HttpBearer):
    """A person's own token. A session's cookie opens nothing here, so that no other site can send requests with it."""

    def __call__(self, request: HttpRequest) -> ApiToken | None:
        scheme, _space, secret = request.headers.get("Authorization", "").partition(" ")
        return self.authenticate(request, secret.strip()) if scheme.lower() == "bearer" else None

    def authenticate(self, request: HttpRequest, token: str) -> ApiToken | None:
        found = api_tokens.find(token)
        if found is None:
            return None
        if wait := rates.seconds_to_wait(f"token {found.pk}", limit=settings.API_REQUESTS_PER_TOKEN):
            raise TooManyRequestsError(wait)
        if request.method not in SAFE:
            _count_change(found.user)
        request.user = found.user
        return found


def _count_change(user: User) -> None:
    """In the database, for all processes together: a change writes anyway."""
    try:
        throttling.count(throttling.changes_by_api(user.pk))
    except throttling.TooManyTriesError as error:
        raise TooManyRequestsError(error.seconds) from error


def through(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """The view behind the door; what is refused at it has the shape of all errors."""

    @csrf_exempt  # as no cookie is believed
    @functools.wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = _refusal(request) or _answer(view, request, *args, **kwargs)
        if response.status_code == 405:
            allowed = set(response.headers["Allow"].split(", "))
            allowed |= {"HEAD"} if "GET" in allowed else set()
            response = _wrong_method(request, ", ".join(sorted(allowed)))
        response.headers.setdefault("Cache-Control", "private, no-cache")
        patch_vary_headers(response, ["Authorization"])
        return response

    return wrapped


def _answer(view: Callable[..., HttpResponse], request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    """HEAD like GET, which ninja does not know; the server sends no body."""
    method, request.method = request.method, "GET" if request.method == "HEAD" else request.method
    try:
        return view(request, *args, **kwargs)
    finally:
        request.method = method


def _refusal(request: HttpRequest) -> HttpResponse | None:
    address = throttling.address_of(request)
    if wait := rates.seconds_to_wait(f"address {address}", limit=settings.API_REQUESTS_PER_ADDRESS):
        return too_often(request, wait)
    size = request.META.get("CONTENT_LENGTH") or "0"
    if request.method in SAFE or not (size.isascii() and size.isdigit()) or int(size) == 0:
        return None
    if int(size) > MOST_SENT:
        return answer(
            request,
            413,
            _("%(size)s bytes were sent; %(most)s are taken at most.")
            % {"size": f"{int(size):,}", "most": f"{MOST_SENT:,}"},
        )
    if request.content_type != JSON:
        return answer(request, 415, _("Send JSON, and say so: “%(header)s”.") % {"header": f"Content-Type: {JSON}"})
    return None


def _wrong_method(request: HttpRequest, allowed: str) -> HttpResponse:
    return answer(request, 405, _("This address takes %(methods)s.") % {"methods": allowed}, headers={"Allow": allowed})


def nothing_here(request: HttpRequest) -> HttpResponse:
    return answer(
        request,
        404,
        _("There is no such address. What there is stands in %(place)s.") % {"place": "/api/v1/openapi.json"},
    )
