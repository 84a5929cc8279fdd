"""How is a number of hours said, in the current language? On pages and in files alike."""

from django.template.defaultfilters import floatformat
from django.utils.translation import gettext as _


def hours(number: float) -> str:
    return _("1 hour") if number == 1 else _("%(hours)s hours") % {"hours": floatformat(number, -1)}


def hours_a_week(number: float) -> str:
    return _("1 hour a week") if number == 1 else _("%(hours)s hours a week") % {"hours": floatformat(number, -1)}
