"""What happened: log lines and model calls."""

import uuid

from django.db import models


class LogEntry(models.Model):
    """One line of a roadmap's execution log."""

    class Level(models.TextChoices):
        INFO = "info", "Info"
        WARNING = "warning", "Warning"
        ERROR = "error", "Error"

    roadmap = models.ForeignKey("roadmaps.Roadmap", null=True, on_delete=models.CASCADE, related_name="log")
    concept = models.ForeignKey("roadmaps.Concept", null=True, on_delete=models.SET_NULL, related_name="+")
    step_kind = models.CharField(max_length=20, blank=True)
    level = models.CharField(max_length=10, choices=Level, default=Level.INFO)
    event = models.CharField(max_length=100)
    message = models.TextField(blank=True)
    details = models.JSONField(default=dict, blank=True)
    happened_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(name="log_by_roadmap", fields=["roadmap", "-happened_at"]),
            models.Index(name="log_by_moment", fields=["happened_at"]),
        ]
        ordering = ["-happened_at", "-pk"]
        verbose_name_plural = "log entries"

    def __str__(self) -> str:
        return f"{self.event} {self.message}"[:120]


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
        indexes = [models.Index(name="model_call_by_day", fields=["-created_at"])]
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.purpose} {self.outcome}"
