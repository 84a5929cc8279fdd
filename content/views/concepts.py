"""A concept's page, and what a reader does there."""

import uuid
from datetime import datetime

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html
from django.utils.timezone import is_aware
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from content import answering, links, noting, reading
from content.forms import NoteForm, WishForm
from content.models import Note, QuizAttempt
from content.views.lookup import address, own_concept
from roadmaps import deciding, learning
from roadmaps.deciding import RefusedError
from roadmaps.models import Concept, Step
from roadmaps.views import SignedInRequest, conditional, decision, fragment, number


@require_safe
@login_required
def concept(request: SignedInRequest, slug: str, key: str) -> HttpResponse:
    found = own_concept(request, slug, key)
    if slug != found.roadmap.slug:
        return redirect(address(found))
    return _page(request, found)


def _page(
    request: SignedInRequest,
    found: Concept,
    form: NoteForm | None = None,
    *,
    wish: WishForm | None = None,
    wished_kind: str = "",
    other: Note | None = None,
) -> HttpResponse:
    """`wish` is what was typed for one kind of piece and refused: it stays before its reader.

    `other` is the note that was written elsewhere, where the reader's was not kept for it.
    """
    context = reading.concept_page(found, request.user, is_priced=True)
    note, quiz = context["note"], context["quiz"].piece
    form = form or NoteForm(initial={"text": note.text if note else ""})
    context |= {
        "unfinished": answering.unfinished(quiz, request.user, QuizAttempt.Way.IN_TURN) if quiz else None,
        "note_form": form,
        "note_page": request.POST.get("page") or uuid.uuid4(),
        "note_since": request.POST.get("since", note.saved_at.isoformat() if note else ""),
        "other": other,
        "wish": wish,
        "wished_kind": wished_kind,
        "provider": settings.LLM_PROVIDER,
    }
    return render(request, "content/concept.html", context)


@require_safe
@fragment
def pieces(request: SignedInRequest, slug: str, key: str) -> HttpResponse:
    """The three pieces' states; what came since the reader loaded the page is offered, never forced on them."""
    found = own_concept(request, slug, key)
    context = reading.pieces(found, {kind: number(request.GET.get(kind, "")) for kind in Step.CONTENT_KINDS})
    return conditional(request, context["tag"], lambda: render(request, "content/_pieces.html", context))


@decision
def done(request: SignedInRequest, slug: str, key: str) -> HttpResponse:
    """Learned, or with `learned=no` not any more; a second click changes nothing."""
    found = own_concept(request, slug, key)
    is_learned = request.POST.get("learned") != "no"
    learning.mark(found, user=request.user, is_learned=is_learned)
    messages.success(request, _marked(found, is_learned=is_learned))
    return redirect(address(found))


def _marked(found: Concept, *, is_learned: bool) -> str:
    """With the way on, as the page is shown from its beginning again."""
    if not is_learned:
        return format_html(_("“{name}” is marked as not learned yet."), name=found.name)
    following = reading.place(found)["next"]
    if following is None:
        return format_html(_("“{name}” is marked as learned."), name=found.name)
    where = reverse("content:concept", args=[found.roadmap.slug, following.key])
    link = format_html('<a href="{}" lang="{}">{}</a>', where, found.roadmap.content_language, following.name)
    return format_html(_("“{name}” is marked as learned. Next: {following}"), name=found.name, following=link)


@decision
def regenerate(request: SignedInRequest, slug: str, key: str, kind: str) -> HttpResponse:
    found = own_concept(request, slug, key)
    if kind not in Step.CONTENT_KINDS:
        raise Http404
    form = WishForm(request.POST)
    if form.is_valid():
        try:
            step = deciding.regenerate(found, kind, wish=form.cleaned_data["wish"], seen=_seen(request))
        except RefusedError as error:
            form.add_error("wish", str(error))
        else:
            if step.state != Step.State.DONE:
                messages.success(request, _("%(piece)s: being written.") % {"piece": step.get_kind_display()})
            return redirect(address(found))
    if not form["wish"].value():
        messages.error(request, " ".join(map(str, form.errors["wish"])))
        return redirect(address(found))
    return _page(request, found, wish=form, wished_kind=kind)


def _seen(request: SignedInRequest) -> datetime | None:
    """When the piece was finished that the form stands beside; a form without it asks whatever is there."""
    try:
        moment = parse_datetime(request.POST.get("seen", ""))
    except ValueError:
        return None
    return moment if moment and is_aware(moment) else None


@require_POST
def note(request: SignedInRequest, slug: str, key: str) -> HttpResponse:
    """Keep the reader's words. A script's request is answered with the state alone.

    Nothing typed is lost: what is refused comes back in the form, and a script leaves the form as it is. What was
    written elsewhere since this page was loaded is shown beside it, and gives way only when the reader says so.
    """
    if request.htmx and not request.user.is_authenticated:
        return render(request, "content/_note_state.html", {"is_signed_out": True})
    return _save_note(request, slug=slug, key=key)


@decision
def _save_note(request: SignedInRequest, slug: str, key: str) -> HttpResponse:
    found = own_concept(request, slug, key)
    form = NoteForm(request.POST)
    saved = other = None
    if form.is_valid():
        sent = request.POST
        since, page = noting.moment_of(sent.get("over") or sent.get("since", "")), noting.page_of(sent.get("page", ""))
        text, is_last = form.cleaned_data["text"], "is_last" in sent
        try:
            saved = noting.keep(found, user=request.user, text=text, since=since, page=page, is_last=is_last)
        except noting.NoteMovedOnError as error:
            other = error.note
    if request.htmx:
        return render(request, "content/_note_state.html", {"note": saved, "other": other, "note_form": form})
    return redirect(f"{address(found)}#note") if saved else _page(request, found, form, other=other)


@decision
def report(request: SignedInRequest, slug: str, key: str, resource: int) -> HttpResponse:
    found = own_concept(request, slug, key)
    if links.report(found, resource) is None:
        raise Http404
    return redirect(f"{address(found)}#resources")
