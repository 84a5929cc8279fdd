"""Which concepts do somebody's words mean, of an outline's and of those that its subject has besides?"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from roadmap_project.library.chinese import CHARACTER
from roadmap_project.library.subjects import Subject, chinese_names
from roadmap_project.library.understanding import Part, Request, plain, singular

SECTION = re.compile("stages?|modules?|阶段|模块", re.IGNORECASE)
CHINESE = re.compile(f"{CHARACTER}{{2,}}")
ToldBy = Literal["name", "part", "keyword", "fragment"]


@dataclass(frozen=True)
class Choice:
    """A concept of the outline, or one that the subject has besides."""

    key: str
    name: str
    called: tuple[str, ...]
    keywords: tuple[str, ...]
    hours: float
    is_there: bool = True
    sections: tuple[str, ...] = ()  # the titles of its stage and module


@dataclass
class Found:
    """What a request means: what can be done, and what is to be asked about."""

    removed: list[Choice] = field(default_factory=list)
    added: list[Choice] = field(default_factory=list)
    there: list[Choice] = field(default_factory=list)
    kept: list[Choice] = field(default_factory=list)
    not_there: list[Choice] = field(default_factory=list)
    several: list[tuple[str, list[Choice]]] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    guessed: list[tuple[str, Choice]] = field(default_factory=list)  # to go, of which a keyword alone was said
    doubtful: list[tuple[str, Choice]] = field(default_factory=list)  # the same, where it may be no name
    named: list[Choice] = field(default_factory=list)  # by a whole name, whatever is said of them
    needed: list[str] = field(default_factory=list)  # by what comes, and not in the outline
    listed: list[Choice] = field(default_factory=list)  # what can be added, as an answer to "all of them"
    is_shorter: bool = False
    wanted_hours: float | None = None  # for the whole outline, as somebody gave them


def choices_of(each: Subject, tree: dict[str, Any]) -> list[Choice]:
    curated = {f"{each.key}/{concept.key}": concept for concept in each.concepts()}
    in_chinese = chinese_names().get(each.key, {})
    there = []
    for concept, titles in _with_titles(tree):
        known = curated.get(concept["source"])
        names = [known.name, *in_chinese.get(known.key, ())] if known else []
        called = tuple(dict.fromkeys([concept["name"], *names]))
        keywords = tuple(concept["keywords"])
        hours = concept["hours"]
        there.append(Choice(concept["key"], concept["name"], called, keywords, hours, sections=titles))
    present = {concept["source"] for concept in concepts_of(tree)}
    absent = [
        Choice(
            concept.key,
            concept.name,
            (concept.name, *in_chinese.get(concept.key, ())),
            tuple(concept.keywords),
            concept.hours,
            is_there=False,
        )
        for source, concept in curated.items()
        if source not in present
    ]
    return there + absent


class Meaning:
    """Which concepts a request's parts mean: by whole names, by a part of one name, by a keyword."""

    def __init__(self, choices: list[Choice], names: list[str], *, own_words: set[str]) -> None:
        self.choices, self.names, self.own_words = choices, names, own_words

    def take(self, part: Part, found: Found) -> None:
        is_to_go = part.action == "remove"
        for choices in self.meant(part, found, prefers_there=is_to_go):
            done = found.removed if is_to_go else found.added
            idle = found.not_there if is_to_go else found.there
            for choice in choices:
                into = done if choice.is_there == is_to_go else idle
                if choice not in into:
                    into.append(choice)

    def meant(self, part: Part, found: Found, *, prefers_there: bool | None = None) -> Iterable[list[Choice]]:
        for place in part.names:
            name = self.names[place]
            called = [choice for choice in self.choices if name in choice.called]
            yield self._preferred(
                called or [choice for choice in self.choices if name in choice.sections], there=prefers_there
            )
        if not part.words or (part.names and SECTION.fullmatch(part.words)):
            return
        meant, told_by = self._by_words(part.words)
        meant = self._preferred(meant, there=prefers_there)
        if len(meant) > 1:
            found.several.append((part.words, meant))
        elif meant and part.action == "remove" and meant[0].is_there and _is_doubtful(part, told_by):
            found.doubtful.append((part.words, meant[0]))
        elif meant and part.action == "remove" and meant[0].is_there and told_by == "keyword":
            found.guessed.append((part.words, meant[0]))
        elif meant:
            yield meant
        else:
            found.unknown.append(part.words)

    def _preferred(self, choices: list[Choice], *, there: bool | None) -> list[Choice]:
        return [choice for choice in choices if choice.is_there == there] or choices

    def _by_words(self, words: str) -> tuple[list[Choice], ToldBy]:
        """What the words can mean, and by which of what is known of it."""
        said = stems(words) - self.own_words
        if not said:
            return [], "fragment"
        by_name = [choice for choice in self.choices if any(_is_in(stems(name), said) for name in choice.called)]
        by_part = [
            choice
            for choice in self.choices
            if any(said <= stems(name) or plain(words).lower() in plain(name).lower().split() for name in choice.called)
        ]
        by_keyword = [
            choice
            for choice in self.choices
            if any(_is_in(stems(word) - self.own_words, said) for word in choice.keywords)
        ]
        by_fragment = [
            choice
            for choice in self.choices
            if CHINESE.fullmatch(words) and any(words in name for name in choice.called)
        ]
        told_by: ToldBy = "name" if by_name else "part" if by_part else "keyword" if by_keyword else "fragment"
        return by_name or list(dict.fromkeys(by_part + by_keyword + by_fragment)), told_by


def _is_doubtful(part: Part, told_by: ToldBy) -> bool:
    """A piece of a Chinese name is often a plain word ("不要代码"), and so is a name's part after "no"."""
    return told_by == "fragment" or (part.is_weak and told_by != "name")


def found_by(reading: Meaning, request: Request) -> Found:
    """A keyword alone is no reason to take something out where something else that was said is not found.

    What may be no name at all is only asked about.
    """
    found = Found()
    for part in (*request.of("remove"), *request.of("add")):
        reading.take(part, found)
    for part in request.of("keep"):
        other = Found()
        found.kept += [choice for choices in reading.meant(part, other) for choice in choices]
        found.kept += [choice for _, choices in other.several for choice in choices]
    named = {reading.names[place] for place in request.named}
    found.named = [choice for choice in reading.choices if named.intersection(choice.called)]
    if not found.unknown:
        found.removed = list(dict.fromkeys([*found.removed, *(choice for _, choice in found.guessed)]))
        found.guessed = []
    found.guessed += found.doubtful
    return found


def _is_in(words: set[str], said: set[str]) -> bool:
    """One word is meant only where nothing else is said beside it."""
    return words == said or (len(words) > 1 and words <= said)


def stems(text: str) -> set[str]:
    return {_stem(word) for word in re.findall(r"\w+", plain(text).lower()) if word != "and"}


def _stem(word: str) -> str:
    word = re.sub("iz(?=ation|e)", "is", word).replace("neighbor", "neighbour")  # American spelling
    if word.endswith("ies"):
        return word[:-3] + "y"
    return singular(word)


def _with_titles(tree: dict[str, Any]) -> Iterable[tuple[dict[str, Any], tuple[str, ...]]]:
    """Each concept with the titles above it by which it can be meant: a single word means too many other things."""
    for stage in tree["stages"]:
        for module in stage["modules"]:
            titles = tuple(title for title in (stage["name"], module["name"]) if len(title.split()) > 1)
            yield from ((concept, titles) for concept in module["concepts"])


def concepts_of(tree: dict[str, Any]) -> list[dict[str, Any]]:
    return [concept for stage in tree["stages"] for module in stage["modules"] for concept in module["concepts"]]
