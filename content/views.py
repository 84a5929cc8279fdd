"""The pages about what was written for a concept."""

import hashlib
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from content import answering
from content.models import Piece, Quiz, QuizAttempt, ResourceList, Tutorial
from roadmaps import deciding
from roadmaps.deciding import RefusedError
from roadmaps.models import Concept, ConceptProgress, Roadmap, Step
from roadmaps.slugs import token_of
from roadmaps.views import SignedInRequest, conditional, decision, fragment

MODELS: dict[Step.Kind, type[Piece]] = {
    Step.Kind.TUTORIAL: Tutorial,
    Step.Kind.RESOURCES: ResourceList,
    Step.Kind.QUIZ: Quiz,
}


class WishForm(forms.Form):
    wish = forms.CharField(required=False, max_length=1000)


@dataclass(frozen=True)
class PieceView:
    """One of a concept's three pieces: what there is to read, and the work on it."""

    kind: Step.Kind
    piece: Any = None
    step: Step | None = None
    seen_version: int = 0

    @property
    def version(self) -> int:
        return self.piece.version if self.piece else 0

    @property
    def is_new(self) -> bool:
        """There is a later version than the one that the reader has before them."""
        return self.version > self.seen_version

    @property
    def is_coming(self) -> bool:
        return self.step is not None and self.step.state in (Step.State.WAITING, Step.State.RUNNING)

    @property
    def failure(self) -> str:
        """Why the last try made nothing: the first one, or a rewrite that left the earlier version standing."""
        if self.step is None:
            return ""
        made_nothing = self.piece is None or (self.step.started_at and self.piece.created_at < self.step.started_at)
        is_over = self.step.state in (Step.State.FAILED, Step.State.DONE)
        return self.step.last_error if is_over and made_nothing else ""


def _own(request: SignedInRequest, slug: str, key: str) -> Concept:
    concepts = Concept.objects.for_owner(request.user).select_related("roadmap", "module__stage")
    return get_object_or_404(concepts, roadmap__token=token_of(slug), key=key)


def _address(concept: Concept, name: str = "concept", *rest: str) -> str:
    return reverse(f"content:{name}", args=[concept.roadmap.slug, concept.key, *rest])


@require_safe
@login_required
def concept(request: SignedInRequest, slug: str, key: str) -> HttpResponse:
    found = _own(request, slug, key)
    if slug != found.roadmap.slug:
        return redirect(_address(found))
    shown = _pieces(found)
    pieces = {kind: PieceView(kind, each.piece, each.step, each.version) for kind, each in shown.items()}
    resource_list = pieces[Step.Kind.RESOURCES].piece
    context = {
        "concept": found,
        "roadmap": found.roadmap,
        "tutorial": pieces[Step.Kind.TUTORIAL],
        "resources": pieces[Step.Kind.RESOURCES],
        "links": resource_list.resources.all() if resource_list else [],
        "quiz": pieces[Step.Kind.QUIZ],
        "questions": pieces[Step.Kind.QUIZ].piece.questions.count() if pieces[Step.Kind.QUIZ].piece else 0,
        "attempt": _last_attempt(request, found),
        "is_learned": ConceptProgress.objects.filter(concept=found, user=request.user, done_at__isnull=False).exists(),
        "prerequisites": found.prerequisites.order_by("position"),
        "previous": _neighbours(found).filter(position__lt=found.position).last(),
        "next": _neighbours(found).filter(position__gt=found.position).first(),
        "can_regenerate": found.roadmap.state != Roadmap.State.CANCELLED,
        **_pieces_context(found, list(pieces.values())),
    }
    return render(request, "content/concept.html", context)


def _pieces(found: Concept) -> dict[Step.Kind, PieceView]:
    steps = {step.kind: step for step in found.steps.content()}
    return {
        kind: PieceView(kind, model.objects.current().filter(concept=found).first(), steps.get(kind))
        for kind, model in MODELS.items()
    }


def _pieces_context(found: Concept, pieces: list[PieceView]) -> dict[str, Any]:
    return {
        "pieces": pieces,
        "tag": _tag(found, pieces),
        "is_changing": any(piece.is_coming for piece in pieces),
    }


def _tag(found: Concept, pieces: list[PieceView]) -> str:
    facts = (
        found.roadmap.slug,
        [(each.version, each.seen_version, each.step and (each.step.state, each.failure)) for each in pieces],
    )
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:20]


def _neighbours(found: Concept) -> Any:
    return Concept.objects.filter(roadmap=found.roadmap_id).order_by("position").only("key", "name", "position")


def _last_attempt(request: SignedInRequest, found: Concept) -> QuizAttempt | None:
    attempts = QuizAttempt.objects.filter(user=request.user, quiz__concept=found).select_related("quiz")
    return attempts.order_by("-pk").first()


@require_safe
@fragment
def pieces(request: SignedInRequest, slug: str, key: str) -> HttpResponse:
    """The three pieces' states; what came since the reader loaded the page is offered, never forced on them."""
    found = _own(request, slug, key)
    shown = [
        PieceView(kind, each.piece, each.step, _number(request.GET.get(kind, "")))
        for kind, each in _pieces(found).items()
    ]
    context = _pieces_context(found, shown)
    return conditional(
        request,
        context["tag"],
        lambda: render(request, "content/_pieces.html", {"concept": found, "roadmap": found.roadmap, **context}),
    )


def _number(text: str) -> int:
    """A whole number that somebody may have tampered with; 0 for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else 0


@decision
def done(request: SignedInRequest, slug: str, key: str) -> HttpResponse:
    """Learned, or with `learned=no` not any more; a second click changes nothing."""
    found = _own(request, slug, key)
    done_at = None if request.POST.get("learned") == "no" else timezone.now()
    ConceptProgress.objects.update_or_create(concept=found, user=request.user, defaults={"done_at": done_at})
    messages.success(request, f"“{found.name}” is marked as {'learned' if done_at else 'not learned yet'}.")
    return redirect(_address(found))


@decision
def regenerate(request: SignedInRequest, slug: str, key: str, kind: str) -> HttpResponse:
    found = _own(request, slug, key)
    if kind not in Step.CONTENT_KINDS:
        raise Http404
    form = WishForm(request.POST)
    if not form.is_valid():
        messages.error(request, " ".join(map(str, form.errors["wish"])))
        return redirect(_address(found))
    try:
        step = deciding.regenerate(found, kind, wish=form.cleaned_data["wish"])
    except RefusedError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"{step.get_kind_display()}: being written.")
    return redirect(_address(found))


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def quiz(request: SignedInRequest, slug: str, key: str) -> HttpResponse:
    """Questions; after answering, the marked attempt. Nothing about the answers leaves the server before."""
    found = _own(request, slug, key)
    if request.method == "POST":
        attempt = _answer(request, found)
        return redirect(f"{_address(found, 'quiz')}?attempt={attempt.pk}")
    if slug != found.roadmap.slug:
        return redirect(_address(found, "quiz"))
    if "attempt" in request.GET:
        return _result(request, found)
    current = get_object_or_404(Quiz.objects.current(), concept=found)
    return render(request, "content/quiz.html", {"concept": found, "roadmap": found.roadmap, "quiz": current})


def _answer(request: SignedInRequest, found: Concept) -> QuizAttempt:
    """To the version that the person had before them, even if a newer one came meanwhile."""
    versions = Quiz.objects.filter(concept=found)
    answered = versions.filter(version=_number(request.POST.get("version", ""))).first()
    answered = answered or get_object_or_404(versions, is_current=True)
    positions = answered.questions.values_list("position", flat=True)
    submitted = {position: request.POST.getlist(f"question-{position}") for position in positions}
    return answering.answer(answered, user=request.user, submitted=submitted)


def _result(request: SignedInRequest, found: Concept) -> HttpResponse:
    attempts = QuizAttempt.objects.filter(user=request.user, quiz__concept=found).select_related("quiz")
    attempt = get_object_or_404(attempts, pk=_number(request.GET["attempt"]))
    context = {
        "concept": found,
        "roadmap": found.roadmap,
        "attempt": attempt,
        "marked": answering.marked(attempt),
        "earlier": attempts.exclude(pk=attempt.pk).order_by("-pk")[:10],
        "next": _neighbours(found).filter(position__gt=found.position).first(),
    }
    return render(request, "content/quiz_result.html", context)
