"""How a roadmap leaves, and how others get one."""

from datetime import datetime
from typing import Any, Literal

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from ninja import Router, Status
from pydantic import Field

from content import importing, sharing
from content.api.door import TokenRequest
from content.api.once import RequestKey, answer_once
from content.api.roadmap_shapes import RoadmapSummary
from content.api.roadmaps import summary
from content.api.shapes import READS, ErrorAnswer, Shape, change, read
from content.exporting.formats import FORMATS
from content.models import Share
from content.views.lookup import own_roadmap
from content.views.taking_away import file_of
from roadmap_project import throttling

router = Router(tags=["Taking away and sharing"])
shared_router = Router(tags=["Taking away and sharing"])

FILE = {"type": "string", "format": "binary"}
FILES = {
    each.content_type.partition(";")[0]: {"schema": {} if each.name == "json" else FILE} for each in FORMATS.values()
}


class SharedLink(Shape):
    token: str
    url: str = Field(
        examples=["https://roadmaps.example.org/shared/…/"], description="Who has it can read the roadmap."
    )
    created_at: datetime
    repeats_goal: bool = Field(description="Whether its title or outline holds your goal, word for word.")


@router.get(
    "{slug:slug}/export/{file_format}",
    response={READS: ErrorAnswer},
    summary="Take a roadmap away",
    openapi_extra={"responses": {200: {"description": "The file", "content": FILES}}},
)
def export_roadmap(
    request: TokenRequest, slug: str, file_format: Literal["epub", "markdown", "anki", "json"]
) -> HttpResponse:
    """With the answers of its quizzes and, but for `anki`, with your notes; with what you learned only as `json`.

    What is not written yet is said in the file.
    """
    return file_of(own_roadmap(request, slug), file_format)


@router.get("{slug:slug}/share", response=read(SharedLink), summary="Read the link for others")
def read_share(request: TokenRequest, slug: str) -> Any:
    return _link(request, get_object_or_404(Share, roadmap=own_roadmap(request, slug)))


@router.put("{slug:slug}/share", response=change(SharedLink), summary="Share by a link")
def share_roadmap(request: TokenRequest, slug: str) -> Any:
    """Who has the link can read the roadmap and copy it. Shared again, it is the same.

    It shows nothing of your progress, notes or account. Texts that were made for your goal may repeat it.
    """
    return _link(request, sharing.share(own_roadmap(request, slug)))


@router.delete("{slug:slug}/share", response=change(None, status=204), summary="Revoke the link")
def unshare_roadmap(request: TokenRequest, slug: str) -> Any:
    sharing.revoke(own_roadmap(request, slug))
    return Status(204, None)


@shared_router.post(
    "{share_token:token}/copy", response=change(RoadmapSummary, status=201), summary="Copy a shared roadmap"
)
def copy_shared(request: TokenRequest, token: str, idempotency_key: RequestKey = None) -> Any:
    """Into one of yours, with all that is written."""

    def prepare() -> importing.LaidOut:
        share = get_object_or_404(Share.objects.open().select_related("roadmap"), token=token)
        throttling.count(throttling.bringing_in(request.user.pk))
        return sharing.lay_out(share, reader=request.user)

    def copy(laid_out: importing.LaidOut) -> Any:
        made = importing.create(laid_out, owner=request.user, origin=importing.FROM_A_LINK)
        return Status(201, summary(request, made))

    return answer_once(request, idempotency_key, b"", copy, prepare=prepare)


def _link(request: TokenRequest, share: Share) -> SharedLink:
    address = request.build_absolute_uri(reverse("content:shared", args=[share.token]))
    repeats_goal = sharing.repeats_goal(share.roadmap)
    return SharedLink(token=share.token, url=address, created_at=share.created_at, repeats_goal=repeats_goal)
