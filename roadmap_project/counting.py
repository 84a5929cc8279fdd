"""How many connections does the server count, by the service that opened them?"""

from collections import Counter
from dataclasses import dataclass, field

from django.conf import settings
from django.db import connection

from roadmap_project.connection_budget import RELEASE_CONNECTIONS, ConnectionBudget
from roadmap_project.postgresql.server import FACTS, ROLE_PREFIX

# What is counted beside the budget's services: migrations; our shells and commands; clients of this database that none
# of our processes is; clients of the same server's other databases, which take from the same limit.
BESIDE = RELEASE, OTHER, UNPLANNED, ELSEWHERE = "release", "other", "unplanned", "elsewhere"

# Rows with a database are sessions; an ordinary role may not see other sessions' state, but these columns. The server's
# background work has a database too, but no user (autovacuum) or, where it shows, another type of backend.
COUNT = (
    "WITH facts (version, max_connections, reserved, database_limit) AS (" + FACTS + ")"  # noqa: S608  a constant
    """
    SELECT split_part(application_name, ':', 1), usename::text, datname = current_database(), count(*),
           max_connections, reserved, database_limit
    FROM facts, pg_stat_activity
    WHERE datname IS NOT NULL AND usesysid IS NOT NULL AND coalesce(backend_type, 'client backend') = 'client backend'
    GROUP BY 1, 2, 3, 5, 6, 7
    """
)


def names(budget: ConnectionBudget) -> tuple[str, ...]:
    """Everything that is told apart, in the order in which it is shown."""
    return (*(service.name for service in budget.services), *BESIDE)


def declared(budget: ConnectionBudget, name: str) -> int:
    beside = {RELEASE: RELEASE_CONNECTIONS, OTHER: budget.other_clients, UNPLANNED: 0, ELSEWHERE: 0}
    return beside[name] if name in beside else budget.service(name).total


@dataclass(frozen=True)
class Count:
    """All clients of the server at one moment, by name, and the declared fleet before the server's own limit."""

    observed: dict[str, int]
    budget: ConnectionBudget

    @property
    def together(self) -> int:
        return sum(self.observed.values())


def count(budget: ConnectionBudget) -> Count:
    """One query on this thread's connection, which is counted with the rest."""
    observed = dict.fromkeys(names(budget), 0)
    with connection.cursor() as cursor:
        cursor.execute(COUNT)
        rows = cursor.fetchall()
    for label, role, is_here, number, *_ in rows:
        observed[_name(budget, label, role) if is_here else ELSEWHERE] += number
    *_, max_connections, reserved, limit = rows[0]  # there is one: our own connection's
    database_limit = None if limit < 0 else limit
    server = budget.on_server(max_connections=max_connections, reserved=reserved, database_limit=database_limit)
    return Count(observed=observed, budget=server)


def _name(budget: ConnectionBudget, label: str, role: str) -> str:
    """Behind a pooler a connection bears its last client's label: there the login role tells."""
    if settings.DB_POOLER != "none" and role.startswith(ROLE_PREFIX):
        label = role.removeprefix(ROLE_PREFIX)
    return label if label in names(budget)[:-2] else UNPLANNED


@dataclass
class Peak:
    """The largest number seen for each service, over all samples; a lower bound of what there was."""

    by_service: Counter[str] = field(default_factory=Counter)
    together: int = 0
    samples: int = 0

    def sample(self, budget: ConnectionBudget) -> None:
        self.add(budget, count(budget).observed)

    def add(self, budget: ConnectionBudget, now: dict[str, int]) -> None:
        for service in budget.services:
            self.by_service[service.name] = max(self.by_service[service.name], now[service.name])
        self.together = max(self.together, sum(now[service.name] for service in budget.services))
        self.samples += 1

    def is_within(self, budget: ConnectionBudget) -> bool:
        return all(self.by_service[service.name] <= service.total for service in budget.services)


def table(budget: ConnectionBudget, peak: Peak | None = None) -> str:
    """The budget as text, service by service, with what was observed where it was."""
    head: list[object] = ["service", "processes", "threads", "peak", "replicas", "declared"]
    rows: list[list[object]] = [
        [service.name, service.processes, service.threads, service.peak, service.replicas, service.total]
        for service in budget.services
    ]
    last: list[object] = ["all", "", "", "", "", budget.steady]
    if peak:
        head.append("observed")
        for row, service in zip(rows, budget.services, strict=True):
            row.append(peak.by_service[service.name])
        last.append(peak.together)
    lines = [[str(cell) for cell in row] for row in (head, *rows, last)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(_aligned(line, widths) for line in lines)


def _aligned(cells: list[str], widths: list[int]) -> str:
    """The first cell to the left, numbers to the right."""
    name, *numbers = (cell.rjust(width) for cell, width in zip(cells, widths, strict=True))
    return "  ".join([name.strip().ljust(widths[0]), *numbers])
