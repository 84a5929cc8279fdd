"""What does an operator look at? Eight queries, each bounded, however many steps and model calls there are."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any

import structlog
from django.conf import settings
from django.contrib.postgres.aggregates import ArrayAgg
from django.core.checks import CheckMessage
from django.core.checks import Warning as CheckWarning
from django.db import OperationalError, connection, transaction
from django.db.models import Case, Count, DurationField, ExpressionWrapper, F, Max, Q, When
from django.db.models.functions import Left, Now
from django.utils import timezone
from django_q.models import Failure, Schedule

from roadmap_project.connection_budget import CLUSTER_NAMES
from roadmap_project.llm import GIVEN_UP, RATE_LIMITED
from roadmaps.models import ProviderPause, Step

log = structlog.get_logger(__name__)

STATEMENT_TIMEOUT = "2s"
MOST_COUNTED = 100_000  # of what waits in a queue
MOST_RUNNING = 20
MOST_FAILURES = 5_000  # of the last day, the latest
MOST_REASONS = 20
REASON_LENGTH = 200
MOST_CALLS = 10_000  # of the last hour, the latest
MOST_SUMMED = 200_000  # model calls, the latest
DAYS = 7
MOST_SCHEDULES = 50
MOST_SCHEDULED_FAILURES = 200
OVERDUE = timedelta(minutes=5)
# What migrations make, to be done for ever: the cluster, the function and how often.
SCHEDULES = {
    **{f"sweep {queue}": (queue, "roadmaps.tasks.sweep", f"'{queue}'", "every minute") for queue in CLUSTER_NAMES},
    "sample connections": ("logs", "roadmap_project.tasks.sample_connections", "", "every minute"),
    "purge connection samples": ("logs", "roadmap_project.tasks.purge_connection_samples", "", "daily"),
    "purge task results": ("logs", "roadmap_project.tasks.purge_task_results", "", "daily"),
    "purge keyed requests": ("logs", "roadmap_project.tasks.purge_keyed_requests", "", "daily"),
    "purge records": ("logs", "roadmaps.tasks.purge_records", "", "daily"),
    "purge deleted roadmaps": ("logs", "roadmaps.tasks.purge_deleted_roadmaps", "", "daily"),
    "check links again": ("logs", "content.tasks.check_links_again", "", "daily"),
}
ANSWERED = ("ok", "invalid", "cut")  # their latency is the provider's; a refusal comes at once

QUEUES = """
SELECT queue, waiting.number, later.number, now() - oldest.asked_at, running.number, now() - running.oldest,
       running.workers, wake_ups.number
FROM unnest(%(queues)s::text[]) WITH ORDINALITY AS each (queue, place)
CROSS JOIN LATERAL (
    SELECT count(*) AS number
    FROM (SELECT FROM roadmaps_step WHERE state = 'waiting' AND queue = each.queue LIMIT %(most)s) AS bounded
) AS waiting
CROSS JOIN LATERAL (
    SELECT count(*) AS number
    FROM (
        SELECT FROM roadmaps_step
        WHERE state = 'waiting' AND queue = each.queue AND not_before > now()
        LIMIT %(most)s
    ) AS bounded
) AS later
LEFT JOIN LATERAL (
    SELECT asked_at FROM roadmaps_step
    WHERE state = 'waiting' AND queue = each.queue
    ORDER BY asked_at LIMIT 1
) AS oldest ON true
CROSS JOIN LATERAL (
    SELECT count(*) AS number, min(started_at) AS oldest, count(DISTINCT worker) AS workers
    FROM roadmaps_step WHERE state = 'running' AND queue = each.queue
) AS running
CROSS JOIN LATERAL (SELECT count(*) AS number FROM django_q_ormq WHERE key = each.queue AND lock <= now()) AS wake_ups
ORDER BY place
"""

HEALTH = """
SELECT provider, model, count(*), count(*) FILTER (WHERE outcome = 'ok'), count(*) FILTER (WHERE outcome = %(limited)s),
       percentile_cont(0.5) WITHIN GROUP (ORDER BY latency) FILTER (WHERE outcome = ANY (%(answered)s)),
       percentile_cont(0.95) WITHIN GROUP (ORDER BY latency) FILTER (WHERE outcome = ANY (%(answered)s)),
       now() - max(created_at)
FROM (
    SELECT provider, model, outcome, latency, created_at FROM roadmaps_modelcall
    WHERE created_at > now() - interval '1 hour' AND outcome <> %(given_up)s
    ORDER BY created_at DESC
    LIMIT %(most)s
) AS latest
GROUP BY provider, model
ORDER BY count(*) DESC
"""


DAILY = """
SELECT (created_at AT TIME ZONE 'UTC')::date, purpose, count(*),
       count(*) FILTER (WHERE outcome NOT IN ('ok', %(given_up)s)), sum(input_tokens), sum(output_tokens), sum(cost)
FROM (
    SELECT created_at, purpose, outcome, input_tokens, output_tokens, cost FROM roadmaps_modelcall
    WHERE created_at >= %(since)s
    ORDER BY created_at DESC
    LIMIT %(most)s
) AS latest
GROUP BY 1, 2
"""


@dataclass(frozen=True)
class Queue:
    """How much waits in it and for how long, what runs, and when a worker last came by."""

    name: str
    waiting: int
    later: int  # of those that wait: not before a moment that is still to come
    oldest: timedelta | None
    running: int
    oldest_running: timedelta | None
    workers: int
    wake_ups: int
    seconds_since_pick_up: float | None
    seconds_since_sweep: float | None

    @property
    def was_not_counted_to_its_end(self) -> bool:
        return self.waiting > MOST_COUNTED


@dataclass(frozen=True)
class Reason:
    """Why steps failed, and how many for it."""

    text: str
    count: int
    kinds: list[str]
    last: timedelta


@dataclass(frozen=True)
class Spent:
    """Model calls of one purpose or of all, on one day."""

    purpose: str
    calls: int
    failed: int
    input_tokens: int
    output_tokens: int
    cost: Decimal


@dataclass(frozen=True)
class Day:
    """Of the last one that is shown there may have been more: `is_whole` is False then."""

    on: date
    purposes: list[Spent]
    is_whole: bool = True

    @property
    def together(self) -> Spent:
        sums: list[Any] = [
            sum(getattr(each, name) for each in self.purposes)
            for name in ("calls", "failed", "input_tokens", "output_tokens", "cost")
        ]
        return Spent("all", *sums)

    @property
    def is_today(self) -> bool:
        return self.on == datetime.now(UTC).date()


@dataclass(frozen=True)
class Health:
    """Of one model, over its latest calls of an hour; latencies in seconds."""

    provider: str
    model: str
    calls: int
    ok: int
    limited: int
    p50: float | None
    p95: float | None
    last: timedelta

    @property
    def failed(self) -> int:
        return self.calls - self.ok - self.limited


@dataclass(frozen=True)
class Scheduled:
    """Something that a cluster does again and again, and how it went lately."""

    name: str
    cluster: str
    next_run: datetime | None
    is_overdue: bool
    has_ended: bool
    failures: int  # of the last day
    last_failure: Failure | None

    @property
    def reason(self) -> str:
        """The error without its traceback."""
        lines = str(self.last_failure.result if self.last_failure else "").strip().splitlines()
        return lines[0].partition(" : Traceback")[0][:REASON_LENGTH] if lines else ""


@dataclass(frozen=True)
class Report:
    schedules: list[Scheduled]
    findings: list[CheckMessage]
    queues: list[Queue]
    running: list[Step]
    reasons: list[Reason]
    failures: int
    days: list[Day]
    health: list[Health]
    pauses: list[ProviderPause]

    @property
    def most_a_day(self) -> float:
        """US dollars, above which no model is called until the next day; 0 where any number may be spent."""
        return float(settings.MAX_COST_TOTAL)

    @property
    def failures_were_not_counted_to_their_end(self) -> bool:
        return self.failures == MOST_FAILURES

    @property
    def calls_that_are_summed(self) -> int | None:
        """None where they are all there are."""
        return MOST_SUMMED if self.days and not self.days[-1].is_whole else None


def report(beats: dict[str, dict[str, float | None]]) -> Report | None:
    """With the queues' heartbeats, which whoever asks knows already. None where the database took too long."""
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT}'")
            return Report(
                schedules=(schedules := _schedules()),
                findings=list(_unscheduled(schedules)),
                queues=list(_queues(beats)),
                running=_running(),
                reasons=(reasons := _reasons())[:MOST_REASONS],
                failures=sum(each.count for each in reasons),
                days=_days(),
                health=_health(),
                pauses=list(ProviderPause.objects.filter(until__gt=Now()).order_by("provider")),
            )
    except OperationalError as error:
        log.warning("report_without_answer", reason=str(error).strip()[:200])
        return None


def _queues(beats: dict[str, dict[str, float | None]]) -> Iterator[Queue]:
    nothing = {"seconds_since_pick_up": None, "seconds_since_sweep": None}
    with connection.cursor() as cursor:
        cursor.execute(QUEUES, {"queues": list(CLUSTER_NAMES), "most": MOST_COUNTED + 1})
        for name, *numbers in cursor.fetchall():
            yield Queue(name, *numbers, **beats.get(name, nothing))


def _schedules() -> list[Scheduled]:
    """Those that failed come first."""
    now, failed = timezone.now(), defaultdict(list)
    ours_first = Case(When(name__in=SCHEDULES, then=0), default=1)  # of an operator's own there may be any number
    schedules = list(Schedule.objects.order_by(ours_first, "name")[:MOST_SCHEDULES])
    names = [each.name for each in schedules]
    lately = Failure.objects.filter(group__in=names, stopped__gt=now - timedelta(days=1)).order_by("-stopped")
    for failure in lately[:MOST_SCHEDULED_FAILURES]:
        failed[failure.group].append(failure)
    found = [
        Scheduled(
            name=each.name,
            cluster=each.cluster or "",
            next_run=each.next_run,
            is_overdue=each.repeats != 0 and each.next_run is not None and each.next_run < now - OVERDUE,
            has_ended=each.repeats == 0,
            failures=len(failed[each.name]),
            last_failure=failed[each.name][0] if failed[each.name] else None,
        )
        for each in schedules
    ]
    return sorted(found, key=lambda each: (not each.failures, not each.is_overdue, each.name))


def _unscheduled(found: list[Scheduled]) -> Iterator[CheckMessage]:
    """What somebody deleted, or let end, is done by nobody, and nothing fails for it."""
    goes_on = {each.name for each in found if not each.has_ended}
    for name, (cluster, function, arguments, often) in SCHEDULES.items():
        if name not in goes_on:
            yield CheckWarning(
                f"There is no schedule “{name}” that goes on: what it does is done no more.",
                hint=f"Under “Scheduled tasks”, give one of this name the function {function}"
                + (f", the arguments {arguments}" if arguments else "")
                + f", {often}, repeats -1 and the cluster {cluster}.",
                id="roadmap_project.W050",
            )


def _running() -> list[Step]:
    """Those that have been running longest, each with its `age`."""
    age = ExpressionWrapper(Now() - F("started_at"), output_field=DurationField())
    running = Step.objects.filter(state=Step.State.RUNNING).select_related("roadmap", "concept").defer("payload")
    return list(running.annotate(age=age).order_by("started_at")[:MOST_RUNNING])


def ended_in_error() -> Any:
    """Steps that failed, and rewrites that failed and left the earlier version standing."""
    return Step.objects.filter(Q(state__in=(Step.State.DONE, Step.State.FAILED)) & ~Q(last_error=""))


def _reasons() -> list[Reason]:
    latest = ended_in_error().filter(finished_at__gt=Now() - timedelta(days=1)).order_by("-finished_at")[:MOST_FAILURES]
    rows = (
        Step.objects.filter(pk__in=latest.values("pk"))
        .annotate(reason=Left("last_error", REASON_LENGTH))
        .values_list("reason")
        .annotate(number=Count("pk"), kinds=ArrayAgg("kind", distinct=True), last=Now() - Max("finished_at"))
        .order_by("-number", "reason")
    )
    return [
        Reason(text, number, [str(Step.Kind(kind).label) for kind in kinds], last) for text, number, kinds, last in rows
    ]


def _days() -> list[Day]:
    """Today (UTC) first; as far back as MOST_SUMMED calls reach."""
    since = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=DAYS - 1)
    with connection.cursor() as cursor:
        cursor.execute(DAILY, {"since": since, "given_up": GIVEN_UP, "most": MOST_SUMMED})
        rows = sorted(cursor.fetchall(), key=lambda row: (-row[0].toordinal(), -row[-1], row[1]))
    days = [Day(on, [Spent(*row[1:]) for row in of_day]) for on, of_day in groupby(rows, key=lambda row: row[0])]
    if sum(day.together.calls for day in days) == MOST_SUMMED:
        days[-1] = replace(days[-1], is_whole=False)
    return days


def _health() -> list[Health]:
    with connection.cursor() as cursor:
        cursor.execute(
            HEALTH, {"limited": RATE_LIMITED, "given_up": GIVEN_UP, "answered": list(ANSWERED), "most": MOST_CALLS}
        )
        return [Health(*row) for row in cursor.fetchall()]
