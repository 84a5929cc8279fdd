"""What is looked at all the while: the server's connections, the pieces that are there, the processes."""

import os
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, Self

import psycopg

from tests.benchmarks.measuring import megabytes
from tests.connection_log import HARNESS
from tests.soak.supervising import Supervisor, marked

SERVER_SECONDS = 0.2
PIECES_SECONDS = 2.0
PROCESS_SECONDS = 2.0
ORPHAN_SECONDS = 20.0  # gunicorn's workers need a moment to notice that their master is gone
CONNECTIONS = "SELECT application_name, pid FROM pg_stat_activity WHERE usename = 'roadmaps'"
LEASES = "SELECT queue, worker, id, kind, roadmap_id, lease_expires_at FROM roadmaps_step WHERE state = 'running'"
PIECES = """
SELECT 'tutorial', id FROM content_tutorial
UNION ALL SELECT 'resources', id FROM content_resourcelist
UNION ALL SELECT 'quiz', id FROM content_quiz
"""


class Call(NamedTuple):
    """A step that a living worker has in hand."""

    worker: str  # its host and process
    roadmap: int
    step: int
    kind: str


@dataclass(frozen=True)
class Sample:
    at: float  # time.time()
    by_service: Counter[str]  # connections
    workers: Mapping[str, frozenset[int]]  # the server's processes for a cluster's workers, by service
    busy: Counter[str]  # living workers with calls in hand, by service
    calls: Mapping[str, frozenset[Call]] = field(default_factory=dict)  # theirs, by service


class Watch:
    """Looks from a thread of its own from entering to leaving it."""

    def __enter__(self) -> Self:
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name=type(self).__name__, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _run(self) -> None:
        raise NotImplementedError


@dataclass
class ServerWatch(Watch):
    """On a connection of its own that waits through the server's absences."""

    url: str
    samples: list[Sample] = field(default_factory=list)
    pieces: set[tuple[str, int]] = field(default_factory=set)  # every one that was ever there
    holders: dict[datetime, int] = field(
        default_factory=dict
    )  # whose process, by a lease's end; a claim has one of its own
    unreachable: int = 0

    def _run(self) -> None:
        while not self._is_over.wait(SERVER_SECONDS):
            try:
                with psycopg.connect(self.url, autocommit=True, connect_timeout=2, application_name=HARNESS) as client:
                    self._look(client)
            except psycopg.OperationalError:
                self.unreachable += 1

    def _look(self, client: psycopg.Connection) -> None:
        next_pieces = 0.0
        while not self._is_over.wait(SERVER_SECONDS):
            self.samples.append(self._sample(client))
            if time.monotonic() >= next_pieces:
                next_pieces = time.monotonic() + PIECES_SECONDS
                self.pieces.update((kind, pk) for kind, pk in client.execute(PIECES).fetchall())

    def _sample(self, client: psycopg.Connection) -> Sample:
        by_service: Counter[str] = Counter()
        workers: dict[str, set[int]] = {}
        at = time.time()
        for name, pid in client.execute(CONNECTIONS).fetchall():
            service, _, kind = name.partition(":")
            by_service[service] += 1
            if kind == "worker":
                workers.setdefault(service, set()).add(pid)
        busy = set()
        calls: dict[str, set[Call]] = {}
        for queue, worker, step, kind, roadmap, lease_ends_at in client.execute(LEASES).fetchall():
            process = int(worker.rpartition(":")[2])
            self.holders[lease_ends_at] = process
            if Path(f"/proc/{process}").exists():
                busy.add((queue, process))
                calls.setdefault(queue, set()).add(Call(worker, roadmap, step, kind))
        held, in_hand = ({service: frozenset(each) for service, each in found.items()} for found in (workers, calls))
        return Sample(at, by_service, held, Counter(queue for queue, _ in busy), in_hand)


@dataclass(frozen=True)
class Look:
    at: float
    files: dict[int, int]  # open file descriptors by process
    memory: float  # PSS of all together, in megabytes
    releases: int


@dataclass
class ProcessWatch(Watch):
    """Every process of every release, by the mark in its environment."""

    supervisor: Supervisor
    looks: list[Look] = field(default_factory=list)
    orphans: dict[int, float] = field(default_factory=dict)  # since when
    findings: dict[int, str] = field(default_factory=dict)

    def _run(self) -> None:
        while not self._is_over.wait(PROCESS_SECONDS):
            self._look_for_orphans()
            pids = marked(self.supervisor.mark)
            running = sum(release.ended_at is None for release in self.supervisor.releases)
            self.looks.append(Look(time.time(), {pid: _files(pid) for pid in pids}, megabytes(pids), running))

    def _look_for_orphans(self) -> None:
        now = time.monotonic()
        found = self.supervisor.orphans()
        self.orphans = {pid: self.orphans.get(pid, now) for pid in found}
        for pid, since in self.orphans.items():
            if now - since > ORPHAN_SECONDS:
                self.findings[pid] = (
                    f"process {pid} lived without its parent for {now - since:.0f} seconds: {_words(pid)}"
                )


def _files(pid: int) -> int:
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return 0


def _words(pid: int) -> str:
    """How it was started."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return "gone"
