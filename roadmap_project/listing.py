"""How are several names written one after the other, in the current language?"""

from collections.abc import Iterable

from django.utils.translation import pgettext


def listed(names: Iterable[str]) -> str:
    return pgettext("between names", ", ").join(names)
