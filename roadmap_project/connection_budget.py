"""How many PostgreSQL connections may all our processes hold together, and does the server have room for them?

Every number of processes, threads and workers is read here and nowhere else: gunicorn, Q_CLUSTER, the
system checks and the README's table are derived from one ConnectionBudget.
"""

import math
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from typing import Any

from roadmap_project.environment import Environment

CLUSTER_NAMES = ("logs", "content", "workflow")

# Beside its workers a Django-Q cluster connects from its monitor, its pusher and its sentinel (the scheduler).
CLUSTER_PROCESSES_BESIDE_WORKERS = 3

SERVICE_COLUMNS = ("name", "processes", "threads", "peak", "replicas")

# `manage.py migrate` before a new release starts.
RELEASE_CONNECTIONS = 1


@dataclass(frozen=True)
class Service:
    """Processes started by one command; `peak` is what one replica may hold at any instant."""

    name: str
    processes: int
    threads: int
    replicas: int
    processes_variable: str
    in_flight: int = 0  # model calls that one worker process keeps in flight; costs no connection

    @property
    def is_cluster(self) -> bool:
        return self.name in CLUSTER_NAMES

    @property
    def peak(self) -> int:
        if self.is_cluster:
            return self.processes + CLUSTER_PROCESSES_BESIDE_WORKERS
        return self.processes * self.threads

    @property
    def total(self) -> int:
        return self.replicas * self.peak

    @property
    def allotment(self) -> int:
        """What one of its processes may hold: a connection per thread that serves requests, else one."""
        return 1 if self.is_cluster else self.threads


@dataclass(frozen=True)
class Pooler:
    """PgBouncer in transaction mode, in its own terms; `max_db_connections` is its only total."""

    max_client_conn: int
    max_db_connections: int
    replicas: int


@dataclass(frozen=True)
class Inequality:
    """One thing that must hold: `left` ≤ `right`."""

    name: str
    left: int
    right: int

    @property
    def holds(self) -> bool:
        return self.left <= self.right


@dataclass(frozen=True)
class ConnectionBudget:
    """The declared fleet and the server. All numbers are connections unless their name says otherwise."""

    services: tuple[Service, ...]
    max_connections: int
    server_reserved: int
    headroom: float
    other_clients: int
    deploy_overlap: int
    pooler: Pooler | None = None
    database_limit: int | None = None  # the database's CONNECTION LIMIT; known only from the server
    is_live: bool = False  # max_connections, reserved and database_limit are the server's own words
    declared_source: str = ""  # of the declared limit, where the server's own is another

    @classmethod
    def from_environment(cls, env: Environment) -> "ConnectionBudget":
        by_platform = env.whole("WEB_CONCURRENCY", 4, least=1)  # read also where it is overruled: gunicorn reads it
        web = Service(
            name="web",
            processes=env.whole("WEB_WORKERS", by_platform, least=1),
            threads=env.whole("WEB_THREADS", 2, least=1),
            replicas=env.whole("WEB_REPLICAS", 1),
            processes_variable="WEB_WORKERS",
        )
        return cls(
            services=(
                web,
                _cluster(env, "logs", workers=4, in_flight=16),
                _cluster(env, "content", workers=6, in_flight=32),
                _cluster(env, "workflow", workers=4, in_flight=16),
            ),
            max_connections=env.whole("DB_MAX_CONNECTIONS", 100, least=1),
            server_reserved=env.whole("DB_SERVER_RESERVED", 3),
            headroom=env.fraction("DB_HEADROOM", 0.20),
            other_clients=env.whole("DB_OTHER_CLIENTS", 5, least=1),
            deploy_overlap=env.whole("DEPLOY_OVERLAP", 2, least=1),
            pooler=_pooler(env) if env.choice("DB_POOLER", ("none", "transaction"), "none") == "transaction" else None,
        )

    def as_environment(self) -> dict[str, str]:
        """Every number by its variable; ConnectionBudget.from_environment of it gives the same fleet back."""
        named = {
            "DB_MAX_CONNECTIONS": self.max_connections,
            "DB_SERVER_RESERVED": self.server_reserved,
            "DB_HEADROOM": self.headroom,
            "DB_OTHER_CLIENTS": self.other_clients,
            "DEPLOY_OVERLAP": self.deploy_overlap,
            "WEB_THREADS": self.service("web").threads,
        }
        for service in self.services:
            named[service.processes_variable] = service.processes
            named[f"{service.name.upper()}_REPLICAS"] = service.replicas
        if self.pooler:
            named |= {f"DB_POOLER_{name.upper()}": value for name, value in vars(self.pooler).items()}
        pooled = {"DB_POOLER": "transaction"} if self.pooler else {}
        return {name: str(value) for name, value in named.items()} | pooled

    def on_server(self, *, max_connections: int, reserved: int, database_limit: int | None) -> "ConnectionBudget":
        """The same fleet before what the server says of itself."""
        real = replace(
            self, max_connections=max_connections, server_reserved=reserved, database_limit=database_limit, is_live=True
        )
        return real if real.limit == self.limit else replace(real, declared_source=self.limit_source())

    def service(self, name: str) -> Service:
        return next(service for service in self.services if service.name == name)

    @property
    def limit(self) -> int:
        by_server = self.max_connections - self.server_reserved
        return by_server if self.database_limit is None else min(by_server, self.database_limit)

    @property
    def usable(self) -> int:
        return math.floor(self.limit * self._share) - self.other_clients

    @property
    def _share(self) -> Fraction:
        """What the headroom leaves, exactly: 100 × (1 − 0.9) is 9.999… in floating point."""
        return 1 - Fraction(str(self.headroom))

    @property
    def steady(self) -> int:
        return sum(service.total for service in self.services)

    @property
    def deploy(self) -> int:
        return self.deploy_overlap * self.steady + RELEASE_CONNECTIONS

    @property
    def free(self) -> int:
        """What headroom leaves for moments: a connection reopened at once and counted twice, the server process of a
        worker killed in a query, a timed-out worker replaced before it is gone; any mix of them up to this many."""
        return self.limit - self.usable - self.other_clients

    def inequalities(self) -> tuple[Inequality, ...]:
        """What must hold. Behind a pooler its clients are ours, and the server's clients are the pooler's."""
        if self.pooler is None:
            return (Inequality("steady", self.steady, self.usable), Inequality("deploy", self.deploy, self.usable))
        clients = self.pooler.max_client_conn * self.pooler.replicas
        pooled = self.pooler.max_db_connections * self.pooler.replicas
        return (
            Inequality("clients of the pooler, steady", self.steady + self.other_clients, clients),
            Inequality("clients of the pooler, deploying", self._pooler_clients, clients),
            Inequality("pool and migrations", pooled + RELEASE_CONNECTIONS, self.usable),
        )

    @property
    def _pooler_clients(self) -> int:
        """At a deploy; shells, commands and the release's checks come through the pooler as well."""
        return self.deploy_overlap * self.steady + self.other_clients

    @property
    def fits(self) -> bool:
        return all(inequality.holds for inequality in self.inequalities())

    def explain(self) -> str:
        """The sum, the limit and where it came from, and each service's share, for an error or a start-up log."""
        shares = ", ".join(
            f"{service.name} {service.total}"
            + (f" ({service.replicas} × {service.peak})" if service.replicas != 1 else "")
            for service in self.services
        )
        through = f"; through PgBouncer: {self._explain_pooler()}" if self.pooler else ""
        return (
            f"{self.steady} connections ({shares}), while deploying {self.deploy_overlap} × {self.steady} + "
            f"{RELEASE_CONNECTIONS} = {self.deploy}; usable are {self.usable}: {self.limit_source()}, "
            f"{self.headroom * 100:g}% of that kept free, − {self.other_clients} for other clients{through}"
        )

    def limit_source(self) -> str:
        """Where the limit comes from, in words, and what was declared where that is another number."""
        declared = f" (declared is {self.declared_source})" if self.declared_source else ""
        by_server = self.max_connections - self.server_reserved
        if self.database_limit is not None and self.database_limit < by_server:
            return f"the database's CONNECTION LIMIT {self.database_limit}{declared}"
        who = "the server's max_connections" if self.is_live else "DB_MAX_CONNECTIONS"
        return f"{who} {self.max_connections} − {self.server_reserved} reserved{declared}"

    def _explain_pooler(self) -> str:
        return ", ".join(f"{each.name} {each.left} of {each.right}" for each in self.inequalities())

    def smallest_change(self) -> str:
        """The change that makes the fleet fit: of one variable, the count that moves least, where that is enough."""
        if candidates := self.smaller_counts():
            _, variable, value, _ = min(candidates)
            return f"{variable}={value}"
        return self._pooler_change(self.pooler) if self.pooler else self._server_change()

    def smaller_counts(self) -> list[tuple[int, str, int, str]]:
        """Each single count that, made smaller, is enough: by how much, its variable, its value, its service."""
        return [change for service in self.services for change in self._smaller(service)]

    def certificate(self) -> dict[str, Any]:
        """Everything from which the verdict can be recomputed: inputs, source of the limit, terms, sums, verdict."""
        return {
            "inputs": self.as_environment(),
            "limit": {
                "value": self.limit,
                "source": self.limit_source(),
                "is_live": self.is_live,
                "max_connections": self.max_connections,
                "reserved": self.server_reserved,
                "database_limit": self.database_limit,
            },
            "services": [
                {**{name: getattr(service, name) for name in SERVICE_COLUMNS}, "declared": service.total}
                for service in self.services
            ],
            "usable": self.usable,
            "steady": self.steady,
            "deploy": self.deploy,
            "inequalities": [{**vars(each), "holds": each.holds} for each in self.inequalities()],
            "headroom_carries": {
                "connections_at_any_instant": self.free,
                "reopened_at_once_and_counted_twice": self.free,
                "server_processes_of_workers_killed_in_a_query": self.free,
                "timed_out_workers_replaced_before_they_are_gone": self.free,
            },
            "fits": self.fits,
        }

    def _smaller(self, service: Service) -> Iterator[tuple[int, str, int, str]]:
        for count, variable in (
            ("processes", service.processes_variable),
            ("threads", "WEB_THREADS"),
            ("replicas", f"{service.name.upper()}_REPLICAS"),
        ):
            now = getattr(service, count)
            if fitting := largest(partial(self._fits_with, service, count), now - 1):
                yield now - fitting, variable, fitting, service.name

    def _pooler_change(self, pooler: Pooler) -> str:
        """The pool first, which the server must have room for; then PgBouncer's clients, which are ours."""
        room = self.largest_pool
        changes = []
        if room < 1:
            changes.append(self._server_change())
        elif pooler.max_db_connections > room:
            changes.append(f"DB_POOLER_MAX_DB_CONNECTIONS={room}")
        clients = math.ceil(self._pooler_clients / pooler.replicas)
        if pooler.max_client_conn < clients:
            changes.append(f"DB_POOLER_MAX_CLIENT_CONN={clients}")
        return " and ".join(changes) + " (after PgBouncer's own settings of these names)"

    @property
    def largest_pool(self) -> int:
        """How many connections each replica of the pooler may hold, beside a migration; below one where none fits."""
        return (self.usable - RELEASE_CONNECTIONS) // (self.pooler.replicas if self.pooler else 1)

    def _server_change(self) -> str:
        wanted = math.ceil((self._wanted + self.other_clients) / self._share)
        limit, by_server = self.database_limit, self.max_connections - self.server_reserved
        changes = []
        if limit is not None and limit < wanted:
            changes.append(f"ALTER DATABASE … CONNECTION LIMIT {wanted}")
        if by_server < wanted:
            changes.append(
                f"DB_MAX_CONNECTIONS={wanted + self.server_reserved} (after raising the server's max_connections)"
            )
        return " and ".join(changes)

    @property
    def _wanted(self) -> int:
        """What must be usable."""
        if self.pooler:
            return self.pooler.max_db_connections * self.pooler.replicas + RELEASE_CONNECTIONS
        return max(self.steady, self.deploy)

    def _fits_with(self, service: Service, count: str, number: int) -> bool:
        changed: Any = {count: number}
        return self.with_service(replace(service, **changed)).fits

    def with_service(self, changed: Service) -> "ConnectionBudget":
        return replace(
            self, services=tuple(changed if service.name == changed.name else service for service in self.services)
        )


def largest(fits: Callable[[int], bool], most: int) -> int:
    """The largest count from 1 to `most` that fits, where every smaller one fits too; 0 where none does."""
    return bisect_left(range(1, most + 1), x=True, key=lambda count: not fits(count))


def recomputed(certificate: dict[str, Any]) -> bool:
    """The verdict, from a certificate's inputs and limit alone."""
    budget = ConnectionBudget.from_environment(Environment(certificate["inputs"]))
    return replace(budget, database_limit=certificate["limit"]["database_limit"]).fits


def _pooler(env: Environment) -> Pooler:
    return Pooler(
        max_client_conn=env.whole("DB_POOLER_MAX_CLIENT_CONN", 100, least=1),
        max_db_connections=env.whole("DB_POOLER_MAX_DB_CONNECTIONS", 20, least=1),
        replicas=env.whole("DB_POOLER_REPLICAS", 1, least=1),
    )


def _cluster(env: Environment, name: str, *, workers: int, in_flight: int) -> Service:
    prefix = name.upper()
    return Service(
        name=name,
        processes=env.whole(f"{prefix}_WORKERS", workers, least=1),
        threads=1,
        replicas=env.whole(f"{prefix}_REPLICAS", 1),
        processes_variable=f"{prefix}_WORKERS",
        in_flight=env.whole(f"{prefix}_IN_FLIGHT", in_flight, least=1, most=1000),
    )
