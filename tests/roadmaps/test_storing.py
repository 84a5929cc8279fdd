"""One piece, one current version, one state, whoever crashes and however many store at once."""

import threading
from concurrent.futures import wait
from contextlib import suppress

import psycopg
import pytest
from django.db import IntegrityError, OperationalError, connection, transaction
from django_q.models import OrmQ

from content.models import MODELS, Quiz, ResourceList, Tutorial
from content.versioning import new_version
from roadmaps import deciding, finishing, starting
from roadmaps.models import LogEntry, ModelCall, Roadmap, Step
from roadmaps.steps import claiming, draining, kinds, storing
from tests.engine import finished, in_thread, wait_until
from tests.factories import make_quiz, make_resources, make_tutorial, make_written_roadmap

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def writing(reviewed, stub) -> Roadmap:
    """The pieces of one concept wait to be written; nothing has been asked yet."""
    roadmap = deciding.approve(reviewed.pk)
    roadmap.steps.exclude(concept=roadmap.concepts.get(position=0)).delete()
    stub.reset()
    return roadmap


def bought(stub) -> list[str]:
    return sorted(record.purpose for record in stub.requests() if record.is_sent)


# B: starting


def test_B1_a_row_and_its_wake_up_become_visible_in_the_same_instant(person, stub):
    def seen() -> tuple[int, int, int]:
        """By a worker, the wake-up first."""
        return (OrmQ.objects.filter(key="workflow").count(), Step.objects.count(), len(claiming.claim("workflow", 1)))

    with transaction.atomic():
        starting.start(owner=person, goal="Learn chess")
        assert in_thread(seen).result(10) == (0, 0, 0)

    assert in_thread(seen).result(10) == (1, 1, 1)


def test_B1_a_worker_that_looks_all_the_time_finds_what_it_was_woken_for(person, stub, settings):
    settings.MAX_ACTIVE_ROADMAPS = 0
    is_over = threading.Event()

    def work() -> list[int]:
        """As fast as it can: for each wake-up what was found."""
        found = []
        while not is_over.is_set():
            woken = OrmQ.objects.filter(key="workflow").values_list("pk", flat=True).first()
            if woken:
                OrmQ.objects.filter(pk=woken).delete()
                found.append(len(claiming.claim("workflow", 1)))
        return found

    worker = in_thread(work)
    for number in range(20):
        starting.start(owner=person, goal=f"Learn subject {number}")
    wait_until(lambda: not OrmQ.objects.filter(key="workflow").exists())
    is_over.set()

    found = worker.result(10)
    assert found
    assert set(found) == {1}


def test_B5_a_wake_up_that_is_delivered_twice_buys_nothing_twice(reviewed, stub):
    deciding.approve(reviewed.pk)
    stub.reset()
    pieces = 3 * reviewed.concepts.count()

    drains = [in_thread(draining.drain, "content") for _ in range(2)]
    wait(drains, 60)
    again = draining.drain("content")

    assert sum(drain.result(0) for drain in drains) == pieces
    assert again == 0
    assert len(stub.requests()) == pieces
    assert {model.objects.count() for model in MODELS.values()} == {reviewed.concepts.count()}


# C: storing


def test_C1_a_crash_between_a_piece_and_its_state_leaves_neither_and_pays_once(writing, stub, monkeypatch):
    """The answer is in hand: the transaction is lost with its connection, and is done again."""
    end_done, crashed = storing.end_done, []

    def crash_once(steps: list[Step]) -> None:
        if not crashed:
            crashed.append(steps)
            for step in steps:
                assert MODELS[step.kind].objects.filter(concept=step.concept).exists()  # saved, and its state is not
            _kill(backend())
        end_done(steps)

    monkeypatch.setattr(storing, "end_done", crash_once)
    draining.drain("content")

    assert crashed
    assert bought(stub) == ["quiz", "resources", "tutorial"]
    for model in (Tutorial, ResourceList, Quiz):
        assert list(model.objects.values_list("version", "is_current")) == [(1, True)]
    assert set(writing.steps.values_list("state", flat=True)) == {Step.State.DONE}


def _kill(backend: int) -> None:
    parameters = {**connection.get_connection_params(), "application_name": "observer"}
    parameters.pop("cursor_factory", None), parameters.pop("context", None)
    with psycopg.connect(**parameters) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [backend])


def test_A14_work_without_a_transaction_goes_on_by_a_new_connection(writing):
    before = backend()
    _kill(before)

    assert storing.patiently(lambda: claiming.seconds_until_due("content")) == 0

    assert backend() != before


def backend() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def test_C1_a_worker_that_dies_after_the_commit_has_done_it(writing, stub):
    """Its wake-up is not acknowledged, and comes again."""
    draining.drain("content")

    assert draining.drain("content") == 0
    assert bought(stub) == ["quiz", "resources", "tutorial"]


def test_C1_a_worker_that_dies_before_the_commit_leaves_nothing_half_done(writing, stub, monkeypatch):
    class KilledError(BaseException):
        pass

    def be_killed(steps: list[Step]) -> None:
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(storing, "end_done", be_killed)
        with pytest.raises(KilledError):
            draining.drain("content")
    assert not any(model.objects.exists() for model in MODELS.values())
    draining.drain("content")

    assert {model.objects.count() for model in MODELS.values()} == {1}
    assert set(writing.steps.values_list("state", flat=True)) == {Step.State.DONE}


@pytest.mark.parametrize("make", [make_tutorial, make_resources, make_quiz])
def test_C2_the_database_takes_one_current_version_of_a_piece(make):
    piece = make(concept=make_written_roadmap(concepts=1).concepts.get())

    with pytest.raises(IntegrityError, match="one_current"), transaction.atomic():
        type(piece).objects.create(concept=piece.concept, version=2, origin="", **_needed(piece))
    with pytest.raises(IntegrityError, match="version_once"), transaction.atomic():
        type(piece).objects.create(concept=piece.concept, version=1, origin="", is_current=False, **_needed(piece))

    assert type(piece).objects.get() == piece


def _needed(piece) -> dict[str, object]:
    return {"minutes": 1} if isinstance(piece, Tutorial) else {}


def test_C2_two_workers_that_store_the_same_piece_leave_one_current_version(writing):
    """Even those that forgot the roadmap's lock."""
    concept = writing.concepts.get(position=0)

    def store() -> None:
        with suppress(IntegrityError), transaction.atomic():
            new_version(Quiz, concept, origin="")

    with transaction.atomic():
        new_version(Quiz, concept, origin="")
        other = in_thread(store)
        wait([other], 1)  # it has looked before we commit, and waits for us
    other.result(20)

    assert Quiz.objects.current().count() == 1


def test_C2_of_two_workers_with_one_step_the_one_that_holds_it_stores(writing):
    (first,) = claiming.claim("content", 1)
    answer = finished(first)
    Step.objects.filter(pk=first.pk).hand_back()
    (second,) = claiming.claim("content", 1)
    assert second.pk == first.pk

    stores = [in_thread(storing.store, [each]) for each in (answer, finished(second))]
    wait(stores, 20)

    assert MODELS[first.kind].objects.filter(concept=first.concept).count() == 1
    assert Step.objects.get(pk=first.pk).state == Step.State.DONE


@pytest.fixture
def two_written(writing, person):
    """An answer for a piece of each of two roadmaps."""
    make_written_roadmap(owner=person, state=Roadmap.State.WRITING, steps=Step.State.WAITING, concepts=1)
    by_roadmap = {step.roadmap_id: finished(step) for step in claiming.claim("content", 99)}
    assert len(by_roadmap) == 2
    return list(by_roadmap.values())


def test_C3_a_roadmap_whose_row_somebody_holds_keeps_nobody_elses_answers_waiting(two_written, settings, monkeypatch):
    """A forgotten session: what the others paid for is stored, and what was paid for this one is recorded."""
    settings.STORE_RETRY_SECONDS = 1
    monkeypatch.setattr(storing, "LOCK_SECONDS", 1)
    held, free = two_written
    before = ModelCall.objects.count()
    parameters = {**connection.get_connection_params(), "application_name": "observer"}
    parameters.pop("cursor_factory", None), parameters.pop("context", None)
    with psycopg.connect(**parameters) as other:
        other.execute("SELECT 1 FROM roadmaps_roadmap WHERE id = %s FOR UPDATE", [held.step.roadmap_id])

        with pytest.raises(OperationalError, match="lock timeout"):
            storing.store(two_written)

    states = [Step.objects.get(pk=each.step.pk).state for each in (held, free)]
    assert states == [Step.State.RUNNING, Step.State.DONE]
    assert ModelCall.objects.count() == before + 2
    storing.store(two_written)
    assert Step.objects.get(pk=held.step.pk).state == Step.State.DONE
    assert ModelCall.objects.count() == before + 2


def test_C4_a_store_locks_roadmaps_in_the_order_of_their_keys_so_that_two_never_wait_for_each_other(two_written):
    results = sorted(two_written, key=lambda each: -each.step.roadmap_id)
    second, first = (each.step.roadmap_id for each in results)
    Roadmap.objects.filter(pk=first).update(title="now the last row of the table")

    with transaction.atomic():
        Roadmap.objects.locked(first)
        stored = in_thread(storing.store, results)
        wait_until(somebody_waits_for_a_lock)
        assert Roadmap.objects.select_for_update(nowait=True, no_key=True).get(pk=second)
    stored.result(10)

    assert {Step.objects.get(pk=each.step.pk).state for each in results} == {"done"}


def somebody_waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_locks WHERE NOT granted")
        return cursor.fetchone() is not None


def test_C3_a_roadmap_that_cannot_be_settled_buys_nothing_for_ever(two_written, monkeypatch):
    held, free = two_written

    def settle_all(roadmaps):
        if held.step.roadmap_id in {roadmap.pk for roadmap in roadmaps}:
            raise RuntimeError("the mail cannot be written")

    monkeypatch.setattr(finishing, "settle_all", settle_all)

    storing.store(two_written)

    failed, stored = (Step.objects.get(pk=each.step.pk) for each in (held, free))
    assert (failed.state, failed.attempts, stored.state) == (Step.State.FAILED, 1, Step.State.DONE)
    assert "the mail cannot be written" in failed.last_error


def test_what_was_paid_for_a_roadmap_that_is_gone_is_recorded(writing):
    (step,) = claiming.claim("content", 1)
    answer = finished(step)
    writing.delete()

    storing.store([answer])

    assert ModelCall.objects.filter(key=answer.answer.calls[0].key, roadmap=None).exists()


def test_a_result_that_cannot_be_saved_and_was_cancelled_meanwhile_stays_cancelled(writing, monkeypatch):
    (step,) = claiming.claim("content", 1)
    answer = finished(step)
    deciding.cancel(writing.pk)

    def fail(results):
        raise ValueError("too long")

    monkeypatch.setattr(storing, "_store_together", fail)
    storing.store([answer])

    assert Step.objects.get(pk=step.pk).state == Step.State.CANCELLED


def test_the_same_result_twice_in_one_batch_is_one_version(writing):
    (step,) = claiming.claim("content", 1)
    answer = finished(step)

    storing.store([answer, answer])

    assert MODELS[step.kind].objects.filter(concept=step.concept).count() == 1
    assert Step.objects.get(pk=step.pk).attempts == 1


def test_C4_two_retries_that_finish_at_once_are_both_there_and_the_roadmap_is_ready(writing, stub, monkeypatch):
    stub.faults([{"fault": "unauthorized"}])
    draining.drain("content")
    stub.reset()
    writing.steps.filter(kind="quiz").delete()
    deciding.retry(writing.pk)
    results = [finished(step) for step in claiming.claim("content", 2)]
    _meet_while_storing(monkeypatch)

    for future in [in_thread(storing.store, [result]) for result in results]:
        future.result(20)

    writing.refresh_from_db()
    assert set(writing.steps.values_list("state", flat=True)) == {Step.State.DONE}
    assert (Tutorial.objects.count(), ResourceList.objects.count()) == (1, 1)
    assert writing.state == Roadmap.State.READY


def _meet_while_storing(monkeypatch) -> None:
    """Both see the other's step as running still, unless the roadmap's lock lets one store after the other."""
    definition, barrier = kinds.definition, threading.Barrier(2)

    def with_meeting(kind):
        original = definition(kind)

        def store(*arguments):
            original.store(*arguments)
            with suppress(threading.BrokenBarrierError):
                barrier.wait(1)

        return kinds.StepKind(original.prepare, store, original.fail, original.call)

    monkeypatch.setattr(kinds, "definition", with_meeting)


def test_D7_when_most_pieces_fail_what_was_made_is_kept_and_counted(reviewed, stub):
    writing = deciding.approve(reviewed.pk)
    stub.faults([{"purpose": purpose, "fault": "unauthorized"} for purpose in ("tutorial", "quiz")])

    draining.drain("content")

    writing.refresh_from_db()
    concepts = writing.concepts.count()
    assert writing.state == Roadmap.State.PARTLY_READY
    assert ResourceList.objects.current().filter(concept__roadmap=writing).count() == concepts
    assert f"{concepts} of {3 * concepts} pieces are ready; {2 * concepts} could not be written" in writing.notice


# E: log lines


def test_E1_both_lines_of_a_step_are_there_while_its_worker_waits_for_another(writing, stub, settings):
    settings.CALL_DEADLINE = 4
    stub.faults([{"purpose": purpose, "fault": "stall"} for purpose in ("resources", "quiz")])
    drained = in_thread(draining.drain, "content")

    wait_until(lambda: writing.steps.filter(kind="tutorial", state="done").exists())

    lines = LogEntry.objects.filter(roadmap=writing, step_kind="tutorial").values_list("event", flat=True)
    assert set(lines) == {"tutorial_saved", "step_done"}
    assert not drained.done()
    drained.result(20)
