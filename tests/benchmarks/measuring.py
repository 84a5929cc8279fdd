"""What do a contender's processes, its database and the stub model show while it works?"""

import os
import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from psycopg import Connection

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")
ACTIVITY_SECONDS = 0.01
MEMORY_SECONDS = 2.0
ACTIVITY = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND usename <> current_user
"""
REFUSALS = ("too many clients", "remaining connection slots", "too many connections for")


@dataclass
class Levels:
    """How high something stood, each time it was looked at or changed."""

    seen: list[tuple[float, int]] = field(default_factory=list)  # when, how many; in order

    def between(self, start: float, end: float) -> "Levels":
        """What held when it began counts from the beginning."""
        before = [level for at, level in self.seen if at <= start]
        first = [(start, before[-1])] if before else []
        return Levels([*first, *((at, level) for at, level in self.seen if start < at < end), (end, 0)])

    @property
    def peak(self) -> int:
        return max((level for _, level in self.seen), default=0)

    @property
    def mean(self) -> float:
        """Over time: a level counts as long as it lasted."""
        pairs = list(zip(self.seen, self.seen[1:], strict=False))
        seconds = sum(later - at for (at, _), (later, _) in pairs)
        return sum(level * (later - at) for (at, level), (later, _) in pairs) / seconds if seconds else 0.0


def in_flight(records: Sequence[dict[str, Any]]) -> Levels:
    """From the stub's requests; one that never ended counts as open from its start."""
    changes = [(record["started_at"], 1) for record in records]
    changes += [(record["finished_at"], -1) for record in records if record["finished_at"] is not None]
    level, levels = 0, Levels()
    for at, change in sorted(changes):
        level += change
        levels.seen.append((at, level))
    return levels


def opened_and_refused(lines: Iterable[str]) -> tuple[int, int]:
    """Connections, from the server's log."""
    opened = refused = 0
    for line in lines:
        opened += "connection authorized:" in line
        refused += "FATAL" in line and any(words in line for words in REFUSALS)
    return opened, refused


def stat(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat behind the name: 1 the parent, 11 to 14 the CPU times. Raises OSError."""
    return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()


def family(roots: Iterable[int]) -> set[int]:
    """These processes, their children and theirs."""
    parents: dict[int, int] = {}
    for entry in PROC.glob("[0-9]*"):
        try:
            parents[int(entry.name)] = int(stat(int(entry.name))[1])
        except OSError:  # ended meanwhile
            continue
    found = set(roots) & parents.keys()
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def cpu_seconds(roots: Iterable[int]) -> float:
    """Of the processes that live, and of their children that ended."""
    seconds = 0.0
    for pid in family(roots):
        try:
            own, ended = (sum(map(int, times)) / TICKS for times in (stat(pid)[11:13], stat(pid)[13:15]))
            seconds += max(own, first_thread_seconds(pid)) + ended
        except OSError:
            continue
    return seconds


def first_thread_seconds(pid: int) -> float:
    """To the nanosecond: each of a hundred short sessions would be nothing in whole ticks. Raises OSError."""
    schedstat = PROC / str(pid) / "schedstat"
    return int(schedstat.read_text().split()[0]) / 1e9 if schedstat.exists() else 0.0


def megabytes(pids: Iterable[int]) -> float:
    """Proportional set size: what processes share is divided among them."""
    kilobytes = 0
    for pid in pids:
        try:
            lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        kilobytes += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return kilobytes / 1024


@dataclass
class Watch:
    """Looks at memory from a thread of its own, at connections whenever it is asked to."""

    server: Connection
    roots: dict[str, int]  # process ids by name
    connections: Levels = field(default_factory=Levels)
    most_memory: dict[str, float] = field(default_factory=dict)  # by name, when all together held most
    memory: list[tuple[float, dict[str, float]]] = field(default_factory=list)  # when, and by name
    _is_over: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "Watch":
        self._pool = ThreadPoolExecutor(1)
        self._memory_watched = self._pool.submit(self._watch_memory)
        return self

    def __exit__(self, *raised: object) -> None:
        """Raises what the thread has raised."""
        self._is_over.set()
        with self._pool:
            self._memory_watched.result()

    def look(self) -> None:
        """Take one sample of the connections, and wait until the next one is due."""
        row = self.server.execute(ACTIVITY).fetchone()
        self.connections.seen.append((time.time(), row[0] if row else 0))
        time.sleep(ACTIVITY_SECONDS)

    def _watch_memory(self) -> None:
        while not self._is_over.wait(MEMORY_SECONDS):
            now = {name: megabytes(family([pid])) for name, pid in self.roots.items()}
            self.memory.append((time.time(), now))
            if sum(now.values()) > sum(self.most_memory.values()):
                self.most_memory = now
