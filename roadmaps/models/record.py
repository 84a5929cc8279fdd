"""What happened: log lines and model calls."""

import uuid
from collections import Counter
from collections.abc import Iterable

import structlog
from django.db import DatabaseError, models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy

from roadmap_project.connections import LOST_CONNECTION
from roadmaps.models.step import Step

log = structlog.get_logger(__name__)


class LogEntryQuerySet(models.QuerySet["LogEntry"]):
    def insert(self, entries: Iterable["LogEntry"]) -> int:
        """Insert what can be inserted, in savepoints; how many could not be is returned, logged and noted as a line.

        One bad line takes no other along. Raises only where the connection is lost.
        """
        entries = list(entries)
        if self._has_inserted(entries):
            return 0
        lost = Counter(entry.roadmap_id for entry in entries if not self._has_inserted([entry]))
        for roadmap_id, count in lost.items():
            words = f"{count} of its log lines could not be saved"
            level = LogEntry.Level.ERROR
            now = timezone.now()
            self._has_inserted(
                [
                    LogEntry(
                        roadmap_id=roadmap_id,
                        event="log_lines_lost",
                        message=words,
                        level=level,
                        details={"count": count},
                        happened_at=now,
                    )
                ]
            )
        return lost.total()

    def _has_inserted(self, entries: list["LogEntry"]) -> bool:
        try:
            with transaction.atomic():
                self.bulk_create(entries)
        except LOST_CONNECTION:
            raise
        except (DatabaseError, TypeError, ValueError):  # the last two: what is no JSON, or no text of PostgreSQL's
            log.exception("log_lines_not_saved", count=len(entries))
            return False
        return True


class LogEntry(models.Model):
    """One line of a roadmap's execution log."""

    class Level(models.TextChoices):
        INFO = "info", gettext_lazy("Info")
        WARNING = "warning", gettext_lazy("Warning")
        ERROR = "error", gettext_lazy("Error")

    roadmap = models.ForeignKey("roadmaps.Roadmap", null=True, on_delete=models.CASCADE, related_name="log")
    concept = models.ForeignKey("roadmaps.Concept", null=True, on_delete=models.SET_NULL, related_name="+")
    step_kind = models.CharField(max_length=20, blank=True)
    level = models.CharField(max_length=10, choices=Level, default=Level.INFO)
    event = models.CharField(max_length=100)
    message = models.TextField(blank=True)
    details = models.JSONField(default=dict, blank=True)
    happened_at = models.DateTimeField()

    objects = LogEntryQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(name="log_by_roadmap", fields=["roadmap", "-happened_at"]),
            models.Index(name="log_by_moment", fields=["happened_at"]),
        ]
        ordering = ["-happened_at", "-pk"]
        verbose_name_plural = "log entries"

    def __str__(self) -> str:
        return f"{self.event} {self.message}"[:120]

    @property
    def step_label(self) -> str:
        """The kind of step that the line is about, where it is about one."""
        return str(Step.Kind(self.step_kind).label) if self.step_kind in Step.Kind.values else self.step_kind

    @property
    def seconds(self) -> float | None:
        """How long the step took that ended with this line."""
        seconds = self.details.get("seconds")
        return float(seconds) if isinstance(seconds, int | float) else None

    @property
    def follows(self) -> str:
        """What happens next, where the line says so."""
        return str(self.details.get("next", ""))


class ModelCall(models.Model):
    """One request to a language model, whatever became of it."""

    roadmap = models.ForeignKey("roadmaps.Roadmap", null=True, on_delete=models.SET_NULL, related_name="model_calls")
    concept = models.ForeignKey("roadmaps.Concept", null=True, on_delete=models.SET_NULL, related_name="model_calls")
    key = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    purpose = models.CharField(max_length=30)
    provider = models.CharField(max_length=40)
    model = models.CharField(max_length=100, blank=True)
    outcome = models.CharField(max_length=20)
    input_tokens = models.PositiveIntegerField(default=0)
    output_tokens = models.PositiveIntegerField(default=0)
    cost = models.DecimalField(max_digits=12, decimal_places=6, default=0, help_text="US dollars")
    latency = models.FloatField(help_text="seconds")
    attempt = models.PositiveSmallIntegerField(default=1, help_text="Place among the calls of one step, from 1.")
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        # With what sums of days need, so that they read no row.
        indexes = [
            models.Index(
                name="model_call_by_moment",
                fields=["-created_at"],
                include=["purpose", "outcome", "input_tokens", "output_tokens", "cost"],
            )
        ]
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.purpose} {self.outcome}"

    @property
    def is_cost_assumed(self) -> bool:
        """The endpoint told no tokens, or the call was given up."""
        return bool(self.cost) and not self.input_tokens and not self.output_tokens
