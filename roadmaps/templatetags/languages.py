"""Languages by their names, in the reader's language."""

from django import template

from roadmap_project import languages

register = template.Library()


@register.filter
def language_name(typed: str) -> str:
    return languages.name_of(typed)
