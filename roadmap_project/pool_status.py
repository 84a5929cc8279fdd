"""What does this process hold, in the words of the system before this one?

That system reported `pool_size`, `max_overflow`, `checked_out`, `overflow` and `pool_total` of each process's pool.
There is no pool here; the words keep their place on /health with this meaning:

pool_size     what this process may hold: a connection per thread that serves requests, else one
max_overflow  0: nothing may come on top
checked_out   connections that this process has open; one that the server ended counts until its thread notices
overflow      how far checked_out is above pool_size; the database backend keeps it at 0
pool_total    pool_size + max_overflow
waits         connects that had to wait because the server was full, since the process began
refusals      connects that were refused, by whom, since the process began
"""

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage
from django.core.checks import Warning as CheckWarning

from roadmap_project import process
from roadmap_project.checks import as_json
from roadmap_project.connection_budget import ConnectionBudget
from roadmap_project.postgresql import base

REPEATED = 3  # waits or refusals for one reason within base.RECENT seconds; one or two happen in every restart

MET = {
    base.ALLOTMENT: "were above its own allotment of connections",
    base.ROLE: "met its role's CONNECTION LIMIT",
    base.DATABASE: "met the database's CONNECTION LIMIT",
    base.SERVER: "met a full server",
    base.POOLER: "met a full PgBouncer",
}


@dataclass(frozen=True)
class PoolStatus:
    service: str
    kind: str
    pool_size: int
    checked_out: int
    waiting: int = 0
    waits: int = 0
    refusals: dict[str, int] = field(default_factory=dict)
    findings: tuple[CheckMessage, ...] = ()
    max_overflow: int = 0

    @property
    def overflow(self) -> int:
        return max(0, self.checked_out - self.pool_size)

    @property
    def pool_total(self) -> int:
        return self.pool_size + self.max_overflow

    @property
    def is_healthy(self) -> bool:
        return self.checked_out <= self.pool_size and self.overflow == 0

    def as_json(self) -> dict[str, Any]:
        verdict = "healthy" if self.is_healthy else "over its allotment"
        return asdict(replace(self, findings=())) | {
            "overflow": self.overflow,
            "pool_total": self.pool_total,
            "verdict": verdict,
            "findings": [as_json(finding) for finding in self.findings],
        }


def status() -> PoolStatus:
    """Of the process that asks; uses no database."""
    service = process.current.service
    return PoolStatus(
        service=service,
        kind=process.current.kind,
        pool_size=base.allotment(),
        checked_out=base.open_connections() - base.waiting(),
        waiting=base.waiting(),
        waits=base.waits(),
        refusals=base.refusals(),
        findings=findings(settings.CONNECTION_BUDGET, service, base.recently()),
    )


def findings(budget: ConnectionBudget, service: str, recently: dict[str, int]) -> tuple[CheckMessage, ...]:
    """One for each reason that recurs, with the variable to raise."""
    advice, minutes = _advice(budget, service), base.RECENT // 60
    return tuple(
        CheckWarning(
            f"{number} connects of this {service} process within {minutes} minutes {MET[reason]}.",
            hint=advice[reason],
            id="roadmap_project.W011",
        )
        for reason, number in recently.items()
        if number >= REPEATED
    )


def _advice(budget: ConnectionBudget, service: str) -> dict[str, str]:
    of_budget = {each.name: each for each in budget.services}
    if service == "web":
        more, share = "WEB_THREADS", "WEB_WORKERS, WEB_THREADS or WEB_REPLICAS"
    elif service in of_budget:
        more = of_budget[service].processes_variable
        share = f"{more} or {service.upper()}_REPLICAS"
    else:
        more = share = "DB_OTHER_CLIENTS"
    return {
        base.ALLOTMENT: f"Raise {more}, if this is its load.",
        base.ROLE: f"More processes run than are declared: raise {share}, then apply `connection_budget --sql` again.",
        base.DATABASE: "Raise it (ALTER DATABASE … CONNECTION LIMIT).",
        base.SERVER: "Raise its max_connections, and DB_MAX_CONNECTIONS with it, or close what nobody declared.",
        base.POOLER: "Raise its max_client_conn, and DB_POOLER_MAX_CLIENT_CONN with it.",
    }
