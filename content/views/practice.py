"""What was answered wrong, all over a roadmap: one question after the other."""

from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods
from django_htmx.http import replace_url

from content import practising
from content.views.lookup import numbers, own_roadmap
from roadmaps.models import Roadmap
from roadmaps.views import SignedInRequest, fragment, number


@require_http_methods(["GET", "HEAD", "POST"])
@fragment
def practice(request: SignedInRequest, slug: str) -> HttpResponse:
    """A question, or the one that was answered, marked; a round's next ones travel with it.

    The same with a script and without; nothing about an answer leaves the server before it was given.
    """
    found = own_roadmap(request, slug)
    if request.method == "POST":
        return _mark(request, found)
    if slug != found.slug:
        return redirect("content:practice", found.slug)
    sent = request.GET
    shown = practising.next_question(
        found,
        numbers(sent.getlist("left")),
        done=number(sent.get("done", "")),
        since=number(sent.get("since", "")),
    )
    return _show(request, found, shown)


def _mark(request: SignedInRequest, found: Roadmap) -> HttpResponse:
    """What was right, and why, and the way to the next question."""
    sent = request.POST
    position = next(iter(numbers(sent.getlist("asked"))), "")
    answered = practising.answer(
        found,
        number(sent.get("question", "")),
        user=request.user,
        since=number(sent.get("since", "")),
        values=sent.getlist(f"question-{position}"),
    )
    if answered is None:
        raise Http404
    question, _attempt, marked = answered
    left = numbers(sent.getlist("left"))
    done = number(sent.get("done", "")) + 1
    context = {
        "roadmap": found,
        "concept": question.quiz.concept,
        "since": number(sent.get("since", "")),
        "marked": [marked],
        "left": left,
        "done": done,
        "number": done,
        "total": done + len(left),
    }
    return _show(request, found, context)


def _show(request: SignedInRequest, found: Roadmap, context: dict[str, Any]) -> HttpResponse:
    """The round's place is in its address: loaded again, or in another language, it goes on."""
    asked = [context["question"].pk] if context.get("question") else []
    left = asked + context["left"]
    place = reverse("content:practice", args=[found.slug])
    if left:
        place += "?" + urlencode({"since": context["since"] or "", "done": context["done"], "left": left}, doseq=True)
    name = "content/_practice.html" if request.htmx else "content/practice.html"
    response = render(request, name, {**context, "here": place})
    return replace_url(response, place) if request.htmx else response
