"""How far a person is with a concept."""

from django.conf import settings
from django.db import models


class ConceptProgress(models.Model):
    """That a person has worked through a concept."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="concept_progress")
    concept = models.ForeignKey("roadmaps.Concept", on_delete=models.CASCADE, related_name="progress")
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(name="progress_once_per_person", fields=["user", "concept"])]
        verbose_name_plural = "concept progress"

    def __str__(self) -> str:
        return f"{self.concept}: {'done' if self.done_at else 'open'}"
