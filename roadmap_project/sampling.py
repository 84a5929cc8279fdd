"""How did declared and observed connections go over the last hours?"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import structlog
from django.conf import settings
from django.db.models import Count, DateTimeField, F, Func, Max, Min, Value
from django.db.models.functions import Now
from django.utils import timezone

from roadmap_project import counting, purging
from roadmap_project.models import ConnectionSample

log = structlog.get_logger(__name__)

SAMPLE_EVERY = timedelta(minutes=1)  # as the schedule says; a missing sample or two is no gap

# Longer than two releases stand side by side.
LASTING_MINUTES = 20

# How long a step of the plot is, by the hours shown.
STEPS = {1: timedelta(minutes=1), 6: timedelta(minutes=2), 24: timedelta(minutes=10)}


@dataclass
class Point:
    """One step of the plot: the largest count of each service in it."""

    at: datetime
    observed: dict[str, int] = field(default_factory=dict)
    declared: int = 0  # of the budget's services; a migration and other clients come on top
    usable: int = 0
    limit: int = 0

    @property
    def total(self) -> int:
        return sum(self.observed.values())


@dataclass(frozen=True)
class Series:
    """From `start` to `end`; a step without a point was not sampled, or held two samples' room."""

    start: datetime
    end: datetime
    step: timedelta
    points: list[Point]

    @property
    def peaks(self) -> dict[str, int]:
        """The largest count of each service; a lower bound of what there was between two samples."""
        peaks: dict[str, int] = {}
        for point in self.points:
            for service, observed in point.observed.items():
                peaks[service] = max(peaks.get(service, 0), observed)
        return peaks

    def runs(self) -> list[list[Point]]:
        """The points in stretches without a gap."""
        longest = max(3 * SAMPLE_EVERY, 2 * self.step)
        runs: list[list[Point]] = []
        for point in self.points:
            if not runs or point.at - runs[-1][-1].at > longest:
                runs.append([])
            runs[-1].append(point)
        return runs


def take() -> None:
    """One query, one insert, on this thread's connection. Called twice it makes two samples, which are both true."""
    now = timezone.now()
    count = counting.count(settings.CONNECTION_BUDGET)
    ConnectionSample.objects.bulk_create(
        ConnectionSample(
            sampled_at=now,
            service=name,
            observed=observed,
            declared=counting.declared(count.budget, name),
            limit=count.budget.limit,
            usable=count.budget.usable,
        )
        for name, observed in count.observed.items()
    )


def lasting() -> dict[str, int]:
    """What each service held at least over the last LASTING_MINUTES; empty where these were not sampled throughout."""
    rows = (
        ConnectionSample.objects.filter(sampled_at__gt=Now() - timedelta(minutes=LASTING_MINUTES))
        .values_list("service")
        .annotate(Min("observed"), Count("pk"))
    )
    return {service: least for service, least, count in rows if count >= LASTING_MINUTES - 3}


def purge(*, days: int) -> int:
    """Delete what is older; returns the number of rows."""
    before = timezone.now() - timedelta(days=days)
    deleted = purging.purge(ConnectionSample.objects.filter(sampled_at__lt=before).order_by("sampled_at"))
    log.info("connection_samples_purged", count=deleted)
    return deleted


def series(*, hours: int, until: datetime | None = None) -> Series:
    """One query, which the server sums up to at most 180 steps."""
    end = until or timezone.now()
    start, step = end - timedelta(hours=hours), STEPS[hours]
    of_budget = {service.name for service in settings.CONNECTION_BUDGET.services}
    points: dict[datetime, Point] = {}
    rows = (
        ConnectionSample.objects.filter(sampled_at__gt=start, sampled_at__lte=end)
        .annotate(
            at=Func(
                Value(step),
                F("sampled_at"),
                Value(datetime(2000, 1, 1, tzinfo=UTC)),
                function="date_bin",
                output_field=DateTimeField(),
            )
        )
        .values_list("at", "service")
        .annotate(Max("observed"), Max("declared"), Max("usable"), Max("limit"))
        .order_by("at")
    )
    for at, service, observed, declared, usable, limit in rows:
        point = points.setdefault(at, Point(at=at))
        point.observed[service] = observed
        point.declared += declared if service in of_budget else 0
        point.usable, point.limit = max(point.usable, usable), max(point.limit, limit)
    return Series(start=start, end=end, step=step, points=list(points.values()))
