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

from roadmap_project import process, troubles
from roadmap_project.checks import as_json
from roadmap_project.connection_budget import ConnectionBudget
from roadmap_project.postgresql import base


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
    return tuple(
        troubles.finding(
            budget,
            service,
            reason,
            f"{number} connects of this {service} process within {base.RECENT // 60} minutes {troubles.MET[reason]}.",
        )
        for reason, number in recently.items()
        if number >= troubles.REPEATED
    )
