"""What a person adds to what was written for a concept."""

from datetime import datetime

from django.conf import settings
from django.db import models
from django.utils import timezone

from content.models.pieces import Question, Quiz


class QuizAttempt(models.Model):
    """A person's answers to one version of a quiz."""

    class Way(models.TextChoices):
        """How its questions are asked."""

        AT_ONCE = "at_once", "all at once"
        IN_TURN = "in_turn", "one after the other"
        MISSED = "missed", "one after the other, only those missed before"
        ROUND = "round", "in a round over the whole roadmap"

    quiz = models.ForeignKey(Quiz, on_delete=models.CASCADE, related_name="attempts")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="quiz_attempts")
    answers = models.JSONField(help_text="Question position to chosen indices.")
    right = models.PositiveSmallIntegerField()
    total = models.PositiveSmallIntegerField()
    way = models.CharField(max_length=10, choices=Way, default=Way.AT_ONCE, db_default=Way.AT_ONCE)
    left = models.JSONField(
        default=list,
        db_default=[],
        blank=True,
        help_text="Positions that are still to be asked, in this order; none where it is finished.",
    )
    given_at = models.JSONField(
        default=dict,
        db_default={},
        blank=True,
        help_text="Question position to when it was answered; where it is not said, when the attempt began.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.right} of {self.total}"

    @property
    def answered_at(self) -> datetime:
        """When its latest answer was given."""
        return max([self.created_at, *map(datetime.fromisoformat, self.given_at.values())])

    def keep(self, question: Question, chosen: list[int]) -> list[int]:
        """What counts is the first answer: sent again, after its explanation was seen, it changes nothing."""
        place = str(question.position)
        if place not in self.answers:
            self.answers[place] = chosen
            self.given_at[place] = timezone.now().isoformat()
            self.right += question.is_right(chosen)
            self.total += 1
        self.left = [each for each in self.left if each != question.position]
        answer: list[int] = self.answers[place]
        return answer


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
