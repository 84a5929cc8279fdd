"""Django-Q's cluster, hardened: workers learn of a stop, no child outlives its parent, each process knows its kind."""

import os
from multiprocessing import Event, Process
from time import sleep
from typing import Any

import django_q.cluster
from django_q.cluster import get_mp_context

from roadmap_project import process

KINDS = {"worker": "worker", "monitor": "monitor", "pusher": "pusher"}


class Sentinel(django_q.cluster.Sentinel):  # type: ignore[misc]
    def spawn_process(self, target: Any, *args: Any) -> Process:
        """Fork the child with its kind already said, so that its first connection carries the right name."""
        process.current.kind = KINDS[target.__name__]
        try:
            child: Process = super().spawn_process(target, *args)
        finally:
            process.current.kind = "sentinel"
        return child


def _run_sentinel(parent: int, *args: Any) -> None:
    # A process group of its own: a group-wide SIGTERM reaches the cluster's parent alone, which stops in order.
    os.setpgid(0, 0)
    process.die_with_parent(parent)
    process.current.kind = "sentinel"
    forking: list[int] = []  # every process's child dies with it, a worker's too
    os.register_at_fork(
        before=lambda: forking.append(os.getpid()), after_in_child=lambda: process.die_with_parent(forking[-1])
    )
    Sentinel(*args)


class Cluster(django_q.cluster.Cluster):  # type: ignore[misc]
    def __init__(self, name: str) -> None:
        super().__init__()
        self.queue = name

    def start(self) -> int:
        """Fork the sentinel, which forks the rest; returns once it guards them, raises RuntimeError when it died."""
        self.stop_event, self.start_event = Event(), Event()
        process.become(self.queue, "parent")
        process.current.stop_event = self.stop_event
        self.sentinel = get_mp_context().Process(
            target=_run_sentinel,
            name=f"{self.queue}-sentinel",
            args=(os.getpid(), self.stop_event, self.start_event, self.cluster_id, self.broker, self.timeout),
        )
        self.sentinel.start()
        # Polled, not waited for: a signal during wait() would deadlock with the sentinel's set().
        while self.start_event and not self.start_event.is_set():
            if not self.sentinel.is_alive():
                raise RuntimeError(
                    f"the {self.queue} cluster's sentinel ended with {self.sentinel.exitcode} before it started"
                )
            sleep(0.05)
        return int(self.pid)

    def wait(self) -> int:
        """Wait until the cluster ends; 0 when it was asked to, else 1."""
        was_asked = self.stop_event
        self.sentinel.join()
        return 0 if was_asked is not None and was_asked.is_set() and self.sentinel.exitcode == 0 else 1
