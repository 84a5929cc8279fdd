"""Words for readers of several languages, in templates."""

from django import template

from roadmap_project import languages
from roadmap_project import told as sentences

register = template.Library()


@register.filter
def told(text: str) -> str:
    """A sentence that was stored, in the reader's language."""
    return sentences.told(text)


@register.filter
def tag(language: str) -> str:
    """What somebody called a language, as a tag for `lang`."""
    return languages.tag_of(language)
