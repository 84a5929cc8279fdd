"""PostgreSQL away for a minute: the whole fleet waits, comes back, and nothing is lost.

In a file of its own, so that other tests run beside the minute.
"""

import time
import urllib.error
import urllib.request

import psycopg
import pytest

from roadmap_project.dev_database import dev_database
from roadmap_project.fleet import ROOT, Fleet
from tests.system.conftest import alive, descendants, fill_in_the_form, wait_until

pytestmark = [pytest.mark.system, pytest.mark.timeout(400)]

MINUTE = 60
CLUSTERS = ("workflow", "content", "logs")


@pytest.fixture
def database():
    server = dev_database(ROOT, name="outage")
    yield server
    server.remove()


@pytest.fixture
def fleet(database, model, tmp_path):
    """With every time at its default."""
    environment = {
        "DEBUG": "1", "DATABASE_URL": database.start(), "LLM_PROVIDER": "openai", "OPENAI_API_KEY": "stub",
        "OPENAI_BASE_URL": model.url, "LINK_CHECKS": "off", "CONTENT_WORKERS": "2", "WORKFLOW_WORKERS": "1",
        "LOGS_WORKERS": "2", "WEB_WORKERS": "1",
    }  # fmt: skip
    fleet = Fleet(logs=tmp_path, environment=environment)
    fleet.release()
    fleet.start()
    yield fleet
    fleet.stop()


def test_A14_a_minute_without_postgresql_loses_nothing_and_buys_nothing_twice(fleet, database, model):
    fill_in_the_form(fleet, "Learn patience")
    wait_until(lambda: model.control("state")["by_purpose"].get("tutorial", 0) > 5, seconds=90, fleet=fleet)
    model.control("hold", {})
    wait_until(lambda: model.control("state")["kept_back"] > 5, seconds=30, fleet=fleet)
    before = everyone(fleet)

    began = time.monotonic()
    database.stop()
    model.control("release", {})  # the answers come while nobody can store them
    wait_until(lambda: "database_unreachable" in log_of(fleet, "content"), seconds=30, fleet=fleet)
    codes = []

    def look():
        """Once a second."""
        fleet.require_running()
        if len(codes) < time.monotonic() - began:
            codes.append((code_of(fleet, "/health/live/"), code_of(fleet, "/health/")))

    wait_until(lambda: time.monotonic() >= began + MINUTE, seconds=MINUTE + 30, fleet=fleet, watch=look)
    assert set(codes) == {(200, 503)}
    for name in CLUSTERS:  # the one with answers in hand, and those that have nothing to do
        for event in ("queue_unreachable", "Could not create task from schedule"):
            assert event in log_of(fleet, name), name
    url = database.start()
    wait_until(lambda: ask(url, "SELECT state FROM roadmaps_roadmap") == {("ready",)}, seconds=120, fleet=fleet)

    assert code_of(fleet, "/health/") == 200
    assert ask(url, "SELECT DISTINCT state, losses FROM roadmaps_step") == {("done", 0)}
    bought = [each for each in model.bought() if each[0] in ("tutorial", "resources", "quiz")]
    assert len(bought) == len(set(bought)) == 3 * 18
    assert everyone(fleet) == before  # nobody died of it, and nobody was started again


def everyone(fleet):
    return {pid for each in fleet.processes.values() for pid in alive({each.pid, *descendants(each.pid)})}


def log_of(fleet, name):
    return (fleet.logs / f"{name}.log").read_text(errors="replace")


def code_of(fleet, path):
    try:
        with urllib.request.urlopen(f"{fleet.url}{path}", timeout=30) as response:
            return response.status
    except urllib.error.HTTPError as error:
        return error.code


def ask(url, query):
    try:
        with psycopg.connect(url) as client:
            return set(client.execute(query).fetchall())
    except psycopg.OperationalError:
        return {"away"}
