"""What is wrong with a value? In words for a person, who may read another language than pydantic speaks."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext, gettext_noop

SENTENCES = {
    "missing": gettext_noop("This is missing."),
    "extra_forbidden": gettext_noop("There is no such field."),
    "string_type": gettext_noop("This must be a text."),
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
}


def told(error: Mapping[str, Any]) -> str:
    """Of pydantic's errors the frequent ones in the current language; the others as pydantic says them."""
    sentence = SENTENCES.get(str(error["type"]))
    if sentence is None:
        return str(error["msg"]).removeprefix("Value error, ")
    return gettext(sentence) % {name: _listed(value) for name, value in error.get("ctx", {}).items()}


def _listed(value: Any) -> Any:
    """Choices come as an English enumeration."""
    return value.replace(" or ", ", ") if isinstance(value, str) else value
