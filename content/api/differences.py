"""What is different between two versions, of an outline or of a piece?"""

from typing import Any, Literal

from django.shortcuts import get_object_or_404
from ninja import Query, Router
from pydantic import Field

from content import reading
from content.api.concepts import PREFIX
from content.api.door import TokenRequest
from content.api.shapes import Kind, Sent, Shape, read
from content.views.lookup import own_concept, own_roadmap
from roadmaps import differences, outline
from roadmaps.models import Step

outline_router = Router(tags=["Roadmaps"])
piece_router = Router(tags=["Pieces"])


class With(Sent):
    to: int | None = Field(
        None, ge=1, le=1_000_000, examples=[2], description="The version to compare with; else the latest."
    )


class PartDifference(Shape):
    """One thing that happened to one part."""

    kind: Literal["added", "changed", "moved", "removed"]
    name: str = Field(examples=["Joining tables"])
    key: str = Field(examples=["c-1-1-4"], description="A concept's; empty for stages and modules.")
    details: list[str] = Field(examples=[["was called “Joins”"]])


class OutlineDifference(Shape):
    before: int = Field(examples=[1])
    after: int = Field(examples=[2])
    changes: list[PartDifference]


class Span(Shape):
    kind: Literal["same", "added", "removed"]
    text: str = Field(examples=["Joining tables"])


class Line(Shape):
    spans: list[Span] = Field(description="None stand for unchanged lines that are left out.")


class TextDifference(Shape):
    before: int = Field(examples=[1])
    after: int = Field(examples=[2])
    lines: list[Line] | None = Field(description="What changed, with a line around it; null where it is too long.")


@outline_router.get(
    "{slug:slug}/outlines/{row:number}/difference",
    response=read(OutlineDifference),
    summary="Compare versions of the outline",
)
def compare_outlines(request: TokenRequest, slug: str, number: int, against: Query[With]) -> Any:
    """From this version to another: what was added, changed, moved and removed, part by part."""
    revisions = own_roadmap(request, slug).revisions.order_by("-number")
    before = get_object_or_404(revisions, number=number)
    after = get_object_or_404(revisions, number=against.to) if against.to else revisions[0]
    found = differences.between(outline.tree_of(before), outline.tree_of(after))
    return OutlineDifference(
        before=before.number, after=after.number, changes=[PartDifference.model_validate(each) for each in found]
    )


@piece_router.get(
    f"{PREFIX}/pieces/{{kind}}/versions/{{row:version}}/difference",
    response=read(TextDifference),
    summary="Compare versions of a piece",
)
def compare_versions(request: TokenRequest, slug: str, key: str, kind: Kind, version: int, against: Query[With]) -> Any:
    """From this version to another, line by line; a quiz without its answers."""
    after, lines = reading.difference(own_concept(request, slug, key), Step.Kind(kind), version, against.to)
    shown = None if lines is None else [Line.model_validate(each) for each in lines]
    return TextDifference(before=version, after=after.version, lines=shown)
