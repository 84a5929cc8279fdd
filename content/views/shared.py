"""What a shared link shows, to whoever holds it: nothing of its owner's, and nothing about them is stored."""

import functools
from collections.abc import Callable
from typing import Concatenate, ParamSpec

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from content import answering, reading, sharing
from content.forms import CopyForm
from content.models import Quiz, Share
from content.views.quizzes import submitted
from roadmap_project import throttling
from roadmaps.deciding import RefusedError
from roadmaps.models import Concept
from roadmaps.views import number

P = ParamSpec("P")


def by_link(
    view: Callable[Concatenate[HttpRequest, Share, P], HttpResponse],
) -> Callable[..., HttpResponse]:
    """With the link that the token means, else 404. No cache or search engine keeps it: revoking holds at once."""

    @functools.wraps(view)
    def wrapped(request: HttpRequest, /, token: str, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        share = get_object_or_404(Share.objects.open().select_related("roadmap"), token=token)
        response = view(request, share, *args, **kwargs)
        add_never_cache_headers(response)
        response.headers["X-Robots-Tag"] = "noindex, nofollow"
        return response

    return wrapped


@require_safe
@by_link
def outline(request: HttpRequest, share: Share) -> HttpResponse:
    return render(request, "content/shared.html", {**reading.shared_outline(share), "form": CopyForm()})


@require_safe
@by_link
def concept(request: HttpRequest, share: Share, key: str) -> HttpResponse:
    return render(request, "content/shared_concept.html", reading.shared_concept(share, _concept(share, key)))


@require_http_methods(["GET", "HEAD", "POST"])
@by_link
def quiz(request: HttpRequest, share: Share, key: str) -> HttpResponse:
    """Questions; after answering, what was right and why. No attempt is kept.

    A version that the owner replaced is shown to nobody: who was answering it gets the questions that there are now.
    """
    found = _concept(share, key)
    current = get_object_or_404(Quiz.objects.current(), concept=found)
    is_replaced = number(request.POST.get("version", "")) not in (0, current.version)
    context = {**reading.place(found), "share": share, "quiz": current}
    if request.method == "POST" and not is_replaced:
        marked = answering.mark(current, submitted(request, current))
        right = sum(each.is_right for each in marked)
        return render(request, "content/shared_quiz_result.html", {**context, "marked": marked, "right": right})
    return render(
        request,
        "content/shared_quiz.html",
        {**context, "questions": current.questions.all(), "is_replaced": is_replaced},
    )


@require_POST
@by_link
def copy(request: HttpRequest, share: Share) -> HttpResponse:
    """Into a roadmap of the reader's own; a double click makes one."""
    if not request.user.is_authenticated:
        return redirect_to_login(reverse("content:shared", args=[share.token]))
    try:
        throttling.count(throttling.bringing_in(request.user.pk))
        made = sharing.copy(share, owner=request.user, request_key=CopyForm(request.POST).key())
    except (RefusedError, throttling.TooManyTriesError) as error:
        messages.error(request, str(error))
        return redirect("content:shared", share.token)
    messages.success(request, _("Copied. This one is yours."))
    return redirect(made)


def _concept(share: Share, key: str) -> Concept:
    concepts = Concept.objects.filter(roadmap=share.roadmap).select_related("roadmap", "module__stage")
    return get_object_or_404(concepts, key=key)
