"""Does a text say anything, or does it only look empty?"""

import unicodedata

FILLERS = "\u115f\u1160\u2800\u3164\uffa0"  # letters and a symbol by their category, and nothing to the eye


def has_words(text: str) -> bool:
    """Whether there is a letter, digit, sign or symbol to be seen: zero-width and control characters say nothing."""
    return any(unicodedata.category(each)[0] in "LNPS" and each not in FILLERS for each in text)
