"""How does an editor change what was written? Always as a new version; nothing is overwritten."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext_noop
from pydantic import BaseModel, ValidationError

from content.answers import EDITOR_LIMITS, QuizAnswer, ResourcesAnswer, TutorialAnswer
from content.contents import Contents, contents
from content.models import Piece, Quiz, ResourceList, Tutorial
from content.versioning import add_version, problem_with_another_version
from content.writing import call_off_rewrite, told_of_calling_off
from roadmap_project.told import kept
from roadmaps import log_lines
from roadmaps.deciding import RefusedError, refuse
from roadmaps.models import Concept, Roadmap

INDENT = " " * 4  # as wide as a mark
PieceType = TypeVar("PieceType", bound=Piece)

EDITED_BY = kept(gettext_noop("Edited by %(name)s."))
RESTORED_BY = kept(gettext_noop("Version %(version)s, restored by %(name)s. %(origin)s"))


class MovedOnError(RefusedError):
    """The version that somebody edits is not the current one any more."""

    def __init__(self, current: Piece) -> None:
        by = f" by {current.author.get_username()}" if current.author else ""
        super().__init__(
            f"While you were editing, version {current.version} was made{by}. Nothing was saved; your text stands "
            "below. Compare it with the current version, and edit that one."
        )
        self.current = current


@dataclass(frozen=True)
class Shape:
    """How one kind of piece is read, judged and shown as text."""

    answer: type[BaseModel]
    as_answer: Callable[[Contents], dict[str, Any]]
    as_text: Callable[[Contents], str]


def as_text(piece: Piece) -> str:
    """A version as lines, for comparing it with another."""
    return SHAPES[type(piece)].as_text(contents(piece))


def problems(model: type[Piece], wanted: Contents) -> list[str]:
    """Why this cannot be a version; empty where it can."""
    shape = SHAPES[model]
    try:
        shape.answer.model_validate(shape.as_answer(wanted), context={"piece": EDITOR_LIMITS})
    except ValidationError as error:
        return [_sentence(item) for item in error.errors()]
    return []


def _sentence(item: Any) -> str:
    """An error with the place that it is about, counted from 1 as people do."""
    place = " ".join(str(part + 1) if isinstance(part, int) else part for part in item["loc"])
    message = item["msg"].removeprefix("Value error, ")
    return f"{place}: {message}" if place else message


def revise(piece: PieceType, wanted: Contents, *, author: User) -> PieceType:
    """The concept's next version, by this editor. Raises MovedOnError where `piece` is not current any more.

    What is current already is not made again, so saving twice makes one version. A rewrite that is under way is called
    off, so that it does not replace what a person wrote later.
    """
    with transaction.atomic():
        roadmap = Roadmap.objects.locked(piece.concept.roadmap_id)
        current = require_current(piece, wanted)
        if contents(current) == wanted:
            return current
        edited = _add(roadmap, current, wanted, origin=EDITED_BY % {"name": author.get_username()}, author=author)
    _log(edited, "edited", author)
    return edited


def require_current(piece: PieceType, wanted: Contents) -> PieceType:
    """The current version, if it is `piece` or says what is wanted already; else raises MovedOnError.

    Called in a transaction, whose lock on the roadmap keeps it so. Raises RefusedError where there is no room for the
    version that would be made of it.
    """
    Roadmap.objects.locked(piece.concept.roadmap_id)
    current = current_of(piece)
    if contents(current) == wanted:
        return current
    if current.pk != piece.pk:
        raise MovedOnError(current)
    refuse(problem_with_another_version(type(current), current.concept))
    return current


def restore(piece: PieceType, *, author: User) -> PieceType:
    """An earlier version's contents as a new current version; a second call finds them current."""
    with transaction.atomic():
        roadmap = Roadmap.objects.locked(piece.concept.roadmap_id)
        current = current_of(piece)
        if contents(current) == contents(piece):
            return current
        refuse(problem_with_another_version(type(current), current.concept))
        origin = RESTORED_BY % {
            "version": piece.version,
            "name": author.get_username(),
            "origin": piece.origin,
        }
        restored = _add(roadmap, current, contents(piece), origin=origin, author=author)
    _log(restored, "restored", author, restored_from=piece.version)
    return restored


def current_of(piece: PieceType) -> PieceType:
    """The current version of the same kind and concept, or the last where none is current."""
    versions = type(piece)._default_manager.filter(concept=piece.concept_id).select_related("author", "concept")
    return cast(PieceType, versions.order_by("-is_current", "-version")[0])


def _add(roadmap: Roadmap, current: PieceType, wanted: Contents, *, origin: str, author: User) -> PieceType:
    concept: Concept = current.concept
    concept.roadmap = roadmap
    added = add_version(type(current), concept, wanted, origin=origin[:200], author=author)
    added.has_called_off = call_off_rewrite(roadmap, concept.pk, current.kind)
    return added


def _log(piece: Piece, verb: str, author: User, **details: Any) -> None:
    log_lines.line(
        piece.concept.roadmap,
        f"{piece._meta.model_name}_{verb}",
        f"{piece.concept} (version {piece.version})",
        concept=piece.concept,
        version=piece.version,
        by=author.get_username(),
        **told_of_calling_off(piece),
        **details,
    )


def _tutorial_text(wanted: Contents) -> str:
    fields = wanted.fields
    return f"{fields['title']}\n{fields['summary']}\n{fields['minutes']} minutes\n\n{fields['markdown']}"


def _resources_text(wanted: Contents) -> str:
    parts = [
        f"{row['title']}\n{row['url']}\n{row['kind']}, {row['language']}, relevance {row['relevance']:g}\n"
        f"{row['description']}"
        for row in wanted.rows
    ]
    return "\n\n".join([wanted.fields["note"], *parts]).strip()


def marked_options(options: list[str], correct: list[int]) -> str:
    """One option after the other, the right ones ticked; an option's further lines are indented below its first."""
    return "\n".join(
        f"[{'x' if place in correct else ' '}] " + option.replace("\n", f"\n{INDENT}")
        for place, option in enumerate(options)
    )


def options_and_right_ones(text: str) -> tuple[list[str], list[int]]:
    """What `marked_options` writes, read back as it was; raises ValueError for a line that is none of an option's."""
    options: list[str] = []
    correct: list[int] = []
    for line in text.split("\n"):
        if options and line.startswith(INDENT):
            options[-1] += f"\n{line.removeprefix(INDENT)}"
        elif begun := re.match(r"\s*\[([ xX])\] ?(.*\S.*)", line):
            correct += [len(options)] if begun[1] != " " else []
            options.append(begun[2])
        elif line.strip():
            raise ValueError(
                "Begin each option with [x] where it is right, else with [ ]; its further lines with four blanks."
            )
    return [option.strip() for option in options], correct


def _quiz_text(wanted: Contents) -> str:
    return "\n\n".join(
        f"{row['text']}\n{marked_options(row['options'], row['correct'])}\n{row['explanation']}\n"
        f"({row['kind']}, {row['difficulty']})"
        for row in wanted.rows
    )


SHAPES: dict[type[Piece], Shape] = {
    Tutorial: Shape(TutorialAnswer, lambda wanted: wanted.fields, _tutorial_text),
    ResourceList: Shape(
        ResourcesAnswer,
        lambda wanted: {"resources": wanted.rows, **wanted.fields},
        _resources_text,
    ),
    Quiz: Shape(
        QuizAnswer,
        lambda wanted: {"questions": [{**row, "question": row["text"]} for row in wanted.rows]},
        _quiz_text,
    ),
}
