"""The provider that needs no key and no network: curated subjects, and an honest scaffold for every other goal."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from roadmap_project.library import editing, explaining, hours, planning, sentences
from roadmap_project.library.matching import best_subject
from roadmap_project.library.meaning import concepts_of
from roadmap_project.library.prerequisites import with_links
from roadmap_project.library.subjects import (
    SCAFFOLD,
    Subject,
    SubjectConcept,
    any_concept,
    by_source,
    escaped,
    filled_in,
    is_added,
    load_all,
    plain_with_goal,
    subject,
    with_goal,
)
from roadmap_project.llm import Completion, LanguageModelError, ModelRequest, Turn, reasons

Facts = Mapping[str, Any]


class LibraryProvider:
    """Reads a request's facts, not its prose; answers in the same shapes as a model."""

    name = "library"
    origin = reasons.FROM_THE_LIBRARY

    def __init__(self) -> None:
        load_all()

    async def complete(self, request: ModelRequest, repair: Turn | None, *, timeout: float) -> Completion:
        try:
            value = ANSWERS[request.purpose](request.facts)
        except KeyError as error:
            raise LanguageModelError(
                reasons.NOT_IN_LIBRARY % {"error": error},
                permanent=True,
                outcome="not_in_library",
            ) from error
        text = json.dumps(value, ensure_ascii=False)
        return Completion(text=text, model="bundled library", origin=_origin(request.purpose, request.facts))


def _origin(purpose: str, facts: Facts) -> str:
    """What editors added may have been written by a model once: of it is only said that none was called."""
    if purpose in PIECES:
        key, _, concept = facts["source"].partition("/")
        if not key:
            return reasons.FORM_OF_THE_LIBRARY
    else:
        each = _tree_subject(facts) if "tree" in facts else best_subject(facts["goal"])
        key, concept = each.key, ""
    return reasons.FROM_AN_ADDED_SUBJECT if is_added(key, concept) else reasons.FROM_THE_LIBRARY


def _analysis(facts: Facts) -> dict[str, Any]:
    each = best_subject(facts["goal"])
    is_known = each.key != SCAFFOLD
    return {
        "parsed_goal": facts["goal"],
        "slug_words": each.slug_words,
        "key_technologies": [term.term for term in each.terms if term.weight == 3][:5],
        "difficulty_profile": _share(each.concepts()),
        "time_constraint": _time_constraint(facts),
        "recommended_focus": [stage.name for stage in each.stages],
        "profile_summary": each.description if is_known else plain_with_goal(each.description, facts["goal"]),
        "suggestions": [] if is_known else ["Configure a language model to have this goal's field itself covered."],
        "path_type": {"beginner": "quick_start", "intermediate": "skill_upgrade"}.get(facts["level"], "deep_dive"),
        "format_weights": _weights(facts["preference"]),
        "languages": _languages(each, facts),
    }


def _time_constraint(facts: Facts) -> str:
    if _is_stated(facts):
        return f"{_budget(facts):g} hours in all, as the goal says, at {facts['hours_per_week']} hours a week."
    weeks = facts["weeks"] or planning.USUAL_WEEKS
    return f"{facts['hours_per_week']} hours a week over {weeks} weeks" + (
        "." if facts["weeks"] else ", as no deadline was given."
    )


def _languages(each: Subject, facts: Facts) -> list[dict[str, Any]]:
    """The wished ones; of an added subject its own, as nobody else knows in which it was written."""
    first, second = facts["language"], facts["second_language"]
    if is_added(each.key):
        return [{"language": each.language, "ratio": 1}]
    if second:
        return [{"language": first, "ratio": 0.6}, {"language": second, "ratio": 0.4}]
    return [{"language": first, "ratio": 1}]


def _share(concepts: list[SubjectConcept]) -> str:
    counts = {kind: sum(concept.difficulty == kind for concept in concepts) for kind in ("easy", "medium", "hard")}
    return "Of the subject's concepts " + ", ".join(f"{count} are {kind}" for kind, count in counts.items()) + "."


def _weights(preference: str) -> dict[str, float]:
    kinds = ("visual", "text", "audio", "hands_on")
    return {kind: 0.25 if preference == "any" else 0.7 if kind == preference else 0.1 for kind in kinds}


def _outline(facts: Facts) -> dict[str, Any]:
    each = best_subject(facts["goal"])
    kept = _chosen(each, facts)
    return {
        "title": plain_with_goal(each.title, facts["goal"])[:200],
        "rationale": _rationale(each, kept, facts),
        "stages": planning.stages(each, kept, facts["goal"]),
    }


def _chosen(each: Subject, facts: Facts) -> list[SubjectConcept]:
    return planning.chosen(each, level=facts["level"], **_time(facts))


def _rationale(each: Subject, kept: list[SubjectConcept], facts: Facts) -> str:
    more = _more_hours(kept, facts)
    if each.key == SCAFFOLD:
        return "\n".join([plain_with_goal(each.description, facts["goal"]), *more])
    chosen = {"subject": each.title, "chosen": len(kept), "all": len(each.order)}
    if _is_stated(facts):
        why = sentences.CHOSEN_IN_HOURS % {**chosen, "hours": f"{_budget(facts):g}"}
    else:
        weeks = facts["weeks"] or planning.USUAL_WEEKS
        why = sentences.CHOSEN % {**chosen, "hours": facts["hours_per_week"], "weeks": weeks}
    return "\n".join([each.description, why, *more, *explaining.left_out(each, {concept.key for concept in kept})])


def _more_hours(kept: list[SubjectConcept], facts: Facts) -> list[str]:
    """What is to be said where the goal's own number of hours is not enough."""
    taken, wanted = sum(concept.hours for concept in kept), _budget(facts)
    if not _is_stated(facts) or taken <= wanted:
        return []
    values = {"hours": f"{taken:g}", "wanted": f"{wanted:g}", "count": planning.FEWEST_CONCEPTS}
    return [sentences.MORE_HOURS % values]


def _review(facts: Facts) -> dict[str, Any]:
    """Scores that are computed, each with what it was computed from; no opinion is invented."""
    tree = facts["tree"]
    concepts = concepts_of(tree)
    each = _subject_of(concepts, facts)
    curated = explaining.curated(each, (concept["source"] for concept in concepts))
    taken = sum(concept["hours"] for concept in concepts)
    budget = _budget(facts)
    modules = [module for stage in tree["stages"] for module in stage["modules"]]
    lone = sum(len(module["concepts"]) == 1 for module in modules)
    together = sum(_most_of_one_stage(each, stage) for stage in tree["stages"])
    return {
        "knowledge_completeness": _score(
            100 * len(curated) / len(each.order),
            explaining.included(each, curated, others=len(concepts) - len(curated)),
        ),
        "knowledge_progression": _score(100, sentences.IN_ORDER),
        "stage_coherence": _score(
            100 * together / len(concepts),
            sentences.TOGETHER % {"count": together, "all": len(concepts)},
        ),
        "module_clarity": _score(
            100 - 100 * lone / len(modules), sentences.ALONE % {"count": lone, "all": len(modules)}
        ),
        "user_alignment": _score(
            100 * budget / max(taken, budget),
            sentences.TIME % {"hours": f"{taken:g}", "budget": f"{budget:g}"},
        ),
        "issues": _time_issue(taken, budget, facts),
        "suggestions": [],
    }


def _budget(facts: Facts) -> float:
    """Hours that the goal names or that are left until the deadline, or as many as are usual."""
    return planning.hours_available(**_time(facts))


def _time(facts: Facts) -> dict[str, Any]:
    stated = hours.of_goal(facts["goal"])
    return {"hours_per_week": facts["hours_per_week"], "weeks": facts["weeks"], "stated": stated}


def _is_stated(facts: Facts) -> bool:
    """Whether it is the goal's own number of hours that decides, and no deadline that leaves fewer."""
    return hours.of_goal(facts["goal"]) == _budget(facts)


def _most_of_one_stage(each: Subject, stage: dict[str, Any]) -> int:
    """How many of a stage's concepts the subject has in one stage as well."""
    keys = {c["source"].partition("/")[2] for module in stage["modules"] for c in module["concepts"]}
    curated = ({key for module in known.modules for key in module.concepts} for known in each.stages)
    return max((len(keys & known) for known in curated), default=0)


def _score(score: float, reason: str) -> dict[str, Any]:
    return {"score": round(min(100.0, score)), "reason": reason}


def _time_issue(taken: float, budget: float, facts: Facts) -> list[dict[str, str]]:
    if taken <= budget:
        return []
    weeks = -(-taken // facts["hours_per_week"])
    suggestion = sentences.PLAN_WEEKS % {"weeks": f"{weeks:g}"}
    if _is_stated(facts):
        suggestion = sentences.PLAN_HOURS % {"hours": f"{taken:g}"}
    return [
        {
            "severity": "warning",
            "category": "user_mismatch",
            "location": "outline",
            "issue": sentences.TOO_LONG % {"hours": f"{taken:g}", "budget": f"{budget:g}"},
            "suggestion": suggestion,
        }
    ]


def _subject_of(concepts: list[dict[str, Any]], facts: Facts) -> Subject:
    source = next((concept["source"] for concept in concepts if concept["source"]), "")
    return subject(source.partition("/")[0]) if source else best_subject(facts["goal"])


def _tree_subject(facts: Facts) -> Subject:
    tree = facts["tree"]
    return _subject_of(
        [c for stage in tree["stages"] for module in stage["modules"] for c in module["concepts"]], facts
    )


def _edit_plan(facts: Facts) -> dict[str, Any]:
    return editing.plan(_tree_subject(facts), facts["tree"], facts["asked"], budget=_budget(facts))


def _edited_outline(facts: Facts) -> dict[str, Any]:
    return editing.edit(_tree_subject(facts), facts["tree"], facts["plan"], facts["goal"])


def _concept(facts: Facts) -> SubjectConcept:
    """By its mark; without one (added by hand, or by a model) a form to fill in. Raises KeyError for what is gone."""
    if facts["source"]:
        return by_source(facts["source"])
    return filled_in(any_concept(), name=facts["name"], description=facts["description"])


def _tutorial(facts: Facts) -> dict[str, Any]:
    concept = _concept(facts)
    return {
        "title": plain_with_goal(concept.tutorial_title(), facts["goal"])[:300],
        "summary": plain_with_goal(concept.summary, facts["goal"])[:300],
        "minutes": concept.minutes,
        "markdown": with_goal(_with_prerequisites(concept.markdown, facts), facts["goal"]),
    }


def _with_prerequisites(markdown: str, facts: Facts) -> str:
    """With links to the roadmap's own concepts."""
    links = "\n".join(f"- [{escaped(each['name'])}](concept:{each['key']})" for each in facts["prerequisites"])
    return with_links(markdown, links, language=_language(facts))


def _language(facts: Facts) -> str:
    """Of the subject that the concept is from."""
    key = facts["source"].partition("/")[0]
    return subject(key).language if key else "en"


def _resources(facts: Facts) -> dict[str, Any]:
    concept = _concept(facts)
    return {"resources": concept.links(language=_language(facts)), "note": concept.resources_note}


def _quiz(facts: Facts) -> dict[str, Any]:
    questions = [question.model_dump() for question in _concept(facts).questions]
    for question in questions:
        for name in ("question", "explanation"):
            question[name] = plain_with_goal(question[name], facts["goal"])
    return {"questions": questions}


PIECES = ("tutorial", "resources", "quiz")
ANSWERS: dict[str, Callable[[Facts], dict[str, Any]]] = {
    "goal_analysis": _analysis,
    "outline": _outline,
    "review": _review,
    "edit_plan": _edit_plan,
    "edited_outline": _edited_outline,
    "tutorial": _tutorial,
    "resources": _resources,
    "quiz": _quiz,
}
