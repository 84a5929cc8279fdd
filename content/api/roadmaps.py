"""What can be done with a roadmap as a whole."""

from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.cache import get_conditional_response
from django.utils.http import quote_etag
from django.utils.translation import gettext as _
from ninja import Query, Router, Status

from content import importing
from content.api.door import TokenRequest
from content.api.errors import InvalidError, require
from content.api.once import RequestKey, answer_once, once
from content.api.paging import Page, Paging, paged
from content.api.roadmap_shapes import (
    ApprovedOutline,
    DeletedRoadmap,
    LogFilter,
    LogLine,
    NewRoadmap,
    PlanToChange,
    Revision,
    RevisionSummary,
    RoadmapDetail,
    RoadmapSummary,
    SeenOutline,
    WantedChange,
    WantedChangeState,
)
from content.api.shapes import change, read
from content.exporting.documents import RoadmapDocument
from content.views.lookup import own_roadmap
from roadmap_project import throttling
from roadmaps import accounts, deciding, reading, reshaping, starting
from roadmaps.deciding import RefusedError
from roadmaps.forms import GoalForm
from roadmaps.models import LogEntry, Roadmap
from roadmaps.slugs import token_of

DOCUMENT = {"$ref": "#/components/schemas/RoadmapDocument"}

router = Router(tags=["Roadmaps"])
log_router = Router(tags=["Log"])


def summary(request: TokenRequest, made: Roadmap) -> RoadmapSummary:
    """As it is now. What was made under a request's key may be deleted meanwhile."""
    found = reading.listed(request.user).filter(pk=made.pk).first()
    if found is None:
        raise RefusedError(_("The roadmap that this request made was deleted."))
    return RoadmapSummary.model_validate(found)


@router.get("", response=read(Page[RoadmapSummary]), summary="List your roadmaps")
def list_roadmaps(request: TokenRequest, paging: Query[Paging]) -> Any:
    """The newest first."""
    return paged(reading.listed(request.user), paging, RoadmapSummary.model_validate, by=("created_at", "id"))


@router.post("", response=change(RoadmapSummary, status=201), summary="Start a roadmap")
@once
def start_roadmap(request: TokenRequest, body: NewRoadmap) -> Any:
    """State a goal; what you leave out is as your profile says.

    The outline is designed next; ask for the roadmap until its state is `in_review`.
    """
    sent = {field: value for field, value in body.model_dump().items() if value is not None}
    wished = accounts.defaults(request.user) | sent
    wishes = wished | require(GoalForm(wished))  # the form has the fewer fields
    del wishes["request_key"]  # the form's own
    return Status(201, summary(request, starting.start(owner=request.user, **wishes)))


@router.post(
    "import",
    response=change(RoadmapSummary, status=201),
    summary="Bring a roadmap in",
    description=f"What the export `json` gave, as a new roadmap of yours: at most {importing.MOST_BYTES:,} bytes.",
    openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": DOCUMENT}}}},
)
def import_roadmap(request: TokenRequest, idempotency_key: RequestKey = None) -> Any:
    sent = request.read(importing.MOST_BYTES + 1)
    if len(sent) > importing.MOST_BYTES:
        raise RequestDataTooBig

    def prepare() -> importing.LaidOut:
        throttling.count(throttling.bringing_in(request.user.pk))
        return importing.lay_out(_parsed(sent))

    def bring_in(laid_out: importing.LaidOut) -> Any:
        made = importing.create(laid_out, owner=request.user, origin=importing.FROM_A_FILE)
        return Status(201, summary(request, made))

    return answer_once(request, idempotency_key, sent, bring_in, prepare=prepare)


def _parsed(sent: bytes) -> RoadmapDocument:
    """Raises InvalidError with what is wrong and where, as the importing says it."""
    try:
        return importing.parse(sent)
    except importing.WrongFileError as error:
        raise InvalidError([{"field": each.place, "message": each.words} for each in error.mistakes]) from error
    except RefusedError as error:
        raise InvalidError([{"field": "", "message": str(error)}]) from error


@router.get("deleted", response=read(Page[DeletedRoadmap]), summary="List your deleted roadmaps")
def list_deleted(request: TokenRequest, paging: Query[Paging]) -> Any:
    """Those that can still be taken back, the last deleted first."""
    return paged(reading.deleted_of(request.user), paging, DeletedRoadmap.of, by=("deleted_at", "id"))


@router.post("{slug:slug}/take-back", response=change(RoadmapSummary), summary="Take a deleted roadmap back")
@once
def take_back_roadmap(request: TokenRequest, slug: str) -> Any:
    """As it was, but for what was being made: that is taken up again when you ask for it. One that is there stays."""
    owned = Roadmap.objects.filter(owner=request.user, token=token_of(slug))
    return summary(request, deciding.take_back(get_object_or_404(owned).pk))


@router.get("{slug:slug}", response=read(RoadmapDetail), summary="Read a roadmap")
def read_roadmap(request: TokenRequest, response: HttpResponse, slug: str) -> Any:
    """The whole outline with states and progress. Send its ETag as `If-None-Match` while you wait: 304 is cheap."""
    found = own_roadmap(request, slug)
    unchanged = get_conditional_response(request, etag=quote_etag(reading.current_tag(found)))
    if unchanged is not None:
        return unchanged
    page = reading.page(found)
    response.headers["ETag"] = quote_etag(page.tag)
    return RoadmapDetail.of(page, reading.prerequisite_keys(page))


@router.patch("{slug:slug}", response=change(RoadmapSummary), summary="Change the plan and the wishes")
def change_plan(request: TokenRequest, slug: str, body: PlanToChange) -> Any:
    """The finishing date follows hours and deadline; wishes count for what is designed or written from now on."""
    return summary(request, deciding.change_plan(own_roadmap(request, slug).pk, **body.wanted()))


@router.delete("{slug:slug}", response=change(None, status=204), summary="Delete a roadmap")
def delete_roadmap(request: TokenRequest, slug: str) -> Any:
    """Out of sight at once, and gone for good some weeks later."""
    deciding.delete(own_roadmap(request, slug).pk)
    return Status(204, None)


@router.post("{slug:slug}/approve", response=change(RoadmapSummary), summary="Approve the outline")
@once
def approve_roadmap(request: TokenRequest, slug: str, body: ApprovedOutline | None = None) -> Any:
    """Have everything written. Approved again, it changes nothing. Say which version you saw, and no other is."""
    seen = body.seen_version if body else None
    return summary(request, deciding.approve(own_roadmap(request, slug).pk, seen_version=seen))


@router.post("{slug:slug}/cancel", response=change(RoadmapSummary), summary="Stop the work")
@once
def cancel_roadmap(request: TokenRequest, slug: str) -> Any:
    """What was written stays."""
    return summary(request, deciding.cancel(own_roadmap(request, slug).pk))


@router.post("{slug:slug}/retry", response=change(RoadmapSummary), summary="Take up what failed or was stopped")
@once
def retry_roadmap(request: TokenRequest, slug: str) -> Any:
    """And only that."""
    return summary(request, deciding.retry(own_roadmap(request, slug).pk))


@router.post("{slug:slug}/changes", response=change(WantedChangeState, status=202), summary="Ask for changes")
@once
def request_changes(request: TokenRequest, slug: str, body: WantedChange) -> Any:
    """Say in words what should change in the outline, or answer what was asked back."""
    feedback = deciding.request_changes(own_roadmap(request, slug).pk, text=body.text, author=request.user)
    return Status(202, WantedChangeState.of(feedback))


@router.post("{slug:slug}/review", response=change(RoadmapSummary, status=202), summary="Ask for a review")
@once
def request_review(request: TokenRequest, slug: str) -> Any:
    """Of the outline's latest version, where it has none, for example after edits by hand."""
    return Status(202, summary(request, deciding.request_review(own_roadmap(request, slug).pk)))


@router.get("{slug:slug}/outlines", response=read(Page[RevisionSummary]), summary="List the outline's versions")
def list_outlines(request: TokenRequest, slug: str, paging: Query[Paging]) -> Any:
    """The latest first."""
    revisions = own_roadmap(request, slug).revisions.defer("tree")
    return paged(revisions, paging, RevisionSummary.model_validate, by=("number",))


@router.get("{slug:slug}/outlines/{row:number}", response=read(Revision), summary="Read a version of the outline")
def read_outline(request: TokenRequest, slug: str, number: int) -> Any:
    revisions = own_roadmap(request, slug).revisions.select_related("review")
    return Revision.of(get_object_or_404(revisions, number=number))


@router.post(
    "{slug:slug}/outlines/{row:number}/restore", response=change(Revision), summary="Take a version of the outline back"
)
@once
def restore_outline(request: TokenRequest, slug: str, number: int, body: SeenOutline) -> Any:
    """As a new version; refused where it changed since you looked, and after the review where it has other concepts."""
    found = own_roadmap(request, slug)
    reshaping.restore(found.pk, seen_version=body.seen_version, by=request.user, version=number)
    return Revision.of(found.revisions.select_related("review").order_by("-number")[0])


@log_router.get("{slug:slug}/log", response=read(Page[LogLine]), summary="Read the execution log")
def read_log(request: TokenRequest, slug: str, filters: Query[LogFilter]) -> Any:
    """What happened, the latest first; from one level on, of one kind of step, about one concept, if you say so."""
    wanted = filters.model_dump(exclude=set(Paging.model_fields), exclude_none=True)
    lines = reading.log_of(own_roadmap(request, slug), **wanted)
    return paged(lines, filters, _line, by=("happened_at", "id"))


def _line(entry: LogEntry) -> LogLine:
    own = {name: getattr(entry, name) for name in ("happened_at", "level", "event", "message", "step_kind")}
    key = entry.concept.key if entry.concept else None
    return LogLine(**own, concept=key, seconds=entry.seconds, next=entry.follows)
