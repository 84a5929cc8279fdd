"""What a real server's own limits and its silence do, on servers of their own."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from itertools import pairwise
from typing import NamedTuple

import psycopg
import pytest

from roadmap_project.dev_database import dev_database
from roadmap_project.fleet import ROOT, Fleet
from tests.system.conftest import descendants, wait_until
from tests.system.test_proof import REFUSED

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]


@pytest.fixture
def database():
    server = dev_database(ROOT, name="limits")
    yield server
    server.remove()


def environment(url, **variables):
    return {
        **{name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ},
        "DEBUG": "1", "DATABASE_URL": url, "LLM_PROVIDER": "library", "LINK_CHECKS": "off", **variables,
    }  # fmt: skip


def manage(url, *arguments, **variables):
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        env=environment(url, **variables), cwd=ROOT, capture_output=True, text=True, timeout=240,
    )  # fmt: skip


def test_the_fleet_suggested_for_twenty_connections_makes_the_demo_on_a_server_of_twenty(database):
    url = database.start(max_connections=20)
    declared = manage(url, "check", DB_MAX_CONNECTIONS="20")
    asked = manage(url, "check", "--database", "default")
    suggested = manage(url, "connection_budget", "--suggest", "20").stdout
    variables = dict(line.split("=") for line in suggested.splitlines() if not line.startswith("#"))

    done = manage(url, "demo", "Learn SQL for data analysis", **variables)

    assert "DB_MAX_CONNECTIONS 20 − 3 reserved" in declared.stderr
    assert "the server's max_connections 20 − 3 reserved" in asked.stderr
    assert (declared.returncode, asked.returncode) == (1, 1)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert "LOG:  connection authorized" in database.log.read_text(errors="replace")
    assert [text for text in REFUSED if text in database.log.read_text(errors="replace")] == []


def test_slots_that_the_server_reserves_for_a_role_are_none_of_ours(database):
    database.start()
    with psycopg.connect(database.superuser_url, autocommit=True) as client:
        if client.info.server_version < 160000:
            pytest.skip("reserved_connections exists from PostgreSQL 16")
        client.execute("ALTER SYSTEM SET reserved_connections = 24")
    database.stop()
    url = database.start()

    certificate = json.loads(manage(url, "connection_budget", "--live", "--json").stdout)
    refused = manage(url, "check", "--database", "default")

    assert certificate["limit"] == {
        "value": 73, "is_live": True,
        "source": "the server's max_connections 100 − 27 reserved (declared is DB_MAX_CONNECTIONS 100 − 3 reserved)",
        "max_connections": 100, "reserved": 27, "database_limit": None,
    }  # fmt: skip
    assert refused.returncode == 1
    assert "= 63; usable are 53: the server's max_connections 100 − 27 reserved" in refused.stderr


def test_a_wholly_frozen_server_holds_no_probe_longer_than_a_few_seconds(database, tmp_path):
    fleet = Fleet(logs=tmp_path, environment=environment(database.start(), WEB_WORKERS="1"))
    fleet.release()
    try:
        fleet.start("web")
        assert probe(fleet, "/health/")[:2] == (200, "ready")
        postmaster = int((database.directory / "data" / "postmaster.pid").read_text().split()[0])
        frozen = {postmaster, *descendants(postmaster)}
        for each in frozen:
            os.kill(each, signal.SIGSTOP)
        try:
            probes = []

            def has_looked_twice():
                """What was seen before is shown for a while."""
                probes.extend([probe(fleet, "/health/"), probe(fleet, "/health/live/")])
                ages = [each.age for each in probes[::2] if each.status != "ready"]
                return any(later < earlier for earlier, later in pairwise(ages))

            wait_until(has_looked_twice, seconds=40, fleet=fleet)
        finally:
            for each in frozen:
                os.kill(each, signal.SIGCONT)

        assert {each.status for each in probes[1::2]} == {"alive"}
        assert {each.status for each in probes[::2]} <= {"ready", "busy", "no database"}
        assert max(each.took for each in probes) < 5.5, probes
        wait_until(lambda: probe(fleet, "/health/").status == "ready", seconds=30, fleet=fleet)
    finally:
        fleet.stop()


class Probe(NamedTuple):
    code: int
    status: str  # that is told
    age: float  # seconds since it was looked
    took: float  # seconds


def probe(fleet, path):
    started = time.monotonic()
    try:
        with urllib.request.urlopen(f"{fleet.url}{path}", timeout=60) as response:
            code, body = response.status, json.load(response)
    except urllib.error.HTTPError as error:
        code, body = error.code, json.load(error)
    return Probe(code, body["status"], body.get("age_seconds", 0.0), time.monotonic() - started)
