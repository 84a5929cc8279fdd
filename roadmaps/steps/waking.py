"""How is a cluster told that rows wait?"""

from django.conf import settings
from django.utils import timezone
from django_q.models import OrmQ
from django_q.tasks import async_task


def most_drains(queue: str) -> int:
    """Drains that may run at once in one cluster; the logs cluster keeps a worker free for log lines and sweeps."""
    workers: int = settings.CONNECTION_BUDGET.service(queue).processes
    return max(1, workers - 1) if queue == "logs" else workers


def wake(queue: str) -> None:
    """Enqueue a wake-up in the caller's transaction, unless enough wait to be picked up.

    The row that shall be found and its wake-up are committed together, so a worker never looks too early. A
    wake-up that is lost all the same is replaced by the next sweep.
    """
    if _waiting(queue) < most_drains(queue):
        async_task("roadmaps.tasks.drain", queue, cluster=queue, task_name=f"drain {queue}")


def wake_another(queue: str) -> None:
    """Enqueue one more wake-up while fewer than one a worker are outstanding, those being worked on included."""
    if OrmQ.objects.filter(key=queue).count() < most_drains(queue):
        async_task("roadmaps.tasks.drain", queue, cluster=queue, task_name=f"drain {queue}")


def is_one_too_many(queue: str) -> bool:
    """Whether the caller, itself a picked-up wake-up, should leave the work to the drains that run already."""
    if queue != "logs":
        return False
    return OrmQ.objects.filter(key=queue, lock__gt=timezone.now()).count() > most_drains(queue)


def _waiting(queue: str) -> int:
    return OrmQ.objects.filter(key=queue, lock__lte=timezone.now()).count()
