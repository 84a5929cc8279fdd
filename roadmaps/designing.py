"""How does a goal become an outline? Analyse the goal, then design."""

from typing import Any, cast

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext_noop

from roadmap_project.llm import ModelRequest
from roadmap_project.llm.asking import Answer
from roadmap_project.told import kept
from roadmaps import added_subjects, mailing, outline, prompts
from roadmaps.answers import LIBRARY_LIMITS, MODEL_LIMITS, GoalAnalysis, Outline, OutlineLimits
from roadmaps.models import OutlineRevision, Roadmap, Step
from roadmaps.models.step import rank_of
from roadmaps.slugs import slug_from
from roadmaps.steps.kinds import StepKind
from roadmaps.steps.recording import StepLog
from roadmaps.steps.waking import wake

NOT_DESIGNED = kept(gettext_noop("The outline could not be designed: %(reason)s"))


def facts_of(roadmap: Roadmap) -> dict[str, Any]:
    """What the library provider decides by; with its subjects as they are now."""
    if settings.LLM_PROVIDER == "library":
        added_subjects.refresh()
    weeks = max(1, (roadmap.deadline - timezone.localdate()).days // 7) if roadmap.deadline else None
    return {
        "goal": roadmap.goal,
        "level": roadmap.level,
        "hours_per_week": roadmap.hours_per_week,
        "weeks": weeks,
        "language": roadmap.language,
        "second_language": roadmap.second_language,
        "preference": roadmap.preference,
    }


def limits_by_provider() -> OutlineLimits:
    return LIBRARY_LIMITS if settings.LLM_PROVIDER == "library" else MODEL_LIMITS


def add_step(roadmap: Roadmap, kind: str, **fields: Any) -> Step:
    """A workflow step and its wake-up, in the caller's transaction."""
    step = Step.objects.create(roadmap=roadmap, kind=kind, rank=rank_of(0), **fields)
    wake(step.queue)
    return step


def _prepare_analysis(step: Step) -> ModelRequest:
    return ModelRequest(
        purpose="goal_analysis",
        system=prompts.system(step.roadmap),
        prompt=prompts.analyse(step.roadmap),
        answer=GoalAnalysis,
        facts=facts_of(step.roadmap),
    )


def _store_analysis(step: Step, answer: Answer, log: StepLog) -> None:
    analysis = cast(GoalAnalysis, answer.value)
    roadmap = step.roadmap
    roadmap.intent = analysis.model_dump()
    roadmap.slug = slug_from(analysis.slug_words, roadmap.token)
    roadmap.origin = answer.origin
    roadmap.save(update_fields=["intent", "slug", "origin", "updated_at"])
    log.line("goal_analysed", analysis.parsed_goal, path_type=analysis.path_type)
    add_step(roadmap, Step.Kind.DESIGN)


def _prepare_design(step: Step) -> ModelRequest:
    return ModelRequest(
        purpose="outline",
        system=prompts.system(step.roadmap),
        prompt=prompts.design(step.roadmap),
        answer=Outline,
        facts=facts_of(step.roadmap),
        limits={"outline": limits_by_provider()},
    )


def _store_design(step: Step, answer: Answer, log: StepLog) -> None:
    designed = cast(Outline, answer.value)
    if answer.provider != "library":
        for concept in designed.concepts():
            concept.source = ""
    roadmap = step.roadmap
    roadmap.rationale = designed.rationale
    roadmap.origin = answer.origin
    roadmap.save(update_fields=["rationale", "origin", "updated_at"])
    revision = outline.revise(roadmap, designed, author=OutlineRevision.Author.DESIGN, reason="")
    log.line("outline_designed", roadmap.title, concepts=len(designed.concepts()), hours=roadmap.hours)
    add_step(roadmap, Step.Kind.REVIEW, payload={"revision": revision.number, "round": 0})


def _fail(step: Step, reason: str, log: StepLog) -> None:
    step.roadmap.move(Roadmap.State.FAILED, notice=NOT_DESIGNED % {"reason": reason})
    mailing.announce(step.roadmap)


ANALYSE = StepKind(prepare=_prepare_analysis, store=_store_analysis, fail=_fail)
DESIGN = StepKind(prepare=_prepare_design, store=_store_design, fail=_fail)
