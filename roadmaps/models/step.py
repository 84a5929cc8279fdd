"""One piece of model work, and which worker has it."""

from datetime import UTC, datetime, timedelta

from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy

RANK_EPOCH = datetime(2025, 1, 1, tzinfo=UTC)
SECONDS_PER_PLACE = 300
FIRST_TUTORIAL = -288  # its place is a day ahead: somebody is about to read it, whatever else has been waiting


def rank_of(position: int) -> float:
    """Place in its roadmap plus five minutes of age a place, since a fixed epoch.

    The first concepts of every roadmap come before the tenth of any, and old work overtakes new.
    """
    return position + (timezone.now() - RANK_EPOCH).total_seconds() / SECONDS_PER_PLACE


class StepQuerySet(models.QuerySet["Step"]):
    def waiting(self) -> "StepQuerySet":
        return self.filter(state=Step.State.WAITING)

    def active(self) -> "StepQuerySet":
        return self.filter(state__in=Step.ACTIVE)

    def content(self) -> "StepQuerySet":
        return self.filter(kind__in=Step.CONTENT_KINDS)

    def rewrites_failed(self) -> "StepQuerySet":
        """Done, as an earlier version stands; the attempt to write it again came to nothing."""
        return self.content().filter(state=Step.State.DONE).exclude(last_error="")

    def failed(self) -> "StepQuerySet":
        """Those too of which only writing it again did; of a single one `has_failed` says it."""
        return self.filter(state=Step.State.FAILED) | self.rewrites_failed()

    def expired(self) -> "StepQuerySet":
        return self.filter(state=Step.State.RUNNING, lease_expires_at__lt=Now())

    def cancel(self) -> int:
        """Nothing that is under way may be stored any more: the token is replaced.

        A piece that was to be written again is done, as its earlier version stands.
        """
        return self.active().update(
            state=Case(When(is_rewrite=True, then=Value("done")), default=Value("cancelled")),
            last_error=Case(When(is_rewrite=True, then=Value("", models.TextField())), default=F("last_error")),
            lease_token=None,
            lease_expires_at=None,
            finished_at=Now(),
        )

    def hand_back(self, *, not_before_in: timedelta | None = None) -> int:
        """From running to waiting, as if never claimed; counts neither as an attempt nor as a loss."""
        return self.filter(state=Step.State.RUNNING).update(
            state=Step.State.WAITING,
            lease_token=None,
            lease_expires_at=None,
            started_at=None,
            not_before=Now() + not_before_in if not_before_in else None,
        )

    def start_over(self) -> int:
        """Back to waiting with a clean slate and a person's rank: old error, times and counts are gone."""
        return self.update(
            state=Step.State.WAITING,
            rank=rank_of(0),
            attempts=0,
            losses=0,
            limited_for=timedelta(),
            last_error="",
            not_before=None,
            lease_token=None,
            lease_expires_at=None,
            asked_at=Now(),
            started_at=None,
            finished_at=None,
            is_unchanged=False,
        )


class Step(models.Model):
    """One piece of model work on a roadmap or a concept: a row first, a call later."""

    class Kind(models.TextChoices):
        ANALYSE = "analyse", gettext_lazy("Understand the goal")
        DESIGN = "design", gettext_lazy("Design the outline")
        REVIEW = "review", gettext_lazy("Review the outline")
        PLAN = "plan", gettext_lazy("Plan an edit")
        EDIT = "edit", gettext_lazy("Edit the outline")
        TUTORIAL = "tutorial", gettext_lazy("Tutorial")
        RESOURCES = "resources", gettext_lazy("Resources")
        QUIZ = "quiz", gettext_lazy("Quiz")
        LINKS = "links", gettext_lazy("Check links")

    class State(models.TextChoices):
        WAITING = "waiting", gettext_lazy("Waiting")
        RUNNING = "running", gettext_lazy("In progress")
        DONE = "done", gettext_lazy("Done")
        FAILED = "failed", gettext_lazy("Failed")
        CANCELLED = "cancelled", gettext_lazy("Cancelled")

    ACTIVE = (State.WAITING, State.RUNNING)
    CONTENT_KINDS = (Kind.TUTORIAL, Kind.RESOURCES, Kind.QUIZ)
    WORKFLOW_KINDS = (Kind.ANALYSE, Kind.DESIGN, Kind.REVIEW, Kind.PLAN, Kind.EDIT)
    QUEUES = {
        **dict.fromkeys(WORKFLOW_KINDS, "workflow"),
        **dict.fromkeys(CONTENT_KINDS, "content"),
        Kind.LINKS: "logs",
    }

    # `attempts` counts a provider's answers and errors, `losses` leases that ran out (a step that kills its worker);
    # a provider that merely limits us costs time.
    MOST_ATTEMPTS = 4
    MOST_LOSSES = 5
    MOST_LIMITED = timedelta(days=1)

    kind = models.CharField(max_length=12, choices=Kind)
    queue = models.CharField(max_length=12, editable=False)
    roadmap = models.ForeignKey("roadmaps.Roadmap", on_delete=models.CASCADE, related_name="steps")
    concept = models.ForeignKey(
        "roadmaps.Concept", null=True, blank=True, on_delete=models.CASCADE, related_name="steps"
    )
    feedback = models.ForeignKey(
        "roadmaps.Feedback", null=True, blank=True, on_delete=models.CASCADE, related_name="steps"
    )
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    wish = models.TextField(blank=True, help_text="What the person asked for when regenerating.")
    payload = models.JSONField(default=dict, blank=True, help_text="What the step before hands on: a plan, a round.")
    is_rewrite = models.BooleanField(default=False, help_text="There is a version already, which stands if this fails.")
    is_unchanged = models.BooleanField(
        default=False, db_default=False, help_text="Written again, it came out as the version that stands."
    )
    rank = models.FloatField(help_text="Lower first; fixed at creation.")
    attempts = models.PositiveSmallIntegerField(default=0)
    losses = models.PositiveSmallIntegerField(default=0)
    limited_for = models.DurationField(
        default=timedelta, db_default=timedelta(), help_text="How long a limiting provider has made it wait so far."
    )
    worker = models.CharField(max_length=100, blank=True, help_text="Who claimed it last: host and process id.")
    lease_token = models.UUIDField(null=True, blank=True)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    not_before = models.DateTimeField(null=True, blank=True)
    last_error = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    asked_at = models.DateTimeField(db_default=Now(), editable=False, help_text="When it was created or started over.")
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = StepQuerySet.as_manager()

    class Meta:
        constraints = [
            # A concept's piece is one row for ever, rewritten in place; the workflow's steps leave a trail.
            models.UniqueConstraint(
                name="step_once_per_piece", fields=["concept", "kind"], condition=Q(concept__isnull=False)
            ),
            models.UniqueConstraint(
                name="step_one_active_per_kind",
                fields=["roadmap", "kind"],
                condition=Q(concept__isnull=True, state__in=("waiting", "running")),
            ),
            models.CheckConstraint(
                name="step_running_has_a_lease",
                condition=~Q(state="running") | Q(lease_token__isnull=False, lease_expires_at__isnull=False),
            ),
        ]
        indexes = [
            # Claims read only this: its size is the backlog, its cost is the number of rows taken.
            models.Index(
                name="step_ready",
                fields=["queue", "rank", "id"],
                condition=Q(state="waiting", not_before__isnull=True),
            ),
            models.Index(
                name="step_deferred",
                fields=["queue", "not_before"],
                condition=Q(state="waiting", not_before__isnull=False),
            ),
            models.Index(name="step_running", fields=["queue", "lease_expires_at"], condition=Q(state="running")),
            models.Index(name="step_by_roadmap", fields=["roadmap", "kind", "state"]),
            # What an operator looks at: how long the queues are, who waits longest, what failed lately.
            models.Index(name="step_waiting_since", fields=["queue", "asked_at"], condition=Q(state="waiting")),
            models.Index(
                name="step_ended_in_error",
                fields=["finished_at"],
                condition=Q(state__in=("done", "failed")) & ~Q(last_error=""),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} ({self.get_state_display()})"

    def save(self, *args: object, **kwargs: object) -> None:
        self.queue = self.QUEUES[self.Kind(self.kind)]
        super().save(*args, **kwargs)  # type: ignore[arg-type]

    @property
    def is_active(self) -> bool:
        """As `active` finds it."""
        return self.state in self.ACTIVE

    @property
    def has_failed(self) -> bool:
        """Also where only writing it again did: as `failed` finds it."""
        is_failed_rewrite = self.state == self.State.DONE and self.kind in self.CONTENT_KINDS and bool(self.last_error)
        return self.state == self.State.FAILED or is_failed_rewrite


class ProviderPause(models.Model):
    """Until when a provider, or the day's limit of cost, has the whole installation wait; every claim obeys it."""

    provider = models.CharField(max_length=40, primary_key=True)
    until = models.DateTimeField()
    reason = models.TextField(blank=True)
    in_flight = models.PositiveIntegerField(
        null=True, help_text="Calls when it began; afterwards as many are reached little by little."
    )

    def __str__(self) -> str:
        return f"{self.provider} until {self.until:%H:%M:%S}"


class ClusterHeartbeat(models.Model):
    """When a worker of one cluster last picked something up; of several that serve a queue each has a row."""

    queue = models.CharField(max_length=12)
    cluster = models.CharField(max_length=100, help_text="Its host, and its parent’s process id.")
    picked_up_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(name="one_heartbeat_per_cluster", fields=["queue", "cluster"])]

    def __str__(self) -> str:
        return f"{self.queue} at {self.cluster}"


class QueueHeartbeat(models.Model):
    """When a worker last picked something up, and last swept; written by workers alone."""

    queue = models.CharField(max_length=12, primary_key=True)
    picked_up_at = models.DateTimeField(null=True)
    swept_at = models.DateTimeField(null=True)
    settled_to = models.BigIntegerField(default=0, db_default=0)  # the last roadmap looked at for being finished
    takes_leases_from = models.DateTimeField(null=True)  # not before: workers may hold answers from before an outage

    def __str__(self) -> str:
        return self.queue
