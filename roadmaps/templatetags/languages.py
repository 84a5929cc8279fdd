"""Languages by their names, in the reader's language."""

from django import template
from django.utils.translation import get_language_info

register = template.Library()

WITHOUT_A_SCRIPT = {"zh": "zh-hans"}  # whose name Django knows only with one


@register.filter
def language_name(typed: str) -> str:
    """“en” as English; what is no code that Django knows, like a name, stays as it is."""
    code = typed.strip().lower()
    try:
        return str(get_language_info(WITHOUT_A_SCRIPT.get(code, code))["name_translated"])
    except KeyError:
        return typed
