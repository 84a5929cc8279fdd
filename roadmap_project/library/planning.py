"""Which of a subject's concepts does this learner need, and in what shape?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from roadmap_project.library import subjects
from roadmap_project.library.subjects import SCAFFOLD, Subject, SubjectConcept, plain_with_goal

USUAL_WEEKS = 12
FEWEST_CONCEPTS = 8
MOST_PREREQUISITES = 12  # of one concept; more are no outline
BASIC_STAGES = 2  # where somebody who knows the basics needs no easy concepts


@dataclass(frozen=True)
class Weighed:
    """What a concept takes and is worth, and what it builds on."""

    key: str
    hours: float
    importance: int
    prerequisites: list[str]


def hours_available(*, hours_per_week: int, weeks: int | None, stated: float | None = None) -> float:
    """The hours that there are: those that somebody stated, but no more than there are until a deadline."""
    until = float(hours_per_week * (weeks or USUAL_WEEKS))
    if stated is None:
        return until
    return min(stated, until) if weeks else stated


def chosen(
    each: Subject, *, level: str, hours_per_week: int, weeks: int | None, stated: float | None = None
) -> list[SubjectConcept]:
    """The concepts that fit level and time, in learning order; never fewer than eight.

    Left out are first what the level makes superfluous, then, while the hours do not fit, optional concepts that
    nothing kept builds on, the later ones first.
    """
    kept = [concept for concept in each.concepts() if each.key == SCAFFOLD or not _is_known(each, concept, level)]
    budget = hours_available(hours_per_week=hours_per_week, weeks=weeks, stated=stated)
    weighed = [Weighed(concept.key, concept.hours, concept.importance, concept.prerequisites) for concept in kept]
    fitting = {concept.key for concept in fit(weighed, budget)}
    return [concept for concept in kept if concept.key in fitting]


def fit(concepts: Sequence[Weighed], budget: float) -> list[Weighed]:
    """Without as many optional ones that nothing kept builds on, the later ones first, as do not fit into the hours."""
    kept = list(concepts)
    while sum(concept.hours for concept in kept) > budget and len(kept) > FEWEST_CONCEPTS:
        needed = {key for concept in kept for key in concept.prerequisites}
        dispensable = [concept for concept in kept if concept.importance > 1 and concept.key not in needed]
        if not dispensable:
            break
        kept.remove(max(dispensable, key=lambda concept: (concept.importance, concepts.index(concept))))
    return kept


def _is_known(each: Subject, concept: SubjectConcept, level: str) -> bool:
    stage = _stage_of(each, concept)
    if level == "intermediate":
        return concept.difficulty == "easy" and stage < BASIC_STAGES
    if level == "advanced":
        return concept.difficulty == "easy" or (concept.difficulty == "medium" and stage == 0)
    return False


def _stage_of(each: Subject, concept: SubjectConcept) -> int:
    return next(
        place
        for place, stage in enumerate(each.stages)
        if any(concept.key in module.concepts for module in stage.modules)
    )


def stages(each: Subject, kept: Sequence[SubjectConcept], goal: str) -> list[dict[str, Any]]:
    """The subject's stages and modules with only the kept concepts, numbered afresh; empty parts are gone."""
    wanted = {concept.key: concept for concept in kept}
    shaped: list[dict[str, Any]] = []
    keys: dict[str, str] = {}
    builds_on = _built_on(each, wanted)
    for stage in each.stages:
        modules: list[dict[str, Any]] = []
        for module in stage.modules:
            concepts: list[dict[str, Any]] = []
            for key in (key for key in module.concepts if key in wanted):
                keys[key] = f"c-{len(shaped) + 1}-{len(modules) + 1}-{len(concepts) + 1}"
                needed = [keys[other] for other in builds_on[key]]
                concepts.append(_shaped(f"{each.key}/{key}", keys[key], wanted[key], needed, goal))
            if concepts:
                modules.append(_part(module, goal) | {"concepts": concepts})
        if modules:
            shaped.append(_part(stage, goal) | {"modules": modules})
    return shaped


def _built_on(each: Subject, kept: Mapping[str, SubjectConcept]) -> dict[str, list[str]]:
    """What each concept builds on; in place of a prerequisite that is not kept, what that one builds on.

    Of those in place only what the others do not build on anyway, and as many as an outline takes.
    """
    below: dict[str, set[str]] = {}
    nearest: dict[str, list[str]] = {}
    for key in each.order:  # in which what it needs comes before it
        needed = (kept[key] if key in kept else subjects.concept(each.key, key)).prerequisites
        below[key] = {*needed}.union(*(below[other] for other in needed))
        found = dict.fromkeys(two for one in needed for two in ([one] if one in kept else nearest[one]))
        apart = [one for one in found if one in needed or not any(one in below[two] for two in found)]
        nearest[key] = apart[:MOST_PREREQUISITES]
    return nearest


def _shaped(source: str, key: str, concept: SubjectConcept, needed: list[str], goal: str) -> dict[str, Any]:
    """A concept as outlines have it."""
    return {
        "key": key,
        "name": plain_with_goal(concept.name, goal)[:200],
        "description": plain_with_goal(concept.description, goal)[:1000],
        "hours": concept.hours,
        "difficulty": concept.difficulty,
        "keywords": concept.keywords,
        "prerequisites": needed,
        "source": source,
    }


def _part(part: Any, goal: str) -> dict[str, str]:
    return {
        "name": plain_with_goal(part.name, goal)[:200],
        "description": plain_with_goal(part.description, goal)[:4000],
    }
