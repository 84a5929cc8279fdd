"""What do the pages about roadmaps show? Queries whose number does not grow with the roadmap."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import Count, IntegerField, Max, Min, OuterRef, Prefetch, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from roadmap_project.told import kept
from roadmaps import arranging, differences, mapping, outline, pacing, reviewing
from roadmaps.differences import Difference
from roadmaps.learning import QuizResult
from roadmaps.mapping import Map
from roadmaps.models import (
    Concept,
    ConceptProgress,
    Feedback,
    LogEntry,
    OutlineReview,
    OutlineRevision,
    Roadmap,
    Stage,
    Step,
)
from roadmaps.models.roadmap import RoadmapQuerySet
from roadmaps.pacing import Way
from roadmaps.slugs import token_of
from roadmaps.steps import heartbeats
from roadmaps.steps.heartbeats import UNSERVED_AFTER

LEVELS_FROM = {level: LogEntry.Level.values[place:] for place, level in enumerate(LogEntry.Level.values)}
FIRST_DESIGN = (Step.Kind.ANALYSE, Step.Kind.DESIGN, Step.Kind.REVIEW)
REQUESTED_CHANGE = (Step.Kind.PLAN, Step.Kind.EDIT, Step.Kind.REVIEW)

QUIZ_RESULTS = "content.practising.results"
QUIZ_ANSWERS = "content.practising.answers_so_far"

PLACE = re.compile(r"\b[csm](-[0-9]+)+\b")  # how a part is meant in a tree
MOST_DELETED = 50  # that are offered to be taken back at once
NO_REASON = kept(gettext_noop("No reason was recorded."))


def owned(user: User, slug: str) -> RoadmapQuerySet:
    """The one roadmap with this slug's token, if it is the user's; the words before the token may be outdated."""
    return Roadmap.objects.for_owner(user).filter(token=token_of(slug))


def listed(user: User) -> QuerySet[Any]:
    """The user's roadmaps, each with `pieces_done` of `pieces_all` and `concepts_learned` of `concepts_all`."""
    content = Step.objects.content()
    concepts = Concept.objects.order_by()
    learned = concepts.filter(progress__user=user, progress__done_at__isnull=False)
    return Roadmap.objects.for_owner(user).annotate(
        pieces_all=count_of(content),
        pieces_done=count_of(content.filter(state=Step.State.DONE)),
        concepts_all=count_of(concepts),
        concepts_learned=count_of(learned),
    )


def deleted_of(user: User) -> RoadmapQuerySet:
    return Roadmap.objects.deleted().filter(owner=user)


@dataclass(frozen=True)
class Deleted:
    roadmap: Roadmap
    gone_on: datetime


def deleted(user: User) -> list[Deleted]:
    """What the user can take back, the latest first, each with the moment from which the purge takes it."""
    kept = timedelta(days=settings.DELETED_ROADMAP_RETENTION_DAYS)
    latest = deleted_of(user).only("slug", "title", "goal", "deleted_at").order_by("-deleted_at")[:MOST_DELETED]
    return [Deleted(each, each.deleted_at + kept) for each in latest if each.deleted_at]


def count_of(rows: QuerySet[Any]) -> Coalesce:
    """How many of these rows belong to the roadmap of the query around it."""
    counts = rows.filter(roadmap=OuterRef("pk")).values("roadmap").annotate(count=Count("pk")).values("count")
    return Coalesce(Subquery(counts, output_field=IntegerField()), 0)


@dataclass(frozen=True)
class ConceptLine:
    """A concept in the outline, with its pieces in the order tutorial, resources, quiz."""

    concept: Concept
    pieces: list[Step]
    is_learned: bool
    quiz: QuizResult | None = None  # none before its first answer

    @property
    def has_tutorial(self) -> bool:
        return any(
            piece.kind == Step.Kind.TUTORIAL and (piece.state == Step.State.DONE or piece.is_rewrite)
            for piece in self.pieces
        )


@dataclass(frozen=True)
class ModuleLines:
    name: str
    description: str
    concepts: list[ConceptLine]


@dataclass(frozen=True)
class StageLines:
    name: str
    description: str
    modules: list[ModuleLines]

    @property
    def lines(self) -> list[ConceptLine]:
        return [line for module in self.modules for line in module.concepts]

    @property
    def hours(self) -> float:
        return sum(line.concept.hours for line in self.lines)

    @property
    def learned(self) -> int:
        return sum(line.is_learned for line in self.lines)

    @property
    def is_learned(self) -> bool:
        return all(line.is_learned for line in self.lines)


@dataclass(frozen=True)
class Pieces:
    """How many pieces there are, by state, and why some failed."""

    by_state: dict[str, int]
    failures: dict[str, list[Step]]

    @property
    def all(self) -> int:
        return sum(self.by_state.values())

    @property
    def done(self) -> int:
        return self.by_state.get(Step.State.DONE, 0)

    @property
    def failed(self) -> int:
        return self.by_state.get(Step.State.FAILED, 0)


@dataclass(frozen=True)
class Unserved:
    """A queue that nobody serves, and for how many minutes; None where nobody ever did."""

    queue: str
    minutes: int | None


class StepFacts(NamedTuple):
    """Of a roadmap's steps in one queue and state, what changes whenever one of them does."""

    queue: str
    state: str
    number: int
    last: int
    created_at: datetime  # the first
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True)
class RoadmapPage:
    """Everything that a roadmap's page shows."""

    roadmap: Roadmap
    tag: str
    stages: list[StageLines]
    pieces: Pieces
    trail: list[Step] = field(default_factory=list)
    still_to_come: list[str] = field(default_factory=list)
    revision: OutlineRevision | None = None
    review: OutlineReview | None = None
    reviewed_version: int = 0
    issues: list[dict[str, Any]] = field(default_factory=list)
    suggestions: list[dict[str, Any]] = field(default_factory=list)
    compared_with: OutlineRevision | None = None
    changes: list[Difference] = field(default_factory=list)
    feedback: list[Feedback] = field(default_factory=list)
    unserved_queues: list[Unserved] = field(default_factory=list)
    concepts_learned: int = 0
    way: Way | None = None
    map: Map | None = None

    @property
    def next(self) -> tuple[StageLines, ModuleLines, ConceptLine] | None:
        """What comes next, with where it stands."""
        concept = self.way.next if self.way else None
        return next(
            (
                (stage, module, line)
                for stage in self.stages
                for module in stage.modules
                for line in module.concepts
                if concept and line.concept.pk == concept.pk
            ),
            None,
        )

    @property
    def concepts_all(self) -> int:
        return sum(len(module.concepts) for stage in self.stages for module in stage.modules)

    @property
    def quizzes(self) -> QuizResult:
        """All answers together."""
        found = [line.quiz for stage in self.stages for line in stage.lines if line.quiz]
        return QuizResult(
            sum(each.right for each in found), sum(each.wrong for each in found), sum(each.questions for each in found)
        )

    @property
    def weak(self) -> list[ConceptLine]:
        """Of whose questions some were answered wrong the last time; those with most of them first."""
        found = [line for stage in self.stages for line in stage.lines if line.quiz and line.quiz.wrong]
        return sorted(found, key=lambda line: -line.quiz.wrong if line.quiz else 0)

    @property
    def question(self) -> Feedback | None:
        """The request that waits for the person's answer: the last one, also after edits by hand."""
        last = self.feedback[-1] if self.feedback else None
        return last if last and last.state == Feedback.State.QUESTION else None

    @property
    def can_retry(self) -> bool:
        return self.roadmap.is_final and self.roadmap.state != Roadmap.State.READY

    @property
    def shows_trail(self) -> bool:
        """While it is designed, and where that ended without anything written."""
        return not self.pieces.all and self.roadmap.state != Roadmap.State.IN_REVIEW and bool(self.trail)


def page(roadmap: Roadmap) -> RoadmapPage:
    # The tag's facts first: what changes while the rest is read gets another tag, and is asked for again.
    facts = _step_facts(roadmap)
    unserved = _unserved(facts)
    learning = _learning(roadmap)
    learned: dict[int, datetime | None] = {concept: moment for concept, _answers, moment in learning if concept}
    steps = list(_steps(roadmap))
    written = [step for step in steps if step.concept_id and step.kind in Step.CONTENT_KINDS]
    trail = [step for step in steps if step.kind in Step.WORKFLOW_KINDS]
    quizzes = import_string(QUIZ_RESULTS)(roadmap) if written else {}
    stages = _stages(roadmap, written, set(learned), quizzes)
    way = _way(roadmap, stages, learned)
    pieces = Pieces(_by_state(written), _failures(written, stages))
    shown = RoadmapPage(
        roadmap,
        tag(roadmap, steps=facts, unserved=unserved, learning=learning),
        stages,
        pieces,
        unserved_queues=unserved,
        concepts_learned=len(learned),
        way=way,
        map=_map(stages, way, is_written=bool(written)),
    )
    return shown if written else _with_design(shown, trail)


def prerequisite_keys(page: RoadmapPage) -> dict[int, list[str]]:
    """What each concept builds on, by the concept's primary key."""
    return {pk: [each.key for each in befores] for pk, befores in page.way.builds_on.items()} if page.way else {}


def current_tag(roadmap: Roadmap) -> str:
    """The tag of the page as it would be now: two or three small queries, whatever the number of concepts."""
    facts = _step_facts(roadmap)
    return tag(roadmap, steps=facts, unserved=_unserved(facts), learning=_learning(roadmap))


def tag(
    roadmap: Roadmap, *, steps: list[StepFacts], unserved: list[Unserved], learning: list[tuple[int, int, datetime]]
) -> str:
    """Changes whenever what a roadmap's page shows does."""
    facts = (roadmap.slug, roadmap.state, roadmap.updated_at, steps, unserved, learning, timezone.localdate())
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:20]


def _step_facts(roadmap: Roadmap) -> list[StepFacts]:
    groups = roadmap.steps.values_list("queue", "state").order_by("queue", "state")
    found = groups.annotate(Count("pk"), Max("pk"), Min("created_at"), Max("started_at"), Max("finished_at"))
    return [StepFacts(*row) for row in found]


def unserved(roadmap: Roadmap) -> list[Unserved]:
    """Queues in which its steps have been waiting while no worker serves them; one query, or two."""
    return _unserved(_step_facts(roadmap))


def _unserved(facts: list[StepFacts]) -> list[Unserved]:
    """Queues in which these steps have been waiting while no worker serves them."""
    waiting_since = timezone.now() - UNSERVED_AFTER
    queues = {each.queue for each in facts if each.state == Step.State.WAITING and each.created_at < waiting_since}
    if not queues:
        return []
    return [Unserved(queue, _minutes(age)) for queue, age in heartbeats.unserved() if queue in queues]


def _minutes(seconds: float | None) -> int | None:
    return None if seconds is None else int(seconds // 60)


def _steps(roadmap: Roadmap) -> Iterable[Step]:
    return roadmap.steps.only(
        "kind", "state", "roadmap", "concept", "feedback", "is_rewrite", "last_error", "started_at", "finished_at"
    ).order_by("pk")


def _learning(roadmap: Roadmap) -> list[tuple[int, int, datetime]]:
    """Which concepts the owner learned, and when; with concept 0, how many questions they answered. One query."""
    own = ConceptProgress.objects.filter(concept__roadmap=roadmap, user_id=roadmap.owner_id, done_at__isnull=False)
    learned = own.values_list("concept_id", Value(0), "done_at")
    return sorted(learned.union(import_string(QUIZ_ANSWERS)(roadmap), all=True), key=lambda row: row[0])


def _by_state(steps: Iterable[Step]) -> dict[str, int]:
    counts: dict[str, int] = defaultdict(int)
    for step in steps:
        counts[step.state] += 1
    return dict(counts)


def _stages(
    roadmap: Roadmap, written: list[Step], learned: set[int], quizzes: dict[int, QuizResult]
) -> list[StageLines]:
    pieces: dict[int | None, list[Step]] = defaultdict(list)
    for step in sorted(written, key=lambda each: Step.CONTENT_KINDS.index(Step.Kind(each.kind))):
        pieces[step.concept_id].append(step)
    before = Concept.objects.order_by("position").only("key", "name", "position")
    concepts = Concept.objects.order_by("position").prefetch_related(Prefetch("prerequisites", before))
    stages: QuerySet[Stage] = roadmap.stages.prefetch_related("modules", Prefetch("modules__concepts", concepts))
    return [
        StageLines(
            stage.name,
            stage.description,
            [
                ModuleLines(
                    module.name,
                    module.description,
                    [
                        ConceptLine(each, pieces[each.pk], each.pk in learned, quizzes.get(each.pk))
                        for each in module.concepts.all()
                    ],
                )
                for module in stage.modules.all()
            ],
        )
        for stage in stages
    ]


def _way(roadmap: Roadmap, stages: list[StageLines], learned: dict[int, datetime | None]) -> Way | None:
    """None where there is nothing to learn yet."""
    if not stages:
        return None
    concepts = [line.concept for stage in stages for line in stage.lines]
    learned_at = {pk: moment for pk, moment in learned.items() if moment}
    return Way(
        concepts,
        {each.pk: list(each.prerequisites.all()) for each in concepts},
        learned_at,
        frozenset(line.concept.pk for line in stages[-1].lines),
        stages[-1].name,
        pacing.pace_of(concepts, learned_at, planned=roadmap.hours_per_week, now=timezone.now()),
        timezone.localdate(),
        roadmap.deadline,
    )


def _map(stages: list[StageLines], way: Way | None, *, is_written: bool) -> Map | None:
    if way is None:
        return None
    looks = {each.pk: _look(each, way) if is_written else "plain" for each in way.concepts}
    parts = [(stage.name, [line.concept for line in stage.lines]) for stage in stages]
    return mapping.draw(parts, builds_on=way.builds_on, looks=looks, is_linked=is_written)


def _look(concept: Concept, way: Way) -> str:
    if concept.pk in way.learned_at:
        return "learned"
    if way.next and concept.pk == way.next.pk:
        return "next"
    return "open" if way.is_open(concept) else "later"


def _failures(written: list[Step], stages: list[StageLines]) -> dict[str, list[Step]]:
    """Failed pieces by reason, the most frequent first; each knows its concept without a query."""
    concepts = {
        line.concept.pk: line.concept for stage in stages for module in stage.modules for line in module.concepts
    }
    reasons: dict[str, list[Step]] = defaultdict(list)
    for step in written:
        if step.state == Step.State.FAILED and step.concept_id in concepts:
            step.concept = concepts[step.concept_id]
            reasons[step.last_error or NO_REASON].append(step)
    return dict(sorted(reasons.items(), key=lambda item: -len(item[1])))


def _with_design(shown: RoadmapPage, trail: list[Step]) -> RoadmapPage:
    """With the outline's history: how it is being made, its review, what changed, what the person said."""
    roadmap = shown.roadmap
    latest = roadmap.revisions.select_related("review").order_by("-number").first()
    made = list(_made_by_steps(roadmap)[:2])
    is_by_hand = latest is not None and latest.author == OutlineRevision.Author.HAND
    before = made[0] if is_by_hand and made else made[1] if len(made) > 1 else None
    reviewed = before if is_by_hand and before and not hasattr(latest, "review") else latest
    review = getattr(reviewed, "review", None)
    feedback = list(roadmap.feedback.order_by("pk"))
    working = [each for each in feedback if each.state == Feedback.State.WORKING]
    current = [step for step in trail if step.pk >= _first_step_for(working[-1], trail)] if working else trail
    return replace(
        shown,
        trail=current,
        still_to_come=_still_to_come(roadmap, current, REQUESTED_CHANGE if working else FIRST_DESIGN),
        revision=latest,
        review=review,
        reviewed_version=reviewed.number if reviewed and review else 0,
        issues=_issues(latest, review, is_by_hand=is_by_hand and reviewed != latest),
        suggestions=_suggestions(review),
        compared_with=before,
        changes=_changes(before, latest),
        feedback=feedback,
    )


def _first_step_for(feedback: Feedback, trail: list[Step]) -> int:
    return min((step.pk for step in trail if step.feedback_id == feedback.pk), default=0)


def _still_to_come(roadmap: Roadmap, trail: list[Step], usual: Iterable[Step.Kind]) -> list[str]:
    there = {step.kind for step in trail}
    return [str(kind.label) for kind in usual if kind not in there] if roadmap.is_changing else []


def _made_by_steps(roadmap: Roadmap) -> QuerySet[OutlineRevision]:
    """The versions that no hand made, the latest first: edits by hand are shown together, against the one before."""
    return roadmap.revisions.exclude(author=OutlineRevision.Author.HAND).select_related("review").order_by("-number")


def _changes(before: OutlineRevision | None, latest: OutlineRevision | None) -> list[Difference]:
    if before is None or latest is None:
        return []
    return differences.between(outline.tree_of(before), outline.tree_of(latest))


def _issues(latest: OutlineRevision | None, review: OutlineReview | None, *, is_by_hand: bool) -> list[dict[str, Any]]:
    """With names for keys. Of what was edited by hand only what is checked without a model: the rest may be mended."""
    if latest is None:
        return []
    found = review.issues if review else []
    if is_by_hand:
        found = [each.model_dump() for each in reviewing.deterministic_issues(outline.tree_of(latest))]
    return _named(found, latest)


def _suggestions(review: OutlineReview | None) -> list[dict[str, Any]]:
    """With words for what should be done and names for keys."""
    if review is None:
        return []
    said = [
        {**each, "action": reviewing.SUGGESTED_ACTIONS.get(each["action"], _("Change"))} for each in review.suggestions
    ]
    return _named(said, review.revision)


def _named(found: list[dict[str, Any]], revision: OutlineRevision) -> list[dict[str, Any]]:
    """Each with the names of the places that it gives by key."""
    names = {reference: part.name for reference, part in arranging.parts(outline.tree_of(revision))}
    return [{**each, "location": PLACE.sub(lambda key: names.get(key[0], key[0]), each["location"])} for each in found]


def log_of(roadmap: Roadmap, *, level: str = "", step: str = "", concept: str = "") -> QuerySet[LogEntry]:
    """The execution log, the latest line first, each with its concept.

    Of `level` or a more serious one, of one kind of step, of one concept by its key; what is empty does not narrow,
    and what is unknown finds nothing.
    """
    lines = LogEntry.objects.filter(roadmap=roadmap).select_related("concept")
    if level:
        lines = lines.filter(level__in=LEVELS_FROM.get(level, []))
    if step:
        lines = lines.filter(step_kind=step)
    if concept:
        lines = lines.filter(concept__key=concept, concept__roadmap=roadmap)
    return lines


@dataclass(frozen=True)
class TimelineLine:
    """A line of the log, and how long its step took beside the longest one that is shown."""

    entry: LogEntry
    share: int  # of a hundred; 0 where it took no time that is known


def timeline(entries: Iterable[LogEntry]) -> list[TimelineLine]:
    shown = list(entries)
    longest = max((entry.seconds or 0.0 for entry in shown), default=0.0)
    return [TimelineLine(entry, round(100 * (entry.seconds or 0.0) / longest) if longest else 0) for entry in shown]


def named_concepts(public_id: str) -> QuerySet[Concept]:
    """The one with this id; the words before a slug's token may be outdated."""
    slug, _, key = public_id.rpartition(":")
    return Concept.objects.order_by().filter(roadmap__token=token_of(slug), key=key)
