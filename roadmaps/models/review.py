"""How an outline came to be what it is: versions, reviews, and what the person said."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy


class OutlineRevision(models.Model):
    """One version of the tree: who or what made it, why, and what changed."""

    class Author(models.TextChoices):
        DESIGN = "design", gettext_lazy("First design")
        AUTOMATIC_EDIT = "automatic_edit", gettext_lazy("Edited after the automatic review")
        REQUESTED_EDIT = "requested_edit", gettext_lazy("Edited as you asked")
        HAND = "hand", gettext_lazy("Edited by hand")

    roadmap = models.ForeignKey("roadmaps.Roadmap", on_delete=models.CASCADE, related_name="revisions")
    number = models.PositiveIntegerField()
    author = models.CharField(max_length=20, choices=Author)
    reason = models.TextField(blank=True)
    tree = models.JSONField()
    changes = models.JSONField(default=dict, blank=True, help_text="Keys of concepts added, removed, changed, moved.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(name="revision_number_once", fields=["roadmap", "number"])]
        ordering = ["roadmap", "number"]

    def __str__(self) -> str:
        return f"version {self.number}"


class OutlineReview(models.Model):
    """What the review of one version found; `is_reviewed` is False where the review itself failed."""

    revision = models.OneToOneField(OutlineRevision, on_delete=models.CASCADE, related_name="review")
    is_reviewed = models.BooleanField(default=True)
    overall = models.FloatField(null=True, blank=True)
    passes = models.BooleanField(null=True, blank=True)
    scores = models.JSONField(default=dict, blank=True)
    issues = models.JSONField(default=list, blank=True)
    suggestions = models.JSONField(default=list, blank=True)
    failure = models.TextField(blank=True)
    origin = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="review_has_a_score_or_a_failure",
                condition=Q(is_reviewed=True, overall__isnull=False) | Q(is_reviewed=False, overall__isnull=True),
            )
        ]

    def __str__(self) -> str:
        return f"{self.overall:.0f} of 100" if self.overall is not None else "not reviewed"


class Feedback(models.Model):
    """Changes that the person asked for, in words, about one version of the outline."""

    class State(models.TextChoices):
        WORKING = "working", gettext_lazy("Being worked on")
        DONE = "done", gettext_lazy("Done")
        QUESTION = "question", gettext_lazy("Needs your answer")
        FAILED = "failed", gettext_lazy("Failed")

    roadmap = models.ForeignKey("roadmaps.Roadmap", on_delete=models.CASCADE, related_name="feedback")
    revision = models.ForeignKey(OutlineRevision, on_delete=models.CASCADE, related_name="feedback")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    text = models.TextField(max_length=4000)
    state = models.CharField(max_length=10, choices=State, default=State.WORKING)
    answer = models.TextField(blank=True)
    questions = models.JSONField(default=list, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.CheckConstraint(name="feedback_has_words", condition=~Q(text=""))]
        ordering = ["created_at"]
        verbose_name_plural = "feedback"

    def __str__(self) -> str:
        return self.text[:80]
