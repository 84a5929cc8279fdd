"""What does a version say, whoever wrote it and when?"""

from dataclasses import dataclass, field
from typing import Any

from content.models import Piece, Quiz, ResourceList, Tutorial


@dataclass(frozen=True)
class Contents:
    """A piece's own fields, and its rows in order."""

    fields: dict[str, Any] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Names:
    fields: tuple[str, ...] = ()
    row_fields: tuple[str, ...] = ()


NAMES: dict[type[Piece], Names] = {
    Tutorial: Names(("title", "summary", "minutes", "markdown")),
    ResourceList: Names(("note",), ("title", "url", "kind", "description", "relevance", "language")),
    Quiz: Names(row_fields=("kind", "text", "options", "correct", "explanation", "difficulty")),
}


def contents(piece: Piece) -> Contents:
    names = NAMES[type(piece)]
    rows = [row for rows in piece.rows for row in getattr(piece, rows).all()]
    return Contents(
        {name: getattr(piece, name) for name in names.fields},
        [{name: getattr(row, name) for name in names.row_fields} for row in rows],
    )
