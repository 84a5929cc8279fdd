"""The pages about a person's roadmaps."""

import functools
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Concatenate, ParamSpec

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.contrib.auth.views import redirect_to_login
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import translation
from django.utils.cache import get_conditional_response
from django.utils.http import quote_etag, url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseClientRefresh, replace_url
from django_htmx.middleware import HtmxDetails

from roadmap_project import known_browsers, languages
from roadmap_project.forms import SignUpForm
from roadmap_project.library.subjects import subjects
from roadmaps import accounts, added_subjects, deciding, drafting, estimating, reading, starting
from roadmaps.deciding import RefusedError
from roadmaps.forms import FeedbackForm, GoalForm, LogFilterForm, PlanForm
from roadmaps.models import Profile, Roadmap
from roadmaps.reviewing import SCORE_NAMES
from roadmaps.slugs import token_of

ROADMAPS_PER_PAGE = 20
LOG_LINES_PER_PAGE = 100
P = ParamSpec("P")


class SignedInRequest(HttpRequest):
    """What a view behind login_required gets."""

    user: User
    htmx: HtmxDetails


def signed_out() -> HttpResponse:
    """To a script: the page keeps what it shows, and says that one has to sign in, in another tab."""
    return HttpResponse(status=HTTPStatus.UNAUTHORIZED)


def fragment(
    view: Callable[Concatenate[SignedInRequest, P], HttpResponse],
) -> Callable[Concatenate[SignedInRequest, P], HttpResponse]:
    """Like login_required, but a signed-out reader's page is loaded again instead of swallowing the sign-in form.

    What they filled in stays before them.
    """

    @functools.wraps(view)
    def wrapped(request: SignedInRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if request.htmx and not request.user.is_authenticated:
            return signed_out() if request.method == "POST" else HttpResponseClientRefresh()
        answer: HttpResponse = login_required(view)(request, *args, **kwargs)
        return answer

    return wrapped


def decision(
    view: Callable[Concatenate[SignedInRequest, P], HttpResponse],
) -> Callable[Concatenate[SignedInRequest, P], HttpResponse]:
    """POST by somebody who is signed in; others find themselves on the roadmap's page after signing in.

    (login_required would send them back to this address, with a GET.)
    """

    @require_POST
    @functools.wraps(view)
    def wrapped(request: SignedInRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not request.user.is_authenticated:
            if request.htmx:
                return signed_out()
            return redirect_to_login(reverse("roadmaps:roadmap", args=[kwargs["slug"]]))
        return view(request, *args, **kwargs)

    return wrapped


def number(text: str) -> int:
    """A whole number that somebody may have tampered with; 0 for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else 0


def conditional(request: HttpRequest, tag: str, render_it: Callable[[], HttpResponse]) -> HttpResponse:
    """The rendered response with its tag, or 304 where the reader has it already."""
    etag = quote_etag(tag)
    unchanged = get_conditional_response(request, etag=etag)
    if unchanged is not None:
        return unchanged
    response = render_it()
    response.headers["ETag"] = etag
    return response


@require_safe
def list_roadmaps(request: SignedInRequest) -> HttpResponse:
    if not request.user.is_authenticated:
        return render(request, "roadmaps/welcome.html", _provider())
    roadmaps = Paginator(reading.listed(request.user), ROADMAPS_PER_PAGE).get_page(request.GET.get("page"))
    return render(
        request,
        "roadmaps/list.html",
        {
            "roadmaps": roadmaps,
            "deleted": reading.deleted(request.user),
            "lacks_address": settings.MAIL_IS_SENT and not request.user.email,
            "unconfirmed": None if request.user.email else unconfirmed(request),
        },
    )


def _provider() -> dict[str, Any]:
    """Who answers, for people to know before they start."""
    added_subjects.refresh()
    return {"provider": settings.LLM_PROVIDER, "model": settings.OPENAI_MODEL, "subjects": subjects()}


@require_http_methods(["GET", "HEAD", "POST"])
def sign_up(request: SignedInRequest) -> HttpResponse:
    """Afterwards to where they came from, for example the shared roadmap that they want to copy."""
    following = _following(request)
    if request.user.is_authenticated:
        return redirect(following or "roadmaps:list")
    form = SignUpForm(request, request.POST or None)
    if form.is_valid():
        person = form.save()
        if (language := translation.get_language()) and language != settings.LANGUAGE_CODE:
            accounts.speak(person, language)
        login(request, person)
        known_browsers.proven(request, person.get_username())
        if email := form.cleaned_data.get("email"):
            accounts.ask_for_address(person, email)
            messages.success(request, on_its_way(email))
        return redirect(following or "roadmaps:new")
    return render(request, "roadmaps/sign_up.html", {"form": form, "next": following})


def on_its_way(address: str) -> str:
    return _("A link is on its way to %(address)s. Open it within three days.") % {"address": address}


def unconfirmed(request: SignedInRequest) -> accounts.Unconfirmed | None:
    """The person's address that waits for its link to be opened, where mail is sent."""
    return accounts.unconfirmed(request.user) if settings.MAIL_IS_SENT else None


def _following(request: HttpRequest) -> str:
    """The page here that is to follow, or nothing: another site's is none."""
    wanted = request.POST.get("next") or request.GET.get("next", "")
    is_here = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if is_here and wanted.startswith("/") else ""


@require_http_methods(["GET", "HEAD", "POST"])
@fragment
def new(request: SignedInRequest) -> HttpResponse:
    """What was typed is kept while somebody looks at their account: by its button, and with a script on every way.

    By another language's button the form goes along into that language. A form that Back brought and that is sent again
    as it was leads to what it made.
    """
    defaults = accounts.defaults(request.user)
    form = GoalForm(request.POST or None, initial=defaults)
    if form.is_bound and (language := request.POST.get("speak")):
        drafting.keep(request.session, form.typed(), form_key=form.own_key())
        return _in_their_language(language, request, redirect("roadmaps:new"))
    if form.is_bound and (request.htmx or "to_account" in request.POST):
        drafting.keep(request.session, form.typed())
        if request.htmx:
            return HttpResponse(status=HTTPStatus.NO_CONTENT)
        return redirect(reverse("roadmaps:account") + "?new")
    if form.is_valid():
        made = starting.with_key(owner=request.user, request_key=form.cleaned_data["request_key"])
        if made:
            messages.info(request, _("You have already started this roadmap."))
        try:
            made = made or starting.start(owner=request.user, **{**defaults, **form.cleaned_data})
        except RefusedError as error:
            form.add_error("goal", str(error))
        else:
            drafting.forget(request.session)
            return redirect(made)
    if not form.is_bound:
        form.initial = {**defaults, **drafting.kept(request.session, request.user)}
    return _goal_page(request, form, defaults)


def _goal_page(request: SignedInRequest, form: GoalForm, defaults: dict[str, Any]) -> HttpResponse:
    expected = estimating.estimate(service=settings.CONNECTION_BUDGET.service("content"))
    wishes = {"preference": Roadmap.Preference(defaults["preference"]).label, "second": defaults["second_language"]}
    return render(request, "roadmaps/new.html", {"form": form, "expected": expected, "wishes": wishes, **_provider()})


def _in_their_language(language: str, request: SignedInRequest, response: HttpResponse) -> HttpResponse:
    """The page's other language is theirs from here on."""
    if language in Profile.InterfaceLanguage.values:
        accounts.speak(request.user, language)
        languages.remember(response, language)
    return response


@require_safe
@login_required
def roadmap(request: SignedInRequest, slug: str) -> HttpResponse:
    found = _owned(request, slug)
    if slug != found.slug:
        return redirect(found)
    return _page(request, found)


def _owned(request: SignedInRequest, slug: str) -> Roadmap:
    return get_object_or_404(reading.owned(request.user, slug))


def _page(
    request: SignedInRequest, found: Roadmap, *, form: FeedbackForm | None = None, plan: PlanForm | None = None
) -> HttpResponse:
    forms = {"plan": plan or PlanForm(instance=found), "plan_is_open": plan is not None or "plan" in request.GET}
    context = {**_context(found, form or FeedbackForm()), **forms, "provider": settings.LLM_PROVIDER}
    return render(request, "roadmaps/roadmap.html", context)


def _context(found: Roadmap, form: FeedbackForm) -> dict[str, Any]:
    page = reading.page(found)
    scores = page.review.scores if page.review else {}
    named = [(label, scores[name]) for name, label in SCORE_NAMES.items() if name in scores]
    days = settings.DELETED_ROADMAP_RETENTION_DAYS
    context = {"roadmap": found, "page": page, "scores": named, "form": form, "days_to_take_back": days}
    if found.state == Roadmap.State.IN_REVIEW:
        writing = estimating.answers_for(page.concepts_all)
        context["writing_price"], context["change_price"] = estimating.prices_of(writing, estimating.A_CHANGE)
    return context


@require_safe
@fragment
def progress(request: SignedInRequest, slug: str) -> HttpResponse:
    """The changing part of a roadmap's page, asked for every second and a half while it changes: seen within two."""
    found = _owned(request, slug)
    seen_map = request.GET.get("map", "")
    response = conditional(
        request,
        reading.current_tag(found),
        lambda: render(request, "roadmaps/progress.html", {**_context(found, FeedbackForm()), "seen_map": seen_map}),
    )
    return replace_url(response, found.get_absolute_url()) if slug != found.slug else response


@decision
def approve(request: SignedInRequest, slug: str) -> HttpResponse:
    seen = request.POST.get("seen_version")
    approve_it = functools.partial(deciding.approve, seen_version=None if seen is None else number(seen))
    return _decide(request, slug, approve_it, _("Approved. The tutorials, resources and quizzes are being written."))


@decision
def request_review(request: SignedInRequest, slug: str) -> HttpResponse:
    return _decide(request, slug, deciding.request_review, _("The outline is being reviewed as it is now."))


@decision
def cancel(request: SignedInRequest, slug: str) -> HttpResponse:
    return _decide(request, slug, deciding.cancel, _("Stopped. What was written stays."))


@decision
def retry(request: SignedInRequest, slug: str) -> HttpResponse:
    return _decide(request, slug, deciding.retry, _("Taken up again."))


def _decide(request: SignedInRequest, slug: str, decide: Callable[[int], Roadmap], confirmation: str) -> HttpResponse:
    """What changed nothing, because it was over already, is not confirmed; the page shows the state."""
    found = _owned(request, slug)
    try:
        if decide(found.pk).state != found.state:
            messages.success(request, confirmation)
    except RefusedError as error:
        messages.error(request, str(error))
    return redirect(found)


@decision
def request_changes(request: SignedInRequest, slug: str) -> HttpResponse:
    found = _owned(request, slug)
    form = FeedbackForm(request.POST)
    if form.is_valid():
        try:
            deciding.request_changes(found.pk, text=form.cleaned_data["text"], author=request.user)
        except RefusedError as error:
            form.add_error("text", str(error))
        else:
            messages.success(request, _("Your request is being worked into the outline."))
            return redirect(found)
    return _page(request, found, form=form)


@decision
def change_plan(request: SignedInRequest, slug: str) -> HttpResponse:
    found = _owned(request, slug)
    form = PlanForm(request.POST)
    if form.is_valid():
        try:
            deciding.change_plan(found.pk, **form.cleaned_data)
        except RefusedError as error:
            form.add_error("deadline", str(error))
        else:
            messages.success(request, _("Changed. The weeks and the day when you are done follow."))
            return redirect(found)
    return _page(request, found, plan=form)


@decision
def delete(request: SignedInRequest, slug: str) -> HttpResponse:
    found = _owned(request, slug)
    deciding.delete(found.pk)
    messages.success(request, _("“%(name)s” is deleted. Below you can take it back for a while.") % {"name": found})
    return redirect("roadmaps:list")


@decision
def take_back(request: SignedInRequest, slug: str) -> HttpResponse:
    found = get_object_or_404(reading.deleted_of(request.user), token=token_of(slug))
    try:
        deciding.take_back(found.pk)
    except RefusedError as error:
        messages.error(request, str(error))
        return redirect("roadmaps:list")
    messages.success(request, _("“%(name)s” is back.") % {"name": found})
    return redirect(found)


@require_safe
@login_required
def log(request: SignedInRequest, slug: str) -> HttpResponse:
    found = _owned(request, slug)
    if slug != found.slug:
        return redirect("roadmaps:log", found.slug)
    form = LogFilterForm(found, request.GET)
    chosen = form.chosen()
    entries = Paginator(reading.log_of(found, **chosen), LOG_LINES_PER_PAGE).get_page(request.GET.get("page"))
    lines = reading.timeline(entries)
    context = {"roadmap": found, "form": form, "is_narrowed": bool(chosen), "entries": entries, "lines": lines}
    return render(request, "roadmaps/log.html", context)
