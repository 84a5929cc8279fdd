"""Does the stub answer as a model does, and fail as it is told to?"""

import asyncio
import contextlib
import http.client
import json
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import openai
import pytest
from openai.types.chat import ChatCompletion
from pydantic import BaseModel, ValidationError

import content.answers
import roadmaps.answers
from roadmap_project.llm import Completion, LanguageModelError, ModelRequest, Turn
from roadmap_project.llm.asking import InvalidAnswerError, json_object
from roadmap_project.llm.openai import OpenAIProvider
from tests.stub_model import ANSWERS, FAULTS, Call, Json, StubModel, drawn_latency, rules_from_argument

T = TypeVar("T")
Asking = Callable[[openai.AsyncOpenAI], Coroutine[Any, Any, T]]

SHAPES: dict[str, type[BaseModel]] = {
    "goal_analysis": roadmaps.answers.GoalAnalysis,
    "outline": roadmaps.answers.Outline,
    "review": roadmaps.answers.Review,
    "edit_plan": roadmaps.answers.EditPlan,
    "edited_outline": roadmaps.answers.EditedOutline,
    "tutorial": content.answers.TutorialAnswer,
    "resources": content.answers.ResourcesAnswer,
    "quiz": content.answers.QuizAnswer,
}


@pytest.fixture(scope="module")
def running() -> Iterator[StubModel]:
    with StubModel() as stub:
        yield stub


@pytest.fixture
def stub(running: StubModel) -> StubModel:
    running.reset()
    return running


def with_client(stub: StubModel, asking: Asking[T], *, timeout: float = 10.0) -> T:
    async def asked() -> T:
        # Without certificates: to load them takes longer than most of these tests.
        http = openai.DefaultAsyncHttpxClient(verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        client = openai.AsyncOpenAI(base_url=stub.url, api_key="none", max_retries=0, timeout=timeout, http_client=http)
        async with client:
            return await asking(client)

    return asyncio.run(asked())


@cache
def json_schema(purpose: str) -> Json:
    return SHAPES[purpose].model_json_schema()


async def create(client: openai.AsyncOpenAI, purpose: str, prompt: str, way: str = "json_schema") -> ChatCompletion:
    schema = {"name": purpose, "schema": json_schema(purpose), "strict": False}
    formats: dict[str, Json] = {
        "json_schema": {"response_format": {"type": "json_schema", "json_schema": schema}},
        "json_object": {"response_format": {"type": "json_object"}},
        "text": {},
    }
    messages: Any = [
        {"role": "system", "content": f"Answer with one JSON object for the schema {purpose!r}."},
        {"role": "user", "content": prompt},
    ]
    response: ChatCompletion = await client.chat.completions.create(model="small", messages=messages, **formats[way])
    return response


def complete(
    stub: StubModel, purpose: str, prompt: str = "", *, timeout: float = 10.0, way: str = "json_schema"
) -> ChatCompletion:
    return with_client(
        stub, lambda client: create(client, purpose, prompt or prompt_for(purpose), way), timeout=timeout
    )


def answer(stub: StubModel, purpose: str, prompt: str = "") -> Any:
    """The validated answer, read as the project reads it."""
    text = complete(stub, purpose, prompt).choices[0].message.content
    return SHAPES[purpose].model_validate(json_object(text or ""))


def prompt_for(purpose: str, goal: str = "to bake bread") -> str:
    return with_outline(built_outline(), goal) if purpose == "edited_outline" else f"Goal: {goal}"


def built_outline(prompt: str = "Goal: to bake bread") -> Json:
    call = Call(purpose="outline", prompt=prompt, model="", way="text", is_repair=False, characters=0)
    tree = ANSWERS["outline"](call, 30)
    return {"title": tree["title"], "stages": tree["stages"]}


def with_outline(tree: Json, words: str = "") -> str:
    return f"{words}\n<outline>\n{json.dumps(tree, indent=1)}\n</outline>\nAs JSON."


def keys(tree: Any) -> list[str]:
    return [concept.key for concept in tree.concepts()]


def provided(stub: StubModel, *, repair: Turn | None = None, timeout: float = 10.0) -> Completion:
    """A quiz, asked for through the project's own client."""
    request = ModelRequest(purpose="quiz", system="Write.", prompt="a concept", answer=SHAPES["quiz"])
    model = OpenAIProvider(api_key="", base_url=stub.url, model="small", model_by_purpose={"quiz": "large"})

    async def asked() -> Completion:
        async with model._current_client():
            return await model.complete(request, repair, timeout=timeout)

    return asyncio.run(asked())


# Valid answers


@pytest.mark.parametrize("purpose", SHAPES)
@pytest.mark.parametrize("way", ["json_schema", "json_object", "text"])
def test_every_purpose_gets_a_valid_answer_in_every_format(stub: StubModel, purpose: str, way: str) -> None:
    response = complete(stub, purpose, way=way)

    text = response.choices[0].message.content or ""
    SHAPES[purpose].model_validate_json(text)
    assert response.model == "small"
    assert response.choices[0].finish_reason == "stop"
    assert response.usage is not None
    assert response.usage.completion_tokens == len(text) // 4
    assert response.usage.prompt_tokens > 0


@pytest.mark.parametrize("purpose", SHAPES)
def test_answers_differ_between_prompts_and_are_the_same_for_the_same_prompt(stub: StubModel, purpose: str) -> None:
    goals = ("to bake bread", "to bake bread", "to row", "to sing", "to sail")
    first, again, *others = (answer(stub, purpose, prompt_for(purpose, goal)) for goal in goals)

    assert first == again
    assert all(other != first for other in others)


@pytest.mark.parametrize("purpose", SHAPES)
def test_thirty_prompts_get_valid_answers(stub: StubModel, purpose: str) -> None:
    async def ask_all(client: openai.AsyncOpenAI) -> list[ChatCompletion]:
        prompts = [prompt_for(purpose, f"goal {number}") for number in range(30)]
        return await asyncio.gather(*(create(client, purpose, prompt, "text") for prompt in prompts))

    for response in with_client(stub, ask_all):
        SHAPES[purpose].model_validate_json(response.choices[0].message.content or "")


def test_an_outline_has_thirty_concepts_in_three_stages_of_three_modules(stub: StubModel) -> None:
    outline = answer(stub, "outline")

    assert [len(stage.modules) for stage in outline.stages] == [3, 3, 3]
    assert len(outline.concepts()) == 30
    assert len({concept.name for concept in outline.concepts()}) == 30
    assert keys(outline)[:4] == ["c-1-1-1", "c-1-1-2", "c-1-1-3", "c-1-1-4"]


@pytest.mark.parametrize("concepts", [18, 19, 26, 27, 54, 55, 73, 120])
def test_the_number_of_concepts_can_be_chosen(concepts: int) -> None:
    with StubModel(concepts=concepts) as stub:
        outline = answer(stub, "outline")

    assert len({concept.name for concept in outline.concepts()}) == concepts


@pytest.mark.parametrize("concepts", [17, 121])
def test_a_number_that_no_outline_may_have_is_refused(concepts: int) -> None:
    with pytest.raises(ValueError, match="18 to 120"):
        StubModel(concepts=concepts)


def test_an_edit_returns_the_whole_tree_with_one_concept_renamed(stub: StubModel) -> None:
    before = roadmaps.answers.OutlineTree.model_validate(built_outline())

    after = answer(stub, "edited_outline", with_outline(before.model_dump(), "Rename something."))

    changed = [new for old, new in zip(before.concepts(), after.concepts(), strict=True) if old != new]
    assert keys(after) == keys(before)
    assert len(changed) == 1


def test_an_edit_without_a_tree_says_what_is_missing(stub: StubModel) -> None:
    with pytest.raises(openai.BadRequestError, match="<outline>"):
        complete(stub, "edited_outline", "Rename something.")


def test_a_flawed_outline_is_criticised_until_it_is_edited(stub: StubModel) -> None:
    outline = answer(stub, "outline", "Goal: a FLAWED one")
    tree = outline.model_dump(include={"title", "stages"})

    edited = answer(stub, "edited_outline", with_outline(tree, "Goal: a FLAWED one"))

    def severities(reviewed: Json) -> list[str]:
        return [issue.severity for issue in answer(stub, "review", with_outline(reviewed, "Goal: a FLAWED one")).issues]

    assert severities(tree) == ["critical", "warning"]
    assert severities(edited.model_dump(include={"title", "stages"})) == ["warning"]


def test_an_unclear_wish_leads_to_a_question(stub: StubModel) -> None:
    clear = answer(stub, "edit_plan", with_outline(built_outline(), "Make it shorter."))
    unclear = answer(stub, "edit_plan", with_outline(built_outline(), "UNCLEAR words."))

    assert not clear.needs_clarification
    assert [intent.action for intent in clear.intents] == ["modify"]
    assert unclear.needs_clarification
    assert unclear.questions


def test_tutorials_are_pages_and_some_hold_a_diagram(stub: StubModel) -> None:
    pages = [answer(stub, "tutorial", f"Concept {number}").markdown for number in range(12)]

    assert all(2000 < len(page) < 5000 and "```python" in page for page in pages)
    assert 0 < sum("```mermaid" in page for page in pages) < 12


def test_a_purpose_without_an_answer_is_refused_in_words(stub: StubModel) -> None:
    messages: Any = [{"role": "user", "content": "Hello"}]

    with pytest.raises(openai.BadRequestError, match="no answer for the purpose ''"):
        with_client(stub, lambda client: client.chat.completions.create(model="small", messages=messages))


def test_it_lists_a_model(stub: StubModel) -> None:
    async def listed(client: openai.AsyncOpenAI) -> list[str]:
        return [model.id async for model in client.models.list()]

    assert with_client(stub, listed) == ["stub"]


# Faults of the transport


@pytest.mark.parametrize(
    ("fault", "error", "code"),
    [
        ("rate_limited", openai.RateLimitError, "rate_limit_exceeded"),
        ("insufficient_quota", openai.RateLimitError, "insufficient_quota"),
        ("server_error", openai.InternalServerError, None),
        ("unavailable", openai.InternalServerError, None),
        ("unauthorized", openai.AuthenticationError, "invalid_api_key"),
        ("context_length", openai.BadRequestError, "context_length_exceeded"),
        ("no_json_schema", openai.BadRequestError, None),
    ],
)
def test_an_error_has_the_status_and_body_of_openai(
    stub: StubModel, fault: str, error: type[openai.APIStatusError], code: str | None
) -> None:
    stub.faults([{"fault": fault}])

    with pytest.raises(error) as raised:
        complete(stub, "quiz")

    assert raised.value.code == code
    [record] = stub.requests()
    assert (record.fault, record.status, record.is_sent) == (fault, raised.value.status_code, True)


@pytest.mark.parametrize(("fault", "status"), [("rate_limited", 429), ("unavailable", 503)])
def test_retry_after_is_sent_where_it_is_given(stub: StubModel, fault: str, status: int) -> None:
    headers = []
    for rule in ({"fault": fault, "retry_after": 1.5}, {"fault": fault}):
        stub.faults([rule])
        with pytest.raises(openai.APIStatusError) as raised:
            complete(stub, "quiz")
        assert raised.value.status_code == status
        headers.append(raised.value.response.headers.get("retry-after"))

    assert headers == ["1.5", None]


def test_the_client_falls_back_to_the_format_that_is_taken(stub: StubModel) -> None:
    stub.faults([{"fault": "no_json_schema"}, {"fault": "no_json_object"}])

    completion = provided(stub)

    SHAPES["quiz"].model_validate_json(completion.text)
    assert [(record.way, record.fault) for record in stub.requests()] == [
        ("json_schema", "no_json_schema"),
        ("json_object", "no_json_object"),
        ("text", None),
    ]


@contextmanager
def connected(stub: StubModel) -> Iterator[socket.socket]:
    host, port = stub.url.removeprefix("http://").removesuffix("/v1").split(":")
    with socket.socket() as client:
        client.settimeout(5)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        client.connect((host, int(port)))
        yield client


def send_question(client: socket.socket) -> None:
    schema = {"type": "json_schema", "json_schema": {"name": "quiz"}}
    body = json.dumps({"messages": [{"role": "user", "content": "x"}], "response_format": schema})
    client.sendall(f"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())


def test_a_connection_is_kept_until_the_client_asks_to_close_it(stub: StubModel) -> None:
    with connected(stub) as client, client.makefile("rb") as received:
        client.sendall(b"GET /v1/models HTTP/1.1\r\n\r\n")
        first = received.readline()
        client.sendall(b"GET /v1/models HTTP/1.1\r\nConnection: close\r\n\r\n")
        rest = received.read()

    assert first.startswith(b"HTTP/1.1 200 ")
    assert rest.count(b"HTTP/1.1 200 ") == 1


def test_a_reset_connection_is_a_reset_and_no_orderly_end(stub: StubModel) -> None:
    stub.faults([{"fault": "reset"}])

    with connected(stub) as client:
        send_question(client)
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    with pytest.raises(openai.APIConnectionError):
        complete(stub, "quiz")

    assert [(record.fault, record.is_sent) for record in stub.requests()] == [("reset", False)] * 2


def test_an_answer_that_is_not_taken_is_not_sent(stub: StubModel) -> None:
    stub.faults([{"fault": "huge"}])

    with connected(stub) as client:
        send_question(client)
        client.recv(1, socket.MSG_PEEK)  # it has begun to leave
        in_flight = stub.in_flight

    stub.wait_for(0)
    [record] = stub.requests()
    assert in_flight == 1
    assert not record.is_sent


def test_a_stalling_answer_is_cut_off_by_the_clients_deadline(stub: StubModel) -> None:
    stub.faults([{"fault": "stall"}])

    with pytest.raises(LanguageModelError) as raised:
        provided(stub, timeout=0.3)

    assert raised.value.outcome == "timeout"
    stub.wait_for(0)
    [record] = stub.requests()
    assert not record.is_sent


def test_a_stalled_answer_ends_without_its_second_half(stub: StubModel) -> None:
    stub.faults([{"fault": "stall", "delay": 0.2}])

    with pytest.raises(openai.APIConnectionError):
        complete(stub, "quiz")

    [record] = stub.requests()
    assert record.finished is not None
    assert record.finished - record.started >= 0.2


def test_a_slow_answer_comes_late_and_whole(stub: StubModel) -> None:
    stub.faults([{"fault": "slow", "delay": 0.2}])

    started = time.monotonic()
    answer(stub, "quiz")

    assert time.monotonic() - started >= 0.2


# Faults of the answer


@pytest.mark.parametrize("fault", ["fenced", "prose"])
@pytest.mark.parametrize("purpose", SHAPES)
def test_wrapped_answers_are_not_bare_json_but_hold_a_valid_answer(stub: StubModel, fault: str, purpose: str) -> None:
    stub.faults([{"fault": fault}])
    text = complete(stub, purpose).choices[0].message.content or ""

    with pytest.raises(ValidationError):
        SHAPES[purpose].model_validate_json(text)
    SHAPES[purpose].model_validate(json_object(text))


@pytest.mark.parametrize("purpose", SHAPES)
def test_scripts_stand_in_valid_answers(stub: StubModel, purpose: str) -> None:
    stub.faults([{"fault": "script"}])

    text = answer(stub, purpose).model_dump_json()

    for danger in ("<script>alert(1)</script>", "javascript:", "onerror=", "data:text/html"):
        assert danger in text


@pytest.mark.parametrize(("fault", "reason"), [("truncated", "stop"), ("cut", "length"), ("empty", "stop")])
def test_unfinished_answers_are_no_json(stub: StubModel, fault: str, reason: str) -> None:
    stub.faults([{"fault": fault}])

    choice = complete(stub, "tutorial").choices[0]

    assert choice.finish_reason == reason
    assert (choice.message.content == "") == (fault == "empty")
    with pytest.raises(InvalidAnswerError):
        json_object(choice.message.content or "")


@pytest.mark.parametrize("purpose", SHAPES)
def test_wrong_types_fit_no_shape(stub: StubModel, purpose: str) -> None:
    stub.faults([{"fault": "wrong_types"}])

    with pytest.raises(ValidationError):
        answer(stub, purpose)


@pytest.mark.parametrize(
    ("fault", "purpose", "words"),
    [
        ("zero_items", "quiz", "0 questions"),
        ("zero_items", "resources", "0 resources"),
        ("zero_items", "outline", "0 stages"),
        ("zero_items", "tutorial", "0 characters"),
        ("zero_items", "edit_plan", "neither an intent nor a question"),
        ("duplicate_keys", "outline", "the key c-1-1-1 stands twice"),
        ("duplicate_keys", "edited_outline", "the key c-1-1-1 stands twice"),
        ("unknown_prerequisite", "outline", "unknown prerequisite c-99-99-99"),
        ("cyclic_prerequisites", "outline", "c-1-1-1 has the prerequisite c-1-1-2, which does not come before it"),
        ("too_many_stages", "outline", "40 stages"),
    ],
)
def test_broken_rules_are_named_by_the_validation(stub: StubModel, fault: str, purpose: str, words: str) -> None:
    stub.faults([{"fault": fault}])

    with pytest.raises(ValidationError, match=words):
        answer(stub, purpose)


def test_no_choices_and_refusals(stub: StubModel) -> None:
    outcomes = []
    for fault in ("no_choices", "refusal"):
        stub.faults([{"fault": fault}])
        with pytest.raises(LanguageModelError) as raised:
            provided(stub)
        outcomes.append(raised.value.outcome)

    assert outcomes == ["empty", "refused"]


def test_a_huge_answer_has_a_megabyte_and_is_sent_whole(stub: StubModel) -> None:
    stub.faults([{"fault": "huge"}])

    text = complete(stub, "tutorial").choices[0].message.content or ""

    assert len(text) > 1_000_000
    [record] = stub.requests()
    assert record.is_sent


def test_a_review_can_be_critical_whatever_the_outline(stub: StubModel) -> None:
    stub.faults([{"fault": "critical"}])

    assert [issue.severity for issue in answer(stub, "review").issues] == ["critical", "warning"]


# Rules


def test_the_first_rule_that_fits_wins_and_is_used_up(stub: StubModel) -> None:
    stub.faults(
        [
            {"fault": "empty", "purpose": "quiz", "times": 2},
            {"fault": "refusal", "match": "bread"},
            {"fault": "too_many_stages"},
        ]
    )

    for purpose, prompt in (
        ("quiz", "bread"),
        ("tutorial", "bread"),
        ("quiz", "soup"),
        ("quiz", "soup"),
        ("quiz", "bread"),
    ):
        complete(stub, purpose, prompt)

    assert [record.fault for record in stub.requests()] == ["empty", "refusal", "empty", None, "refusal"]


def test_chances_depend_on_the_seed_and_the_prompt_and_not_on_the_order() -> None:
    def struck(seed: int, numbers: list[int]) -> set[str]:
        async def ask_all(client: openai.AsyncOpenAI) -> None:
            await asyncio.gather(*(create(client, "quiz", f"concept {number}", "text") for number in numbers))

        with StubModel(seed=seed) as stub:
            stub.faults([{"fault": "empty", "probability": 0.3}])
            with_client(stub, ask_all)
            return {record.prompt_sha256 for record in stub.requests() if record.fault}

    first, again, other = struck(1, list(range(60))), struck(1, list(range(59, -1, -1))), struck(2, list(range(60)))

    assert first == again
    assert first != other
    assert 6 <= len(first) <= 30


def test_the_shares_of_the_command_line_are_shares_of_all_requests() -> None:
    rules = rules_from_argument("rate=0.4,empty=0.1")

    left, struck = 1.0, []
    for rule in rules:
        struck.append(left * rule["probability"])
        left -= struck[-1]
    assert [rule["fault"] for rule in rules] == ["rate_limited", "server_error", "unavailable", "reset", "empty"]
    assert struck == pytest.approx([0.1] * 5)


@pytest.mark.parametrize(
    "rule", [{"fault": "typo"}, {"fault": "slow", "purpose": "typo"}, {"fault": "slow", "time": 3}, {}]
)
def test_a_rule_that_means_nothing_is_refused(stub: StubModel, rule: Json) -> None:
    with pytest.raises((TypeError, ValueError)):
        stub.faults([rule])


# Many at once, and what is counted


def test_three_hundred_calls_wait_at_once_and_are_all_answered(stub: StubModel) -> None:
    async def ask_all(client: openai.AsyncOpenAI) -> list[ChatCompletion]:
        calls = [asyncio.create_task(create(client, "quiz", f"concept {number}", "text")) for number in range(300)]
        await asyncio.to_thread(stub.wait_for, 300)
        assert not any(call.done() for call in calls)
        stub.release()
        return await asyncio.gather(*calls)

    stub.hold()
    responses = with_client(stub, ask_all, timeout=30)

    texts = {response.choices[0].message.content or "" for response in responses}
    assert len(texts) == 300
    assert (stub.in_flight, stub.max_in_flight) == (0, 300)


def test_the_latency_is_waited_for_by_all_at_once() -> None:
    async def ask_all(client: openai.AsyncOpenAI) -> None:
        await asyncio.gather(*(create(client, "quiz", f"concept {number}", "text") for number in range(40)))

    with StubModel(latency=0.4, latency_spread=0.1) as stub:
        with_client(stub, ask_all)
        records = stub.requests()

    waits = [record.finished - record.started for record in records if record.finished]
    assert len(waits) == 40
    assert min(waits) >= 0.3
    assert max(waits) - min(waits) > 0.1
    assert max(record.finished_at or 0 for record in records) - min(record.started_at for record in records) < 2


def test_drawn_latencies_and_faults_are_met_in_the_order_of_the_requests_whatever_is_asked() -> None:
    def met(seed: int, words: str) -> tuple[list[str | None], list[float]]:
        async def ask_in_turn(client: openai.AsyncOpenAI) -> None:
            for number in range(30):
                with contextlib.suppress(openai.InternalServerError):
                    await create(client, "quiz", f"{words} {number}", "text")

        with StubModel(latency=0.02, latency_sigma=0.5, seed=seed) as stub:
            stub.faults([{"fault": "server_error", "probability": 0.3}])
            with_client(stub, ask_in_turn)
            records = stub.requests()
        waits = [record.finished - record.started for record in records if record.finished and not record.fault]
        return [record.fault for record in records], waits

    (faults, waits), (faults_again, _), (other_faults, _) = met(1, "one program"), met(1, "another"), met(2, "another")

    drawn = [drawn_latency(0.02, 0.5, 1, "piece", number) for number in range(1, len(waits) + 1)]
    assert faults == faults_again != other_faults
    assert 0 < faults.count("server_error") < 20
    assert all(waited >= latency - 0.002 for waited, latency in zip(waits, drawn, strict=True))
    assert sum(waits) < 3 * sum(drawn)


def test_drawn_latencies_have_the_mean_that_was_asked_for_and_differ_by_seed_and_group() -> None:
    def draws(seed: int, group: str) -> list[float]:
        return [drawn_latency(10, 0.5, seed, group, number) for number in range(1, 1001)]

    assert sum(draws(1, "piece")) / 1000 == pytest.approx(10, rel=0.05)
    assert 2.5 <= min(draws(1, "piece")) < 4
    assert 25 < max(draws(1, "piece")) <= 40
    assert draws(1, "piece") == draws(1, "piece") != draws(2, "piece")
    assert draws(1, "piece") != draws(1, "design")


def test_hold_keeps_back_also_what_came_before(stub: StubModel) -> None:
    stub.faults([{"fault": "slow", "delay": 0.1}])

    async def asked(client: openai.AsyncOpenAI) -> bool:
        call = asyncio.create_task(create(client, "quiz", "x"))
        await asyncio.to_thread(stub.wait_for, 1)
        stub.hold()
        while not (stub.state()["kept_back"] or call.done()):
            await asyncio.sleep(0.01)
        was_done = call.done()
        stub.release()
        await call
        return was_done

    assert with_client(stub, asked) is False


def test_a_fault_that_is_set_while_all_wait_strikes_all(stub: StubModel) -> None:
    async def ask_all(client: openai.AsyncOpenAI) -> list[ChatCompletion | BaseException]:
        calls = [asyncio.create_task(create(client, "quiz", f"concept {number}", "text")) for number in range(90)]
        await asyncio.to_thread(stub.wait_for, 90)
        stub.faults([{"fault": "unavailable"}])
        stub.release()
        return await asyncio.gather(*calls, return_exceptions=True)

    stub.hold()
    outcomes = with_client(stub, ask_all)

    assert [type(outcome) for outcome in outcomes] == [openai.InternalServerError] * 90
    assert stub.state()["by_fault"] == {"unavailable": 90}


def test_it_counts_by_purpose_and_fault(stub: StubModel) -> None:
    stub.faults([{"fault": "empty", "purpose": "quiz"}])

    for purpose in ("quiz", "quiz", "tutorial"):
        complete(stub, purpose)

    assert stub.state() == {
        "in_flight": 0,
        "max_in_flight": 1,
        "total": 3,
        "by_purpose": {"quiz": 2, "tutorial": 1},
        "by_fault": {"empty": 2},
        "is_held": False,
        "kept_back": 0,
    }
    stub.reset()
    assert stub.requests() == []
    assert stub.state()["max_in_flight"] == 0


def test_a_request_is_recorded_with_its_prompt_model_repair_and_times(stub: StubModel) -> None:
    earliest = (time.monotonic(), time.time())

    provided(stub)
    provided(stub, repair=Turn(answer="{}", problem="no questions"))

    first, second = stub.requests()
    assert first.prompt_sha256 == second.prompt_sha256 == sha256(b"a concept").hexdigest()
    assert (first.is_repair, second.is_repair) == (False, True)
    assert (first.model, first.purpose, first.status, first.is_sent) == ("large", "quiz", 200, True)
    assert first.finished is not None
    assert first.finished_at is not None
    assert earliest[0] <= first.started <= first.finished <= second.started <= time.monotonic()
    assert earliest[1] <= first.started_at <= first.finished_at <= time.time()


def test_a_client_that_leaves_is_not_in_flight_and_got_nothing(stub: StubModel) -> None:
    stub.hold()

    with pytest.raises(openai.APITimeoutError):
        complete(stub, "quiz", timeout=0.2)

    stub.wait_for(0)
    stub.release()
    [record] = stub.requests()
    assert not record.is_sent
    assert record.finished is not None


def test_reset_forgets_what_is_in_flight_without_losing_it(stub: StubModel) -> None:
    async def asked(client: openai.AsyncOpenAI) -> int:
        stub.hold()
        call = asyncio.create_task(create(client, "quiz", "x"))
        await asyncio.to_thread(stub.wait_for, 1)
        stub.reset()
        await call
        return stub.in_flight

    assert with_client(stub, asked) == 0
    assert stub.requests() == []


# As a process


@pytest.fixture
def process(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    rules = tmp_path / "rules.json"
    rules.write_text('[{"fault": "refusal", "purpose": "quiz"}]')
    command = [sys.executable, "-m", "tests.stub_model", "--port", "0", "--latency", "0.01", "--faults", str(rules)]
    root = Path(__file__).parent.parent
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as started:
        yield started
        started.kill()


def fetched(address: str, body: object = None, method: str = "GET") -> Any:
    sent = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address, data=sent, method=method)
    with urllib.request.urlopen(request, timeout=5) as response:
        return json.load(response)


def test_a_process_serves_controls_and_ends_on_sigterm(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    assert process.stderr is not None
    url = process.stdout.readline().strip()
    control = url.removesuffix("/v1") + "/control"
    messages = [{"role": "system", "content": "for the schema 'quiz'"}, {"role": "user", "content": "x"}]
    asked = {"model": "small", "messages": messages}

    refused = fetched(f"{url}/chat/completions", asked, "POST")
    fetched(f"{control}/faults", [{"fault": "empty", "times": 1}], "POST")
    empty = fetched(f"{url}/chat/completions", asked, "POST")
    fetched(f"{control}/hold", method="POST")
    is_held = fetched(f"{control}/state")["is_held"]
    fetched(f"{control}/release", method="POST")
    answered = fetched(f"{url}/chat/completions", asked, "POST")
    records = fetched(f"{control}/requests")
    with pytest.raises(urllib.error.HTTPError, match="400"):
        fetched(f"{control}/faults", [{"fault": "typo"}], "POST")
    with pytest.raises(urllib.error.HTTPError, match="404"):
        fetched(f"{control}/typo", method="POST")
    fetched(f"{control}/reset", method="POST")
    process.send_signal(signal.SIGTERM)

    assert refused["choices"][0]["message"]["refusal"]
    assert empty["choices"][0]["message"]["content"] == ""
    SHAPES["quiz"].model_validate_json(answered["choices"][0]["message"]["content"])
    assert is_held is True
    assert [record["fault"] for record in records] == ["refusal", "empty", None]
    assert process.wait(timeout=5) == 0
    assert process.stderr.read() == ""


def test_nobody_listens_for_the_time_that_was_asked_for_and_what_was_in_flight_is_cut_off(
    process: subprocess.Popen[str],
) -> None:
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    control = url.removesuffix("/v1") + "/control"
    port = int(url.removesuffix("/v1").rpartition(":")[2])
    messages = [{"role": "system", "content": "for the schema 'quiz'"}, {"role": "user", "content": "Goal: fly\nx"}]
    fetched(f"{control}/hold", method="POST")
    held = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    held.request("POST", "/v1/chat/completions", json.dumps({"model": "small", "messages": messages}))

    fetched(f"{control}/refuse", 1.0, "POST")
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        held.getresponse()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)
    until = time.monotonic() + 10
    while True:
        try:
            records = fetched(f"{control}/requests")
            break
        except urllib.error.URLError:
            assert time.monotonic() < until
            time.sleep(0.02)

    assert [(record["goal"], record["is_sent"]) for record in records] == [("fly", False)]


def test_every_fault_is_tried_here() -> None:
    source = Path(__file__).read_text(encoding="utf-8")

    assert [fault for fault in FAULTS if f'"{fault}"' not in source] == []
