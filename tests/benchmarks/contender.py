"""What is a contender, and where does it work?"""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from psycopg import Connection

from roadmap_project import process
from roadmap_project.fleet import ROOT
from tests.benchmarks.measuring import REFUSALS

CONCEPTS = 30
DJANGOQ_WORKERS = 28  # with three more that is 31 connections
START_SECONDS = 120.0
STOP_SECONDS = 20.0

TABLES = """
CREATE TABLE concept (roadmap int, place int, name text, PRIMARY KEY (roadmap, place));
CREATE TABLE piece (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    roadmap int, place int, kind text, text text
);
"""
CLOCK = "CREATE TABLE clock (began_at timestamptz DEFAULT clock_timestamp())"
CONCEPT_ROWS = """
INSERT INTO concept SELECT roadmap, place, format('Concept %%s of roadmap %%s', place, roadmap)
FROM generate_series(1, %s) roadmap, generate_series(1, %s) place
"""
# Began, ended, first tutorial (seconds since 1970), rows, different pieces. A piece is there when it is committed.
PEER_RESULTS = """
SELECT (SELECT extract(epoch FROM min(began_at)) FROM clock)::float,
       extract(epoch FROM max(pg_xact_commit_timestamp(xmin)))::float,
       extract(epoch FROM min(pg_xact_commit_timestamp(xmin)) FILTER (WHERE kind = 'tutorial'))::float,
       count(*), count(DISTINCT (roadmap, place, kind)) FROM piece
"""


CAUSES = {
    "QueuePool limit": "no place in its pool in time",
    **dict.fromkeys(REFUSALS, "connection refused by PostgreSQL"),
}


class ContenderError(Exception):
    """It cannot be started, or stopped by itself; the text is the reason given in the table's notes."""


@dataclass
class Site:
    """A fresh database, a fresh stub model and an empty directory for one contender."""

    server: Connection  # a superuser's
    logs: Path
    roadmaps: int
    environment: dict[str, str]
    roots: dict[str, int] = field(default_factory=dict)  # process ids by name, of all that belongs to it
    facts: dict[str, float] = field(default_factory=dict)
    at_end: list[Callable[[], object]] = field(default_factory=list)
    _spawned: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def create_tables(self) -> None:
        self.create_clock()
        self.server.execute(TABLES)
        self.server.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO PUBLIC")
        self.server.execute(CONCEPT_ROWS, [self.roadmaps, CONCEPTS])

    def create_clock(self) -> None:
        """What work.start_clock() starts."""
        self.server.execute(CLOCK)
        self.server.execute("GRANT ALL ON clock TO PUBLIC")

    def spawn(self, name: str, *command: str, belongs: bool = True, **environment: str) -> subprocess.Popen[bytes]:
        """A process that logs to a file of its own and dies with this one."""
        parent = os.getpid()
        with (self.logs / f"{name}.log").open("ab") as log:
            started = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**self.environment, **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=lambda: process.die_with_parent(parent),
            )
        self._spawned[name] = started
        if belongs:
            self.roots[name] = started.pid
        return started

    def python(self, name: str, *arguments: str, belongs: bool = True, **environment: str) -> subprocess.Popen[bytes]:
        return self.spawn(name, sys.executable, "-m", *arguments, belongs=belongs, **environment)

    def run(self, name: str, *arguments: str) -> None:
        """A Python module, to its end."""
        if self.python(name, *arguments, belongs=False).wait():
            raise ContenderError(f"{name} failed: {self.end_of(name)}")

    def wait_until(self, condition: Callable[[], bool], what: str, *, seconds: float = START_SECONDS) -> None:
        until = time.monotonic() + seconds
        while not condition():
            self.require_running()
            if time.monotonic() > until:
                raise ContenderError(f"not {what} within {seconds:.0f} seconds: {self.ends()}")
            time.sleep(0.05)

    def all_said(self, words: str) -> bool:
        """Whether every process that belongs to the contender has logged these words."""
        return all(words in self.text_of(name) for name in self.roots)

    def require_running(self) -> None:
        for name, started in self._spawned.items():
            if started.poll() or (name in self.roots and started.poll() == 0):
                raise ContenderError(f"{name} ended with status {started.returncode}: {self.end_of(name)}")

    def text_of(self, name: str) -> str:
        return (self.logs / f"{name}.log").read_text(errors="replace")

    def end_of(self, name: str) -> str:
        return self.text_of(name)[-2000:].strip()

    def ends(self) -> str:
        return "\n".join(f"--- {name}: {self.end_of(name)[-500:]}" for name in self.roots)

    def row(self, query: str) -> tuple[Any, ...]:
        (row,) = self.server.execute(query.encode())
        return row

    def causes_of_loss(self, says_lost: str) -> dict[str, int]:
        """How often each, from what its processes logged."""
        causes: Counter[str] = Counter()
        for line in "\n".join(self.text_of(name) for name in self.roots).splitlines():
            if says_lost and says_lost in line:
                known = (cause for words, cause in CAUSES.items() if words in line)
                causes[next(known, line.partition("error=")[2][:80] or line[-80:])] += 1
        return dict(causes)

    def signal(self, number: signal.Signals) -> None:
        """To every process that belongs to the contender."""
        for name in self.roots:
            self._spawned[name].send_signal(number)

    def stop(self) -> None:
        """Nothing is left when this returns."""
        for end in reversed(self.at_end):
            end()
        for started in self._spawned.values():
            if started.poll() is None:
                started.terminate()
        until = time.monotonic() + STOP_SECONDS
        for started in self._spawned.values():
            try:
                started.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                os.killpg(started.pid, signal.SIGKILL)  # a session of its own, made by us
                started.wait()


@dataclass(frozen=True)
class Contender:
    """One way of doing the same work; its settings are for the table's notes."""

    name: str
    slots: int  # calls that it is configured to have in flight
    settings: str
    packages: tuple[str, ...]
    start: Callable[[Site], None]  # returns when it is ready to work
    begin: Callable[[Site], None]  # hands the work over and returns at once
    results: str = PEER_RESULTS
    is_over: Callable[[Site], bool] = lambda site: False  # although pieces are missing
    says_lost: str = ""  # what stands in its log's line about each piece that it gives up
    every_seed: bool = False  # else the first alone: its ideal does not hang on one long answer
