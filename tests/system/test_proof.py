"""The proof: the predecessor's day on the default fleet, counted by the server itself, connection by connection."""

import re
import threading
import urllib.request
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from roadmap_project.connection_budget import ConnectionBudget
from roadmap_project.dev_database import dev_database
from roadmap_project.environment import Environment
from roadmap_project.fleet import ROOT, Fleet
from tests.system.conftest import Model, fill_in_the_form, wait_until

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

ROADMAPS, CONCEPTS, PIECES = 6, 30, 3
FINAL = "SELECT count(*) FILTER (WHERE state IN ('ready', 'partly_ready', 'failed')) FROM roadmaps_roadmap"
SERVICES = ("web", "logs", "content", "workflow")
ALL = "all"
BESIDE = {"release", "test"}  # migrations, and this test's own questions
LOGGED = {"log_connections": "on", "log_disconnections": "on", "log_line_prefix": "%n|%p|"}
OPENED = re.compile(r"^([0-9.]+)\|(\d+)\|LOG:  connection authorized: user=\S+ database=roadmaps\b(.*)")
LABEL = re.compile(r"application_name=([^\s:]+)")
CLOSED = re.compile(r"^([0-9.]+)\|(\d+)\|LOG:  disconnection:")
# Every way in which a server says that it is full.
REFUSED = ("too many connections for role", "too many connections for database", "remaining connection slots",
           "too many clients")  # fmt: skip


@dataclass(frozen=True)
class Event:
    at: float  # seconds since the epoch
    is_opening: bool
    service: str


def events(log: Path) -> Iterator[Event]:
    """Every connection to the database, its beginning and end as the server wrote them down; "" where unlabelled."""
    service_of: dict[str, str] = {}
    for line in log.read_text(errors="replace").splitlines():
        if opened := OPENED.match(line):
            at, pid, rest = opened.groups()
            label = LABEL.search(rest)
            service_of[pid] = label[1] if label else ""
            yield Event(float(at), is_opening=True, service=service_of[pid])
        elif (closed := CLOSED.match(line)) and closed[2] in service_of:
            yield Event(float(closed[1]), is_opening=False, service=service_of.pop(closed[2]))


def peaks(log: Path) -> Counter[str]:
    """The most connections that each client held at one moment; ALL is everybody together, but the test's questions."""
    now: Counter[str] = Counter()
    most: Counter[str] = Counter()
    for event in sorted(events(log), key=lambda event: (event.at, event.is_opening)):
        for name in (event.service,) if event.service == "test" else (event.service, ALL):
            now[name] += 1 if event.is_opening else -1
            most[name] = max(most[name], now[name])
    return most


@pytest.fixture
def database():
    """A server of its own, which writes every connection into its log."""
    server = dev_database(ROOT, name="proof")
    server.start()
    try:
        with psycopg.connect(server.superuser_url, autocommit=True) as client:
            for name, value in LOGGED.items():
                client.execute(f"ALTER SYSTEM SET {name} = '{value}'")
            client.execute("SELECT pg_reload_conf()")
        yield server
    finally:
        server.remove()


def one(url, query):
    with psycopg.connect(url, application_name="test") as client:
        return client.execute(query).fetchone()[0]


@contextmanager
def pages_loaded(fleet):
    """Eight visitors who load one page after the other all the while."""
    is_over = threading.Event()

    def load():
        while not is_over.is_set():
            for path in ("/", "/sign-in/", "/health/"):
                with urllib.request.urlopen(f"{fleet.url}{path}", timeout=30) as response:
                    response.read()

    with ThreadPoolExecutor(8) as visitors:
        loads = [visitors.submit(load) for _ in range(8)]
        try:
            yield
        finally:
            is_over.set()
    for each in loads:
        each.result()


def test_A1_the_predecessors_day(database, tmp_path):
    model = Model("--latency", "3", "--latency-spread", "1", "--concepts", str(CONCEPTS))
    fleet = Fleet(
        logs=tmp_path,
        environment={
            "DEBUG": "1", "DATABASE_URL": database.url, "LLM_PROVIDER": "openai", "OPENAI_API_KEY": "stub",
            "OPENAI_BASE_URL": model.url, "LINK_CHECKS": "off", "MAX_ACTIVE_ROADMAPS": str(ROADMAPS),
        },
    )  # fmt: skip
    budget = ConnectionBudget.from_environment(Environment({}))
    try:
        fleet.release()
        with fleet, pages_loaded(fleet):
            fill_in_the_form(fleet, *(f"Learn subject {number}" for number in range(ROADMAPS)))
            wait_until(lambda: one(database.url, FINAL) == ROADMAPS, seconds=200, fleet=fleet)
            states = one(database.url, "SELECT array_agg(DISTINCT state) FROM roadmaps_roadmap")
            pieces = one(database.url, "SELECT count(*) FROM roadmaps_step WHERE state = 'done' AND concept_id > 0")
            in_flight = model.control("state")["max_in_flight"]
    finally:
        model.close()

    most = peaks(database.log)
    print(f"peaks: {dict(most)}, calls in flight: {in_flight}, lost: {ROADMAPS * CONCEPTS * PIECES - pieces}")
    assert (states, pieces) == (["ready"], ROADMAPS * CONCEPTS * PIECES)
    assert in_flight > budget.steady  # 192 on a quiet machine; a busy one answers pages first
    assert {name: most[name] for name in SERVICES if most[name] > budget.service(name).total} == {}
    assert 20 < most[ALL] <= budget.steady
    assert set(most) - {ALL, *SERVICES, *BESIDE} == set()  # nobody else was there, with a label or without
    assert [text for text in REFUSED if text in database.log.read_text(errors="replace")] == []
