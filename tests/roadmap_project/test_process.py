"""What a process knows about itself, and that it dies with its parent."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from roadmap_project import process

# The parent forks a child that would live for a minute; both process ids are said before anything else happens.
FAMILY = """
import os, sys, time
sys.path.insert(0, {root!r})
from roadmap_project.process import die_with_parent
parent = os.getpid()
child = os.fork()
if not child:
    if {is_bound}:
        die_with_parent(parent)
    print(os.getpid(), flush=True)
    time.sleep(60)
    os._exit(0)
time.sleep(60)
"""
ROOT = str(Path(__file__).resolve().parents[2])


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def wait_until(condition, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.02)
    return condition()


def family(*, is_bound: bool) -> "tuple[subprocess.Popen[str], int]":
    parent = subprocess.Popen(
        [sys.executable, "-c", FAMILY.format(root=ROOT, is_bound=is_bound)], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout
    return parent, int(parent.stdout.readline())


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal is Linux's")
@pytest.mark.parametrize("is_bound", [True, False])
def test_D3_a_grandchild_dies_when_its_parent_is_killed_and_only_because_it_was_bound(is_bound):
    parent, grandchild = family(is_bound=is_bound)
    try:
        assert is_alive(grandchild)

        parent.kill()
        parent.wait(5)

        assert wait_until(lambda: not is_alive(grandchild), 5 if is_bound else 0.3) is is_bound
    finally:
        parent.stdout.close()
        if is_alive(grandchild):
            os.kill(grandchild, signal.SIGKILL)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal is Linux's")
def test_D3_a_group_is_ended_with_the_orphans_in_it():
    """The group's first process forks and ends; its child, deaf to SIGTERM, stays behind in the group."""
    code = """
import os, signal, sys
sys.path.insert(0, {root!r})
from roadmap_project import process
process.adopt_orphans()
leader = os.fork()
if not leader:
    os.setpgid(0, 0)
    if os.fork():
        os._exit(0)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.pause()
os.waitpid(leader, 0)
print(process.end_group(leader), process.end_group(leader))
try:
    os.waitpid(-1, 0)
except ChildProcessError:
    print("no child is left")
"""
    done = subprocess.run(
        [sys.executable, "-c", code.format(root=ROOT)], capture_output=True, text=True, timeout=30, check=False
    )

    assert (done.stdout, done.stderr) == ("True True\nno child is left\n", "")


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal is Linux's")
def test_a_child_whose_parent_is_gone_already_ends_itself():
    code = f"import sys; sys.path.insert(0, {ROOT!r}); from roadmap_project import process; process.die_with_parent(-1)"

    done = subprocess.run([sys.executable, "-c", code], timeout=20, check=False)

    assert done.returncode == -signal.SIGKILL


def test_D3_an_event_is_shared_with_forked_processes_and_held_by_none_that_is_killed():
    """Killed while they look, again and again: a lock, if there were one, would soon be left taken."""
    event = process.SharedEvent()
    for _ in range(40):
        looker, started = fork_looker(event)
        assert started.wait(10)
        os.kill(looker, signal.SIGKILL)
        assert os.waitpid(looker, 0)[1] == signal.SIGKILL
    looker, _ = fork_looker(event)

    event.set()

    assert os.waitpid(looker, 0)[1] == 0


def fork_looker(event):
    started = process.SharedEvent()
    child = os.fork()
    if not child:
        process.die_with_parent(os.getppid())
        started.set()
        while not event.is_set():
            pass
        os._exit(0)
    return child, started


def test_an_event_keeps_the_earliest_end_of_its_grace():
    event = process.SharedEvent()
    before = time.monotonic()

    for grace in (20, 5, 60):
        event.set(grace=grace)

    assert before + 5 <= event.due <= time.monotonic() + 5


def test_waiting_for_an_event_ends_with_it_or_with_the_time():
    event = process.SharedEvent()
    assert not event.wait(0.01)

    threading.Timer(0.1, event.set).start()

    assert event.wait(10)


def test_stopping_follows_the_clusters_event(monkeypatch):
    event = process.SharedEvent()
    monkeypatch.setattr(process.current, "stop_event", event)
    assert (process.is_stopping(), process.stops_at()) == (False, None)

    event.set(grace=3)

    assert (process.is_stopping(), process.stops_at()) == (True, event.due)


def test_outside_a_cluster_nothing_is_stopping(monkeypatch):
    monkeypatch.setattr(process.current, "stop_event", None)

    assert (process.is_stopping(), process.stops_at()) == (False, None)


def test_become_changes_what_this_process_is(monkeypatch):
    monkeypatch.setattr(process, "current", process.Process(service="other", kind="python"))

    process.become("content", "worker")

    assert (process.current.service, process.current.kind) == ("content", "worker")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["manage.py", "migrate", "--noinput"], ("release", "migrate")),
        (["/srv/app/manage.py", "shell"], ("other", "shell")),
        (["manage.py", "runserver"], ("web", "runserver")),
        (["manage.py"], ("other", "manage")),
        (["/tmp/venv/bin/gunicorn", "--config", "x"], ("other", "gunicorn")),
        (["-c"], ("other", "-c")),
        ([""], ("other", "python")),
    ],
)
def test_a_process_is_named_after_its_command_line(monkeypatch, arguments, expected):
    monkeypatch.setattr(sys, "argv", arguments)

    named = process._from_command_line()

    assert (named.service, named.kind) == expected


def test_a_cluster_loads_the_addresses_of_pages_and_neither_the_admins_nor_the_apis():
    program = (
        "import sys; sys.argv = ['manage.py', 'qcluster']; import django; django.setup();"
        "from django.urls import reverse; print(reverse('content:concept', args=['goal', 'c-1-1-1']), *sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)

    address, *modules = done.stdout.split()
    assert address == "/roadmaps/goal/c-1-1-1/"
    assert {"roadmap_project.urls", "roadmap_project.admin", "content.admin", "content.api.urls"} & set(
        modules
    ) == set()
