"""What do the pages show on which an outline is edited by hand, and its versions? Read from versions, not from rows."""

from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from roadmaps import allowing, differences, outline, reshaping
from roadmaps.differences import Difference
from roadmaps.models import Concept, OutlineRevision, Roadmap


@dataclass(frozen=True)
class Node:
    """A stage, module or concept, with the name by which edits mean it."""

    reference: str
    name: str
    description: str
    hours: float
    parts: list["Node"] = field(default_factory=list)
    difficulty: str = ""
    prerequisites: list[str] = field(default_factory=list)
    needs: list[str] = field(default_factory=list)  # the prerequisites' names

    @property
    def get_difficulty_display(self) -> str:
        return str(Concept.Difficulty(self.difficulty).label)


@dataclass(frozen=True)
class Sketch:
    """One version's tree."""

    version: int
    stages: list[Node]
    is_by_hand: bool = False
    problems: list[str] = field(default_factory=list)  # in words, for whoever may mend them

    @property
    def modules(self) -> list[Node]:
        return [module for stage in self.stages for module in stage.parts]

    @property
    def concepts(self) -> list[Node]:
        return [concept for module in self.modules for concept in module.parts]

    @property
    def hours(self) -> float:
        return sum(stage.hours for stage in self.stages)

    def find(self, reference: str) -> Node | None:
        return next(
            (each for each in [*self.stages, *self.modules, *self.concepts] if each.reference == reference), None
        )

    def parent(self, reference: str) -> Node | None:
        parents = [*self.stages, *self.modules]
        return next((each for each in parents if any(part.reference == reference for part in each.parts)), None)


def sketch(roadmap: Roadmap) -> Sketch:
    return drawn(outline.latest(roadmap))


def drawn(revision: OutlineRevision) -> Sketch:
    tree = outline.tree_of(revision)
    names = {concept.key: concept.name for concept in tree.concepts()}
    stages = []
    for number, stage in enumerate(tree.stages, start=1):
        modules = []
        for place, module in enumerate(stage.modules, start=1):
            concepts = [
                Node(
                    each.key,
                    each.name,
                    each.description,
                    each.hours,
                    difficulty=each.difficulty,
                    prerequisites=each.prerequisites,
                    needs=[names[key] for key in each.prerequisites if key in names],
                )
                for each in module.concepts
            ]
            hours = sum(each.hours for each in concepts)
            modules.append(Node(f"m-{number}-{place}", module.name, module.description, hours, concepts))
        hours = sum(each.hours for each in modules)
        stages.append(Node(f"s-{number}", stage.name, stage.description, hours, modules))
    return Sketch(
        revision.number,
        stages,
        is_by_hand=revision.number > 1 and revision.author == OutlineRevision.Author.HAND,
        problems=[each.sentence for each in allowing.problems(tree)],
    )


def neighbour(drawn: Sketch, reference: str) -> str:
    """Where the focus goes when a part is taken out: what follows it, else what comes before it or holds it.

    Named as in the outline without the part.
    """
    parent = drawn.parent(reference)
    siblings = [each.reference for each in (parent.parts if parent else drawn.stages)]
    if reference not in siblings or len(siblings) == 1:
        return reference
    place = siblings.index(reference)
    if reference.startswith("c-"):
        return siblings[place + 1] if place + 1 < len(siblings) else siblings[place - 1]
    return siblings[min(place, len(siblings) - 2)]


# Versions


@dataclass(frozen=True)
class Run:
    """Versions one after the other that are shown as one: edits by hand, or a single version of another author."""

    versions: list[OutlineRevision]

    @property
    def latest(self) -> OutlineRevision:
        return self.versions[0]

    @property
    def earlier(self) -> list[OutlineRevision]:
        return self.versions[1:]

    @property
    def is_folded(self) -> bool:
        return len(self.versions) > 1


def versions_page(roadmap: Roadmap, number: int) -> dict[str, Any] | None:
    """All versions, the latest first, and one of them with what it has other than the latest.

    Without a number it is the latest; None where there is no such version.
    """
    known = list(roadmap.revisions.defer("tree").order_by("-number"))
    if not known:
        return None if number else {"runs": [], "latest": None, "chosen": None}
    chosen = roadmap.revisions.filter(number=number or known[0].number).first()
    if chosen is None:
        return None
    latest = known[0] if chosen.number != known[0].number else chosen
    trees = {"earlier": outline.tree_of(chosen), "latest": outline.tree_of(latest)}
    return {
        "runs": list(_runs(known)),
        "latest": latest,
        "chosen": chosen,
        "sketch": drawn(chosen),
        "changes": differences.between(trees["latest"], trees["earlier"]),
        "problem": reshaping.problem_with_restoring(roadmap, **trees),
    }


@dataclass(frozen=True)
class Comparison:
    """Two versions of one outline, and what the one that is looked at has other than the other one.

    So beside "Restore" stands what would become of the latest.
    """

    numbers: list[int]  # of all versions, the latest first
    against: int
    changes: list[Difference]
    problem: str  # why the one looked at cannot become what the other one is, the latest

    @property
    def is_with_latest(self) -> bool:
        return self.against == self.numbers[0]


def comparison(revision: OutlineRevision, asked: str) -> Comparison:
    """With the asked-for version; else an earlier one with the latest, and the latest with the one before it."""
    known = revision.roadmap.revisions
    numbers = list(known.order_by("-number").values_list("number", flat=True))
    usual = numbers[0] if revision.number != numbers[0] else numbers[min(1, len(numbers) - 1)]
    against = int(asked) if asked in map(str, numbers) else usual
    before, after = outline.tree_of(known.get(number=against)), outline.tree_of(revision)
    problem = reshaping.problem_with_restoring(revision.roadmap, earlier=after, latest=before)
    return Comparison(numbers, against, differences.between(before, after), problem)


def _runs(known: list[OutlineRevision]) -> list[Run]:
    by_hand = OutlineRevision.Author.HAND
    grouped = groupby(known, key=lambda each: "" if each.author == by_hand else str(each.number))
    return [Run(list(versions)) for _key, versions in grouped]
