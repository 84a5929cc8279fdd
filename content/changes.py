"""What is different between two versions of a text?"""

import re
from dataclasses import dataclass
from difflib import SequenceMatcher

MOST_LINES = 1500  # of either text; comparing takes time with the square of it, and lines that recur are not matched
MOST_WORDS = 600  # of a line; longer ones are compared as a whole
# Chinese and Japanese are written without blanks: each character is a word. So is each of their punctuation marks.
CHARACTER = "\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uff65\U00020000-\U0003ffff"
WORDS = re.compile(rf"\s+|[{CHARACTER}]|[^\s{CHARACTER}]+")
CONTEXT = 1  # unchanged lines that are shown around a change


@dataclass(frozen=True)
class Span:
    """A run of words: `same`, `added` or `removed`."""

    kind: str
    text: str


@dataclass(frozen=True)
class Line:
    """One line of the difference; one without spans stands for unchanged lines that are left out."""

    spans: list[Span]

    @property
    def sign(self) -> str:
        kinds = {span.kind for span in self.spans}
        return "+" if kinds == {"added"} else "−" if kinds == {"removed"} else "±" if len(kinds) > 1 else ""


def compare(before: str, after: str) -> list[Line] | None:
    """Lines that changed, with a line around them; None where the texts are too long to be compared."""
    old, new = before.splitlines(), after.splitlines()
    if max(len(old), len(new)) > MOST_LINES:
        return None
    lines: list[Line] = []
    groups = list(SequenceMatcher(None, old, new).get_grouped_opcodes(CONTEXT))
    for place, group in enumerate(groups):
        if place:
            lines.append(Line([]))
        for operation, start, end, new_start, new_end in group:
            lines += _lines(operation, old[start:end], new[new_start:new_end])
    return [line for line in lines if not line.spans or any(span.text.strip() for span in line.spans)]


def _lines(operation: str, old: list[str], new: list[str]) -> list[Line]:
    if operation == "equal":
        return [Line([Span("same", line)]) for line in old]
    if operation == "replace" and len(old) == len(new):
        return [_words(*pair) for pair in zip(old, new, strict=True)]
    return [Line([Span("removed", line)]) for line in old] + [Line([Span("added", line)]) for line in new]


def _words(old: str, new: str) -> Line:
    before, after = WORDS.findall(old), WORDS.findall(new)
    if max(len(before), len(after)) > MOST_WORDS:
        return Line([Span("removed", old), Span("added", new)])
    spans: list[Span] = []
    for operation, start, end, new_start, new_end in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if operation == "equal":
            spans.append(Span("same", "".join(before[start:end])))
            continue
        spans += [Span("removed", "".join(before[start:end]))] if end > start else []
        spans += [Span("added", "".join(after[new_start:new_end]))] if new_end > new_start else []
    return Line(spans)
