"""What is said about a roadmap, its outline and its way so far?"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal, cast

from django.conf import settings
from pydantic import AfterValidator, Field

from content.api.concept_shapes import ConceptName
from content.api.paging import Paging
from content.api.shapes import (
    Day,
    Kind,
    Language,
    LanguageOrNone,
    PieceState,
    Sent,
    Shape,
    Text,
    Told,
    Truth,
    Whole,
    WholeOrNone,
    Words,
    told_within,
)
from roadmap_project.told import told_by_line
from roadmaps.deciding import Plan
from roadmaps.models import Concept, Feedback, OutlineReview, OutlineRevision, Roadmap, Step
from roadmaps.pacing import Way
from roadmaps.reading import ConceptLine, RoadmapPage

State = Literal["designing", "in_review", "writing", "ready", "partly_ready", "failed", "cancelled"]
Level = Literal["beginner", "intermediate", "advanced"]
Preference = Literal["any", "visual", "text", "audio", "hands_on"]
StepKind = Literal["analyse", "design", "review", "plan", "edit", "tutorial", "resources", "quiz", "links"]
Difficulty = Literal["easy", "medium", "hard"]
SLUG = "querying-a-database-x5y9z2q8"
BY_PROFILE = "Not sent: as your profile says."


class NewRoadmap(Sent):
    """A goal is enough. Of what your profile holds, what is not sent (or null) is taken from there."""

    goal: Words = Field(min_length=1, max_length=Roadmap.GOAL_LENGTH, examples=["Query our sales database myself"])
    level: Level | None = Field(None, description=BY_PROFILE)
    hours_per_week: WholeOrNone = Field(None, ge=1, le=168, examples=[6], description=BY_PROFILE)
    deadline: Day | None = Field(None, description="A day in the future.")
    motivation: Text = Field("", max_length=1000)
    background: Text | None = Field(None, max_length=2000, description=BY_PROFILE)
    preference: Preference | None = Field(None, description=BY_PROFILE)
    language: Language | None = Field(None, min_length=1, max_length=40, examples=["en"], description=BY_PROFILE)
    second_language: LanguageOrNone | None = Field(None, max_length=40, description=f"For resources. {BY_PROFILE}")
    skips_review: Truth = Field(default=False, description="Start writing without waiting for your approval.")


class PlanToChange(Sent):
    """What is not sent stays as it is."""

    hours_per_week: WholeOrNone = Field(None, ge=1, le=168, examples=[8])
    deadline: Day | None = Field(
        None, examples=["2040-06-30"], description="A day in the future; null takes the deadline away."
    )
    motivation: Text | None = Field(None, max_length=1000, examples=["To change into data analysis"])
    preference: Preference | None = None
    second_language: LanguageOrNone | None = Field(None, max_length=40, examples=["de"], description="For resources.")

    def wanted(self) -> Plan:
        sent: dict[str, Any] = self.model_dump(exclude_none=True)
        if "deadline" in self.model_fields_set:
            sent["deadline"] = self.deadline
        return cast(Plan, sent)


class WantedChange(Sent):
    text: Words = Field(min_length=1, max_length=4000, examples=["Make it shorter"])


class RoadmapSummary(Shape):
    slug: str = Field(
        examples=[SLUG], description="Its name in addresses. The words may change, the last part does not."
    )
    title: str = Field(examples=["Querying a database"], description="Empty until it is designed.")
    goal: str = Field(examples=["Query our sales database myself"])
    state: State = Field(examples=["in_review"])
    notice: Told = Field(description="What you should know now: why it failed, what is asked of you.")
    level: Level
    hours_per_week: int = Field(examples=[6])
    language: str = Field(examples=["en"], description="That was wished for.")
    written_in: str = Field(examples=["en"], description="The language that its texts have: the library's are English.")
    deadline: date | None
    origin: Told = Field(examples=["From the bundled library; no model was used."])
    hours: float = Field(examples=[40])
    weeks: int = Field(examples=[7])
    pieces_done: int = Field(examples=[0], description="Tutorials, resource lists and quizzes that are written.")
    pieces_all: int = Field(examples=[0])
    concepts_learned: int = Field(examples=[0])
    concepts_all: int = Field(examples=[24])
    created_at: datetime
    updated_at: datetime


class NextConcept(ConceptName):
    """What comes next, and why."""

    hours: float = Field(examples=[1.5])
    builds_on: list[ConceptName] = Field(description="All of it is learned.")
    opens: list[ConceptName] = Field(description="What builds on it directly.")
    is_needed: bool = Field(
        description="It lies on the shortest way to a goal not learned yet; else it is just the next in order."
    )


class DeletedRoadmap(Shape):
    slug: str = Field(examples=[SLUG])
    title: str = Field(examples=["Querying a database"])
    goal: str = Field(examples=["Query our sales database myself"])
    deleted_at: datetime
    gone_at: datetime = Field(description="From then on it may be gone for good.")

    @classmethod
    def of(cls, row: Roadmap) -> "DeletedRoadmap":
        kept_for = timedelta(days=settings.DELETED_ROADMAP_RETENTION_DAYS)
        own = {name: getattr(row, name) for name in cls.model_fields if name != "gone_at"}
        return cls(**own, gone_at=own["deleted_at"] + kept_for)


class Progress(Shape):
    """Where you are, and when you are done at your pace."""

    next: NextConcept | None = Field(description="Null when all is learned.")
    goal: str = Field(examples=["Answering questions with data"], description="The last stage.")
    hours_left: float = Field(examples=[12.5])
    shortest_hours: float = Field(examples=[9], description="Of what the goal builds on, and the goal.")
    can_wait: list[ConceptName] = Field(description="What the goal does not build on.")
    pace: float = Field(examples=[6], description="Hours a week.")
    is_pace_measured: bool = Field(description="By what you learned lately; else as planned.")
    done_on: date | None = Field(
        examples=["2026-03-14"], description="At this pace; null when all is learned, or too far off to name a day."
    )
    deadline: date | None
    verdict: Literal["no_deadline", "learned", "in_time", "late"] = Field(examples=["in_time"])
    days_late: int = Field(examples=[0], description="Negative with time to spare, 0 where no day can be named.")
    hours_needed: int | None = Field(
        examples=[7], description="A week, to be done on the deadline; null without one, and where no week has so many."
    )

    @classmethod
    def of(cls, way: Way) -> "Progress":
        same = ("hours_left", "shortest_hours", "done_on", "deadline", "days_late", "hours_needed")
        return cls(
            next=_next(way.next, way) if way.next else None,
            goal=way.goal_name,
            can_wait=_names(way.can_wait),
            pace=round(way.pace.hours_per_week, 2),
            is_pace_measured=way.pace.is_measured,
            verdict=_verdict(way),
            **{name: getattr(way, name) for name in same},
        )


def _next(concept: Concept, way: Way) -> NextConcept:
    return NextConcept(
        key=concept.key,
        name=concept.name,
        hours=concept.hours,
        builds_on=_names(way.next_builds_on),
        opens=_names(way.next_opens),
        is_needed=way.is_next_needed,
    )


def _names(concepts: Iterable[Concept]) -> list[ConceptName]:
    return [ConceptName.model_validate(each) for each in concepts]


def _verdict(way: Way) -> Literal["no_deadline", "learned", "in_time", "late"]:
    if not way.left:
        return "learned"
    if way.deadline is None:
        return "no_deadline"
    return "late" if way.is_late else "in_time"


class ConceptInOutline(Shape):
    key: str = Field(examples=["c-1-1-1"])
    id: str = Field(examples=[f"{SLUG}:c-1-1-1"])
    name: str = Field(examples=["Tables and rows"])
    description: str
    hours: float = Field(examples=[1.5])
    difficulty: Difficulty
    keywords: list[str] = Field(examples=[["table", "row", "column"]])
    prerequisites: list[str] = Field(examples=[[]], description="Keys of the concepts that it builds on.")
    is_learned: bool
    pieces: dict[Kind, PieceState] = Field(examples=[{"tutorial": "done", "resources": "done", "quiz": "running"}])


class ModuleInOutline(Shape):
    name: str
    description: str
    concepts: list[ConceptInOutline]


class StageInOutline(Shape):
    name: str
    description: str
    modules: list[ModuleInOutline]


class Failure(Shape):
    """Pieces that failed for the same reason."""

    reason: Told
    pieces: list[str] = Field(examples=[["c-1-1-1/quiz"]])


class Review(Shape):
    """What the review of an outline found; without a score it was not reviewed, and `failure` says why."""

    is_reviewed: bool
    overall: float | None = Field(examples=[86])
    passes: bool | None
    scores: Annotated[dict[str, Any], AfterValidator(told_within)]
    issues: Annotated[list[dict[str, Any]], AfterValidator(told_within)]
    suggestions: list[dict[str, Any]]
    failure: Told


class WantedChangeState(Shape):
    """A change that you asked for, and what became of it."""

    id: int
    text: str = Field(examples=["Make it shorter"])
    state: Literal["working", "done", "question", "failed"]
    answer: Told
    questions: list[Told] = Field(description="What the planner asks back; answer with another change.")
    created_at: datetime

    @classmethod
    def of(cls, row: Feedback) -> "WantedChangeState":
        return cls(**{name: getattr(row, name) for name in cls.model_fields if name != "id"}, id=row.pk)


class RoadmapDetail(RoadmapSummary):
    motivation: str
    background: str
    preference: Preference
    second_language: str
    skips_review: bool
    rationale: Annotated[str, AfterValidator(told_by_line)]
    progress: Progress | None = Field(description="Null until there is an outline.")
    stages: list[StageInOutline]
    pieces: dict[PieceState, int] = Field(examples=[{"done": 70, "running": 2}])
    failures: list[Failure]
    unserved_queues: list[str] = Field(description="Queues in which this waits and which nobody serves.")
    review: Review | None
    changes: list[WantedChangeState]

    @classmethod
    def of(cls, page: RoadmapPage, prerequisites: dict[int, list[str]]) -> "RoadmapDetail":
        roadmap = page.roadmap
        own = {name: getattr(roadmap, name) for name in cls.model_fields if hasattr(roadmap, name)}
        own |= {
            "progress": Progress.of(page.way) if page.way else None,
            "stages": _stages(page, prerequisites),
            "pieces_done": page.pieces.done,
            "pieces_all": page.pieces.all,
            "concepts_learned": page.concepts_learned,
            "concepts_all": page.concepts_all,
            "pieces": page.pieces.by_state,
            "failures": [
                Failure(reason=reason, pieces=_named(steps)) for reason, steps in page.pieces.failures.items()
            ],
            "unserved_queues": [each.queue for each in page.unserved_queues],
            "review": page.review,
            "changes": [WantedChangeState.of(each) for each in page.feedback],
        }
        return cls.model_validate(own)


def _stages(page: RoadmapPage, prerequisites: dict[int, list[str]]) -> list[StageInOutline]:
    return [
        StageInOutline(
            name=stage.name,
            description=stage.description,
            modules=[
                ModuleInOutline(
                    name=module.name,
                    description=module.description,
                    concepts=[_concept(page.roadmap, line, prerequisites) for line in module.concepts],
                )
                for module in stage.modules
            ],
        )
        for stage in page.stages
    ]


def _concept(roadmap: Roadmap, line: ConceptLine, prerequisites: dict[int, list[str]]) -> ConceptInOutline:
    concept = line.concept
    return ConceptInOutline.model_validate(
        {
            **{
                name: getattr(concept, name)
                for name in ("key", "name", "description", "hours", "difficulty", "keywords")
            },
            "id": f"{roadmap.slug}:{concept.key}",
            "prerequisites": prerequisites.get(concept.pk, []),
            "is_learned": line.is_learned,
            "pieces": {step.kind: step.state for step in line.pieces},
        }
    )


def _named(steps: list[Step]) -> list[str]:
    return [f"{step.concept.key}/{step.kind}" for step in steps if step.concept]


class RevisionSummary(Shape):
    """One version of the outline: who or what made it, why, and what changed."""

    number: int = Field(examples=[2])
    author: Literal["design", "automatic_edit", "requested_edit", "hand"]
    reason: Told
    changes: dict[str, Any] = Field(examples=[{"added": ["c-2-1-4"]}], description="Keys of concepts by what happened.")
    created_at: datetime


class Revision(RevisionSummary):
    tree: dict[str, Any]
    review: Review | None

    @classmethod
    def of(cls, row: OutlineRevision) -> "Revision":
        own = {name: getattr(row, name) for name in ("number", "author", "reason", "changes", "created_at", "tree")}
        review: OutlineReview | None = getattr(row, "review", None)
        return cls(**own, review=Review.model_validate(review) if review else None)


class SeenOutline(Sent):
    seen_version: Whole = Field(ge=1, le=1_000_000, examples=[2], description="The latest version that you have seen.")


class ApprovedOutline(Sent):
    seen_version: WholeOrNone = Field(
        None, ge=1, le=1_000_000, examples=[2], description="The version that you approve, which must be the latest."
    )


class LogLine(Shape):
    happened_at: datetime
    level: Literal["info", "warning", "error"]
    event: str = Field(examples=["tutorial_saved"])
    message: str
    step_kind: str = Field(examples=["tutorial"], description="Empty where no step is meant.")
    concept: str | None = Field(examples=["c-1-1-1"], description="The concept's key.")
    seconds: float | None = Field(examples=[12.5], description="How long the step took that ended with it.")
    next: Told = Field(examples=["It is tried again."], description="What happens now, where the line says so.")


class LogFilter(Paging):
    level: Literal["info", "warning", "error"] | None = Field(None, description="Lines of this level or a worse one.")
    step: StepKind | None = None
    concept: str | None = Field(None, pattern=r"^c-[0-9]{1,3}-[0-9]{1,3}-[0-9]{1,3}$", examples=["c-1-1-1"])
