"""How does a person's program show whose it is? With a secret that the person made and that only its holder knows."""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from roadmap_project.models import ApiToken, ApiTokenQuerySet

PREFIX = "roadmaps_"  # by which people, and scanners of published code, recognise one
LENGTH = len(PREFIX) + 43
MOST_PER_PERSON = 20
USE_IS_NOTED_EVERY = timedelta(minutes=1)


class TokenRefusedError(Exception):
    """Why no token was made, in words for the person."""


def make(*, user: Any, name: str, expires_at: datetime | None = None) -> tuple[ApiToken, str]:
    """The token and its secret, which nobody can read again. Raises TokenRefusedError."""
    secret = PREFIX + secrets.token_urlsafe(32)
    with transaction.atomic():
        # So that two at once are counted, and that a session of before a new password makes none after it.
        same = get_user_model().objects.select_for_update(no_key=True).filter(pk=user.pk, password=user.password)
        if same.first() is None:
            raise TokenRefusedError(_("Your account was changed meanwhile. Sign in again."))
        own = of(user)
        if own.filter(name=name).exists():
            raise TokenRefusedError(_("You have a token of this name already."))
        if own.count() >= MOST_PER_PERSON:
            raise TokenRefusedError(
                _("You have %(most)s tokens, which is the most there can be. Revoke one first.")
                % {"most": MOST_PER_PERSON}
            )
        token = ApiToken.objects.create(user=user, name=name, digest=digest_of(secret), expires_at=expires_at)
    return token, secret


def of(user: Any) -> ApiTokenQuerySet:
    return ApiToken.objects.filter(user=user)


def find(secret: str) -> ApiToken | None:
    """The token with its person; None where there is none, where it is expired, and where the person is locked out.

    One query, and a write once a minute.
    """
    if not (secret.startswith(PREFIX) and len(secret) == LENGTH and secret.isascii()):
        return None
    tokens = ApiToken.objects.select_related("user").filter(user__is_active=True)
    token = tokens.filter(digest=digest_of(secret)).first()
    if token is None or token.is_expired:
        return None
    _note_use(token)
    return token


def revoke(*, user: Any, pk: int) -> ApiToken | None:
    """From now on it opens nothing. None where the person has no such token."""
    token = of(user).filter(pk=pk).first()
    if token:
        token.delete()
    return token


def revoke_all(user: Any) -> int:
    """Nothing that was made before now opens anything; returns how many still did."""
    usable = of(user).usable().count()
    of(user).delete()
    return usable


def digest_of(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _note_use(token: ApiToken) -> None:
    now = timezone.now()
    due = now - USE_IS_NOTED_EVERY
    if token.last_used_at is None or token.last_used_at <= due:
        unnoted = Q(last_used_at__isnull=True) | Q(last_used_at__lte=due)
        ApiToken.objects.filter(unnoted, pk=token.pk).update(last_used_at=now)
