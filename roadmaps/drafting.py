"""What did somebody type for a new roadmap before they went to look at something else?"""

from collections.abc import MutableMapping
from typing import Any

from django.contrib.auth.models import User

from roadmaps.models import Roadmap

DRAFT = "new_roadmap"
LONGEST = 4000  # characters of a field; more than any may have
Session = MutableMapping[str, Any]


def keep(session: Session, typed: dict[str, str]) -> None:
    """Until it is started, or they sign out. `typed` is what they changed: the rest follows their account."""
    session[DRAFT] = {name: value[:LONGEST] for name, value in typed.items()}


def kept(session: Session, user: User) -> dict[str, str]:
    """Nothing of words that became a roadmap meanwhile, which the form's last keeping may have come after.

    Without that form's request key: another page with it would be answered with the first one's roadmap.
    """
    draft: dict[str, str] = session.get(DRAFT, {})
    key = draft.get("request_key")
    if key and Roadmap.objects.filter(owner=user, request_key=key).exists():
        forget(session)
        return {}
    return {name: value for name, value in draft.items() if name != "request_key"}


def forget(session: Session) -> None:
    session.pop(DRAFT, None)
