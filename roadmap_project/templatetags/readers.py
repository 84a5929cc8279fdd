"""Words for readers of several languages, in templates."""

from collections.abc import Iterable
from itertools import groupby

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from roadmap_project import languages, lengths
from roadmap_project import told as sentences

register = template.Library()
register.filter("hours", lengths.hours)
register.filter("hours_a_week", lengths.hours_a_week)


@register.filter
def told(text: str) -> str:
    """A sentence that was stored, in the reader's language."""
    return sentences.told(text)


@register.simple_tag
def said(text: str, language: str) -> SafeString:
    """A sentence that was stored; one that is not ours says that it is in the content's language."""
    if not text or sentences.is_ours(text):
        return format_html("{}", sentences.told(text))
    return format_html('<span lang="{}">{}</span>', language, text)


@register.simple_tag
def said_by_line(text: str, language: str) -> SafeString:
    """Lines of which each is a sentence of ours, or is not; of the latter those that follow each other say it once."""
    return _lines(
        _lines(map(sentences.told, lines))
        if are_ours
        else format_html('<span lang="{}">{}</span>', language, _lines(lines))
        for are_ours, lines in groupby(text.splitlines(), sentences.is_ours)
    )


def _lines(parts: Iterable[str]) -> SafeString:
    return format_html_join(SafeString("<br>"), "{}", ((part,) for part in parts))


@register.filter
def tag(language: str) -> str:
    """What somebody called a language, as a tag for `lang`."""
    return languages.tag_of(language)
