"""What a model must return for a tutorial, a resource list and a quiz."""

import re
from dataclasses import dataclass
from typing import Annotated, Literal
from urllib.parse import urlsplit

from django.utils.translation import gettext_noop
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationInfo, field_validator, model_validator
from pydantic.json_schema import SkipJsonSchema

from content import rendering
from roadmap_project.told import kept

Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=3000)]

# What breaks a rule: said to the model that answered, and told to whoever brings a file in.
CHARACTERS_OUTSIDE = kept(gettext_noop("%(count)s characters, not %(least)s to %(most)s"))
RESOURCES_OUTSIDE = kept(gettext_noop("%(count)s resources, not %(least)s to %(most)s"))
QUESTIONS_OUTSIDE = kept(gettext_noop("%(count)s questions, not %(least)s to %(most)s"))
OPEN_FENCE = kept(gettext_noop("a code block is opened and not closed"))
TOO_HEAVY = kept(gettext_noop("more brackets, bars, asterisks and line ends than can be laid out; write it plainer"))
NO_URL = kept(gettext_noop("%(url)s is not a URL"))
NO_WEB_ADDRESS = kept(gettext_noop("%(url)s is neither http nor https"))
HOLDS_A_NAME = kept(gettext_noop("%(url)s holds a user name or password"))
HOLDS_A_BLANK = kept(gettext_noop("%(url)s holds a blank, a backslash or an invisible character"))
NO_HOST = kept(gettext_noop("%(url)s has no host"))
PRIVATE = kept(gettext_noop("%(url)s is a private address"))
OTHER_PORT = kept(gettext_noop("%(url)s names a port where no web site is looked for"))
URL_TWICE = kept(gettext_noop("a URL stands twice"))
OPTION_TWICE = kept(gettext_noop("an option stands twice"))
QUESTION_TWICE = kept(gettext_noop("a question stands twice"))
NO_SUCH_OPTIONS = kept(gettext_noop("correct %(correct)s does not name distinct options"))
TOO_FEW_CORRECT = kept(gettext_noop("multiple_choice needs two or more correct options"))
NOT_ONE_CORRECT = kept(gettext_noop("%(kind)s needs exactly one correct option"))
NOT_TWO_OPTIONS = kept(gettext_noop("true_false needs exactly two options"))


@dataclass(frozen=True)
class PieceLimits:
    resources: tuple[int, int] = (5, 10)
    questions: tuple[int, int] = (5, 8)
    markdown: tuple[int, int] = (600, 60_000)  # characters
    weight: int = 0  # of the Markdown, as rendering weighs it; 0: any
    note: int = 0  # characters at most, of what stands above the resources; a model writes none


# Half a second at most in the transaction that stores an answer; 60,000 characters of prose weigh a fifth of it.
MODEL_LIMITS = PieceLimits(weight=500_000)
LIBRARY_LIMITS = PieceLimits(resources=(1, 3), questions=(4, 8))
SCAFFOLD_LIMITS = PieceLimits(resources=(0, 0), questions=(3, 8))
EDITOR_LIMITS = PieceLimits(
    resources=(0, 30), questions=(1, 20), markdown=(1, 60_000), weight=MODEL_LIMITS.weight, note=5_000
)


class Answer(BaseModel):
    model_config = ConfigDict(str_strip_whitespace=True, extra="ignore")


def _limits(info: ValidationInfo) -> PieceLimits:
    limits: PieceLimits = (info.context or {}).get("piece", MODEL_LIMITS)
    return limits


def _require(count: int, bounds: tuple[int, int], outside: str) -> None:
    least, most = bounds
    if not least <= count <= most:
        raise ValueError(outside % {"count": count, "least": least, "most": most})


class TutorialAnswer(Answer):
    title: Line
    summary: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]
    minutes: int = Field(ge=1, le=600)
    markdown: str

    @field_validator("markdown")
    @classmethod
    def _is_a_tutorial(cls, markdown: str, info: ValidationInfo) -> str:
        _require(len(markdown.strip()), _limits(info).markdown, CHARACTERS_OUTSIDE)
        if has_open_fence(markdown):
            raise ValueError(OPEN_FENCE)
        if 0 < _limits(info).weight < rendering.weight(markdown):
            raise ValueError(TOO_HEAVY)
        return markdown.replace("\x00", "").strip()


def has_open_fence(markdown: str) -> bool:
    """Whether a fenced code block runs to the end: the sign of a text that was cut."""
    opened = ""
    for line in markdown.splitlines():
        fence = re.match(r" {0,3}(`{3,}|~{3,})", line)
        if not fence:
            continue
        if not opened:
            opened = fence[1]
        elif fence[1].startswith(opened) and line.strip() == fence[1]:
            opened = ""
    return bool(opened)


# None where none is named. The check of links would knock at any other that a model, a file or a redirect names.
PORTS = (None, 80, 443)


class ResourceAnswer(Answer):
    title: Line
    url: Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000)]
    kind: Literal["article", "video", "book", "course", "documentation", "tool"]
    description: Text
    relevance: float = Field(ge=0, le=1)
    language: Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=40)] = "en"

    @field_validator("url")
    @classmethod
    def _is_a_public_web_address(cls, url: str) -> str:
        problem = url_problem(url)
        if problem:
            raise ValueError(problem)
        return url


def url_problem(url: str) -> str:
    """Why a URL is not offered as a resource; empty when it may be. Resolves no names."""
    sentence = _url_problem(url)
    return sentence and sentence % {"url": repr(url[:100])}


def _url_problem(url: str) -> str:
    from content.addresses import is_private_host  # beside the checks that resolve

    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = parts.port
    except ValueError:
        return NO_URL
    if parts.scheme not in ("http", "https"):
        return NO_WEB_ADDRESS
    if parts.username or parts.password:
        return HOLDS_A_NAME
    if any(character.isspace() or character == "\\" or not character.isprintable() for character in url):
        return HOLDS_A_BLANK
    if not host:
        return NO_HOST
    if is_private_host(host):
        return PRIVATE
    if port not in PORTS:
        return OTHER_PORT
    return ""


class ResourcesAnswer(Answer):
    resources: list[ResourceAnswer]
    note: SkipJsonSchema[str] = ""

    @field_validator("note")
    @classmethod
    def _is_an_editors(cls, note: str, info: ValidationInfo) -> str:
        most = _limits(info).note
        if most and len(note) > most:
            raise ValueError(f"{len(note)} characters, not at most {most:,}")
        return note if most else ""

    @model_validator(mode="after")
    def _are_enough_and_distinct(self, info: ValidationInfo) -> "ResourcesAnswer":
        _require(len(self.resources), _limits(info).resources, RESOURCES_OUTSIDE)
        urls = [resource.url for resource in self.resources]
        if len(set(urls)) != len(urls):
            raise ValueError(URL_TWICE)
        return self


class QuestionAnswer(Answer):
    kind: Literal["single_choice", "multiple_choice", "true_false"]
    question: Text
    options: list[Line] = Field(min_length=2, max_length=8)
    correct: list[int] = Field(min_length=1, max_length=8)
    explanation: Text
    difficulty: Literal["easy", "medium", "hard"]

    @model_validator(mode="after")
    def _can_be_answered(self) -> "QuestionAnswer":
        if len(set(self.options)) != len(self.options):
            raise ValueError(OPTION_TWICE)
        if len(set(self.correct)) != len(self.correct) or not all(
            0 <= index < len(self.options) for index in self.correct
        ):
            raise ValueError(NO_SUCH_OPTIONS % {"correct": self.correct})
        if self.kind == "multiple_choice" and len(self.correct) < 2:
            raise ValueError(TOO_FEW_CORRECT)
        if self.kind != "multiple_choice" and len(self.correct) != 1:
            raise ValueError(NOT_ONE_CORRECT % {"kind": self.kind})
        if self.kind == "true_false" and len(self.options) != 2:
            raise ValueError(NOT_TWO_OPTIONS)
        return self


class QuizAnswer(Answer):
    questions: list[QuestionAnswer]

    @model_validator(mode="after")
    def _has_enough_questions(self, info: ValidationInfo) -> "QuizAnswer":
        _require(len(self.questions), _limits(info).questions, QUESTIONS_OUTSIDE)
        if len({question.question for question in self.questions}) != len(self.questions):
            raise ValueError(QUESTION_TWICE)
        return self
