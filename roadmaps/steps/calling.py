"""How are many calls kept in flight by one worker, without a database connection?"""

import asyncio
import queue
import threading
import time
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

from roadmap_project import connections
from roadmap_project.llm.asking import Answer
from roadmaps.models import Step
from roadmaps.steps import kinds

# Results that come within this time are stored together; also the least time a released connection stays closed.
COALESCING_SECONDS = 0.05
MOST_TOGETHER = 64


@dataclass(frozen=True)
class Finished:
    """A step's answer, or why there is none."""

    step: Step
    answer: Answer | None = None
    error: Exception | None = None


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


class Calls:
    """The calls of one drain. Used from one thread; the calls themselves run on the event loop's."""

    def __init__(self) -> None:
        self._results: queue.SimpleQueue[Finished] = queue.SimpleQueue()
        self._futures: dict[UUID | None, Any] = {}  # by lease: the same step may be claimed again by the same drain

    def __len__(self) -> int:
        return len(self._futures)

    def begin(self, step: Step, request: Any) -> None:
        call = kinds.definition(step.kind).call
        self._futures[step.lease_token] = asyncio.run_coroutine_threadsafe(self._run(step, call(request)), event_loop())

    async def _run(self, step: Step, call: Any) -> None:
        try:
            finished = Finished(step, answer=await call)
        except Exception as error:  # noqa: BLE001  whatever a call raises belongs to its step
            finished = Finished(step, error=error)
        self._results.put(finished)

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
        given_up = list(self._futures)
        for future in self._futures.values():
            future.cancel()
        self._futures.clear()
        return given_up
