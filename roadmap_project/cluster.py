"""Django-Q's cluster, hardened: workers learn of a stop, no child outlives its parent, each process knows its kind."""

import os
import signal
import time
import uuid
from typing import Any

import structlog
from django.conf import settings
from django_q.cluster import get_mp_context

from roadmap_project import process
from roadmap_project.process import SharedEvent
from roadmap_project.restarting import STOP_SIGNALS
from roadmap_project.sentinel import HAND_BACK_SECONDS, MONITOR_SECONDS, Sentinel

log = structlog.get_logger(__name__)

LOOK_SECONDS = 0.1
# After the grace: longer than an orderly sentinel needs, and within the 5 seconds that supervisors are told to add.
LAST_SECONDS = HAND_BACK_SECONDS + MONITOR_SECONDS + 0.5


def _run_sentinel(parent: int, *args: Any) -> None:
    # A process group of its own: a group-wide SIGTERM reaches the cluster's parent alone, which stops in order.
    os.setpgid(0, 0)
    process.die_with_parent(parent)
    process.become(process.current.service, "sentinel")
    forking: list[int] = []  # every process's child dies with it, a worker's too
    os.register_at_fork(
        before=lambda: forking.append(os.getpid()), after_in_child=lambda: process.die_with_parent(forking[-1])
    )
    Sentinel(*args).start()


class Cluster:
    """The parent's part: it starts the sentinel, passes SIGTERM and SIGINT on, and clears up."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_asked = False
        self.stop_event, self.start_event = SharedEvent(), SharedEvent()
        for number in STOP_SIGNALS:
            signal.signal(number, lambda *_: self.ask_to_stop())

    def ask_to_stop(self) -> None:
        """May be called again, and by a signal handler."""
        self.is_asked = True
        self.stop_event.set(grace=settings.STOP_GRACE)

    def start(self) -> None:
        """Fork the sentinel, which forks the rest; returns once it guards them, or has died."""
        process.adopt_orphans()
        process.become(self.name, "parent")
        # A restart in place keeps it: it is an exec under the same process id.
        process.current.cluster = process.address()
        process.current.stop_event = self.stop_event
        self.sentinel = get_mp_context().Process(
            target=_run_sentinel,
            name=f"{self.name}-sentinel",
            args=(os.getpid(), self.stop_event, self.start_event, uuid.uuid4()),
        )
        self.sentinel.start()
        while not self.start_event.is_set() and self.sentinel.is_alive():
            time.sleep(LOOK_SECONDS)

    def wait(self) -> None:
        """Wait until every process of the cluster is gone.

        A sentinel that does not end in time is killed, and its children with it: leases bring their steps back.
        """
        while self.sentinel.is_alive() and not self._is_overdue():
            self.sentinel.join(LOOK_SECONDS)
        if self.sentinel.is_alive():
            log.error("cluster_stop_overdue", queue=self.name)
            self.sentinel.kill()
        self.sentinel.join()
        if not process.end_group(self.sentinel.pid):
            log.error("cluster_process_left", queue=self.name)

    def _is_overdue(self) -> bool:
        return self.stop_event.is_set() and time.monotonic() > self.stop_event.due + LAST_SECONDS
