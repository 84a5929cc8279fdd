"""Which queues does nobody serve?"""

import pytest
from django.db.models.functions import Now

from roadmaps.models import QueueHeartbeat
from roadmaps.steps import heartbeats, sweeping
from tests.factories import make_heartbeat

pytestmark = pytest.mark.django_db


def test_D10_queues_that_nobody_serves_are_named_with_the_time_since(django_assert_num_queries):
    make_heartbeat(queue="content", seconds_ago=200)
    make_heartbeat(queue="logs", seconds_ago=100)

    with django_assert_num_queries(1):
        found = dict(heartbeats.unserved())

    assert set(found) == {"content", "workflow"}
    assert 200 <= found["content"] < 210
    assert found["workflow"] is None


def test_a_sweep_is_a_sign_of_life_and_comes_twice_before_a_queue_counts_as_unserved():
    make_heartbeat(queue="content", seconds_ago=500)

    heartbeats.swept("content")

    assert "content" not in dict(heartbeats.unserved())
    QueueHeartbeat.objects.update(picked_up_at=Now() - sweeping.INTERVAL * 1.9)
    assert "content" not in dict(heartbeats.unserved())
