"""What can be done with a concept: read it, mark it, note something, answer its quiz, have a piece written again."""

from collections.abc import Iterator
from typing import Any

from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from ninja import Query, Router, Status

from content import answering, links, noting, practising, reading, writing
from content.api.concept_shapes import (
    Answers,
    AnyVersion,
    Attempt,
    AttemptSummary,
    Concept,
    Learned,
    NewNote,
    NoteText,
    PieceWork,
    QuizResults,
    QuizToAnswer,
    Resource,
    VersionSummary,
    Wish,
    quiz_of,
)
from content.api.door import TokenRequest
from content.api.errors import InvalidError
from content.api.once import once
from content.api.paging import Page, Paging, paged
from content.api.shapes import Kind, change, read
from content.models import MODELS, Note, Quiz
from content.views.lookup import own_concept, own_roadmap
from roadmaps import deciding, learning
from roadmaps.models import ConceptProgress, Step

PREFIX = "{slug:slug}/concepts/{concept_key:key}"

router = Router(tags=["Concepts"])
quiz_router = Router(tags=["Quizzes"])
piece_router = Router(tags=["Pieces"])


@router.get(PREFIX, response=read(Concept), summary="Read a concept")
def read_concept(request: TokenRequest, slug: str, key: str) -> Any:
    """With its tutorial, resources and quiz; the quiz without its answers."""
    return Concept.of(reading.concept_page(own_concept(request, slug, key), request.user))


@router.put(f"{PREFIX}/learned", response=change(Learned), summary="Mark as learned")
def mark_learned(request: TokenRequest, slug: str, key: str) -> Any:
    return _learned(learning.mark(own_concept(request, slug, key), user=request.user, is_learned=True))


@router.delete(f"{PREFIX}/learned", response=change(Learned), summary="Mark as not learned")
def unmark_learned(request: TokenRequest, slug: str, key: str) -> Any:
    return _learned(learning.mark(own_concept(request, slug, key), user=request.user, is_learned=False))


def _learned(progress: ConceptProgress) -> Learned:
    return Learned(is_learned=progress.done_at is not None, done_at=progress.done_at)


@router.get(f"{PREFIX}/note", response=read(NoteText), summary="Read your note")
def read_note(request: TokenRequest, slug: str, key: str) -> Any:
    """Empty where there is none."""
    return NoteText.of(Note.objects.filter(concept=own_concept(request, slug, key), user=request.user).first())


@router.put(f"{PREFIX}/note", response=change(NoteText), summary="Write your note")
def write_note(request: TokenRequest, slug: str, key: str, body: NewNote) -> Any:
    """In place of the earlier one; with `since`, only of the one that you read."""
    found = own_concept(request, slug, key)
    return NoteText.of(noting.keep(found, user=request.user, text=body.text, since=body.since))


@router.post(f"{PREFIX}/resources/{{row:resource}}/report", response=change(Resource), summary="Report a broken link")
@once
def report_resource(request: TokenRequest, slug: str, key: str, resource: int) -> Any:
    """Have it looked at now."""
    reported = links.report(own_concept(request, slug, key), resource)
    if reported is None:
        raise Http404
    return Resource.model_validate(reported)


# Quizzes


@quiz_router.get("{slug:slug}/quizzes", response=read(QuizResults), summary="Read your quiz results")
def read_results(request: TokenRequest, slug: str) -> Any:
    """All over a roadmap: how you answered, and what you answered wrong the last time, to be practised."""
    found = own_roadmap(request, slug)
    results = practising.results(found)
    answered = found.concepts.filter(pk__in=results).order_by("position").only("key", "name", "position")
    return QuizResults.of([(each, results[each.pk]) for each in answered], practising.missed(found))


@quiz_router.get(f"{PREFIX}/quiz", response=read(QuizToAnswer), summary="Read the quiz")
def read_quiz(request: TokenRequest, slug: str, key: str) -> Any:
    """The questions, without their answers."""
    current = get_object_or_404(Quiz.objects.current(), concept=own_concept(request, slug, key))
    missed = answering.missed(current, current.questions.all(), request.user)
    asked = quiz_of(current)
    return QuizToAnswer(**dict(asked or {}), missed=sorted(missed))


@quiz_router.post(f"{PREFIX}/attempts", response=change(Attempt, status=201), summary="Answer the quiz")
@once
def answer_quiz(request: TokenRequest, slug: str, key: str, body: Answers) -> Any:
    """All questions or some. You get what was right, and why, and the attempt is kept; sent twice, it is kept twice."""
    versions = Quiz.objects.filter(concept=own_concept(request, slug, key))
    which = {"version": body.version} if body.version else {"is_current": True}
    quiz = get_object_or_404(versions, **which)
    if mistakes := list(_mistakes(body, {each.position: len(each.options) for each in quiz.questions.all()})):
        raise InvalidError([{"field": f"answers.{place}", "message": words} for place, words in mistakes])
    submitted = {each.question: [str(place) for place in each.chosen] for each in body.answers}
    return Status(201, Attempt.of(answering.answer(quiz, user=request.user, submitted=submitted)))


def _mistakes(body: Answers, options: dict[int, int]) -> Iterator[tuple[str, str]]:
    """Where an answer is none to a question of the quiz, which has so many `options` by its position."""
    seen = set()
    for place, each in enumerate(body.answers):
        if each.question not in options:
            yield f"{place}.question", _("The quiz has no question %(number)s.") % {"number": each.question}
        elif each.question in seen:
            yield f"{place}.question", _("Question %(number)s is answered twice.") % {"number": each.question}
        elif unknown := set(each.chosen) - set(range(options[each.question])):
            said = _("The question has no option %(number)s: they count from 0.")
            yield f"{place}.chosen", said % {"number": min(unknown)}
        seen.add(each.question)


@quiz_router.get(f"{PREFIX}/attempts", response=read(Page[AttemptSummary]), summary="List your attempts")
def list_attempts(request: TokenRequest, slug: str, key: str, paging: Query[Paging]) -> Any:
    """The finished ones, first what was begun latest.

    Answers to one that you left half done on the pages are in your results.
    """
    attempts = reading.attempts_of(request.user, own_concept(request, slug, key))
    return paged(attempts, paging, AttemptSummary.of, by=("id",))


@quiz_router.get(f"{PREFIX}/attempts/{{row:attempt}}", response=read(Attempt), summary="Read an attempt")
def read_attempt(request: TokenRequest, slug: str, key: str, attempt: int) -> Any:
    own = reading.attempts_of(request.user, own_concept(request, slug, key))
    return Attempt.of(get_object_or_404(own, pk=attempt))


# Pieces


@piece_router.post(
    f"{PREFIX}/pieces/{{kind}}/regenerate", response=change(PieceWork, status=202), summary="Have a piece written again"
)
@once
def regenerate_piece(request: TokenRequest, slug: str, key: str, kind: Kind, body: Wish) -> Any:
    """With a wish in words, or without; the bundled library knows none.

    The version that there is stays readable, also if this fails. What comes out the same makes no other version.
    """
    return Status(202, PieceWork.of(deciding.regenerate(own_concept(request, slug, key), kind, wish=body.wish)))


@piece_router.get(
    f"{PREFIX}/pieces/{{kind}}/versions", response=read(Page[VersionSummary]), summary="List a piece's versions"
)
def list_versions(request: TokenRequest, slug: str, key: str, kind: Kind, paging: Query[Paging]) -> Any:
    """The latest first."""
    versions = MODELS[Step.Kind(kind)].objects.filter(concept=own_concept(request, slug, key))
    return paged(versions.only(*VersionSummary.model_fields), paging, VersionSummary.model_validate, by=("version",))


@piece_router.get(
    f"{PREFIX}/pieces/{{kind}}/versions/{{row:version}}", response=read(AnyVersion), summary="Read a version"
)
def read_version(request: TokenRequest, slug: str, key: str, kind: Kind, version: int) -> Any:
    """A quiz without its answers."""
    versions = MODELS[Step.Kind(kind)].objects.filter(concept=own_concept(request, slug, key))
    return AnyVersion.of(Step.Kind(kind), get_object_or_404(versions, version=version))


@piece_router.post(
    f"{PREFIX}/pieces/{{kind}}/versions/{{row:version}}/restore",
    response=change(AnyVersion),
    summary="Take a version back",
)
@once
def restore_version(request: TokenRequest, slug: str, key: str, kind: Kind, version: int) -> Any:
    """As a new version, which is the current one from now on."""
    restored = writing.restore(own_concept(request, slug, key), Step.Kind(kind), version)
    if restored is None:
        raise Http404
    return AnyVersion.of(Step.Kind(kind), restored)
