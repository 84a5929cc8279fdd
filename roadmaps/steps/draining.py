"""How does a worker work a queue off: many calls in flight, one thread that uses the database?"""

import time

import structlog
from django.conf import settings
from django.db import transaction

from roadmap_project import process
from roadmap_project.connections import LOST_CONNECTION, connection_released
from roadmaps.models import Step
from roadmaps.steps import claiming, heartbeats, kinds, sweeping, waking
from roadmaps.steps.calling import COALESCING_SECONDS, Calls, Finished
from roadmaps.steps.storing import patiently, store

log = structlog.get_logger(__name__)

CLAIM_SECONDS = 2.0  # between claims while slots are free
RELEASE_SECONDS = 0.25  # a quiet time after which the connection is given up; sooner, reopening would cost the bound
LISTEN_SECONDS = 0.4  # between looks at the stop event
BEAT_SECONDS = 20.0


def drain(queue: str) -> int:
    """Work the queue off for about DRAIN_SECONDS; returns how many results were stored.

    Two drains of one queue share its rows. Ends early when nothing waits, or when the cluster stops: what has not
    answered within STOP_GRACE is handed back.
    """
    return 0 if process.is_stopping() else _Drain(queue).run()


class _Drain:
    def __init__(self, queue: str) -> None:
        self.queue = queue
        self.slots = settings.CONNECTION_BUDGET.service(queue).in_flight
        self.calls = Calls()
        self.stored = 0
        self.claims_until = time.monotonic() + settings.DRAIN_SECONDS
        self.next_claim = 0.0
        self.next_beat = 0.0
        self.stops_at: float | None = None

    def run(self) -> int:
        try:
            while self._work():
                pass
        finally:
            self._hand_back()
        patiently(self._wake_a_successor)
        return self.stored

    def _work(self) -> bool:
        """One round: claim, wait, store. False when the drain is over."""
        self._notice_stop()
        self._beat()
        if self._may_claim():
            self._claim()
        if self.stops_at is not None and time.monotonic() >= self.stops_at:
            return False
        if not self.calls:
            return self._wait_until_due()
        results = self._wait_for_results()
        if results:
            store(results)
            self.stored += len(results)
            self.next_claim = 0.0
        return True

    def _notice_stop(self) -> None:
        if self.stops_at is None and process.is_stopping():
            self.stops_at = time.monotonic() + settings.STOP_GRACE
            log.info("drain_stopping", queue=self.queue, in_flight=len(self.calls), grace=settings.STOP_GRACE)

    def _beat(self) -> None:
        """Heartbeat and sweep, with the next claim's connection at hand: none is reopened for them."""
        if time.monotonic() >= self.next_beat and time.monotonic() >= self.next_claim:
            self.next_beat = time.monotonic() + BEAT_SECONDS
            patiently(lambda: heartbeats.picked_up(self.queue))
            patiently(lambda: sweeping.sweep_when_due(self.queue))

    def _may_claim(self) -> bool:
        now = time.monotonic()
        has_time = self.stops_at is None and now < self.claims_until
        return has_time and now >= self.next_claim and len(self.calls) < self.slots

    def _claim(self) -> None:
        free = self.slots - len(self.calls)
        steps = patiently(lambda: claiming.claim(self.queue, free))
        self.next_claim = time.monotonic() + CLAIM_SECONDS
        if len(steps) == free:
            patiently(lambda: waking.wake_another(self.queue))
        for step in steps:
            self._begin(step)

    def _begin(self, step: Step) -> None:
        try:
            request = patiently(lambda: kinds.definition(step.kind).prepare(step))
        except LOST_CONNECTION:
            raise
        except Exception as error:
            log.exception("step_prepare_failed", step=step.pk, kind=step.kind)
            store([Finished(step, error=error)])
        else:
            self.calls.begin(step, request)

    def _wait_for_results(self) -> list[Finished]:
        """Keep the connection for a moment, then wait without one."""
        if results := self.calls.wait(RELEASE_SECONDS):
            return results
        with connection_released():
            least = time.monotonic() + COALESCING_SECONDS
            while not results and not self._is_called_away():
                results = self.calls.wait(LISTEN_SECONDS)
            time.sleep(max(0.0, least - time.monotonic()))  # reopened at once, the server would count two
        return results

    def _is_called_away(self) -> bool:
        if self.stops_at is not None:
            return time.monotonic() >= self.stops_at
        return process.is_stopping() or self._may_claim()

    def _wait_until_due(self) -> bool:
        """With nothing in flight: wait for a step that becomes due in the drain's time. False when there is none."""
        if self.stops_at is not None:
            return False
        due_in = patiently(lambda: claiming.seconds_until_due(self.queue))
        if due_in is None or time.monotonic() + due_in >= self.claims_until:
            return False
        self.next_claim = time.monotonic() + min(max(due_in, RELEASE_SECONDS), CLAIM_SECONDS)
        with connection_released():
            while not self._is_called_away():
                time.sleep(min(LISTEN_SECONDS, max(0.01, self.next_claim - time.monotonic())))
        return True

    def _hand_back(self) -> None:
        given_up = self.calls.give_up()
        if given_up:
            handed = patiently(lambda: Step.objects.filter(lease_token__in=given_up).hand_back())
            log.info("steps_handed_back", queue=self.queue, count=handed)

    def _wake_a_successor(self) -> None:
        with transaction.atomic():
            due_in = claiming.seconds_until_due(self.queue)
            if due_in is not None and due_in < 1:
                waking.wake_another(self.queue)
