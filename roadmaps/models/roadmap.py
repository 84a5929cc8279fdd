"""What somebody wants to learn, and how far the system is with it."""

from django.conf import settings
from django.contrib.auth.models import User
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy

from roadmap_project import languages
from roadmap_project.llm.reasons import FROM_AN_ADDED_SUBJECT, FROM_THE_LIBRARY


class RoadmapQuerySet(models.QuerySet["Roadmap"]):
    def kept(self) -> "RoadmapQuerySet":
        return self.filter(deleted_at__isnull=True)

    def for_owner(self, user: User) -> "RoadmapQuerySet":
        return self.kept().filter(owner=user)

    def deleted(self) -> "RoadmapQuerySet":
        """Out of sight and not purged yet: their owners can take them back."""
        return self.filter(deleted_at__isnull=False)

    def being_made(self) -> "RoadmapQuerySet":
        return self.kept().filter(state__in=(Roadmap.State.DESIGNING, Roadmap.State.WRITING))

    def locked(self, pk: int) -> "Roadmap":
        """The row, locked FOR NO KEY UPDATE until the transaction ends: first in every change of state or steps."""
        return self.select_for_update(no_key=True).get(pk=pk)


class Roadmap(models.Model):
    """A personal way to a goal: stages, modules and concepts, designed, reviewed and then written."""

    class State(models.TextChoices):
        DESIGNING = "designing", gettext_lazy("Designing")
        IN_REVIEW = "in_review", gettext_lazy("Waiting for your review")
        WRITING = "writing", gettext_lazy("Writing")
        READY = "ready", gettext_lazy("Ready")
        PARTLY_READY = "partly_ready", gettext_lazy("Partly ready")
        FAILED = "failed", gettext_lazy("Failed")
        CANCELLED = "cancelled", gettext_lazy("Cancelled")

    class Level(models.TextChoices):
        BEGINNER = "beginner", gettext_lazy("New to it")
        INTERMEDIATE = "intermediate", gettext_lazy("I know the basics")
        ADVANCED = "advanced", gettext_lazy("I work with it and want depth")

    class Preference(models.TextChoices):
        ANY = "any", gettext_lazy("A mix")
        VISUAL = "visual", gettext_lazy("Pictures and diagrams")
        TEXT = "text", gettext_lazy("Reading")
        AUDIO = "audio", gettext_lazy("Listening")
        HANDS_ON = "hands_on", gettext_lazy("Hands-on practice")

    GOAL_LENGTH = 1000

    slug = models.SlugField(max_length=120, unique=True)
    token = models.CharField(
        max_length=8, unique=True, editable=False
    )  # the slug's last part; the words before it may change
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="roadmaps")
    goal = models.TextField(max_length=GOAL_LENGTH)
    level = models.CharField(max_length=20, choices=Level, default=Level.BEGINNER)
    hours_per_week = models.PositiveSmallIntegerField(
        default=6, validators=[MinValueValidator(1), MaxValueValidator(168)]
    )
    motivation = models.TextField(blank=True, max_length=1000)
    background = models.TextField(blank=True, max_length=2000)
    preference = models.CharField(max_length=20, choices=Preference, default=Preference.ANY)
    language = models.CharField(max_length=40, default="en")
    second_language = models.CharField(max_length=40, blank=True)
    deadline = models.DateField(null=True, blank=True)
    skips_review = models.BooleanField("start writing without my review", default=False)

    title = models.CharField(max_length=200, blank=True)
    intent = models.JSONField(default=dict, blank=True)
    rationale = models.TextField(blank=True)
    origin = models.CharField(max_length=200, blank=True)
    hours = models.FloatField(default=0)
    weeks = models.PositiveIntegerField(default=0)
    state = models.CharField(max_length=20, choices=State, default=State.DESIGNING)
    notice = models.TextField(blank=True)  # what the person should know now: a failure's reason, a question
    request_key = models.UUIDField(null=True, blank=True)  # one per submitted form: a double click makes one roadmap
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = RoadmapQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="roadmap_hours_per_week_1_to_168", condition=Q(hours_per_week__gte=1, hours_per_week__lte=168)
            ),
            models.UniqueConstraint(
                name="roadmap_once_per_request", fields=["owner", "request_key"], condition=Q(request_key__isnull=False)
            ),
        ]
        indexes = [
            models.Index(name="roadmap_by_owner", fields=["owner", "-created_at"]),
            models.Index(name="roadmap_writing", fields=["id"], condition=Q(state="writing")),
        ]
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.title or self.goal[:80]

    def get_absolute_url(self) -> str:
        return reverse("roadmaps:roadmap", args=[self.slug])

    @property
    def content_language(self) -> str:
        """As a tag, for `lang`."""
        return languages.tag_of(self.written_in)

    @property
    def written_in(self) -> str:
        """The language that the content has: of the library's subjects each has one, whatever was wished."""
        if self.origin == FROM_THE_LIBRARY:
            return "en"
        of_subject = self.intent.get("languages") if self.origin == FROM_AN_ADDED_SUBJECT else None
        return str(of_subject[0]["language"]) if of_subject else self.language

    @property
    def is_named_otherwise(self) -> bool:
        """Whether its name leaves something of the goal unsaid."""
        return str(self) != self.goal

    @property
    def is_final(self) -> bool:
        return self.state in (
            self.State.READY,
            self.State.PARTLY_READY,
            self.State.FAILED,
            self.State.CANCELLED,
        )

    @property
    def is_changing(self) -> bool:
        """Whether a page about it should look again soon."""
        return self.state in (self.State.DESIGNING, self.State.WRITING)

    def move(self, state: str, *, notice: str = "") -> None:
        """Change the state; the caller holds the row's lock."""
        self.state, self.notice = state, notice
        self.save(update_fields=["state", "notice", "updated_at"])
