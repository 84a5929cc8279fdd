"""The benchmark measures this project's own fleet; the peers have an environment of their own."""

import json
import subprocess
import sys

import pytest
from django.conf import settings

from roadmap_project.dev_database import dev_database
from roadmap_project.fleet import ROOT

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]


@pytest.fixture
def server():
    yield "bench-test"
    dev_database(ROOT, name="bench-test").remove()


def test_ours_writes_every_piece_of_a_small_case_within_the_budget(server, tmp_path):
    figures = tmp_path / "figures.json"
    arguments = ["--roadmaps", "1", "--latency-mean", "0.3", "--contenders", "ours", "--server", server]
    arguments += ["--seeds", "1"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks", *arguments, "--json", str(figures)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
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


def test_a_small_case_at_scale_is_written_whole_and_what_it_was_too_short_for_is_named(server, tmp_path):
    figures = tmp_path / "figures.json"
    arguments = [
        "--roadmaps",
        "2",
        "--latency-mean",
        "0.2",
        "--page-seconds",
        "0.3",
        "--newcomers",
        "1",
        "--parts",
        "30",
    ]
    arguments += ["--newcomer-seconds", "0.2", "--wide", "30", "--minutes", "8", "--server", server]
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.scale", *arguments, "--json", str(figures)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=570,
    )

    is_whole = "NOT MEASURED" not in done.stdout
    assert (done.returncode == 0) == is_whole, done.stdout + done.stderr
    seen = json.loads(figures.read_text())
    assert (seen["pieces"], seen["lost"], seen["refused"]) == (180, 0, 0)
    assert seen["written"] in (180, 180 + 90)  # the newcomer's, where the backlog lasted until it came
    assert 0 < seen["peak_connections"] <= seen["budget"] + 2
    assert seen["wide"]["calls"] == 30
    if is_whole or "parts" in seen:
        parts = seen["parts"]
        assert parts["drain"] > parts["sdk"] > 0 < parts["statements"]
        assert parts["pieces"] >= 30
        assert 2 < parts["statements_per_piece"] < 30
    for newcomer in seen.get("newcomers") or []:
        assert newcomer["ratio"] >= 1 <= newcomer["first_tutorial"]
    for name in ("pages_at_rest", "pages_at_peak"):
        assert {page["failed"] for page in (seen.get(name) or {}).values()} <= {0}
    assert 0 < seen["pages_at_rest"]["progress"]["share_unchanged"] < 1
    assert "CPU ms a piece" in done.stdout
