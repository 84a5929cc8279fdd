"""A minute under faults: what must hold holds, and the faults did happen."""

import json
import subprocess
import sys

import pytest

from roadmap_project.dev_database import dev_database
from roadmap_project.fleet import ROOT

pytestmark = [pytest.mark.system, pytest.mark.timeout(400)]

SEED = "2"  # with a stall, an absence of the server and two releases in its minute


@pytest.fixture
def server():
    yield "soak-test"
    dev_database(ROOT, name="soak-test").remove()


def test_a_minute_of_faults_loses_nothing_and_buys_nothing_twice(server, tmp_path):
    figures = tmp_path / "figures.json"
    arguments = ["--seconds", "60", "--seed", SEED, "--server", server, "--json", str(figures)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.soak", *arguments, "--logs", str(tmp_path / "logs")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=390,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(figures.read_text())
    assert {name: each["broken"] for name, each in told["verdicts"].items() if each["broken"]} == {}
    for kind in ("kill", "database", "provider", "deploy"):
        assert any(fault.startswith(kind) for fault in told["faults"]), kind
