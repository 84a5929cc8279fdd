"""A queue that cannot be read for a while."""

import pytest
from django.db import OperationalError
from django_q.brokers import get_broker
from django_q.models import OrmQ

from roadmap_project import broker

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
