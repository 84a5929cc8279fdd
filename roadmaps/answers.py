"""What a model must return when it analyses a goal, designs, reviews and edits an outline.

Every limit is enforced here, not only asked for in the prompt. A validator reads its limits from the
validation context, because curated subjects and the study scaffold have others than a model.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from django.utils.translation import gettext_noop
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationInfo, field_validator, model_validator
from pydantic.json_schema import SkipJsonSchema

from roadmap_project.library.planning import MOST_PREREQUISITES
from roadmap_project.told import kept

Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Question = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000)]
Score = Annotated[float, Field(ge=0, le=100)]

# What breaks a rule: said to the model that answered, stored with a review, and told to whoever brings a file in.
OTHER_HOURS = kept(gettext_noop("%(key)s: %(difficulty)s means %(least)s to %(most)s hours, not %(hours)s"))
STAGES_OUTSIDE = kept(gettext_noop("the outline has %(count)s stages, not %(least)s to %(most)s"))
MODULES_OUTSIDE = kept(gettext_noop("stage %(place)s has %(count)s modules, not %(least)s to %(most)s"))
CONCEPTS_OUTSIDE = kept(gettext_noop("module %(place)s has %(count)s concepts, not %(least)s to %(most)s"))
TOTAL_OUTSIDE = kept(gettext_noop("the outline has %(count)s concepts, not %(least)s to %(most)s"))
KEY_TWICE = kept(gettext_noop("the key %(key)s stands twice"))
UNKNOWN_PREREQUISITE = kept(gettext_noop("%(key)s has the unknown prerequisite %(other)s"))
LATER_PREREQUISITE = kept(gettext_noop("%(key)s has the prerequisite %(other)s, which does not come before it"))

HOURS_BY_DIFFICULTY = {"easy": (0.5, 2.0), "medium": (2.0, 4.0), "hard": (4.0, 8.0)}


class Answer(BaseModel):
    model_config = ConfigDict(str_strip_whitespace=True, extra="ignore")


class FormatWeights(Answer):
    visual: float = Field(ge=0, le=1)
    text: float = Field(ge=0, le=1)
    audio: float = Field(ge=0, le=1)
    hands_on: float = Field(ge=0, le=1)

    @model_validator(mode="after")
    def _sums_to_one(self) -> "FormatWeights":
        total = self.visual + self.text + self.audio + self.hands_on
        if abs(total - 1) > 0.05:
            raise ValueError(f"the four weights sum to {total:.2f}, not to 1")
        return self


class LanguageShare(Answer):
    language: Line
    ratio: float = Field(gt=0, le=1)


class GoalAnalysis(Answer):
    parsed_goal: Text
    slug_words: list[Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9]{1,24}$", to_lower=True)]] = Field(
        min_length=3, max_length=6
    )
    key_technologies: list[Line] = Field(default=[], max_length=30)
    difficulty_profile: Text
    time_constraint: Text
    recommended_focus: list[Line] = Field(default=[], max_length=20)
    profile_summary: Text
    skill_gaps: list[Line] = Field(default=[], max_length=20)
    suggestions: list[Line] = Field(default=[], max_length=20)
    path_type: Literal["quick_start", "deep_dive", "career_transition", "skill_upgrade"]
    format_weights: FormatWeights
    languages: list[LanguageShare] = Field(min_length=1, max_length=2)

    @field_validator("languages")
    @classmethod
    def _ratios_sum_to_one(cls, languages: list[LanguageShare]) -> list[LanguageShare]:
        if abs(sum(language.ratio for language in languages) - 1) > 0.01:
            raise ValueError("the languages' ratios must sum to 1")
        return languages


@dataclass(frozen=True)
class OutlineLimits:
    """Smallest and largest numbers of parts."""

    stages: tuple[int, int] = (3, 5)
    modules: tuple[int, int] = (2, 4)
    concepts: tuple[int, int] = (3, 6)
    total: tuple[int, int] = (18, 120)


MODEL_LIMITS = OutlineLimits()
LIBRARY_LIMITS = OutlineLimits(stages=(1, 8), modules=(1, 8), concepts=(1, 12), total=(8, 120))
HAND_LIMITS = OutlineLimits(stages=(1, 12), modules=(1, 12), concepts=(1, 20), total=(1, 150))


class ConceptOutline(Answer):
    key: Annotated[str, StringConstraints(pattern=r"^c-[0-9]{1,3}-[0-9]{1,3}-[0-9]{1,3}$")]
    name: Line
    description: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000)]
    hours: float = Field(ge=0.5, le=8)
    difficulty: Literal["easy", "medium", "hard"]
    keywords: list[Line] = Field(min_length=3, max_length=5)
    prerequisites: list[Annotated[str, StringConstraints(max_length=20)]] = Field(
        default=[], max_length=MOST_PREREQUISITES
    )
    # The library's own mark; a model's answer cannot set it (Outline.without_sources).
    source: SkipJsonSchema[str] = ""

    @model_validator(mode="after")
    def _hours_match_difficulty(self) -> "ConceptOutline":
        least, most = HOURS_BY_DIFFICULTY[self.difficulty]
        if not least <= self.hours <= most:
            hours = {"least": f"{least:g}", "most": f"{most:g}", "hours": f"{self.hours:g}"}
            raise ValueError(OTHER_HOURS % {"key": self.key, "difficulty": self.difficulty, **hours})
        return self


class ModuleOutline(Answer):
    name: Line
    description: Text
    concepts: list[ConceptOutline]


class StageOutline(Answer):
    name: Line
    description: Text
    modules: list[ModuleOutline]


class OutlineTree(Answer):
    """The tree alone; what a revision stores."""

    title: Line
    stages: list[StageOutline]

    @model_validator(mode="after")
    def _keeps_the_rules(self, info: ValidationInfo) -> "OutlineTree":
        limits: OutlineLimits = (info.context or {}).get("outline", MODEL_LIMITS)
        problems = [*size_problems(self, limits), *key_problems(self)]
        if problems:
            raise ValueError("; ".join(problems[:8]))
        return self

    def concepts(self) -> list[ConceptOutline]:
        return [concept for stage in self.stages for module in stage.modules for concept in module.concepts]

    def tree(self) -> dict[str, Any]:
        return self.model_dump(include={"title", "stages"})


class Outline(OutlineTree):
    rationale: Text


class EditedOutline(OutlineTree):
    summary: Text


def size_problems(tree: OutlineTree, limits: OutlineLimits) -> list[str]:
    problems = _outside(STAGES_OUTSIDE, len(tree.stages), limits.stages)
    for number, stage in enumerate(tree.stages, start=1):
        problems += _outside(MODULES_OUTSIDE, len(stage.modules), limits.modules, number)
        for place, module in enumerate(stage.modules, start=1):
            problems += _outside(CONCEPTS_OUTSIDE, len(module.concepts), limits.concepts, f"{number}.{place}")
    return problems + _outside(TOTAL_OUTSIDE, len(tree.concepts()), limits.total)


def _outside(sentence: str, count: int, limits: tuple[int, int], place: object = "") -> list[str]:
    least, most = limits
    said = sentence % {"place": place, "count": count, "least": least, "most": most}
    return [] if least <= count <= most else [said]


def key_problems(tree: OutlineTree) -> list[str]:
    """Duplicate keys, and prerequisites that are unknown or do not come earlier (so none can be cyclic)."""
    problems = []
    earlier: set[str] = set()
    known = {concept.key for concept in tree.concepts()}
    for concept in tree.concepts():
        if concept.key in earlier:
            problems.append(KEY_TWICE % {"key": concept.key})
        for key in concept.prerequisites:
            if key not in known:
                problems.append(UNKNOWN_PREREQUISITE % {"key": concept.key, "other": key or "“”"})
            elif key not in earlier:
                problems.append(LATER_PREREQUISITE % {"key": concept.key, "other": key})
        earlier.add(concept.key)
    return problems


class ScoredDimension(Answer):
    score: Score
    reason: Text


class ReviewIssue(Answer):
    severity: Literal["critical", "warning"]
    category: Literal["knowledge_gap", "structural_flaw", "user_mismatch"]
    location: Line
    issue: Text
    suggestion: Text


class ReviewSuggestion(Answer):
    action: Literal["add_concept", "add_module", "add_stage", "modify_concept", "reorder_stage", "merge_modules"]
    location: Line
    content: Text
    reason: Text


class Review(Answer):
    knowledge_completeness: ScoredDimension
    knowledge_progression: ScoredDimension
    stage_coherence: ScoredDimension
    module_clarity: ScoredDimension
    user_alignment: ScoredDimension
    issues: list[ReviewIssue] = Field(default=[], max_length=50)
    suggestions: list[ReviewSuggestion] = Field(default=[], max_length=50)


class EditIntent(Answer):
    action: Literal["add", "remove", "modify", "reorder", "merge", "split"]
    level: Literal["stage", "module", "concept"]
    target: Line
    description: Text
    priority: Literal["must", "should", "could"]


class EditPlan(Answer):
    summary: Text
    intents: list[EditIntent] = Field(default=[], max_length=40)
    preserve: list[Line] = Field(default=[], max_length=40)
    confidence: float = Field(ge=0, le=1)
    needs_clarification: bool = False
    questions: list[Question] = Field(default=[], max_length=10)

    @model_validator(mode="after")
    def _says_something(self) -> "EditPlan":
        if self.needs_clarification and not self.questions:
            raise ValueError("needs_clarification without a question")
        if not self.needs_clarification and not self.intents:
            raise ValueError("neither an intent nor a question")
        return self
