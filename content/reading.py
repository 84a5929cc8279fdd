"""What do the pages about a concept show? Queries whose number does not grow with the roadmap."""

import hashlib
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Max, Prefetch, QuerySet
from django.db.models.functions import Greatest
from django.shortcuts import get_object_or_404
from django.urls import reverse

from content import answering, changes, rendering
from content.exporting.markdown import text_of
from content.exporting.reading import piece_document
from content.models import MODELS, Note, Piece, Quiz, QuizAttempt, Share, came_out_the_same
from roadmaps import estimating
from roadmaps.models import Concept, ConceptProgress, Roadmap, Stage, Step


@dataclass(frozen=True)
class PieceView:
    """One of a concept's three pieces: what there is to read, and the work on it."""

    kind: Step.Kind
    piece: Any = None
    step: Step | None = None
    seen_version: int = 0
    price: estimating.Price | None = None  # of having it written again

    @property
    def version(self) -> int:
        return self.piece.version if self.piece else 0

    @property
    def is_new(self) -> bool:
        """There is a later version than the one that the reader has before them."""
        return self.version > self.seen_version

    @property
    def is_coming(self) -> bool:
        return self.step is not None and self.step.is_active

    @property
    def failure(self) -> str:
        """Why the last try made nothing: the first one, or a rewrite that left the earlier version standing."""
        if self.step is None:
            return ""
        made_nothing = self.piece is None or (self.step.started_at and self.piece.created_at < self.step.started_at)
        is_over = self.step.state in (Step.State.FAILED, Step.State.DONE)
        return self.step.last_error if is_over and made_nothing else ""

    @property
    def is_unchanged(self) -> bool:
        return came_out_the_same(self.piece, self.step)


def concept_page(found: Concept, user: User, *, is_priced: bool = False) -> dict[str, Any]:
    """With `is_priced`, for one query more, what each piece costs to be written again."""
    prices = estimating.prices_of(*({str(kind): 1} for kind in MODELS)) if is_priced else [None] * len(MODELS)
    pieces = [
        PieceView(each.kind, each.piece, each.step, each.version, price)
        for each, price in zip(_pieces(found), prices, strict=True)
    ]
    tutorial, resources, quiz = pieces
    questions = list(quiz.piece.questions.all()) if quiz.piece else []
    return {
        **place(found),
        **pieces_context(found, pieces),
        "tutorial": tutorial,
        "html": tutorial.piece.html if tutorial.piece else "",
        "contents": rendering.contents(tutorial.piece.html) if tutorial.piece else [],
        "resources": resources,
        "links": resources.piece.resources.all() if resources.piece else [],
        "quiz": quiz,
        "questions": len(questions),
        "attempt": attempts_of(user, found).first(),
        "missed": len(answering.missed(quiz.piece, questions, user)) if quiz.piece else 0,
        "is_learned": ConceptProgress.objects.filter(concept=found, user=user, done_at__isnull=False).exists(),
        "note": Note.objects.filter(concept=found, user=user).first(),
        "can_regenerate": found.roadmap.state != Roadmap.State.CANCELLED,
    }


def attempts_of(user: User, found: Concept) -> QuerySet[QuizAttempt]:
    """The finished ones; first the one whose latest answer is the latest, as one that was left goes on after others."""
    finished = QuizAttempt.objects.filter(user=user, quiz__concept=found, left=[])
    at = Greatest("created_at", answering.LatestMoment("given_at"))
    return finished.select_related("quiz").order_by(at.desc(), "-pk")


def place(found: Concept) -> dict[str, Any]:
    """Where a concept stands: what it builds on, what comes before it and after it."""
    neighbours = Concept.objects.filter(roadmap=found.roadmap_id).order_by("position").only("key", "name", "position")
    return {
        "concept": found,
        "roadmap": found.roadmap,
        "prerequisites": found.prerequisites.order_by("position"),
        "previous": neighbours.filter(position__lt=found.position).last(),
        "next": neighbours.filter(position__gt=found.position).first(),
    }


def pieces(found: Concept, seen: dict[str, int]) -> dict[str, Any]:
    """The three pieces' states, for a reader who has these versions before them."""
    return pieces_context(
        found, [PieceView(each.kind, each.piece, each.step, seen.get(each.kind, 0)) for each in _pieces(found)]
    )


def _pieces(found: Concept) -> list[PieceView]:
    """In the order tutorial, resources, quiz."""
    steps = {step.kind: step for step in found.steps.content()}
    return [PieceView(kind, current(found, kind), steps.get(kind)) for kind in MODELS]


def current(found: Concept, kind: Step.Kind) -> Any:
    return MODELS[kind].objects.current().filter(concept=found).first()


def pieces_context(found: Concept, shown: list[PieceView]) -> dict[str, Any]:
    return {
        "concept": found,
        "roadmap": found.roadmap,
        "pieces": shown,
        "tag": _tag(found, shown),
        "is_changing": any(piece.is_coming for piece in shown),
    }


def _tag(found: Concept, shown: list[PieceView]) -> str:
    facts = (
        found.roadmap.slug,
        [(each.version, each.seen_version, each.step and (each.step.state, each.failure)) for each in shown],
    )
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:20]


def quiz_page(
    quiz: Quiz, user: User, *, only_missed: bool, attempt_pk: int = 0, is_anew: bool = False
) -> dict[str, Any]:
    """What the named attempt has left to ask, or the one that was left unfinished.

    Else, and where it `is_anew`, questions whose last answer was wrong come first; or they come alone.
    """
    questions = {each.position: each for each in quiz.questions.all()}
    missed = answering.missed(quiz, questions.values(), user)
    first = [each for each in questions if each in missed]
    rest = [each for each in questions if each not in missed]
    way = QuizAttempt.Way.MISSED if only_missed and first else QuizAttempt.Way.IN_TURN
    attempt = None
    if attempt_pk:
        attempt = QuizAttempt.objects.filter(quiz=quiz, user=user, pk=attempt_pk).first()
    if not attempt and not is_anew:
        attempt = answering.unfinished(quiz, user, way)
    order = attempt.left if attempt else first + (rest if way == QuizAttempt.Way.IN_TURN else [])
    return {
        "quiz": quiz,
        "attempt": attempt,
        "questions": [questions[each] for each in order],
        "missed": missed,
        "is_practice": (attempt.way if attempt else way) == QuizAttempt.Way.MISSED,
        "can_practise": bool(first and rest),
    }


def quiz_step(quiz: Quiz, user: User, *, only_missed: bool, attempt_pk: int) -> dict[str, Any]:
    """The first of the questions that are left to ask; None where nothing is, as another tab may have answered it."""
    shown = quiz_page(quiz, user, only_missed=only_missed, attempt_pk=attempt_pk)
    question, *later = shown["questions"] or [None]
    answered = shown["attempt"].total if shown["attempt"] else 0
    latest = QuizAttempt.objects.filter(quiz=quiz, user=user).aggregate(latest=Max("pk"))["latest"]
    return {
        **shown,
        "question": question,
        "left": [each.position for each in later],
        "since": latest or 0,
        "number": answered + 1,
        "total": answered + len(shown["questions"]),
    }


# Versions


def versions_page(found: Concept, kind: Step.Kind, number: int) -> dict[str, Any] | None:
    """A concept's versions of one kind, and one of them against the current one; None where there is no such version.

    Without a number it is the one before the current one.
    """
    versions = list(MODELS[kind].objects.filter(concept=found).order_by("-version").values(*VERSION_FIELDS))
    earlier = next((each["version"] for each in versions if not each["is_current"]), 0)
    chosen = MODELS[kind].objects.filter(concept=found, version=number or earlier or 1).first()
    if chosen is None:
        return None
    text = _text(kind, chosen)
    now = current(found, kind)
    return {
        "concept": found,
        "roadmap": found.roadmap,
        "kind": kind,
        "versions": versions,
        "chosen": chosen,
        "now": now,
        "html": chosen.html if kind == Step.Kind.TUTORIAL else rendering.to_html(text),
        "difference": changes.compare(text, _text(kind, now)) if now and now != chosen else [],
    }


def difference(found: Concept, kind: Step.Kind, old: int, new: int | None) -> tuple[Piece, list[changes.Line] | None]:
    """The version that is compared with, the current one where `new` is none, and what it has other than `old`.

    A quiz without its answers. None where the texts are too long. Raises Http404 where there is no such version.
    """
    versions = MODELS[kind].objects.filter(concept=found)
    before = get_object_or_404(versions, version=old)
    after = get_object_or_404(versions, **({"version": new} if new else {"is_current": True}))
    return after, changes.compare(_text(kind, before), _text(kind, after))


VERSION_FIELDS = ("version", "is_current", "origin", "wish", "created_at")


def _text(kind: Step.Kind, piece: Piece) -> str:
    return text_of(piece_document(kind, piece))


# Taking away and sharing


def missing(roadmap: Roadmap) -> list[tuple[str, list[str]]]:
    """Names of concepts of which something is not written, and what."""
    written = {
        kind: set(model.objects.current().filter(concept__roadmap=roadmap).values_list("concept_id", flat=True))
        for kind, model in MODELS.items()
    }
    return [
        (name, labels)
        for pk, name in roadmap.concepts.order_by("position").values_list("pk", "name")
        if (labels := [str(kind.label) for kind in MODELS if pk not in written[kind]])
    ]


def shared_outline(share: Share) -> dict[str, Any]:
    concepts = Concept.objects.order_by("position").prefetch_related(
        Prefetch("prerequisites", Concept.objects.order_by("position").only("name"))
    )
    stages: QuerySet[Stage] = share.roadmap.stages.prefetch_related("modules", Prefetch("modules__concepts", concepts))
    return {"share": share, "roadmap": share.roadmap, "stages": stages, "concepts": share.roadmap.concepts.count()}


def shared_concept(share: Share, found: Concept) -> dict[str, Any]:
    tutorial, resources, quiz = (PieceView(kind, current(found, kind)) for kind in MODELS)
    html = tutorial.piece.html if tutorial.piece else ""
    return {
        **place(found),
        "share": share,
        "tutorial": tutorial,
        "html": rendering.relinked(html, lambda key: reverse("content:shared_concept", args=[share.token, key])),
        "contents": rendering.contents(html),
        "resources": resources,
        "links": resources.piece.resources.all() if resources.piece else [],
        "quiz": quiz,
        "questions": quiz.piece.questions.count() if quiz.piece else 0,
    }
