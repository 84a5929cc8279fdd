"""A concept's quiz: questions, then the marked attempt."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from content import answering, reading
from content.models import Quiz, QuizAttempt
from content.views.lookup import address, numbers, own_concept
from roadmaps.models import Concept
from roadmaps.views import SignedInRequest, fragment, number


@require_http_methods(["GET", "HEAD", "POST"])
@fragment
def quiz(request: SignedInRequest, slug: str, key: str) -> HttpResponse:
    """Questions; after answering, the marked attempt. Nothing about the answers leaves the server before.

    A script asks for one question after the other, and has each marked; without it they are one form.
    """
    found = own_concept(request, slug, key)
    if request.htmx:
        return _mark_one(request, found) if request.method == "POST" else _ask_one(request, found)
    if request.method == "POST":
        answered = version_before_the_reader(request, found)
        attempt = answering.answer(answered, user=request.user, submitted=submitted(request, answered))
        return redirect(f"{address(found, 'quiz')}?attempt={attempt.pk}")
    if slug != found.roadmap.slug:
        return redirect(address(found, "quiz"))
    if "attempt" in request.GET:
        return _result(request, found)
    current = get_object_or_404(Quiz.objects.current(), concept=found)
    shown = reading.quiz_page(current, request.user, only_missed="missed" in request.GET)
    return render(request, "content/quiz.html", {"concept": found, "roadmap": found.roadmap, **shown})


def _ask_one(request: SignedInRequest, found: Concept) -> HttpResponse:
    """The next of the questions that are left."""
    asked = version_before_the_reader(request, found)
    attempt = QuizAttempt.objects.filter(user=request.user, quiz=asked, pk=number(request.GET.get("attempt", "")))
    shown = reading.quiz_step(asked, numbers(request.GET.getlist("left")), attempt.first())
    if shown["question"] is None:
        raise Http404
    missed = reading.quiz_page(asked, request.user, only_missed=False)["missed"]
    return render(
        request, "content/_quiz_step.html", {"concept": found, "roadmap": found.roadmap, "missed": missed, **shown}
    )


def _mark_one(request: SignedInRequest, found: Concept) -> HttpResponse:
    """What was right, and why, and the way to the next question."""
    asked = version_before_the_reader(request, found)
    answered = None
    for position in numbers(request.POST.getlist("asked"))[:1]:
        answered = answering.answer_one(
            asked,
            user=request.user,
            attempt_pk=number(request.POST.get("attempt", "")),
            position=position,
            values=request.POST.getlist(f"question-{position}"),
        )
    if answered is None:
        raise Http404
    attempt, marked = answered
    left = numbers(request.POST.getlist("left"))
    context = {
        "quiz": asked,
        "attempt": attempt,
        "left": left,
        "left_count": len(left),
        "marked": [marked],
        "concept": found,
        "roadmap": found.roadmap,
    }
    return render(request, "content/_quiz_step_marked.html", context)


def version_before_the_reader(request: HttpRequest, found: Concept) -> Quiz:
    """The version that the person had before them, even if a newer one came meanwhile."""
    versions = Quiz.objects.filter(concept=found)
    sent = request.POST if request.method == "POST" else request.GET
    answered: Quiz | None = versions.filter(version=number(sent.get("version", ""))).first()
    return answered or get_object_or_404(versions, is_current=True)


def submitted(request: HttpRequest, answered: Quiz) -> dict[int, list[str]]:
    """Raw values by the position of each question that was asked: of all of them, where the form names none."""
    positions = {str(each): each for each in answered.questions.values_list("position", flat=True)}
    asked = [each for each in request.POST.getlist("asked") if each in positions]
    return {positions[each]: request.POST.getlist(f"question-{each}") for each in asked or positions}


def _result(request: SignedInRequest, found: Concept) -> HttpResponse:
    attempts = reading.attempts_of(request.user, found)
    attempt = get_object_or_404(attempts, pk=number(request.GET["attempt"]))
    marked = answering.marked(attempt)
    context: dict[str, Any] = {
        **reading.place(found),
        "attempt": attempt,
        "marked": marked,
        "wrong": sum(not each.is_right for each in marked),
        "earlier": attempts.exclude(pk=attempt.pk)[:10],
    }
    return render(request, "content/quiz_result.html", context)
