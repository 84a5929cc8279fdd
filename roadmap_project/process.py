"""Which of our processes is this one, and how many connections may it hold?

Known only after the fork (one gunicorn master and one cluster parent become all their children), so it is
module state that the child inherits and sets.
"""

import atexit
import ctypes
import gc
import hashlib
import mmap
import multiprocessing.queues
import os
import signal
import socket
import sys
import time
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
POLL_SECONDS = 0.05

# The interpreter's last collections would search all that lives, a second of CPU, for what the kernel takes back
# anyway: who asks a process to end, a deploy first of all, waits for it.
atexit.register(gc.freeze)


def shared_moment() -> ctypes.c_double:
    """A number in memory that this process shares with those it forks; by time.monotonic(), 0 for never.

    Without a lock, which a process that is killed while it looks would keep for ever.
    """
    return ctypes.c_double.from_buffer(mmap.mmap(-1, ctypes.sizeof(ctypes.c_double)))


class SharedEvent:
    """An event that this process shares with those it forks, and by when what it asks for shall be done.

    As there is no lock, a signal handler may set it, too.
    """

    def __init__(self) -> None:
        self._due = shared_moment()

    def set(self, *, grace: float = 0.0) -> None:
        """With seconds of grace from now; set again, it keeps the earlier end."""
        due = time.monotonic() + grace
        if not self.is_set() or due < self._due.value:
            self._due.value = due

    def is_set(self) -> bool:
        return self._due.value != 0.0

    @property
    def due(self) -> float:
        """When the grace ends, by time.monotonic(), which all processes of a machine share."""
        return self._due.value

    def wait(self, seconds: float) -> bool:
        """Whether it is set, waiting at most so long for it."""
        until = time.monotonic() + seconds
        while not self.is_set() and (left := until - time.monotonic()) > 0:
            time.sleep(min(POLL_SECONDS, left))
        return self.is_set()


@dataclass
class Process:
    service: str  # web, logs, content, workflow, release, or other
    kind: str  # worker, monitor, pusher, sentinel, parent, fork; else the management command's name
    cluster: str = ""  # of several that serve one queue: which; empty outside clusters
    child_kind: str = ""  # what the next forked child is; whoever forks says it before
    stop_event: SharedEvent | None = None  # a cluster's; set as soon as it is asked to stop
    beaten_at: ctypes.c_double = field(
        default_factory=shared_moment
    )  # when a cluster's worker last gave a sign of life
    tasks: "multiprocessing.queues.Queue[Any] | None" = None  # a cluster's, from which its workers take
    task_id: str = ""  # Django-Q's, of what a worker does or did last


def _from_command_line() -> Process:
    command = sys.argv[1] if len(sys.argv) > 1 and sys.argv[0].endswith("manage.py") else os.path.basename(sys.argv[0])
    service = {"migrate": "release", "runserver": "web"}.get(command, "other")
    return Process(service=service, kind=command.removesuffix(".py") or "python")


current = _from_command_line()


FORK = "fork"  # a child of whom nobody said what it is: the budget has no connection for it


def _be_a_child() -> None:
    current.kind, current.child_kind = current.child_kind or FORK, ""


os.register_at_fork(after_in_child=_be_a_child)


def become(service: str, kind: str) -> None:
    """Say what this process is from now on, before its first connection."""
    current.service, current.kind = service, kind


def begin_task(task: dict[str, Any], **_: Any) -> None:
    """Note what this worker does from now on; Django-Q sends it."""
    current.task_id = task["id"]


def task_key() -> UUID:
    """The same for every delivery of the task that runs, so that what it made is known again; a new one elsewhere."""
    return UUID(current.task_id) if current.task_id else uuid4()


def is_stopping() -> bool:
    """Whether this process's cluster was asked to stop; False outside clusters. Cheap enough to ask often."""
    return current.stop_event is not None and current.stop_event.is_set()


def is_woken() -> bool:
    """Whether a task waits that no worker of this cluster is free to take; asks no database. True outside clusters."""
    # Past Django-Q's counter, whose lock a killed process keeps.
    return current.tasks is None or not multiprocessing.queues.Queue.empty(current.tasks)


def stops_at() -> float | None:
    """By when, in time.monotonic(), work in hand must be finished or handed back; None while nobody asked to stop."""
    return current.stop_event.due if current.stop_event is not None and current.stop_event.is_set() else None


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process (SIGKILL) when its parent ends, however it ends; Linux only.

    Call in the child right after the fork. A parent that is gone already is noticed by the changed parent id.
    """
    if not _ask_kernel(PR_SET_PDEATHSIG, signal.SIGKILL):
        return
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def address() -> str:
    """This process among those of all machines: its host, whose ids these are, its id."""
    return f"{_near()}:{os.getpid()}"


def is_gone(address: str) -> bool:
    """Whether it was a process among those that this one can see, and is one no more.

    Not for one that is dead and not yet waited for. False where the system does not tell whose ids these are.
    """
    near, _, pid = address.rpartition(":")
    return bool(ids_are_of()) and near == _near() and not _is_alive(int(pid))


def _near() -> str:
    return f"{socket.gethostname()[:70]}/{ids_are_of()}"


@cache
def ids_are_of() -> str:
    """Among whom a process id means one process: this boot's and this container's; empty where that is not known."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        namespace = os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        return ""
    return hashlib.sha256(f"{boot} {namespace}".encode()).hexdigest()[:8]


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another's
        pass
    return True


def adopt_orphans() -> None:
    """Become the parent of every descendant that loses its own, so that it can be waited for; Linux only."""
    _ask_kernel(PR_SET_CHILD_SUBREAPER, 1)


def _ask_kernel(option: int, value: int) -> bool:
    """False where the kernel is not Linux's."""
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option}) failed")
    return True


def end_group(group: int, *, seconds: float = 5.0) -> bool:
    """Kill every process of a group and reap those that are ours; False where one is still there after so long."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            os.killpg(group, signal.SIGKILL)
            os.waitpid(-group, os.WNOHANG)
        except ProcessLookupError:
            return True
        except (ChildProcessError, PermissionError):  # not ours to reap; elsewhere than on Linux, dead already
            pass
        time.sleep(0.01)
    return False
