"""What a killed process leaves locked must not hold the sentinel."""

import multiprocessing
import os
import signal
import time

import pytest
from django_q.queues import Queue

from roadmap_project import process, sentinel
from tests.engine import wait_until

fork = multiprocessing.get_context("fork")


class Worker:
    """As Django-Q's pool holds one: a process and its timer."""

    exitcode = None

    def __init__(self, seconds):
        self.timer = multiprocessing.Value("f", seconds)

    def is_alive(self):
        return True


def killed_while_it_holds(lock):
    """A process that takes the lock and is killed with it."""
    has_it = multiprocessing.Pipe()

    def hold():
        lock.acquire()
        has_it[1].send(True)
        signal.pause()

    child = fork.Process(target=hold)
    child.start()
    assert has_it[0].poll(10)
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    for end in has_it:
        end.close()


def test_a_timer_counts_down_while_its_worker_is_busy_and_never_below_nothing():
    worker = Worker(seconds=0.7)

    assert [sentinel._has_timed_out(worker) for _ in range(3)] == [False, True, True]
    assert worker.timer.value == 0


@pytest.mark.parametrize("seconds", [-1, -2], ids=["idle", "recycled"])
def test_the_timer_of_a_worker_without_a_task_stands_still(seconds):
    worker = Worker(seconds=seconds)

    assert not sentinel._has_timed_out(worker)
    assert worker.timer.value == seconds


def test_D3_a_timer_that_a_killed_worker_keeps_is_not_waited_for():
    worker = Worker(seconds=5)
    killed_while_it_holds(worker.timer.get_lock())
    before = time.monotonic()

    assert not sentinel._has_timed_out(worker)
    assert sentinel._is_busy(worker)
    assert time.monotonic() - before < 5


def test_D3_a_queue_whose_counter_a_killed_process_keeps_still_takes_a_word():
    queue = Queue(maxsize=1)
    killed_while_it_holds(queue.size.count.get_lock())

    assert sentinel._put(queue, sentinel.STOP)
    assert not sentinel._put(queue, sentinel.STOP)  # full
    queue.cancel_join_thread()
    queue.close()


@pytest.mark.django_db
def test_workers_see_the_queue_that_they_take_from(monkeypatch):
    monkeypatch.setattr(process.current, "tasks", None)
    made = sentinel.Sentinel(process.SharedEvent(), process.SharedEvent(), None)

    assert process.current.tasks is made.task_queue
    assert not process.is_woken()
    made.task_queue.put("a task")
    wait_until(process.is_woken)
