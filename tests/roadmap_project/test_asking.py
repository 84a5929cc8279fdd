"""Asking a model until the answer is valid: what is repaired, what is tried again, what ends it."""

import asyncio
import contextlib
import json
import time

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from content.answers import QuizAnswer
from roadmap_project.llm import Completion, LanguageModelError, ModelRequest, asking
from roadmap_project.llm.asking import AskingFailedError, InvalidAnswerError, ask, json_object
from roadmaps.answers import Outline
from tests.scripted_model import ScriptedModel, damaged


class Pet(BaseModel):
    name: str = Field(min_length=1)
    legs: int = Field(ge=0, le=1000)


VALID = '{"name": "Rex", "legs": 4}'
REQUEST = ModelRequest(purpose="pet", system="You know pets.", prompt="Which pet?", answer=Pet)


@pytest.fixture
def asked(monkeypatch):
    """Ask a provider that says these things; hands back the answer or the error, and the provider."""

    def run(*says, request: ModelRequest = REQUEST):
        model = ScriptedModel(list(says))
        monkeypatch.setattr(asking, "provider", lambda: model)
        try:
            return asyncio.run(ask(request)), model
        except AskingFailedError as error:
            return error, model

    return run


def outcomes(answer_or_error) -> list[str]:
    return [call.outcome for call in answer_or_error.calls]


def transient(retry_after: float | None = None) -> LanguageModelError:
    return LanguageModelError("busy", permanent=False, retry_after=retry_after, outcome="http_503")


@pytest.mark.parametrize(
    "text",
    [
        VALID,
        f"\n\n  {VALID}\n",
        f"\ufeff{VALID}",
        f"```json\n{VALID}\n```",
        f"```\n{VALID}\n```",
        f"```json\n{VALID}\n```\nI hope that this helps!",
        f"```JSON\n{VALID}\n```",
        f"```json {VALID} ```",
        f"```json\r\n{VALID}\r\n```",
        f"```json\n{VALID}",
        f"Here you are:\n\n```json\n{VALID}\n```\n\nAnd an example:\n\n```python\nprint({{}})\n```",
        f"Here you are: {VALID}",
        f"{VALID}\n\nThis is {{not}} part of it. }}",
        VALID + VALID,
        '{"name": "line\nbreak in a string", "legs": 4}',
        '{"name": "a ```json\\n{}\\n``` inside", "legs": 4}',
    ],
)
def test_F1_an_object_is_found_bare_fenced_and_among_prose(text):
    found = json_object(text)

    assert isinstance(found, dict)
    assert found["legs"] == 4


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        (" \n\t ", "empty"),
        ("\ufeff", "empty"),
        ("Sorry, I cannot help with that.", "holds no JSON object"),
        ("[1, 2, 3]", "holds no JSON object"),
        ("```json\n```", "holds no JSON object"),
        (VALID[:-1], "not valid JSON"),
        (VALID[:12], "not valid JSON"),
        ("{", "not valid JSON"),
        ("{'name': 'Rex'}", "not valid JSON"),
        ('{"a":' * 100_000, "not valid JSON"),
        ('{"a":' + "[" * 600 + "]" * 600 + "}", "not valid JSON"),
        ('{"legs": ' + "1" * 5000 + "}", "not valid JSON"),
    ],
)
def test_F1_what_holds_no_object_says_so_to_the_model(text, said):
    with pytest.raises(InvalidAnswerError, match=said):
        json_object(text)


@given(st.text(max_size=60))
def test_any_text_is_an_object_or_an_invalid_answer(text):
    with contextlib.suppress(InvalidAnswerError):
        assert json_object(text) is not None


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"))
WRAPPINGS = ["{}", "```json\n{}\n```", "```\n{}\n```\nthanks", "{}\nthanks", "Sure:\n```json\n{}\n```"]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | TEXT, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner)
    ),
    st.sampled_from(WRAPPINGS),
)
def test_whatever_stands_in_the_object_survives_its_wrapping(value, wrapping):
    text = wrapping.replace("{}", json.dumps({"value": value}))

    assert json_object(text) == {"value": value}


def test_a_valid_answer_is_one_call(asked):
    answer, model = asked(VALID)

    assert answer.value == Pet(name="Rex", legs=4)
    assert (answer.provider, answer.origin) == ("scripted", "From a test")
    assert outcomes(answer) == ["ok"]
    [call] = answer.calls
    assert (call.purpose, call.provider, call.model, call.input_tokens, call.output_tokens) == (
        "pet", "scripted", "scripted-1", 10, 5,
    )  # fmt: skip
    assert model.repairs == [None]


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ("", "The answer is empty."),
        (VALID[:-5], "not valid JSON"),
        ('{"name": "", "legs": 4}', "name: "),
        ('{"name": "Rex", "legs": "four"}', "legs: "),
        ('{"name": ["Rex"], "legs": 4}', "name: "),
        ('{"legs": 4}', "name: Field required"),
        ('{"name": "Rex", "legs": NaN}', "legs: "),
        ('{"name": "Rex", "legs": 1e999}', "legs: "),
        ("x" * 1_000_000, "The answer has 1000000 characters"),
        ('{"name": "' + "x" * 1_000_000 + '", "legs": 4}', "at most 400000"),
    ],
)
def test_F1_a_wrong_answer_gets_one_repair_turn_that_quotes_the_problem(asked, wrong, problem):
    answer, model = asked(wrong, VALID)

    assert answer.value == Pet(name="Rex", legs=4)
    assert outcomes(answer) == ["invalid", "ok"]
    assert problem in model.repairs[1].problem
    assert model.repairs[1].answer == wrong[:20_000]
    assert problem in answer.calls[0].error


def test_F1_a_second_wrong_answer_is_the_end_and_says_why(asked):
    error, model = asked('{"name": "Rex", "legs": -1}')

    assert isinstance(error, AskingFailedError)
    assert error.permanent
    assert "also after one repair" in str(error)
    assert "legs: Input should be greater than or equal to 0" in str(error)
    assert outcomes(error) == ["invalid", "invalid"]
    assert [call.input_tokens for call in error.calls] == [10, 10]  # both were paid
    assert len(model.repairs) == 2


def test_F7_a_cut_answer_is_noticed_even_where_it_is_valid(asked):
    cut = Completion(text=VALID, model="scripted-1", is_cut=True, output_tokens=5)

    answer, model = asked(cut, VALID)
    assert outcomes(answer) == ["cut", "ok"]
    assert "token limit" in model.repairs[1].problem

    error, _ = asked(cut)
    assert isinstance(error, AskingFailedError)
    assert outcomes(error) == ["cut", "cut"]


def test_F6_a_transient_error_is_tried_once_more(asked):
    answer, model = asked(transient(), VALID)

    assert answer.value == Pet(name="Rex", legs=4)
    assert outcomes(answer) == ["http_503", "ok"]
    assert model.repairs == [None, None]


def test_F6_a_second_transient_error_is_handed_on_as_transient(asked):
    error, model = asked(transient())

    assert (error.permanent, error.retry_after) == (False, None)
    assert outcomes(error) == ["http_503", "http_503"]
    assert len(model.repairs) == 2


def test_F6_a_short_wait_without_a_wish_of_the_provider_is_bounded(asked):
    started = time.monotonic()

    answer, _ = asked(transient(None), VALID)

    assert outcomes(answer) == ["http_503", "ok"]
    assert 0.4 < time.monotonic() - started < 3


def test_F6_a_permanent_error_is_not_tried_again(asked):
    error, model = asked(LanguageModelError("wrong key", permanent=True, outcome="http_401"), VALID)

    assert (str(error), error.permanent) == ("wrong key", True)
    assert outcomes(error) == ["http_401"]
    assert len(model.repairs) == 1


@pytest.mark.parametrize("retry_after", [0.0, 0.02, 60.0, 3600.0])
def test_F6_a_retry_after_is_handed_on_at_once_however_short(asked, retry_after):
    started = time.monotonic()

    error, model = asked(transient(retry_after), VALID)

    assert time.monotonic() - started < 1
    assert (error.permanent, error.retry_after) == (False, retry_after)
    assert len(model.repairs) == 1


def test_F6_an_error_in_the_repair_turn_is_tried_again_with_the_same_repair(asked):
    answer, model = asked("{}", transient(), VALID)

    assert outcomes(answer) == ["invalid", "http_503", "ok"]
    assert model.repairs[1] == model.repairs[2]
    assert model.repairs[1] is not None


def test_F6_the_deadline_ends_a_call_and_the_cut_off_call_is_recorded(asked, settings):
    settings.CALL_DEADLINE = 0.2
    started = time.monotonic()

    error, _ = asked(60.0)

    assert time.monotonic() - started < 2
    assert (str(error), error.permanent) == ("no answer within 0.2 seconds", False)
    assert outcomes(error) == ["timeout"]
    assert error.calls[0].latency >= 0.15


def test_F6_the_deadline_holds_for_all_turns_together(asked, settings):
    settings.CALL_DEADLINE = 0.3

    error, _ = asked("{}", 60.0)

    assert isinstance(error, AskingFailedError)
    assert not error.permanent
    assert outcomes(error) == ["invalid", "timeout"]


def test_F6_the_deadline_ends_the_pause_between_two_tries(asked, settings):
    settings.CALL_DEADLINE = 0.2

    error, model = asked(transient(4.0), VALID)

    assert outcomes(error) == ["http_503"]
    assert not error.permanent
    assert len(model.repairs) == 1


def test_a_cancelled_call_stays_cancelled(monkeypatch):
    """A worker that stops cancels its calls; that is no failure of the provider."""
    model = ScriptedModel([60.0])
    monkeypatch.setattr(asking, "provider", lambda: model)

    async def cancel_soon():
        task = asyncio.create_task(ask(REQUEST))
        while not model.repairs:  # until it is asked
            await asyncio.sleep(0)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError as error:
            assert task.cancelled()
            return error
        return None

    (call,) = asyncio.run(cancel_soon()).calls
    assert (call.purpose, call.outcome) == (REQUEST.purpose, "given_up")


def test_many_questions_at_once_do_not_mix_their_records(monkeypatch):
    monkeypatch.setattr(asking, "provider", lambda: ScriptedModel([VALID]))

    async def all_at_once():
        return await asyncio.gather(*(ask(REQUEST) for _ in range(50)))

    assert [outcomes(answer) for answer in asyncio.run(all_at_once())] == [["ok"]] * 50


def outline() -> dict:
    return {
        "title": "Learn to test",
        "rationale": "Because.",
        "stages": [
            {
                "name": f"Stage {s}",
                "description": "A stage.",
                "modules": [
                    {
                        "name": f"Module {s}.{m}",
                        "description": "A module.",
                        "concepts": [
                            {
                                "key": f"c-{s}-{m}-{n}",
                                "name": f"Concept {s}.{m}.{n}",
                                "description": "One thing.",
                                "hours": 1,
                                "difficulty": "easy",
                                "keywords": ["one", "two", "three"],
                                "prerequisites": [f"c-{s}-{m}-{n - 1}"] if n > 1 else [],
                            }
                            for n in (1, 2, 3)
                        ],
                    }
                    for m in (1, 2)
                ],
            }
            for s in (1, 2, 3)
        ],
    }


def stored(value: BaseModel) -> str:
    """As a row would take it: JSON and UTF-8 without NUL, or PostgreSQL refuses a paid answer."""
    text = json.dumps(value.model_dump(), ensure_ascii=False, allow_nan=False)
    text.encode("utf-8")
    assert "\\u0000" not in text
    return text


@given(damaged(outline()))
@hypothesis_settings(
    max_examples=250, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None
)
def test_F1_a_damaged_outline_is_valid_or_refused_and_never_another_error(text):
    request = ModelRequest(purpose="outline", system="", prompt="", answer=Outline)
    model = ScriptedModel([text])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asking, "provider", lambda: model)
        try:
            answer = asyncio.run(ask(request))
        except AskingFailedError as error:
            answer = error
    if isinstance(answer, AskingFailedError):
        assert len(answer.calls) == 2
        assert str(answer).encode("utf-8")  # is logged and stored
        assert model.repairs[1].problem.encode("utf-8")  # is sent
        return

    concepts = answer.value.concepts()
    assert 18 <= len(concepts) <= 120
    assert len({concept.key for concept in concepts}) == len(concepts)
    seen = set()
    for concept in concepts:
        assert set(concept.prerequisites) <= seen
        seen.add(concept.key)
    assert stored(answer.value)


def test_F1_what_is_wrong_is_said_in_bounded_words_also_where_the_answer_is_quoted(asked):
    question = {"kind": "single_choice", "question": "Which?", "options": ["One", "Two"], "correct": [10**30] * 999}
    quiz = {"questions": [{**question, "explanation": "So.", "difficulty": "easy"}] * 8}

    error, model = asked(
        json.dumps(quiz), request=ModelRequest(purpose="quiz", system="", prompt="", answer=QuizAnswer)
    )

    assert "questions.0.correct: List should have at most 8 items" in str(error)
    assert len(model.repairs[1].problem) <= 2000
    assert len(model.repairs[1].answer) == 20_000
    assert len(str(error)) <= 2100


def test_F1_a_models_own_name_fits_its_column(monkeypatch):
    says = Completion(text=VALID, model="m\x00" * 1000)
    monkeypatch.setattr(asking, "provider", lambda: ScriptedModel([says], origin="Written by %(model)s."))

    assert asyncio.run(ask(REQUEST)).origin == f"Written by {'m' * 100}."


@pytest.mark.parametrize("odd", ["a\\u0000b", "a\\ud800b"])
def test_F1_characters_that_no_row_can_hold_never_reach_the_database(asked, odd):
    answer, _ = asked(f'{{"name": "{odd}", "legs": 4}}')

    assert isinstance(answer, AskingFailedError) or stored(answer.value)
