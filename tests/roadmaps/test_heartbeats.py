"""Which queues does nobody serve?"""

from types import SimpleNamespace

import pytest
from django.db.models.functions import Now

from roadmap_project import process
from roadmap_project.sentinel import Sentinel
from roadmaps import tasks
from roadmaps.models import ClusterHeartbeat, QueueHeartbeat
from roadmaps.steps import heartbeats, sweeping
from tests.factories import make_cluster, make_heartbeat

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


def test_D10_of_two_clusters_of_one_queue_each_has_its_own_sign_of_life(monkeypatch, django_assert_num_queries):
    make_cluster(name="dead:1", seconds_ago=300)
    monkeypatch.setattr(process.current, "cluster", "alive:1")
    for _ in range(2):
        tasks.beat("content")

    with django_assert_num_queries(1):
        found = heartbeats.clusters()

    assert [(each.name, each.is_serving) for each in found] == [("alive:1", True), ("dead:1", False)]
    assert "content" not in dict(heartbeats.unserved())


def test_a_cluster_that_is_long_gone_is_forgotten_by_the_sweep_of_its_queue():
    make_cluster(name="gone", seconds_ago=3700)
    make_cluster(name="late", seconds_ago=3500)
    make_cluster(queue="logs", name="gone", seconds_ago=3700)

    sweeping.sweep("content")

    assert {(each.queue, each.cluster) for each in ClusterHeartbeat.objects.all()} == {
        ("content", "late"),
        ("logs", "gone"),
    }


@pytest.mark.parametrize("is_asked", [True, False])
def test_a_cluster_that_was_asked_to_stop_signs_off_and_one_that_lost_a_process_does_not(monkeypatch, is_asked):
    monkeypatch.setattr(process, "current", process.Process(service="content", kind="sentinel", cluster="here:1"))
    for name, queue in (("here:1", "content"), ("there:1", "content"), ("here:1", "logs")):
        make_cluster(name=name, queue=queue)
    guard = Sentinel.__new__(Sentinel)
    guard.start_event, guard.stop_event = process.SharedEvent(), process.SharedEvent()
    guard.pool, guard.monitor = [], SimpleNamespace(exitcode=-9, name="monitor", pid=1)
    guard.pusher = SimpleNamespace(exitcode=None)
    if is_asked:
        guard.stop_event.set()
    before_it_left = []
    monkeypatch.setattr(guard, "stop", lambda: before_it_left.append(ClusterHeartbeat.objects.count()))

    guard.guard()

    assert before_it_left == [3]
    left = {(each.queue, each.cluster) for each in ClusterHeartbeat.objects.all()}
    assert {("content", "there:1"), ("logs", "here:1")} <= left
    assert (("content", "here:1") in left) is not is_asked


def test_who_is_no_cluster_leaves_no_sign_of_one():
    heartbeats.picked_up("content")

    assert not ClusterHeartbeat.objects.exists()
