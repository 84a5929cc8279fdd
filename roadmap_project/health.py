"""Is this process alive, is there a database, is the fleet within its budget, and is it being served?"""

import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import structlog
from django.conf import settings
from django.core.checks import CheckMessage
from django.core.checks import Warning as CheckWarning
from django.db import DatabaseError, InterfaceError, connection, transaction
from django.http import HttpRequest, JsonResponse
from django.utils.module_loading import import_string
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from psycopg.errors import QueryCanceled

from roadmap_project import counting, pool_status, sampling, troubles
from roadmap_project.checks import as_json, budget_findings
from roadmap_project.connection_budget import CLUSTER_NAMES
from roadmap_project.connections import ConnectionBudgetExceededError, patient_for
from roadmap_project.live_checks import of_count, of_lasting, of_server
from roadmap_project.postgresql import server
from roadmap_project.postgresql.base import refused_by

log = structlog.get_logger(__name__)

# By name: the queues belong to an app that builds on this package.
QUEUES = "roadmaps.steps.heartbeats.ages"
UNSERVED = "roadmaps.steps.heartbeats.unserved"
CLUSTERS = "roadmaps.steps.heartbeats.clusters"

CACHE_SECONDS = 3
STALE_SECONDS = 15  # while one thread looks, others show what was seen before, if it is not older than this
PATIENCE = 2  # seconds that a thread waits for the one that looks
STATEMENT_TIMEOUT = "2s"
CUT_OFF_AFTER = 3  # seconds; for a server that has stopped answering and ends nothing by itself

READY, BUSY, NO_DATABASE = "ready", "busy", "no database"


class ClusterBeat(Protocol):
    """When one of the clusters of a queue last did something."""

    @property
    def queue(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def seconds_since_pick_up(self) -> float: ...
    @property
    def is_serving(self) -> bool: ...


@dataclass(frozen=True)
class Look:
    """What the database said at one moment; without counts where it did not answer."""

    status: str
    taken_at: float  # time.monotonic
    count: counting.Count | None = None
    queues: dict[str, dict[str, float | None]] | None = None
    clusters: tuple[ClusterBeat, ...] = ()
    met: tuple[troubles.Trouble, ...] = ()  # of all processes that could say it
    findings: tuple[CheckMessage, ...] = ()  # what it gives an operator to do

    @property
    def age(self) -> float:
        return time.monotonic() - self.taken_at


def _unserved(queues: dict[str, dict[str, float | None]]) -> Iterator[CheckMessage]:
    for queue, age in import_string(UNSERVED)(queues):
        since = "yet" if age is None else f"for {age:.0f} seconds"
        yield CheckWarning(
            f"Nothing was picked up from the {queue} queue {since}; its cluster looks for work every minute.",
            hint=f"Start it: Q_CLUSTER_NAME={queue} manage.py qcluster.",
            id="roadmap_project.W012",
        )


def _too_few(clusters: Iterable[ClusterBeat]) -> Iterator[CheckMessage]:
    """A queue that some clusters serve, but fewer than are declared; where none does, `_unserved` says it."""
    for name in CLUSTER_NAMES:
        of_queue = [each for each in clusters if each.queue == name]
        serving, declared = sum(each.is_serving for each in of_queue), settings.CONNECTION_BUDGET.service(name).replicas
        if not 0 < serving < declared:
            continue
        # Everybody may read it: which machines these are is said in the admin.
        gone = ", ".join(f"{each.seconds_since_pick_up:.0f} s ago" for each in of_queue if not each.is_serving)
        yield CheckWarning(
            f"{serving} of {declared} {name} clusters pick work up."
            + (f" Seen before: {gone}." if gone else " No other one was seen in the last hour."),
            hint="Start the missing one, or look why its workers do nothing. Which one each was is in the admin, under "
            "“Cluster heartbeats”.",
            id="roadmap_project.W049",
        )


_lock = threading.Lock()
_last: Look | None = None


def look() -> Look:
    """One look at the database for all threads of this process, at most every CACHE_SECONDS.

    On this thread's own connection, each query bounded; raises nothing that the database can cause.
    """
    last = _last
    if last and last.age < CACHE_SECONDS:
        return last
    shown = last if last and last.age < STALE_SECONDS else None
    if not _lock.acquire(timeout=0 if shown else PATIENCE):
        return shown or Look(status=BUSY, taken_at=time.monotonic())
    try:
        return _look_unless_fresh()
    finally:
        _lock.release()


def forget() -> None:
    """The next look is a new one."""
    global _last
    _last = None


def _look_unless_fresh() -> Look:
    global _last
    if _last is None or _last.age >= CACHE_SECONDS:
        before = {finding.id for finding in _last.findings} if _last else set()
        _last = _look()
        for finding in _last.findings:  # a server that was away when the web started is asked here for the first time
            if finding.is_serious() and finding.id not in before:
                log.error("readiness_finding", id=finding.id, reason=finding.msg, hint=finding.hint)
    return _last


def _look() -> Look:
    declared = settings.CONNECTION_BUDGET
    with patient_for(CUT_OFF_AFTER) as patience:
        try:
            found = server.ask()
            with transaction.atomic():
                with connection.cursor() as cursor:
                    cursor.execute(f"SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT}'")
                count = counting.count(declared)
                queues = import_string(QUEUES)()
                clusters = tuple(import_string(CLUSTERS)())
                met = troubles.known()
                lasting = sampling.lasting()
        except (DatabaseError, InterfaceError) as error:
            status = BUSY if patience.has_ended or _is_busy(error) else NO_DATABASE
            if patience.has_ended:
                connection.close()
            log.warning("readiness_without_answer", status=status, reason=str(error).strip()[:200])
            return Look(status=status, taken_at=time.monotonic())
    findings = (
        *budget_findings(declared),
        *of_server(declared, found),
        *of_count(count),
        *of_lasting(declared, lasting),
        *troubles.findings(declared, met),
        *_unserved(queues),
        *_too_few(clusters),
    )
    return Look(
        status=READY,
        taken_at=time.monotonic(),
        count=count,
        queues=queues,
        clusters=clusters,
        met=met,
        findings=findings,
    )


def _is_busy(error: Exception) -> bool:
    """Whether the database is there and only had no slot or no time for us."""
    return (
        isinstance(error, ConnectionBudgetExceededError)
        or bool(refused_by(error))
        or isinstance(error.__cause__, QueryCanceled)
    )


@require_safe
@never_cache
def live(request: HttpRequest) -> JsonResponse:
    """Without the database: a full or restarting database must not get the web killed."""
    return JsonResponse({"status": "alive"})


@require_safe
@never_cache
def ready(request: HttpRequest) -> JsonResponse:
    """503 without a database and never else: to take a busy web away makes the others busier."""
    seen = look()
    own = pool_status.status()
    answer: dict[str, Any] = {"status": seen.status, "age_seconds": round(seen.age, 1), "process": own.as_json()}
    if seen.count is not None:
        answer["connections"] = _connections(seen.count, seen.met)
        answer["findings"] = [as_json(finding) for finding in seen.findings]
        answer["queues"] = seen.queues
        answer["clusters"] = _clusters(seen)
    return JsonResponse(answer, status=503 if seen.status == NO_DATABASE else 200)


def _clusters(seen: Look) -> dict[str, Any]:
    """How many are declared and how many serve, with the seconds since each did; their names are for operators."""
    return {
        name: {
            "declared": settings.CONNECTION_BUDGET.service(name).replicas,
            "serving": sum(each.is_serving for each in seen.clusters if each.queue == name),
            "seconds_since_pick_up": [each.seconds_since_pick_up for each in seen.clusters if each.queue == name],
        }
        for name in CLUSTER_NAMES
    }


def _connections(count: counting.Count, met: tuple[troubles.Trouble, ...]) -> dict[str, Any]:
    budget = count.budget
    return {
        "declared": budget.steady,
        "declared_deploying": budget.deploy,
        "limit": budget.limit,
        "usable": budget.usable,
        "observed": count.together,
        "fits": budget.fits,
        "services": {
            name: {
                "declared": counting.declared(budget, name),
                "observed": observed,
                "waits": sum(row.waits for row in met if row.service == name),
                "refusals": {row.refused_by: row.refusals for row in met if row.service == name and row.refusals},
            }
            for name, observed in count.observed.items()
        },
    }
