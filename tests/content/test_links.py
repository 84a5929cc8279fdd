"""Fetching a link's status from a server on loopback that alone is allowed; nothing else private is connected to."""

import asyncio
import contextlib
import socket
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.db import connections
from django.utils import timezone

from content import answers, links
from content.links import MOST_REDIRECTS, MOST_REQUESTS, Address, check_again, check_roadmap, look_at_host
from content.models import Resource
from roadmap_project.connection_budget import ConnectionBudget
from roadmap_project.environment import Environment
from roadmaps.models import Step
from roadmaps.steps import draining
from tests.engine import in_thread, server_count, wait_until
from tests.factories import make_resources, make_written_roadmap

ALLOWED = frozenset({"127.0.0.1"})
OK, BROKEN, UNCHECKED, REFUSED = (
    Resource.Status.OK, Resource.Status.BROKEN, Resource.Status.UNCHECKED, Resource.Status.REFUSED,
)  # fmt: skip


class Site(BaseHTTPRequestHandler):
    """/404 answers 404; /to?URL redirects there; the other paths misbehave in their own ways."""

    def do_GET(self) -> None:
        self.server.seen[f"{self.command} {self.path}"] += 1
        path, _, query = self.path.partition("?")
        name = path.strip("/")
        if name == "to":
            return self._answer(302, Location=query)
        if name == "loop":
            return self._answer(302, Location="/loop")
        if name.startswith("hop"):
            left = int(name.removeprefix("hop"))
            return self._answer(301, Location=f"/hop{left - 1}" if left > 1 else "/200")
        if name == "no-head":
            return self._answer(405 if self.command == "HEAD" else 200)
        if name == "head-lies":
            return self._answer(404 if self.command == "HEAD" else 200)
        if name == "slow":
            self.server.ended.wait(20)
            return None
        if name == "drip":
            return self._drip()
        if name == "garbage":
            self.wfile.write(b"\x00\x01 not HTTP at all\r\n\r\n")
            return None
        if name == "hang-up":
            return None
        return self._answer(int(name) if name.isdigit() else 200)

    do_HEAD = do_GET  # noqa: N815  the library's name

    def _answer(self, code: int, **headers: str) -> None:
        self.send_response(code)
        for header, value in headers.items():
            self.send_header(header, value)
        self.end_headers()

    def _drip(self) -> None:
        """A header that never ends: each read succeeds in time."""
        with contextlib.suppress(OSError):
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
            while not self.server.ended.wait(0.1):
                self.wfile.write(b"x")

    def log_message(self, *_arguments) -> None:
        pass


@pytest.fixture
def site():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    server.seen, server.ended = Counter(), threading.Event()
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.ended.set()
    server.shutdown()
    server.server_close()
    thread.join(5)


def fetched(url: str, *, seconds: float = 5, allowed: frozenset[str] = ALLOWED) -> tuple[str, str]:
    found, until = Address(url, MOST_REQUESTS), time.monotonic() + seconds
    while isinstance(found, Address):
        found = look_at_host(found, until, allowed)
    return found


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (200, OK),
        (204, OK),
        (304, OK),
        (404, BROKEN),
        (410, BROKEN),
        (500, UNCHECKED),
        (502, UNCHECKED),
        (503, UNCHECKED),
        (401, UNCHECKED),
        (403, UNCHECKED),
        (429, UNCHECKED),
    ],
)
def test_only_an_answer_that_says_so_makes_a_link_broken(site, code, status):
    assert fetched(f"{site.url}/{code}") == (status, f"HTTP {code}")


@pytest.mark.parametrize("path", ["no-head", "head-lies"])
def test_a_server_that_does_not_serve_head_is_asked_with_get(site, path):
    assert fetched(f"{site.url}/{path}") == (OK, "HTTP 200")
    assert site.seen == {f"HEAD /{path}": 1, f"GET /{path}": 1}


def test_a_link_that_works_is_asked_once(site):
    fetched(f"{site.url}/200?a=1&b=%20c#part")

    assert site.seen == {"HEAD /200?a=1&b=%20c": 1}


def test_an_address_with_letters_beyond_ascii_is_fetched(site):
    assert fetched(f"{site.url}/Größe(Maß)?q=ö%C3%B6") == (OK, "HTTP 200")
    assert site.seen == {"HEAD /Gr%C3%B6%C3%9Fe(Ma%C3%9F)?q=%C3%B6%C3%B6": 1}


def test_redirects_are_followed_up_to_the_bound(site):
    assert fetched(f"{site.url}/hop{MOST_REDIRECTS}") == (OK, "HTTP 200")
    assert fetched(f"{site.url}/to?/404") == (BROKEN, "HTTP 404")


def test_a_redirect_to_another_host_is_left_to_whoever_has_a_turn_there(site):
    elsewhere = f"http://localhost:{site.server_port}/404"

    found = look_at_host(Address(f"{site.url}/to?{elsewhere}", 3), time.monotonic() + 5, ALLOWED)

    assert found == Address(elsewhere, 2)
    assert sum(site.seen.values()) == 1


def test_a_redirect_loop_ends_and_says_so(site):
    assert fetched(f"{site.url}/loop") == (UNCHECKED, "too many redirects")
    assert sum(site.seen.values()) <= MOST_REDIRECTS + 2


@pytest.mark.parametrize(
    "target",
    ["http://localhost:{port}/200", "http://127.0.0.2:{port}/200", "http://2130706433:{port}/200", "http://[::1]:{port}/200",
     "http://169.254.169.254/latest/meta-data/", "//localhost:{port}/200", "file:///etc/passwd", "javascript:alert(1)",
     "ftp://example.org/", "http://ada:secret@example.org/", "http://example.org:22/"],
)  # fmt: skip
def test_G5_a_redirect_to_an_address_that_is_not_public_is_not_followed(site, target):
    target = target.format(port=site.server_port)

    status, _ = fetched(f"{site.url}/to?{target}")

    assert status == REFUSED
    assert sum(site.seen.values()) == 1


@pytest.mark.parametrize(
    "target", ["http://[::1", "http://example.org:port/", "http://[x]/", "http://ex\x01ample.org/", "//"]
)
def test_a_redirect_to_no_address_at_all_is_a_finding_and_no_crash(site, target):
    status, detail = fetched(f"{site.url}/to?{target}")

    assert status in (UNCHECKED, REFUSED)
    assert detail


@pytest.mark.parametrize(
    "url", ["http://[::1", "http://", "", "nonsense", "http://127.0.0.1:port/", "http://exa\x00mple.org/"]
)
def test_what_is_no_address_is_a_finding_and_no_crash(url):
    status, detail = fetched(url)

    assert status in (UNCHECKED, REFUSED)
    assert detail


@pytest.mark.parametrize("path", ["garbage", "hang-up"])
def test_a_server_that_speaks_no_http_leaves_the_link_unchecked(site, path):
    status, detail = fetched(f"{site.url}/{path}")

    assert status == UNCHECKED
    assert detail


def test_nobody_listening_leaves_the_link_unchecked():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]

    status, detail = fetched(f"http://127.0.0.1:{port}/")

    assert status == UNCHECKED
    assert "ConnectionRefusedError" in detail


@pytest.mark.parametrize("path", ["slow", "drip"])
def test_A6_the_deadline_is_for_the_whole_and_not_for_each_read(site, path):
    started = time.monotonic()

    status, _ = fetched(f"{site.url}/{path}", seconds=0.5)

    assert status == UNCHECKED
    assert time.monotonic() - started < 2


def test_a_deadline_that_has_passed_ends_a_chain_of_redirects(site):
    started = time.monotonic()

    fetched(f"{site.url}/to?/slow", seconds=0)

    assert time.monotonic() - started < 1.5


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.1", "0177.0.0.1", "[::ffff:127.0.0.1]", "0.0.0.0", "0"],
)
def test_G5_a_private_address_is_refused_without_any_connection(site, host):
    status, detail = fetched(f"http://{host}:{site.server_port}/200", allowed=frozenset())

    assert (status, detail) == (REFUSED, f"'http://{host}:{site.server_port}/200' is a private address")
    assert not site.seen


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "fe80::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"]
)
def test_G5_a_public_name_that_resolves_to_a_private_address_is_refused_without_any_connection(
    site, monkeypatch, address
):
    """The resolver is the outside door here: such a name cannot be had without the network."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    answer = [(family, socket.SOCK_STREAM, 6, "", (address, site.server_port))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_arguments, **_options: answer)
    monkeypatch.setattr(answers, "PORTS", (site.server_port,))

    status, detail = fetched(f"http://rebinding.example.org:{site.server_port}/200", allowed=frozenset())

    assert (status, detail) == (REFUSED, "rebinding.example.org is a private address")
    assert not site.seen


def test_no_thread_and_no_socket_is_left_behind(site):
    before = threading.active_count()

    for path in ("200", "404", "to?/200", "garbage"):
        fetched(f"{site.url}/{path}")

    until = time.monotonic() + 3
    while threading.active_count() > before and time.monotonic() < until:
        time.sleep(0.02)
    assert threading.active_count() <= before


@pytest.mark.django_db(transaction=True)
def test_A6_no_connection_is_held_while_links_are_looked_at(site, settings, monkeypatch):
    monkeypatch.setattr(links, "LINKS_PER_HOST", 3 * 6)  # three workers look
    settings.LINK_CHECKS, settings.LINK_CHECK_ALLOWED_HOSTS = True, ALLOWED
    roadmap = make_written_roadmap(concepts=2)
    for concept in roadmap.concepts.all():
        make_resources(concept=concept, count=3, url=f"{site.url}/slow")
    check_roadmap(roadmap)
    checked = in_thread(draining.drain, "logs")
    wait_until(lambda: site.seen["HEAD /slow"] == 6)

    connections.close_all()
    wait_until(lambda: server_count() == 0)

    site.ended.set()
    assert checked.result(30) == 2
    assert not Resource.objects.filter(checked_at=None).exists()


@pytest.fixture
def crowd(monkeypatch):
    """How many look at each host at once, at most; each look goes on until there are more than two, or for a moment.

    Three workers look, so that of six places at a host two are this process's.
    """
    at_once, most, lock, is_crowd = Counter(), Counter(), threading.Lock(), threading.Event()

    def look(address, deadline, allowed_hosts):
        host = address.url.split("/")[2]
        with lock:
            at_once[host] += 1
            most[host] = max(most[host], at_once[host])
            if at_once[host] > 2:
                is_crowd.set()
        is_crowd.wait(0.1)
        with lock:
            at_once[host] -= 1
        return Address("https://one.example/", address.requests_left - 1) if "moved" in host else (OK, "")

    monkeypatch.setattr(links, "LINKS_PER_HOST", 3 * 2)
    monkeypatch.setattr(links, "look_at_host", look)
    return most


def looked_at_together(*urls: str) -> list[str]:
    """In two lists of links, whoever's they are."""
    lists = [dict(enumerate(urls[place::2])) for place in (0, 1)]

    async def look():
        return await asyncio.gather(*(links.LINKS.call(links.Links(each)) for each in lists))

    return [finding.status for each in asyncio.run(look()) for finding in each.value.findings]


def test_a_host_is_looked_at_by_a_few_at_once_whoever_its_links_are(crowd):
    urls = [f"https://{'one' if n % 7 else 'other'}.example/{n}" for n in range(8)]

    assert looked_at_together(*urls) == [OK] * 8
    assert crowd == {"one.example": 2, "other.example": 2}


def test_who_comes_to_a_host_by_a_redirect_waits_for_their_turn_there_and_keeps_none_elsewhere(crowd):
    urls = [f"https://moved{n}.example/" for n in range(4)] + [f"https://one.example/{n}" for n in range(2)]

    assert looked_at_together(*urls) == [OK] * 6
    assert crowd == {"one.example": 2} | {f"moved{n}.example": 1 for n in range(4)}


@pytest.mark.parametrize(("workers", "replicas"), [(1, 1), (2, 1), (3, 1), (4, 1), (5, 1), (2, 4), (9, 3)])
def test_a_host_is_looked_at_by_four_over_the_fleet_or_by_each_of_more_workers(settings, workers, replicas):
    declared = {"LOGS_WORKERS": str(workers), "LOGS_REPLICAS": str(replicas), "DB_MAX_CONNECTIONS": "1000"}
    settings.CONNECTION_BUDGET = ConnectionBudget.from_environment(Environment(declared))
    looking = max(1, (workers - 1) * replicas)

    assert links._places_per_host() * looking <= max(4, looking)
    assert links._places_per_host() >= 1


@pytest.mark.django_db(transaction=True)
def test_A6_slow_links_keep_no_other_from_being_looked_at(site, settings, monkeypatch):
    """There are more of them than the event loop has threads of its own."""
    monkeypatch.setattr(links, "LINKS_PER_HOST", 3 * 40)
    settings.LINK_CHECKS, settings.LINK_CHECK_ALLOWED_HOSTS = True, ALLOWED
    roadmap = make_written_roadmap(concepts=4)
    for concept in roadmap.concepts.all():
        made = make_resources(concept=concept, count=10, url=f"{site.url}/slow")
    good = made.resources.order_by("position").last()
    Resource.objects.filter(pk=good.pk).update(url=f"{site.url}/200")
    check_roadmap(roadmap)
    checked = in_thread(draining.drain, "logs")

    wait_until(lambda: site.seen["HEAD /200"] == 1)
    wait_until(lambda: site.seen["HEAD /slow"] == 39)

    site.ended.set()
    assert checked.result(30) == 4
    good.refresh_from_db()
    assert good.status == OK


def test_a_links_time_begins_when_it_is_looked_at_and_not_while_it_waits_for_a_thread(site, monkeypatch):
    alone = ThreadPoolExecutor(1)
    monkeypatch.setattr(links, "_threads", lambda: alone)
    monkeypatch.setattr(links, "SECONDS_PER_LINK", 0.6)
    urls = dict.fromkeys(range(4), f"{site.url}/slow") | {9: f"{site.url}/200"}

    answer = asyncio.run(links.LINKS.call(links.Links(urls, ALLOWED)))

    assert {finding.pk: finding.status for finding in answer.value.findings} == dict.fromkeys(range(4), UNCHECKED) | {
        9: OK
    }
    alone.shutdown()


def test_a_link_that_finds_no_thread_before_its_step_must_end_is_left_unchecked(site, monkeypatch, settings):
    settings.CALL_DEADLINE = 2
    alone = ThreadPoolExecutor(1)
    monkeypatch.setattr(links, "_threads", lambda: alone)
    monkeypatch.setattr(links, "SECONDS_PER_LINK", 0.8)
    urls = dict.fromkeys(range(3), f"{site.url}/slow") | {9: f"{site.url}/200"}
    began = time.monotonic()

    answer = asyncio.run(links.LINKS.call(links.Links(urls, ALLOWED)))

    assert time.monotonic() - began < 4
    assert {finding.status for finding in answer.value.findings} == {UNCHECKED}
    alone.shutdown()


@pytest.mark.django_db
def test_links_that_stay_unchecked_keep_no_others_from_being_checked(settings):
    settings.LINK_CHECKS = True
    roadmap = make_written_roadmap(concepts=4)
    refused, other, old, new = roadmap.concepts.order_by("pk")
    now = timezone.now()
    for concept, age in ((refused, 1), (other, 2), (old, 40)):
        about = {"status": OK if age > 30 else UNCHECKED, "checked_at": now - timedelta(days=age)}
        make_resources(concept=concept, count=1, **about)
    make_resources(concept=new, count=1)

    def looked_at():
        assert check_again(most=1) == 1
        step = Step.objects.get(kind="links", state="waiting")
        Step.objects.filter(pk=step.pk).update(state="done")
        Resource.objects.filter(resource_list__concept=step.concept_id).update(checked_at=timezone.now())
        return step.concept

    assert [looked_at() for _ in range(4)] == [new, old, other, refused]
