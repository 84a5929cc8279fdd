"""What do the bundled, curated subjects say? Files in, typed subjects out."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

FOLDER = Path(__file__).parent / "subjects"
SCAFFOLD = "study-scaffold"
FENCE = "+++"


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Term(Part):
    term: str
    weight: int = Field(ge=1, le=3)


class SubjectModule(Part):
    name: str
    description: str
    concepts: list[str]


class SubjectStage(Part):
    name: str
    description: str
    modules: list[SubjectModule]


class SubjectResource(Part):
    title: str
    url: str
    kind: str
    description: str
    relevance: float
    language: str = ""  # the subject's, where it is empty


class SubjectQuestion(Part):
    kind: str
    question: str
    options: list[str]
    correct: list[int]
    explanation: str
    difficulty: str


class SubjectConcept(Part):
    key: str
    name: str
    description: str
    difficulty: Literal["easy", "medium", "hard"]
    title: str = ""  # the tutorial's, where it is not the name
    hours: float
    importance: int = Field(ge=1, le=3)
    keywords: list[str]
    prerequisites: list[str]
    minutes: int
    summary: str
    resources: list[SubjectResource] = []
    resources_note: str = ""
    questions: list[SubjectQuestion]
    markdown: str

    def tutorial_title(self) -> str:
        return self.title or self.name

    def links(self, *, language: str) -> list[dict[str, Any]]:
        """The resources, each with its language."""
        return [{**each.model_dump(), "language": each.language or language} for each in self.resources]


class Subject(BaseModel):
    model_config = ConfigDict(extra="forbid")

    key: str
    title: str
    language: str
    description: str
    slug_words: list[str]
    terms: list[Term] = []
    stages: list[SubjectStage]

    @cached_property
    def order(self) -> list[str]:
        """Concept keys in learning order, every prerequisite before what needs it."""
        return [key for stage in self.stages for module in stage.modules for key in module.concepts]

    def concepts(self) -> list[SubjectConcept]:
        return [concept(self.key, key) for key in self.order]


@dataclass(frozen=True)
class AddedSubject:
    """A subject that an installation has beside the bundled ones, or before one of the same key."""

    subject: Subject
    concepts: Mapping[str, SubjectConcept]


_added: Mapping[str, AddedSubject] = {}
_kept: Mapping[str, AddedSubject] = {}


def offer(added: Mapping[str, AddedSubject], *, kept: Mapping[str, AddedSubject] | None = None) -> None:
    """Have this process know these besides the bundled ones, and no others; reading them is the caller's.

    What is kept is not offered any more: no new roadmap is made of it, and those that were made of it go on.
    """
    global _added, _kept
    _added, _kept = dict(added), dict(kept or {})


def is_added(subject_key: str, key: str = "") -> bool:
    """Whether this subject, or this concept of it, is the installation's own."""
    if not key:
        return subject_key in _added or (subject_key in _kept and subject_key not in bundled_keys())
    if subject_key in _added and key in _added[subject_key].concepts:
        return True
    return subject_key in _kept and key in _kept[subject_key].concepts and not _is_bundled(subject_key, key)


def is_offered(source: str) -> bool:
    """Whether new roadmaps may hold this concept, named by its mark `subject/concept`."""
    subject_key, _, key = source.partition("/")
    return _is_bundled(subject_key, key) or (subject_key in _added and key in _added[subject_key].concepts)


def _is_bundled(subject_key: str, key: str) -> bool:
    return subject_key in bundled_keys() and key in bundled_subject(subject_key).order


def subject(key: str) -> Subject:
    """An added subject, else the bundled one, else one that is not offered any more; raises KeyError for no such."""
    if key in _added:
        return _added[key].subject
    if key in _kept and key not in bundled_keys():
        return _kept[key].subject
    return bundled_subject(key)


def concept(subject_key: str, key: str) -> SubjectConcept:
    """As `subject` does; a concept that is in place nowhere is what it was when it last was."""
    if subject_key in _added and key in _added[subject_key].concepts:
        return _added[subject_key].concepts[key]
    if subject_key in _kept and key in _kept[subject_key].concepts and not _is_bundled(subject_key, key):
        return _kept[subject_key].concepts[key]
    return bundled_concept(subject_key, key)


@cache
def bundled_subject(key: str) -> Subject:
    """Raises KeyError where there is none, for example for an added one that was deleted."""
    path = FOLDER / key / "subject.toml"
    if not path.exists():
        raise KeyError(key)
    return read_subject(path.read_text(encoding="utf-8"))


@cache
def bundled_concept(subject_key: str, key: str) -> SubjectConcept:
    path = FOLDER / subject_key / f"{key}.md"
    if key not in bundled_subject(subject_key).order or not path.exists():
        raise KeyError(f"{subject_key}/{key}")
    return read_concept(key, path.read_text(encoding="utf-8"))


@cache
def chinese_names() -> Mapping[str, Mapping[str, list[str]]]:
    """What the bundled subjects' concepts are called in Chinese, by subject and concept."""
    return tomllib.loads((FOLDER.parent / "chinese_names.toml").read_text(encoding="utf-8"))


@cache
def bundled_keys() -> tuple[str, ...]:
    return tuple(sorted(path.parent.name for path in FOLDER.glob("*/subject.toml")))


def read_subject(text: str) -> Subject:
    return Subject(**tomllib.loads(text))


def read_concept(key: str, text: str) -> SubjectConcept:
    """One concept's file: TOML between `+++` lines, then Markdown."""
    _, front, markdown = re.split(rf"^{re.escape(FENCE)}\n", text, maxsplit=2, flags=re.MULTILINE)
    return SubjectConcept(key=key, markdown=markdown.strip(), **tomllib.loads(front))


def subjects() -> tuple[Subject, ...]:
    """All subjects but the scaffold, which serves every other goal."""
    return tuple(subject(key) for key in sorted({*bundled_keys(), *_added} - {SCAFFOLD}))


def load_all() -> None:
    """Read every file now: before a fork the children share it."""
    for each in (*subjects(), subject(SCAFFOLD)):
        each.concepts()
    any_concept()
    chinese_names()


def by_source(source: str) -> SubjectConcept:
    """A concept by its mark `subject/concept`; raises KeyError."""
    subject_key, _, key = source.partition("/")
    if subject_key not in {*bundled_keys(), *_added, *_kept}:
        raise KeyError(source)
    return concept(subject_key, key)


@cache
def any_concept() -> SubjectConcept:
    """How to learn a concept of which the library knows nothing; `filled_in` makes it one of a roadmap."""
    return read_concept("any-concept", (FOLDER.parent / "any-concept.md").read_text(encoding="utf-8"))


def filled_in(template: SubjectConcept, *, name: str, description: str) -> SubjectConcept:
    """With the learner's words in place of the marks; in Markdown they are defused."""
    words = {"{{concept}}": name, "{{description}}": description}

    def plain(text: str) -> str:
        return re.sub(r"{{(?:concept|description)}}", lambda mark: words[mark[0]], text)

    return template.model_copy(
        update={
            "name": plain(template.name),
            "description": plain(template.description),
            "questions": [each.model_copy(update={"question": plain(each.question)}) for each in template.questions],
            "markdown": re.sub(r"{{(?:concept|description)}}", lambda mark: escaped(words[mark[0]]), template.markdown),
        }
    )


def with_goal(text: str, goal: str) -> str:
    """A scaffold's text about the learner's goal; Markdown in the goal is defused."""
    return text.replace("{{goal}}", escaped(goal))


def escaped(text: str) -> str:
    """Any text as one line of Markdown that shows it as it is; not for a paragraph's beginning ("1." is a list)."""
    return re.sub(r"([\\`*_{}\[\]<>#|!&~])", r"\\\1", " ".join(text.split()))


def plain_with_goal(text: str, goal: str) -> str:
    return text.replace("{{goal}}", goal)
