"""Any OpenAI-compatible endpoint, through the official SDK."""

import asyncio
import json
import math
from functools import cache
from typing import Any

import httpx2  # what the SDK speaks with
import openai
from django.conf import settings
from pydantic import BaseModel

from roadmap_project.llm import RATE_LIMITED, Completion, LanguageModelError, ModelRequest, Turn, reasons

LONGEST_RETRY_AFTER = 3600.0
MOST_TOKENS = 1_000_000_000
CONNECT_SECONDS = 10.0  # nothing is paid for before

# From the strictest way of asking for JSON to the one that every endpoint takes.
FORMATS = ("json_schema", "json_object", "text")

# What a 429 says when waiting will not help.
OUT_OF_CREDIT = ("insufficient_quota", "billing_not_active", "billing_hard_limit_reached")


class OpenAIProvider:
    """Remembers which way of asking for JSON the endpoint takes; one client per event loop."""

    name = "openai"

    def __init__(self, *, api_key: str, base_url: str, model: str, model_by_purpose: dict[str, str]) -> None:
        self.origin = reasons.WRITTEN_BY
        self._arguments = {"api_key": api_key or "none", "base_url": base_url or None, "max_retries": 0}
        self._model = model
        self._model_by_purpose = model_by_purpose
        self._format = 0
        self._client: openai.AsyncOpenAI | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @classmethod
    def from_settings(cls) -> "OpenAIProvider":
        return cls(
            api_key=settings.OPENAI_API_KEY,
            base_url=settings.OPENAI_BASE_URL,
            model=settings.OPENAI_MODEL,
            model_by_purpose=settings.OPENAI_MODEL_BY_PURPOSE,
        )

    async def complete(self, request: ModelRequest, repair: Turn | None, *, timeout: float) -> Completion:
        while True:
            way = self._format
            try:
                return await self._request(request, repair, FORMATS[way], timeout)
            except openai.BadRequestError as error:
                if way == len(FORMATS) - 1 or "response_format" not in str(error):
                    raise _translated(error) from error
                self._format = max(self._format, way + 1)
            except openai.OpenAIError as error:
                raise _translated(error) from error
            except (AttributeError, TypeError, ValueError, RecursionError) as error:
                raise LanguageModelError(
                    reasons.UNREADABLE % {"error": error}, permanent=False, outcome="unreadable"
                ) from error
            except TimeoutError as error:
                raise LanguageModelError(
                    reasons.INCOMPLETE % {"seconds": f"{timeout:g}"}, permanent=False, outcome="timeout"
                ) from error

    async def _request(self, request: ModelRequest, repair: Turn | None, way: str, timeout: float) -> Completion:
        model = self._model_by_purpose.get(request.purpose, self._model)
        # The SDK's timeout bounds each read, not the whole: a stalling stream would never end.
        async with asyncio.timeout(timeout):
            response = await self._current_client().chat.completions.create(
                model=model,
                messages=_messages(request, repair, way),
                timeout=openai.Timeout(timeout, connect=min(CONNECT_SECONDS, timeout / 2)),
                extra_body=_response_format(request, way),
            )
        if not response.choices:
            raise LanguageModelError(reasons.NO_CHOICE, permanent=False, outcome="empty")
        choice = response.choices[0]
        if choice.message.refusal:
            raise LanguageModelError(
                reasons.REFUSED % {"refusal": choice.message.refusal}, permanent=True, outcome="refused"
            )
        usage = response.usage
        return Completion(
            text=_text(choice.message.content),
            model=str(response.model or model),
            is_cut=choice.finish_reason == "length",
            input_tokens=_count(usage.prompt_tokens if usage else 0),
            output_tokens=_count(usage.completion_tokens if usage else 0),
        )

    async def close(self) -> None:
        """Give the client's sockets back; the next request opens a new one."""
        client, self._client = self._client, None
        if client:
            await client.close()

    def _current_client(self) -> openai.AsyncOpenAI:
        loop = asyncio.get_running_loop()
        if self._client is None or self._loop is not loop:
            self._client, self._loop = openai.AsyncOpenAI(**self._arguments), loop  # type: ignore[arg-type]
        return self._client


def _text(content: object) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    raise TypeError(f"its text is a {type(content).__name__}")


def _count(tokens: object) -> int:
    """What an endpoint says it used; compatible ones say null, negative numbers and worse."""
    return min(max(tokens, 0), MOST_TOKENS) if isinstance(tokens, int) else 0


@cache
def _schema(answer: type[BaseModel]) -> dict[str, Any]:
    """Building it costs as much as a third of the request."""
    return answer.model_json_schema()


def _messages(request: ModelRequest, repair: Turn | None, way: str) -> Any:
    asked = f"Answer with one JSON object for the schema {request.purpose!r}"
    if way == "json_schema":
        system = f"{request.system}\n\n{asked}."
    else:
        schema = json.dumps(_schema(request.answer), ensure_ascii=False)
        system = f"{request.system}\n\n{asked}, no other text:\n{schema}"
    messages = [{"role": "system", "content": system}, {"role": "user", "content": request.prompt}]
    if repair:
        messages += [
            {"role": "assistant", "content": repair.answer},
            {
                "role": "user",
                "content": f"That answer cannot be used: {repair.problem}\nGive the whole corrected answer.",
            },
        ]
    return messages


def _response_format(request: ModelRequest, way: str) -> dict[str, Any]:
    """A part of the body as it is: as an argument, the SDK would walk through the whole schema at every request."""
    if way == "json_schema":
        schema = {"name": request.purpose, "schema": _schema(request.answer), "strict": False}
        return {"response_format": {"type": "json_schema", "json_schema": schema}}
    if way == "json_object":
        return {"response_format": {"type": "json_object"}}
    return {}


def _translated(error: openai.OpenAIError) -> LanguageModelError:
    if isinstance(error, openai.RateLimitError):
        is_out_of_credit = error.code in OUT_OF_CREDIT or error.type in OUT_OF_CREDIT
        return LanguageModelError(
            reasons.LIMITED % {"error": error},
            permanent=is_out_of_credit,
            retry_after=_retry_after(error.response.headers.get("retry-after")),
            outcome=RATE_LIMITED,
        )
    if isinstance(error, openai.APITimeoutError) and isinstance(error.__cause__, httpx2.ConnectTimeout):
        return LanguageModelError(reasons.NO_CONNECTION % {"error": error}, permanent=False, outcome="connection")
    if isinstance(error, openai.APITimeoutError):
        return LanguageModelError(reasons.NOT_IN_TIME, permanent=False, outcome="timeout")
    if isinstance(error, openai.APIStatusError):
        is_transient = error.status_code >= 500 or error.status_code in (408, 409)
        return LanguageModelError(
            reasons.ANSWERED % {"status": error.status_code, "message": error.message},
            permanent=not is_transient,
            retry_after=_retry_after(error.response.headers.get("retry-after")) if is_transient else None,
            outcome=f"http_{error.status_code}",
        )
    if isinstance(error, openai.APIConnectionError):
        return LanguageModelError(
            reasons.NO_CONNECTION % {"error": error.__cause__ or error}, permanent=False, outcome="connection"
        )
    return LanguageModelError(str(error), permanent=False)


def _retry_after(value: str | None) -> float | None:
    """Seconds, an hour at most: a provider's typo must not stop us for a day. The header's date form is not read."""
    try:
        seconds = float(value) if value else None
    except ValueError:
        return None
    return None if seconds is None or not math.isfinite(seconds) else min(max(seconds, 0.0), LONGEST_RETRY_AFTER)
