"""Do a concept's links work? Checked on the logs cluster, without a database connection while waiting."""

import asyncio
import http.client
import socket
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import quote, urljoin, urlsplit
from weakref import WeakKeyDictionary, WeakValueDictionary

from django.conf import settings
from django.db import transaction
from django.db.models import Min, Q, QuerySet, Value
from django.db.models.functions import Coalesce
from django.utils import timezone
from pydantic import BaseModel

from content.addresses import is_public, parsed_address
from content.answers import url_problem
from content.models import Resource, ResourceList
from roadmap_project.llm.asking import Answer
from roadmaps.deciding import RefusedError
from roadmaps.models import Concept, Roadmap, Step
from roadmaps.models.step import rank_of
from roadmaps.steps.kinds import StepKind
from roadmaps.steps.recording import StepLog
from roadmaps.steps.waking import wake

SECONDS_PER_LINK = 20.0
LINKS_PER_LIST = 10  # as a list usually has; more wait until a thread is free
MOST_THREADS = 200
LINKS_PER_HOST = 4  # that the fleet looks at at once, whoever's they are; the others take turns
NEVER = datetime(1970, 1, 1, tzinfo=UTC)
MOST_REDIRECTS = 5
MOST_REQUESTS = MOST_REDIRECTS + 2  # for one link
BROKEN = (404, 410)
TURNS: WeakKeyDictionary[asyncio.AbstractEventLoop, WeakValueDictionary[str, asyncio.Semaphore]] = WeakKeyDictionary()
UNQUOTED = "/?%:@!$&'()*+,;=~[]"  # what a path and a query may hold as it is; other characters are quoted


class LinkFinding(BaseModel):
    pk: int
    status: str
    detail: str = ""


class LinkFindings(BaseModel):
    findings: list[LinkFinding]


@dataclass(frozen=True)
class Links:
    """What to look at: primary keys and addresses; `allowed_hosts` lets the tests' own server on loopback through."""

    urls: dict[int, str]
    allowed_hosts: frozenset[str] = field(default_factory=frozenset)


def check_soon(concept: Concept) -> None:
    """Have the concept's current links checked; in the caller's transaction, which holds the roadmap's lock."""
    if not settings.LINK_CHECKS:
        return
    existing = Step.objects.filter(concept=concept, kind=Step.Kind.LINKS)
    if existing.exists():
        existing.exclude(state__in=Step.ACTIVE).start_over()
    else:
        Step.objects.create(roadmap_id=concept.roadmap_id, concept=concept, kind=Step.Kind.LINKS, rank=rank_of(0))
    wake("logs")


def check_concept(concept: Concept) -> None:
    """As an editor asks for; see check_now."""
    check_now(concept.roadmap_id, Concept.objects.filter(pk=concept.pk))


def check_roadmap(roadmap: Roadmap) -> None:
    """As an editor asks for; see check_now."""
    check_now(roadmap.pk, roadmap.concepts.all())


def check_now(roadmap_id: int, concepts: QuerySet[Concept]) -> None:
    """A check that is under way is left alone. Raises RefusedError where there is nothing to check, or no checks."""
    if not settings.LINK_CHECKS:
        raise RefusedError("Link checks are turned off here (LINK_CHECKS).")
    with transaction.atomic():
        Roadmap.objects.locked(roadmap_id)
        linked = ResourceList.objects.current().filter(concept__in=concepts, resources__isnull=False)
        due = list(Concept.objects.filter(pk__in=linked.values("concept")))
        for concept in due:
            check_soon(concept)
    if not due:
        raise RefusedError("There are no links to check.")


def report(concept: Concept, resource_pk: int) -> Resource | None:
    """A reader says that a link is broken: have it looked at now. Until then, saying it again changes nothing.

    None where the concept's current list has no such link.
    """
    with transaction.atomic():
        Roadmap.objects.locked(concept.roadmap_id)
        current = Resource.objects.filter(resource_list__concept=concept, resource_list__is_current=True)
        found = current.filter(pk=resource_pk).first()
        if found and not found.waits_for_a_look:
            found.reported_at = timezone.now()
            found.save(update_fields=["reported_at"])
            check_soon(concept)
    return found


def check_again(*, most: int = 200) -> int:
    """Have links checked that are not checked yet or whose last check is a month old; for a schedule.

    Those first that nobody looked at for longest: what stays unchecked, as its site refuses us, keeps no other waiting.
    """
    due = Resource.objects.filter(
        Q(status=Resource.Status.UNCHECKED) | Q(checked_at__lt=timezone.now() - timedelta(days=30)),
        resource_list__is_current=True,
        resource_list__concept__roadmap__deleted_at__isnull=True,
    )
    looked_at = Min(Coalesce("checked_at", Value(NEVER)))
    by_concept = due.values_list("resource_list__concept").annotate(looked_at=looked_at)
    first = [pk for pk, _ in by_concept.order_by("looked_at", "resource_list__concept")[:most]]
    concepts = Concept.objects.in_bulk(first)
    for concept in (concepts[pk] for pk in first if pk in concepts):
        with transaction.atomic():
            Roadmap.objects.locked(concept.roadmap_id)
            check_soon(concept)
    return len(concepts)


def _prepare(step: Step) -> Links:
    resources = Resource.objects.filter(resource_list__concept=step.concept_id, resource_list__is_current=True)
    return Links(dict(resources.values_list("pk", "url")), frozenset(getattr(settings, "LINK_CHECK_ALLOWED_HOSTS", ())))


async def _call(links: Links) -> Answer:
    findings = await asyncio.gather(*(_look(pk, url, links.allowed_hosts) for pk, url in links.urls.items()))
    return Answer(value=LinkFindings(findings=list(findings)), provider="links", origin="")


@dataclass(frozen=True)
class Address:
    """Where to look, and how many requests the link may cost from there on."""

    url: str
    requests_left: int


Found = tuple[str, str] | Address  # a status and why, or where a redirect leads on


async def _look(pk: int, url: str, allowed_hosts: frozenset[str]) -> LinkFinding:
    """Its time is that of the looks alone, however long it waits for its turns; all together ends before the lease."""
    begins_until = time.monotonic() + max(1, settings.CALL_DEADLINE - SECONDS_PER_LINK - 1)
    found: Found = Address(url, MOST_REQUESTS)
    seconds = SECONDS_PER_LINK
    while isinstance(found, Address):
        turn = _turn(found.url)
        try:
            await asyncio.wait_for(turn.acquire(), max(0.0, begins_until - time.monotonic()))
        except TimeoutError:
            return LinkFinding(pk=pk, status=Resource.Status.UNCHECKED, detail="no answer in time")
        try:
            found, took = await _looked_at(found, begins_until, seconds, allowed_hosts)
        finally:
            turn.release()
        seconds -= took
    status, detail = found
    return LinkFinding(pk=pk, status=status, detail=detail)


def _places_per_host() -> int:
    """This process's share of a host's, by the declared workers: one at least, so that many workers look at as many.

    Releases that run side by side look each for itself.
    """
    service = settings.CONNECTION_BUDGET.service("logs")
    looking = max(1, (service.processes - 1) * service.replicas)  # one worker stays free of them
    return max(1, LINKS_PER_HOST // looking)


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _turn(url: str) -> asyncio.Semaphore:
    """The one of the URL's host in this event loop, for as long as anybody has or awaits it."""
    host = _host(url)
    turns = TURNS.setdefault(asyncio.get_running_loop(), WeakValueDictionary())
    turn = turns.get(host)
    if turn is None:
        turns[host] = turn = asyncio.Semaphore(_places_per_host())
    return turn


async def _looked_at(
    address: Address, begins_until: float, seconds: float, allowed_hosts: frozenset[str]
) -> tuple[Found, float]:
    """What is found at one host, and how many seconds that took."""
    loop, has_begun = asyncio.get_running_loop(), asyncio.Event()

    def fetch() -> tuple[Found, float]:
        loop.call_soon_threadsafe(has_begun.set)
        began = time.monotonic()
        found = look_at_host(address, began + seconds, allowed_hosts)
        return found, time.monotonic() - began

    looked = loop.run_in_executor(_threads(), fetch)
    try:
        await asyncio.wait_for(has_begun.wait(), max(0, begins_until - time.monotonic()))
        return await asyncio.wait_for(looked, seconds + 1)
    except TimeoutError:
        return (Resource.Status.UNCHECKED, "no answer in time"), seconds
    finally:
        looked.cancel()


@cache
def _threads() -> ThreadPoolExecutor:
    """This process's, for as many links as its worker has in hand: the event loop's own are few, for few processors."""
    at_once = settings.CONNECTION_BUDGET.service("logs").in_flight * LINKS_PER_LIST
    return ThreadPoolExecutor(min(at_once, MOST_THREADS), thread_name_prefix="links")


def look_at_host(address: Address, deadline: float, allowed_hosts: frozenset[str] = frozenset()) -> Found:
    """A link's status and why: HEAD, then GET where that is not served; redirects are judged like the link itself.

    One that leads to another host is left to whoever has a turn there.
    """
    url, method = address.url, "HEAD"
    for left in reversed(range(address.requests_left)):
        try:
            if urlsplit(url).hostname not in allowed_hosts and (problem := url_problem(url)):
                return Resource.Status.REFUSED, problem
            code, location = _request(method, url, deadline, allowed_hosts)
            target = urljoin(url, location)
        except PrivateAddressError as error:
            return Resource.Status.REFUSED, str(error)
        except (OSError, http.client.HTTPException, ValueError) as error:
            return Resource.Status.UNCHECKED, f"{type(error).__name__}: {error}"[:200]
        if code in (301, 302, 303, 307, 308) and location:
            if _host(target) != _host(url) and left:
                return Address(target, left)
            url = target
        elif method == "HEAD" and code >= 400:
            method = "GET"
        else:
            return _judged(code)
    return Resource.Status.UNCHECKED, "too many redirects"


def _judged(code: int) -> tuple[str, str]:
    if code in BROKEN:
        return Resource.Status.BROKEN, f"HTTP {code}"
    return (Resource.Status.OK if code < 400 else Resource.Status.UNCHECKED), f"HTTP {code}"


class PrivateAddressError(Exception):
    """A name resolves to an address that must not be fetched."""


def _request(method: str, url: str, deadline: float, allowed_hosts: frozenset[str]) -> tuple[int, str]:
    """One request to the very address that was judged public: no second look-up that could answer differently."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    rest = max(0.1, deadline - time.monotonic())
    connection = http.client.HTTPConnection(host, port, timeout=rest)
    connection.sock = _connected(host, port, rest, is_tls=parts.scheme == "https", is_allowed=host in allowed_hosts)
    hang_up = threading.Timer(rest, _shut, [connection.sock])  # the timeout bounds each read, not a slow drip of them
    hang_up.start()
    try:
        path = quote((parts.path or "/") + (f"?{parts.query}" if parts.query else ""), safe=UNQUOTED)
        connection.request(method, path, headers={"User-Agent": "roadmaps-link-check", "Accept": "*/*"})
        response = connection.getresponse()
        if time.monotonic() > deadline:  # hung up in the middle of the headers, which then look whole
            raise TimeoutError("no whole answer in time")
        return response.status, response.getheader("Location") or ""
    finally:
        hang_up.cancel()
        connection.close()


def _shut(connected: socket.socket) -> None:
    with suppress(OSError):
        connected.shutdown(socket.SHUT_RDWR)


def _connected(host: str, port: int, seconds: float, *, is_tls: bool, is_allowed: bool) -> Any:
    address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4][0]
    parsed = parsed_address(str(address))
    if not is_allowed and (parsed is None or not is_public(parsed)):
        raise PrivateAddressError(f"{host} is a private address")
    raw = socket.create_connection((str(address), port), timeout=seconds)
    return ssl.create_default_context().wrap_socket(raw, server_hostname=host) if is_tls else raw


def _store(step: Step, answer: Answer, log: StepLog) -> None:
    findings: LinkFindings = answer.value  # type: ignore[assignment]
    rows = {row.pk: row for row in Resource.objects.filter(pk__in=[finding.pk for finding in findings.findings])}
    now = timezone.now()
    for finding in findings.findings:
        if row := rows.get(finding.pk):
            row.status, row.status_detail, row.checked_at = finding.status, finding.detail[:200], now
    Resource.objects.bulk_update(rows.values(), ["status", "status_detail", "checked_at"])
    broken = sum(finding.status == Resource.Status.BROKEN for finding in findings.findings)
    log.line("links_checked", f"{len(findings.findings)} links, {broken} broken", broken=broken)


def _fail(step: Step, reason: str, log: StepLog) -> None:
    """The links stay as they were; the schedule looks again."""


LINKS = StepKind(prepare=_prepare, call=_call, store=_store, fail=_fail)
