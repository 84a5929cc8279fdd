"""Who says that a queue is served? Its workers, and nobody else: a sentinel lives on when nothing is done."""

from datetime import timedelta

from django.db.models import F
from django.db.models.functions import Now

from roadmap_project.connection_budget import CLUSTER_NAMES
from roadmaps.models import QueueHeartbeat


def picked_up(queue: str) -> None:
    QueueHeartbeat.objects.update_or_create(queue=queue, defaults={"picked_up_at": Now()})


def swept(queue: str) -> None:
    QueueHeartbeat.objects.update_or_create(queue=queue, defaults={"picked_up_at": Now(), "swept_at": Now()})


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


def _seconds(age: timedelta | None) -> float | None:
    return None if age is None else round(age.total_seconds(), 1)
