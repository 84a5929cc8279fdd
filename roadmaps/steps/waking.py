"""How is a cluster told that rows wait?"""

from django.conf import settings
from django.utils import timezone
from django_q.models import OrmQ
from django_q.tasks import async_task


def wake(queue: str) -> None:
    """Enqueue a wake-up in the caller's transaction, unless one a worker waits to be picked up already.

    The row that shall be found and its wake-up are committed together, so a worker never looks too early. A
    wake-up that is lost all the same is replaced by the next sweep.
    """
    _enqueue(queue, most_waiting=settings.CONNECTION_BUDGET.service(queue).processes)


def wake_another(queue: str) -> None:
    """Enqueue a wake-up for rows that were committed before, unless one waits already.

    Only those that wait are counted: a picked-up one whose worker was killed stays in the table for long.
    """
    _enqueue(queue, most_waiting=1)


def _enqueue(queue: str, *, most_waiting: int) -> None:
    waiting = OrmQ.objects.filter(key=queue, lock__lte=timezone.now()).order_by("lock")
    if waiting[:most_waiting].count() < most_waiting:
        async_task("roadmaps.tasks.drain", queue, cluster=queue, task_name=f"drain {queue}")
