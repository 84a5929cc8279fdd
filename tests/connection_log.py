"""What the server's own log says about connections: every beginning, every end, and how many there were at once."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg

SERVICES = ("web", "logs", "content", "workflow")
ALL = "all"
HARNESS = "test"  # the application name of tests' own questions
LOGGED = {"log_connections": "on", "log_disconnections": "on", "log_line_prefix": "%n|%p|"}
OPENED = re.compile(r"^([0-9.]+)\|(\d+)\|LOG:  connection authorized: user=\S+ database=roadmaps\b(.*)")
LABEL = re.compile(r"application_name=([^\s:]+)")
CLOSED = re.compile(r"^([0-9.]+)\|(\d+)\|LOG:  disconnection:")
# Ended at once or crashed, the server writes no end of its sessions down; none outlives a new beginning.
BEGUN = re.compile(r"^([0-9.]+)\|\d+\|LOG:  (starting PostgreSQL|all server processes terminated)")


@dataclass(frozen=True)
class Event:
    at: float  # seconds since the epoch
    is_opening: bool
    service: str


def log_every_connection(superuser_url: str) -> None:
    """From now on, in the form that is read here."""
    with psycopg.connect(superuser_url, autocommit=True) as client:
        for name, value in LOGGED.items():
            client.execute(f"ALTER SYSTEM SET {name} = '{value}'".encode())
        client.execute("SELECT pg_reload_conf()")


def events(log: Path) -> Iterator[Event]:
    """Every connection to the database, its beginning and end as the server wrote them down; "" where unlabelled."""
    service_of: dict[str, str] = {}
    for line in log.read_text(errors="replace").splitlines():
        if opened := OPENED.match(line):
            at, pid, rest = opened.groups()
            label = LABEL.search(rest)
            service_of[pid] = label[1] if label else ""
            yield Event(float(at), is_opening=True, service=service_of[pid])
        elif (closed := CLOSED.match(line)) and closed[2] in service_of:
            yield Event(float(closed[1]), is_opening=False, service=service_of.pop(closed[2]))
        elif begun := BEGUN.match(line):
            while service_of:
                yield Event(float(begun[1]), is_opening=False, service=service_of.popitem()[1])


def levels(log: Path) -> Iterator[tuple[float, Counter[str]]]:
    """When it changed, how many connections each client held; ALL is everybody together, but tests' own questions."""
    now: Counter[str] = Counter()
    for event in sorted(events(log), key=lambda event: (event.at, event.is_opening)):
        for name in (event.service,) if event.service == HARNESS else (event.service, ALL):
            now[name] += 1 if event.is_opening else -1
        yield event.at, Counter(now)


def peaks(log: Path) -> Counter[str]:
    """The most connections that each client held at one moment; ALL is everybody together, but tests' own questions."""
    most: Counter[str] = Counter()
    for _, now in levels(log):
        most |= now
    return most
