"""What was counted: connections, for the plot of declared against observed, and tries to sign in."""

from django.db import models


class ConnectionSample(models.Model):
    """How many connections one service held at one moment, beside what was declared and what the server takes."""

    sampled_at = models.DateTimeField()
    service = models.CharField(max_length=20)  # a name of counting.names()
    observed = models.PositiveIntegerField()
    declared = models.PositiveIntegerField()
    limit = models.IntegerField()
    usable = models.IntegerField()  # below zero where headroom and other clients leave nothing

    class Meta:
        verbose_name_plural = "connections"
        # Its index begins with the moment, which is what the plot and the purge look for.
        constraints = [
            models.UniqueConstraint(fields=["sampled_at", "service"], name="one_sample_per_moment_and_service")
        ]

    def __str__(self) -> str:
        return f"{self.service} {self.observed} of {self.declared} at {self.sampled_at:%Y-%m-%d %H:%M:%S}"


class SignInTries(models.Model):
    """How often somebody tried to sign in or up lately: to one account, or from one address."""

    key = models.CharField(max_length=64, primary_key=True)  # a keyed hash: what people type there may be a password
    tries = models.PositiveIntegerField()
    ends_at = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name_plural = "tries to sign in"

    def __str__(self) -> str:
        return f"{self.tries} until {self.ends_at:%H:%M:%S}"
