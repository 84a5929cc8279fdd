"""Where in a roadmap's file is what wrong? In words with names that its reader knows, and as a path for programs."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from pydantic import ValidationError

from roadmap_project import wrong_values

MOST = 8  # that a person is told about at once
LONGEST_NAME = 60
KEY = re.compile(r"\bc-[0-9]{1,3}-[0-9]{1,3}-[0-9]{1,3}\b", re.ASCII)
OWN_KEY = re.compile(rf"{KEY.pattern}[:：]\s*", re.ASCII)  # before what is said of a concept, which the place names

Location = tuple[str | int, ...]
# What the entries of a list are called: with their name, and by number where they have none.
ENTRIES = {
    "stages": ("name", gettext_noop("Stage “%(name)s”"), gettext_noop("Stage %(number)s")),
    "modules": ("name", gettext_noop("Module “%(name)s”"), gettext_noop("Module %(number)s")),
    "concepts": ("name", gettext_noop("Concept “%(name)s”"), gettext_noop("Concept %(number)s")),
    "resources": ("title", gettext_noop("Resource “%(name)s”"), gettext_noop("Resource %(number)s")),
    "questions": ("", "", gettext_noop("Question %(number)s")),  # its text is too long to stand for it
}
PIECES = {"tutorial": gettext_noop("Tutorial"), "resources": gettext_noop("Resources"), "quiz": gettext_noop("Quiz")}


@dataclass(frozen=True)
class Mistake:
    """What is wrong in a file."""

    place: str  # like `stages[0].modules[2].name`; of the whole file empty
    words: str
    language: str = ""  # of the words, where it is not the reader's
    named: str = ""  # the place in words, where the words do not say it

    def __str__(self) -> str:
        return _("{place}: {words}").format(place=self.place, words=self.words) if self.place else self.words


def mistakes(error: ValidationError, document: Any) -> list[Mistake]:
    """The first of them, and how many more there are. `document` is what was judged."""
    problems = error.errors(include_url=False, include_input=False)
    names = _names_by_key(document)
    found = [_mistake(each, document, names) for each in problems[:MOST]]
    if rest := len(problems) - len(found):
        found.append(Mistake("", _("… and %(number)s more.") % {"number": f"{rest:,}"}))
    return found


def _mistake(problem: Any, document: Any, names: Mapping[str, str]) -> Mistake:
    location: Location = problem["loc"]
    told = wrong_values.told(problem)
    words = told or wrong_values.as_said(problem)
    if problem["type"] == "value_error":  # others have no keys but as examples
        own = OWN_KEY.match(words) if location else None
        words = KEY.sub(lambda key: _with_name(key[0], names), words[own.end() :] if own else words)
    return Mistake(path(location), words, language="" if told else "en", named=in_words(location, document))


def path(location: Location) -> str:
    return "".join(f"[{each}]" if isinstance(each, int) else f".{each[:60]}" for each in location).lstrip(".")


def in_words(location: Location, document: Any) -> str:
    """Like `Stage “Basics” › Module “Loops” › Question 3 › Field “options”`; empty for the whole file."""
    return " › ".join(_told(location, document))


def _told(location: Location, value: Any) -> list[str]:
    match location:
        case (str(parts), int(index), *rest) if parts in ENTRIES:
            entry = _in(_in(value, parts), index)
            return [_entry(parts, entry, index + 1), *_told(tuple(rest), entry)]
        case (str(piece), "resources" | "questions" as parts, int(index), *rest) if piece in PIECES:
            return _told((parts, index, *rest), _in(value, piece))  # whose name says which piece it is in
        case (str(piece), *rest) if piece in PIECES:
            return [_(PIECES[piece]), *_told(tuple(rest), _in(value, piece))]
        case (str(name), *rest):
            return [_("Field “%(name)s”") % {"name": name[:LONGEST_NAME]}, *_told(tuple(rest), _in(value, name))]
        case (int(index), *rest):
            return [_("Entry %(number)s") % {"number": index + 1}, *_told(tuple(rest), None)]
    return []


def _entry(parts: str, entry: Any, number: int) -> str:
    field, named, numbered = ENTRIES[parts]
    if name := _name_of(entry, field):
        return _(named) % {"name": name}
    return _(numbered) % {"number": number}


def _name_of(entry: Any, field: str) -> str:
    name = _in(entry, field)
    words = " ".join(name.split()) if isinstance(name, str) else ""
    return words if len(words) <= LONGEST_NAME else f"{words[:LONGEST_NAME]}…"


def _with_name(key: str, names: Mapping[str, str]) -> str:
    return _("%(key)s (“%(name)s”)") % {"key": key, "name": names[key]} if key in names else key


def _names_by_key(document: Any) -> dict[str, str]:
    """Of the concepts that have both; of two with one key the first one's."""
    found: dict[str, str] = {}
    for stage in _list(document, "stages"):
        for module in _list(stage, "modules"):
            for concept in _list(module, "concepts"):
                key, name = _in(concept, "key"), _name_of(concept, "name")
                if isinstance(key, str) and name:
                    found.setdefault(key, name)
    return found


def _in(value: Any, step: str | int) -> Any:
    """What stands there; None where nothing does, as of a file that nobody vouches for."""
    if isinstance(value, dict) and isinstance(step, str):
        return value.get(step)
    if isinstance(value, list) and isinstance(step, int) and step < len(value):
        return value[step]
    return None


def _list(value: Any, step: str) -> list[Any]:
    found = _in(value, step)
    return found if isinstance(found, list) else []
