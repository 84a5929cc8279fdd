"""What did somebody type for a new roadmap before they went to look at something else?"""

from collections.abc import MutableMapping
from typing import Any

from django.contrib.auth.models import User

from roadmaps.models import Roadmap

DRAFT = "new_roadmap"
REQUEST_KEY, FORM_KEY = "request_key", "form_key"
LONGEST = 4000  # characters of a field; more than any may have
Session = MutableMapping[str, Any]


def keep(session: Session, typed: dict[str, str], *, form_key: str = "") -> None:
    """Until it is started, or they sign out. `typed` is what they changed: the rest follows their account.

    With its own key it is shown again as the same form, which Back may have brought after it was sent.
    """
    draft = {**typed, FORM_KEY: form_key} if form_key else typed
    session[DRAFT] = {name: value[:LONGEST] for name, value in draft.items()}


def kept(session: Session, user: User) -> dict[str, str]:
    """Nothing of words that became a roadmap meanwhile, which the form's last keeping may have come after.

    Without that form's request key: another page with it would be answered with the first one's roadmap. The same form
    has it, and where it was sent already its words, this once.
    """
    draft: dict[str, str] = dict(session.get(DRAFT, {}))
    key, form_key = draft.pop(REQUEST_KEY, None), draft.pop(FORM_KEY, None)
    if key and Roadmap.objects.filter(owner=user, request_key=key).exists():
        forget(session)
        draft = draft if form_key else {}
    return {**draft, REQUEST_KEY: form_key} if form_key else draft


def forget(session: Session) -> None:
    session.pop(DRAFT, None)
