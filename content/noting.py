"""How are a person's own words about a concept kept?"""

from django.contrib.auth.models import User
from django.utils import timezone

from content.models import Note
from roadmaps.models import Concept


def keep(concept: Concept, *, user: User, text: str) -> Note:
    """In place of what was there: the later of two saves wins."""
    note, _ = Note.objects.update_or_create(
        concept=concept, user=user, defaults={"text": text, "saved_at": timezone.now()}
    )
    return note
