"""How does a roadmap become a document? The number of queries does not depend on its size."""

from collections import defaultdict
from datetime import datetime
from typing import Any, TypeVar

from django.db.models import Prefetch
from django.utils import timezone
from pydantic import BaseModel

from content.exporting.documents import (
    ConceptDocument,
    ModuleDocument,
    QuestionDocument,
    QuizDocument,
    ResourceDocument,
    ResourcesDocument,
    RoadmapDocument,
    StageDocument,
    TutorialDocument,
)
from content.models import MODELS, Note
from roadmaps.models import Concept, ConceptProgress, Roadmap, Step

EVERYBODYS = ("title", "level", "preference", "second_language")
OWNERS_WORDS = ("goal", "motivation", "background", "hours_per_week", "deadline", "rationale", "origin")

NOTHING_WRITTEN: dict[str, Any] = {kind.value: None for kind in MODELS}
PieceDocument = TutorialDocument | ResourcesDocument | QuizDocument
DocumentType = TypeVar("DocumentType", bound=BaseModel)
Pieces = dict[int, dict[str, Any]]  # a concept's primary key to its pieces by kind
Notes = dict[int, str]
Learned = dict[int, datetime | None]


def for_owner(roadmap: Roadmap) -> RoadmapDocument:
    """Everything: the owner's own words, notes and progress too."""
    own = {"concept__roadmap": roadmap, "user": roadmap.owner_id}
    notes = dict(Note.objects.filter(**own).values_list("concept_id", "text"))
    learned = dict(ConceptProgress.objects.filter(**own).values_list("concept_id", "done_at"))
    words = {name: getattr(roadmap, name) for name in OWNERS_WORDS}
    pieces = _pieces(roadmap, origin="origin")
    return _document(roadmap, pieces, notes, learned, id=roadmap.token, **words)


def for_others(roadmap: Roadmap) -> RoadmapDocument:
    """What a shared link shows: nothing that the owner said or that was written about them, no progress and no name.

    But texts that were made for their goal may repeat it (`sharing.repeats_goal`), and so the title, which is the
    goal that a copy has.
    """
    return _document(roadmap, _pieces(roadmap, origin="public_origin"), {}, {}, goal=roadmap.title)


def _document(roadmap: Roadmap, pieces: Pieces, notes: Notes, learned: Learned, **words: Any) -> RoadmapDocument:
    concepts = Concept.objects.order_by("position").prefetch_related(
        Prefetch("prerequisites", Concept.objects.order_by("position").only("key"))
    )
    return RoadmapDocument.model_construct(
        format="roadmap",
        version=2,
        # What the library wrote is in English whatever was wished, and nobody could tell once its origin is another.
        language=roadmap.written_in,
        exported_at=timezone.now(),
        stages=[
            StageDocument.model_construct(
                name=stage.name,
                description=stage.description,
                modules=[
                    ModuleDocument.model_construct(
                        name=module.name,
                        description=module.description,
                        concepts=[_concept(each, pieces, notes, learned) for each in module.concepts.all()],
                    )
                    for module in stage.modules.all()
                ],
            )
            for stage in roadmap.stages.prefetch_related("modules", Prefetch("modules__concepts", concepts))
        ],
        **{name: getattr(roadmap, name) for name in EVERYBODYS},
        **words,
    )


def _concept(concept: Concept, pieces: Pieces, notes: Notes, learned: Learned) -> ConceptDocument:
    return _fields(
        ConceptDocument,
        concept,
        prerequisites=[each.key for each in concept.prerequisites.all()],
        note=notes.get(concept.pk, ""),
        learned_at=learned.get(concept.pk),
        **NOTHING_WRITTEN | pieces[concept.pk],
    )


def _pieces(roadmap: Roadmap, *, origin: str) -> Pieces:
    """The current pieces; `origin` names the attribute that tells where one came from."""
    found: Pieces = defaultdict(dict)
    for kind, model in MODELS.items():
        for piece in model.objects.current().filter(concept__roadmap=roadmap).prefetch_related(*model.rows):
            found[piece.concept_id][kind.value] = piece_document(kind, piece, origin=getattr(piece, origin))
    return found


def piece_document(kind: Step.Kind, piece: Any, *, origin: str = "") -> PieceDocument:
    """One piece, whatever its version; a resource list's links and a quiz's questions are read with it."""
    match kind:
        case Step.Kind.TUTORIAL:
            return _fields(TutorialDocument, piece, origin=origin)
        case Step.Kind.RESOURCES:
            links = [_fields(ResourceDocument, each) for each in piece.resources.all()]
            return _fields(ResourcesDocument, piece, resources=links, origin=origin)
        case _:
            questions = [_fields(QuestionDocument, each, question=each.text) for each in piece.questions.all()]
            return _fields(QuizDocument, piece, questions=questions, origin=origin)


def _fields(model: type[DocumentType], row: Any, **given: Any) -> DocumentType:
    """A document from what is given and the row's attributes of the same names."""
    same = {name: getattr(row, name) for name in model.model_fields if name not in given}
    return model.model_construct(**same, **given)
