"""Which waiting steps does this worker take next?"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count, F, Min, QuerySet
from django.db.models.functions import Now
from django.db.models.query import prefetch_related_objects

from roadmap_project import process
from roadmaps.models import ProviderPause, Step

MODEL_QUEUES = ("content", "workflow")
MOST_MADE_READY = 500  # at one claim; the next one takes the rest

# Advisory locks, any numbers that nobody else uses: what is counted under them must not change meanwhile.
IN_FLIGHT_LOCK = 7_364_001
LAST_WORKER_LOCK = 7_364_002

# After a provider's pause, until as many calls as before may be in flight; from then on it doubles in as many.
RAMP_SECONDS = 20
RAMP_ENDS = 200

# Before a claim, which then finds all that is due in one order, and reads none of what is not due yet. Gives what the
# provider asked for.
MAKE_READY = """
WITH due AS MATERIALIZED (
    SELECT id FROM roadmaps_step
    WHERE state = 'waiting' AND queue = %(queue)s AND not_before <= now()
    ORDER BY not_before
    LIMIT %(most)s
    FOR UPDATE SKIP LOCKED
), made_ready AS (
    UPDATE roadmaps_step step SET not_before = NULL FROM due WHERE step.id = due.id
)
SELECT until, in_flight, extract(epoch FROM now() - until)::float
FROM roadmaps_providerpause WHERE provider = %(provider)s
"""

# The CTE is materialised: a plain `IN (SELECT … LIMIT n FOR UPDATE SKIP LOCKED)` may be run again and claim more.
CLAIM = """
WITH picked AS MATERIALIZED (
    SELECT id FROM roadmaps_step
    WHERE state = 'waiting' AND queue = %(queue)s AND not_before IS NULL
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

    Two workers never get the same step. Gives nothing while the queue's provider asked us to wait, few at first when
    that is over, and no more than LLM_MAX_IN_FLIGHT leaves over all workers. On the logs queue one worker stays free
    for log lines and sweeps.
    """
    with transaction.atomic():
        if queue == "logs" and _is_last_free_worker(queue):
            return []
        pause = _make_ready(queue)
        if queue in MODEL_QUEUES:
            slots = min([slots, *_places(queue, pause)])
        if slots <= 0:
            return []
        steps = list(
            Step.objects.raw(
                CLAIM,
                {
                    "queue": queue,
                    "slots": slots,
                    "worker": process.address(),
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


@dataclass(frozen=True)
class _Pause:
    until: datetime
    in_flight: int | None
    seconds_over: float  # negative while it lasts

    @property
    def most_begun_since(self) -> int | None:
        """Calls that may be in flight of those begun since its end; None: any number."""
        if self.seconds_over < 0:
            return 0
        if self.in_flight is None or self.seconds_over >= RAMP_ENDS:
            return None
        times = self.seconds_over / RAMP_SECONDS
        return 1 + int(self.in_flight * (times if times < 1 else 2 ** (times - 1)))


def _make_ready(queue: str) -> _Pause | None:
    with connection.cursor() as cursor:
        cursor.execute(MAKE_READY, {"queue": queue, "most": MOST_MADE_READY, "provider": settings.LLM_PROVIDER})
        row = cursor.fetchone()
    return _Pause(*row) if row else None


def _in_flight() -> QuerySet[Step]:
    return Step.objects.filter(state=Step.State.RUNNING, queue__in=MODEL_QUEUES).order_by()


def in_flight() -> int:
    """Calls of all workers that ask a model."""
    return _in_flight().count()


def _places(queue: str, pause: _Pause | None) -> Iterator[int]:
    """How many calls may begin, by each of the rules that there are."""
    most_begun = pause.most_begun_since if pause else None
    if settings.LLM_MAX_IN_FLIGHT or most_begun:
        _one_at_a_time(IN_FLIGHT_LOCK)
    if settings.LLM_MAX_IN_FLIGHT:
        yield _share(queue, int(settings.LLM_MAX_IN_FLIGHT), _in_flight())
    if pause and most_begun is not None:
        yield most_begun and _share(queue, most_begun, _in_flight().filter(started_at__gt=pause.until))


def _share(queue: str, most: int, calls: QuerySet[Step]) -> int:
    """How many of these calls, of which there may be so many, this queue may add.

    While another queue waits, a quarter of them is not for this one: a long backlog of pieces would let no new
    roadmap be designed, since whoever stores a result claims its place again at once. A single place is for designs.
    """
    running = dict.fromkeys(MODEL_QUEUES, 0) | dict(calls.values_list("queue").annotate(Count("pk")))
    free = most - sum(running.values())
    for_others = max(1, most // 4) if most > 1 or queue == "content" else 0
    own_share = most - for_others
    if free > 0 and own_share - running[queue] < free and any(_is_due(each) for each in running if each != queue):
        return own_share - running[queue]
    return free


def _is_due(queue: str) -> bool:
    return seconds_until_due(queue) == 0


def _is_last_free_worker(queue: str) -> bool:
    """Whether every other worker of the queue holds steps."""
    _one_at_a_time(LAST_WORKER_LOCK)
    service = settings.CONNECTION_BUDGET.service(queue)
    others = Step.objects.filter(state=Step.State.RUNNING, queue=queue).exclude(worker=process.address())
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
