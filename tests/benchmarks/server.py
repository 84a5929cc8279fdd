"""Where is the PostgreSQL that every contender gets? On loopback by TCP, as a server elsewhere would be reached.

Through a Unix socket a stampede is turned away by the kernel (EAGAIN, as soon as the socket's queue is full), which has
nothing to do with a design; over TCP it waits in the queue, until the server itself takes or refuses each.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256

import psycopg
from psycopg import sql

from roadmap_project.dev_database import PORT, ROLE, DevDatabase, dev_database
from roadmap_project.fleet import ROOT

MAX_CONNECTIONS = 101  # PostgreSQL's default, and the one that looks
CONTENDER = "contender"  # the database


@dataclass(frozen=True)
class Server:
    """The clone's private one, opened to the ordinary role; its superuser still comes through the socket alone."""

    database: DevDatabase
    address: str

    @property
    def url(self) -> str:
        """Without the question for TLS, which this server has not."""
        return f"postgres://{ROLE}@{self.address}:{PORT}/{CONTENDER}?sslmode=disable"

    @contextmanager
    def fresh_database(self) -> Iterator[str]:
        """Its superuser's URL."""
        with psycopg.connect(self.database.superuser_url, autocommit=True) as server:
            server.execute(f"DROP DATABASE IF EXISTS {CONTENDER} WITH (FORCE)".encode())
            server.execute(f"CREATE DATABASE {CONTENDER} OWNER {ROLE}".encode())
        yield self.database.superuser_url.replace("/roadmaps?", f"/{CONTENDER}?")
        with psycopg.connect(self.database.superuser_url, autocommit=True) as server:
            server.execute(f"DROP DATABASE {CONTENDER} WITH (FORCE)".encode())


@contextmanager
def running(name: str) -> Iterator[Server]:
    """Stopped at the end; whoever starts it otherwise finds it as it was, unless the run was interrupted."""
    database = dev_database(ROOT, name=name)
    # The whole of 127/8 is loopback: an address of its own needs no port of its own.
    number = sha256(str(database.directory).encode()).digest()
    address = f"127.{number[0]}.{number[1]}.{1 + number[2] % 254}"
    database.start(max_connections=MAX_CONNECTIONS)
    try:
        _open(database, address)
        database.stop()
        database.start(max_connections=MAX_CONNECTIONS)
        yield Server(database, address)
        with psycopg.connect(database.superuser_url, autocommit=True) as server:
            server.execute("ALTER SYSTEM RESET ALL")
    finally:
        database.stop()


def _open(database: DevDatabase, address: str) -> None:
    """From its next start on. With commits' times, for a piece is there when it is committed, not when it is sent."""
    with psycopg.connect(database.superuser_url, autocommit=True) as server:
        (directory,) = server.execute("SHOW data_directory").fetchone() or ("",)
        admitted = f"{directory}/pg_hba_benchmarks.conf"
        rules = "VALUES ('local all all trust'), ({})"
        copy = sql.SQL(f"COPY ({rules}) TO {{}}").format(f"host all {ROLE} 127.0.0.0/8 trust", admitted)
        server.execute(copy)
        settings = {"listen_addresses": address, "hba_file": admitted, "track_commit_timestamp": "on"}
        for name, value in settings.items():
            server.execute(sql.SQL("ALTER SYSTEM SET {} = {}").format(sql.Identifier(name), value))
