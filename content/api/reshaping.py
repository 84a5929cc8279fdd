"""How does a program change an outline by hand, while it waits for its owner's review?"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from django.contrib.auth.models import User
from django.utils.translation import gettext as _
from ninja import Router, Status
from pydantic import Field

from content.api.door import TokenRequest
from content.api.errors import InvalidError
from content.api.once import once
from content.api.roadmap_shapes import Difficulty, Revision, SeenOutline
from content.api.shapes import Number, NumberOrNone, Sent, Text, change
from content.views.lookup import own_roadmap
from roadmap_project.library.planning import MOST_PREREQUISITES
from roadmaps import reshaping
from roadmaps.allowing import WrongPartError
from roadmaps.models import Roadmap
from roadmaps.reshaping import Edit, NewConcept

PARTS = "{slug:slug}/outline/parts"
PART = f"{PARTS}/{{outline_part:part}}"
OF_CONCEPTS_ALONE = ("hours", "difficulty", "prerequisites")

router = Router(tags=["Outline"])

Keys = list[Text]


class PartDescribed(Sent):
    name: Text = Field(max_length=200, examples=["Joining tables"])
    description: Text = Field(max_length=4000, examples=["Rows of two tables that belong together."])


class ConceptToAdd(PartDescribed):
    hours: Number = Field(1.0, ge=0.5, le=8, examples=[1])
    difficulty: Difficulty = Field("easy", description="Easy is 0.5 to 2 hours, medium 2 to 4, hard 4 to 8.")
    prerequisites: Keys = Field([], max_length=MOST_PREREQUISITES, examples=[[]])

    def new(self) -> NewConcept:
        return NewConcept(**{name: getattr(self, name) for name in ConceptToAdd.model_fields})


class PartToAdd(SeenOutline):
    """One of the three: what is added stands at the end of what it goes into."""

    concept: ConceptToAdd | None = Field(None, description="Into the module that `into` names.")
    module: PartDescribed | None = Field(
        None, description="Into the stage that `into` names; with its `first` concept."
    )
    stage: PartDescribed | None = Field(None, description="At the outline's end; with its `first` concept.")
    into: Text = Field("", max_length=20, examples=["m-1-1"])
    first: ConceptToAdd | None = None

    model_config = {
        "json_schema_extra": {
            "examples": [
                {
                    "seen_version": 2,
                    "into": "m-1-1",
                    "concept": {"name": "Joining tables", "description": "Rows that belong together.", "hours": 1},
                }
            ]
        }
    }


class PartToChange(SeenOutline):
    """What is not sent stays as it is."""

    name: Text | None = Field(None, max_length=200, examples=["Joining tables"])
    description: Text | None = Field(None, max_length=4000)
    hours: NumberOrNone = Field(None, ge=0.5, le=8, description="Of a concept.")
    difficulty: Difficulty | None = Field(None, description="Of a concept.")
    prerequisites: Keys | None = Field(
        None, max_length=MOST_PREREQUISITES, description="Keys of the concepts that a concept builds on."
    )
    into: Text | None = Field(None, max_length=20, description="A concept's new module, or a module's new stage.")

    model_config = {"json_schema_extra": {"examples": [{"seen_version": 2, "name": "Joining tables"}]}}


class PartToMove(SeenOutline):
    direction: Literal["up", "down"] = Field(examples=["down"], description="Past the end: into the next part.")


class Edited(Revision):
    """The version that was made; the same as before where nothing changed."""

    part: str = Field(examples=["c-1-1-4"], description="Where the part stands now; empty where it is gone.")


@router.post(PARTS, response=change(Edited, status=201), summary="Add to the outline")
@once
def add_part(request: TokenRequest, slug: str, body: PartToAdd) -> Any:
    """A concept, a module or a stage. Stages and modules are named by their places: `s-2`, `m-2-1`.

    Every change names the latest version that you have seen, and is refused where it is not the latest any more.
    """
    roadmap = own_roadmap(request, slug)
    with _told_by_field():
        return Status(201, _edited(roadmap, _add(roadmap.pk, body, by=request.user)))


def _add(roadmap_id: int, body: PartToAdd, *, by: User) -> Edit:
    seen: dict[str, Any] = {"seen_version": body.seen_version, "by": by}
    match body:
        case PartToAdd(concept=ConceptToAdd() as concept, module=None, stage=None, first=None):
            return reshaping.add_concept(roadmap_id, module=body.into, concept=concept.new(), **seen)
        case PartToAdd(concept=None, module=PartDescribed() as module, stage=None, first=ConceptToAdd() as first):
            words: dict[str, Any] = {"name": module.name, "description": module.description}
            return reshaping.add_module(roadmap_id, stage=body.into, first=first.new(), **words, **seen)
        case PartToAdd(concept=None, module=None, stage=PartDescribed() as stage, first=ConceptToAdd() as first):
            words = {"name": stage.name, "description": stage.description}
            return reshaping.add_stage(roadmap_id, first=first.new(), **words, **seen)
    raise InvalidError(
        [{"field": "concept", "message": _("Send a concept, or a module or a stage with its first concept.")}]
    )


@router.patch(PART, response=change(Edited), summary="Change a part of the outline")
def change_part(request: TokenRequest, slug: str, part: str, body: PartToChange) -> Any:
    """A stage, a module or a concept; what would make a circle of prerequisites is refused with the way round."""
    roadmap = own_roadmap(request, slug)
    with _told_by_field():
        return _edited(roadmap, _change(roadmap.pk, part, body, by=request.user))


def _change(roadmap_id: int, part: str, body: PartToChange, *, by: User) -> Edit:
    wishes: dict[str, Any] = body.model_dump(exclude={"seen_version", "into"}, exclude_none=True)
    common: dict[str, Any] = {"seen_version": body.seen_version, "by": by}
    if part.startswith("c"):
        return reshaping.change_concept(roadmap_id, key=part, module=body.into, **wishes, **common)
    if foreign := [name for name in OF_CONCEPTS_ALONE if name in wishes]:
        raise InvalidError([{"field": name, "message": _("Only a concept has this.")} for name in foreign])
    if part.startswith("m"):
        return reshaping.change_module(roadmap_id, module=part, stage=body.into, **wishes, **common)
    if body.into is not None:
        raise InvalidError([{"field": "into", "message": _("A stage lies in nothing; move it up or down.")}])
    return reshaping.change_stage(roadmap_id, stage=part, **wishes, **common)


@router.post(f"{PART}/remove", response=change(Edited), summary="Remove a part of the outline")
@once
def remove_part(request: TokenRequest, slug: str, part: str, body: SeenOutline) -> Any:
    """With all that it holds; what built on it does so no longer."""
    roadmap = own_roadmap(request, slug)
    return _edited(roadmap, reshaping.remove(roadmap.pk, seen_version=body.seen_version, by=request.user, part=part))


@router.post(f"{PART}/move", response=change(Edited), summary="Move a part of the outline")
@once
def move_part(request: TokenRequest, slug: str, part: str, body: PartToMove) -> Any:
    """One place up or down."""
    roadmap = own_roadmap(request, slug)
    seen: dict[str, Any] = {"seen_version": body.seen_version, "by": request.user}
    return _edited(roadmap, reshaping.move(roadmap.pk, part=part, direction=body.direction, **seen))


@contextmanager
def _told_by_field() -> Iterator[None]:
    """What no outline may hold is told like every field that is wrong."""
    try:
        yield
    except WrongPartError as error:
        field = error.field.replace("concept_", "", 1)
        raise InvalidError([{"field": field, "message": str(error)}]) from error


def _edited(roadmap: Roadmap, edit: Edit) -> Edited:
    made = roadmap.revisions.select_related("review").order_by("-number")[0]
    return Edited(**dict(Revision.of(made)), part=edit.reference)
