"""The pages on which a person edits an outline by hand, and looks at its versions."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from roadmap_project.told import told
from roadmaps import reading, reshaping, sketching
from roadmaps.allowing import WrongPartError
from roadmaps.deciding import OutdatedError, RefusedError
from roadmaps.forms import EditForm, edit_form
from roadmaps.models import Roadmap
from roadmaps.reshaping import Edit
from roadmaps.views import SignedInRequest, decision, fragment, number


def _owned(request: SignedInRequest, slug: str) -> Roadmap:
    return get_object_or_404(reading.owned(request.user, slug))


@require_safe
@fragment
def edit(request: SignedInRequest, slug: str) -> HttpResponse:
    """The outline with a control at every part; `open` shows one part's form, `add` that of a new part in it."""
    found = _owned(request, slug)
    if found.state != Roadmap.State.IN_REVIEW:
        messages.error(request, _("The outline can be edited only while it waits for your review."))
        return redirect(found)
    sketch = sketching.sketch(found)
    opened, adding = request.GET.get("open", ""), request.GET.get("add", "")
    form = edit_form(sketch, opened=opened, adding=adding)
    return _editor(request, found, sketch, form=form, focus=request.GET.get("focus", ""))


def _editor(
    request: SignedInRequest,
    found: Roadmap,
    sketch: sketching.Sketch,
    *,
    form: EditForm | None = None,
    focus: str = "",
    said: str = "",
    problem: str = "",
) -> HttpResponse:
    if form:
        form.begin()
    template = "roadmaps/_editor.html" if request.htmx else "roadmaps/edit.html"
    context = {"roadmap": found, "sketch": sketch, "form": form, "focus": focus, "said": said, "problem": problem}
    context["provider"] = settings.LLM_PROVIDER
    return render(request, template, context)


@decision
def change_part(request: SignedInRequest, slug: str) -> HttpResponse:
    return _fill_in(request, slug, opened=request.POST.get("part", ""))


@decision
def add_part(request: SignedInRequest, slug: str) -> HttpResponse:
    return _fill_in(request, slug, adding=request.POST.get("part", ""))


def _fill_in(request: SignedInRequest, slug: str, *, opened: str = "", adding: str = "") -> HttpResponse:
    found = _owned(request, slug)
    sketch = sketching.sketch(found)
    form = edit_form(sketch, opened=opened, adding=adding, typed=request.POST)
    if form is None:
        return _answer(request, found, problem=_("This part is not in the outline."))
    if not form.is_valid():
        return _editor(request, found, sketch, form=form)
    try:
        done = form.store(found.pk, seen_version=_seen(request), by=request.user)
    except WrongPartError as error:
        form.add_error(error.field if error.field in form.fields else None, str(error))
        return _editor(request, found, sketch, form=form)
    except RefusedError as error:
        return _refused(request, found, error, form=form)
    return _done(request, found, done, control="edit")


@decision
def remove_part(request: SignedInRequest, slug: str) -> HttpResponse:
    found = _owned(request, slug)
    part = request.POST.get("part", "")
    near = sketching.neighbour(sketching.sketch(found), part)
    return _act(request, found, reshaping.remove, part=part, near=near, control="edit")


@decision
def move_part(request: SignedInRequest, slug: str) -> HttpResponse:
    found = _owned(request, slug)
    direction = "down" if "down" in request.POST else "up"
    part = request.POST.get(direction, "")
    return _act(request, found, reshaping.move, part=part, direction=direction, near=part, control=direction)


def _act(
    request: SignedInRequest, found: Roadmap, verb: Callable[..., Edit], *, near: str, control: str, **wishes: Any
) -> HttpResponse:
    try:
        done = verb(found.pk, seen_version=_seen(request), by=request.user, **wishes)
    except RefusedError as error:
        return _refused(request, found, error, focus=f"{control}-{near}")
    return _done(request, found, done, control=control, near=near)


def _done(request: SignedInRequest, found: Roadmap, done: Edit, *, control: str, near: str = "") -> HttpResponse:
    """With the focus on the control that was used, where the part stands now."""
    return _answer(request, found, focus=f"{control}-{done.reference or near}", said=told(done.reason))


def _refused(
    request: SignedInRequest, found: Roadmap, error: RefusedError, *, focus: str = "", form: EditForm | None = None
) -> HttpResponse:
    """The reason, beside what was typed; after an edit elsewhere with the tree as it is now."""
    found.refresh_from_db()
    if found.state != Roadmap.State.IN_REVIEW or isinstance(error, OutdatedError) or form is None:
        return _answer(request, found, focus=focus, problem=str(error))
    form.add_error(None, str(error))
    return _editor(request, found, sketching.sketch(found), form=form)


def _answer(
    request: SignedInRequest, found: Roadmap, *, focus: str = "", said: str = "", problem: str = ""
) -> HttpResponse:
    """To a script the outline as it is now; else its page, by a redirect."""
    if request.htmx and found.state == Roadmap.State.IN_REVIEW:
        return _editor(request, found, sketching.sketch(found), focus=focus, said=said, problem=problem)
    if problem:
        messages.error(request, problem)
    elif said:
        messages.success(request, said)
    address = reverse("roadmaps:edit", args=[found.slug])
    return redirect(f"{address}?{urlencode({'focus': focus})}" if focus else address)


def _seen(request: SignedInRequest) -> int:
    """The version that the person had before them; 0, which none is, where the form was tampered with."""
    return number(request.POST.get("seen_version", ""))


# Versions


@require_safe
@login_required
def versions(request: SignedInRequest, slug: str) -> HttpResponse:
    found = _owned(request, slug)
    if slug != found.slug:
        return redirect("roadmaps:versions", found.slug)
    page = sketching.versions_page(found, number(request.GET.get("version", "")))
    if page is None:
        raise Http404
    return render(request, "roadmaps/versions.html", {"roadmap": found, **page})


@decision
def restore_version(request: SignedInRequest, slug: str) -> HttpResponse:
    found = _owned(request, slug)
    version = number(request.POST.get("version", ""))
    try:
        done = reshaping.restore(found.pk, seen_version=_seen(request), by=request.user, version=version)
    except RefusedError as error:
        messages.error(request, str(error))
        return redirect("roadmaps:versions", found.slug)
    messages.success(request, told(done.reason))
    return redirect("roadmaps:edit" if "edit" in request.POST else "roadmaps:roadmap", found.slug)
