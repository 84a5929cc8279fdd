"""A concept's quiz: questions, then the marked attempt."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods
from django_htmx.http import HttpResponseClientRedirect, replace_url

from content import answering, reading
from content.models import Quiz, QuizAttempt
from content.views.lookup import address, numbers, own_concept
from roadmaps.models import Concept
from roadmaps.views import SignedInRequest, fragment, number


@require_http_methods(["GET", "HEAD", "POST"])
@fragment
def quiz(request: SignedInRequest, slug: str, key: str) -> HttpResponse:
    """Questions; after answering, the marked attempt. Nothing about the answers leaves the server before.

    A script asks for one question after the other, and has each marked; without it they are one form. An attempt that
    was left goes on where it stopped.
    """
    found = own_concept(request, slug, key)
    if request.htmx:
        return _mark_one(request, found) if request.method == "POST" else _ask_one(request, found)
    if request.method == "POST":
        return _start_over(request, found) if "start_over" in request.POST else _mark_all(request, found)
    if slug != found.roadmap.slug:
        return redirect(address(found, "quiz"))
    if "attempt" in request.GET:
        return _result(request, found)
    current = get_object_or_404(Quiz.objects.current(), concept=found)
    shown = reading.quiz_page(current, request.user, only_missed="missed" in request.GET)
    marked = answering.marked(shown["attempt"]) if shown["attempt"] else []
    context = {"concept": found, "roadmap": found.roadmap, "marked": marked, **shown}
    return render(request, "content/quiz.html", context)


def _start_over(request: SignedInRequest, found: Concept) -> HttpResponse:
    current = get_object_or_404(Quiz.objects.current(), concept=found)
    only_missed = "missed" in request.GET
    anew = reading.quiz_page(current, request.user, only_missed=only_missed, is_anew=True)
    if anew["is_practice"] == only_missed:
        left = [each.position for each in anew["questions"]]
        answering.start_over(current, user=request.user, way=_way(is_practice=only_missed), left=left)
    return redirect(address(found, "quiz") + ("?missed" if anew["is_practice"] else ""))


def _way(*, is_practice: bool) -> QuizAttempt.Way:
    return QuizAttempt.Way.MISSED if is_practice else QuizAttempt.Way.IN_TURN


def _mark_all(request: SignedInRequest, found: Concept) -> HttpResponse:
    """A form that asked all that is asked, or that was left to ask."""
    answered = version_before_the_reader(request, found)
    attempt = answering.answer(
        answered,
        user=request.user,
        submitted=submitted(request, answered),
        attempt_pk=number(request.POST.get("attempt", "")),
    )
    return redirect(_result_address(found, attempt))


def _ask_one(request: SignedInRequest, found: Concept) -> HttpResponse:
    """The next of the questions that are left."""
    sent = request.GET
    asked = version_before_the_reader(request, found)
    shown = reading.quiz_step(
        asked, request.user, only_missed="missed" in sent, attempt_pk=number(sent.get("attempt", ""))
    )
    if shown["question"] is None:  # another tab answered it
        return HttpResponseClientRedirect(_result_address(found, shown["attempt"]))
    return render(request, "content/_quiz_step.html", {"concept": found, "roadmap": found.roadmap, **shown})


def _mark_one(request: SignedInRequest, found: Concept) -> HttpResponse:
    """What was right, and why, and the way to the next question.

    After the last one the page's address is the result's: loaded again, it does not begin anew.
    """
    sent = request.POST
    asked = version_before_the_reader(request, found)
    answered = None
    for position in numbers(sent.getlist("asked"))[:1]:
        answered = answering.answer_one(
            asked,
            user=request.user,
            way=_way(is_practice="missed" in sent),
            attempt_pk=number(sent.get("attempt", "")),
            since=number(sent["since"]) if "since" in sent else None,
            position=position,
            values=sent.getlist(f"question-{position}"),
            left=numbers(sent.getlist("left")),
        )
    if answered is None:
        raise Http404
    attempt, marked = answered
    context = {
        "quiz": asked,
        "attempt": attempt,
        "left_count": len(attempt.left),
        "marked": [marked],
        "concept": found,
        "roadmap": found.roadmap,
    }
    response = render(request, "content/_quiz_step_marked.html", context)
    return response if attempt.left else replace_url(response, _result_address(found, attempt))


def _result_address(found: Concept, attempt: QuizAttempt) -> str:
    return f"{address(found, 'quiz')}?attempt={attempt.pk}"


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
    own = QuizAttempt.objects.filter(user=request.user, quiz__concept=found).select_related("quiz")
    attempt = get_object_or_404(own, pk=number(request.GET["attempt"]))
    if attempt.left:
        return redirect(address(found, "quiz"))  # where it goes on
    marked = answering.marked(attempt)
    context: dict[str, Any] = {
        **reading.place(found),
        "attempt": attempt,
        "marked": marked,
        "wrong": sum(not each.is_right for each in marked),
        "earlier": reading.attempts_of(request.user, found).exclude(pk=attempt.pk)[:10],
    }
    return render(request, "content/quiz_result.html", context)
