"""How often may somebody try to sign in or up, change things by API, or have files made or read, before they wait?"""

import ipaddress
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import ngettext

from roadmap_project import known_browsers
from roadmap_project.models import SignInTries

WINDOW = timedelta(minutes=15)
STRANGERS = 5  # times as many tries at an account come from all addresses together as from one

# One statement, so that no two tries count as one. Nothing grows in a window that is used up.
COUNT = """
INSERT INTO roadmap_project_signintries AS row (key, tries, ends_at) VALUES (%(key)s, 1, %(ends_at)s)
ON CONFLICT (key) DO UPDATE SET
    tries = CASE WHEN row.ends_at <= %(now)s THEN 1 ELSE least(row.tries + 1, %(limit)s + 1) END,
    ends_at = CASE WHEN row.ends_at <= %(now)s THEN excluded.ends_at ELSE row.ends_at END
RETURNING tries, ends_at
"""


class TooManyTriesError(Exception):
    """Too many tries lately; the text says how long to wait, and nothing about whether there is such an account."""

    def __init__(self, message: str, *, seconds: float = 0) -> None:
        super().__init__(message)
        self.seconds = seconds


@dataclass(frozen=True)
class Subject:
    """What tries are counted for."""

    kind: str
    name: str
    limit: int  # tries in a window; 0: any number

    @property
    def key(self) -> str:
        return salted_hmac("roadmap_project.throttling", f"{self.kind}:{self.name}", algorithm="sha256").hexdigest()


def sign_in(request: HttpRequest, name: str) -> list[Subject]:
    """What a try to sign in counts for.

    A browser that the account knows has tries of its own: no stranger's use them up. All others together have some
    more for the account than each address has, so that nobody guesses from many addresses.
    """
    if browser := known_browsers.browser_of(request, name):
        return [Subject("known-browser", f"{browser}:{name}", settings.SIGN_INS_PER_ACCOUNT)]
    return [
        address(request),
        Subject("address-and-account", f"{address_of(request)}:{name}", settings.SIGN_INS_PER_ACCOUNT),
        Subject("account", name, settings.SIGN_INS_PER_ACCOUNT * STRANGERS),
    ]


def own_password(user_id: int) -> Subject:
    """Of somebody who is signed in, which no stranger can use up."""
    return Subject("own-password", str(user_id), settings.SIGN_INS_PER_ACCOUNT)


def about(kind: str, name: str) -> Subject:
    """What else is asked for in somebody's name, as often as they may sign in."""
    return Subject(kind, name, settings.SIGN_INS_PER_ACCOUNT)


def address(request: HttpRequest) -> Subject:
    return Subject("address", address_of(request), settings.SIGN_INS_PER_ADDRESS)


def sign_up(request: HttpRequest) -> Subject:
    return Subject("sign-up", address_of(request), settings.SIGN_UPS_PER_ADDRESS)


def changes_by_api(user_id: int) -> Subject:
    return Subject("changes-by-api", str(user_id), settings.API_CHANGES_PER_PERSON)


def changes_by_page(user_id: int) -> Subject:
    """More than a person makes, who answers a question or saves a note every second; a script of theirs waits."""
    return Subject("changes-by-page", str(user_id), settings.PAGE_CHANGES_PER_PERSON)


def bringing_in(user_id: int) -> Subject:
    """Roadmaps from files or shared links: each is parsed, laid out and stored at once."""
    return Subject("bringing-in", str(user_id), settings.IMPORTS_PER_PERSON)


def taking_away(user_id: int) -> Subject:
    """Files: each is made while the person waits for it."""
    return Subject("taking-away", str(user_id), settings.DOWNLOADS_PER_PERSON)


@contextmanager
def counted(*subjects: Subject) -> Iterator[None]:
    """Count a try for each, before it is made; one that succeeds is taken back.

    Raises TooManyTriesError, without trying, above the limit of any. The first to refuse is the last to be counted, so
    that an address can make no more rows than its limit. Needs no transaction.
    """
    for subject in subjects:
        count(subject)
    yield
    for subject in subjects:
        SignInTries.objects.filter(key=subject.key, tries__gt=0).update(tries=F("tries") - 1)


def count(subject: Subject) -> None:
    if not subject.limit:
        return
    now = timezone.now()
    _forget(now)
    values: dict[str, str | int | datetime] = {
        "key": subject.key,
        "now": now,
        "ends_at": now + WINDOW,
        "limit": subject.limit,
    }
    with connection.cursor() as cursor:
        cursor.execute(COUNT, values)
        tries, ends_at = cursor.fetchone()
    if tries > subject.limit:
        seconds = (ends_at - now).total_seconds()
        minutes = math.ceil(seconds / 60)
        message = ngettext(
            "Too many tries. Please wait %(minutes)s minute.",
            "Too many tries. Please wait %(minutes)s minutes.",
            minutes,
        )
        raise TooManyTriesError(message % {"minutes": minutes}, seconds=seconds)


def _forget(now: datetime) -> None:
    """Some of the windows that are over: what is counted stays as small as what was tried lately."""
    with transaction.atomic():
        over = SignInTries.objects.filter(ends_at__lte=now).select_for_update(skip_locked=True)
        SignInTries.objects.filter(pk__in=list(over.values_list("pk", flat=True)[:100])).delete()


def address_of(request: HttpRequest) -> str:
    """The network that a request comes from: an IPv4 address, or the 64 bits of an IPv6 one that a site is given.

    X-Forwarded-For is believed as far as our own proxies wrote it: each appends whom it saw, so the client is the
    TRUSTED_PROXIES-th from the right. What stands further left is the client's own invention.
    """
    peer = request.META.get("REMOTE_ADDR", "")
    seen = [peer, *reversed(request.headers.get("X-Forwarded-For", "").split(","))]
    client = seen[settings.TRUSTED_PROXIES] if len(seen) > settings.TRUSTED_PROXIES else peer
    return _network(client) or _network(peer) or peer


def _network(text: str) -> str:
    try:
        parsed = ipaddress.ip_address(text.strip())
    except ValueError:
        return ""
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    return str(parsed.ipv4_mapped or ipaddress.ip_network((parsed, 64), strict=False))
