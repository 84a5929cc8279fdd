"""What do editors see of a roadmap, a concept and its versions? Queries whose number does not grow with them."""

from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any

from django.db.models import Count, Q, QuerySet, Sum
from django.urls import reverse

from content import rendering, revising
from content.comparing import Row, side_by_side
from content.models import MODELS, Resource, Tutorial, came_out_the_same
from roadmap_project.llm import GIVEN_UP
from roadmaps import reading
from roadmaps.models import Concept, LogEntry, ModelCall, OutlineRevision, Roadmap, Step
from roadmaps.reading import RoadmapPage

MOST_LINES = 50  # of a log, of model calls, of versions of one kind; lists behind them have all


@dataclass(frozen=True)
class Costs:
    """Of the model calls that were made; `dollars` by the configured prices."""

    calls: int
    failed: int
    input_tokens: int
    output_tokens: int
    dollars: Decimal


def costs(calls: QuerySet[ModelCall]) -> Costs:
    sums = calls.aggregate(
        calls=Count("pk"),
        failed=Count("pk", filter=~Q(outcome__in=("ok", GIVEN_UP))),
        input_tokens=Sum("input_tokens", default=0),
        output_tokens=Sum("output_tokens", default=0),
        dollars=Sum("cost", default=Decimal()),
    )
    return Costs(**sums)


def broken_links() -> QuerySet[Resource]:
    """Of current versions."""
    return Resource.objects.filter(resource_list__is_current=True, status=Resource.Status.BROKEN)


def with_progress(roadmaps: QuerySet[Roadmap]) -> QuerySet[Any]:
    """Each with `pieces_done` of `pieces_all`, and `steps_failed`; counted only for the rows that are shown."""
    content = Step.objects.content()
    return roadmaps.annotate(
        pieces_all=reading.count_of(content),
        pieces_done=reading.count_of(content.filter(state=Step.State.DONE)),
        steps_failed=reading.count_of(Step.objects.filter(state=Step.State.FAILED)),
    )


def roadmaps_matching(word: str) -> Q:
    """By a concept's public id, slug, title, goal, owner, or the text of an error."""
    failed = Step.objects.exclude(last_error="").filter(last_error__icontains=word)
    found = (
        Q(slug__icontains=word)
        | Q(title__icontains=word)
        | Q(goal__icontains=word)
        | Q(notice__icontains=word)
        | Q(owner__username__icontains=word)
        | Q(pk__in=failed.values("roadmap"))
    )
    return found | Q(pk__in=reading.named_concepts(word).values("roadmap")) if ":" in word else found


def concepts_matching(word: str) -> Q:
    """By public id, key, name, its roadmap's slug, title or owner, or the text of an error."""
    failed = Step.objects.exclude(last_error="").filter(last_error__icontains=word, concept__isnull=False)
    roadmaps = Roadmap.objects.order_by().filter(
        Q(slug__icontains=word) | Q(title__icontains=word) | Q(owner__username__icontains=word)
    )
    found = (
        Q(key__iexact=word)
        | Q(name__icontains=word)
        | Q(roadmap__in=roadmaps.values("pk"))
        | Q(pk__in=failed.values("concept"))
    )
    return found | Q(pk__in=reading.named_concepts(word).values("pk")) if ":" in word else found


@dataclass(frozen=True)
class RoadmapSight:
    """A roadmap's page in the admin: the tree with its pieces, how it came about, and what it cost."""

    page: RoadmapPage
    revisions: list[OutlineRevision]
    costs: Costs
    broken: set[int]  # concepts with broken links
    log: list[LogEntry]


def roadmap_sight(roadmap: Roadmap) -> RoadmapSight:
    broken = broken_links().filter(resource_list__concept__roadmap=roadmap)
    return RoadmapSight(
        page=reading.page(roadmap),
        revisions=list(roadmap.revisions.select_related("review").defer("tree").order_by("-number")[:MOST_LINES]),
        costs=costs(roadmap.model_calls.order_by()),
        broken=set(broken.values_list("resource_list__concept", flat=True)),
        log=list(roadmap.log.select_related("concept")[:MOST_LINES]),
    )


@dataclass(frozen=True)
class PieceSight:
    """One of a concept's three pieces: the current version, all versions, and the work on it."""

    kind: Step.Kind
    versions: list[Any]  # the latest first; without what they say, but for the current one
    current: Any
    step: Step | None

    @property
    def model_name(self) -> str:
        return str(MODELS[self.kind]._meta.model_name)

    @property
    def change_url(self) -> str:
        """The name of a version's page."""
        return f"admin:content_{self.model_name}_change"

    @property
    def is_coming(self) -> bool:
        return self.step is not None and self.step.is_active

    @property
    def is_unchanged(self) -> bool:
        return came_out_the_same(self.current, self.step)


@dataclass(frozen=True)
class ConceptSight:
    """A concept's page in the admin."""

    pieces: dict[str, PieceSight]
    shown: str
    prerequisites: list[Concept]
    unlocks: list[Concept]
    links: list[Resource]
    questions: list[Any]
    calls: list[ModelCall]
    costs: Costs
    log: list[LogEntry]

    @property
    def has_failed(self) -> bool:
        return any(piece.step is not None and piece.step.has_failed for piece in self.pieces.values())


def concept_sight(concept: Concept) -> ConceptSight:
    steps = {step.kind: step for step in concept.steps.content()}
    pieces = {str(kind): _piece_sight(concept, kind, steps.get(kind)) for kind in MODELS}
    tutorial, resources, quiz = (pieces[kind].current for kind in MODELS)
    return ConceptSight(
        pieces=pieces,
        shown=shown(tutorial) if tutorial else "",
        prerequisites=list(concept.prerequisites.order_by("position")),
        unlocks=list(concept.unlocks.order_by("position")),
        links=list(resources.resources.all()) if resources else [],
        questions=list(quiz.questions.all()) if quiz else [],
        calls=list(concept.model_calls.all()[:MOST_LINES]),
        costs=costs(concept.model_calls.order_by()),
        log=list(LogEntry.objects.filter(concept=concept)[:MOST_LINES]),
    )


def _piece_sight(concept: Concept, kind: Step.Kind, step: Step | None) -> PieceSight:
    rows = MODELS[kind]._default_manager.filter(concept=concept).select_related("author").order_by("-version")
    listed = rows.only("version", "is_current", "origin", "wish", "created_at", "concept", "author__username")
    return PieceSight(kind, list(listed[:MOST_LINES]), rows.filter(is_current=True).first(), step)


def shown(tutorial: Tutorial) -> str:
    """Its HTML as the learner reads it, but for the links to other concepts: they stay in the admin."""
    return rendering.relinked(tutorial.html, _pages_of(tutorial.concept.roadmap_id))


def _pages_of(roadmap_id: int) -> rendering.ConceptUrl:
    """A concept's page in the admin by its key; the keys are read at the first link."""

    @cache
    def keys() -> dict[str, int]:
        return dict(Concept.objects.filter(roadmap=roadmap_id).order_by().values_list("key", "pk"))

    return lambda key: reverse("admin:roadmaps_concept_change", args=[keys()[key]]) if key in keys() else None


@dataclass(frozen=True)
class Comparison:
    """A version beside another one of the same piece."""

    versions: list[int]  # of this piece, the latest first
    current: Any
    against: Any
    older: Any
    newer: Any
    rows: list[Row]


def comparison(piece: Any, asked: str) -> Comparison:
    """With the asked-for version, else with the one before it; with itself where it is the only one."""
    versions = type(piece)._default_manager.filter(concept=piece.concept_id)
    numbers = list(versions.order_by("-version").values_list("version", flat=True))
    number = int(asked) if asked in map(str, numbers) else max((n for n in numbers if n < piece.version), default=0)
    against = versions.filter(version=number).first() or versions.order_by("version")[0]
    older, newer = sorted((against, piece), key=lambda each: each.version)
    rows = side_by_side(revising.as_text(older), revising.as_text(newer))
    return Comparison(numbers, versions.filter(is_current=True).first(), against, older, newer, rows)
