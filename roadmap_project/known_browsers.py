"""Has this browser signed in to this account before? Then no stranger's wrong passwords keep it out.

A signed cookie names the accounts whose right password was typed here. Its own tries are counted beside everybody
else's (OWASP calls it a device cookie); it opens nothing. A changed password makes all browsers unknown, also a
thief's.
"""

from collections.abc import Callable

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core import signing
from django.http import HttpRequest, HttpResponseBase
from django.utils.crypto import get_random_string, salted_hmac

COOKIE = "known_browser"
SALT = "roadmap_project.known_browsers"
AGE = 365 * 24 * 3600  # seconds
MOST_ACCOUNTS = 5  # the last ones
PROVEN = "_account_proven_here"


def proven(request: HttpRequest, account: str) -> None:
    """Whoever sits here has just shown that the account is theirs; the answer to this request will say so."""
    setattr(request, PROVEN, account)


def browser_of(request: HttpRequest, account: str) -> str:
    """This browser's own name where it is one that the account knows, else empty."""
    name, accounts = _read(request)
    return name if accounts and _mark(account) in accounts else ""


def remembered(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        if account := getattr(request, PROVEN, ""):
            _write(request, response, account)
        return response

    return middleware


def _write(request: HttpRequest, response: HttpResponseBase, account: str) -> None:
    name, accounts = _read(request)
    mark = _mark(account)
    accounts = [mark, *(each for each in accounts if each != mark)][:MOST_ACCOUNTS]
    response.set_cookie(
        COOKIE,
        signing.dumps([name or get_random_string(22), *accounts], salt=SALT),
        max_age=AGE,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _read(request: HttpRequest) -> tuple[str, list[str]]:
    try:
        name, *accounts = signing.loads(request.COOKIES.get(COOKIE, ""), salt=SALT, max_age=AGE)
    except signing.BadSignature:
        return "", []
    return name, accounts


def _mark(account: str) -> str:
    """Of the name and the password as it is now, which stand in no cookie; the same work where nobody has the name."""
    users = get_user_model()._default_manager
    password = users.filter(username=account).values_list("password", flat=True).first() or ""
    return salted_hmac(SALT, f"{password}:{account}", algorithm="sha256").hexdigest()[:32]
