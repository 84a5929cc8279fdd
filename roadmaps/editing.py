"""How is an outline changed as a review or a person wants it? Plan the edit, then edit."""

from itertools import takewhile
from typing import cast

from django.utils.translation import gettext_noop

from roadmap_project.llm import ModelRequest
from roadmap_project.llm.asking import Answer
from roadmap_project.told import kept
from roadmaps import deciding, outline, prompts
from roadmaps.answers import EditedOutline, EditPlan
from roadmaps.designing import add_step, facts_of, limits_by_provider
from roadmaps.models import Feedback, OutlineRevision, Step
from roadmaps.steps.kinds import StepKind
from roadmaps.steps.recording import StepLog

NEEDS_AN_ANSWER = kept(gettext_noop("Your request needs an answer from you: see the questions below."))
NOT_CHANGED = kept(gettext_noop("The outline could not be changed: %(reason)s"))


def _prepare_plan(step: Step) -> ModelRequest:
    tree = outline.tree_of(outline.latest(step.roadmap))
    asked = _asked(step)
    wanted = _wanted(step, asked)
    return ModelRequest(
        purpose="edit_plan",
        system=prompts.system(step.roadmap),
        prompt=prompts.plan(step.roadmap, tree, wanted),
        answer=EditPlan,
        facts={**facts_of(step.roadmap), "tree": tree.model_dump(), "asked": [each.text for each in asked] or [wanted]},
    )


def _asked(step: Step) -> list[Feedback]:
    """What the person asks for, after what was answered with a question; nothing where a review asks."""
    if step.feedback is None:
        return []
    before = step.roadmap.feedback.filter(pk__lt=step.feedback.pk).order_by("-pk")
    return [*reversed(list(takewhile(lambda each: each.state == Feedback.State.QUESTION, before))), step.feedback]


def _wanted(step: Step, asked: list[Feedback]) -> str:
    """The person's words and the questions between them; or the review's findings."""
    if not asked:
        return str(step.payload["wanted"])
    exchanges = [f"{each.text}\n(You asked: {' '.join(each.questions)})" for each in asked[:-1]]
    return "\n".join([*exchanges, asked[-1].text])


def _store_plan(step: Step, answer: Answer, log: StepLog) -> None:
    plan = cast(EditPlan, answer.value)
    log.line("edit_planned", plan.summary, intents=len(plan.intents), needs_clarification=plan.needs_clarification)
    if not plan.needs_clarification:
        add_step(
            step.roadmap, Step.Kind.EDIT, payload={**step.payload, "plan": plan.model_dump()}, feedback=step.feedback
        )
        return
    if step.feedback:
        step.feedback.questions, step.feedback.state = plan.questions, Feedback.State.QUESTION
        step.feedback.save(update_fields=["questions", "state"])
        deciding.present(
            step.roadmap,
            notice=NEEDS_AN_ANSWER,
            may_skip_review=False,
        )
    else:
        deciding.present(step.roadmap, may_skip_review=False)


def _prepare_edit(step: Step) -> ModelRequest:
    tree = outline.tree_of(outline.latest(step.roadmap))
    plan = step.payload["plan"]
    return ModelRequest(
        purpose="edited_outline",
        system=prompts.system(step.roadmap),
        prompt=prompts.edit(step.roadmap, tree, plan),
        answer=EditedOutline,
        facts={**facts_of(step.roadmap), "tree": tree.model_dump(), "plan": plan},
        limits={"outline": limits_by_provider()},
    )


def _store_edit(step: Step, answer: Answer, log: StepLog) -> None:
    edited = cast(EditedOutline, answer.value)
    before = outline.tree_of(outline.latest(step.roadmap))
    outline.renumber_new(before, edited, keeps_sources=answer.provider == "library")
    author = OutlineRevision.Author.REQUESTED_EDIT if step.feedback else OutlineRevision.Author.AUTOMATIC_EDIT
    revision = outline.revise(step.roadmap, edited, author=author, reason=edited.summary)
    log.line("outline_edited", edited.summary, version=revision.number, **revision.changes)
    if step.feedback:
        step.feedback.state, step.feedback.answer = Feedback.State.DONE, edited.summary
        step.feedback.save(update_fields=["state", "answer"])
    add_step(
        step.roadmap, Step.Kind.REVIEW, payload={"revision": revision.number, "round": step.payload.get("round", 0)}
    )


def _fail(step: Step, reason: str, log: StepLog) -> None:
    """The version before the edit stands, and the person decides about it."""
    if step.feedback:
        step.feedback.state, step.feedback.answer = Feedback.State.FAILED, reason
        step.feedback.save(update_fields=["state", "answer"])
    deciding.present(step.roadmap, notice=NOT_CHANGED % {"reason": reason}, may_skip_review=False)


PLAN = StepKind(prepare=_prepare_plan, store=_store_plan, fail=_fail)
EDIT = StepKind(prepare=_prepare_edit, store=_store_edit, fail=_fail)
