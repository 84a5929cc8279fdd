"""What is wrong with a value? In words for a person, who may read another language than pydantic speaks."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext, gettext_noop

from roadmap_project import told as sentences

SENTENCES = {
    "missing": gettext_noop("This is missing."),
    "extra_forbidden": gettext_noop("There is no such field."),
    "string_type": gettext_noop("This must be a text."),
    "string_unicode": gettext_noop("This text holds half a character: one of two surrogates without the other."),
    "string_too_short": gettext_noop("At least %(min_length)s characters are needed."),
    "string_too_long": gettext_noop("At most %(max_length)s characters are allowed."),
    "string_pattern_mismatch": gettext_noop("This text is empty, or holds a character that is not allowed here."),
    "int_type": gettext_noop("This must be a whole number."),
    "int_parsing": gettext_noop("This must be a whole number."),
    "int_from_float": gettext_noop("This must be a whole number."),
    "int_parsing_size": gettext_noop("This number is too large."),
    "float_type": gettext_noop("This must be a number."),
    "float_parsing": gettext_noop("This must be a number."),
    "finite_number": gettext_noop("This must be a number."),
    "greater_than_equal": gettext_noop("This must be at least %(ge)s."),
    "less_than_equal": gettext_noop("This must be at most %(le)s."),
    "bool_type": gettext_noop("This must be true or false."),
    "bool_parsing": gettext_noop("This must be true or false."),
    "literal_error": gettext_noop("This must be one of: %(expected)s."),
    "list_type": gettext_noop("This must be a list."),
    "too_short": gettext_noop("At least %(min_length)s are needed."),
    "too_long": gettext_noop("At most %(max_length)s are allowed."),
    "model_attributes_type": gettext_noop("This must be an object with fields."),
    "model_type": gettext_noop("This must be an object with fields."),
    "date_type": gettext_noop("This must be a day, like 2026-01-31."),
    "date_parsing": gettext_noop("This must be a day, like 2026-01-31."),
    "date_from_datetime_parsing": gettext_noop("This must be a day, like 2026-01-31."),
    "date_from_datetime_inexact": gettext_noop("This must be a day, like 2026-01-31."),
    "datetime_type": gettext_noop("This must be a day and a time, like 2026-01-31T09:30:00Z."),
    "datetime_parsing": gettext_noop("This must be a day and a time, like 2026-01-31T09:30:00Z."),
    "datetime_from_date_parsing": gettext_noop("This must be a day and a time, like 2026-01-31T09:30:00Z."),
}


EMPTY = gettext_noop("This must not be empty.")
# Where "expected here" is not enough of a hint.
PATTERNS = {r"^c-[0-9]{1,3}-[0-9]{1,3}-[0-9]{1,3}$": gettext_noop("This must be a key like c-1-2-3.")}


def told(error: Mapping[str, Any]) -> str | None:
    """One of pydantic's errors in the current language; None for a kind that nobody wrote a sentence for."""
    words = as_said(error)
    if error["type"] == "value_error":
        parts = words.split("; ")  # as an outline's rules join what breaks them
        if all(map(sentences.is_ours, parts)):
            return gettext("; ").join(map(sentences.told, parts))
        return sentences.told(words) if sentences.is_ours(words) else None
    context = error.get("ctx", {})
    if error["type"] == "string_too_short" and context["min_length"] == 1:
        return gettext(EMPTY)
    sentence = PATTERNS.get(str(context.get("pattern"))) or SENTENCES.get(str(error["type"]))
    return sentence and gettext(sentence) % {name: _listed(value) for name, value in context.items()}


def as_said(error: Mapping[str, Any]) -> str:
    """As pydantic, or whoever judged the value, says it: in English."""
    return str(error["msg"]).removeprefix("Value error, ")


def _listed(value: Any) -> Any:
    """Choices come as an English enumeration."""
    return value.replace(" or ", ", ") if isinstance(value, str) else value
