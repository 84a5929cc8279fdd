"""The benchmark measures this project's own fleet; the peers have an environment of their own."""

import json
import subprocess
import sys

import pytest
from django.conf import settings

from roadmap_project.dev_database import dev_database
from roadmap_project.fleet import ROOT

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]


@pytest.fixture
def server():
    yield "bench-test"
    dev_database(ROOT, name="bench-test").remove()


def test_ours_writes_every_piece_of_a_small_case_within_the_budget(server, tmp_path):
    figures = tmp_path / "figures.json"
    arguments = ["--roadmaps", "1", "--latency-mean", "0.3", "--contenders", "ours", "--server", server]
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks", *arguments, "--json", str(figures)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    (row,) = json.loads(figures.read_text())["rows"]
    assert (row["name"], row["failure"]) == ("ours", "")
    assert (row["lost"], row["twice"], row["refused"]) == (0, 0, 0)
    assert row["answers"] >= 90
    assert 0 < row["peak_connections"] <= settings.CONNECTION_BUDGET.steady + 1  # and the command that approves
    assert row["ratio"] >= 1
    assert 0 < row["first_call"] < row["first_tutorial"] <= row["seconds"]
    assert row["slots"] >= row["peak_calls"] > row["mean_calls"] > 0
    assert row["cpu"] > 0 < row["server_cpu"]
    assert set(row["memory"]) == {"web", "logs", "content", "workflow"}
    assert "time ÷ ideal" in done.stdout
