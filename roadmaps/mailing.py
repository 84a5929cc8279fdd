"""How does a person hear what became of a roadmap, or get a link? By a row now; the logs cluster sends it."""

from datetime import timedelta
from uuid import UUID, uuid4

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from django_q.tasks import async_task

from roadmaps.models import Mail, Profile, Roadmap

ABOUT_ROADMAPS = {
    Roadmap.State.IN_REVIEW: Mail.Kind.REVIEW,
    Roadmap.State.READY: Mail.Kind.READY,
    Roadmap.State.PARTLY_READY: Mail.Kind.PARTLY_READY,
    Roadmap.State.FAILED: Mail.Kind.FAILED,
}
STATES = {kind: state for state, kind in ABOUT_ROADMAPS.items()}
GRACE = timedelta(minutes=1)  # who is looking at the page acts within it, and needs no message


def announce(roadmap: Roadmap) -> None:
    """Leave a message about the state that a roadmap has come to, where its owner wants one.

    In the caller's transaction, that changes the state. The sweep has it sent after a minute.
    """
    kind = ABOUT_ROADMAPS.get(Roadmap.State(roadmap.state))
    if kind and _is_wanted(roadmap.owner):
        Mail.objects.create(user=roadmap.owner, roadmap=roadmap, kind=kind, due_at=timezone.now() + GRACE)


def _is_wanted(user: User) -> bool:
    return bool(settings.MAIL_IS_SENT and user.is_active and user.email and Profile.of(user).gets_mail)


def post(user: User, kind: Mail.Kind, *, address: str = "", key: UUID | None = None) -> None:
    """Send at once what somebody waits for; with a key once, however often it is posted."""
    with transaction.atomic():
        message = {"user": user, "kind": kind, "address": address}
        _, is_new = Mail.objects.get_or_create(key=key or uuid4(), defaults=message)
        if is_new:
            wake()


def wake() -> None:
    async_task("roadmaps.tasks.send_mail", cluster="logs", task_name="send mail")


def wake_when_due() -> None:
    if Mail.objects.due().exists():
        wake()
