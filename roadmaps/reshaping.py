"""How does a person change an outline by hand?

Each edit is one transaction under the roadmap's lock, on the version that the person saw, while the outline waits for
their review; it makes a version of its own, so that each can be looked at and taken back. Stages and modules are meant
by their places in the version that was seen (`s-2`, `m-2-1`), concepts by their keys, which the server makes.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, Func
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from pydantic import ValidationError

from roadmap_project.llm.asking import storable
from roadmaps import deciding, log_lines, outline
from roadmaps.answers import HAND_LIMITS, HOURS_BY_DIFFICULTY, ConceptOutline, ModuleOutline, OutlineTree, StageOutline
from roadmaps.deciding import RefusedError
from roadmaps.models import Concept, OutlineRevision, Roadmap
from roadmaps.words import has_words

MOST_VERSIONS = 500
MOST_PREREQUISITES = 12
DESCRIPTION_LENGTH = {ConceptOutline: 1000, ModuleOutline: 4000, StageOutline: 4000}

Part = StageOutline | ModuleOutline | ConceptOutline
Direction = Literal["up", "down"]


class WrongPartError(RefusedError):
    """What no outline may hold; `field` names what was filled in wrong, if it was one thing."""

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class OutdatedError(RefusedError):
    """The outline moved on from the version that the person saw."""


@dataclass(frozen=True)
class NewConcept:
    """What a person says about a concept that they add."""

    name: str
    description: str
    hours: float = 1.0
    difficulty: str = Concept.Difficulty.EASY
    prerequisites: Sequence[str] = ()


@dataclass
class Edit:
    """One edit under way: the tree to change in place, and what is to be said about it."""

    roadmap: Roadmap
    tree: OutlineTree
    reason: str = ""
    part: Part | None = None  # what was changed, to find it again
    revision: OutlineRevision | None = None

    @property
    def reference(self) -> str:
        """Of the changed part, where it stands now; empty where it is gone."""
        return next((name for name, part in parts(self.tree) if part is self.part), "")

    def find(self, reference: str) -> Part:
        """Raises RefusedError where there is no such part in the version."""
        found = next((part for name, part in parts(self.tree) if name == reference), None)
        if found is None:
            raise RefusedError(_("This part is not in the outline."))
        return found

    def stage(self, reference: str) -> StageOutline:
        found = self.find(reference)
        if not isinstance(found, StageOutline):
            raise RefusedError(_("This is not a stage."))
        return found

    def module(self, reference: str) -> ModuleOutline:
        found = self.find(reference)
        if not isinstance(found, ModuleOutline):
            raise RefusedError(_("This is not a module."))
        return found

    def concept(self, key: str) -> ConceptOutline:
        found = self.find(key)
        if not isinstance(found, ConceptOutline):
            raise RefusedError(_("This is not a concept."))
        return found


def parts(tree: OutlineTree) -> Iterator[tuple[str, Part]]:
    """Every part with the name by which it is meant."""
    for number, stage in enumerate(tree.stages, start=1):
        yield f"s-{number}", stage
        for place, module in enumerate(stage.modules, start=1):
            yield f"m-{number}-{place}", module
            for concept in module.concepts:
                yield concept.key, concept


@contextmanager
def _editing(roadmap_id: int, *, seen_version: int, by: User) -> Iterator[Edit]:
    """Stores what the block made of the tree as a new version, unless it is the same."""
    with transaction.atomic():
        roadmap = deciding.locked(roadmap_id)
        if roadmap.state != Roadmap.State.IN_REVIEW:
            raise RefusedError(_("The outline can be edited only while it waits for your review."))
        latest = outline.latest(roadmap)
        if latest.number != seen_version:
            raise OutdatedError(
                _("The outline changed meanwhile, perhaps in another tab. Nothing was saved; here it is as it is now.")
            )
        if latest.number >= MOST_VERSIONS:
            raise RefusedError(
                _("This outline has had %(number)s versions, which is the most.") % {"number": MOST_VERSIONS}
            )
        edit = Edit(roadmap, outline.tree_of(latest))
        yield edit
        if edit.tree == outline.tree_of(latest):
            edit.revision = latest
            return
        _refuse_broken(edit.tree)
        edit.revision = outline.revise(
            roadmap, edit.tree, author=OutlineRevision.Author.HAND, reason=storable(edit.reason)
        )
    log_lines.line(roadmap.pk, "outline_edited_by_hand", edit.reason, version=edit.revision.number, by=by.pk)


# Changing


def change_concept(
    roadmap_id: int,
    *,
    seen_version: int,
    by: User,
    key: str,
    name: str | None = None,
    description: str | None = None,
    hours: float | None = None,
    difficulty: str | None = None,
    module: str | None = None,
    prerequisites: Iterable[str] | None = None,
) -> Edit:
    """Change what is given of a concept, and leave the rest."""
    with _editing(roadmap_id, seen_version=seen_version, by=by) as edit:
        edit.part = concept = edit.concept(key)
        edit.reason = _("“%(name)s” was changed.") % {"name": concept.name}
        _write_texts(concept, name, description)
        concept.hours = concept.hours if hours is None else hours
        concept.difficulty = concept.difficulty if difficulty is None else _difficulty(difficulty)
        if prerequisites is not None:
            concept.prerequisites = _prerequisites(edit.tree, concept, prerequisites)
        _refuse_wrong_concept(concept)
        if module is not None:
            _put_into(edit.tree, concept, edit.module(module))
    return edit


def change_module(
    roadmap_id: int,
    *,
    seen_version: int,
    by: User,
    module: str,
    name: str | None = None,
    description: str | None = None,
    stage: str | None = None,
) -> Edit:
    with _editing(roadmap_id, seen_version=seen_version, by=by) as edit:
        edit.part = found = edit.module(module)
        edit.reason = _("The module “%(name)s” was changed.") % {"name": found.name}
        _write_texts(found, name, description)
        if stage is not None:
            _put_into(edit.tree, found, edit.stage(stage))
    return edit


def change_stage(
    roadmap_id: int,
    *,
    seen_version: int,
    by: User,
    stage: str,
    name: str | None = None,
    description: str | None = None,
) -> Edit:
    with _editing(roadmap_id, seen_version=seen_version, by=by) as edit:
        edit.part = found = edit.stage(stage)
        edit.reason = _("The stage “%(name)s” was changed.") % {"name": found.name}
        _write_texts(found, name, description)
    return edit


def _write_texts(part: Part, name: str | None, description: str | None) -> None:
    if name is not None:
        part.name = _text(name, most=200, field="name")
    if description is not None:
        part.description = _text(description, most=DESCRIPTION_LENGTH[type(part)], field="description")


def _text(text: str, *, most: int, field: str) -> str:
    words = storable(text).strip()
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


def _difficulty(value: str) -> Literal["easy", "medium", "hard"]:
    match value:
        case "easy" | "medium" | "hard":
            return value
    raise WrongPartError(_("Choose easy, medium or hard."), field="difficulty")


def _refuse_wrong_concept(concept: ConceptOutline) -> None:
    least, most = HOURS_BY_DIFFICULTY[concept.difficulty]
    if not least <= concept.hours <= most:
        raise WrongPartError(
            _("%(difficulty)s means %(least)s to %(most)s hours; this says %(hours)s.")
            % {
                "difficulty": Concept.Difficulty(concept.difficulty).label,
                "least": f"{least:g}",
                "most": f"{most:g}",
                "hours": f"{concept.hours:g}",
            },
            field="hours",
        )


def _prerequisites(tree: OutlineTree, concept: ConceptOutline, keys: Iterable[str]) -> list[str]:
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
    return _("That would be a circle, with no place to begin: %(links)s.") % {"links": ", ".join(links)}


# Adding and removing


def add_concept(roadmap_id: int, *, seen_version: int, by: User, module: str, concept: NewConcept) -> Edit:
    """At the module's end."""
    with _editing(roadmap_id, seen_version=seen_version, by=by) as edit:
        edit.part = _append(edit, edit.module(module), concept)
        edit.reason = _("“%(name)s” was added.") % {"name": edit.part.name}
    return edit


def add_module(
    roadmap_id: int, *, seen_version: int, by: User, stage: str, name: str, description: str, first: NewConcept
) -> Edit:
    """At the stage's end, with its first concept: no part of an outline is empty."""
    with _editing(roadmap_id, seen_version=seen_version, by=by) as edit:
        edit.part = module = _new_module(name, description)
        edit.stage(stage).modules.append(module)
        _append(edit, module, first)
        edit.reason = _("The module “%(name)s” was added.") % {"name": module.name}
    return edit


def add_stage(roadmap_id: int, *, seen_version: int, by: User, name: str, description: str, first: NewConcept) -> Edit:
    """At the outline's end, with a first module of the same name and its first concept."""
    with _editing(roadmap_id, seen_version=seen_version, by=by) as edit:
        module = _new_module(name, description)
        edit.part = stage = StageOutline(name=module.name, description=module.description, modules=[])
        stage.modules = [module]
        edit.tree.stages.append(stage)
        _append(edit, module, first)
        edit.reason = _("The stage “%(name)s” was added.") % {"name": stage.name}
    return edit


def _new_module(name: str, description: str) -> ModuleOutline:
    most = DESCRIPTION_LENGTH[ModuleOutline]
    return ModuleOutline(
        name=_text(name, most=200, field="name"),
        description=_text(description, most=most, field="description"),
        concepts=[],
    )


def _append(edit: Edit, module: ModuleOutline, new: NewConcept) -> ConceptOutline:
    number, stage = next((n, s) for n, s in enumerate(edit.tree.stages, start=1) if any(m is module for m in s.modules))
    place = next(n for n, each in enumerate(stage.modules, start=1) if each is module)
    name = _text(new.name, most=200, field="concept_name")
    concept = ConceptOutline.model_construct(
        key=outline.free_key(number, place, _used_keys(edit.roadmap)),
        name=name,
        description=_text(new.description, most=DESCRIPTION_LENGTH[ConceptOutline], field="concept_description"),
        hours=new.hours,
        difficulty=_difficulty(new.difficulty),
        keywords=[name, module.name, stage.name],
        prerequisites=[],
        source="",
    )
    _refuse_wrong_concept(concept)
    module.concepts.append(concept)
    concept.prerequisites = _prerequisites(edit.tree, concept, new.prerequisites)
    return concept


def _used_keys(roadmap: Roadmap) -> set[str]:
    """Of all versions: a key means one concept for ever, so that versions can be compared."""
    key = Func(
        F("tree"), template="jsonb_path_query(%(expressions)s, '$.stages[*].modules[*].concepts[*].key') #>> '{}'"
    )
    return set(roadmap.revisions.order_by().values_list(key, flat=True))


def remove(roadmap_id: int, *, seen_version: int, by: User, part: str) -> Edit:
    """Take out a stage, a module or a concept with all that it holds; what built on it does so no longer."""
    with _editing(roadmap_id, seen_version=seen_version, by=by) as edit:
        gone = edit.find(part)
        siblings = _siblings(edit.tree, gone)
        if len(siblings) == 1:
            raise RefusedError(_only_one(edit.tree, gone))
        kept = [each for each in siblings if each is not gone]
        siblings[:] = kept
        keys = {concept.key for concept in edit.tree.concepts()}
        losing = [each for each in edit.tree.concepts() if not keys.issuperset(each.prerequisites)]
        for concept in losing:
            concept.prerequisites = [key for key in concept.prerequisites if key in keys]
        edit.reason = _("“%(name)s” was removed.") % {"name": gone.name} + _no_longer(losing)
    return edit


def _no_longer(losing: list[ConceptOutline]) -> str:
    if not losing:
        return ""
    names = ", ".join(f"“{each.name}”" for each in losing[:5])
    return " " + ngettext(
        "%(names)s builds on it no longer.", "%(names)s build on what was removed no longer.", len(losing)
    ) % {"names": names + (" …" if len(losing) > 5 else "")}


def _only_one(tree: OutlineTree, part: Part) -> str:
    parent = _parent(tree, part)
    if parent is None:
        return _("This is the only stage. An outline needs one.")
    return _("This is all that “%(name)s” holds. Remove “%(name)s” instead, or move something into it first.") % {
        "name": parent.name
    }


def _parent(tree: OutlineTree, part: Part) -> StageOutline | ModuleOutline | None:
    for stage in tree.stages:
        for module in stage.modules:
            if module is part:
                return stage
            if any(concept is part for concept in module.concepts):
                return module
    return None


def _siblings(tree: OutlineTree, part: Part) -> list[Part]:
    """The list that holds the part, to be changed in place."""
    parent = _parent(tree, part)
    found: list[Part]
    found = tree.stages if parent is None else parent.modules if isinstance(parent, StageOutline) else parent.concepts  # type: ignore[assignment]
    return found


# Moving


def move(roadmap_id: int, *, seen_version: int, by: User, part: str, direction: Direction) -> Edit:
    """One place up or down; past the first or last place into the part before or after."""
    with _editing(roadmap_id, seen_version=seen_version, by=by) as edit:
        edit.part = moved = edit.find(part)
        _step(edit.tree, moved, -1 if direction == "up" else 1)
        edit.reason = _("“%(name)s” was moved.") % {"name": moved.name}
    return edit


def _step(tree: OutlineTree, part: Part, by: int) -> None:
    siblings = _siblings(tree, part)
    place = _place(siblings, part)
    if 0 <= place + by < len(siblings):
        siblings[place], siblings[place + by] = siblings[place + by], siblings[place]
        return
    groups = _groups(tree, part)
    here = next(n for n, group in enumerate(groups) if group is siblings)
    if not 0 <= here + by < len(groups):
        raise RefusedError(
            (_("“%(name)s” is the first already.") if by < 0 else _("“%(name)s” is the last already."))
            % {"name": part.name}
        )
    if len(siblings) == 1:
        raise RefusedError(_only_one(tree, part))
    del siblings[place]
    groups[here + by].insert(len(groups[here + by]) if by < 0 else 0, part)


def _place(siblings: list[Part], part: Part) -> int:
    return next(n for n, each in enumerate(siblings) if each is part)


def _groups(tree: OutlineTree, part: Part) -> list[list[Part]]:
    """All lists that may hold a part of this sort, in order."""
    found: list[list[Part]]
    if isinstance(part, StageOutline):
        found = [tree.stages]  # type: ignore[list-item]
    elif isinstance(part, ModuleOutline):
        found = [stage.modules for stage in tree.stages]  # type: ignore[misc]
    else:
        found = [module.concepts for stage in tree.stages for module in stage.modules]  # type: ignore[misc]
    return found


def _put_into(tree: OutlineTree, part: Part, target: StageOutline | ModuleOutline) -> None:
    """At its end where it lies before, at its beginning where it lies after: as near as possible to where it was."""
    siblings = _siblings(tree, part)
    goal: list[Part] = target.modules if isinstance(target, StageOutline) else target.concepts  # type: ignore[assignment]
    if goal is siblings:
        return
    if len(siblings) == 1:
        raise RefusedError(_only_one(tree, part))
    groups = _groups(tree, part)
    order = [id(group) for group in groups]
    is_later = order.index(id(goal)) > order.index(id(siblings))
    del siblings[_place(siblings, part)]
    goal.insert(0 if is_later else len(goal), part)


# Restoring


def restore(roadmap_id: int, *, seen_version: int, by: User, version: int) -> Edit:
    """Make an earlier version the current one again, as a new version."""
    with _editing(roadmap_id, seen_version=seen_version, by=by) as edit:
        earlier = edit.roadmap.revisions.filter(number=version).first()
        if earlier is None:
            raise RefusedError(_("There is no version %(number)s.") % {"number": version})
        restored = outline.tree_of(earlier)
        edit.tree.title, edit.tree.stages = restored.title, restored.stages
        edit.reason = _("Version %(number)s was restored.") % {"number": version}
    return edit


# What no outline may hold


def _refuse_broken(tree: OutlineTree) -> None:
    _refuse_too_many(tree)
    _refuse_order(tree)
    try:
        OutlineTree.model_validate(tree.tree(), context={"outline": HAND_LIMITS})
    except ValidationError as error:  # what the sentences above did not think of
        reasons = [item["msg"].removeprefix("Value error, ") for item in error.errors()[:3]]
        raise RefusedError("; ".join(reasons)) from error


def _refuse_too_many(tree: OutlineTree) -> None:
    (_least, stages), (_least, modules), (_least, concepts) = (
        HAND_LIMITS.stages,
        HAND_LIMITS.modules,
        HAND_LIMITS.concepts,
    )
    if len(tree.stages) > stages:
        raise RefusedError(_("An outline holds at most %(most)s stages.") % {"most": stages})
    if any(len(stage.modules) > modules for stage in tree.stages):
        raise RefusedError(_("A stage holds at most %(most)s modules.") % {"most": modules})
    if any(len(module.concepts) > concepts for stage in tree.stages for module in stage.modules):
        raise RefusedError(_("A module holds at most %(most)s concepts.") % {"most": concepts})
    if len(tree.concepts()) > HAND_LIMITS.total[1]:
        raise RefusedError(_("An outline holds at most %(most)s concepts.") % {"most": HAND_LIMITS.total[1]})


def _refuse_order(tree: OutlineTree) -> None:
    """What is built on comes first."""
    names = {concept.key: concept.name for concept in tree.concepts()}
    earlier: set[str] = set()
    for concept in tree.concepts():
        for key in concept.prerequisites:
            if key not in earlier:
                raise WrongPartError(
                    _("“%(name)s” builds on “%(other)s”, so “%(other)s” has to come before it.")
                    % {"name": concept.name, "other": names[key]},
                    field="prerequisites",
                )
        earlier.add(concept.key)
