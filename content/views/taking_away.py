"""Taking a roadmap away, bringing one in, and its link for others."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from content import importing, reading, sharing
from content.exporting import everything as exported_everything
from content.exporting import reading as exported
from content.exporting.documents import RoadmapDocument
from content.exporting.formats import FORMATS
from content.forms import ImportForm
from content.mistakes import Mistake
from content.models import Share
from content.views.lookup import own_roadmap
from roadmap_project import throttling
from roadmap_project.compressing import holds_a_secret
from roadmaps import starting
from roadmaps.deciding import RefusedError
from roadmaps.models import Roadmap
from roadmaps.views import SignedInRequest, decision


@require_safe
@holds_a_secret  # the link for others
@login_required
def take_away(request: SignedInRequest, slug: str) -> HttpResponse:
    found = own_roadmap(request, slug)
    share = Share.objects.filter(roadmap=found).first()
    has_outline = found.concepts.exists()
    context = {
        "roadmap": found,
        "formats": FORMATS.values(),
        "missing": reading.missing(found),
        "has_outline": has_outline,
        "repeats_goal": has_outline and sharing.repeats_goal(found),
        "share": share,
        "link": request.build_absolute_uri(reverse("content:shared", args=[share.token])) if share else "",
    }
    return render(request, "content/take_away.html", context)


@require_safe
@login_required
def download(request: SignedInRequest, slug: str, file_format: str) -> HttpResponse:
    found = own_roadmap(request, slug)
    try:
        return file_of(found, file_format)
    except throttling.TooManyTriesError as error:
        messages.error(request, str(error))
        return redirect("content:take_away", found.slug)


def file_of(found: Roadmap, file_format: str) -> HttpResponse:
    """The whole file is made before the first byte is sent. Raises TooManyTriesError, like `everything_of`."""
    if file_format not in FORMATS or not found.concepts.exists():
        raise Http404
    throttling.count(throttling.taking_away(found.owner_id))
    chosen = FORMATS[file_format]
    return HttpResponse(
        chosen.write(exported.for_owner(found)),
        content_type=chosen.content_type,
        headers={
            "Content-Disposition": f'attachment; filename="{found.slug}.{chosen.suffix}"',
            "Cache-Control": "private, no-store",
        },
    )


@require_safe
@login_required
def everything(request: SignedInRequest) -> HttpResponseBase:
    try:
        return everything_of(request.user)
    except throttling.TooManyTriesError as error:
        messages.error(request, str(error))
        return redirect("roadmaps:account")


def everything_of(user: User) -> FileResponse:
    """All that the person has here; made before the first byte is sent, on disk."""
    throttling.count(throttling.taking_away(user.pk))
    name = f"roadmaps-{timezone.localdate():%Y-%m-%d}.zip"
    response = FileResponse(exported_everything.write(user), as_attachment=True, filename=name)
    response.headers["Cache-Control"] = "private, no-store"
    return response


@decision
def share(request: SignedInRequest, slug: str) -> HttpResponse:
    found = own_roadmap(request, slug)
    try:
        sharing.share(found)
    except RefusedError as error:
        messages.error(request, str(error))
    return redirect(f"{reverse('content:take_away', args=[found.slug])}#share")


@decision
def unshare(request: SignedInRequest, slug: str) -> HttpResponse:
    found = own_roadmap(request, slug)
    sharing.revoke(found)
    messages.success(request, _("Nobody can read it by a link any more."))
    return redirect("content:take_away", found.slug)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def bring_in(request: SignedInRequest) -> HttpResponse:
    """A form that Back brought and that is sent again as it was leads to what it made."""
    form = ImportForm(request.POST, request.FILES) if request.method == "POST" else ImportForm()
    if form.is_valid():
        if made := starting.with_key(owner=request.user, request_key=form.cleaned_data["request_key"]):
            messages.info(request, _("You have already brought this roadmap in."))
            return redirect(made)
        try:
            throttling.count(throttling.bringing_in(request.user.pk))
            made = importing.create(
                importing.lay_out(importing.parse(form.cleaned_data["content"])),
                owner=request.user,
                origin=importing.FROM_A_FILE,
                request_key=form.cleaned_data["request_key"],
            )
        except importing.WrongFileError as error:
            form.add_error(None, [_as_html(each) for each in error.mistakes])
        except (RefusedError, throttling.TooManyTriesError) as error:
            form.add_error(None, str(error))
        else:
            return redirect(made)
    return render(request, "content/bring_in.html", {"form": form})


def _as_html(mistake: Mistake) -> SafeString:
    """With its place in words, and behind it as programs name it; English words are marked."""
    words = format_html('<span lang="{}">{}</span>', mistake.language, mistake.words)
    shown = words if mistake.language else mistake.words
    if not mistake.named:
        return format_html("{}", shown)
    told = format_html(_("{place}: {words}"), place=mistake.named, words=shown)
    return told if mistake.place.isidentifier() else format_html("{} <code>{}</code>", told, mistake.place)


@require_safe
def schema(request: HttpRequest) -> HttpResponse:
    """What the JSON holds, as JSON Schema."""
    return JsonResponse(RoadmapDocument.model_json_schema(), json_dumps_params={"indent": 1})
