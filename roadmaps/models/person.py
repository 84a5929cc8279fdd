"""What a person wants by default, and what is written to them."""

import uuid

from django.conf import settings
from django.contrib.auth.models import User
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from roadmap_project import languages
from roadmaps.models.roadmap import Roadmap


class Profile(models.Model):
    """What a person's new roadmaps begin with, and how they want to be addressed; made when first saved."""

    class InterfaceLanguage(models.TextChoices):
        ENGLISH = "en", "English"
        CHINESE = "zh-hans", "简体中文"

        __empty__ = _("As the browser asks for")

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="profile")
    level = models.CharField(max_length=20, choices=Roadmap.Level, default=Roadmap.Level.BEGINNER)
    hours_per_week = models.PositiveSmallIntegerField(
        default=6, validators=[MinValueValidator(1), MaxValueValidator(168)]
    )
    background = models.TextField(blank=True, max_length=2000)
    preference = models.CharField(max_length=20, choices=Roadmap.Preference, default=Roadmap.Preference.ANY)
    language = models.CharField(max_length=40, default="en")  # "": none chosen yet, as these pages speak
    second_language = models.CharField(max_length=40, blank=True)
    interface_language = models.CharField(max_length=10, blank=True, choices=InterfaceLanguage)
    last_language = models.CharField(
        max_length=10, blank=True, default="", db_default="", help_text="What the pages spoke at the last visit."
    )
    gets_mail = models.BooleanField(default=True)

    def __str__(self) -> str:
        return str(self.user)

    @property
    def language_of_mail(self) -> str:
        """What was chosen, else what the pages spoke last, as the browser asked for it."""
        return self.interface_language or self.last_language or settings.LANGUAGE_CODE

    @classmethod
    def of(cls, user: User) -> "Profile":
        """The person's own, or an unsaved one with what everybody begins with."""
        profile = cls.objects.filter(user=user).first() or cls(user=user, language="")
        profile.language = profile.language or languages.for_content()
        return profile


class MailQuerySet(models.QuerySet["Mail"]):
    def due(self) -> "MailQuerySet":
        """Of the kinds that this release knows: one of a later release, beside it or before it, waits for that one."""
        return self.filter(state=Mail.State.WAITING, kind__in=Mail.Kind.values, due_at__lte=timezone.now())


class Mail(models.Model):
    """One message to a person: a row in the transaction that has something to say, sent later.

    The text is made when it is sent, so that no link with which somebody could sign in is stored.
    """

    class Kind(models.TextChoices):
        REVIEW = "review", "A review is needed"
        READY = "ready", "A roadmap is ready"
        PARTLY_READY = "partly_ready", "A roadmap is partly ready"
        FAILED = "failed", "A roadmap failed"
        PASSWORD = "password", "A new password"
        ADDRESS = "address", "An address is to be confirmed"
        ADDRESS_CHANGED = "address_changed", "Another address took this one's place"

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        SENT = "sent", "Sent"
        DROPPED = "dropped", "Not needed any more"
        FAILED = "failed", "Failed"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="mails")
    roadmap = models.ForeignKey(Roadmap, null=True, blank=True, on_delete=models.CASCADE, related_name="mails")
    kind = models.CharField(max_length=20, choices=Kind)
    address = models.EmailField(blank=True, help_text="Where it goes, if not to the person's own address.")
    key = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    due_at = models.DateTimeField(
        default=timezone.now, help_text="Not before; while it is sent, when that is given up."
    )
    attempts = models.PositiveSmallIntegerField(default=0)
    last_error = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField(null=True, blank=True)

    objects = MailQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(name="mail_due", fields=["due_at"], condition=Q(state="waiting")),
            models.Index(name="mail_by_moment", fields=["created_at"]),
        ]
        ordering = ["-created_at"]
        verbose_name_plural = "mail"

    def __str__(self) -> str:
        return f"{self.get_kind_display()} ({self.get_state_display()})"
