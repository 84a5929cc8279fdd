"""What may no outline hold, and how is that said? For the outline that is there, and for one that a person makes of it.

A stored outline may break a rule that its parts broke before: no edit is refused for that, only for making it worse.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from django.utils.translation import gettext as _
from pydantic import ValidationError

from roadmap_project import wrong_values
from roadmap_project.library.planning import MOST_PREREQUISITES
from roadmap_project.listing import listed
from roadmap_project.llm.asking import storable
from roadmaps.answers import HAND_LIMITS, HOURS_BY_DIFFICULTY, ConceptOutline, ModuleOutline, OutlineTree, StageOutline
from roadmaps.deciding import RefusedError
from roadmaps.models import Concept
from roadmaps.words import has_words

DESCRIPTION_LENGTH = {ConceptOutline: 1000, ModuleOutline: 4000, StageOutline: 4000}


class WrongPartError(RefusedError):
    """What no outline may hold; `field` names what was filled in wrong, if it was one thing."""

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


def text(typed: str, *, most: int, field: str) -> str:
    words = storable(typed).strip()
    if field == "name":
        words = " ".join(words.split())
    if not has_words(words):
        raise WrongPartError(_("Please fill this in."), field=field)
    if len(words) > most:
        raise WrongPartError(
            _("Please say it in at most %(most)s characters; these are %(length)s.")
            % {"most": most, "length": len(words)},
            field=field,
        )
    return words


def difficulty(value: str) -> Literal["easy", "medium", "hard"]:
    match value:
        case "easy" | "medium" | "hard":
            return value
    raise WrongPartError(_("Choose easy, medium or hard."), field="difficulty")


def refuse_wrong_concept(concept: ConceptOutline) -> None:
    if problem := _hours_problem(concept):
        raise WrongPartError(problem, field="hours")


def _hours_problem(concept: ConceptOutline) -> str:
    least, most = HOURS_BY_DIFFICULTY[concept.difficulty]
    if least <= concept.hours <= most:
        return ""
    return _("%(difficulty)s means %(least)s to %(most)s hours; this says %(hours)s.") % {
        "difficulty": Concept.Difficulty(concept.difficulty).label,
        "least": f"{least:g}",
        "most": f"{most:g}",
        "hours": f"{concept.hours:g}",
    }


def prerequisites(tree: OutlineTree, concept: ConceptOutline, keys: Iterable[str]) -> list[str]:
    """In the outline's order. Raises WrongPartError for what would make a circle, naming its way round."""
    wanted = set(keys)
    by_key = {each.key: each for each in tree.concepts()}
    if not wanted <= set(by_key):
        raise WrongPartError(_("One of these concepts is not in the outline."), field="prerequisites")
    if len(wanted) > MOST_PREREQUISITES:
        raise WrongPartError(
            _("Choose at most %(most)s concepts to build on.") % {"most": MOST_PREREQUISITES}, field="prerequisites"
        )
    if concept.key in wanted:
        raise WrongPartError(_("“%(name)s” cannot build on itself.") % {"name": concept.name}, field="prerequisites")
    for key in (key for key in by_key if key in wanted):
        if way := _way(by_key, key, concept.key):
            raise WrongPartError(_circle([by_key[each].name for each in (concept.key, *way)]), field="prerequisites")
    return [key for key in by_key if key in wanted]


def _way(by_key: dict[str, ConceptOutline], start: str, goal: str) -> list[str]:
    """A shortest way from a concept to what it builds on, directly or not; empty where there is none."""
    ways, seen = [[start]], {start}
    while ways:
        way = ways.pop(0)
        if way[-1] == goal:
            return way
        for key in by_key[way[-1]].prerequisites:
            if key in by_key and key not in seen:
                seen.add(key)
                ways.append([*way, key])
    return []


def _circle(names: list[str]) -> str:
    links = [_("“%(name)s” builds on “%(other)s”") % {"name": name, "other": other} for name, other in pairwise(names)]
    return _("That would be a circle, with no place to begin: %(links)s.") % {"links": listed(links)}


# The whole outline


@dataclass(frozen=True)
class Problem:
    """A broken rule: what about, in a form that outlives other edits, how far beyond it, and in words."""

    about: tuple[str, ...]
    sentence: str
    excess: int = 1
    field: str = ""


def problems(tree: OutlineTree) -> list[Problem]:
    return [*_sizes(tree), *_texts(tree), *_measures(tree), *_order(tree)]


def refuse_worse(before: OutlineTree, after: OutlineTree) -> None:
    """Raises RefusedError for a rule that the outline did not break before, or not as far."""
    found, known = problems(after), _counted(problems(before))
    now = _counted(found)
    for problem in found:
        if now[problem.about] > known[problem.about]:
            raise WrongPartError(problem.sentence, field=problem.field)
    if not known and (reasons := _unthought_of(after)) and not _unthought_of(before):
        raise RefusedError(_("; ").join(reasons))


def _counted(found: list[Problem]) -> Counter[tuple[str, ...]]:
    counted: Counter[tuple[str, ...]] = Counter()
    for problem in found:
        counted[problem.about] += problem.excess
    return counted


def _unthought_of(tree: OutlineTree) -> list[str]:
    try:
        OutlineTree.model_validate(tree.tree(), context={"outline": HAND_LIMITS})
    except ValidationError as error:
        return [wrong_values.told(item) or wrong_values.as_said(item) for item in error.errors()[:3]]
    return []


def _sizes(tree: OutlineTree) -> Iterator[Problem]:
    stages, modules, concepts = HAND_LIMITS.stages[1], HAND_LIMITS.modules[1], HAND_LIMITS.concepts[1]
    total = HAND_LIMITS.total[1]
    if (excess := len(tree.stages) - stages) > 0:
        yield Problem(("stages",), _("An outline holds at most %(most)s stages.") % {"most": stages}, excess)
    for stage in tree.stages:
        if (excess := len(stage.modules) - modules) > 0:
            yield Problem(("modules",), _("A stage holds at most %(most)s modules.") % {"most": modules}, excess)
        for module in stage.modules:
            if (excess := len(module.concepts) - concepts) > 0:
                yield Problem(
                    ("concepts",), _("A module holds at most %(most)s concepts.") % {"most": concepts}, excess
                )
    if (excess := len(tree.concepts()) - total) > 0:
        yield Problem(("total",), _("An outline holds at most %(most)s concepts.") % {"most": total}, excess)


def _texts(tree: OutlineTree) -> Iterator[Problem]:
    groups: list[StageOutline | ModuleOutline] = []
    for stage in tree.stages:
        groups += [stage, *stage.modules]
    for group in groups:
        held = group.modules if isinstance(group, StageOutline) else group.concepts
        if not held:
            yield Problem(
                ("empty",), _("“%(name)s” is empty. Add something to it, or remove it.") % {"name": group.name}
            )
    parts: list[StageOutline | ModuleOutline | ConceptOutline] = [*groups, *tree.concepts()]
    for part in parts:
        key = part.key if isinstance(part, ConceptOutline) else ""
        if not has_words(part.name):
            yield Problem(("name", key), _("A part of this outline has no name."))
        if not has_words(part.description):
            yield Problem(("description", key), _("“%(name)s” does not say what it is about.") % {"name": part.name})


def _measures(tree: OutlineTree) -> Iterator[Problem]:
    for concept in tree.concepts():
        if problem := _hours_problem(concept):
            yield Problem(("hours", concept.key), f"“{concept.name}”: {problem}")


def _order(tree: OutlineTree) -> Iterator[Problem]:
    """What is built on comes first."""
    names = {concept.key: concept.name for concept in tree.concepts()}
    earlier: set[str] = set()
    for concept in tree.concepts():
        for key in concept.prerequisites:
            if key not in names:
                sentence = _("“%(name)s” builds on something that is not there: choose anew what it builds on.")
                yield Problem(("unknown", concept.key, key), sentence % {"name": concept.name}, field="prerequisites")
            elif key not in earlier:
                sentence = _("“%(name)s” builds on “%(other)s”, so “%(other)s” has to come before it.")
                said = sentence % {"name": concept.name, "other": names[key]}
                yield Problem(("order", concept.key, key), said, field="prerequisites")
        earlier.add(concept.key)
