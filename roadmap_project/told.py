"""Sentences of ours that are kept in rows: stored in English, told in the language of who reads them."""

import re

from django.utils.translation import gettext

from roadmap_project.listing import listed

NAMES = "names"  # a gap that may hold several, each in quotation marks
DEEPEST = 6  # sentences in each other's gaps; what people write may look as if it had any number
ENDS_AND_BEGINS = ("”", "“")

_kept: dict[str, re.Pattern[str]] = {}


def kept(sentence: str) -> str:
    """The same sentence, marked with gettext_noop where it stands; what is stored is `kept(…) % values`.

    Module level: a process that tells it must have imported the module that stores it.
    """
    begin, *rest = re.split(r"%\((\w+)\)s", sentence)
    gaps = [f"(?P<{name}>.+?){re.escape(literal)}" for name, literal in zip(rest[::2], rest[1::2], strict=True)]
    # Each gap but the last ends where its literal first comes: people's own words are matched, too, in linear time.
    atomic = [f"(?>{gap})" for gap in gaps[:-1]]
    _kept[sentence] = re.compile("".join([re.escape(begin), *atomic, *gaps[-1:]]), re.DOTALL)
    return sentence


def is_ours(text: str) -> bool:
    """Whether it is told in the current language, or stays in the one that somebody wrote it in."""
    return text in _kept or any(pattern.fullmatch(text) for pattern in _kept.values())


def says(text: str, *sentences: str) -> bool:
    """Whether it is one of these sentences of ours, whatever stands in its gaps."""
    return any(_kept[each].fullmatch(text) for each in sentences)


def told(text: str, deepest: int = DEEPEST) -> str:
    """What a row says, in the current language; as it is where it is not one of our sentences.

    What stands in a sentence's gaps is told too: a reason within a notice, and what lies between quoted names.
    """
    if text in _kept:
        return gettext(text)
    if not deepest:
        return text
    for sentence, pattern in _kept.items():
        if match := pattern.fullmatch(text):
            return gettext(sentence) % {
                gap: _filled(gap, value, deepest - 1) for gap, value in match.groupdict().items()
            }
    return text


def _filled(gap: str, value: str, deepest: int) -> str:
    filled = told(value, deepest)
    return filled.replace(", ".join(ENDS_AND_BEGINS), listed(ENDS_AND_BEGINS)) if gap == NAMES else filled


def told_by_line(text: str) -> str:
    """Where each line is a sentence of ours, or somebody else's."""
    return "\n".join(told(line) for line in text.splitlines())
