"""Code and emphasis in the words of questions, in templates."""

from django import template
from django.utils.safestring import SafeString, mark_safe

from content import spans

register = template.Library()


@register.filter
def with_spans(text: str) -> SafeString:
    return mark_safe(spans.to_html(text))  # noqa: S308  its promise
