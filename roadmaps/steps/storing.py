"""What becomes of finished calls: results, failures, and what follows from them, in one transaction."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

import psycopg
import structlog
from django.conf import settings
from django.db import connection, connections, transaction
from django.db.models import Case, F, PositiveIntegerField, TextField, Value, When
from django.db.models.functions import Greatest, Now
from django.utils import timezone
from django.utils.translation import gettext_noop

from roadmap_project.connections import LOST_CONNECTION
from roadmap_project.llm.asking import AskingFailedError, CallRecord, storable
from roadmap_project.told import kept
from roadmaps import finishing, limits
from roadmaps.models import LogEntry, ModelCall, ProviderPause, Roadmap, Step
from roadmaps.steps import claiming, kinds, recording
from roadmaps.steps.calling import Finished
from roadmaps.steps.recording import StepLog

log = structlog.get_logger(__name__)

BACK_OFF_SECONDS = (15, 60, 240)  # before the second, third and fourth attempt
LIMIT_SECONDS = (15, 300)  # the shortest and longest wait of our own for a provider that limits us
LEAST_PAUSE = 1.0  # also for a provider that says 0
LOCK_SECONDS = 3
LONGEST_REASON = 2_000  # characters: a provider may answer with a page
Result = TypeVar("Result")

EARLIER_STANDS = kept(gettext_noop("the earlier version stands"))
NOTHING_BY_ITSELF = kept(gettext_noop("nothing by itself; it can be retried"))


def patiently(work: Callable[[], Result]) -> Result:
    """Do database work again while the server refuses or drops connections, for STORE_RETRY_SECONDS at most.

    A paid answer is in hand: it is not thrown away because the database restarts. `work` must be safe to repeat, so
    it is one transaction.
    """
    until = time.monotonic() + settings.STORE_RETRY_SECONDS
    wait = 0.2
    while True:
        try:
            return work()
        except LOST_CONNECTION as error:
            connections.close_all()
            if time.monotonic() + wait > until:
                raise
            log.warning("database_unreachable", error=str(error).strip(), next_try_in=wait)
            time.sleep(wait)
            wait = min(wait * 2, 5.0)


def store(results: list[Finished]) -> None:
    """Store what came back, in one transaction; a result whose lease is no longer its own is refused.

    What was paid is recorded before, on its own, whatever becomes of the results. Where one of them cannot be saved, or
    somebody holds a roadmap's row, the others are stored without it. Called twice with the same results, the second
    call changes nothing. Raises what kept the last of them from being stored.
    """
    patiently(lambda: save_calls(results))
    left = list(results)
    patiently(lambda: _store(left))


def _store(left: list[Finished]) -> None:
    """Removes from the list what is stored, so that it is not done again with the rest."""
    try:
        with short_transaction():
            _store_together(left)
    except LOST_CONNECTION as error:
        parts = _by_roadmap(left)
        if len(parts) == 1 or not waited_for_a_lock(error):
            raise
        log.warning("results_stored_by_roadmap", count=len(left), reason=str(error).strip())
    except Exception as error:
        if len(left) == 1:
            _store_broken(left[0], error)
            left.clear()
            return
        parts = [[finished] for finished in left]
        log.warning("results_stored_one_by_one", count=len(left), exc_info=True)
    else:
        left.clear()
        return
    _store_parts(parts, left)


def _store_parts(parts: list[list[Finished]], left: list[Finished]) -> None:
    failure: Exception | None = None
    for part in parts:
        try:
            _store(part)
        except Exception as error:  # noqa: BLE001  it is raised when the others are stored
            failure = error
    left[:] = [finished for part in parts for finished in part]
    if failure:
        raise failure


@contextmanager
def short_transaction(lock_seconds: float | None = None) -> Iterator[None]:
    """Waits for a row that somebody holds for LOCK_SECONDS at most: answers of others are in hand."""
    milliseconds = round(1000 * (LOCK_SECONDS if lock_seconds is None else lock_seconds))
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{milliseconds}ms'")
        yield


def waited_for_a_lock(error: Exception) -> bool:
    return isinstance(error.__cause__, psycopg.errors.LockNotAvailable | psycopg.errors.QueryCanceled)


def _by_roadmap(results: list[Finished]) -> list[list[Finished]]:
    parts: dict[int, list[Finished]] = {}
    for finished in results:
        parts.setdefault(finished.step.roadmap_id, []).append(finished)
    return list(parts.values())


def _store_together(results: list[Finished]) -> None:
    locked = _locked(results)
    done: list[Step] = []
    logs = []
    for finished, step in locked:
        lines = StepLog(step)
        logs.append(lines)
        with recording.about(step):
            if not _is_its_own(finished, step):
                log.warning("result_refused", reason="the step was cancelled or claimed again")
            elif finished.answer is None:
                _store_failure(step, finished.error, lines)
            else:
                step.attempts += 1
                kinds.definition(step.kind).store(step, finished.answer, lines)
                lines.line("step_done", step.get_kind_display(), seconds=_seconds(step), attempts=step.attempts)
                step.lease_token = None
                done.append(step)
    if done:
        end_done(done)
    recording.save_lines(logs)
    finishing.settle_all({step.roadmap for _, step in locked})


def _store_broken(finished: Finished, error: Exception) -> None:
    """A result that cannot be saved, whatever is wrong with it: its step fails, so that it is not bought for ever."""
    with short_transaction():
        for _, step in _locked([finished]):
            lines = StepLog(step)
            with recording.about(step):
                log.error(f"{step.kind}_save_failed", cause=str(error), next=_after_failure(step), exc_info=error)
                if _is_its_own(finished, step):
                    step.attempts += 1
                    fail(step, f"the result could not be saved: {error}", lines)
            recording.save_lines([lines])
    try:
        with short_transaction():
            finishing.settle_all([step.roadmap for _, step in _locked([finished])])
    except LOST_CONNECTION:
        raise
    except Exception:
        log.exception("roadmap_not_settled", roadmap=finished.step.roadmap_id, next="the sweep tries it again")


def _locked(results: list[Finished]) -> list[tuple[Finished, Step]]:
    """With the rows of their steps, where there still are any, and of their roadmaps, locked."""
    rows_of_roadmaps = Roadmap.objects.select_for_update(no_key=True).order_by("pk")
    roadmaps = rows_of_roadmaps.in_bulk({finished.step.roadmap_id for finished in results})
    rows_of_steps = Step.objects.select_for_update(no_key=True, of=("self",)).order_by("pk")
    steps = rows_of_steps.select_related("concept", "feedback").in_bulk({finished.step.pk for finished in results})
    for step in steps.values():
        step.roadmap = roadmaps[step.roadmap_id]
    return [(finished, steps[finished.step.pk]) for finished in results if finished.step.pk in steps]


def _is_its_own(finished: Finished, step: Step) -> bool:
    return step.lease_token is not None and step.lease_token == finished.step.lease_token


def _store_failure(step: Step, error: BaseException | None, lines: StepLog) -> None:
    reason = storable(str(error))[:LONGEST_REASON] or type(error).__name__
    if isinstance(error, AskingFailedError) and error.is_limit:
        _store_limit(step, error.retry_after, reason, lines)
        return
    step.attempts += 1
    permanent = error.permanent if isinstance(error, AskingFailedError) else True
    retry_after = error.retry_after if isinstance(error, AskingFailedError) else None
    if retry_after is not None:
        _pause_as_asked(retry_after, reason)
    if permanent or step.attempts >= Step.MOST_ATTEMPTS:
        fail(step, reason, lines)
    else:
        put_back(step, reason, _apart(max(retry_after or 0.0, BACK_OFF_SECONDS[step.attempts - 1])), lines)


def _store_limit(step: Step, retry_after: float | None, reason: str, lines: StepLog) -> None:
    """Every claim waits as the provider asks, or a little where it does not say; the step costs itself no attempt.

    Each time it waits longer, so that a day of limiting is a few hundred calls and not thousands.
    """
    shortest, longest = LIMIT_SECONDS
    asked = _pause_as_asked(shortest if retry_after is None else retry_after, reason)
    if step.limited_for >= Step.MOST_LIMITED:
        fail(step, f"limited for {step.limited_for.total_seconds() / 3600:.0f} hours: {reason}", lines)
    else:
        wait = _apart(max(asked, min(step.limited_for.total_seconds() / 2, longest)))
        step.limited_for += timedelta(seconds=wait)
        put_back(step, reason, wait, lines)


def _apart(seconds: float) -> float:
    """A little longer, so that those of one bad moment do not all come back in the same instant."""
    return seconds * random.uniform(1, 1.25)


def _pause_as_asked(seconds: float, reason: str) -> float:
    """For how long it is: afterwards calls begin little by little."""
    asked = max(seconds, LEAST_PAUSE)
    _pause(asked, reason, in_flight=claiming.in_flight())
    return asked


def _pause(seconds: float, reason: str, *, in_flight: int | None = None) -> None:
    """Never shorter than what was asked before; `in_flight` calls are what it began with, however many are refused.

    A pause soon after another began with few: what there were before counts by half, so that a long limit slows down
    step by step and speed comes back as it went.
    """
    until = Now() + timedelta(seconds=seconds)
    pause, is_new = ProviderPause.objects.get_or_create(
        provider=settings.LLM_PROVIDER, defaults={"until": until, "reason": reason[:500], "in_flight": in_flight}
    )
    if not is_new:
        is_longer = When(until__lt=until, then=Value(reason[:500], TextField()))
        before = Case(
            When(until__gt=Now() - timedelta(seconds=claiming.RAMP_ENDS), then=F("in_flight") / 2), default=Value(0)
        )
        is_new_one = When(until__lt=Now(), then=Greatest(Value(in_flight, PositiveIntegerField()), before))
        ProviderPause.objects.filter(pk=pause.pk).update(
            until=Greatest("until", until),
            reason=Case(is_longer, default=F("reason")),
            in_flight=Case(is_new_one, default=F("in_flight")),
        )


def pause_when_spent() -> None:
    """Every claim waits until tomorrow when the installation's day has cost what it may."""
    if limits.is_spent():
        _pause(limits.seconds_left_today(), limits.SPENT)


def resume_when_not_spent() -> None:
    """End the pause of a limit that is higher now; what a provider asked for is no concern of it."""
    paused = ProviderPause.objects.filter(reason=limits.SPENT, until__gt=Now())
    if paused.exists() and not limits.is_spent():
        paused.delete()
        log.info("pause_of_cost_ended")


def put_back(step: Step, reason: str, seconds: float, lines: StepLog) -> None:
    """Waiting again, not before some seconds from now."""
    step.state, step.last_error = Step.State.WAITING, reason
    step.lease_token, step.lease_expires_at = None, None
    step.not_before = timezone.now() + timedelta(seconds=seconds)
    step.save(
        update_fields=[
            "state",
            "last_error",
            "lease_token",
            "lease_expires_at",
            "not_before",
            "attempts",
            "limited_for",
        ]
    )
    lines.line(
        "step_put_back",
        reason,
        level=LogEntry.Level.WARNING,
        attempts=step.attempts,
        next_try_in_seconds=round(seconds),
        next=f"tried again in {seconds:.0f} seconds; {step.attempts} of {Step.MOST_ATTEMPTS} attempts are used",
    )


def fail(step: Step, reason: str, lines: StepLog) -> None:
    """Failed for good, until a person retries. A rewrite that fails leaves the earlier version standing and done."""
    end(step, Step.State.DONE if step.is_rewrite else Step.State.FAILED, error=storable(reason)[:LONGEST_REASON])
    lines.line(
        "step_failed",
        step.last_error,
        level=LogEntry.Level.ERROR,
        attempts=step.attempts,
        losses=step.losses,
        next=_after_failure(step),
    )
    kinds.definition(step.kind).fail(step, step.last_error, lines)


def _after_failure(step: Step) -> str:
    return EARLIER_STANDS if step.is_rewrite else NOTHING_BY_ITSELF


def end(step: Step, state: str, *, error: str = "") -> None:
    step.state, step.last_error, step.finished_at = state, error, timezone.now()
    step.lease_token, step.lease_expires_at, step.not_before = None, None, None
    step.save(
        update_fields=[
            "state",
            "finished_at",
            "lease_token",
            "lease_expires_at",
            "not_before",
            "last_error",
            "attempts",
            "losses",
        ]
    )


def end_done(steps: list[Step]) -> None:
    """All of them with one statement; each has used one attempt more."""
    Step.objects.filter(pk__in=[step.pk for step in steps]).update(
        state=Step.State.DONE,
        last_error="",
        finished_at=timezone.now(),
        lease_token=None,
        lease_expires_at=None,
        not_before=None,
        attempts=F("attempts") + 1,
    )


def save_calls(results: list[Finished]) -> None:
    """Once each, however often a result is stored; also those of a refused result: they were paid for.

    What cannot be told of a roadmap, because it is gone or somebody holds its row, is recorded without one: the day's
    cost counts it.
    """
    if _are_saved(results):
        return
    for part in _by_roadmap(results):
        if not _are_saved(part):
            for finished in part:
                _are_saved([finished], of_nobody=True)


def _are_saved(results: list[Finished], *, of_nobody: bool = False) -> bool:
    try:
        rows = [row for each in results for row in recording.model_calls(each.step, _calls_of(each))]
        for row in rows if of_nobody else ():
            row.roadmap_id = row.concept_id = None
        with short_transaction():
            ModelCall.objects.bulk_create(rows, ignore_conflicts=True)
    except LOST_CONNECTION as error:
        if not waited_for_a_lock(error):
            raise
        log.warning("model_calls_wait_for_a_lock", reason=str(error).strip())
        return False
    except Exception:
        log.exception("model_calls_not_saved", steps=[each.step.pk for each in results])
        return False
    return True


def _calls_of(finished: Finished) -> list[CallRecord]:
    return finished.answer.calls if finished.answer else getattr(finished.error, "calls", [])


def _seconds(step: Step) -> float | None:
    return round((timezone.now() - step.started_at).total_seconds(), 2) if step.started_at else None
