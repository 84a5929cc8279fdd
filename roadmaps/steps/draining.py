"""How does a worker work a queue off: many calls in flight, one thread that uses the database?"""

import math
import time
from collections.abc import Collection
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction

from roadmap_project import process
from roadmap_project.connections import LOST_CONNECTION, connection_released
from roadmaps.models import Step
from roadmaps.steps import claiming, heartbeats, kinds, recording, sweeping, waking
from roadmaps.steps.calling import COALESCING_SECONDS, Calls, Finished
from roadmaps.steps.storing import patiently, pause_when_spent, save_calls, store

log = structlog.get_logger(__name__)

# Between claims while slots are free and something waits, and between looks whether calls may go on.
CLAIM_SECONDS = 2.0
RELEASE_SECONDS = 0.25  # a quiet time after which the connection is given up; sooner, reopening would cost the bound
LISTEN_SECONDS = 0.4  # between looks at the stop event
BEAT_SECONDS = 20.0
COST_SECONDS = 5.0  # between looks at what the day has cost, which read every call of the day;
COST_SHARE = 0.02  # of a worker's time, at most
MOST_NAMED = 100  # steps in one line of the log


def drain(queue: str) -> int:
    """Work the queue off for about DRAIN_SECONDS; returns how many results were stored.

    Two drains of one queue share its rows. Ends early when nothing waits, or when the cluster stops: what has not
    answered within the stop's grace is handed back.
    """
    if process.is_stopping():
        waking.wake_another(queue)  # another cluster of the queue, or the next one
        return 0
    return _Drain(queue).run()


def _hand_back(leases: Collection[UUID | None]) -> list[int]:
    """The steps that held these leases still, and wait again."""
    steps = Step.objects.filter(lease_token__in=leases, state=Step.State.RUNNING)
    with transaction.atomic():
        handed = list(steps.select_for_update(no_key=True).order_by("pk").values_list("pk", flat=True))
        steps.hand_back()
    return handed


class _Drain:
    def __init__(self, queue: str) -> None:
        self.queue = queue
        self.slots = settings.CONNECTION_BUDGET.service(queue).in_flight
        self.calls = Calls()
        self.stored = 0
        self.claims_until = time.monotonic() + settings.DRAIN_SECONDS
        self.next_claim = 0.0
        self.next_due = 0.0  # when there is something to claim without being woken for it
        self.next_beat = 0.0
        self.next_look = 0.0
        self.next_cost = 0.0
        self.stops_at: float | None = None
        self.unbegun: set[UUID | None] = set()  # leases of claimed steps whose call has not begun
        self.leaves_it_to_others = False

    def run(self) -> int:
        try:
            while self._work():
                pass
            self._store_what_came()
        finally:
            self._hand_back()
        patiently(self._wake_a_successor)
        if given_up := self.calls.given_up():
            patiently(lambda: save_calls(given_up))
        return self.stored

    def _work(self) -> bool:
        """One round: claim, wait, store. False when the drain is over."""
        self._notice_stop()
        self._beat()
        if self._may_claim():
            self._claim()
        self._let_go_on()
        if self.stops_at is not None and time.monotonic() >= self.stops_at:
            return False
        if not self.calls:
            return self._wait_until_due()
        results = self._wait_for_results()
        if results:
            self._store(results)
            self.next_claim = self.next_due = 0.0
        return True

    def _store(self, results: list[Finished]) -> None:
        try:
            store(results)
        except BaseException as error:
            self.unbegun |= {finished.step.lease_token for finished in results}  # handed back with the rest
            for finished in results:
                with recording.about(finished.step):
                    log.error(f"{finished.step.kind}_save_failed", cause=str(error).strip(), next="it is done again")
            raise
        self.stored += len(results)
        self._mind_the_cost()

    def _mind_the_cost(self) -> None:
        began = time.monotonic()
        if began >= self.next_cost:
            patiently(pause_when_spent)
            now = time.monotonic()
            self.next_cost = now + max(COST_SECONDS, (now - began) / COST_SHARE)

    def _notice_stop(self) -> None:
        if self.stops_at is None and (stops_at := process.stops_at()) is not None:
            self.stops_at = stops_at
            grace = round(stops_at - time.monotonic(), 1)
            log.info("drain_stopping", queue=self.queue, in_flight=len(self.calls), grace=grace)

    def _beat(self) -> None:
        """Heartbeat and sweep; with all slots full, the only reason to open a connection before an answer comes."""
        if time.monotonic() >= self.next_beat:
            self.next_beat = time.monotonic() + BEAT_SECONDS
            patiently(lambda: heartbeats.picked_up(self.queue))
            self._sweep_when_due()
            self.next_due = 0.0

    def _sweep_when_due(self) -> None:
        """One that fails, for whatever reason, is left to the next: no call in flight is given up for it."""
        try:
            sweeping.sweep_when_due(self.queue)
        except Exception:
            log.exception("sweep_failed", queue=self.queue, next=sweeping.NEXT_SWEEP)

    def _let_go_on(self) -> None:
        """Before a call asks its provider once more (a repair, another try) it asks whether the step is still ours."""
        if self.calls.is_asking:
            self.next_look = time.monotonic() + CLAIM_SECONDS
            self.calls.tell(lambda steps: patiently(lambda: claiming.held(steps)))

    def _may_claim(self) -> bool:
        now = time.monotonic()
        has_time = self.stops_at is None and now < self.claims_until
        is_time = now >= self.next_claim and (now >= self.next_due or process.is_woken())
        return has_time and is_time and len(self.calls) < self.slots

    def _claim(self) -> None:
        free = self.slots - len(self.calls)
        steps = patiently(lambda: claiming.claim(self.queue, free))
        self.next_claim = time.monotonic() + CLAIM_SECONDS
        if len(steps) == free:
            patiently(lambda: waking.wake_another(self.queue))
        else:
            due_in = patiently(lambda: claiming.seconds_until_due(self.queue))
            self.next_due = math.inf if due_in is None else time.monotonic() + due_in
        self.leaves_it_to_others = not steps
        self.unbegun |= {step.lease_token for step in steps}
        for step in steps:
            with recording.about(step):
                self._begin(step)
            self.unbegun.discard(step.lease_token)

    def _begin(self, step: Step) -> None:
        try:
            request = patiently(lambda: kinds.definition(step.kind).prepare(step))
        except LOST_CONNECTION:
            raise
        except Exception as error:
            log.exception("step_prepare_failed")
            self._store([Finished(step, error=error)])
        else:
            self.calls.begin(step, request)

    def _wait_for_results(self) -> list[Finished]:
        """Keep the connection for a moment, then wait without one."""
        results = self.calls.wait(RELEASE_SECONDS)
        if results or self.calls.is_asking:
            return results
        with connection_released():
            least = time.monotonic() + COALESCING_SECONDS
            while not results and not self._is_called_away():
                results = self.calls.wait(LISTEN_SECONDS)
            time.sleep(max(0.0, least - time.monotonic()))  # reopened at once, the server would count two
        return results

    def _is_called_away(self) -> bool:
        if self.calls.is_asking and time.monotonic() >= self.next_look:
            return True
        if self.stops_at is not None:
            return time.monotonic() >= self.stops_at
        return process.is_stopping() or self._may_claim() or time.monotonic() >= self.next_beat

    def _wait_until_due(self) -> bool:
        """With nothing in flight: wait for a step that becomes due in the drain's time. False when there is none."""
        if self.stops_at is not None:
            return False
        due_in = patiently(lambda: claiming.seconds_until_due(self.queue))
        if due_in is None or time.monotonic() + due_in >= self.claims_until or self._is_superfluous(due_in):
            return False
        # An empty claim of due rows (the cap is reached) set the next one already: not sooner.
        wanted = max(self.next_claim, time.monotonic() + max(due_in, RELEASE_SECONDS))
        self.next_due = min(wanted, self.claims_until)
        with connection_released():
            while not self._is_called_away() and time.monotonic() < self.next_due:
                time.sleep(min(LISTEN_SECONDS, max(0.01, self.next_due - time.monotonic())))
        return True

    def _is_superfluous(self, due_in: float) -> bool:
        """On the logs queue: the other workers hold what is due, and this one must be free for log lines."""
        return self.queue == "logs" and due_in == 0 and self.leaves_it_to_others

    def _store_what_came(self) -> None:
        """At the end of a stop's grace: what has answered is stored, not bought again."""
        while results := self.calls.wait(0):
            self._store(results)

    def _hand_back(self) -> None:
        given_up = [*self.calls.give_up(), *self.unbegun]
        if given_up:
            handed = patiently(lambda: _hand_back(given_up))
            log.info("steps_handed_back", queue=self.queue, count=len(handed), steps=handed[:MOST_NAMED])

    def _wake_a_successor(self) -> None:
        with transaction.atomic():
            due_in = claiming.seconds_until_due(self.queue)
            if due_in is not None and due_in < 1 and not self._is_superfluous(due_in):
                waking.wake_another(self.queue)
