"""How are a person's own words about a concept kept?"""

import uuid
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from content.models import Note
from roadmaps.deciding import RefusedError
from roadmaps.models import Concept


class NoteMovedOnError(RefusedError):
    """Another page or program wrote the note since, and what it wrote would be lost."""

    def __init__(self, note: Note) -> None:
        super().__init__(_("The note was changed elsewhere since you read it. Nothing was saved."))
        self.note = note


def keep(
    concept: Concept,
    *,
    user: User,
    text: str,
    since: datetime | None = None,
    page: uuid.UUID | None = None,
    is_last: bool = False,
) -> Note:
    """In place of what was there. Raises NoteMovedOnError where that was not before the writer.

    `since` is when the note that they read was saved, and `page` what they write from: of its own earlier words a page
    is not asked, as their answer may not have come yet. With neither, the later of two saves wins. The last words of a
    page that is gone (`is_last`) are kept below what was written elsewhere: nobody would read a refusal. What is there
    already is not saved again.
    """
    with transaction.atomic():
        written = {"text": text, "saved_at": _moment(timezone.now()), "saved_by": page}
        notes = Note.objects.select_for_update()
        note, is_new = notes.get_or_create(concept=concept, user=user, defaults=written)
        if is_new or note.text == text:
            return note
        is_known = note.saved_by == page if page else not since
        if not is_known and note.text and (since is None or _moment(since) != _moment(note.saved_at)):
            both = _both(note.text, text)
            if not is_last or len(both) > Note.LENGTH:
                raise NoteMovedOnError(note)
            written |= {"text": both, "saved_by": None}
        note.text, note.saved_at, note.saved_by = written.values()  # type: ignore[assignment]
        note.save(update_fields=list(written))
    return note


def _both(there: str, text: str) -> str:
    """One below the other, and once: a page can be left twice."""
    if not text.strip() or f"\n\n{there}".endswith(f"\n\n{text}"):
        return there
    return text if text.startswith(there) else f"{there}\n\n{text}"


def moment_of(text: str) -> datetime | None:
    """As a page sends it; None for none, and for junk."""
    try:
        found = parse_datetime(text)
    except ValueError:
        return None
    return found if found is None or timezone.is_aware(found) else None


def page_of(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def _moment(at: datetime) -> datetime:
    """As exact as the API says it."""
    return at.replace(microsecond=at.microsecond // 1000 * 1000)
