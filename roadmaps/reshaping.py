"""How does a person change an outline by hand?

Each edit is one transaction under the roadmap's lock, on the version that the person saw, while the outline waits for
their review; it makes a version of its own, so that each can be looked at and taken back (what an editor changes later,
too: see `problem_with_restoring`). Stages and modules are meant
by their places in the version that was seen (`s-2`, `m-2-1`), concepts by their keys, which the server makes.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, Func
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from roadmap_project.llm.asking import storable
from roadmap_project.told import kept
from roadmaps import allowing, arranging, deciding, log_lines, outline
from roadmaps.answers import ConceptOutline, ModuleOutline, OutlineTree, StageOutline
from roadmaps.arranging import Part
from roadmaps.deciding import OutdatedError, RefusedError
from roadmaps.models import Concept, OutlineRevision, Roadmap

MOST_VERSIONS = 500
Direction = Literal["up", "down"]

# What an edit did: stored with its version.
CHANGED = kept(gettext_noop("“%(name)s” was changed."))
MODULE_CHANGED = kept(gettext_noop("The module “%(name)s” was changed."))
STAGE_CHANGED = kept(gettext_noop("The stage “%(name)s” was changed."))
ADDED = kept(gettext_noop("“%(name)s” was added."))
MODULE_ADDED = kept(gettext_noop("The module “%(name)s” was added."))
STAGE_ADDED = kept(gettext_noop("The stage “%(name)s” was added."))
MOVED = kept(gettext_noop("“%(name)s” was moved."))
RESTORED = kept(gettext_noop("Version %(number)s was restored."))
REMOVED = kept(gettext_noop("“%(name)s” was removed."))
REMOVED_FROM = kept(gettext_noop("“%(name)s” was removed. What built on it does so no longer: %(names)s."))


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
        return next((name for name, part in arranging.parts(self.tree) if part is self.part), "")

    def find(self, reference: str) -> Part:
        """Raises RefusedError where there is no such part in the version."""
        found = next((part for name, part in arranging.parts(self.tree) if name == reference), None)
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


@contextmanager
def _editing(roadmap_id: int, *, seen_version: int, by: User, only_in_review: bool = True) -> Iterator[Edit]:
    """Stores what the block made of the tree as a new version, unless it is the same."""
    with transaction.atomic():
        roadmap = deciding.locked(roadmap_id)
        if only_in_review and roadmap.state != Roadmap.State.IN_REVIEW:
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
        allowing.refuse_worse(outline.tree_of(latest), edit.tree)
        edit.revision = outline.revise(
            roadmap, edit.tree, author=OutlineRevision.Author.HAND, reason=storable(edit.reason)
        )
    log_lines.line(roadmap, "outline_edited_by_hand", edit.reason, version=edit.revision.number, by=by.pk)


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
        edit.reason = CHANGED % {"name": concept.name}
        _write_texts(concept, name, description)
        concept.hours = concept.hours if hours is None else hours
        concept.difficulty = concept.difficulty if difficulty is None else allowing.difficulty(difficulty)
        if prerequisites is not None:
            concept.prerequisites = allowing.prerequisites(edit.tree, concept, prerequisites)
        allowing.refuse_wrong_concept(concept)
        if module is not None:
            arranging.put_into(edit.tree, concept, edit.module(module))
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
        edit.reason = MODULE_CHANGED % {"name": found.name}
        _write_texts(found, name, description)
        if stage is not None:
            arranging.put_into(edit.tree, found, edit.stage(stage))
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
        edit.reason = STAGE_CHANGED % {"name": found.name}
        _write_texts(found, name, description)
    return edit


def _write_texts(part: Part, name: str | None, description: str | None) -> None:
    if name is not None:
        part.name = allowing.text(name, most=200, field="name")
    if description is not None:
        part.description = allowing.text(description, most=allowing.DESCRIPTION_LENGTH[type(part)], field="description")


# Adding and removing


def add_concept(roadmap_id: int, *, seen_version: int, by: User, module: str, concept: NewConcept) -> Edit:
    """At the module's end."""
    with _editing(roadmap_id, seen_version=seen_version, by=by) as edit:
        edit.part = _append(edit, edit.module(module), concept)
        edit.reason = ADDED % {"name": edit.part.name}
    return edit


def add_module(
    roadmap_id: int, *, seen_version: int, by: User, stage: str, name: str, description: str, first: NewConcept
) -> Edit:
    """At the stage's end, with its first concept: no part of an outline is empty."""
    with _editing(roadmap_id, seen_version=seen_version, by=by) as edit:
        edit.part = module = _new_module(name, description)
        edit.stage(stage).modules.append(module)
        _append(edit, module, first)
        edit.reason = MODULE_ADDED % {"name": module.name}
    return edit


def add_stage(roadmap_id: int, *, seen_version: int, by: User, name: str, description: str, first: NewConcept) -> Edit:
    """At the outline's end, with a first module of the same name and its first concept."""
    with _editing(roadmap_id, seen_version=seen_version, by=by) as edit:
        module = _new_module(name, description)
        edit.part = stage = StageOutline(name=module.name, description=module.description, modules=[])
        stage.modules = [module]
        edit.tree.stages.append(stage)
        _append(edit, module, first)
        edit.reason = STAGE_ADDED % {"name": stage.name}
    return edit


def _new_module(name: str, description: str) -> ModuleOutline:
    most = allowing.DESCRIPTION_LENGTH[ModuleOutline]
    return ModuleOutline(
        name=allowing.text(name, most=200, field="name"),
        description=allowing.text(description, most=most, field="description"),
        concepts=[],
    )


def _append(edit: Edit, module: ModuleOutline, new: NewConcept) -> ConceptOutline:
    number, stage = next((n, s) for n, s in enumerate(edit.tree.stages, start=1) if any(m is module for m in s.modules))
    place = next(n for n, each in enumerate(stage.modules, start=1) if each is module)
    name = allowing.text(new.name, most=200, field="concept_name")
    most = allowing.DESCRIPTION_LENGTH[ConceptOutline]
    concept = ConceptOutline.model_construct(
        key=outline.free_key(number, place, _used_keys(edit.roadmap)),
        name=name,
        description=allowing.text(new.description, most=most, field="concept_description"),
        hours=new.hours,
        difficulty=allowing.difficulty(new.difficulty),
        keywords=[name, module.name, stage.name],
        prerequisites=[],
        source="",
    )
    allowing.refuse_wrong_concept(concept)
    module.concepts.append(concept)
    concept.prerequisites = allowing.prerequisites(edit.tree, concept, new.prerequisites)
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
        siblings = arranging.siblings(edit.tree, gone)
        if len(siblings) == 1:
            raise RefusedError(arranging.only_one(edit.tree, gone))
        siblings[:] = [each for each in siblings if each is not gone]
        keys = {concept.key for concept in edit.tree.concepts()}
        losing = [each for each in edit.tree.concepts() if not keys.issuperset(each.prerequisites)]
        for concept in losing:
            concept.prerequisites = [key for key in concept.prerequisites if key in keys]
        edit.reason = _removed(gone, losing)
    return edit


def _removed(gone: Part, losing: list[ConceptOutline]) -> str:
    if not losing:
        return REMOVED % {"name": gone.name}
    names = ", ".join(f"“{each.name}”" for each in losing[:5]) + (" …" if len(losing) > 5 else "")
    return REMOVED_FROM % {"name": gone.name, "names": names}


# Moving


def move(roadmap_id: int, *, seen_version: int, by: User, part: str, direction: Direction) -> Edit:
    """One place up or down; past the first or last place into the part before or after."""
    with _editing(roadmap_id, seen_version=seen_version, by=by) as edit:
        edit.part = moved = edit.find(part)
        arranging.step(edit.tree, moved, -1 if direction == "up" else 1)
        edit.reason = MOVED % {"name": moved.name}
    return edit


# Restoring


def problem_with_restoring(roadmap: Roadmap, *, earlier: OutlineTree, latest: OutlineTree) -> str:
    """Why the earlier version cannot become the latest now, in words for the person; empty where it can.

    After the review what was written hangs on the concepts: then they have to be the same ones.
    """
    if roadmap.state == Roadmap.State.IN_REVIEW:
        return ""
    if roadmap.state == Roadmap.State.DESIGNING:
        return _("The outline is being worked on. Versions can be restored when that is over.")
    if {each.key for each in earlier.concepts()} == {each.key for each in latest.concepts()}:
        return ""
    return _(
        "This version has other concepts than the latest. After the review only one with the same concepts can be "
        "restored, so that nothing that was written is lost or missing."
    )


def restore(roadmap_id: int, *, seen_version: int, by: User, version: int) -> Edit:
    """Make an earlier version the current one again, as a new version."""
    with _editing(roadmap_id, seen_version=seen_version, by=by, only_in_review=False) as edit:
        earlier = edit.roadmap.revisions.filter(number=version).first()
        if earlier is None:
            raise RefusedError(_("There is no version %(number)s.") % {"number": version})
        restored = outline.tree_of(earlier)
        deciding.refuse(problem_with_restoring(edit.roadmap, earlier=restored, latest=edit.tree))
        edit.tree.title, edit.tree.stages = restored.title, restored.stages
        edit.reason = RESTORED % {"number": version}
    return edit
