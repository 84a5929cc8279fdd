"""What an installation added to the bundled library."""

from django.conf import settings
from django.db import models
from django.utils import timezone


class LibrarySubject(models.Model):
    """A curated subject that was taken in; it stands before a bundled one of the same key, until it is deleted."""

    key = models.SlugField(max_length=80, unique=True)
    title = models.CharField(max_length=200)
    subject = models.JSONField()
    concepts = models.JSONField(help_text="By key.")
    version = models.PositiveIntegerField(default=1, help_text="The one of its versions that is in place.")
    is_offered = models.BooleanField(default=True, help_text="Whether new roadmaps may be made of it.")
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["key"]

    def __str__(self) -> str:
        return self.title


class SubjectVersion(models.Model):
    """A subject as it was taken in once: in place, replaced since, or not put in place yet."""

    of = models.ForeignKey(LibrarySubject, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    title = models.CharField(max_length=200)
    subject = models.JSONField()
    concepts = models.JSONField(help_text="By key.")
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(name="subject_version_once", fields=["of", "number"])]
        ordering = ["of", "-number"]

    def __str__(self) -> str:
        return f"{self.title} (version {self.number})"

    @property
    def is_in_place(self) -> bool:
        return self.number == self.of.version
