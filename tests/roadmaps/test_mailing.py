"""Who hears what of a roadmap, and how it is sent: once, without a connection, and at nobody's cost."""

import smtplib
import socketserver
import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine
from django.core import mail as outbox
from django.db import connection, transaction
from django.utils import timezone
from django_q.models import OrmQ

from roadmap_project.environment import Environment
from roadmaps import deciding, finishing, mailing, sending
from roadmaps.models import Mail, Profile, Roadmap
from roadmaps.steps import sweeping
from tests.factories import make_roadmap, make_tree, make_user, make_written_roadmap

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _mail_is_sent(settings):
    settings.MAIL_IS_SENT = True
    settings.SITE_URL = "https://roadmaps.example"


@pytest.fixture
def ada(person):
    person.email = "ada@example.org"
    person.save()
    return person


def settled(owner, **steps) -> Roadmap:
    """A roadmap whose last piece was just written, or not."""
    roadmap = make_written_roadmap(owner=owner, state=Roadmap.State.WRITING, **steps)
    with transaction.atomic():
        finishing.settle(Roadmap.objects.locked(roadmap.pk))
    roadmap.refresh_from_db()
    return roadmap


def later(**time) -> time_machine.travel:
    return time_machine.travel(timezone.now() + timedelta(**time), tick=True)


# What is said, and to whom


def test_who_has_an_address_hears_that_a_review_is_needed_and_that_it_is_ready(ada):
    roadmap = make_tree(roadmap=make_roadmap(owner=ada))
    with transaction.atomic():
        deciding.present(Roadmap.objects.locked(roadmap.pk))
    with later(minutes=2):
        sending.send_due()
    deciding.approve(roadmap.pk)
    roadmap.steps.update(state="done")
    with transaction.atomic():
        finishing.settle(Roadmap.objects.locked(roadmap.pk))
    with later(minutes=2):
        sending.send_due()

    assert [each.subject for each in outbox.outbox] == [f"Your review is needed: {roadmap}", f"Ready: {roadmap}"]
    for message in outbox.outbox:
        assert message.to == ["ada@example.org"]
        assert f"https://roadmaps.example{roadmap.get_absolute_url()}" in message.body
        assert "https://roadmaps.example/account/" in message.body
        assert "&" not in message.body


@pytest.mark.parametrize(("steps", "kind"), [("done", "ready"), ("failed", "failed")])
def test_the_row_comes_with_the_state(ada, steps, kind):
    roadmap = settled(ada, steps=steps)

    assert Mail.objects.get(roadmap=roadmap).kind == kind == roadmap.state


def test_a_part_is_said_to_be_a_part(ada):
    roadmap = make_written_roadmap(owner=ada, state=Roadmap.State.WRITING)
    roadmap.steps.filter(kind="quiz").update(state="failed")
    with transaction.atomic():
        finishing.settle(Roadmap.objects.locked(roadmap.pk))

    assert "the rest could not be written" in sending.compose(Mail.objects.get()).body


def test_B3_a_state_that_is_rolled_back_is_not_announced(ada):
    roadmap = make_written_roadmap(owner=ada, state=Roadmap.State.WRITING)

    with pytest.raises(RuntimeError), transaction.atomic():
        finishing.settle(Roadmap.objects.locked(roadmap.pk))
        raise RuntimeError

    assert not Mail.objects.exists()


def test_who_has_no_address_or_wants_no_mail_gets_none(ada, settings):
    settled(make_user())
    Profile.objects.create(user=ada, gets_mail=False)
    settled(ada)
    settings.MAIL_IS_SENT = False
    settled(_with_address("grace"))

    assert not Mail.objects.exists()


def _with_address(name):
    user = make_user(username=name)
    user.email = f"{name}@example.org"
    user.save()
    return user


@pytest.mark.parametrize("change", ["acted", "deleted", "opted out", "no address", "left"])
def test_what_is_not_so_any_more_is_not_sent(ada, change):
    roadmap = settled(ada)
    match change:
        case "acted":
            Roadmap.objects.update(state=Roadmap.State.WRITING)
        case "deleted":
            deciding.delete(roadmap.pk)
        case "opted out":
            Profile.objects.create(user=ada, gets_mail=False)
        case "no address":
            type(ada).objects.update(email="")
        case "left":
            type(ada).objects.update(is_active=False)

    with later(minutes=2):
        assert sending.send_due() == 0

    assert outbox.outbox == []
    assert Mail.objects.get().state == Mail.State.DROPPED


def test_a_title_of_many_lines_becomes_one_header(ada):
    roadmap = settled(ada)
    Roadmap.objects.update(title="Learn\r\nBcc: eve@example.org <&>")

    message = sending.compose(Mail.objects.get(roadmap=roadmap))

    assert message.subject == "Ready: Learn Bcc: eve@example.org <&>"
    assert "Bcc" not in message.message()


# When


def test_the_sweep_has_it_sent_after_a_minute_for_who_looks_on_and_acts(ada):
    settled(ada)
    assert sending.send_due() == 0
    sweeping.sweep("logs")
    assert not OrmQ.objects.exists()

    with later(seconds=61):
        sweeping.sweep("logs")
        assert [each.task["func"] for each in OrmQ.objects.filter(key="logs")] == ["roadmaps.tasks.send_mail"]
        assert sending.send_due() == 1
        assert sending.send_due() == 0
    assert len(outbox.outbox) == 1


def test_two_senders_share_the_rows(ada):
    for _ in range(3):
        settled(ada)

    with later(minutes=2):
        first = sending._claim()
        assert len(first) == 3
        assert sending._claim() == []
    with later(minutes=13):
        assert len(sending._claim()) == 3  # the first sender died


def test_a_kind_of_message_that_a_later_release_has_waits_for_it_and_holds_up_no_other(ada):
    """Which serves beside this one while it is deployed, or did before it was taken back."""
    mailing.post(ada, "of_a_later_release")
    mailing.post(ada, Mail.Kind.PASSWORD)

    assert sending.send_due() == 1

    assert [*Mail.objects.order_by("pk").values_list("state", "attempts")] == [("waiting", 0), ("sent", 1)]


def test_a_backlog_is_sent_by_and_by_and_each_once(ada, monkeypatch):
    monkeypatch.setattr(sending, "MOST_TOGETHER", 2)
    for _ in range(5):
        settled(ada)

    with later(minutes=2):
        assert sending.send_due() == 5
    assert len({each.extra_headers["Message-ID"] for each in outbox.outbox}) == 5


# A server that is wrong


def test_a_server_that_refuses_costs_some_tries_and_nothing_else(ada, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    roadmap = settled(ada)
    hours = 0.0

    for _ in range(7):
        hours += 3
        with later(hours=hours):
            sending.send_due()

    mail = Mail.objects.get()
    assert (mail.state, mail.attempts) == (Mail.State.FAILED, 5)
    assert "ConnectionRefusedError" in mail.last_error
    roadmap.refresh_from_db()
    assert roadmap.state == Roadmap.State.READY


class Smtp(socketserver.StreamRequestHandler):
    """As much of a mail server as takes a message."""

    def handle(self) -> None:
        self._say(220)
        while line := self.rfile.readline():
            word = line.split()[0].upper()
            if word == b"DATA":
                self._say(354)
                lines = iter(self.rfile.readline, b".\r\n")
                self.server.received.append(b"".join(lines).decode())  # type: ignore[attr-defined]
            self._say(221 if word == b"QUIT" else 250)
            if word == b"QUIT":
                return

    def _say(self, code: int) -> None:
        self.wfile.write(f"{code} so it is\r\n".encode())


@pytest.fixture
def server(settings) -> Iterator[socketserver.ThreadingTCPServer]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Smtp) as server:
        server.received = []  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        parts = Environment({"EMAIL_URL": f"smtp://127.0.0.1:{server.server_address[1]}"}).mail("EMAIL_URL", "")
        settings.EMAIL_BACKEND, settings.EMAIL_HOST = parts["EMAIL_BACKEND"], parts["EMAIL_HOST"]
        settings.EMAIL_PORT = parts["EMAIL_PORT"]
        yield server
        server.shutdown()


def test_a_real_server_gets_it_while_no_connection_is_held(ada, server, monkeypatch):
    held: list[bool] = []
    spoken = smtplib.SMTP.sendmail

    def sendmail(*args, **kwargs):
        held.append(connection.connection is not None)
        return spoken(*args, **kwargs)

    monkeypatch.setattr(smtplib.SMTP, "sendmail", sendmail)
    for _ in range(2):
        settled(ada)

    with later(minutes=2):
        assert sending.send_due() == 2

    assert held == [False, False]
    assert len(server.received) == 2
    assert all("To: ada@example.org" in each and "Auto-Submitted: auto-generated" in each for each in server.received)
    assert {each.state for each in Mail.objects.all()} == {Mail.State.SENT}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp+tls://me:p%2Fw@mail.example", ("mail.example", 587, "me", "p/w", True, None)),
        ("smtp+ssl://mail.example", ("mail.example", 465, None, None, None, True)),
        ("smtp://mail.example:2525", ("mail.example", 2525, None, None, None, None)),
    ],
)
def test_a_mail_servers_address_is_read(url, expected):
    parts = Environment({"EMAIL_URL": url}).mail("EMAIL_URL", "")

    names = ("HOST", "PORT", "HOST_USER", "HOST_PASSWORD", "USE_TLS", "USE_SSL")
    assert tuple(parts.get(f"EMAIL_{name}") for name in names) == expected


@pytest.mark.parametrize("url", ["mail.example", "http://mail.example", "smtp://", "smtp://h:secret"])
def test_another_address_is_refused_without_repeating_its_password(url):
    with pytest.raises(Exception, match=r"EMAIL_URL is not a mail server's URL") as caught:
        Environment({"EMAIL_URL": url}).mail("EMAIL_URL", "")

    assert "secret" not in str(caught.value)


def test_nothing_with_which_one_could_sign_in_is_stored(ada):
    mailing.post(ada, Mail.Kind.PASSWORD)

    assert all("new-password" not in str(value) for value in Mail.objects.values_list().get())
    assert "new-password" in sending.compose(Mail.objects.get()).body
    assert make_roadmap(owner=ada).mails.count() == 0
