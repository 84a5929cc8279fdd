"""Which waiting steps does this worker take next?"""

import os
import socket
from collections.abc import Collection
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count, F, Min
from django.db.models.functions import Now
from django.db.models.query import prefetch_related_objects

from roadmaps.models import ProviderPause, Step

MODEL_QUEUES = ("content", "workflow")
MOST_MADE_READY = 500  # at one claim; the next one takes the rest

# Advisory locks, any numbers that nobody else uses: what is counted under them must not change meanwhile.
IN_FLIGHT_LOCK = 7_364_001
LAST_WORKER_LOCK = 7_364_002

# Before a claim, which then finds all that is due in one order, and reads none of what is not due yet.
MAKE_READY = """
WITH due AS MATERIALIZED (
    SELECT id FROM roadmaps_step
    WHERE state = 'waiting' AND queue = %(queue)s AND not_before <= now()
    ORDER BY not_before
    LIMIT %(most)s
    FOR UPDATE SKIP LOCKED
)
UPDATE roadmaps_step step SET not_before = NULL FROM due WHERE step.id = due.id
"""

# The CTE is materialised: a plain `IN (SELECT … LIMIT n FOR UPDATE SKIP LOCKED)` may be run again and claim more.
CLAIM = """
WITH picked AS MATERIALIZED (
    SELECT id FROM roadmaps_step
    WHERE state = 'waiting' AND queue = %(queue)s AND not_before IS NULL
      AND NOT EXISTS (SELECT 1 FROM roadmaps_providerpause WHERE provider = %(provider)s AND until > now())
    ORDER BY rank, id
    LIMIT %(slots)s
    FOR UPDATE SKIP LOCKED
)
UPDATE roadmaps_step step
SET state = 'running', worker = %(worker)s, lease_token = gen_random_uuid(), lease_expires_at = now() + %(lease)s,
    started_at = now(), finished_at = NULL
FROM picked WHERE step.id = picked.id
RETURNING step.*
"""


def claim(queue: str, slots: int) -> list[Step]:
    """Take up to `slots` due steps, best rank first, each with a fresh lease; in a transaction of its own.

    Two workers never get the same step. Gives nothing while the queue's provider asked us to wait, and no more than
    LLM_MAX_IN_FLIGHT leaves over all workers. On the logs queue one worker stays free for log lines and sweeps.
    """
    uses_model = queue in MODEL_QUEUES
    with transaction.atomic():
        if uses_model and settings.LLM_MAX_IN_FLIGHT:
            slots = min(slots, _free_in_installation(queue))
        if slots <= 0 or (queue == "logs" and _is_last_free_worker(queue)):
            return []
        with connection.cursor() as cursor:
            cursor.execute(MAKE_READY, {"queue": queue, "most": MOST_MADE_READY})
        steps = list(
            Step.objects.raw(
                CLAIM,
                {
                    "queue": queue,
                    "provider": settings.LLM_PROVIDER if uses_model else "",
                    "slots": slots,
                    "worker": _worker(),
                    "lease": timedelta(seconds=settings.LEASE_SECONDS),
                },
            )
        )
        prefetch_related_objects(steps, "roadmap", "concept__module__stage", "concept__prerequisites", "feedback")
    return sorted(steps, key=lambda step: (step.rank, step.pk))


def held(steps: Collection[Step]) -> set[UUID | None]:
    """The leases of these that count still: neither cancelled nor claimed anew. One query."""
    now = dict(Step.objects.filter(pk__in={step.pk for step in steps}).values_list("pk", "lease_token"))
    return {step.lease_token for step in steps if step.lease_token and now.get(step.pk) == step.lease_token}


def _worker() -> str:
    return f"{socket.gethostname()[:80]}:{os.getpid()}"


def _free_in_installation(queue: str) -> int:
    """Places that the installation's cap leaves this queue.

    While another queue waits, a quarter of them is not for this one: a long backlog of pieces would let no new
    roadmap be designed, since whoever stores a result claims its place again at once.
    """
    _one_at_a_time(IN_FLIGHT_LOCK)
    most = int(settings.LLM_MAX_IN_FLIGHT)
    counted = Step.objects.filter(state=Step.State.RUNNING, queue__in=MODEL_QUEUES).order_by().values_list("queue")
    running = dict.fromkeys(MODEL_QUEUES, 0) | dict(counted.annotate(Count("pk")))
    free = most - sum(running.values())
    own_share = most - max(1, most // 4) if most > 1 else most
    if free > 0 and own_share - running[queue] < free and any(_is_due(each) for each in running if each != queue):
        return own_share - running[queue]
    return free


def _is_due(queue: str) -> bool:
    return seconds_until_due(queue) == 0


def _is_last_free_worker(queue: str) -> bool:
    """Whether every other worker of the queue holds steps."""
    _one_at_a_time(LAST_WORKER_LOCK)
    service = settings.CONNECTION_BUDGET.service(queue)
    others = Step.objects.filter(state=Step.State.RUNNING, queue=queue).exclude(worker=_worker())
    return others.values("worker").distinct().count() >= max(1, (service.processes - 1) * service.replicas)


def _one_at_a_time(lock: int) -> None:
    """Until the transaction ends, so that two claims cannot both take the last place."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [lock])


def seconds_until_due(queue: str) -> float | None:
    """How long until a waiting step may be claimed, 0 when one is due now; None when none waits."""
    waiting = Step.objects.waiting().filter(queue=queue)
    # Ordered, so that the index is read: a plain EXISTS may look for the row from the table's beginning.
    is_ready = waiting.filter(not_before__isnull=True).order_by("rank", "pk").values_list("pk").first() is not None
    due = timedelta() if is_ready else waiting.aggregate(in_time=Min("not_before") - Now())["in_time"]
    return None if due is None else float(max(0.0, due.total_seconds(), _pause_seconds(queue)))


def _pause_seconds(queue: str) -> float:
    if queue not in MODEL_QUEUES:
        return 0.0
    pause = (
        ProviderPause.objects.filter(provider=settings.LLM_PROVIDER).values_list(F("until") - Now(), flat=True).first()
    )
    return float(pause.total_seconds()) if pause else 0.0
