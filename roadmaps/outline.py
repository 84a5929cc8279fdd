"""How does an outline become rows, and what changed between two of them?"""

import math
from dataclasses import dataclass

from django.db.models import Max

from roadmaps import differences, explaining, stored
from roadmaps.answers import ConceptOutline, OutlineTree
from roadmaps.models import Concept, Module, OutlineRevision, Roadmap, Stage


def tree_of(revision: OutlineRevision) -> OutlineTree:
    return stored.tree_of(revision.tree)


def latest(roadmap: Roadmap) -> OutlineRevision:
    return roadmap.revisions.order_by("-number")[0]


def revise(roadmap: Roadmap, tree: OutlineTree, *, author: str, reason: str) -> OutlineRevision:
    """Store a new version and make the roadmap's rows equal to it; what explains the outline, too.

    The caller holds the roadmap's lock. Concepts keep their rows by key, so what hangs on them stays.
    """
    number = (roadmap.revisions.aggregate(last=Max("number"))["last"] or 0) + 1
    before = tree_of(latest(roadmap)) if number > 1 else None
    revision = OutlineRevision.objects.create(
        roadmap=roadmap,
        number=number,
        author=author,
        reason=reason,
        tree=tree.tree(),
        changes=changes(before, tree).as_json() if before else {},
    )
    _apply(roadmap, tree)
    if before:
        roadmap.rationale = explaining.renewed(roadmap.rationale, tree)
    roadmap.title = tree.title
    roadmap.hours = sum(concept.hours for concept in tree.concepts())
    roadmap.weeks = math.ceil(roadmap.hours / roadmap.hours_per_week)
    roadmap.save(update_fields=["title", "rationale", "hours", "weeks", "updated_at"])
    return revision


def _apply(roadmap: Roadmap, tree: OutlineTree) -> None:
    old_stages = list(roadmap.stages.values_list("pk", flat=True))
    existing = {concept.key: concept for concept in roadmap.concepts.all()}
    placed = []
    position = 0
    for stage_place, stage in enumerate(tree.stages):
        stage_row = Stage.objects.create(
            roadmap=roadmap, position=stage_place, name=stage.name, description=stage.description
        )
        for module_place, module in enumerate(stage.modules):
            module_row = Module.objects.create(
                stage=stage_row, position=module_place, name=module.name, description=module.description
            )
            for concept in module.concepts:
                row = existing.pop(concept.key, None) or Concept(roadmap=roadmap, key=concept.key)
                _fill(row, concept, module_row, position)
                placed.append(row)
                position += 1
    Concept.objects.filter(pk__in=[concept.pk for concept in existing.values()]).delete()
    Concept.objects.bulk_update(
        [row for row in placed if row.pk],
        ["module", "position", "name", "description", "hours", "difficulty", "keywords", "source"],
    )
    Concept.objects.bulk_create([row for row in placed if not row.pk])
    Stage.objects.filter(pk__in=old_stages).delete()
    _link(placed, tree)


def _fill(row: Concept, concept: ConceptOutline, module: Module, position: int) -> None:
    row.module, row.position = module, position
    row.name, row.description, row.hours = concept.name, concept.description, concept.hours
    row.difficulty, row.keywords, row.source = concept.difficulty, concept.keywords, concept.source


def _link(placed: list[Concept], tree: OutlineTree) -> None:
    ids = {row.key: row.pk for row in placed}
    links = Concept.prerequisites.through
    links.objects.filter(from_concept_id__in=ids.values()).delete()
    links.objects.bulk_create(
        links(from_concept_id=ids[concept.key], to_concept_id=ids[key])
        for concept in tree.concepts()
        for key in dict.fromkeys(concept.prerequisites)
        if key in ids
    )


@dataclass(frozen=True)
class Changes:
    """Keys of concepts, by what happened to them."""

    added: list[str]
    removed: list[str]
    changed: list[str]
    moved: list[str]

    def as_json(self) -> dict[str, list[str]]:
        return dict(self.__dict__)


def changes(before: OutlineTree, after: OutlineTree) -> Changes:
    found = differences.between(before, after)
    return Changes(
        **{kind: [each.key for each in found if each.key and each.kind == kind] for kind in differences.KINDS}
    )


def renumber_new(before: OutlineTree, after: OutlineTree, *, keeps_sources: bool) -> None:
    """Give concepts that are new keys of their own: a model's numbers for them are not trusted.

    Kept concepts keep theirs, and with them their library source; a new one has a source only where the library
    itself added it (`keeps_sources`). Changes `after` in place.
    """
    old = {concept.key: concept for concept in before.concepts()}
    used = set(old)
    renamed: dict[str, str] = {}
    for stage_number, stage in enumerate(after.stages, start=1):
        for module_number, module in enumerate(stage.modules, start=1):
            for concept in module.concepts:
                if concept.key in old:
                    concept.source = old[concept.key].source
                else:
                    renamed[concept.key] = free_key(stage_number, module_number, used)
                    concept.source = concept.source if keeps_sources else ""
    for concept in after.concepts():
        concept.key = renamed.get(concept.key, concept.key)
        concept.prerequisites = [renamed.get(key, key) for key in concept.prerequisites]


def free_key(stage: int, module: int, used: set[str]) -> str:
    number = 1
    while (key := f"c-{stage}-{module}-{number}") in used:
        number += 1
    used.add(key)
    return key
