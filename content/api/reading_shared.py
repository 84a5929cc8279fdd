"""What does a program get by a link for others? No word of the owner's, and nothing of their progress."""

from datetime import datetime
from typing import Any, Literal

from django.shortcuts import get_object_or_404
from ninja import Router
from pydantic import Field

from content import reading
from content.api.concept_shapes import ConceptName, Question
from content.api.door import TokenRequest
from content.api.roadmap_shapes import Difficulty
from content.api.shapes import Shape, Told, read
from content.models import Share
from roadmaps.models import Concept

router = Router(tags=["Taking away and sharing"])


class SharedConceptInOutline(Shape):
    key: str = Field(examples=["c-1-1-1"])
    name: str = Field(examples=["Tables and rows"])
    description: str
    hours: float = Field(examples=[1.5])
    difficulty: Difficulty
    prerequisites: list[str] = Field(examples=[[]], description="Names of the concepts that it builds on.")


class SharedModule(Shape):
    name: str
    description: str
    concepts: list[SharedConceptInOutline]


class SharedStage(Shape):
    name: str
    description: str
    modules: list[SharedModule]


class SharedRoadmap(Shape):
    title: str = Field(examples=["Querying a database"])
    level: Literal["beginner", "intermediate", "advanced"]
    language: str = Field(examples=["en"], description="That its texts have.")
    stages: list[SharedStage]


class SharedTutorial(Shape):
    title: str
    summary: str
    minutes: int
    markdown: str = Field(examples=["## Overview\n\nA table holds rows."])
    origin: Told


class SharedResource(Shape):
    title: str
    url: str = Field(examples=["https://www.postgresql.org/docs/"])
    kind: Literal["article", "video", "book", "course", "documentation", "tool"]
    description: str
    language: str
    status: Literal["unchecked", "ok", "broken", "refused"]
    checked_at: datetime | None


class SharedResources(Shape):
    note: Told = Field(description="Why there are none, and how to look.")
    origin: Told
    items: list[SharedResource]


class SharedQuiz(Shape):
    origin: Told
    questions: list[Question] = Field(description="Without their answers; copy the roadmap to answer them by API.")


class SharedConcept(Shape):
    key: str = Field(examples=["c-1-1-1"])
    name: str
    description: str
    hours: float
    difficulty: Difficulty
    stage: str
    module: str
    prerequisites: list[ConceptName]
    previous: ConceptName | None
    next: ConceptName | None
    tutorial: SharedTutorial | None
    resources: SharedResources | None
    quiz: SharedQuiz | None


@router.get("{share_token:token}", response=read(SharedRoadmap), summary="Read a shared roadmap")
def read_shared(request: TokenRequest, token: str) -> Any:
    """Its outline, as its link shows it to whoever has it."""
    page = reading.shared_outline(_share(token))
    stages = [_described(stage, modules=_modules(stage)) for stage in page["stages"]]
    roadmap = page["roadmap"]
    return SharedRoadmap.model_validate(
        {"title": roadmap.title, "level": roadmap.level, "language": roadmap.written_in, "stages": stages}
    )


@router.get(
    "{share_token:token}/concepts/{concept_key:key}", response=read(SharedConcept), summary="Read a shared concept"
)
def read_shared_concept(request: TokenRequest, token: str, key: str) -> Any:
    """With its tutorial, resources and quiz; null where something is not written yet."""
    share = _share(token)
    concepts = Concept.objects.filter(roadmap=share.roadmap).select_related("roadmap", "module__stage")
    found = get_object_or_404(concepts, key=key)
    page = reading.shared_concept(share, found)
    names = ("key", "name", "description", "hours", "difficulty")
    pieces = {name: page[name].piece for name in ("tutorial", "resources", "quiz")}
    return SharedConcept.model_validate(
        {
            **{name: getattr(found, name) for name in names},
            "stage": found.module.stage.name,
            "module": found.module.name,
            "prerequisites": list(page["prerequisites"]),
            **{name: page[name] for name in ("previous", "next")},
            "tutorial": _own(pieces["tutorial"], "title", "summary", "minutes", "markdown"),
            "resources": _own(pieces["resources"], "note", items="resources"),
            "quiz": _own(pieces["quiz"], questions="questions"),
        }
    )


def _share(token: str) -> Share:
    return get_object_or_404(Share.objects.open().select_related("roadmap"), token=token)


def _described(part: Any, **inner: Any) -> dict[str, Any]:
    return {"name": part.name, "description": part.description, **inner}


def _modules(stage: Any) -> list[dict[str, Any]]:
    return [
        _described(module, concepts=[_concept(each) for each in module.concepts.all()])
        for module in stage.modules.all()
    ]


def _concept(concept: Concept) -> dict[str, Any]:
    own = {name: getattr(concept, name) for name in ("key", "name", "description", "hours", "difficulty")}
    return {**own, "prerequisites": [each.name for each in concept.prerequisites.all()]}


def _own(piece: Any, *names: str, **rows: str) -> dict[str, Any] | None:
    """Without its version and without the wish by which its owner had it written."""
    if piece is None:
        return None
    inner = {name: list(getattr(piece, related).all()) for name, related in rows.items()}
    return {**{name: getattr(piece, name) for name in names}, "origin": piece.public_origin, **inner}
