"""A queue that cannot be read for a while, and one whose clusters each look at themselves."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import OperationalError, connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.module_loading import import_string
from django_q.brokers import get_broker
from django_q.models import OrmQ
from django_q.signing import SignedPackage

from roadmap_project import broker, process
from tests.engine import in_thread, wait_until

pytestmark = pytest.mark.django_db


@pytest.fixture
def away(monkeypatch):
    """How many queries of the queue fail from now on."""
    monkeypatch.setattr(broker, "WAIT_SECONDS", 0)
    monkeypatch.setattr(broker.connections, "close_all", lambda: None)  # the test's transaction lives in it
    failures = []
    original = broker.ORM.get_connection

    def fail_first(list_key=None):
        if failures:
            raise failures.pop()
        return original(list_key)

    monkeypatch.setattr(broker.ORM, "get_connection", staticmethod(fail_first))
    return lambda times: failures.extend([OperationalError("the connection is lost")] * times)


def test_A14_a_queue_that_cannot_be_read_is_read_again_later(away):
    queue = get_broker("content")
    queue.enqueue("task")
    away(1)

    assert queue.dequeue() is None
    [(_, payload)] = queue.dequeue()
    assert payload == "task"


def test_A14_an_acknowledgement_is_repeated_until_the_database_takes_it(away):
    queue = get_broker("content")
    number = queue.enqueue("task")
    away(3)

    queue.acknowledge(number)

    assert not OrmQ.objects.exists()


def test_an_acknowledgement_is_not_repeated_for_ever(away, settings):
    settings.STORE_RETRY_SECONDS = 0
    queue = get_broker("content")
    away(1000)

    with pytest.raises(OperationalError):
        queue.acknowledge(1)


@pytest.mark.django_db(transaction=True)
def test_a_waiting_cluster_is_told_of_a_task_and_asks_nothing_meanwhile(monkeypatch):
    monkeypatch.setattr(broker, "LOOK_SECONDS", 60)
    queue = get_broker("content")
    assert queue.dequeue() is None  # listens from now on
    asked = []

    def note(execute, sql, parameters, many, context):
        asked.append(sql)
        return execute(sql, parameters, many, context)

    with ThreadPoolExecutor(1) as pool, connection.execute_wrapper(note):
        waiting = pool.submit(enqueue_later, "content", lambda: len(asked) > 0)
        assert queue.dequeue() is None
        waiting.result(10)

    assert len(asked) == 1
    [(_, payload)] = queue.dequeue()
    assert payload == "task"


@pytest.mark.django_db(transaction=True)
def test_what_was_committed_before_it_listened_is_found_at_once(monkeypatch):
    monkeypatch.setattr(broker, "LOOK_SECONDS", 60)
    queue = get_broker("content")
    assert queue.dequeue() is None
    connection.close()  # whoever is told nothing any more

    began = time.monotonic()
    assert queue.dequeue() is None  # listens anew
    in_thread(enqueue, "content").result(10)
    assert queue.dequeue() is not None
    assert time.monotonic() - began < 30


@pytest.mark.django_db(transaction=True)
def test_a_waiting_cluster_notices_its_stop(monkeypatch):
    monkeypatch.setattr(broker, "LOOK_SECONDS", 60)
    monkeypatch.setattr(process.current, "stop_event", process.SharedEvent())
    queue = get_broker("content")
    assert queue.dequeue() is None

    with ThreadPoolExecutor(1) as pool:
        pool.submit(process.current.stop_event.set)
        began = time.monotonic()
        assert queue.dequeue() is None

    assert time.monotonic() - began < 30


@pytest.mark.django_db(transaction=True)
def test_a_task_that_was_told_of_is_looked_for_again_as_clocks_differ(monkeypatch):
    monkeypatch.setattr(broker, "LOOK_SECONDS", 60)
    queue = get_broker("content")
    assert queue.dequeue() is None
    in_thread(enqueue, "content").result(10)
    OrmQ.objects.update(lock=timezone.now() + timedelta(seconds=0.5))

    found = [queue.dequeue() for _ in range(2)]  # told, and nothing to be seen yet
    while found[-1] is None:
        found.append(queue.dequeue())

    assert found[:2] == [None, None]


def test_where_another_cluster_was_faster_there_may_be_more(monkeypatch):
    queue = get_broker("content")
    monkeypatch.setattr(queue, "_listen", lambda: pytest.fail("it waits"))
    monkeypatch.setattr(broker.ORM, "dequeue", lambda self: [])

    assert queue.dequeue() == []


@pytest.mark.parametrize(("pooler", "age"), [("transaction", None), ("none", 0)])
def test_behind_a_pooler_nobody_listens_nor_with_connections_that_are_closed_each_time(
    settings, monkeypatch, pooler, age
):
    settings.DB_POOLER = pooler
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", age)
    queue = get_broker("content")

    with CaptureQueriesContext(connection) as captured:
        queue.enqueue("task")
        queue.dequeue()
        queue.dequeue()

    assert not [query for query in captured if "LISTEN" in query["sql"] or "notify" in query["sql"]]


def enqueue(key):
    get_broker(key).enqueue("task")


def enqueue_later(key, condition):
    wait_until(condition)
    try:
        enqueue(key)
    finally:
        connections.close_all()


def test_D10_a_clusters_pusher_hands_its_workers_a_look_at_themselves_now_and_then(monkeypatch):
    """Which no other cluster of the queue can take, as what stands in the table."""
    monkeypatch.setattr(process.current, "cluster", "host:1")
    queue = get_broker("content")
    queue.enqueue("task")

    [(ack_id, payload)] = queue.dequeue()
    task = SignedPackage.loads(payload)
    assert (ack_id, task["func"], task["args"]) == (None, "roadmaps.tasks.beat", ("content",))
    assert callable(import_string(task["func"]))
    assert OrmQ.objects.count() == 1

    assert queue.dequeue()[0][1] == "task"
    monkeypatch.setattr(queue, "next_beat", 0.0)
    monkeypatch.setattr(process.current, "beaten_at", process.shared_moment())
    process.current.beaten_at.value = time.monotonic()  # a worker's that is draining
    assert queue.dequeue() is None
    process.current.beaten_at.value -= broker.BEAT_SECONDS
    assert queue.dequeue()[0][0] is None


def test_who_is_no_cluster_is_handed_what_stands_in_the_table_alone():
    assert get_broker("content").dequeue() is None
