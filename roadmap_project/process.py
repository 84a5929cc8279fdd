"""Which of our processes is this one, and how many connections may it hold?

Known only after the fork (one gunicorn master and one cluster parent become all their children), so it is
module state that the child inherits and sets.
"""

import ctypes
import os
import signal
import sys
from dataclasses import dataclass
from multiprocessing.synchronize import Event

PR_SET_PDEATHSIG = 1


@dataclass
class Process:
    service: str  # web, logs, content, workflow, release, or other
    kind: str  # worker, monitor, pusher, sentinel, parent; else the management command's name
    stop_event: Event | None = None  # a cluster's; set as soon as it is asked to stop


def _from_command_line() -> Process:
    command = sys.argv[1] if len(sys.argv) > 1 and sys.argv[0].endswith("manage.py") else os.path.basename(sys.argv[0])
    service = {"migrate": "release", "runserver": "web"}.get(command, "other")
    return Process(service=service, kind=command.removesuffix(".py") or "python")


current = _from_command_line()


def become(service: str, kind: str) -> None:
    """Say what this process is from now on, before its first connection."""
    current.service, current.kind = service, kind


def is_stopping() -> bool:
    """Whether this process's cluster was asked to stop; False outside clusters. Cheap enough to ask often."""
    return current.stop_event is not None and current.stop_event.is_set()


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process (SIGKILL) when its parent ends, however it ends; Linux only.

    Call in the child right after the fork. A parent that is gone already is noticed by the changed parent id.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
