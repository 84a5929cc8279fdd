"""What is different between two texts? Lines side by side, for people."""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest

CONTEXT = 3  # equal lines around a change
MOST_LINES = 2_000  # beyond, matching takes seconds; the texts are shown as one change


@dataclass(frozen=True)
class Row:
    """A line of each side with its number from 1; None where a side has none."""

    kind: str  # equal, replaced, added, removed, or skipped for a stretch that is equal
    left: tuple[int, str] | None = None
    right: tuple[int, str] | None = None


def side_by_side(before: str, after: str) -> list[Row]:
    """Changed lines with a little context; empty where the texts are equal."""
    left, right = before.splitlines(), after.splitlines()
    if left == right:
        return []
    if max(len(left), len(right)) > MOST_LINES:
        return list(_rows("replace", left, right, (0, len(left)), (0, len(right))))
    rows: list[Row] = []
    for group in SequenceMatcher(None, left, right, autojunk=True).get_grouped_opcodes(CONTEXT):
        if rows:
            rows.append(Row("skipped"))
        for tag, *places in group:
            rows += _rows(tag, left, right, (places[0], places[1]), (places[2], places[3]))
    return rows


def _rows(tag: str, left: list[str], right: list[str], old: tuple[int, int], new: tuple[int, int]) -> Iterator[Row]:
    for before, after in zip_longest(range(*old), range(*new)):
        changed = "added" if before is None else "removed" if after is None else "replaced"
        yield Row(
            "equal" if tag == "equal" else changed,
            None if before is None else (before + 1, left[before]),
            None if after is None else (after + 1, right[after]),
        )
