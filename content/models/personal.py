"""What a person adds to what was written for a concept."""

from django.conf import settings
from django.db import models

from content.models.pieces import Quiz


class QuizAttempt(models.Model):
    """A person's answers to one version of a quiz."""

    quiz = models.ForeignKey(Quiz, on_delete=models.CASCADE, related_name="attempts")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="quiz_attempts")
    answers = models.JSONField(help_text="Question position to chosen indices.")
    right = models.PositiveSmallIntegerField()
    total = models.PositiveSmallIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.right} of {self.total}"


class Note(models.Model):
    """A person's own words about a concept, for nobody else."""

    LENGTH = 20_000

    concept = models.ForeignKey("roadmaps.Concept", on_delete=models.CASCADE, related_name="notes")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notes")
    text = models.TextField(blank=True, max_length=LENGTH)
    saved_at = models.DateTimeField()
    saved_by = models.UUIDField(
        null=True,
        blank=True,
        help_text="The loading of the concept’s page that wrote it; empty where a program did.",
    )

    class Meta:
        constraints = [models.UniqueConstraint(name="note_once_per_person", fields=["user", "concept"])]

    def __str__(self) -> str:
        return f"{self.concept}: {len(self.text)} characters"
