"""What does a step leave behind beside its result: log lines and model calls?"""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import structlog
from django.utils import timezone

from roadmap_project.llm import GIVEN_UP, prices
from roadmap_project.llm.asking import CallRecord, storable
from roadmaps import estimating
from roadmaps.models import LogEntry, ModelCall, Step

log = structlog.get_logger(__name__)

LIBRARY = "library"  # the provider that costs nothing


def about(step: Step) -> AbstractContextManager[Any]:
    """Every log line of the block, whoever writes it, and what the block starts says which step it is about."""
    ids: dict[str, Any] = {
        "step": step.pk,
        "kind": step.kind,
        "roadmap": step.roadmap.slug,
        "attempt": step.attempts + 1,
    }
    if step.concept:
        ids["concept"] = f"{step.roadmap.slug}:{step.concept.key}"
    return structlog.contextvars.bound_contextvars(**ids)


@dataclass(frozen=True)
class LogLine:
    event: str
    message: str
    level: str
    details: dict[str, Any]
    happened_at: datetime


@dataclass
class StepLog:
    """Lines about one step; they travel with its result and go to the process's log at once, within `about`."""

    step: Step
    lines: list[LogLine] = field(default_factory=list)

    def line(self, event: str, message: str = "", *, level: str = LogEntry.Level.INFO, **details: Any) -> None:
        self.lines.append(LogLine(event, message, level, details, timezone.now()))
        getattr(log, level)(event, message=message, **details)

    def entries(self) -> Iterable[LogEntry]:
        for line in self.lines:
            yield LogEntry(
                roadmap_id=self.step.roadmap_id,
                concept_id=self.step.concept_id,
                step_kind=self.step.kind,
                level=line.level,
                event=line.event,
                message=line.message,
                details=line.details,
                happened_at=line.happened_at,
            )


def save_lines(logs: Iterable[StepLog]) -> None:
    """A failing line fails neither the others nor the work that they tell about."""
    LogEntry.objects.insert(entry for each in logs for entry in each.entries())


def model_calls(step: Step, calls: Iterable[CallRecord]) -> list[ModelCall]:
    return [
        ModelCall(
            roadmap_id=step.roadmap_id,
            concept_id=step.concept_id,
            key=call.key,
            purpose=call.purpose,
            provider=call.provider,
            model=storable(call.model)[:100],
            outcome=call.outcome[:20],
            input_tokens=call.input_tokens,
            output_tokens=call.output_tokens,
            cost=cost_of(call),
            latency=call.latency,
            attempt=number,
            error=storable(call.error),
        )
        for number, call in enumerate(calls, start=1)
    ]


# A model worked for these, whether or not the endpoint told how much; at most providers it goes on when nobody listens.
PAID = frozenset({"ok", "invalid", "cut", "refused", "empty", "unreadable", "timeout", GIVEN_UP})


def cost_of(call: CallRecord) -> Decimal:
    """US dollars, by the configured prices. Without tokens what such a call usually costs: limits must not miss it."""
    if call.input_tokens or call.output_tokens:
        dollars = prices.dollars(call.purpose, input_tokens=call.input_tokens, output_tokens=call.output_tokens)
    elif call.provider != LIBRARY and call.outcome in PAID:
        dollars = estimating.assumed_cost_of(call.purpose)
    else:
        dollars = 0
    return Decimal(str(round(dollars, 6)))
