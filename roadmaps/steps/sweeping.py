"""What is put right every minute, whatever died: expired leases, lost wake-ups, roadmaps that nobody finished."""

import random
from collections.abc import Callable, Iterable
from datetime import timedelta

import structlog
from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.models import OuterRef, Subquery
from django.db.models.functions import Now
from django.utils.translation import gettext_noop

from roadmap_project import process
from roadmap_project.connections import LOST_CONNECTION
from roadmap_project.told import kept
from roadmaps import finishing, mailing
from roadmaps.models import QueueHeartbeat, Roadmap, Step
from roadmaps.steps import claiming, heartbeats, recording, storing, waking
from roadmaps.steps.recording import StepLog

log = structlog.get_logger(__name__)

# Longer without a sweep than this means that the database or the cluster was away; a worker may still hold answers.
OUTAGE = timedelta(seconds=150)
INTERVAL = timedelta(seconds=60)
MOST_AT_ONCE = 500
HELD_SECONDS = 0.05  # for each further row that somebody holds, when one was waited for as long as a store waits

APART_SECONDS = 30.0  # in which they begin again, after the second loss; more after each further one
NEXT_SWEEP = "the next sweep tries it again"
WORKER_LOST = kept(gettext_noop("its worker was lost %(times)s times"))


def sweep(queue: str) -> None:
    """Idempotent, and safe beside drains and other sweeps of the same queue.

    After an outage nobody's lease is taken for STORE_RETRY_SECONDS: workers with an answer in hand are still trying
    to store it. What waits is woken for first, and a roadmap that cannot be put right keeps no other from it.
    """
    takes_leases = _begin(queue)
    storing.resume_when_not_spent()
    _replace_wake_up(queue, waking.wake)
    if takes_leases:
        _end_leases_of_the_dead(queue)
        _release_expired(queue)
    if queue == "content":
        _settle()
    if queue == "logs":
        mailing.wake_when_due()
    if takes_leases:
        _replace_wake_up(queue, waking.wake_another)  # for what has just come back


def _replace_wake_up(queue: str, wake: Callable[[str], None]) -> None:
    due_in = claiming.seconds_until_due(queue)
    if due_in is not None and due_in < 60:
        wake(queue)


def _begin(queue: str) -> bool:
    """Note the sweep; False while leases must be left alone. One transaction, so that two sweeps cannot disagree.

    Where somebody holds the heartbeat's row, another sweep does this, and leases are its affair.
    """
    with transaction.atomic():
        beat = QueueHeartbeat.objects.filter(queue=queue)
        if not heartbeats.taken(queue):
            log.warning("heartbeat_is_held", queue=queue, next=NEXT_SWEEP)
            return False
        was_away = not beat.filter(swept_at__gt=Now() - OUTAGE).exists()
        heartbeats.swept(queue)
        if was_away:
            log.info("sweep_after_pause", queue=queue)
            beat.update(takes_leases_from=Now() + timedelta(seconds=settings.STORE_RETRY_SECONDS))
        return not was_away and beat.exclude(takes_leases_from__gt=Now()).exists()


def sweep_when_due(queue: str) -> None:
    """Sweep where nobody did for a minute: with every worker draining, the scheduled sweep waits for one."""
    if not QueueHeartbeat.objects.filter(queue=queue, swept_at__gt=Now() - INTERVAL).exists():
        sweep(queue)


def _end_leases_of_the_dead(queue: str) -> None:
    """A worker that this process can see to be gone holds no answer: nobody need wait for its leases' end.

    Steps that somebody holds are passed over: the next sweep comes for them. Where one cannot be changed, all of them
    keep their leases until these end by themselves.
    """
    running = Step.objects.filter(state=Step.State.RUNNING, queue=queue).order_by()
    workers = running.values_list("worker", flat=True).distinct()
    if gone := [worker for worker in workers if process.is_gone(worker)]:
        free = running.filter(worker__in=gone).select_for_update(skip_locked=True, no_key=True)
        try:
            with transaction.atomic():
                ended = Step.objects.filter(pk__in=free.values("pk")).update(lease_expires_at=Now())
        except LOST_CONNECTION:
            raise
        except DatabaseError:
            log.exception("leases_of_dead_workers_not_ended", queue=queue, workers=gone, next=NEXT_SWEEP)
            return
        log.warning("leases_of_dead_workers_ended", queue=queue, workers=gone, steps=ended)


def _release_expired(queue: str) -> None:
    """Back to waiting with the token kept: the old worker's answer still counts until somebody claims the step anew."""
    oldest_first = Step.objects.expired().filter(queue=queue).order_by("lease_expires_at")
    expired = list(oldest_first.values_list("roadmap_id", "pk")[:MOST_AT_ONCE])

    def release(roadmap: Roadmap) -> None:
        ids = [pk for owner, pk in expired if owner == roadmap.pk]
        steps = Step.objects.expired().select_for_update(no_key=True, of=("self",)).filter(pk__in=ids)
        recording.save_lines([_lose(step, roadmap) for step in steps.select_related("concept").order_by("pk")])
        finishing.settle(roadmap)

    _put_right({roadmap_id for roadmap_id, _ in expired}, release)


def _put_right(roadmap_ids: Iterable[int], work: Callable[[Roadmap], None]) -> None:
    """Do it to each roadmap under its lock, in a transaction of its own.

    Where that fails, or somebody holds the row, it is said and left to the next sweep. Raises only where the connection
    is lost.
    """
    patience: float = storing.LOCK_SECONDS
    for pk in sorted(roadmap_ids):
        try:
            with storing.short_transaction(patience):
                work(Roadmap.objects.locked(pk))
        except Roadmap.DoesNotExist:  # erased meanwhile
            continue
        except LOST_CONNECTION as error:
            if not storing.waited_for_a_lock(error):
                raise
            patience = HELD_SECONDS
            log.warning("roadmap_is_held", roadmap=pk, reason=str(error).strip(), next=NEXT_SWEEP)
        except Exception:
            log.exception("roadmap_not_put_right", roadmap=pk, next=NEXT_SWEEP)


def _lose(step: Step, roadmap: Roadmap) -> StepLog:
    step.roadmap = roadmap
    step.losses += 1
    lines = StepLog(step)
    with recording.about(step):
        _take_back(step, lines)
    return lines


def _take_back(step: Step, lines: StepLog) -> None:
    if step.losses >= Step.MOST_LOSSES:
        storing.fail(step, WORKER_LOST % {"times": step.losses}, lines)
        return
    expired_at = str(step.lease_expires_at)
    step.state, step.lease_expires_at = Step.State.WAITING, None
    if step.losses > 1:  # held beside one that kills its workers, perhaps: the next time they are not held together
        step.not_before = Now() + timedelta(seconds=random.uniform(0, APART_SECONDS * (step.losses - 1)))
    step.save(update_fields=["state", "lease_expires_at", "losses", "not_before"])
    lines.line(
        "step_lease_expired",
        "its worker was lost; it is tried again",
        level="warning",
        losses=step.losses,
        expired_at=expired_at,
    )


def _settle() -> None:
    # A scalar subquery is asked roadmap by roadmap; an EXISTS may become a join with every waiting step.
    active = Step.objects.active().content().filter(roadmap=OuterRef("pk")).values("pk")[:1]
    looked_at = Roadmap.objects.filter(pk__in=_next_to_settle()).annotate(active_step=Subquery(active))
    unfinished = looked_at.filter(active_step__isnull=True).order_by("pk")
    _put_right(list(unfinished.values_list("pk", flat=True)), finishing.settle)


def _next_to_settle() -> list[int]:
    """Some of the roadmaps that are being written; sweep after sweep, each has its turn."""
    with transaction.atomic():
        beat = heartbeats.taken("content")
        if not beat:
            return []
        writing = Roadmap.objects.filter(state=Roadmap.State.WRITING, pk__gt=beat.settled_to).order_by("pk")
        found = list(writing.values_list("pk", flat=True)[:MOST_AT_ONCE])
        beat.settled_to = found[-1] if len(found) == MOST_AT_ONCE else 0
        beat.save(update_fields=["settled_to"])
    return found
