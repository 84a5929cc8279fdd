"""How is a subject written as the files that it is read from?"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from roadmap_project.library.subjects import FENCE, Subject, SubjectConcept


def subject_file(subject: Subject) -> str:
    return toml(subject.model_dump())


def concept_file(concept: SubjectConcept) -> str:
    front = toml(concept.model_dump(exclude={"key", "markdown"}, exclude_defaults=True))
    return f"{FENCE}\n{front}{FENCE}\n{concept.markdown}\n"


def toml(table: Mapping[str, Any]) -> str:
    """A table of text, numbers, lists of these, and lists of tables."""
    return "\n".join(_lines(table, path="")) + "\n"


def _lines(table: Mapping[str, Any], *, path: str) -> Iterator[str]:
    """A table's own values come before its tables, or they would be read as the last table's."""
    for name, value in table.items():
        if not _is_tables(value):
            yield f"{name} = {_value(value)}"
    for name, value in table.items():
        if _is_tables(value):
            for each in value:
                yield from ("", f"[[{path}{name}]]")
                yield from _lines(each, path=f"{path}{name}.")


def _is_tables(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, Mapping) for each in value)


def _value(value: object) -> str:
    """As JSON, whose text, numbers and lists TOML reads the same, but for one character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
