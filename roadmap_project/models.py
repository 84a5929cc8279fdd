"""What was counted (connections, who had to wait for one, tries to sign in), API tokens, and requests with a key."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone


class ConnectionSample(models.Model):
    """How many connections one service held at one moment, beside what was declared and what the server takes."""

    sampled_at = models.DateTimeField()
    service = models.CharField(max_length=20)  # a name of counting.names()
    observed = models.PositiveIntegerField()
    declared = models.PositiveIntegerField()
    limit = models.IntegerField()
    usable = models.IntegerField()  # below zero where headroom and other clients leave nothing

    class Meta:
        verbose_name_plural = "operations"
        # Its index begins with the moment, which is what the plot and the purge look for.
        constraints = [
            models.UniqueConstraint(fields=["sampled_at", "service"], name="one_sample_per_moment_and_service")
        ]

    def __str__(self) -> str:
        return f"{self.service} {self.observed} of {self.declared} at {self.sampled_at:%Y-%m-%d %H:%M:%S}"


class ConnectionTrouble(models.Model):
    """How often connects of one service's processes waited or were refused, for one reason."""

    service = models.CharField(max_length=20)  # web, logs, content, workflow, release or other
    refused_by = models.CharField(max_length=20)  # a reason of postgresql/base.py
    waits = models.PositiveBigIntegerField()
    refusals = models.PositiveBigIntegerField()
    lately = models.PositiveBigIntegerField()  # connects that met it since the last quiet time
    began_at = models.DateTimeField()  # the first of these
    last_at = models.DateTimeField()

    class Meta:
        # Written by the backend itself (postgresql/telling.py), which relies on it.
        constraints = [
            models.UniqueConstraint(fields=["service", "refused_by"], name="one_trouble_per_service_and_reason")
        ]

    def __str__(self) -> str:
        return f"{self.service}: {self.refusals} refused by {self.refused_by}, {self.waits} waited"


class SignInTries(models.Model):
    """How often somebody tried to sign in or up lately (to one account, from one address), or changed things by API."""

    key = models.CharField(max_length=64, primary_key=True)  # a keyed hash: what people type there may be a password
    tries = models.PositiveIntegerField()
    ends_at = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name_plural = "tries to sign in"

    def __str__(self) -> str:
        return f"{self.tries} until {self.ends_at:%H:%M:%S}"


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def usable(self) -> "ApiTokenQuerySet":
        return self.filter(Q(expires_at__isnull=True) | Q(expires_at__gt=timezone.now()))


class ApiToken(models.Model):
    """A key with which a person's own programs use the API as that person. The secret itself is not stored."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=100)
    digest = models.CharField(max_length=64, unique=True, editable=False)  # SHA-256: enough for 256 random bits
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(name="api_token_name_once", fields=["user", "name"])]
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.name

    @property
    def is_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now()


class KeyedRequest(models.Model):
    """A request that its sender gave a key, and what was answered: sent again, it gets the same and changes nothing."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    digest = models.CharField(max_length=64)  # SHA-256 of what was asked for
    status = models.PositiveSmallIntegerField(null=True)  # none only within the transaction that answers
    answer = models.JSONField(null=True)  # none where what it is about was erased since
    about = models.CharField(max_length=8, blank=True, default="", db_default="")  # the token of the answer's roadmap
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(name="keyed_request_once", fields=["user", "key"])]
        indexes = [models.Index(name="keyed_request_by_age", fields=["created_at"])]

    def __str__(self) -> str:
        return self.key
