"""A sweep puts right what it can: neither what refuses nor what somebody holds keeps it from the rest."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import psycopg
import pytest
from django.db import connection
from django.db.models.functions import Now
from django_q.models import OrmQ
from structlog.testing import capture_logs

from roadmap_project import process
from roadmaps import deciding
from roadmaps.models import QueueHeartbeat, Roadmap, Step
from roadmaps.steps import draining, heartbeats, storing, sweeping
from tests.engine import in_thread, wait_until
from tests.factories import make_cluster, make_written_roadmap


@contextmanager
def refusing(table: str, when: str) -> Iterator[None]:
    """The server takes no update of such rows, as where data is damaged or a rule of the database is broken."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not this one'; END $$;"
            f"CREATE TRIGGER refuse BEFORE UPDATE ON {table} FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION refuse()"
        )
        try:
            yield
        finally:
            cursor.execute("DROP FUNCTION refuse() CASCADE")


def another_session() -> psycopg.Connection:
    parameters = {**connection.get_connection_params(), "application_name": "observer"}
    parameters.pop("cursor_factory", None), parameters.pop("context", None)
    return psycopg.connect(**parameters)


def sweep_as_usual() -> None:
    """Not the first one after a pause, which leaves leases alone."""
    beat = {"swept_at": Now() - sweeping.INTERVAL, "takes_leases_from": None}
    QueueHeartbeat.objects.update_or_create(queue="content", defaults=beat)
    sweeping.sweep("content")


def unfinished() -> Roadmap:
    """All is written, and whoever wrote the last piece died before saying so."""
    return make_written_roadmap(state=Roadmap.State.WRITING, concepts=1)


def with_a_lost_worker(roadmap: Roadmap) -> Step:
    """One that was tried for the last time, so that its roadmap is finished by its end."""
    step = roadmap.steps.first()
    roadmap.steps.filter(pk=step.pk).update(
        state=Step.State.RUNNING,
        lease_token=uuid.uuid4(),
        lease_expires_at=Now() - timedelta(seconds=1),
        losses=Step.MOST_LOSSES - 1,
    )
    return step


@pytest.mark.django_db
def test_B2_a_roadmap_that_cannot_be_put_right_keeps_no_other_from_it():
    broken, other, waiting = unfinished(), unfinished(), unfinished()
    broken_too, one_more = unfinished(), unfinished()
    lost = [with_a_lost_worker(each) for each in (broken_too, one_more)]
    waiting.steps.update(state=Step.State.WAITING)
    OrmQ.objects.all().delete()

    with refusing("roadmaps_roadmap", f"OLD.id IN ({broken.pk}, {broken_too.pk})"), capture_logs() as said:
        sweep_as_usual()

    told = [each["roadmap"] for each in said if each["event"] == "roadmap_not_put_right"]
    assert sorted(told) == sorted([broken.pk, broken_too.pk])
    states = [Roadmap.objects.get(pk=each.pk).state for each in (broken, other, one_more)]
    assert states == [Roadmap.State.WRITING, Roadmap.State.READY, Roadmap.State.PARTLY_READY]
    assert [Step.objects.get(pk=each.pk).state for each in lost] == [Step.State.RUNNING, Step.State.FAILED]
    assert OrmQ.objects.filter(key="content").count() == 1

    sweep_as_usual()

    states = [Roadmap.objects.get(pk=each.pk).state for each in (broken, broken_too)]
    assert states == [Roadmap.State.READY, Roadmap.State.PARTLY_READY]


@pytest.mark.django_db
def test_B2_a_step_that_cannot_be_changed_keeps_no_other_from_being_released(monkeypatch):
    broken, other = (with_a_lost_worker(unfinished()) for _ in range(2))
    monkeypatch.setattr(process, "is_gone", lambda worker: True)

    with refusing("roadmaps_step", f"OLD.id = {broken.pk}"), capture_logs() as said:
        sweep_as_usual()

    states = [Step.objects.get(pk=each.pk).state for each in (broken, other)]
    assert states == [Step.State.RUNNING, Step.State.FAILED]
    events = [each["event"] for each in said if each.get("next") == sweeping.NEXT_SWEEP]
    assert events == ["leases_of_dead_workers_not_ended", "roadmap_not_put_right"]


@pytest.mark.django_db(transaction=True)
def test_B2_a_sweep_waits_once_for_what_somebody_holds_and_comes_back_for_it(monkeypatch):
    monkeypatch.setattr(storing, "LOCK_SECONDS", 0.3)
    held = [unfinished() for _ in range(3)]
    free = unfinished()
    dead_ones = Step.objects.filter(pk=unfinished().steps.first().pk)
    lease = {"lease_token": uuid.uuid4(), "lease_expires_at": Now() + timedelta(hours=1)}
    dead_ones.update(state=Step.State.RUNNING, worker="gone", **lease)
    monkeypatch.setattr(process, "is_gone", lambda worker: worker == "gone")
    patience = []

    def note(execute, sql, parameters, many, context):
        patience.extend([sql] if "lock_timeout" in sql else [])
        return execute(sql, parameters, many, context)

    with another_session() as forgotten:
        forgotten.execute("UPDATE roadmaps_roadmap SET notice = 'x' WHERE id = ANY(%s)", [[each.pk for each in held]])
        forgotten.execute("SELECT 1 FROM roadmaps_step WHERE id = %s FOR UPDATE", [dead_ones.get().pk])
        with connection.execute_wrapper(note):
            sweep_as_usual()

    assert Roadmap.objects.filter(state=Roadmap.State.READY).get() == free
    assert patience == [f"SET LOCAL lock_timeout = '{milliseconds}ms'" for milliseconds in (300, 50, 50, 50)]

    assert dead_ones.get().state == Step.State.RUNNING

    sweep_as_usual()

    assert Roadmap.objects.filter(state=Roadmap.State.READY).count() == 4
    assert dead_ones.get().state == Step.State.WAITING


@pytest.mark.django_db(transaction=True)
def test_a_sweep_that_fails_takes_no_call_along_that_its_worker_has_in_flight(reviewed, stub, monkeypatch, caplog):
    monkeypatch.setattr(draining, "BEAT_SECONDS", 0.1)
    writing = deciding.approve(reviewed.pk)
    writing.steps.exclude(concept=writing.concepts.get(position=0)).delete()
    sweep_as_usual()
    stub.reset()
    stub.hold()
    drained = in_thread(draining.drain, "content")
    stub.wait_for(3)

    with refusing("roadmaps_queueheartbeat", "OLD.swept_at IS DISTINCT FROM NEW.swept_at"):
        monkeypatch.setattr(sweeping, "INTERVAL", timedelta())
        wait_until(lambda: "sweep_failed" in caplog.text or drained.done())
        stub.release()
        assert drained.result(30) == 3

    assert len(stub.requests()) == 3


@pytest.mark.django_db(transaction=True)
def test_B2_who_holds_a_heartbeat_holds_up_neither_a_beat_nor_the_sweep(monkeypatch):
    finished, waiting = unfinished(), unfinished()
    waiting.steps.update(state=Step.State.WAITING)
    expired = with_a_lost_worker(unfinished())
    monkeypatch.setattr(process.current, "cluster", "here:1")
    heartbeats.swept("content")
    make_cluster(name="gone:1", seconds_ago=4000)
    OrmQ.objects.all().delete()

    with another_session() as forgotten, capture_logs() as said:
        forgotten.execute("UPDATE roadmaps_queueheartbeat SET swept_at = now()")
        forgotten.execute("UPDATE roadmaps_clusterheartbeat SET picked_up_at = now()")
        in_thread(heartbeats.picked_up, "content").result(5)
        in_thread(sweeping.sweep, "content").result(5)

    assert "heartbeat_is_held" in [each["event"] for each in said]
    assert OrmQ.objects.filter(key="content").exists()
    assert Step.objects.get(pk=expired.pk).state == Step.State.RUNNING

    sweep_as_usual()

    assert Roadmap.objects.get(pk=finished.pk).state == Roadmap.State.READY
    assert Step.objects.get(pk=expired.pk).state == Step.State.FAILED
