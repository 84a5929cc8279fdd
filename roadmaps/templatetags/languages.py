"""Languages by their names, in the reader's language."""

from django import template

from roadmap_project import languages

register = template.Library()


@register.filter
def language_name(typed: str) -> str:
    return languages.name_of(typed)


@register.filter
def unless_spoken_here(typed: str) -> str:
    """The language's name, where the page speaks another one."""
    code = languages.code_of(typed)
    is_spoken = languages.tag_of(code).partition("-")[0] == languages.for_content()
    return "" if is_spoken else languages.name_of(code)
