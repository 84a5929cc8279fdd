"""Where does a part of an outline stand, and how is it put elsewhere? Changes trees in place, and stores nothing."""

from collections.abc import Iterator

from django.utils.translation import gettext as _

from roadmaps.answers import ConceptOutline, ModuleOutline, OutlineTree, StageOutline
from roadmaps.deciding import RefusedError

Part = StageOutline | ModuleOutline | ConceptOutline


def parts(tree: OutlineTree) -> Iterator[tuple[str, Part]]:
    """Every part with the name by which it is meant."""
    for number, stage in enumerate(tree.stages, start=1):
        yield f"s-{number}", stage
        for place, module in enumerate(stage.modules, start=1):
            yield f"m-{number}-{place}", module
            for concept in module.concepts:
                yield concept.key, concept


def only_one(tree: OutlineTree, part: Part) -> str:
    """Why a part that has no siblings cannot leave its place."""
    holder = _parent(tree, part)
    if holder is None:
        return _("This is the only stage. An outline needs one.")
    return _("This is all that “%(name)s” holds. Remove “%(name)s” instead, or move something into it first.") % {
        "name": holder.name
    }


def _parent(tree: OutlineTree, part: Part) -> StageOutline | ModuleOutline | None:
    for stage in tree.stages:
        for module in stage.modules:
            if module is part:
                return stage
            if any(concept is part for concept in module.concepts):
                return module
    return None


def siblings(tree: OutlineTree, part: Part) -> list[Part]:
    """The list that holds the part, to be changed in place."""
    holder = _parent(tree, part)
    found: list[Part]
    found = tree.stages if holder is None else holder.modules if isinstance(holder, StageOutline) else holder.concepts  # type: ignore[assignment]
    return found


def step(tree: OutlineTree, part: Part, by: int) -> None:
    """One place up or down; past the edge into the group before or after. Raises RefusedError."""
    group = siblings(tree, part)
    place = _place(group, part)
    if 0 <= place + by < len(group):
        group[place], group[place + by] = group[place + by], group[place]
        return
    groups = _groups(tree, part)
    here = next(n for n, each in enumerate(groups) if each is group)
    if not 0 <= here + by < len(groups):
        raise RefusedError(
            (_("“%(name)s” is the first already.") if by < 0 else _("“%(name)s” is the last already."))
            % {"name": part.name}
        )
    if len(group) == 1:
        raise RefusedError(only_one(tree, part))
    del group[place]
    groups[here + by].insert(len(groups[here + by]) if by < 0 else 0, part)


def put_into(tree: OutlineTree, part: Part, target: StageOutline | ModuleOutline) -> None:
    """At its end where it lies before, at its beginning where it lies after: as near as possible to where it was."""
    group = siblings(tree, part)
    goal: list[Part] = target.modules if isinstance(target, StageOutline) else target.concepts  # type: ignore[assignment]
    if goal is group:
        return
    if len(group) == 1:
        raise RefusedError(only_one(tree, part))
    order = [id(each) for each in _groups(tree, part)]
    is_later = order.index(id(goal)) > order.index(id(group))
    del group[_place(group, part)]
    goal.insert(0 if is_later else len(goal), part)


def _place(group: list[Part], part: Part) -> int:
    return next(n for n, each in enumerate(group) if each is part)


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
