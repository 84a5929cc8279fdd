"""What is a step of each kind made of?"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.utils.module_loading import import_string

from roadmap_project.llm.asking import Answer, ask
from roadmaps.models import Step
from roadmaps.steps.recording import StepLog

# By name, because `content` builds on this app and is not known to it.
DEFINITIONS = {
    Step.Kind.ANALYSE: "roadmaps.designing.ANALYSE",
    Step.Kind.DESIGN: "roadmaps.designing.DESIGN",
    Step.Kind.REVIEW: "roadmaps.reviewing.REVIEW",
    Step.Kind.PLAN: "roadmaps.editing.PLAN",
    Step.Kind.EDIT: "roadmaps.editing.EDIT",
    Step.Kind.TUTORIAL: "content.writing.TUTORIAL",
    Step.Kind.RESOURCES: "content.writing.RESOURCES",
    Step.Kind.QUIZ: "content.writing.QUIZ",
    Step.Kind.LINKS: "content.links.LINKS",
}


@dataclass(frozen=True)
class StepKind:
    """Three functions, and what a final failure means.

    `prepare` reads the database and returns what `call` needs; `call` runs on the calls' thread and has no
    database; `store` and `fail` run in the transaction that ends the step, with the roadmap's row locked.
    `problem` says, under that lock, why a person may not have it done once more; empty where they may.
    """

    prepare: Callable[[Step], Any]
    store: Callable[[Step, Answer, StepLog], None]
    fail: Callable[[Step, str, StepLog], None]
    call: Callable[[Any], Awaitable[Answer]] = ask
    problem: Callable[[Step], str] = lambda step: ""


@cache
def definition(kind: str) -> StepKind:
    found: StepKind = import_string(DEFINITIONS[Step.Kind(kind)])
    return found
