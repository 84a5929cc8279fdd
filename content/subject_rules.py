"""What must hold for a subject that editors add to the library? What must for each piece that they edit."""

import re
from collections.abc import Iterable, Iterator

from pydantic import BaseModel, ValidationError

from content.answers import EDITOR_LIMITS, QuizAnswer, ResourcesAnswer, TutorialAnswer
from roadmap_project.library import planning
from roadmap_project.library.matching import has_sound_gaps
from roadmap_project.library.subjects import SCAFFOLD, Subject, SubjectConcept
from roadmaps.answers import LIBRARY_LIMITS as OUTLINE_LIMITS
from roadmaps.answers import OutlineTree
from roadmaps.deciding import RefusedError

MOST_PROBLEMS = 8
LONGEST_TERM = 60  # characters
MOST_TERMS = 120  # the bundled subjects have up to 90, in two languages
KEY = r"[a-z0-9]+(?:-[a-z0-9]+)*"


class SubjectError(RefusedError):
    """What is wrong with a subject, in words for the editor."""

    def __init__(self, problems: Iterable[str]) -> None:
        found = list(problems)
        more = f" … and {len(found) - MOST_PROBLEMS} more" if len(found) > MOST_PROBLEMS else ""
        super().__init__("; ".join(found[:MOST_PROBLEMS]) + more)


def sentences(name: str, error: ValidationError) -> list[str]:
    return [f"{name}, {'.'.join(map(str, item['loc'])) or 'as a whole'}: {item['msg']}" for item in error.errors()]


def check(subject: Subject, concepts: list[SubjectConcept]) -> None:
    """Raises SubjectError for what the library could not make a roadmap of."""
    problems = [*_problems_of_subject(subject), *_problems_of_order(subject, concepts)]
    if not problems:
        tree = {"title": subject.title, "stages": planning.stages(subject, concepts, goal="")}
        problems += _against(OutlineTree, tree, {"outline": OUTLINE_LIMITS}, "the outline")
    for concept in concepts:
        for answer, value in (
            (TutorialAnswer, {**concept.model_dump(), "title": concept.tutorial_title()}),
            (ResourcesAnswer, _resources(subject, concept)),
            (QuizAnswer, concept.model_dump(include={"questions"})),
        ):
            problems += _against(answer, value, {"piece": EDITOR_LIMITS}, concept.key)
    if any("\x00" in text for each in (subject, *concepts) for text in _strings(each.model_dump())):
        problems.append("a text holds a NUL character")
    if problems:
        raise SubjectError(problems)


def _resources(subject: Subject, concept: SubjectConcept) -> dict[str, object]:
    return {"resources": concept.links(language=subject.language), "note": concept.resources_note}


def _against(model: type[BaseModel], value: object, limits: dict[str, object], name: str) -> list[str]:
    try:
        model.model_validate(value, context=limits)
    except ValidationError as error:
        return sentences(name, error)
    return []


def _problems_of_subject(subject: Subject) -> Iterator[str]:
    if not re.fullmatch(KEY, subject.key) or len(subject.key) > 80 or subject.key == SCAFFOLD:
        yield f"the key {subject.key[:80]!r} is not one to 80 small letters, digits and hyphens, or is taken"
    if not subject.description.strip() or len(subject.description) > 2000:
        yield "the description is empty or has more than 2,000 characters"
    if not 3 <= len(subject.slug_words) <= 6 or not all(re.fullmatch("[a-z0-9]{1,24}", w) for w in subject.slug_words):
        yield "slug_words are not three to six words of small letters and digits"
    if (
        not subject.terms
        or len(subject.terms) > MOST_TERMS
        or not all(0 < len(each.term.strip()) <= LONGEST_TERM for each in subject.terms)
    ):
        yield f"there are not one to {MOST_TERMS} terms, of one to sixty characters, by which a goal can be known"
    for each in subject.terms:
        if each.term != " ".join(each.term.lower().split()):
            yield f"the term {each.term!r} is compared with goals in small letters and single spaces: it is never found"
        if not has_sound_gaps(each.term):
            yield f"the term {each.term!r}: “…” stands once or twice, between other characters"


def _problems_of_order(subject: Subject, concepts: list[SubjectConcept]) -> Iterator[str]:
    earlier: set[str] = set()
    for concept in concepts:
        if not re.fullmatch(KEY, concept.key):
            yield f"the concept’s key {concept.key[:80]!r} is not small letters, digits and hyphens"
        if concept.key in earlier:
            yield f"{concept.key} stands twice"
        for key in concept.prerequisites:
            if key not in earlier:
                yield f"{concept.key} builds on {key}, which does not come before it"
        earlier.add(concept.key)
    if len({concept.name.casefold() for concept in concepts}) < len(concepts):
        yield "two concepts have the same name"


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from _strings(each)
    elif isinstance(value, dict):
        yield from _strings(list(value.values()))
