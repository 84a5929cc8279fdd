"""How are a concept's tutorial, resource list and quiz written? Three kinds of one piece of work."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_noop
from pydantic import BaseModel

from content import earlier, prompts
from content.answers import (
    EDITOR_LIMITS,
    LIBRARY_LIMITS,
    MODEL_LIMITS,
    SCAFFOLD_LIMITS,
    PieceLimits,
    QuizAnswer,
    ResourcesAnswer,
    TutorialAnswer,
)
from content.contents import Contents, contents
from content.models import MODELS, Piece, Quiz, ResourceList, Tutorial
from content.versioning import add_version, copy_version, problem_with_another_version
from roadmap_project.library.subjects import SCAFFOLD, is_added
from roadmap_project.llm import ModelRequest
from roadmap_project.llm.asking import Answer
from roadmap_project.told import kept
from roadmaps import finishing, log_lines
from roadmaps.deciding import refuse
from roadmaps.designing import facts_of
from roadmaps.models import Concept, Roadmap, Step
from roadmaps.models.step import StepQuerySet
from roadmaps.steps.kinds import StepKind
from roadmaps.steps.recording import StepLog

NO_LINKS_FOR_GOAL = kept(
    gettext_noop(
        "No links are offered here: no curated subject covers this goal, and invented links would not help you. "
        "The concepts about finding and judging sources show how to look."
    )
)
NO_LINKS_FOR_CONCEPT = kept(
    gettext_noop(
        "No links are offered here: the bundled library knows nothing about this concept, and invented links would not "
        "help you. The tutorial shows how to choose sources."
    )
)

NO_LINKS_BY_EDITORS = kept(gettext_noop("No links are offered here: the editors of this subject listed none."))
NOTES = (NO_LINKS_FOR_GOAL, NO_LINKS_FOR_CONCEPT, NO_LINKS_BY_EDITORS)


@dataclass(frozen=True)
class Writing:
    """What is different between the kinds: what is asked, in which shape, and what it becomes."""

    model: type[Piece]
    prompt: Callable[[Concept, list[Concept], str, str], str]
    answer: type[BaseModel]
    as_contents: Callable[[Concept, Any], Contents]

    def as_step_kind(self) -> StepKind:
        return StepKind(prepare=self.prepare, store=self._store, fail=_fail, problem=self._problem)

    @property
    def purpose(self) -> str:
        return self.model.kind.value

    def prepare(self, step: Step) -> ModelRequest:
        concept = concept_of(step)
        prerequisites = _prerequisites(concept)
        return ModelRequest(
            purpose=self.purpose,
            system=prompts.system(concept.roadmap),
            prompt=self.prompt_of(step, self._current(step)),
            answer=self.answer,
            facts={
                **facts_of(concept.roadmap),
                "source": concept.source,
                "name": concept.name,
                "description": concept.description,
                "prerequisites": [{"key": each.key, "name": each.name} for each in prerequisites],
            },
            limits={"piece": _limits(concept)},
        )

    def prompt_of(self, step: Step, piece: Piece | None) -> str:
        """What is asked when this version stands there; None: for the first."""
        concept = concept_of(step)
        return self.prompt(concept, _prerequisites(concept), step.wish, earlier.text_of(piece) if piece else "")

    def _store(self, step: Step, answer: Answer, log: StepLog) -> None:
        """An answer that says what the current version says, when it is to be written again, makes no other one."""
        concept = concept_of(step)
        wanted = self.as_contents(concept, answer.value)
        current = self._current(step)
        if current and contents(current) == wanted:
            Step.objects.filter(pk=step.pk).update(is_unchanged=True)
            log.line(f"{self.purpose}_unchanged", str(concept.name), concept=concept.key, version=current.version)
            return
        piece = add_version(self.model, concept, wanted, origin=answer.origin, wish=step.wish)
        log.line(f"{self.purpose}_saved", str(concept.name), concept=concept.key, version=piece.version)

    def _current(self, step: Step) -> Piece | None:
        """What is to be written again; None where it is to be written for the first time."""
        return self.model.objects.current().filter(concept=step.concept_id).first() if step.is_rewrite else None

    def _problem(self, step: Step) -> str:
        return problem_with_another_version(self.model, concept_of(step))


def concept_of(step: Step) -> Concept:
    if step.concept is None:
        raise ValueError(f"a {step.kind} step without a concept")
    step.concept.roadmap = step.roadmap
    return step.concept


def _prerequisites(concept: Concept) -> list[Concept]:
    return sorted(concept.prerequisites.all(), key=lambda each: each.position)  # read with the claim


def _limits(concept: Concept) -> PieceLimits:
    if settings.LLM_PROVIDER != "library":
        return MODEL_LIMITS
    if _is_from_an_added_subject(concept):
        return EDITOR_LIMITS
    is_curated = concept.source and not concept.source.startswith(f"{SCAFFOLD}/")
    return LIBRARY_LIMITS if is_curated else SCAFFOLD_LIMITS


def _is_from_an_added_subject(concept: Concept) -> bool:
    """Which editors wrote, under an editor's limits and in their order."""
    subject, _, key = concept.source.partition("/")
    return settings.LLM_PROVIDER == "library" and bool(key) and is_added(subject, key)


def _fail(step: Step, reason: str, log: StepLog) -> None:
    """Nothing beyond the step's own state: a piece that fails keeps the others."""


def rewrites(concept_id: int, kind: Step.Kind) -> StepQuerySet:
    """The writing of this piece again that is under way, if it is."""
    return Step.objects.active().filter(concept=concept_id, kind=kind, is_rewrite=True)


def call_off_rewrite(roadmap: Roadmap, concept_id: int, kind: Step.Kind) -> bool:
    """So that it does not replace what a person chose later. Whether there was one; the caller holds the lock."""
    called_off = bool(rewrites(concept_id, kind).cancel())
    if called_off:
        finishing.settle(roadmap)
    return called_off


def restore(concept: Concept, kind: Step.Kind, version: int) -> Piece | None:
    """An earlier version becomes the next one; the current one stays as it is. None where there is no such version.

    Writing it again, where that is under way, is called off. Raises RefusedError where there are as many as are kept.
    """
    model = MODELS[kind]
    with transaction.atomic():
        roadmap = Roadmap.objects.locked(concept.roadmap_id)
        earlier = model.objects.filter(concept=concept, version=version).first()
        if earlier is None or earlier.is_current:
            return earlier
        refuse(problem_with_another_version(model, concept))
        restored: Piece = copy_version(concept, earlier)
        restored.has_called_off = call_off_rewrite(roadmap, concept.pk, kind)
    log_lines.line(
        concept.roadmap, "version_restored", f"{concept.key} {kind}", version=version, **told_of_calling_off(restored)
    )
    return restored


def told_of_calling_off(piece: Piece) -> dict[str, Any]:
    """For the line about a version that was made."""
    return {"called_off": "the writing of it again"} if piece.has_called_off else {}


def _tutorial(_: Concept, answered: TutorialAnswer) -> Contents:
    return Contents(answered.model_dump())


def _resources(concept: Concept, answered: ResourcesAnswer) -> Contents:
    found = answered.resources
    nothing = NO_LINKS_FOR_GOAL if concept.source else NO_LINKS_FOR_CONCEPT
    if _is_from_an_added_subject(concept):
        nothing = NO_LINKS_BY_EDITORS
    else:
        found = sorted(found, key=lambda each: -each.relevance)
    note = answered.note or ("" if found else nothing)
    return Contents({"note": note}, [each.model_dump() for each in found])


def _quiz(_: Concept, answered: QuizAnswer) -> Contents:
    return Contents(
        rows=[
            {
                "kind": each.kind,
                "text": each.question,
                "options": each.options,
                "correct": sorted(each.correct),
                "explanation": each.explanation,
                "difficulty": each.difficulty,
            }
            for each in answered.questions
        ]
    )


WRITINGS = {
    writing.model.kind: writing
    for writing in (
        Writing(Tutorial, prompts.tutorial, TutorialAnswer, _tutorial),
        Writing(ResourceList, prompts.resources, ResourcesAnswer, _resources),
        Writing(Quiz, prompts.quiz, QuizAnswer, _quiz),
    )
}
TUTORIAL, RESOURCES, QUIZ = (writing.as_step_kind() for writing in WRITINGS.values())
