"""Is an outline good enough to be shown? Deterministic checks first, then five scores, then what follows."""

from dataclasses import dataclass
from typing import Any, cast

from django.utils.translation import gettext_lazy, gettext_noop

from roadmap_project.llm import ModelRequest
from roadmap_project.llm.asking import Answer, ask
from roadmap_project.told import kept
from roadmaps import deciding, outline, prompts
from roadmaps.answers import (
    HAND_LIMITS,
    HOURS_BY_DIFFICULTY,
    OutlineTree,
    Review,
    ReviewIssue,
    key_problems,
    size_problems,
)
from roadmaps.designing import add_step, facts_of
from roadmaps.models import OutlineReview, OutlineRevision, Step
from roadmaps.steps.kinds import StepKind
from roadmaps.steps.recording import StepLog

MOST_AUTOMATIC_ROUNDS = 3
WEIGHTS = {
    "knowledge_completeness": 0.30,
    "knowledge_progression": 0.25,
    "stage_coherence": 0.20,
    "module_clarity": 0.15,
    "user_alignment": 0.10,
}
SCORE_NAMES = {
    "knowledge_completeness": gettext_lazy("Completeness"),
    "knowledge_progression": gettext_lazy("Order of learning"),
    "stage_coherence": gettext_lazy("Stages that hold together"),
    "module_clarity": gettext_lazy("Clear modules"),
    "user_alignment": gettext_lazy("Fits you"),
}
SUGGESTED_ACTIONS = {
    "add_concept": gettext_lazy("Add a concept"),
    "add_module": gettext_lazy("Add a module"),
    "add_stage": gettext_lazy("Add a stage"),
    "modify_concept": gettext_lazy("Change a concept"),
    "reorder_stage": gettext_lazy("Put a stage in another order"),
    "merge_modules": gettext_lazy("Join modules"),
}
POINTS_PER_CRITICAL, POINTS_PER_WARNING = 10, 5

CORRECT_IT = kept(gettext_noop("Correct the outline."))
STANDS_TWICE = kept(gettext_noop("The name %(name)s stands twice."))
NAME_IT_APART = kept(gettext_noop("Name it apart."))
MANY_ARE_HARD = kept(gettext_noop("%(share)s of the concepts are hard."))
SPLIT_SOME = kept(gettext_noop("Split some of the hard concepts."))
NOT_REVIEWED = kept(gettext_noop("The outline was not reviewed automatically: look at it with more care."))


@dataclass(frozen=True)
class PreparedReview:
    """The question for a model, and what the deterministic checks found already."""

    request: ModelRequest
    found: list[ReviewIssue]


def deterministic_issues(tree: OutlineTree) -> list[ReviewIssue]:
    """Critical: what would break the roadmap. Warnings: what reads like an oversight. Costs no call."""
    problems = [*size_problems(tree, HAND_LIMITS), *key_problems(tree)]
    issues = [_issue("critical", "outline", problem, CORRECT_IT) for problem in problems]
    names: set[str] = set()
    for concept in tree.concepts():
        name = concept.name.casefold()
        if name in names:
            issues.append(_issue("warning", concept.key, STANDS_TWICE % {"name": repr(concept.name)}, NAME_IT_APART))
        names.add(name)
    share = _share_of_hard(tree)
    if share > 0.5:
        issues.append(_issue("warning", "outline", MANY_ARE_HARD % {"share": f"{share:.0%}"}, SPLIT_SOME))
    return issues


def _share_of_hard(tree: OutlineTree) -> float:
    concepts = tree.concepts()
    hardest = list(HOURS_BY_DIFFICULTY)[-1]
    return sum(concept.difficulty == hardest for concept in concepts) / max(1, len(concepts))


def _issue(severity: Any, location: str, issue: str, suggestion: str) -> ReviewIssue:
    return ReviewIssue(
        severity=severity, category="structural_flaw", location=location, issue=issue, suggestion=suggestion
    )


def overall(review: Review, issues: list[ReviewIssue]) -> float:
    """Weighted scores, less 10 for each critical issue and 5 for each warning, not below 0."""
    weighted: float = sum(weight * getattr(review, name).score for name, weight in WEIGHTS.items())
    critical = sum(issue.severity == "critical" for issue in issues)
    return max(0.0, weighted - POINTS_PER_CRITICAL * critical - POINTS_PER_WARNING * (len(issues) - critical))


def _prepare(step: Step) -> PreparedReview:
    tree = outline.tree_of(_revision(step))
    request = ModelRequest(
        purpose="review",
        system=prompts.system(step.roadmap),
        prompt=prompts.review(step.roadmap, tree),
        answer=Review,
        facts={**facts_of(step.roadmap), "tree": tree.model_dump()},
    )
    return PreparedReview(request, deterministic_issues(tree))


async def _call(prepared: PreparedReview) -> Answer:
    answer = await ask(prepared.request)
    review = cast(Review, answer.value)
    review.issues = [*prepared.found, *review.issues]
    return answer


def _revision(step: Step) -> OutlineRevision:
    return step.roadmap.revisions.get(number=step.payload["revision"])


def _store(step: Step, answer: Answer, log: StepLog) -> None:
    review = cast(Review, answer.value)
    score = overall(review, review.issues)
    critical = [issue for issue in review.issues if issue.severity == "critical"]
    _record(
        step,
        overall=score,
        passes=not critical,
        scores={name: getattr(review, name).model_dump() for name in WEIGHTS},
        issues=[issue.model_dump() for issue in review.issues],
        suggestions=[suggestion.model_dump() for suggestion in review.suggestions],
        origin=answer.origin,
    )
    log.line("outline_reviewed", f"{score:.0f} of 100", critical=len(critical), issues=len(review.issues))
    next_round = step.payload["round"] + 1
    if critical and next_round <= MOST_AUTOMATIC_ROUNDS and not _is_asked_for(step):
        wanted = "\n".join(f"- {issue.location}: {issue.issue} ({issue.suggestion})" for issue in critical)
        add_step(step.roadmap, Step.Kind.PLAN, payload={"round": next_round, "wanted": wanted})
    else:
        deciding.present(step.roadmap, may_skip_review=not critical and not _is_asked_for(step))


def _is_asked_for(step: Step) -> bool:
    """By the person, who then decides themselves: what they edited is not edited further, nor written at once."""
    return bool(step.payload.get("is_asked_for"))


def _record(step: Step, **found: Any) -> None:
    """In place of an earlier try at the same version, which failed."""
    OutlineReview.objects.update_or_create(
        revision=_revision(step), defaults={"is_reviewed": True, "failure": "", **found}
    )


def _fail(step: Step, reason: str, log: StepLog) -> None:
    """A failed review is no review: no score, and the person is told."""
    _record(step, is_reviewed=False, failure=reason)
    deciding.present(step.roadmap, notice=NOT_REVIEWED, may_skip_review=False)


REVIEW = StepKind(prepare=_prepare, call=_call, store=_store, fail=_fail)
