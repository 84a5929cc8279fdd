"""Which curated subject does a goal mean, if any?"""

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache

from roadmap_project.library import chinese
from roadmap_project.library.excluding import known_and_asked, readings, singular_words
from roadmap_project.library.subjects import SCAFFOLD, Subject, subject, subjects

ENOUGH = 2.0
# "Learn SQL for data analysis" is about SQL: what comes after these says what it is for.
PURPOSE = re.compile(r"\b(?:for|so that|in order to|to become|because)\b|是为了|以便|好让|[,，;；](?:用来|用于|用在)")
CHINESE = chinese.CHARACTER
BLANKS = re.compile(rf"(?<={CHINESE}) | (?={CHINESE})")
GAP = r"(?:…|[^\W\d_a-z]{0,8})"  # no name in Latin letters, and no end of a sentence
MOST_GAPS = 2
NAME = r"[a-z][a-z0-9.+#]{0,30}"
NO_NAMES = {"learn", "study"}


@dataclass(frozen=True)
class Goal:
    """What somebody wants, as terms are looked for in it."""

    text: str

    @cached_property
    def other_words(self) -> list[chinese.OtherWord]:
        return chinese.other_words(self.text)


def best_subject(goal: str) -> Subject:
    """The subject with the highest sum of terms found, the earliest mentioned among equals; else the scaffold."""
    plain = _plain(goal)
    found = next((each for reading in readings(plain) if (each := _highest(reading))), None)
    return found or _deepened(plain) or subject(SCAFFOLD)


def _highest(reading: str) -> Subject | None:
    said = Goal(reading)
    scored = [(_score(each, said), -_first_mention(each, said), each.key) for each in subjects()]
    score, _, key = max(scored, default=(0.0, 0, ""))
    return subject(key) if score >= ENOUGH else None


def _deepened(goal: str) -> Subject | None:
    """The subject that somebody knows, where all that they ask for is one of its concepts."""
    known, asked = known_and_asked(goal)
    each = _highest(known) if asked else None
    if each is None:
        return None
    concepts = (singular_words(" ".join((concept.name, *concept.keywords))) for concept in each.concepts())
    return each if any(asked <= words for words in concepts) else None


def is_meant(each: Subject, goal: str) -> bool:
    """Whether the goal has enough of the subject's terms; another subject may have more of its own."""
    return any(_score(each, Goal(reading)) >= ENOUGH for reading in readings(_plain(goal)))


def _plain(text: str) -> str:
    """In small and in simplified letters. Chinese is written with and without blanks beside Latin: here without."""
    return BLANKS.sub("", chinese.simplified(" ".join(text.lower().split())))


def has_sound_gaps(term: str) -> bool:
    """Whether each “…” can stand for what is between: of more, or of two in a row, a search may take for ever."""
    return term.count("…") <= MOST_GAPS and term.strip("…") == term and "……" not in term


def _score(each: Subject, goal: Goal) -> float:
    purpose = PURPOSE.search(goal.text)
    end_of_object = purpose.start() if purpose and purpose.start() > 0 else len(goal.text)
    own = {word for term in each.terms for word in term.term.split()} | NO_NAMES
    score = 0.0
    for term in each.terms:
        found = _find(term.term, goal)
        if found is not None:
            is_whole = found.start() < end_of_object and not _is_narrowed(found, own)
            score += term.weight if is_whole else term.weight / 2
    return score


def _first_mention(each: Subject, goal: Goal) -> int:
    places = [found.start() for term in each.terms if (found := _find(term.term, goal)) is not None]
    return min(places, default=len(goal.text))


def _find(term: str, goal: Goal) -> re.Match[str] | None:
    """The first place where the term is no part of a longer word that means something else."""
    pattern, start = _pattern(term), 0
    while found := pattern.search(goal.text, start):
        if not any(word.takes(part) for part in found.regs[1:] for word in goal.other_words):
            return found
        start = found.start() + 1
    return None


@lru_cache(maxsize=4096)
def _pattern(term: str) -> re.Pattern[str]:
    """Whole words of Latin letters; Chinese has no blanks to tell words by, so there it is found anywhere.

    What stands between its gaps is a group each. A term whose gaps are not sound, which no check kept out, is looked
    for as it is written.
    """
    plain = _plain(term)
    parts = plain.split("…") if has_sound_gaps(term) else [plain]
    begin = "" if re.match(CHINESE, plain) else "(?<![a-z0-9])"
    end = "" if re.search(f"{CHINESE}$", plain) else "(?:s|es)?(?![a-z0-9+#])"
    return re.compile(begin + GAP.join(f"({re.escape(part)})" for part in parts) + end)


def _is_narrowed(found: re.Match[str], own: set[str]) -> bool:
    """Whether Chinese stands beside a name that the subject does not have: "Java编程入门" is about Java alone."""
    if not re.search(CHINESE, found[0]):
        return False
    before = re.search(rf"({NAME})(?:语言|的)?$", found.string[: found.start()])
    after = re.match(rf"(?:语言)?({NAME})", found.string[found.end() :])
    return any(name is not None and name[1] not in own for name in (before, after))
