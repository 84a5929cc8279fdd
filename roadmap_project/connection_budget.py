"""How many PostgreSQL connections may all our processes hold together, and does the server have room for them?

Every number of processes, threads and workers is read here and nowhere else: gunicorn, Q_CLUSTER, the
system checks and the README's table are derived from one ConnectionBudget.
"""

import math
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from roadmap_project.environment import Environment

CLUSTER_NAMES = ("logs", "content", "workflow")

# Beside its workers a Django-Q cluster connects from its monitor, its pusher and its sentinel (the scheduler).
CLUSTER_PROCESSES_BESIDE_WORKERS = 3

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
class ConnectionBudget:
    """The declared fleet and the declared server. All numbers are connections unless their name says otherwise."""

    services: tuple[Service, ...]
    max_connections: int
    server_reserved: int
    headroom: float
    other_clients: int
    deploy_overlap: int

    @classmethod
    def from_environment(cls, env: Environment) -> "ConnectionBudget":
        web_variable = "WEB_WORKERS" if env.text("WEB_WORKERS") else "WEB_CONCURRENCY"
        web = Service(
            name="web",
            processes=env.whole(web_variable, 4, least=1),
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
        )

    def service(self, name: str) -> Service:
        return next(service for service in self.services if service.name == name)

    @property
    def limit(self) -> int:
        return self.max_connections - self.server_reserved

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
    def fits(self) -> bool:
        # `deploy` is the larger of the two as soon as one release may run; both are said in the report.
        return self.steady <= self.usable and self.deploy <= self.usable

    def explain(self) -> str:
        """The sum, the limit and where it came from, and each service's share, for an error or a start-up log."""
        shares = ", ".join(
            f"{service.name} {service.total}"
            + (f" ({service.replicas} × {service.peak})" if service.replicas != 1 else "")
            for service in self.services
        )
        return (
            f"{self.steady} connections ({shares}), while deploying {self.deploy_overlap} × {self.steady} + "
            f"{RELEASE_CONNECTIONS} = {self.deploy}; usable are {self.usable}: DB_MAX_CONNECTIONS "
            f"{self.max_connections} − {self.server_reserved} reserved, {self.headroom * 100:g}% of that kept free, "
            f"− {self.other_clients} for other clients"
        )

    def smallest_change(self) -> str:
        """One variable whose change alone makes the fleet fit: the count that moves least, else the server's size."""
        candidates = [change for service in self.services for change in self._smaller(service)]
        if candidates:
            _, variable, value, _ = min(candidates)
            return f"{variable}={value}"
        return f"DB_MAX_CONNECTIONS={self._sufficient_max_connections()} (after raising the server's max_connections)"

    def _smaller(self, service: Service) -> Iterator[tuple[int, str, int, str]]:
        processes = _largest(lambda count: self._with(replace(service, processes=count)).fits, service.processes - 1)
        if processes:
            yield service.processes - processes, service.processes_variable, processes, service.name
        threads = _largest(lambda count: self._with(replace(service, threads=count)).fits, service.threads - 1)
        if threads:
            yield service.threads - threads, "WEB_THREADS", threads, service.name

    def _with(self, changed: Service) -> "ConnectionBudget":
        return replace(
            self, services=tuple(changed if service.name == changed.name else service for service in self.services)
        )

    def _sufficient_max_connections(self) -> int:
        wanted = max(self.steady, self.deploy) + self.other_clients
        return math.ceil(wanted / self._share) + self.server_reserved


def _largest(fits: Callable[[int], bool], most: int) -> int:
    """The largest count from 1 to `most` that fits, where every smaller one fits too; 0 where none does."""
    return bisect_left(range(1, most + 1), True, key=lambda count: not fits(count))


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
