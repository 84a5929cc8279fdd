"""What was written for a concept, in versions."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy, gettext_noop

from roadmap_project.told import kept
from roadmaps.models import Step

EDITED = kept(gettext_noop("Edited by hand."))


class PieceQuerySet(models.QuerySet):  # type: ignore[type-arg]
    def current(self) -> "PieceQuerySet":
        return self.filter(is_current=True)


class Piece(models.Model):
    """One version of something written for a concept; exactly one of each kind is current."""

    concept = models.ForeignKey("roadmaps.Concept", on_delete=models.CASCADE, related_name="%(class)s_versions")
    version = models.PositiveIntegerField()
    is_current = models.BooleanField(default=True)
    origin = models.CharField(max_length=200, help_text="What a reader is told about where this came from.")
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="The editor; empty where a provider wrote it.",
    )
    wish = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    kind: ClassVar[Step.Kind]  # of the steps that write it
    rows: ClassVar[tuple[str, ...]] = ()  # what belongs to it in rows, by their name on it
    has_called_off = False  # True where making this version ended a rewrite that was under way

    objects = PieceQuerySet.as_manager()

    class Meta:
        abstract = True
        constraints = [
            models.UniqueConstraint(name="%(class)s_version_once", fields=["concept", "version"]),
            models.UniqueConstraint(name="%(class)s_one_current", fields=["concept"], condition=Q(is_current=True)),
        ]
        ordering = ["concept", "-version"]

    def __str__(self) -> str:
        return f"{self.concept} (version {self.version})"

    @property
    def public_origin(self) -> str:
        """The origin for people to whom an editor's name is none of their business."""
        return EDITED if self.author_id else self.origin


def came_out_the_same(piece: Piece | None, step: Step | None) -> bool:
    """Written again, it came out as it stands there; and not a version that was made since, by hand."""
    if piece is None or step is None or step.is_active or step.started_at is None:
        return False
    return step.is_unchanged and piece.created_at < step.started_at


class Tutorial(Piece):
    """A concept's tutorial: Markdown, and the safe HTML made from it once."""

    kind = Step.Kind.TUTORIAL

    title = models.CharField(max_length=300)
    summary = models.CharField(max_length=300)
    minutes = models.PositiveSmallIntegerField()
    markdown = models.TextField()
    html = models.TextField(editable=False)


class ResourceList(Piece):
    """A concept's links; a list without links is finished too and says why in `note`."""

    kind = Step.Kind.RESOURCES
    rows = ("resources",)

    note = models.TextField(blank=True)


class Resource(models.Model):
    """One link, and what its last check found."""

    class Kind(models.TextChoices):
        ARTICLE = "article", gettext_lazy("Article")
        VIDEO = "video", gettext_lazy("Video")
        BOOK = "book", gettext_lazy("Book")
        COURSE = "course", gettext_lazy("Course")
        DOCUMENTATION = "documentation", gettext_lazy("Documentation")
        TOOL = "tool", gettext_lazy("Tool")

    class Status(models.TextChoices):
        UNCHECKED = "unchecked", gettext_lazy("Not checked yet")
        OK = "ok", gettext_lazy("Works")
        BROKEN = "broken", gettext_lazy("Broken")
        REFUSED = "refused", gettext_lazy("Not fetched: not a public address")

    resource_list = models.ForeignKey(ResourceList, on_delete=models.CASCADE, related_name="resources")
    position = models.PositiveSmallIntegerField()
    title = models.CharField(max_length=300)
    url = models.URLField(max_length=2000)
    kind = models.CharField(max_length=20, choices=Kind)
    description = models.TextField(blank=True)
    relevance = models.FloatField(default=0.5)
    language = models.CharField(max_length=40, default="en")
    status = models.CharField(max_length=10, choices=Status, default=Status.UNCHECKED)
    status_detail = models.CharField(max_length=200, blank=True)
    checked_at = models.DateTimeField(null=True, blank=True)
    reported_at = models.DateTimeField(null=True, blank=True, help_text="When the reader said that it is broken.")

    class Meta:
        constraints = [models.UniqueConstraint(name="resource_position_once", fields=["resource_list", "position"])]
        ordering = ["resource_list", "position"]

    def __str__(self) -> str:
        return self.title

    @property
    def waits_for_a_look(self) -> bool:
        """Reported as broken, and not looked at since."""
        return self.reported_at is not None and (self.checked_at is None or self.checked_at < self.reported_at)

    @property
    def is_in_doubt(self) -> bool:
        """Found broken, or said to be and not looked at since."""
        return self.status == self.Status.BROKEN or self.waits_for_a_look


class Quiz(Piece):
    """A concept's questions; attempts stay tied to the version that was answered."""

    kind = Step.Kind.QUIZ
    rows = ("questions",)

    class Meta(Piece.Meta):
        verbose_name_plural = "quizzes"


class Question(models.Model):
    """One question with its options, the right ones and why."""

    class Kind(models.TextChoices):
        SINGLE = "single_choice", gettext_lazy("One answer")
        MULTIPLE = "multiple_choice", gettext_lazy("Several answers")
        TRUE_FALSE = "true_false", gettext_lazy("True or false")

    quiz = models.ForeignKey(Quiz, on_delete=models.CASCADE, related_name="questions")
    position = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=20, choices=Kind)
    text = models.TextField()
    options = models.JSONField()
    correct = models.JSONField(help_text="Indices into the options, from 0.")
    explanation = models.TextField()
    difficulty = models.CharField(max_length=10)

    class Meta:
        constraints = [models.UniqueConstraint(name="question_position_once", fields=["quiz", "position"])]
        ordering = ["quiz", "position"]

    def __str__(self) -> str:
        return self.text[:80]

    @property
    def words(self) -> tuple[str, str, tuple[str, ...], tuple[int, ...]]:
        """What makes it the same question in another version of the quiz: its text, its options and what is right."""
        return self.kind, self.text, tuple(self.options), tuple(self.correct)

    def is_right(self, chosen: list[int]) -> bool:
        return sorted(set(chosen)) == sorted(self.correct)


MODELS: dict[Step.Kind, type[Piece]] = {model.kind: model for model in (Tutorial, ResourceList, Quiz)}
