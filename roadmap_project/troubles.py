"""What did connects of each service's processes meet, and what is to be done about it?"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.core.checks import CheckMessage
from django.core.checks import Warning as CheckWarning
from django.db.models import DurationField, ExpressionWrapper, F
from django.db.models.functions import Now

from roadmap_project.connection_budget import ConnectionBudget
from roadmap_project.models import ConnectionTrouble
from roadmap_project.postgresql import base
from roadmap_project.postgresql.telling import QUIET

REPEATED = 3  # waits or refusals for one reason without a quiet time; one or two happen in every restart

MET = {
    base.ALLOTMENT: "were above their process's allotment of connections",
    base.ROLE: "met their role's CONNECTION LIMIT",
    base.DATABASE: "met the database's CONNECTION LIMIT",
    base.SERVER: "met a full server",
    base.POOLER: "met a full PgBouncer",
}


@dataclass(frozen=True)
class Trouble:
    """A row of ConnectionTrouble, and how long ago the last one was, by the server's clock."""

    service: str
    refused_by: str
    waits: int
    refusals: int
    lately: int
    began_at: datetime
    age: timedelta

    def __str__(self) -> str:
        return f"{self.service}: {self.refusals} refused by {self.refused_by}, {self.waits} waited"


def known() -> tuple[Trouble, ...]:
    """One query; one for each service and reason that ever was, of all processes that could say it."""
    since = ExpressionWrapper(Now() - F("last_at"), output_field=DurationField())
    rows = ConnectionTrouble.objects.order_by("service", "refused_by").values_list(
        "service", "refused_by", "waits", "refusals", "lately", "began_at", since
    )
    return tuple(Trouble(*row) for row in rows)


def findings(budget: ConnectionBudget, met: Iterable[Trouble]) -> Iterator[CheckMessage]:
    """One for each service and reason that recurs, with the variable to raise, until there was a quiet time."""
    for each in met:
        ago = each.age.total_seconds()
        if each.lately >= REPEATED and ago < QUIET:
            said = (
                f"{each.lately} connects of {each.service} {MET[each.refused_by]} since "
                f"{each.began_at:%Y-%m-%d %H:%M} UTC, the last one {ago:.0f} seconds ago."
            )
            yield finding(budget, each.service, each.refused_by, said)


def finding(budget: ConnectionBudget, service: str, reason: str, said: str) -> CheckMessage:
    return CheckWarning(said, hint=_advice(budget, service)[reason], id="roadmap_project.W011")


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
        base.DATABASE: "Raise that limit (ALTER DATABASE … CONNECTION LIMIT).",
        base.SERVER: "Raise the server's max_connections and DB_MAX_CONNECTIONS, or close what nobody declared.",
        base.POOLER: "Raise PgBouncer's max_client_conn, and DB_POOLER_MAX_CLIENT_CONN with it.",
    }
