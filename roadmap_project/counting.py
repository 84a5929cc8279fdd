"""How many connections does the server count, by the service that opened them?"""

from collections import Counter
from dataclasses import dataclass, field

from django.conf import settings
from django.db import connection

from roadmap_project.connection_budget import RELEASE_CONNECTIONS, ConnectionBudget
from roadmap_project.postgresql.server import FACTS, ROLE_PREFIX

# Rows with a database are client sessions; an ordinary role may not see other sessions' state, but these.
COUNT = """
SELECT split_part(application_name, ':', 1), count(*)
FROM pg_stat_activity WHERE datname = current_database() GROUP BY 1
"""


def observed() -> dict[str, int]:
    """Open connections to this database by service, as processes name themselves; the caller's own is among them."""
    with connection.cursor() as cursor:
        cursor.execute(COUNT)
        return dict(cursor.fetchall())


# What is counted beside the budget's services: migrations; our shells and commands; clients of this database that none
# of our processes is; clients of the same server's other databases, which take from the same limit.
RELEASE, OTHER, UNPLANNED, ELSEWHERE = "release", "other", "unplanned", "elsewhere"

# The server's background work has a database too, but no user (autovacuum) or, where it shows, another type of backend.
COUNT_ALL = (
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
    return (*(service.name for service in budget.services), RELEASE, OTHER, UNPLANNED, ELSEWHERE)


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

    def findings(self) -> list[str]:
        """What an operator should do something about; nothing is wrong when there is none."""
        found = []
        if not self.budget.fits:
            found.append(
                f"The fleet does not fit: {self.budget.explain()}. Smallest change: set "
                f"{self.budget.smallest_change()}."
            )
        for service in self.budget.services:
            seen, most = self.observed[service.name], self.budget.deploy_overlap * service.total
            if seen > most:
                found.append(
                    f"{service.name} holds {seen} connections; {service.total} are declared, {most} while deploying. "
                    f"Declare what runs: {service.processes_variable}, {service.name.upper()}_REPLICAS."
                )
        strangers = self.observed[OTHER] + self.observed[UNPLANNED] + self.observed[ELSEWHERE]
        if strangers > self.budget.other_clients:
            found.append(
                f"{strangers} connections are none of the services' ({self.observed[UNPLANNED]} of them unplanned, "
                f"{self.observed[ELSEWHERE]} in other databases of this server); DB_OTHER_CLIENTS declares "
                f"{self.budget.other_clients}. Close them, or raise DB_OTHER_CLIENTS."
            )
        if self.together > self.budget.usable + self.budget.other_clients:
            found.append(
                f"{self.together} connections are open: the headroom is in use. The server refuses above "
                f"{self.budget.limit}; raise its max_connections, and DB_MAX_CONNECTIONS with it."
            )
        return found


def count(budget: ConnectionBudget) -> Count:
    """One query on this thread's connection, which is counted with the rest."""
    observed = dict.fromkeys(names(budget), 0)
    with connection.cursor() as cursor:
        cursor.execute(COUNT_ALL)
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
        now = observed()
        for service in budget.services:
            self.by_service[service.name] = max(self.by_service[service.name], now.get(service.name, 0))
        self.together = max(self.together, sum(now.get(service.name, 0) for service in budget.services))
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
