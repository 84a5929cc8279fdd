"""What does a cluster's sentinel do for its processes, until the cluster is asked to stop or one of them dies?"""

import multiprocessing.queues
import queue
import time
from multiprocessing import Process
from typing import Any

import django_q.cluster
import structlog
from django.conf import settings
from django.db import connections
from django.utils.module_loading import import_string
from django_q.conf import Conf
from django_q.scheduler import scheduler
from django_q.tasks import async_task

from roadmap_project import process
from roadmap_project.connections import LOST_CONNECTION
from roadmap_project.process import SharedEvent

log = structlog.get_logger(__name__)

# By name: the tasks belong to an app that builds on this package. What died with its work is found by a sweep.
AT_START = "roadmaps.tasks.sweep"
SIGN_OFF = "roadmaps.steps.heartbeats.signed_off"

SCHEDULE_SECONDS = 5.0  # between looks at the schedules
LAST_WORDS_SECONDS = 1.0  # for a worker whose task timed out, to send that result
SURVIVORS_SECONDS = 17.0  # of grace at most, after a death; with what follows, the queue is served again within 30
HAND_BACK_SECONDS = 3.0  # after the grace, for steps to be stored or handed back
MONITOR_SECONDS = 1.0  # for the monitor to acknowledge the last results
STUCK_SECONDS = 2.0  # an idle process that does not end within this waits for a lock that a killed one kept

STOP = "STOP"  # Django-Q's word to whoever reads a queue


class Sentinel(django_q.cluster.Sentinel):  # type: ignore[misc]
    """Django-Q's, but with every wait bounded.

    A process that is killed may keep a lock: of the task queue, the result queue, their counters, its own timer.
    So the sentinel takes none of them without a limit, and reads what it can without.
    """

    monitor: Process
    pusher: Process
    pool: list[Any]

    def __init__(self, stop_event: SharedEvent, start_event: SharedEvent, *others: Any) -> None:
        super().__init__(stop_event, start_event, *others, start=False)
        self.event_out = SharedEvent()
        process.current.tasks = self.task_queue
        self.is_woken = False

    def spawn_process(self, target: Any, *args: Any) -> Process:
        """Fork the child with its kind already said, so that its first connection carries the right name."""
        process.current.child_kind = target.__name__
        try:
            child: Process = super().spawn_process(target, *args)
        finally:
            process.current.child_kind = ""
        child.name = target.__name__
        log.info("cluster_process_started", kind=child.name, pid=child.pid)
        return child

    def guard(self) -> None:
        """Replace children that ended as they should; stop when one died, or when the cluster is asked to.

        Asked to, it signs off: nobody is to miss it.
        """
        self.start_event.set()
        next_look = 0.0
        while not self.stop_event.wait(Conf.GUARD_CYCLE):
            if self._has_lost_one():
                self.stop_event.set(grace=min(settings.STOP_GRACE, SURVIVORS_SECONDS))
                self.stop()
                return
            # Not both in one round: the connection that a replacement closes would be reopened at once.
            if not self._replace_ended() and time.monotonic() >= next_look:
                next_look = time.monotonic() + SCHEDULE_SECONDS
                self._wake()
                scheduler(broker=self.broker)
        self.stop()
        _sign_off()

    @property
    def children(self) -> list[Process]:
        return [*self.pool, self.monitor, self.pusher]

    def _has_lost_one(self) -> bool:
        """Whether a child was killed. One that ended by itself, whatever its status, has let go of every lock."""
        killed = [child for child in self.children if (child.exitcode or 0) < 0]
        for child in killed:
            log.error("cluster_process_killed", kind=child.name, pid=child.pid, signal=-(child.exitcode or 0))
        return bool(killed)

    def _replace_ended(self) -> bool:
        ended = [child for child in self.children if child.exitcode is not None]
        timed_out = [worker for worker in self.pool if worker not in ended and _has_timed_out(worker)]
        for child in [*ended, *timed_out]:
            self._replace(child)
        return bool(ended or timed_out)

    def _replace(self, child: Process) -> None:
        """The new process begins when the old one is gone: no moment has more of them than were declared."""
        child.join(LAST_WORDS_SECONDS)
        is_stuck = child.is_alive()
        child.kill()
        child.join()
        log.warning("cluster_process_replaced", kind=child.name, pid=child.pid, status=child.exitcode, stuck=is_stuck)
        connections.close_all()
        if child is self.monitor:
            self.monitor = self.spawn_monitor()
        elif child is self.pusher:
            self.pusher = self.spawn_pusher()
        else:
            self.pool.remove(child)
            self.spawn_worker()

    def _wake(self) -> None:
        """Once per start, as soon as the database takes it: whoever ran before may have died with the queue's tasks."""
        if self.is_woken:
            return
        try:
            name = process.current.service
            async_task(AT_START, name, cluster=name, broker=self.broker, task_name=f"sweep {name}")
            self.is_woken = True
        except LOST_CONNECTION as error:
            log.warning("cluster_not_woken", reason=str(error).strip())

    def stop(self) -> None:
        """In order where that is possible in time, by SIGKILL where not; no child is left when it returns."""
        self.event_out.set()
        self._end_workers(until=self.stop_event.due + HAND_BACK_SECONDS)
        _put(self.result_queue, STOP)
        self.monitor.join(MONITOR_SECONDS)
        for child in self.children:
            if child.is_alive():
                log.warning("cluster_process_stuck", kind=child.name, pid=child.pid)
            child.kill()
            child.join()
        for each in (self.task_queue, self.result_queue):
            each.cancel_join_thread()  # nobody reads any more

    def _end_workers(self, *, until: float) -> None:
        """Wait for the pusher, then for the workers, who finish what was prefetched."""
        words = len(self.pool)
        stuck_at = time.monotonic() + STUCK_SECONDS
        while time.monotonic() < min(until, stuck_at) and any(child.is_alive() for child in (*self.pool, self.pusher)):
            if words and not self.pusher.is_alive() and _put(self.task_queue, STOP):
                words -= 1
            if any(_is_busy(worker) for worker in self.pool):
                stuck_at = time.monotonic() + STUCK_SECONDS
            time.sleep(process.POLL_SECONDS)


def _sign_off() -> None:
    """When no child is left, one of whom would say again that it lives."""
    try:
        import_string(SIGN_OFF)()
    except LOST_CONNECTION as error:
        log.warning("cluster_not_signed_off", reason=str(error).strip())


def _put(onto: Any, word: str) -> bool:
    """False where the queue is full. Past Django-Q's counter, whose lock may be lost."""
    try:
        multiprocessing.queues.Queue.put(onto, word, block=False)
    except queue.Full:
        return False
    return True


def _is_busy(worker: Any) -> bool:
    return bool(worker.is_alive() and worker.timer.get_obj().value > 0)


def _has_timed_out(worker: Any) -> bool:
    """Count the worker's timer down: positive while it is busy, 0 when its time is over."""
    lock = worker.timer.get_lock()
    if not lock.acquire(timeout=Conf.GUARD_CYCLE):
        return False
    try:
        timer = worker.timer.get_obj()
        if timer.value > 0:
            timer.value = max(0.0, timer.value - Conf.GUARD_CYCLE)
        return bool(timer.value == 0)
    finally:
        lock.release()
