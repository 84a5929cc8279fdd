"""What is cancelled stays cancelled, wherever its work is: nothing is stored, and nothing more is bought."""

import random
import time
from datetime import timedelta
from itertools import pairwise

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now

from roadmap_project.llm.asking import AskingFailedError
from roadmaps import deciding
from roadmaps.deciding import RefusedError
from roadmaps.models import Feedback, ModelCall, Roadmap, Step
from roadmaps.steps import claiming, draining, storing
from roadmaps.steps.calling import Finished
from tests.engine import in_thread, wait_until
from tests.factories import make_roadmap_in_review, make_written_roadmap

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def writing(reviewed, stub) -> Roadmap:
    """Three pieces that wait to be written; nothing has been asked yet."""
    roadmap = deciding.approve(reviewed.pk)
    kept = roadmap.steps.content().order_by("rank", "pk")[:3]
    roadmap.steps.exclude(pk__in=[step.pk for step in kept]).delete()
    stub.reset()
    ModelCall.objects.all().delete()
    return roadmap


def cancel_by_person(roadmap: Roadmap) -> None:
    deciding.cancel(roadmap.pk)


def claim_by_another_worker(roadmap: Roadmap) -> None:
    roadmap.steps.update(lease_token="00000000-0000-0000-0000-000000000001")


def delete_by_person(roadmap: Roadmap) -> None:
    deciding.delete(roadmap.pk)


@pytest.mark.parametrize("lose", [cancel_by_person, delete_by_person, claim_by_another_worker])
@pytest.mark.parametrize("fault", ["truncated", "server_error"], ids=["a repair", "another try"])
def test_D4_no_further_model_call_begins_for_a_step_that_is_no_longer_wanted(writing, stub, fault, lose):
    stub.faults([{"fault": fault}])
    stub.hold()
    drained = in_thread(draining.drain, "content")
    stub.wait_for(3)

    lose(writing)
    Step.objects.filter(state=Step.State.WAITING).delete()
    stub.release()
    drained.result(20)

    assert len(stub.requests()) == 3
    assert ModelCall.objects.count() == 3  # what was under way is paid for, and counted
    assert not writing.steps.filter(state__in=(Step.State.DONE, Step.State.FAILED)).exists()


@pytest.mark.parametrize("fault", ["truncated", "server_error"], ids=["a repair", "another try"])
def test_a_step_that_is_wanted_still_is_repaired_and_tried_again(writing, stub, fault):
    stub.faults([{"fault": fault, "times": 3}])

    draining.drain("content")

    assert len(stub.requests()) == 6
    assert set(writing.steps.values_list("state", flat=True)) == {Step.State.DONE}


def test_a_call_that_wants_to_go_on_is_answered_at_its_workers_next_look_and_not_before(writing, stub, monkeypatch):
    """Opening a connection for each would cost the bound: what asks meanwhile is answered together.

    They ask so far apart that the worker has let go of its connection, and all within its time between two looks.
    """
    looks, held, pauses = [], claiming.held, iter([0.5, 1.6, 2.2])

    def noted(steps):
        looks.append((time.monotonic(), len(steps), connection.connection is None))
        return held(steps)

    monkeypatch.setattr(claiming, "held", noted)
    monkeypatch.setattr(random, "uniform", lambda *_: next(pauses, 0.5))
    stub.faults([{"fault": "server_error", "times": 3}])

    draining.drain("content")

    assert sum(number for _, number, _ in looks) == 3
    opened = [at for at, _, is_opened in looks if is_opened]
    assert opened
    assert all(later - earlier > draining.CLAIM_SECONDS * 0.75 for earlier, later in pairwise(opened))


def waits(roadmap: Roadmap) -> None:
    pass


def runs(roadmap: Roadmap) -> None:
    assert len(claiming.claim("content", 9)) == 3


def waits_for_another_try(roadmap: Roadmap) -> None:
    error = AskingFailedError("busy", permanent=False, calls=[])
    storing.store([Finished(step, error=error) for step in claiming.claim("content", 9)])


def is_being_retried(roadmap: Roadmap) -> None:
    error = AskingFailedError("wrong key", permanent=True, calls=[])
    storing.store([Finished(step, error=error) for step in claiming.claim("content", 9)])
    assert deciding.retry(roadmap.pk).state == Roadmap.State.WRITING


@pytest.mark.parametrize("state", [waits, runs, waits_for_another_try, is_being_retried])
def test_D4_what_is_cancelled_while_it_waits_or_runs_is_never_asked_for(writing, stub, state):
    state(writing)

    deciding.cancel(writing.pk)
    Step.objects.update(not_before=None)
    Step.objects.filter(lease_expires_at__isnull=False).update(lease_expires_at=Now() - timedelta(hours=1))
    draining.drain("content")

    writing.refresh_from_db()
    assert writing.state == Roadmap.State.CANCELLED
    assert set(writing.steps.values_list("state", "lease_token")) == {(Step.State.CANCELLED, None)}
    assert stub.requests() == []


def test_D4_what_is_cancelled_in_review_is_neither_written_nor_changed(reviewed, person, stub):
    stub.reset()

    deciding.cancel(reviewed.pk)

    with pytest.raises(RefusedError, match=r"(?i)cancelled"):
        deciding.approve(reviewed.pk)
    with pytest.raises(RefusedError, match=r"(?i)cancelled"):
        deciding.request_changes(reviewed.pk, text="Shorter", author=person)
    for queue in ("workflow", "content"):
        draining.drain(queue)
    reviewed.refresh_from_db()
    assert reviewed.state == Roadmap.State.CANCELLED
    assert stub.requests() == []


def test_D5_retry_after_cancel_starts_with_a_clean_slate(writing, stub):
    waits_for_another_try(writing)
    deciding.cancel(writing.pk)

    deciding.retry(writing.pk)

    clean = (Step.State.WAITING, 0, 0, "", None, None, None)
    fields = ("state", "attempts", "losses", "last_error", "not_before", "started_at", "finished_at")
    assert set(writing.steps.values_list(*fields)) == {clean}
    draining.drain("content")
    writing.refresh_from_db()
    assert writing.state == Roadmap.State.READY


def test_B4_a_double_click_on_retry_takes_it_up_once(writing, stub):
    steps = claiming.claim("content", 9)
    storing.store([Finished(step, error=AskingFailedError("wrong key", permanent=True, calls=[])) for step in steps])

    first, second = deciding.retry(writing.pk), deciding.retry(writing.pk)

    assert first.state == second.state == Roadmap.State.WRITING
    draining.drain("content")
    assert len(stub.requests()) == 3


def test_B4_a_late_click_on_retry_leaves_a_requested_change_alone(reviewed, person, stub):
    deciding.cancel(reviewed.pk)
    assert deciding.retry(reviewed.pk).state == Roadmap.State.IN_REVIEW
    deciding.request_changes(reviewed.pk, text="Shorter", author=person)

    assert deciding.retry(reviewed.pk).state == Roadmap.State.DESIGNING

    draining.drain("workflow")
    assert reviewed.feedback.get().state == Feedback.State.DONE


# Two people, or two clicks, at once


def approve_too(roadmap: Roadmap) -> None:
    with pytest.raises(RefusedError):
        deciding.approve(roadmap.pk)


def request_changes_too(roadmap: Roadmap) -> None:
    with pytest.raises(RefusedError):
        deciding.request_changes(roadmap.pk, text="Less", author=roadmap.owner)


@pytest.mark.parametrize("decide", [approve_too, request_changes_too])
def test_D4_a_decision_that_comes_while_a_cancellation_is_not_committed_waits_and_sees_it(reviewed, decide):
    with transaction.atomic():
        deciding.cancel(reviewed.pk)
        decided = in_thread(decide, reviewed)
        wait_until(lambda: decided.done() or somebody_waits_for_a_lock())
        assert not decided.done()

    decided.result(20)
    reviewed.refresh_from_db()
    assert reviewed.state == Roadmap.State.CANCELLED
    assert not reviewed.steps.active().exists()
    assert not reviewed.feedback.exists()


def approving():
    roadmap = make_roadmap_in_review()
    return roadmap, lambda: deciding.approve(roadmap.pk)


def requesting_changes():
    roadmap = make_roadmap_in_review()
    return roadmap, lambda: deciding.request_changes(roadmap.pk, text="Less", author=roadmap.owner)


def requesting_a_review():
    roadmap = make_roadmap_in_review(is_reviewed=False)
    return roadmap, lambda: deciding.request_review(roadmap.pk)


def retrying():
    roadmap = make_written_roadmap(state=Roadmap.State.FAILED, steps=Step.State.FAILED, concepts=1)
    return roadmap, lambda: deciding.retry(roadmap.pk)


def regenerating():
    roadmap = make_written_roadmap(concepts=1)
    return roadmap, lambda: deciding.regenerate(roadmap.concepts.get(), Step.Kind.QUIZ)


@pytest.mark.parametrize("making", [approving, requesting_changes, requesting_a_review, retrying, regenerating])
def test_B4_two_clicks_at_the_same_time_are_one_decision(making):
    """The second comes while the first is not committed; it waits, is not refused, and changes nothing."""
    roadmap, decide = making()

    with transaction.atomic():
        decide()
        once = rows_of_work(roadmap)
        second = in_thread(decide)
        wait_until(lambda: second.done() or somebody_waits_for_a_lock())
        assert not second.done()

    second.result(20)
    assert once
    assert rows_of_work(roadmap) == once


def rows_of_work(roadmap: Roadmap) -> list[tuple[object, ...]]:
    steps = roadmap.steps.order_by("pk").values_list("pk", "kind", "state", "rank", "asked_at")
    return [*steps, *roadmap.feedback.values_list("pk", "state")]


def somebody_waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted AND pid <> pg_backend_pid()")
        return bool(cursor.fetchone()[0])
