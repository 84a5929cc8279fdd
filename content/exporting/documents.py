"""What is a roadmap outside of this system? The schema of its JSON, and what every other format is made from.

Version 2, which may say when a concept was learned; version 1 knew of no such field and would call it a mistake. What
an import accepts is validated by it; an export makes it from rows as they are, without validation, so that nothing an
editor wrote keeps anybody from taking their roadmap away.
"""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StringConstraints

from content.answers import (
    EDITOR_LIMITS,
    PieceLimits,
    QuestionAnswer,
    QuizAnswer,
    ResourceAnswer,
    ResourcesAnswer,
    TutorialAnswer,
)
from content.models import Note
from roadmaps.answers import HAND_LIMITS, ConceptOutline, Line, ModuleOutline, OutlineTree, StageOutline
from roadmaps.models import Roadmap, Step

STRICT = ConfigDict(extra="forbid", str_strip_whitespace=True)
# Wider than what a provider may answer: people and editors add to it.
MOST_CHARACTERS = 4_000_000  # of all tutorials together, of which content/importing.py says what they cost
LIMITS = {
    "outline": HAND_LIMITS,
    "piece": PieceLimits(resources=(0, 50), questions=(1, 50), markdown=(1, 200_000), note=EDITOR_LIMITS.note),
}

Origin = Annotated[str, StringConstraints(max_length=200)]


class TutorialDocument(TutorialAnswer):
    model_config = STRICT
    origin: Origin = ""


class ResourceDocument(ResourceAnswer):
    model_config = STRICT
    description: Annotated[str, StringConstraints(max_length=3000)] = ""


class ResourcesDocument(ResourcesAnswer):
    model_config = STRICT
    resources: list[ResourceDocument] = Field(max_length=50)  # type: ignore[assignment]
    note: Annotated[str, StringConstraints(max_length=EDITOR_LIMITS.note)] = ""
    origin: Origin = ""


class QuestionDocument(QuestionAnswer):
    model_config = STRICT


class QuizDocument(QuizAnswer):
    model_config = STRICT
    questions: list[QuestionDocument] = Field(max_length=50)  # type: ignore[assignment]
    origin: Origin = ""


class ConceptDocument(ConceptOutline):
    """A concept with what was written for it; null where that is missing."""

    model_config = STRICT
    source: Annotated[str, StringConstraints(max_length=200)] = Field("", description="Its place in the library.")
    tutorial: TutorialDocument | None = None
    resources: ResourcesDocument | None = None
    quiz: QuizDocument | None = None
    note: Annotated[str, StringConstraints(max_length=Note.LENGTH, strip_whitespace=False)] = Field(
        "", description="The person's own words."
    )
    learned_at: datetime | None = Field(None, description="When the person marked it as learned.")

    def missing(self) -> list[str]:
        """The kinds of pieces that are not there, by name."""
        return [str(kind.label) for kind in Step.CONTENT_KINDS if getattr(self, kind.value) is None]


class ModuleDocument(ModuleOutline):
    model_config = STRICT
    concepts: list[ConceptDocument] = Field(max_length=HAND_LIMITS.concepts[1])  # type: ignore[assignment]


class StageDocument(StageOutline):
    model_config = STRICT
    modules: list[ModuleDocument] = Field(max_length=HAND_LIMITS.modules[1])  # type: ignore[assignment]


class RoadmapDocument(OutlineTree):
    """A roadmap with everything that was written for it."""

    model_config = STRICT
    format: Literal["roadmap"]
    version: Literal[1, 2]
    id: Annotated[str, StringConstraints(max_length=40)] = Field("", description="The roadmap that it was made from.")
    exported_at: datetime | None = None
    title: Line
    goal: Annotated[str, StringConstraints(min_length=1, max_length=Roadmap.GOAL_LENGTH)]
    level: Literal["beginner", "intermediate", "advanced"] = "beginner"
    hours_per_week: int = Field(6, ge=1, le=168)
    motivation: Annotated[str, StringConstraints(max_length=1000)] = ""
    background: Annotated[str, StringConstraints(max_length=2000)] = ""
    preference: Literal["any", "visual", "text", "audio", "hands_on"] = "any"
    language: Annotated[str, StringConstraints(min_length=1, max_length=40)] = "en"
    second_language: Annotated[str, StringConstraints(max_length=40)] = ""
    deadline: date | None = None
    rationale: Annotated[str, StringConstraints(max_length=8000)] = ""  # a design's, and what is said since
    origin: Origin = ""
    stages: list[StageDocument] = Field(max_length=HAND_LIMITS.stages[1])  # type: ignore[assignment]

    def parts(self) -> list[ConceptDocument]:
        """All concepts in order."""
        return [concept for stage in self.stages for module in stage.modules for concept in module.concepts]

    def numbered(self) -> Iterator[tuple[int, ConceptDocument]]:
        """All concepts in order, from 1: as files and chapters are numbered."""
        return enumerate(self.parts(), start=1)

    def prerequisites_of(self, concept: ConceptDocument) -> list[ConceptDocument]:
        return [each for each in self.parts() if each.key in concept.prerequisites]

    @property
    def hours(self) -> float:
        return sum(concept.hours for concept in self.parts())

    def missing(self) -> list[tuple[ConceptDocument, list[str]]]:
        """Concepts of which something is not written, and what."""
        return [(concept, kinds) for concept in self.parts() if (kinds := concept.missing())]

    def outline(self) -> OutlineTree:
        """The tree alone, as a version of the outline stores it."""
        return OutlineTree.model_construct(
            title=self.title,
            stages=[
                StageOutline.model_construct(
                    name=stage.name,
                    description=stage.description,
                    modules=[
                        ModuleOutline.model_construct(
                            name=module.name,
                            description=module.description,
                            concepts=[
                                ConceptOutline.model_construct(
                                    **{name: getattr(each, name) for name in ConceptOutline.model_fields}
                                )
                                for each in module.concepts
                            ],
                        )
                        for module in stage.modules
                    ],
                )
                for stage in self.stages
            ],
        )
