"""What has a person worked through?"""

from dataclasses import dataclass

from django.contrib.auth.models import User
from django.utils import timezone

from roadmaps.models import Concept, ConceptProgress


@dataclass(frozen=True)
class QuizResult:
    """How a person answered the questions of a concept's quiz, each the last time."""

    right: int
    wrong: int
    questions: int

    @property
    def answered(self) -> int:
        return self.right + self.wrong


def mark(concept: Concept, *, user: User, is_learned: bool) -> ConceptProgress:
    """Learned, or not any more. Said again, it changes nothing: learned is when it was said first."""
    done_at = timezone.now() if is_learned else None
    progress, is_new = ConceptProgress.objects.get_or_create(concept=concept, user=user, defaults={"done_at": done_at})
    otherwise = ConceptProgress.objects.filter(pk=progress.pk, done_at__isnull=is_learned)
    if not is_new and otherwise.update(done_at=done_at):
        progress.done_at = done_at
    return progress
