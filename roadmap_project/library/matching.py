"""Which curated subject does a goal mean, if any?"""

import re

from roadmap_project.library.subjects import SCAFFOLD, Subject, subject, subjects

ENOUGH = 2.0
# "Learn SQL for data analysis" is about SQL: what comes after these says what it is for.
PURPOSE = re.compile(r"\b(?:for|so that|in order to|to become|because)\b")


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
    return " ".join(goal.lower().split())


def _score(each: Subject, text: str) -> float:
    purpose = PURPOSE.search(text)
    end_of_object = purpose.start() if purpose and purpose.start() > 0 else len(text)
    score = 0.0
    for term in each.terms:
        found = _find(term.term, text)
        if found is not None:
            score += term.weight if found < end_of_object else term.weight / 2
    return score


def _first_mention(each: Subject, text: str) -> int:
    places = [place for term in each.terms if (place := _find(term.term, text)) is not None]
    return min(places, default=len(text))


def _find(term: str, text: str) -> int | None:
    """Whole words; a Latin word beside Chinese ones is whole, too."""
    found = re.search(rf"(?<![a-z0-9]){re.escape(term)}(?:s|es)?(?![a-z0-9+#])", text)
    return found.start() if found else None
