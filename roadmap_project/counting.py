"""How many connections does the server count, by the service that opened them?"""

from collections import Counter
from dataclasses import dataclass, field

from django.db import connection

from roadmap_project.connection_budget import ConnectionBudget

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
