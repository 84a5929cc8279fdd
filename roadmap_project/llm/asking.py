"""How is a model asked until it gives a valid answer, within a deadline and without buying more than needed?"""

import asyncio
import json
import random
import re
import time
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import cache
from uuid import UUID, uuid4

from django.conf import settings
from pydantic import BaseModel, ValidationError

from roadmap_project.llm import (
    GIVEN_UP,
    RATE_LIMITED,
    Completion,
    LanguageModelError,
    ModelRequest,
    Provider,
    Turn,
    reasons,
)

TRIES_IN_CALL = 2
LARGEST_ANSWER = 400_000  # characters
# Of the words about what is wrong with an answer: some quote it, and they are sent to the model, stored and shown.
LONGEST_PROBLEM, LONGEST_PROBLEMS = 300, 2_000
CUT_OFF = "cut off before it answered"

# Whether whoever wants the answer still does. Awaited before each further request of a call: a repair, another try.
is_still_wanted: ContextVar[Callable[[], Awaitable[bool]] | None] = ContextVar("is_still_wanted", default=None)


@dataclass(frozen=True)
class CallRecord:
    """One request to a provider, to be stored as a ModelCall whatever became of it."""

    purpose: str
    provider: str
    model: str
    outcome: str  # ok, invalid, cut, or the error's outcome
    latency: float  # seconds
    input_tokens: int = 0
    output_tokens: int = 0
    error: str = ""
    key: UUID = field(default_factory=uuid4)  # a call is recorded once, however often its result is stored


@dataclass
class Answer:
    """A validated answer and every call that it took."""

    value: BaseModel
    provider: str
    origin: str
    calls: list[CallRecord] = field(default_factory=list)


class AskingFailedError(Exception):
    """No valid answer; `calls` says what was tried. `permanent`: asking again later will not help."""

    def __init__(
        self, message: str, *, permanent: bool, calls: list[CallRecord], retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.calls = calls
        self.retry_after = retry_after

    @property
    def is_limit(self) -> bool:
        """The provider is well and takes no more at present: nothing is wrong with what was asked."""
        return not self.permanent and bool(self.calls) and self.calls[-1].outcome == RATE_LIMITED


class GivenUpError(asyncio.CancelledError):
    """Cancelled by whoever wanted the answer; `calls` says what was tried."""

    def __init__(self, calls: list[CallRecord]) -> None:
        super().__init__()
        self.calls = calls


@cache
def provider() -> Provider:
    """The installation's provider; importing it is left until it is used (the SDK costs 43 MB)."""
    if settings.LLM_PROVIDER == "openai":
        from roadmap_project.llm.openai import OpenAIProvider

        return OpenAIProvider.from_settings()
    from roadmap_project.llm.library import LibraryProvider

    return LibraryProvider()


async def ask(request: ModelRequest) -> Answer:
    """Ask the installation's provider; raises AskingFailedError.

    A transient error is tried once more a second later, unless the provider says when: that is for every call to heed,
    and so the queue's affair. An invalid answer gets one repair turn that quotes the problem. Uses no database. All of
    it ends within CALL_DEADLINE. Cancelled, it raises GivenUpError.
    """
    calls: list[CallRecord] = []
    try:
        async with asyncio.timeout(settings.CALL_DEADLINE):
            return await _ask(provider(), request, calls)
    except TimeoutError:
        raise AskingFailedError(
            reasons.NO_ANSWER % {"seconds": settings.CALL_DEADLINE}, permanent=False, calls=calls
        ) from None
    except asyncio.CancelledError:
        if calls and calls[-1].error == CUT_OFF:
            _amend(calls, outcome=GIVEN_UP, error="its process stopped")
        raise GivenUpError(calls) from None


async def _ask(model: Provider, request: ModelRequest, calls: list[CallRecord]) -> Answer:
    repair: Turn | None = None
    while True:
        completion = await _complete(model, request, repair, calls)
        try:
            value = _validated(request, completion)
        except InvalidAnswerError as error:
            _amend(calls, outcome="cut" if completion.is_cut else "invalid", error=str(error))
            if repair is not None:
                raise AskingFailedError(reasons.NOT_USABLE % {"problem": error}, permanent=True, calls=calls) from error
            repair = Turn(answer=completion.text[:20_000], problem=str(error))
            await _go_on(calls)
        else:
            origin = (completion.origin or model.origin) % {"model": storable(completion.model)[:100]}
            return Answer(value=value, provider=model.name, origin=origin, calls=calls)


async def _go_on(calls: list[CallRecord]) -> None:
    """Raise AskingFailedError where nobody wants the answer any more: nothing further is bought."""
    is_wanted = is_still_wanted.get()
    if is_wanted and not await is_wanted():
        raise AskingFailedError(reasons.NOT_WANTED, permanent=True, calls=calls)


async def _complete(model: Provider, request: ModelRequest, repair: Turn | None, calls: list[CallRecord]) -> Completion:
    for attempt in range(1, TRIES_IN_CALL + 1):
        started = time.monotonic()
        try:
            completion = await model.complete(request, repair, timeout=settings.LLM_TIMEOUT)
        except LanguageModelError as error:
            calls.append(_record(model, request, started, outcome=error.outcome, error=str(error)))
            if error.permanent or attempt == TRIES_IN_CALL or error.retry_after is not None:
                raise AskingFailedError(
                    str(error), permanent=error.permanent, calls=calls, retry_after=error.retry_after
                ) from error
            await asyncio.sleep(random.uniform(0.5, 1.5))  # apart: whatever struck one of them struck all
            await _go_on(calls)
        except asyncio.CancelledError:
            calls.append(_record(model, request, started, outcome="timeout", error=CUT_OFF))
            raise
        else:
            calls.append(_record(model, request, started, outcome="ok", completion=completion))
            return completion
    raise AssertionError("unreachable")


def _record(
    model: Provider,
    request: ModelRequest,
    started: float,
    *,
    outcome: str,
    error: str = "",
    completion: Completion | None = None,
) -> CallRecord:
    return CallRecord(
        purpose=request.purpose,
        provider=model.name,
        model=completion.model if completion else "",
        outcome=outcome,
        latency=time.monotonic() - started,
        input_tokens=completion.input_tokens if completion else 0,
        output_tokens=completion.output_tokens if completion else 0,
        error=error[:1000],
    )


def _amend(calls: list[CallRecord], *, outcome: str, error: str) -> None:
    calls[-1] = replace(calls[-1], outcome=outcome, error=error[:1000])


class InvalidAnswerError(Exception):
    """The text is not the asked-for answer; the message is written for the model that shall repair it."""

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(_short(each, LONGEST_PROBLEM) for each in problems)[:LONGEST_PROBLEMS])


def _short(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[:length]}…"


def _validated(request: ModelRequest, completion: Completion) -> BaseModel:
    if completion.is_cut:
        raise InvalidAnswerError("The answer was cut off by the token limit. Answer completely, but more briefly.")
    if len(completion.text) > LARGEST_ANSWER:
        raise InvalidAnswerError(
            f"The answer has {len(completion.text)} characters; at most {LARGEST_ANSWER} are taken."
        )
    try:
        return request.answer.model_validate(json_object(completion.text), context=dict(request.limits))
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, item['loc'])) or 'answer'}: {item['msg']}" for item in error.errors()[:12]]
        raise InvalidAnswerError(*problems) from error


def json_object(text: str) -> object:
    """The one JSON object in a text, whether bare, in a code fence or followed by prose; raises InvalidAnswerError."""
    stripped = text.strip().removeprefix("\ufeff")
    if not stripped:
        raise InvalidAnswerError("The answer is empty.")
    fenced = re.match(r"```(?:json)?\s*\n(.*)\n```", stripped, re.DOTALL)
    candidate = fenced.group(1) if fenced else stripped
    start = candidate.find("{")
    if start < 0:
        raise InvalidAnswerError("The answer holds no JSON object.")
    try:
        value, _ = json.JSONDecoder(strict=False).raw_decode(candidate[start:])
        return _storable(value)
    except (ValueError, RecursionError) as error:  # not only JSONDecodeError: an integer of 5,000 digits
        raise InvalidAnswerError(f"The answer is not valid JSON: {error}") from error


def storable(text: str) -> str:
    """Without what PostgreSQL's text cannot hold: NUL characters and halves of surrogate pairs."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()


def _storable(value: object) -> object:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, list):
        return [_storable(each) for each in value]
    if isinstance(value, dict):
        return {_storable(key): _storable(each) for key, each in value.items()}
    return value
