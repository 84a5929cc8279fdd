"""How is mail sent? On the logs cluster, each message once, without a database connection meanwhile."""

import time
from datetime import timedelta

import structlog
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.tokens import default_token_generator
from django.core import mail as outgoing
from django.core import signing
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from roadmap_project.connections import connection_released
from roadmaps.mailing import STATES
from roadmaps.models import Mail, Profile
from roadmaps.steps.calling import COALESCING_SECONDS
from roadmaps.steps.storing import patiently

log = structlog.get_logger(__name__)

MOST_TOGETHER = 10
SENDING_SECONDS = 120.0  # of one batch; what it could not send by then waits
GIVEN_UP_AFTER = timedelta(minutes=10)  # a sender that died: longer than any batch may take
BACK_OFF = tuple(timedelta(minutes=each) for each in (1, 5, 30, 120))  # before the second attempt and the next ones
ADDRESS_SALT = "roadmaps.sending.address"
ADDRESS_LINK_LIVES = timedelta(days=3)


def send_due() -> int:
    """Send what is due; returns how much was accepted. Two at once share the rows.

    No connection is held while the mail server is spoken to, and nothing that it does fails anything else. A message
    whose sender dies between the server's word and ours goes out again, under the same Message-ID.
    """
    sent = 0
    while claimed := patiently(_claim):
        messages = [(mail, patiently(lambda mail=mail: compose(mail))) for mail in claimed]  # type: ignore[misc]
        until = time.monotonic() + SENDING_SECONDS
        with connection_released():
            begun = time.monotonic()
            outcomes = _deliver([(mail, message) for mail, message in messages if message], until=until)
            time.sleep(max(0.0, begun + COALESCING_SECONDS - time.monotonic()))
        dropped = [mail for mail, message in messages if message is None]
        patiently(lambda: _store(outcomes, dropped))  # noqa: B023  called at once
        sent += sum(error == "" for _, error in outcomes)
        if len(claimed) < MOST_TOGETHER or any(error for _, error in outcomes):
            break  # the sweep comes back for the rest
    return sent


def _claim() -> list[Mail]:
    with transaction.atomic():
        due = Mail.objects.due().select_for_update(skip_locked=True).order_by("due_at")
        claimed = list(due[:MOST_TOGETHER])
        for mail in claimed:
            mail.due_at = timezone.now() + GIVEN_UP_AFTER
            mail.attempts += 1
        Mail.objects.bulk_update(claimed, ["due_at", "attempts"])
    return claimed


def _deliver(messages: list[tuple[Mail, EmailMessage]], *, until: float) -> list[tuple[Mail, str | None]]:
    """What became of each: an error, "" where it was accepted, None where there was no time to try."""
    server = outgoing.get_connection()
    outcomes: list[tuple[Mail, str | None]] = []
    for mail, message in messages:
        outcomes.append((mail, _attempt(server, message) if time.monotonic() < until else None))
    try:
        server.close()
    except OSError as error:
        log.warning("mail_server_hung_up", error=str(error))
    return outcomes


def _attempt(server: BaseEmailBackend, message: EmailMessage) -> str:
    try:
        server.open()
        server.send_messages([message])
    except (OSError, ValueError) as error:  # SMTP's errors are OSErrors; a header that cannot be is a ValueError
        return f"{type(error).__name__}: {error}"[:500]
    return ""


def _store(outcomes: list[tuple[Mail, str | None]], dropped: list[Mail]) -> None:
    now = timezone.now()
    for mail in dropped:
        mail.state = Mail.State.DROPPED
    for mail, error in outcomes:
        if error is None:
            mail.attempts, mail.due_at = mail.attempts - 1, now
        elif not error:
            mail.state, mail.sent_at, mail.last_error = Mail.State.SENT, now, ""
        else:
            _put_off(mail, error)
    fields = ["state", "sent_at", "last_error", "attempts", "due_at"]
    Mail.objects.bulk_update([*dropped, *(mail for mail, _ in outcomes)], fields)


def _put_off(mail: Mail, error: str) -> None:
    mail.last_error = error
    if mail.attempts > len(BACK_OFF):
        mail.state = Mail.State.FAILED
    else:
        mail.due_at = timezone.now() + BACK_OFF[mail.attempts - 1]
    log.warning("mail_not_sent", mail=mail.pk, kind=mail.kind, attempts=mail.attempts, error=error)


def compose(mail: Mail) -> EmailMessage | None:
    """The message; None where it says nothing that is still so."""
    user = mail.user
    address = mail.address or user.email
    if not address or not user.is_active:
        return None
    profile = Profile.of(user)
    title = " ".join(str(mail.roadmap).split())  # in the first line, which becomes the subject
    context = {"user": user, "roadmap": title, "site": settings.SITE_URL}
    if mail.roadmap:
        if mail.roadmap.deleted_at or mail.roadmap.state != STATES[Mail.Kind(mail.kind)] or not profile.gets_mail:
            return None
        context["link"] = mail.roadmap.get_absolute_url()
    elif mail.kind == Mail.Kind.PASSWORD:
        key = urlsafe_base64_encode(force_bytes(user.pk))
        context["link"] = reverse("roadmaps:new_password", args=[key, default_token_generator.make_token(user)])
    elif mail.kind == Mail.Kind.ADDRESS_CHANGED:
        if address == user.email:
            return None
        context["link"] = reverse("roadmaps:account")
    else:
        context["link"] = reverse("roadmaps:confirm_address", args=[address_token(user, address)])
    with translation.override(profile.language_of_mail):
        subject, _, body = render_to_string(f"roadmaps/mail/{mail.kind}.txt", context).partition("\n")
    headers = {"Message-ID": f"<{mail.key}@roadmaps>", "Auto-Submitted": "auto-generated"}
    return EmailMessage(subject, body.strip() + "\n", to=[address], headers=headers)


def address_token(user: User, address: str) -> str:
    """For a link that makes this the person's address, unless it was changed since."""
    return signing.dumps([user.pk, address, user.email], salt=ADDRESS_SALT)


def address_of(token: str, user: User) -> str:
    """The address that the token confirms for this person; "" for any other token."""
    pk, address, before = _signed(token, max_age=ADDRESS_LINK_LIVES)
    return address if (pk, before) == (user.pk, user.email) else ""


def is_theirs_already(token: str, user: User) -> bool:
    """Whether the token is this person's and for the address that they have, however old it is."""
    pk, address, _ = _signed(token)
    return (pk, address) == (user.pk, user.email)


def _signed(token: str, *, max_age: timedelta | None = None) -> tuple[int, str, str]:
    try:
        pk, address, before = signing.loads(token, salt=ADDRESS_SALT, max_age=max_age)
    except (signing.BadSignature, ValueError):
        return 0, "", ""
    return pk, address, before
