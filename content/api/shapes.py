"""What do requests and answers look like? The ground for the shapes of the other modules."""

import re
from collections.abc import Callable
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticKnownError

from roadmap_project.languages import code_of
from roadmap_project.told import told

NO_NUL = r"^[^\u0000]*$"  # which PostgreSQL's text cannot hold; halves of surrogate pairs pydantic refuses by itself
NO_BLANK = r"^[^\u0000]*[^\s\u0000][^\u0000]*$"
Text = Annotated[str, StringConstraints(pattern=NO_NUL)]
Words = Annotated[str, StringConstraints(pattern=NO_BLANK)]
# By its code, as on the pages, where one of its names is sent.
Language = Annotated[Words, AfterValidator(code_of)]
LanguageOrNone = Annotated[Text, AfterValidator(code_of)]


def _only(is_one: Callable[[Any], object], otherwise: Any) -> BeforeValidator:
    """By itself pydantic takes "6" and true for numbers, "on" for true, and seconds since 1970 for days."""

    def check(value: Any) -> Any:
        if is_one(value):
            return value
        raise PydanticKnownError(otherwise)

    return BeforeValidator(check)


def _is_number(value: Any) -> bool:
    return value is None or type(value) in (int, float)  # which no boolean is


def _begins_with_a_year(value: Any) -> bool:
    return isinstance(value, str) and re.match(r"[0-9]{4}-", value) is not None


# As JSON has them, in what is sent as JSON; in an address all are texts.
Whole = Annotated[int, _only(_is_number, "int_type")]
Number = Annotated[float, _only(_is_number, "float_type")]
# `Whole | None` would lose its bounds in the document.
WholeOrNone = Annotated[int | None, _only(_is_number, "int_type")]
NumberOrNone = Annotated[float | None, _only(_is_number, "float_type")]
Truth = Annotated[bool, _only(lambda value: isinstance(value, bool), "bool_type")]
Day = Annotated[date, _only(_begins_with_a_year, "date_type")]
Moment = Annotated[AwareDatetime, _only(_begins_with_a_year, "datetime_type")]
Told = Annotated[str, AfterValidator(told)]  # a sentence of ours, in the language that the request asks for
Kind = Literal["tutorial", "resources", "quiz"]
PieceState = Literal["waiting", "running", "done", "failed", "cancelled"]


def told_within(found: Any) -> Any:
    """Whatever is ours of what was kept as JSON, in the language that the request asks for."""
    if isinstance(found, dict):
        return {name: told_within(value) for name, value in found.items()}
    if isinstance(found, list):
        return [told_within(each) for each in found]
    return told(found) if isinstance(found, str) else found


class Shape(BaseModel):
    """Something that is answered, made from an object's attributes."""

    model_config = ConfigDict(from_attributes=True)


class Sent(BaseModel):
    """Something that is sent. An unknown field is a mistake that would otherwise go unnoticed."""

    model_config = ConfigDict(extra="forbid")


class Problem(Shape):
    """One field that is wrong."""

    field: str = Field(examples=["goal"])
    message: str = Field(examples=["String should have at least 1 character"])


class Error(Shape):
    code: str = Field(examples=["invalid"], description="For programs: it stays the same.")
    message: str = Field(examples=["String should have at least 1 character"], description="For people.")
    field: str | None = Field(None, examples=["goal"], description="The first field that is wrong.")
    problems: list[Problem] = Field([], description="All fields that are wrong, or the first eight.")
    request_id: str = Field(examples=["5f0c9e0f4f1b4d0c9a9f0a4c7b7d8e21"], description="Say it when you ask for help.")


class ErrorAnswer(Shape):
    """What is answered instead, whatever is wrong."""

    error: Error


READS = frozenset({400, 401, 404, 422, 429, 500, 503})
CHANGES = READS | {409, 413, 415}


def read(shape: Any) -> dict[Any, Any]:
    """The answers of an operation that changes nothing."""
    return {200: shape, READS: ErrorAnswer}


def change(shape: Any, *, status: int = 200) -> dict[Any, Any]:
    """The answers of an operation that changes something."""
    return {status: shape, CHANGES: ErrorAnswer}
