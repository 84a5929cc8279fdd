"""How are many calls kept in flight by one worker, without a database connection?"""

import asyncio
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any
from uuid import UUID

from roadmap_project import connections
from roadmap_project.llm import asking
from roadmap_project.llm.asking import Answer
from roadmaps.models import Step
from roadmaps.steps import kinds

# Results that come within this time are stored together; also the least time a released connection stays closed.
COALESCING_SECONDS = 0.05
MOST_TOGETHER = 64
GIVING_UP_SECONDS = 1.0  # in which a call that is given up says what it asked for


@dataclass(frozen=True)
class Finished:
    """A step's answer, or why there is none."""

    step: Step
    answer: Answer | None = None
    error: BaseException | None = None


@cache
def event_loop() -> asyncio.AbstractEventLoop:
    """This process's event loop, in a daemon thread that may not open a database connection."""
    loop = asyncio.new_event_loop()
    is_running = threading.Event()

    def run() -> None:
        connections.forbid_in_this_thread("the model calls' thread")
        loop.call_soon(is_running.set)
        loop.run_forever()

    threading.Thread(target=run, name="model-calls", daemon=True).start()
    is_running.wait()
    return loop


def _answer(future: asyncio.Future[bool], *, value: bool) -> None:
    if not future.done():  # its call may have come to its deadline
        future.set_result(value)


class Calls:
    """The calls of one drain. Used from one thread; the calls themselves run on the event loop's."""

    def __init__(self) -> None:
        self._results: queue.SimpleQueue[Finished] = queue.SimpleQueue()
        self._futures: dict[UUID | None, Any] = {}  # by lease: the same step may be claimed again by the same drain
        self._asking: queue.SimpleQueue[tuple[Step, asyncio.Future[bool]]] = queue.SimpleQueue()

    def __len__(self) -> int:
        return len(self._futures)

    def begin(self, step: Step, request: Any) -> None:
        call = kinds.definition(step.kind).call
        self._futures[step.lease_token] = asyncio.run_coroutine_threadsafe(self._run(step, call(request)), event_loop())

    async def _run(self, step: Step, call: Any) -> None:
        asking.is_still_wanted.set(lambda: self._ask_whether_wanted(step))
        try:
            finished = Finished(step, answer=await call)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001  whatever a call raises belongs to its step
            finished = Finished(step, error=error)
        self._results.put(finished)

    async def _ask_whether_wanted(self, step: Step) -> bool:
        """Ask the thread that has a database, and wait until it looks."""
        answer = asyncio.get_running_loop().create_future()
        self._asking.put((step, answer))
        return bool(await answer)

    @property
    def is_asking(self) -> bool:
        """Whether a call waits to be told if its answer is still wanted."""
        return not self._asking.empty()

    def tell(self, still_wanted: Callable[[list[Step]], set[UUID | None]]) -> None:
        """Answer all that are asking, by the leases that are still held."""
        waiting = []
        while self.is_asking:
            waiting.append(self._asking.get())
        leases = still_wanted([step for step, _ in waiting])
        for step, answer in waiting:
            event_loop().call_soon_threadsafe(partial(_answer, answer, value=step.lease_token in leases))

    def wait(self, seconds: float) -> list[Finished]:
        """What finished, waiting at most so long for the first and a moment longer for its companions."""
        found = self._get(seconds)
        if not found:
            return []
        until = time.monotonic() + COALESCING_SECONDS
        while len(found) < min(MOST_TOGETHER, len(self._futures)) and (rest := until - time.monotonic()) > 0:
            found += self._get(rest)
        for finished in found:
            del self._futures[finished.step.lease_token]
        return found

    def _get(self, seconds: float) -> list[Finished]:
        try:
            return [self._results.get(timeout=max(seconds, 0))]
        except queue.Empty:
            return []

    def give_up(self) -> list[UUID | None]:
        """Cancel what still runs; returns its leases. An answer that came meanwhile is given up, too."""
        for future in self._futures.values():
            future.cancel()
        return list(self._futures)

    def given_up(self) -> list[Finished]:
        """How those ended, so that what they asked for is recorded; without what takes longer than a second to end."""
        until = time.monotonic() + GIVING_UP_SECONDS
        found: list[Finished] = []
        while len(found) < len(self._futures) and (rest := until - time.monotonic()) > 0:
            found += self._get(rest)
        self._futures.clear()
        return found
