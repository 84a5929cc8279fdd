"""What does a person decide about their account?"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

import structlog
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from roadmaps import erasing, mailing, sending
from roadmaps.models import Mail, Profile, Roadmap, Step

log = structlog.get_logger(__name__)

FOR_NEW_ROADMAPS = ("level", "hours_per_week", "background", "preference", "language", "second_language")


def defaults(user: User) -> dict[str, Any]:
    """What a new roadmap's form begins with."""
    profile = Profile.of(user)
    return {name: getattr(profile, name) for name in FOR_NEW_ROADMAPS}


def speak(user: User, language: str) -> None:
    """What the pages spoke when the person signed up, or was chosen since: for mail, and their other browsers.

    In which language they want to learn stays open where they have not said it.
    """
    _note(user.pk, interface_language=language)


def spoke(user_pk: int, language: str) -> None:
    """What the pages spoke to them as their browser asked for it: for mail, where they chose nothing."""
    _note(user_pk, last_language=language)


def _note(user_pk: int, **found: str) -> None:
    Profile.objects.update_or_create(user_id=user_pk, defaults=found, create_defaults=found | {"language": ""})


def send_new_password(address: str, *, request: UUID) -> int:
    """A link to everybody with this address who may sign in with a password; returns to how many.

    On the logs cluster, so that the page takes the same time for an address that nobody has. Called again for the same
    request, it sends nothing more.
    """
    people = [
        user
        for user in get_user_model().objects.filter(email__iexact=address, is_active=True)
        if user.has_usable_password()
    ]
    for user in people:
        mailing.post(user, Mail.Kind.PASSWORD, key=uuid5(request, str(user.pk)))
    log.info("new_password_asked_for", accounts=len(people))
    return len(people)


@dataclass(frozen=True)
class Unconfirmed:
    """An address that a link was sent to and that the person has not made theirs with it."""

    address: str
    link_works: bool


def unconfirmed(user: User) -> Unconfirmed | None:
    """The one that they gave last, as long as the message is kept; None where nothing waits to be confirmed."""
    asked = Mail.objects.filter(user=user, kind=Mail.Kind.ADDRESS).exclude(state=Mail.State.DROPPED).first()
    if asked is None or asked.address == user.email:
        return None
    ends_at = (asked.sent_at or asked.created_at) + sending.ADDRESS_LINK_LIVES
    return Unconfirmed(asked.address, asked.state != Mail.State.FAILED and timezone.now() < ends_at)


def drop_unconfirmed(user: User) -> None:
    """No address is offered to be confirmed any more, and no link to one that waits to be sent goes out."""
    Mail.objects.filter(user=user, kind=Mail.Kind.ADDRESS).update(state=Mail.State.DROPPED)


def ask_for_address(user: User, address: str) -> bool:
    """Send a link to the address, which becomes the person's when they open it.

    False where it is theirs already; then none waits any more.
    """
    if address == user.email:
        drop_unconfirmed(user)
        return False
    mailing.post(user, Mail.Kind.ADDRESS, address=address)
    return True


def take_address(user: User, address: str) -> bool:
    """Theirs from now on, and no other link confirms one any more; False where theirs was changed meanwhile.

    Who reads the one that they had hears of it there: it may be somebody else who changes it.
    """
    before = user.email
    with transaction.atomic():
        if not User.objects.filter(pk=user.pk, email=before).update(email=address):
            return False
        drop_unconfirmed(user)
        if before:
            mailing.post(user, Mail.Kind.ADDRESS_CHANGED, address=before)
    user.email = address
    return True


def delete(user: User) -> None:
    """The account and all that is theirs, in one transaction. What is being made is cancelled first.

    Of model calls only their cost is kept, of what the admin noted that it was about this account. Whoever sends an
    answer afterwards finds no step to store it to.
    """
    with transaction.atomic():
        # Nothing new begins for them; the lock lets a result be stored that waits to leave a message for them.
        User.objects.select_for_update(no_key=True).get(pk=user.pk)
        roadmaps = Roadmap.objects.select_for_update().filter(owner=user).order_by("pk")
        theirs = list(roadmaps.values_list("pk", flat=True))
        for pk in theirs:
            Step.objects.filter(roadmap=pk).cancel()
            erasing.erase(pk)
        erasing.forget_notes_about(user)
        erasing.forget_failed_tasks_about(user, theirs)
        pk = user.pk
        user.delete()
    log.info("account_deleted", user=pk)
