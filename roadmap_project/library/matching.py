"""Which curated subject does a goal mean, if any?"""

import re

from roadmap_project.library.subjects import SCAFFOLD, Subject, subject, subjects

ENOUGH = 2.0
# "Learn SQL for data analysis" is about SQL: what comes after these says what it is for.
PURPOSE = re.compile(r"\b(?:for|so that|in order to|to become|because)\b|是为了|以便|好让|[,，;；](?:用来|用于|用在)")
CHINESE = "[\u3400-\u9fff]"
BLANKS = re.compile(rf"(?<={CHINESE}) | (?={CHINESE})")
GAP = r"(?:…|[^\W\d_a-z]{0,8})"  # no name in Latin letters, and no end of a sentence
MOST_GAPS = 2
NAME = r"[a-z][a-z0-9.+#]{0,30}"
NO_NAMES = {"learn", "study"}


def best_subject(goal: str) -> Subject:
    """The subject with the highest sum of terms found, the earliest mentioned among equals; else the scaffold."""
    text = _plain(goal)
    scored = [(_score(each, text), -_first_mention(each, text), each.key) for each in subjects()]
    score, _, key = max(scored, default=(0.0, 0, ""))
    return subject(key) if score >= ENOUGH else subject(SCAFFOLD)


def is_meant(each: Subject, goal: str) -> bool:
    """Whether the goal has enough of the subject's terms; another subject may have more of its own."""
    return _score(each, _plain(goal)) >= ENOUGH


def _plain(goal: str) -> str:
    return _joined(" ".join(goal.lower().split()))


def _joined(text: str) -> str:
    """Chinese is written with and without blanks beside Latin words: here always without."""
    return BLANKS.sub("", text)


def has_sound_gaps(term: str) -> bool:
    """Whether each “…” can stand for what is between: of more, or of two in a row, a search may take for ever."""
    return term.count("…") <= MOST_GAPS and term.strip("…") == term and "……" not in term


def _score(each: Subject, text: str) -> float:
    purpose = PURPOSE.search(text)
    end_of_object = purpose.start() if purpose and purpose.start() > 0 else len(text)
    own = {word for term in each.terms for word in term.term.split()} | NO_NAMES
    score = 0.0
    for term in each.terms:
        found = _find(term.term, text)
        if found is not None:
            is_whole = found.start() < end_of_object and not _is_narrowed(found, own)
            score += term.weight if is_whole else term.weight / 2
    return score


def _first_mention(each: Subject, text: str) -> int:
    places = [found.start() for term in each.terms if (found := _find(term.term, text)) is not None]
    return min(places, default=len(text))


def _find(term: str, text: str) -> re.Match[str] | None:
    """Whole words of Latin letters; Chinese has no blanks to tell words by, so there it is found anywhere.

    A term whose gaps are not sound, which no check kept out, is looked for as it is written.
    """
    pattern = re.escape(_joined(term))
    if has_sound_gaps(term):
        pattern = pattern.replace("…", GAP)
    begin = "" if re.match(CHINESE, term) else "(?<![a-z0-9])"
    end = "" if re.search(f"{CHINESE}$", term) else "(?:s|es)?(?![a-z0-9+#])"
    return re.search(begin + pattern + end, text)


def _is_narrowed(found: re.Match[str], own: set[str]) -> bool:
    """Whether Chinese stands beside a name that the subject does not have: "Java编程入门" is about Java alone."""
    if not re.search(CHINESE, found[0]):
        return False
    before = re.search(rf"({NAME})(?:语言|的)?$", found.string[: found.start()])
    after = re.match(rf"(?:语言)?({NAME})", found.string[found.end() :])
    return any(name is not None and name[1] not in own for name in (before, after))
