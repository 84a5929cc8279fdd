"""Every line about a step says which one, and a result that cannot be saved what happens next."""

import pytest
import structlog
from django.db import DatabaseError, OperationalError, connection

from roadmap_project.llm.asking import AskingFailedError
from roadmaps import deciding
from roadmaps.models import LogEntry, Roadmap, Step
from roadmaps.steps import claiming, draining, kinds, storing, sweeping
from roadmaps.steps.calling import Calls, Finished
from tests.factories import make_step, make_written_roadmap

pytestmark = pytest.mark.django_db(transaction=True)

IDS = ("step", "kind", "roadmap", "concept", "attempt")


@pytest.fixture
def roadmap() -> Roadmap:
    return make_written_roadmap(concepts=1, state=Roadmap.State.WRITING, steps=Step.State.WAITING)


def claimed(kind: str) -> Step:
    return next(step for step in claiming.claim("content", 3) if step.kind == kind)


def ids_of(step: Step, *, attempt: int = 1) -> dict[str, object]:
    slug = step.roadmap.slug
    return {"step": step.pk, "kind": step.kind, "roadmap": slug, "concept": f"{slug}:c-1-1-1", "attempt": attempt}


def test_a_tutorial_that_cannot_be_saved_says_concept_cause_and_what_happens_next(roadmap, written_lines):
    step = claimed("tutorial")

    storing.store([Finished(step, answer="no answer that a store could read")])

    failed = next(line for line in written_lines() if line["event"] == "tutorial_save_failed")
    assert {name: failed[name] for name in IDS} == ids_of(step)
    assert "has no attribute" in failed["cause"]
    assert failed["next"] == "nothing by itself; it can be retried"
    assert "Traceback" in failed["exception"]
    assert LogEntry.objects.get(event="step_failed").details["next"] == failed["next"]


def test_a_provider_that_failed_for_now_says_when_it_is_tried_again(roadmap, written_lines):
    step = claimed("quiz")

    storing.store([Finished(step, error=AskingFailedError("HTTP 500: broken", permanent=False, calls=[]))])

    (line,) = [line for line in written_lines() if line["event"] == "step_put_back"]
    assert {name: line[name] for name in IDS} == ids_of(step)
    assert "1 of 4 attempts are used" in line["next"]


def test_answers_that_the_database_does_not_take_are_named_one_by_one(roadmap, written_lines, settings):
    settings.STORE_RETRY_SECONDS = 0

    def refuse(*_: object) -> None:
        raise OperationalError("remaining connection slots are reserved")

    drain = draining._Drain("content")
    steps = claiming.claim("content", 3)
    with connection.execute_wrapper(refuse), pytest.raises(DatabaseError):
        drain._store([Finished(step, answer="an answer") for step in steps])

    lines = [line for line in written_lines() if line["event"].endswith("_save_failed")]
    assert {line["event"] for line in lines} == {"tutorial_save_failed", "resources_save_failed", "quiz_save_failed"}
    assert {line["concept"] for line in lines} == {f"{roadmap.slug}:c-1-1-1"}
    assert {line["cause"] for line in lines} == {"remaining connection slots are reserved"}
    assert {line["next"] for line in lines} == {"it is done again"}


def test_a_call_on_the_loops_thread_knows_its_step(roadmap, monkeypatch):
    """What the call logs, or Sentry is told from there."""
    seen: list[dict[str, object]] = []

    async def call(request: object) -> str:
        seen.append(structlog.contextvars.get_contextvars())
        return "answered"

    prepared = kinds.StepKind(prepare=lambda step: "a prompt", call=call, store=lambda *_: None, fail=lambda *_: None)
    monkeypatch.setattr(kinds, "definition", lambda kind: prepared)
    drain = draining._Drain("content")
    drain.calls = Calls()

    drain._claim()
    while len(drain.calls):
        drain.calls.wait(5)

    assert {line["kind"] for line in seen} == {"tutorial", "resources", "quiz"}
    assert {line["concept"] for line in seen} == {f"{roadmap.slug}:c-1-1-1"}
    assert structlog.contextvars.get_contextvars() == {}


def test_what_cannot_be_prepared_says_which_step_it_was(roadmap, written_lines):
    Step.objects.exclude(kind="tutorial").delete()
    step = Step.objects.get()
    deciding.cancel(roadmap.pk)
    broken = make_step(roadmap=roadmap, kind=Step.Kind.EDIT)  # there is no plan that it could carry out

    draining.drain("workflow")

    (line,) = [line for line in written_lines() if line["event"] == "step_prepare_failed"]
    assert (line["step"], line["kind"], line["roadmap"]) == (broken.pk, "edit", roadmap.slug)
    assert step.pk != line["step"]


def test_a_step_whose_worker_was_lost_is_named_by_the_sweep(roadmap, written_lines):
    step = claimed("resources")
    sweeping.sweep("content")  # the first after a pause leaves leases alone
    Step.objects.filter(pk=step.pk).update(lease_expires_at="2026-01-01T00:00:00Z")
    sweeping.QueueHeartbeat.objects.update(takes_leases_from=None)

    sweeping.sweep("content")

    (line,) = [line for line in written_lines() if line["event"] == "step_lease_expired"]
    assert {name: line[name] for name in IDS} == ids_of(step)
