"""What does a program get when something is wrong? One shape, whatever it is and wherever it was noticed."""

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from django.http import HttpRequest, JsonResponse

PREFIX = "/api/"  # addresses under which programs ask, not people
CODES = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "refused",
    413: "too_large",
    415: "unsupported_media_type",
    422: "invalid",
    429: "too_many_requests",
    500: "internal_error",
    503: "unavailable",
}


def answer(
    request: HttpRequest,
    status: int,
    message: str,
    *,
    code: str = "",
    problems: Iterable[Mapping[str, str]] = (),
    headers: Mapping[str, str] | None = None,
) -> JsonResponse:
    """`problems` name the fields that are wrong; the first is the error's own field and message."""
    error: dict[str, Any] = {"code": code or CODES[status], "message": message}
    if found := list(problems):
        error |= {"field": found[0]["field"], "problems": found}
    error["request_id"] = _request_id(request)
    return JsonResponse({"error": error}, status=status, headers=headers)


def _request_id(request: HttpRequest) -> str:
    return str(getattr(request, "request_id", "")) or uuid.uuid4().hex
