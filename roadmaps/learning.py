"""What has a person worked through?"""

from django.contrib.auth.models import User
from django.utils import timezone

from roadmaps.models import Concept, ConceptProgress


def mark(concept: Concept, *, user: User, is_learned: bool) -> ConceptProgress:
    """Learned, or not any more. Said again, it changes nothing but the moment."""
    done_at = timezone.now() if is_learned else None
    progress, _ = ConceptProgress.objects.update_or_create(concept=concept, user=user, defaults={"done_at": done_at})
    return progress
