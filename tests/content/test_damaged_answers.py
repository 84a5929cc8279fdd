"""Whatever a model answers, a step ends with a valid piece that can be read, or has failed with the reason."""

import asyncio
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from content.answers import QuizAnswer, ResourcesAnswer, TutorialAnswer
from content.models import MODELS, Question, Quiz, Resource, ResourceList, Tutorial
from roadmap_project.llm import asking
from roadmap_project.llm.asking import AskingFailedError
from roadmaps.models import Step
from roadmaps.steps import claiming, kinds, storing
from roadmaps.steps.calling import Finished
from tests.factories import make_written_roadmap
from tests.scripted_model import ScriptedModel, damaged

pytestmark = pytest.mark.django_db

LONGEST = 5.0  # seconds of computing for one answer
PARAGRAPH = "What it is, what it is for, and where it ends. " * 4
VALID = {
    Step.Kind.TUTORIAL: {
        "title": "Reading a table",
        "summary": "Rows and columns.",
        "minutes": 12,
        "markdown": f"## Overview\n\n{PARAGRAPH}\n\n## Example\n\n```sql\nSELECT 1;\n```\n\n{PARAGRAPH * 3}",
    },
    Step.Kind.RESOURCES: {
        "resources": [
            {
                "title": f"Page {number}",
                "url": f"https://example.org/{number}",
                "kind": "article",
                "description": "Worth reading.",
                "relevance": 0.5,
                "language": "en",
            }
            for number in range(5)
        ]
    },
    Step.Kind.QUIZ: {
        "questions": [
            {
                "kind": "single_choice",
                "question": f"Which is number {number}?",
                "options": ["One", "Two", "Three"],
                "correct": [number % 3],
                "explanation": "Because.",
                "difficulty": "easy",
            }
            for number in range(5)
        ]
    },
}


@pytest.fixture
def steps(settings):
    """One waiting step of each kind, and the model in front of it says what a test wants."""
    settings.LLM_PROVIDER = "openai"
    settings.LINK_CHECKS = False
    roadmap = make_written_roadmap(state="writing", steps=Step.State.WAITING, concepts=1)
    return {step.kind: step for step in roadmap.steps.all()}


def work(step: Step, text: str) -> tuple[Step, ScriptedModel]:
    """Claim, ask and store, as a drain does; the model says the same again when asked to repair it."""
    Step.objects.filter(pk=step.pk).start_over()
    Step.objects.exclude(pk=step.pk).update(state=Step.State.CANCELLED)
    (claimed,) = claiming.claim("content", 1)
    model = ScriptedModel([text])
    definition = kinds.definition(step.kind)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asking, "provider", lambda: model)
        try:
            finished = Finished(claimed, answer=asyncio.run(definition.call(definition.prepare(claimed))))
        except AskingFailedError as error:
            finished = Finished(claimed, error=error)
    storing.store([finished])
    return Step.objects.get(pk=step.pk), model


def require_readable(kind: str, step: Step) -> None:
    """Valid by the rules that a model's answer has to keep, read back from the rows."""
    piece = MODELS[Step.Kind(kind)].objects.get(concept=step.concept, is_current=True)
    match piece:
        case Tutorial():
            TutorialAnswer.model_validate(piece, from_attributes=True)
            assert piece.html.strip()
            assert "<script" not in piece.html
        case ResourceList():
            rows = Resource.objects.filter(resource_list=piece).values()
            ResourcesAnswer.model_validate({"resources": list(rows)})
        case Quiz():
            rows = Question.objects.filter(quiz=piece).values()
            QuizAnswer.model_validate({"questions": [{**row, "question": row["text"]} for row in rows]})


@pytest.mark.parametrize("kind", VALID)
def test_F1_a_valid_answer_is_stored(steps, kind):
    for text in (asking.json.dumps(VALID[kind]), f"```json\n{asking.json.dumps(VALID[kind])}\n```\nAs asked."):
        step, model = work(steps[kind], text)

        assert (step.state, len(model.repairs)) == (Step.State.DONE, 1)
        require_readable(kind, step)


@pytest.mark.parametrize("kind", VALID)
@given(data=st.data())
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,  # each example starts the same step over
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
    ],
)
def test_F1_a_damaged_answer_becomes_a_valid_piece_or_a_failed_step_with_its_reason(steps, kind, data):
    model = MODELS[Step.Kind(kind)]
    before = model.objects.count()
    began = time.process_time()

    step, asked = work(steps[kind], data.draw(damaged(VALID[kind])))

    assert time.process_time() - began < LONGEST
    stored = model.objects.count() - before
    if step.state == Step.State.DONE:
        assert stored == 1
        require_readable(kind, step)
    else:
        assert (step.state, stored) == (Step.State.FAILED, 0)
        assert 0 < len(step.last_error) <= storing.LONGEST_REASON
        assert "could not be saved" not in step.last_error  # a wrong answer is noticed while it can be repaired
        assert len(asked.repairs) == 2


@pytest.mark.parametrize("fault", ["zero_items", "empty", "truncated", "cut", "wrong_types", "huge"])
def test_F1_nothing_is_done_with_nothing(steps, stub, fault):
    """Through the real client: each kind's damage is its own, and no piece is made of it."""
    stub.faults([{"fault": fault}])
    for step in steps.values():
        Step.objects.filter(pk=step.pk).update(state=Step.State.WAITING)

    claimed = claiming.claim("content", 3)
    storing.store([_asked(step) for step in claimed])

    assert {step.state for step in Step.objects.all()} == {Step.State.FAILED}
    assert all(step.last_error for step in Step.objects.all())
    assert not any(model.objects.exists() for model in MODELS.values())
    assert len(stub.requests()) == 6


def _asked(step: Step) -> Finished:
    from roadmaps.steps.calling import event_loop

    definition = kinds.definition(step.kind)
    request = definition.prepare(step)

    async def call():
        return await definition.call(request)

    try:
        return Finished(step, answer=asyncio.run_coroutine_threadsafe(call(), event_loop()).result(20))
    except AskingFailedError as error:
        return Finished(step, error=error)
