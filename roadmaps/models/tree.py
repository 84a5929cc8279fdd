"""The parts of a roadmap, in order."""

from django.contrib.auth.models import User
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy


class Stage(models.Model):
    """A stretch of the way with a purpose of its own."""

    roadmap = models.ForeignKey("roadmaps.Roadmap", on_delete=models.CASCADE, related_name="stages")
    position = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="stage_position_once", fields=["roadmap", "position"], deferrable=models.Deferrable.DEFERRED
            )
        ]
        ordering = ["position"]

    def __str__(self) -> str:
        return self.name


class Module(models.Model):
    """Concepts that belong together."""

    stage = models.ForeignKey(Stage, on_delete=models.CASCADE, related_name="modules")
    position = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="module_position_once", fields=["stage", "position"], deferrable=models.Deferrable.DEFERRED
            )
        ]
        ordering = ["position"]

    def __str__(self) -> str:
        return self.name


class ConceptQuerySet(models.QuerySet["Concept"]):
    def for_owner(self, user: User) -> "ConceptQuerySet":
        return self.filter(roadmap__owner=user, roadmap__deleted_at__isnull=True)


class Concept(models.Model):
    """One thing to learn, with a tutorial, a resource list and a quiz of its own."""

    class Difficulty(models.TextChoices):
        EASY = "easy", gettext_lazy("Easy")
        MEDIUM = "medium", gettext_lazy("Medium")
        HARD = "hard", gettext_lazy("Hard")

    roadmap = models.ForeignKey("roadmaps.Roadmap", on_delete=models.CASCADE, related_name="concepts")
    module = models.ForeignKey(Module, on_delete=models.CASCADE, related_name="concepts")
    key = models.CharField(max_length=20)
    position = models.PositiveSmallIntegerField(help_text="Place in the whole roadmap, from 0.")
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    hours = models.FloatField()
    difficulty = models.CharField(max_length=10, choices=Difficulty)
    keywords = models.JSONField(default=list, blank=True)
    source = models.CharField(max_length=200, blank=True, help_text="subject/concept in the bundled library")
    prerequisites = models.ManyToManyField("self", symmetrical=False, related_name="unlocks", blank=True)

    objects = ConceptQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="concept_key_once", fields=["roadmap", "key"]),
            models.UniqueConstraint(
                name="concept_position_once", fields=["roadmap", "position"], deferrable=models.Deferrable.DEFERRED
            ),
            models.CheckConstraint(name="concept_hours_positive", condition=Q(hours__gt=0)),
        ]
        ordering = ["roadmap", "position"]

    def __str__(self) -> str:
        return f"{self.key} {self.name}"

    @property
    def public_id(self) -> str:
        """As in logs, the API and support: `agent-performance-optimization-x5y9z2q8:c-2-2-1`."""
        return f"{self.roadmap.slug}:{self.key}"
