"""How long ago, in a word."""

from datetime import timedelta

from django import template

register = template.Library()

UNITS = (("d", 86_400), ("h", 3_600), ("min", 60))


@register.filter
def age(duration: timedelta | float | None) -> str:
    """In the largest unit of which there are two: 95 s, 45 min, 30 h, 3 d. Seconds or a timedelta."""
    if duration is None:
        return "–"
    seconds = duration.total_seconds() if isinstance(duration, timedelta) else float(duration)
    for unit, length in UNITS:
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"
