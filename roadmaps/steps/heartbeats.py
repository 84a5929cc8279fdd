"""Who says that a queue is served? Its workers, and nobody else: a sentinel lives on when nothing is done."""

import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Manager
from django.db.models.functions import Now

from roadmap_project import process
from roadmap_project.connection_budget import CLUSTER_NAMES
from roadmaps.models import ClusterHeartbeat, QueueHeartbeat

# Each cluster sweeps every minute, which counts as a pick-up, and is back half a minute after a death.
UNSERVED_AFTER = timedelta(seconds=120)
FORGOTTEN_AFTER = timedelta(hours=1)  # a cluster that a deploy or a smaller fleet took away


def picked_up(queue: str) -> None:
    """Waits for nobody: answers of models may be in the caller's hand."""
    _note(QueueHeartbeat.objects, {"queue": queue}, picked_up_at=Now())
    _of_this_cluster(queue)


def swept(queue: str) -> None:
    """Forgets clusters that are long gone, too."""
    _note(QueueHeartbeat.objects, {"queue": queue}, picked_up_at=Now(), swept_at=Now())
    _of_this_cluster(queue)
    with transaction.atomic():
        gone = ClusterHeartbeat.objects.filter(queue=queue, picked_up_at__lt=Now() - FORGOTTEN_AFTER)
        ClusterHeartbeat.objects.filter(pk__in=gone.select_for_update(skip_locked=True).values("pk")).delete()


def taken(queue: str) -> QueueHeartbeat | None:
    """The queue's row, locked until the transaction ends; None where somebody holds it."""
    rows = QueueHeartbeat.objects.filter(queue=queue)
    if not rows.exists():
        QueueHeartbeat.objects.bulk_create([QueueHeartbeat(queue=queue)], ignore_conflicts=True)
    return rows.select_for_update(skip_locked=True).first()


def signed_off() -> None:
    """This cluster was asked to stop, and has."""
    ClusterHeartbeat.objects.filter(queue=process.current.service, cluster=process.current.cluster).delete()


def _of_this_cluster(queue: str) -> None:
    if process.current.cluster:
        process.current.beaten_at.value = time.monotonic()
        _note(ClusterHeartbeat.objects, {"queue": queue, "cluster": process.current.cluster}, picked_up_at=Now())


def _note(rows: Manager[Any], row: dict[str, str], **moments: Now) -> None:
    """Passes over a row that somebody holds: whoever does notes something there, too."""
    with transaction.atomic():
        free = rows.select_for_update(skip_locked=True).filter(**row)
        is_noted = rows.filter(pk__in=free.values("pk")).update(**moments)
        if not is_noted and not rows.filter(**row).exists():  # beside a held one an insert would wait
            rows.bulk_create([rows.model(**row, **moments)], ignore_conflicts=True)


@dataclass(frozen=True)
class Cluster:
    """One of those that serve a queue, or did until lately."""

    queue: str
    name: str
    seconds_since_pick_up: float

    @property
    def is_serving(self) -> bool:
        return self.seconds_since_pick_up <= UNSERVED_AFTER.total_seconds()


def clusters() -> list[Cluster]:
    """One query; by queue, and those that served last first."""
    rows = ClusterHeartbeat.objects.annotate(age=Now() - F("picked_up_at")).order_by("queue", "-picked_up_at")
    return [Cluster(row.queue, row.cluster, _seconds(row.age) or 0.0) for row in rows]


def ages() -> dict[str, dict[str, float | None]]:
    """Seconds since each queue's last pick-up and last sweep, by the database's clock; None for never."""
    rows = QueueHeartbeat.objects.annotate(picked_up=Now() - F("picked_up_at"), swept=Now() - F("swept_at"))
    found = {row.queue: row for row in rows}
    return {
        queue: {
            "seconds_since_pick_up": _seconds(getattr(found.get(queue), "picked_up", None)),
            "seconds_since_sweep": _seconds(getattr(found.get(queue), "swept", None)),
        }
        for queue in CLUSTER_NAMES
    }


def unserved(by_queue: dict[str, dict[str, float | None]] | None = None) -> list[tuple[str, float | None]]:
    """The queues that no worker serves now, each with the seconds since one last did; None for never.

    One query, or none where the ages are known already.
    """
    found = [(queue, age["seconds_since_pick_up"]) for queue, age in (by_queue or ages()).items()]
    return [(queue, age) for queue, age in found if age is None or age > UNSERVED_AFTER.total_seconds()]


def _seconds(age: timedelta | None) -> float | None:
    return None if age is None else round(age.total_seconds(), 1)
