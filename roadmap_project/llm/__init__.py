"""The one door to language models: what is asked, what comes back, and what can go wrong."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from pydantic import BaseModel

RATE_LIMITED = "rate_limited"  # the outcome of a call that the provider takes later
GIVEN_UP = "given_up"  # of one whose process stopped: nobody's failure, though it costs


@dataclass(frozen=True)
class ModelRequest:
    """One question with the shape of its answer.

    `facts` are the inputs that the prompt was written from, for a provider that reads facts instead of
    prose; `limits` is handed to the answer's validators (its `context`).
    """

    purpose: str
    system: str
    prompt: str
    answer: type[BaseModel]
    facts: Mapping[str, Any] = field(default_factory=dict)
    limits: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Turn:
    """An earlier answer and what was wrong with it, when asking once more."""

    answer: str
    problem: str


@dataclass(frozen=True)
class Completion:
    """What a provider returned, not yet validated."""

    text: str
    model: str
    is_cut: bool = False  # by the token limit
    input_tokens: int = 0
    output_tokens: int = 0
    origin: str = ""  # where it is another than the provider's


class LanguageModelError(Exception):
    """A provider did not answer; `permanent` means that asking again will not help.

    `retry_after` is what the provider asked us to wait, in seconds.
    """

    def __init__(
        self, message: str, *, permanent: bool, retry_after: float | None = None, outcome: str = "error"
    ) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.retry_after = retry_after
        self.outcome = outcome


class Provider(Protocol):
    """Holds no database connection and may be used by many coroutines of one event loop at once."""

    name: str
    origin: str  # what a reader is told about where the text came from; %(model)s stands for the model that wrote it

    async def complete(self, request: ModelRequest, repair: Turn | None, *, timeout: float) -> Completion: ...
