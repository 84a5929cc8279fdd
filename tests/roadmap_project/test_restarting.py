"""A command that starts itself anew, and gives up when that does not help."""

import atexit
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from roadmap_project import restarting

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def runs(monkeypatch):
    """Each run that replaced this one: its command line and the times it was given."""
    found = []
    monkeypatch.setattr(
        os, "execv", lambda path, arguments: found.append((path, arguments, os.environ[restarting.VARIABLE]))
    )
    monkeypatch.setattr(atexit, "_run_exitfuncs", lambda: None)  # this process goes on
    monkeypatch.setattr(sys, "orig_argv", ["python", "-X", "dev", "manage.py", "qcluster"])
    monkeypatch.delenv(restarting.VARIABLE, raising=False)
    return found


def test_a_restart_is_the_same_command_and_remembers_when_it_was(runs):
    restarting.restart()
    restarting.restart()

    (path, arguments, first), (_, _, second) = runs
    assert (path, arguments) == (sys.executable, [sys.executable, "-X", "dev", "manage.py", "qcluster"])
    assert second.split()[:1] == first.split()
    assert len(second.split()) == 2


@pytest.mark.parametrize(("ages", "restarts"), [((1, 2, 3, 4), 1), ((1, 2, 3, 4, 599), 0), ((1, 2, 3, 4, 601), 1)])
def test_five_restarts_in_ten_minutes_are_enough(runs, monkeypatch, ages, restarts):
    now = time.monotonic()
    monkeypatch.setenv(restarting.VARIABLE, " ".join(str(now - age) for age in ages))

    restarting.restart()

    assert len(runs) == restarts


def test_what_an_ordinary_end_would_do_is_done_before_a_restart():
    code = f"""
import atexit, os, sys
sys.path.insert(0, {str(ROOT)!r})
from roadmap_project import restarting
atexit.register(print, "errors are sent", flush=True)
os.execv = lambda *_: (print("and then restarted", flush=True), os._exit(0))
restarting.restart()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-2:] == ["errors are sent", "and then restarted"]


def test_a_signal_during_a_restart_waits_for_the_next_run_and_ends_it_in_order():
    code = """
import os, signal, sys
sys.path.insert(0, {root!r})
from roadmap_project import restarting
if "again" not in sys.argv:
    restarting.hold_signals()
    os.kill(os.getpid(), signal.SIGTERM)
    os.execv(sys.executable, [*sys.orig_argv, "again"])
print("here", flush=True)
restarting.end_when_asked()
print("there", flush=True)
"""
    done = subprocess.run(
        [sys.executable, "-c", code.format(root=str(ROOT))], capture_output=True, text=True, timeout=30, check=False
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "here\n", "")


def test_without_a_signal_nothing_ends():
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from roadmap_project import restarting as r; "
    code += "r.hold_signals(); r.end_when_asked(); print('there')"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)

    assert done.stdout == "there\n"
