"""What is different between two versions of an outline? Part by part, in words for a person."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from roadmap_project.listing import listed
from roadmaps.answers import ConceptOutline, ModuleOutline, OutlineTree, StageOutline
from roadmaps.models import Concept

ADDED, CHANGED, MOVED, REMOVED = KINDS = ("added", "changed", "moved", "removed")


@dataclass(frozen=True)
class Difference:
    """One thing that happened to one part; `key` is a concept's, and empty for stages and modules."""

    kind: str
    name: str
    details: list[str] = field(default_factory=list)
    key: str = ""


def between(before: OutlineTree, after: OutlineTree) -> list[Difference]:
    """Added, changed, moved and removed, in this order; within each in the order of the outline."""
    found = [*_stages(before, after), *_modules(before, after), *_concepts(before, after)]
    return sorted(found, key=lambda each: KINDS.index(each.kind))


def _stages(before: OutlineTree, after: OutlineTree) -> Iterator[Difference]:
    pairs = _pairs(_named(before.stages), _named(after.stages))
    staying = _in_order([pairs.get(place) for place in range(len(after.stages))])
    for place, stage in enumerate(after.stages):
        title = _("Stage “%(name)s”") % {"name": stage.name}
        if place not in pairs:
            yield Difference(ADDED, title)
            continue
        yield from _texts(before.stages[pairs[place]], stage, title)
        if place not in staying:
            yield Difference(MOVED, title, [_place(after.stages, place)])
    for place in sorted(set(range(len(before.stages))) - set(pairs.values())):
        yield Difference(REMOVED, _("Stage “%(name)s”") % {"name": before.stages[place].name})


def _modules(before: OutlineTree, after: OutlineTree) -> Iterator[Difference]:
    old, new = _numbered_modules(before), _numbered_modules(after)
    pairs = _pairs(_named_modules(before), _named_modules(after))
    stages = _pairs(_named(before.stages), _named(after.stages))
    for place, (stage, module) in enumerate(new):
        title = _("Module “%(name)s”") % {"name": module.name}
        if place not in pairs:
            yield Difference(ADDED, title, [_("in “%(place)s”") % {"place": after.stages[stage].name}])
            continue
        was_in, was = old[pairs[place]]
        yield from _texts(was, module, title)
        siblings = [each for each, (its_stage, _module) in enumerate(new) if its_stage == stage]
        stayed = [
            pairs[each] if each in pairs and old[pairs[each]][0] == stages.get(stage) else None for each in siblings
        ]
        if was_in != stages.get(stage):
            names = {"old": before.stages[was_in].name, "new": after.stages[stage].name}
            yield Difference(MOVED, title, [_("from “%(old)s” to “%(new)s”") % names])
        elif siblings.index(place) not in _in_order(stayed):
            yield Difference(MOVED, title, [_place(after.stages[stage].modules, siblings.index(place))])
    for place in sorted(set(range(len(old))) - set(pairs.values())):
        yield Difference(REMOVED, _("Module “%(name)s”") % {"name": old[place][1].name})


def _numbered_modules(tree: OutlineTree) -> list[tuple[int, ModuleOutline]]:
    return [(number, module) for number, stage in enumerate(tree.stages) for module in stage.modules]


@dataclass(frozen=True)
class _Placed:
    concept: ConceptOutline
    stage: StageOutline
    module: ModuleOutline
    module_place: int
    place: int

    @property
    def where(self) -> str:
        return f"{self.stage.name} › {self.module.name}"


def _concepts(before: OutlineTree, after: OutlineTree) -> Iterator[Difference]:
    old, new = _placed(before), _placed(after)
    names = {key: each.concept.name for key, each in (old | new).items()}
    modules = _pairs(_named_modules(before), _named_modules(after))
    reordered = _reordered(old, new, modules)
    for key, now in new.items():
        was = old.get(key)
        if was is None:
            yield Difference(ADDED, now.concept.name, [_in_place(now)], key)
            continue
        if details := _changes(was.concept, now.concept, names):
            yield Difference(CHANGED, now.concept.name, details, key)
        if modules.get(now.module_place) != was.module_place:
            detail = _("from “%(old)s” to “%(new)s”") % {"old": was.where, "new": now.where}
            yield Difference(MOVED, now.concept.name, [detail], key)
        elif key in reordered:
            yield Difference(MOVED, now.concept.name, [_place(now.module.concepts, now.place)], key)
    for key, gone in old.items():
        if key not in new:
            yield Difference(REMOVED, gone.concept.name, [_in_place(gone)], key)


def _reordered(old: dict[str, _Placed], new: dict[str, _Placed], modules: dict[int, int]) -> set[str]:
    """Keys that stand elsewhere among those that stayed in their module."""
    by_module: dict[int, list[str]] = {}
    for key, now in new.items():
        if key in old and modules.get(now.module_place) == old[key].module_place:
            by_module.setdefault(now.module_place, []).append(key)
    found: set[str] = set()
    for keys in by_module.values():
        staying = _in_order([old[key].place for key in keys])
        found |= {key for place, key in enumerate(keys) if place not in staying}
    return found


def _changes(was: ConceptOutline, now: ConceptOutline, names: dict[str, str]) -> list[str]:
    details = []
    if was.name != now.name:
        details.append(_("was called “%(name)s”") % {"name": was.name})
    if was.description != now.description:
        details.append(_("new description: %(text)s") % {"text": now.description})
    if was.hours != now.hours:
        sentence = _("%(old)s hour became %(new)s") if was.hours == 1 else _("%(old)s hours became %(new)s")
        details.append(sentence % {"old": f"{was.hours:g}", "new": f"{now.hours:g}"})
    if was.difficulty != now.difficulty:
        details.append(
            _("%(old)s became %(new)s")
            % {"old": Concept.Difficulty(was.difficulty).label, "new": Concept.Difficulty(now.difficulty).label}
        )
    if was.keywords != now.keywords:
        details.append(_("keywords: %(words)s") % {"words": listed(now.keywords)})
    details += [
        _("builds on “%(name)s” now") % {"name": names.get(key, key)}
        for key in now.prerequisites
        if key not in was.prerequisites
    ]
    details += [
        _("no longer builds on “%(name)s”") % {"name": names.get(key, key)}
        for key in was.prerequisites
        if key not in now.prerequisites
    ]
    return details


def _texts(was: StageOutline | ModuleOutline, now: StageOutline | ModuleOutline, title: str) -> Iterator[Difference]:
    details = []
    if was.name != now.name:
        details.append(_("was called “%(name)s”") % {"name": was.name})
    if was.description != now.description:
        details.append(_("new description: %(text)s") % {"text": now.description})
    if details:
        yield Difference(CHANGED, title, details)


def _in_place(placed: _Placed) -> str:
    return _("in “%(place)s”") % {"place": placed.where}


def _place(siblings: Sequence[StageOutline | ModuleOutline | ConceptOutline], place: int) -> str:
    if place == 0:
        return _("now the first")
    return _("now after “%(name)s”") % {"name": siblings[place - 1].name}


def _placed(tree: OutlineTree) -> dict[str, _Placed]:
    modules = [(stage, module) for stage in tree.stages for module in stage.modules]
    return {
        concept.key: _Placed(concept, stage, module, module_place, place)
        for module_place, (stage, module) in enumerate(modules)
        for place, concept in enumerate(module.concepts)
    }


def _named_modules(tree: OutlineTree) -> list[tuple[str, set[str]]]:
    return _named([module for stage in tree.stages for module in stage.modules])


def _named(parts: Sequence[StageOutline | ModuleOutline]) -> list[tuple[str, set[str]]]:
    return [(part.name, _keys(part)) for part in parts]


def _keys(part: StageOutline | ModuleOutline) -> set[str]:
    modules = part.modules if isinstance(part, StageOutline) else [part]
    return {concept.key for module in modules for concept in module.concepts}


def _pairs(before: list[tuple[str, set[str]]], after: list[tuple[str, set[str]]]) -> dict[int, int]:
    """Place after → place before, of parts that are the same: most concepts in common first, then the name.

    Stages and modules have no key of their own; what they hold says which is which through a renaming.
    """
    candidates = sorted(
        (-2 * len(held & holds) - (name == called), new, old)
        for old, (name, held) in enumerate(before)
        for new, (called, holds) in enumerate(after)
        if held & holds or name == called
    )
    pairs: dict[int, int] = {}
    for _score, new, old in candidates:
        if new not in pairs and old not in pairs.values():
            pairs[new] = old
    return pairs


def _in_order(places: Sequence[int | None]) -> set[int]:
    """Indexes of the longest run that kept its order: the others are those that were moved. None is in no run."""
    runs: list[list[int]] = [[]]
    for index, place in enumerate(places):
        if place is not None:
            runs.append([*_longest([run for run in runs if _reaches(places, run) < place]), index])
    return set(_longest(runs))


def _longest(runs: list[list[int]]) -> list[int]:
    return max(runs, key=len)


def _reaches(places: Sequence[int | None], run: list[int]) -> int:
    last = places[run[-1]] if run else None
    return -1 if last is None else last
