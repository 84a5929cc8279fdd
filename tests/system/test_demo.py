"""The demo as a stranger sees it."""

import re
import subprocess
import sys

import pytest

from roadmap_project.fleet import ROOT
from roadmaps.models import Roadmap
from tests.system.conftest import holding

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]


def run_demo(fleet, goal):
    environment = {**fleet.environment, "LLM_PROVIDER": "library"}
    return subprocess.run(
        [sys.executable, "manage.py", "demo", goal],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=200,
    )


def test_a_goal_becomes_a_finished_roadmap_and_nothing_is_left_running(fleet):
    done = run_demo(fleet, 'Learn SQL, "joins" and $(exit 1), for data analysis')

    assert done.returncode == 0, done.stderr
    roadmap = Roadmap.objects.get()
    assert roadmap.state == Roadmap.State.READY
    assert "SQL" in roadmap.title
    concepts = roadmap.concepts.count()
    assert done.stdout.count("3 of 3 pieces") == concepts
    assert f"{3 * concepts} of {3 * concepts} pieces" in done.stdout
    assert "From the bundled library; no model was used." in done.stdout
    rows = re.findall(r"^(web|logs|content|workflow) .* (\d+)  +(\d+)$", done.stdout, re.MULTILINE)
    assert len(rows) == 4
    assert all(0 < int(seen) <= int(declared) for _, declared, seen in rows)
    assert not holding()


def test_a_goal_that_cannot_be_used_is_refused_in_words(fleet):
    done = run_demo(fleet, "x" * 10_000)

    assert done.returncode == 1
    assert "at most 1,000 characters" in done.stderr
    assert "Traceback" not in done.stderr
