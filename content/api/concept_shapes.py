"""What is said about a concept: what was written for it, and what its reader did there?"""

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from content.answering import MarkedQuestion, marked
from content.api.shapes import Kind, Moment, PieceState, Sent, Shape, Text, Told, Whole, WholeOrNone
from content.models import Note, QuizAttempt
from content.models import Question as QuestionRow
from content.reading import PieceView
from roadmaps.learning import QuizResult as Counts
from roadmaps.models import Concept as Row
from roadmaps.models import Step

Choices = list[Whole]
MOST_CHOSEN = 20
MOST_ANSWERS = 100
SPANS = "Its `code` and *emphasis* are Markdown's; all other signs mean themselves."


class ConceptName(Shape):
    key: str = Field(examples=["c-1-1-2"])
    name: str = Field(examples=["Selecting rows"])


class Version(Shape):
    version: int = Field(examples=[1])
    origin: Told = Field(examples=["From the bundled library; no model was used."])
    wish: str = Field(description="What you asked for when you had it written again.")
    created_at: datetime


class Tutorial(Version):
    title: str
    summary: str
    minutes: int
    markdown: str = Field(examples=["## Overview\n\nA table holds rows."])
    html: str = Field(description="Made from the Markdown; it holds no script and no style.")


class Resource(Shape):
    id: int
    title: str
    url: str = Field(examples=["https://www.postgresql.org/docs/"])
    kind: Literal["article", "video", "book", "course", "documentation", "tool"]
    description: str
    relevance: float
    language: str
    status: Literal["unchecked", "ok", "broken", "refused"]
    status_detail: str
    checked_at: datetime | None
    reported_at: datetime | None


class Resources(Version):
    note: Told = Field(description="Why there are none, and how to look.")
    items: list[Resource]


class Question(Shape):
    """As it is asked: nothing here says what is right."""

    position: int = Field(examples=[0])
    kind: Literal["single_choice", "multiple_choice", "true_false"]
    text: str = Field(examples=["What does `SELECT` do?"], description=SPANS)
    options: list[str] = Field(examples=[["It reads rows", "It deletes rows"]], description=SPANS)
    difficulty: str


class Quiz(Version):
    questions: list[Question]


class QuizToAnswer(Quiz):
    missed: list[int] = Field(description="Positions of the questions that you answered wrongly last time.")


class Piece(Shape):
    """The work on one piece; until there is a version it is null elsewhere."""

    kind: Kind
    state: PieceState | None = Field(examples=["done"], description="Null where nobody asked for it.")
    version: int = Field(examples=[1], description="Of what there is to read; 0 where there is nothing.")
    failure: Told = Field(description="Why the last try made nothing.")
    is_unchanged: bool = Field(
        examples=[False], description="Written again, it came out as the version that stands: no other was made."
    )

    @classmethod
    def of(cls, view: PieceView) -> "Piece":
        return cls(
            kind=view.kind.value,
            state=view.step and view.step.state,
            version=view.version,
            failure=view.failure,
            is_unchanged=view.is_unchanged,
        )


class PieceWork(Shape):
    kind: Kind
    state: PieceState
    wish: str

    @classmethod
    def of(cls, step: Step) -> "PieceWork":
        return cls.model_validate(step)


class NoteText(Shape):
    text: str = Field(examples=["Ask Bea about the second example."])
    saved_at: datetime | None

    @classmethod
    def of(cls, note: Note | None) -> "NoteText":
        return cls(text=note.text, saved_at=note.saved_at) if note else cls(text="", saved_at=None)


class Concept(Shape):
    key: str = Field(examples=["c-1-1-1"])
    id: str = Field(examples=["querying-a-database-x5y9z2q8:c-1-1-1"])
    name: str
    description: str
    hours: float
    difficulty: Literal["easy", "medium", "hard"]
    keywords: list[str]
    stage: str
    module: str
    prerequisites: list[ConceptName]
    previous: ConceptName | None
    next: ConceptName | None
    is_learned: bool
    note: NoteText
    pieces: list[Piece]
    tutorial: Tutorial | None
    resources: Resources | None
    quiz: Quiz | None

    @classmethod
    def of(cls, page: dict[str, Any]) -> "Concept":
        concept = page["concept"]
        names = ("key", "name", "description", "hours", "difficulty", "keywords")
        return cls.model_validate(
            {
                **{name: getattr(concept, name) for name in names},
                "id": concept.public_id,
                "stage": concept.module.stage.name,
                "module": concept.module.name,
                **{name: page[name] for name in ("previous", "next", "is_learned")},
                "prerequisites": list(page["prerequisites"]),
                "note": NoteText.of(page["note"]),
                "pieces": [Piece.of(each) for each in page["pieces"]],
                "tutorial": page["tutorial"].piece,
                "resources": resources_of(page["resources"].piece),
                "quiz": quiz_of(page["quiz"].piece),
            }
        )


def resources_of(row: Any) -> Resources | None:
    return Resources(**_own(row), note=row.note, items=_all(Resource, row.resources.all())) if row else None


def quiz_of(row: Any) -> Quiz | None:
    return Quiz(**_own(row), questions=_all(Question, row.questions.all())) if row else None


def _own(row: Any) -> dict[str, Any]:
    return {name: getattr(row, name) for name in Version.model_fields}


def _all(shape: Any, rows: Any) -> list[Any]:
    return [shape.model_validate(each) for each in rows]


class VersionSummary(Version):
    is_current: bool


class AnyVersion(VersionSummary):
    """One version of one kind; the other two are null."""

    kind: Kind
    tutorial: Tutorial | None = None
    resources: Resources | None = None
    quiz: Quiz | None = None

    @classmethod
    def of(cls, kind: Step.Kind, row: Any) -> "AnyVersion":
        shapes: dict[str, Callable[[Any], Any]] = {
            "tutorial": Tutorial.model_validate,
            "resources": resources_of,
            "quiz": quiz_of,
        }
        return cls.model_validate(
            {**_own(row), "is_current": row.is_current, "kind": kind.value, kind.value: shapes[kind.value](row)}
        )


class Wish(Sent):
    wish: Text = Field("", max_length=1000, examples=["More examples from cooking"])


class NewNote(Sent):
    text: Text = Field(max_length=Note.LENGTH, examples=["Ask Bea about the second example."])
    since: Moment | None = Field(
        None, description="`saved_at` of the note that you read: one that was saved since is not written over, but 409."
    )


class Answer(Sent):
    question: Whole = Field(ge=0, le=1000, examples=[0], description="The question's position.")
    chosen: Choices = Field(max_length=MOST_CHOSEN, examples=[[0]], description="Places of the options, from 0.")


class Answers(Sent):
    version: WholeOrNone = Field(None, ge=1, le=1_000_000, description="Of the quiz that was asked; else the current.")
    answers: list[Answer] = Field(min_length=1, max_length=MOST_ANSWERS)


class QuizResult(ConceptName):
    """How you answered the questions of a concept's quiz, each the last time."""

    right: int = Field(examples=[4])
    wrong: int = Field(examples=[1])
    questions: int = Field(examples=[6], description="Answered or not.")


class MissedQuestion(Question):
    """Answer it again at its concept's quiz."""

    concept: str = Field(examples=["c-1-1-1"])
    version: int = Field(examples=[1], description="Of the quiz.")


class QuizResults(Shape):
    """Of the quizzes as they are now; a concept whose quiz you have not begun is not among them."""

    right: int = Field(examples=[4])
    wrong: int = Field(examples=[1])
    concepts: list[QuizResult]
    missed: list[MissedQuestion] = Field(description="What you answered wrong the last time, in the roadmap's order.")

    @classmethod
    def of(cls, answered: list[tuple[Row, Counts]], missed: list[QuestionRow]) -> "QuizResults":
        own = Question.model_fields
        return cls(
            right=sum(result.right for _, result in answered),
            wrong=sum(result.wrong for _, result in answered),
            concepts=[QuizResult(key=row.key, name=row.name, **asdict(result)) for row, result in answered],
            missed=[
                MissedQuestion(
                    **{name: getattr(each, name) for name in own},
                    concept=each.quiz.concept.key,
                    version=each.quiz.version,
                )
                for each in missed
            ],
        )


class MarkedOption(Shape):
    text: str = Field(description=SPANS)
    is_chosen: bool
    is_correct: bool


class MarkedAnswer(Shape):
    question: int
    text: str = Field(description=SPANS)
    is_right: bool
    options: list[MarkedOption]
    explanation: str = Field(description=SPANS)

    @classmethod
    def of(cls, each: MarkedQuestion) -> "MarkedAnswer":
        return cls(
            question=each.question.position,
            text=each.question.text,
            is_right=each.is_right,
            options=[MarkedOption.model_validate(option) for option in each.options],
            explanation=each.question.explanation,
        )


class AttemptSummary(Shape):
    id: int
    version: int = Field(examples=[1], description="Of the quiz.")
    right: int = Field(examples=[4])
    total: int = Field(examples=[5])
    created_at: datetime = Field(description="When it was begun; one that was left may have gone on later.")

    @classmethod
    def of(cls, attempt: QuizAttempt) -> "AttemptSummary":
        return cls.model_validate(_attempt(attempt))


class Attempt(AttemptSummary):
    """What was right, and why."""

    answers: list[MarkedAnswer]

    @classmethod
    def of(cls, attempt: QuizAttempt) -> "Attempt":
        return cls.model_validate({**_attempt(attempt), "answers": [MarkedAnswer.of(each) for each in marked(attempt)]})


def _attempt(attempt: QuizAttempt) -> dict[str, Any]:
    own = {name: getattr(attempt, name) for name in ("right", "total", "created_at")}
    return {**own, "id": attempt.pk, "version": attempt.quiz.version}


class Learned(Shape):
    is_learned: bool
    done_at: datetime | None
