"""The proof: the predecessor's day on the default fleet, counted by the server itself, connection by connection."""

import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
import pytest

from roadmap_project.connection_budget import ConnectionBudget
from roadmap_project.dev_database import dev_database
from roadmap_project.environment import Environment
from roadmap_project.fleet import ROOT, Fleet
from tests.connection_log import ALL, SERVICES, log_every_connection, peaks
from tests.stub_process import Model
from tests.system.conftest import fill_in_the_form, wait_until

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]

ROADMAPS, CONCEPTS, PIECES = 6, 30, 3
FINAL = "SELECT count(*) FILTER (WHERE state IN ('ready', 'partly_ready', 'failed')) FROM roadmaps_roadmap"
BESIDE = {"release", "test"}  # migrations, and this test's own questions
# Every way in which a server says that it is full.
REFUSED = ("too many connections for role", "too many connections for database", "remaining connection slots",
           "too many clients")  # fmt: skip


@pytest.fixture
def database():
    """A server of its own, which writes every connection into its log."""
    server = dev_database(ROOT, name="proof")
    server.remove()  # whatever a run that was cut off left
    server.start()
    try:
        log_every_connection(server.superuser_url)
        yield server
    finally:
        server.remove()


def one(url, query):
    with psycopg.connect(url, application_name="test") as client:
        return client.execute(query).fetchone()[0]


@contextmanager
def pages_loaded(fleet):
    """Eight visitors who load one page after the other all the while, and leave the processor to the others between."""
    is_over = threading.Event()

    def load():
        while not is_over.is_set():
            for path in ("/", "/sign-in/", "/health/"):
                with urllib.request.urlopen(f"{fleet.url}{path}", timeout=30) as response:
                    response.read()
                is_over.wait(0.1)

    with ThreadPoolExecutor(8) as visitors:
        loads = [visitors.submit(load) for _ in range(8)]
        try:
            yield
        finally:
            is_over.set()
    for each in loads:
        each.result()


def test_A1_the_predecessors_day(database, tmp_path):
    model = Model("--latency", "8", "--latency-spread", "2", "--concepts", str(CONCEPTS))
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
            wait_until(lambda: one(database.url, FINAL) == ROADMAPS, seconds=400, fleet=fleet)
            states = one(database.url, "SELECT array_agg(DISTINCT state) FROM roadmaps_roadmap")
            pieces = one(database.url, "SELECT count(*) FROM roadmaps_step WHERE state = 'done' AND concept_id > 0")
            in_flight = model.control("state")["max_in_flight"]
    finally:
        model.close()

    most = peaks(database.log)
    print(f"peaks: {dict(most)}, calls in flight: {in_flight}, lost: {ROADMAPS * CONCEPTS * PIECES - pieces}")
    assert (states, pieces) == (["ready"], ROADMAPS * CONCEPTS * PIECES)
    assert in_flight > 4 * budget.steady
    assert {name: most[name] for name in SERVICES if most[name] > budget.service(name).total} == {}
    assert 20 < most[ALL] <= budget.steady
    assert set(most) - {ALL, *SERVICES, *BESIDE} == set()  # nobody else was there, with a label or without
    assert [text for text in REFUSED if text in database.log.read_text(errors="replace")] == []
