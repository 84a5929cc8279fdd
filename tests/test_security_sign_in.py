"""Guessing passwords is slow, from one address and at one account, and neither tells anything nor keeps anybody out."""

import re
import threading
from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth import get_user_model
from django.contrib.auth.tokens import default_token_generator
from django.core import signing
from django.db import connection
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from hypothesis import given
from hypothesis import strategies as st

from roadmap_project import known_browsers, throttling
from roadmap_project.models import SignInTries
from roadmap_project.throttling import TooManyTriesError
from tests.factories import make_user

pytestmark = pytest.mark.django_db

RIGHT = "correct horse battery"
DOORS = {"sign-in": "/sign-in/", "admin": "/admin/login/"}
WAIT = "Too many tries. Please wait 15 minutes."


@pytest.fixture(autouse=True)
def _limits(settings):
    settings.SIGN_INS_PER_ACCOUNT, settings.SIGN_INS_PER_ADDRESS, settings.SIGN_UPS_PER_ADDRESS = 3, 6, 3
    settings.TRUSTED_PROXIES = 0


@pytest.fixture
def ada(db):
    return make_user(username="ada", password=RIGHT, is_staff=True)


@pytest.fixture(params=DOORS.values(), ids=DOORS.keys())
def door(request):
    return request.param


def tried(client, door, name="ada", password="wrong", **headers):
    """The errors that the page shows; none where somebody is let in."""
    response = client.post(door, {"username": name, "password": password}, **headers)
    return [] if response.status_code == 302 else response.context["form"].non_field_errors()


def test_after_some_wrong_passwords_even_the_right_one_must_wait(client, ada, door):
    wrong = [tried(client, door) for _ in range(3)]

    assert all("Please enter" in each[0] for each in wrong)
    assert tried(client, door, password=RIGHT) == [WAIT]
    assert not client.session.get("_auth_user_id")


def test_the_wait_is_said_and_ends(client, ada, door):
    with time_machine.travel(timezone.now(), tick=False) as now:
        for _ in range(3):
            tried(client, door)
        now.shift(timedelta(minutes=14, seconds=1))
        assert tried(client, door, password=RIGHT) == ["Too many tries. Please wait 1 minute."]
        now.shift(timedelta(minutes=1))
        assert tried(client, door, password=RIGHT) == []


def test_tries_while_waiting_make_it_no_longer(client, ada, door):
    with time_machine.travel(timezone.now(), tick=False) as now:
        for _ in range(20):
            tried(client, door)
        now.shift(timedelta(minutes=15))
        assert tried(client, door, password=RIGHT) == []


def test_both_doors_count_together(client, ada):
    for _ in range(3):
        tried(client, DOORS["sign-in"])

    assert tried(client, DOORS["admin"], password=RIGHT) == [WAIT]


def test_nobody_learns_whether_an_account_exists(client, ada, door):
    def answers(name):
        return [tried(client, door, name, REMOTE_ADDR=f"192.0.2.{len(name)}") for _ in range(5)]

    assert answers("ada") == answers("nobody")


def test_another_account_and_another_address_are_not_concerned(client, ada):
    make_user(username="grace", password=RIGHT)
    for _ in range(4):
        tried(client, DOORS["sign-in"])

    assert tried(client, DOORS["sign-in"], "grace", RIGHT) == []


def test_one_address_cannot_go_through_many_accounts(client, ada, door):
    for number in range(6):
        tried(client, door, f"person{number}")

    assert tried(client, door, "ada", RIGHT) == [WAIT]
    assert tried(client, door, "ada", RIGHT, REMOTE_ADDR="192.0.2.7") == []


def test_an_account_is_not_opened_from_many_addresses(client, ada, door):
    for number in range(3 * throttling.STRANGERS):
        assert tried(client, door, REMOTE_ADDR=f"192.0.2.{number}") != [WAIT]

    assert tried(client, door, password=RIGHT, REMOTE_ADDR="192.0.2.99") == [WAIT]


def test_wrong_passwords_from_one_address_keep_nobody_out_elsewhere(client, ada, door):
    for _ in range(20):
        tried(client, door)

    assert tried(client, door, password=RIGHT, REMOTE_ADDR="192.0.2.9") == []


def sign_out(client):
    """As a person does; Client.logout forgets all cookies."""
    client.post("/sign-out/")


def with_wrong_passwords_from_everywhere(name="ada"):
    stranger = Client()
    for number in range(3 * throttling.STRANGERS + 1):
        tried(stranger, DOORS["sign-in"], name, REMOTE_ADDR=f"192.0.2.{number}")
    assert tried(stranger, DOORS["sign-in"], name, RIGHT, REMOTE_ADDR="192.0.2.98") == [WAIT]


def test_a_browser_that_signed_in_before_is_kept_out_by_no_stranger(client, ada, door):
    assert tried(client, door, password=RIGHT) == []
    sign_out(client)
    with_wrong_passwords_from_everywhere()
    for _ in range(7):  # and somebody at the same address
        tried(Client(), door, "grace")

    assert tried(client, door, password=RIGHT) == []


def test_a_known_browser_has_no_more_tries_than_any_other(client, ada, door):
    assert tried(client, door, password=RIGHT) == []
    sign_out(client)

    assert [tried(client, door) == [WAIT] for _ in range(4)] == [False, False, False, True]
    assert tried(client, door, password=RIGHT) == [WAIT]
    assert tried(Client(), door, password=RIGHT) == []  # a thief of the cookie keeps out nobody else


def test_a_browser_is_known_to_the_accounts_that_signed_in_there_and_to_no_other(client, ada):
    """An attacker with an account of their own gets no tries at another's by it."""
    make_user(username="mallory", password=RIGHT)
    tried(client, DOORS["sign-in"], "mallory", RIGHT)
    sign_out(client)
    with_wrong_passwords_from_everywhere()

    assert tried(client, DOORS["sign-in"], password=RIGHT) == [WAIT]


def test_a_browser_knows_several_accounts(client, ada):
    make_user(username="grace", password=RIGHT)
    for name in ("ada", "grace"):
        tried(client, DOORS["sign-in"], name, RIGHT)
        sign_out(client)
    with_wrong_passwords_from_everywhere()

    assert tried(client, DOORS["sign-in"], password=RIGHT) == []


def test_a_changed_password_makes_all_browsers_unknown_but_the_one_where_it_was_changed(client, ada):
    thief, new = Client(), RIGHT + " anew"
    for each in (client, thief):
        tried(each, DOORS["sign-in"], password=RIGHT)
    sent = {"old_password": RIGHT, "new_password1": new, "new_password2": new}
    assert client.post(reverse("roadmaps:change_password"), sent).status_code == 302
    sign_out(client)
    sign_out(thief)
    with_wrong_passwords_from_everywhere()

    assert tried(thief, DOORS["sign-in"], password=new) == [WAIT]
    assert tried(client, DOORS["sign-in"], password=new) == []


@pytest.mark.parametrize("change", [lambda value: value[:-1] + "xy", lambda value: "", lambda value: value * 2])
def test_a_cookie_that_is_not_ours_makes_no_browser_known(client, ada, change):
    tried(client, DOORS["sign-in"], password=RIGHT)
    sign_out(client)
    client.cookies[known_browsers.COOKIE] = change(client.cookies[known_browsers.COOKIE].value)
    with_wrong_passwords_from_everywhere()

    assert tried(client, DOORS["sign-in"], password=RIGHT) == [WAIT]


def test_a_wrong_password_makes_no_browser_known(client, ada, door):
    tried(client, door)

    assert known_browsers.COOKIE not in client.cookies


def test_the_cookie_is_for_this_site_alone_and_names_nobody(client, ada, settings):
    settings.SESSION_COOKIE_SECURE = True
    tried(client, DOORS["sign-in"], password=RIGHT)
    cookie = client.cookies[known_browsers.COOKIE]

    assert (cookie["httponly"], cookie["samesite"], cookie["secure"]) == (True, "Lax", True)
    assert "ada" not in re.findall(r"[a-z]+", str(signing.loads(cookie.value, salt=known_browsers.SALT)))


def test_who_signed_up_or_chose_a_new_password_here_is_known_here(client):
    client.post(reverse("roadmaps:signup"), {"username": "grace", "password1": RIGHT, "password2": RIGHT})
    sign_out(client)
    with_wrong_passwords_from_everywhere("grace")
    assert tried(client, DOORS["sign-in"], "grace", RIGHT) == []

    grace = get_user_model().objects.get(username="grace")
    owner = Client()
    link = reverse(
        "roadmaps:new_password",
        args=[urlsafe_base64_encode(force_bytes(grace.pk)), default_token_generator.make_token(grace)],
    )
    form = owner.get(link, follow=True).redirect_chain[-1][0]
    owner.post(form, {"new_password1": RIGHT + "!", "new_password2": RIGHT + "!"})

    assert tried(owner, DOORS["sign-in"], "grace", RIGHT + "!") == []


def test_signing_in_rightly_costs_nothing_and_gives_nobody_more_tries(client, ada):
    """An address full of people, and an attacker who signs in to an account of their own in between."""
    for number in range(6):
        assert tried(client, DOORS["sign-in"], "ada", RIGHT) == []
        client.logout()
        tried(client, DOORS["sign-in"], f"victim{number}")

    assert tried(client, DOORS["sign-in"], "victim6", RIGHT) == [WAIT]


@pytest.mark.parametrize("header", ["X-Forwarded-For", "X-Real-IP", "Forwarded", "X-Client-IP"])
def test_no_header_makes_a_new_address_where_no_proxy_is_ours(client, ada, header):
    for number in range(6):
        tried(client, DOORS["sign-in"], f"person{number}", headers={header: f"192.0.2.{number}"})

    assert tried(client, DOORS["sign-in"], "ada", RIGHT, headers={header: "192.0.2.77"}) == [WAIT]


def test_behind_a_proxy_what_the_client_invents_changes_nothing(client, ada, settings):
    settings.TRUSTED_PROXIES = 1
    for number in range(6):
        sent = f"203.0.113.{number}, 192.0.2.1"  # the last is what the proxy saw
        tried(client, DOORS["sign-in"], f"person{number}", headers={"X-Forwarded-For": sent})

    assert tried(client, DOORS["sign-in"], "ada", RIGHT, headers={"X-Forwarded-For": "9.9.9.9, 192.0.2.1"}) == [WAIT]
    assert tried(client, DOORS["sign-in"], "ada", RIGHT, headers={"X-Forwarded-For": "192.0.2.2"}) == []


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, "192.0.2.1", "10.0.0.1"),
        (1, "192.0.2.1", "192.0.2.1"),
        (1, "203.0.113.9, 192.0.2.1", "192.0.2.1"),
        (2, "203.0.113.9, 192.0.2.1, 198.51.100.1", "192.0.2.1"),
        (2, "192.0.2.1", "10.0.0.1"),  # not through both of them
        (1, "", "10.0.0.1"),
        (1, "unknown", "10.0.0.1"),
        (1, "192.0.2.1:4711", "10.0.0.1"),
        (1, "::ffff:192.0.2.1", "192.0.2.1"),
        (1, "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        (1, "2001:db8:1:2::ffff", "2001:db8:1:2::/64"),
    ],
)
def test_the_address_is_what_the_outermost_proxy_of_ours_saw(settings, proxies, forwarded, address):
    settings.TRUSTED_PROXIES = proxies
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}

    assert throttling.address_of(RequestFactory(headers=headers).get("/", REMOTE_ADDR="10.0.0.1")) == address


@given(st.text(max_size=60).filter(str.isprintable))
def test_whatever_is_forwarded_there_is_an_address(forwarded):
    request = RequestFactory().get("/", REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR=forwarded)

    assert throttling.address_of(request)


def test_one_address_makes_few_accounts(client):
    def sign_up(name):
        return client.post(reverse("roadmaps:signup"), {"username": name, "password1": RIGHT, "password2": RIGHT})

    for number in range(3):
        assert sign_up(f"person{number}").status_code == 302
        client.logout()
    refused = sign_up("person3")

    assert refused.context["form"].errors["username"] == [WAIT]
    assert not get_user_model().objects.filter(username="person3").exists()


def test_signing_up_tells_no_more_taken_names_than_it_makes_accounts(client, ada):
    def said(name):
        response = client.post(reverse("roadmaps:signup"), {"username": name, "password1": "a", "password2": "b"})
        return response.context["form"].errors.get("username")

    assert [said("ada") for _ in range(3)] == [["A user with that username already exists."]] * 3
    assert said("ada") == said("nobody") == [WAIT]


def test_names_and_passwords_typed_in_the_wrong_field_are_not_kept(client):
    tried(client, DOORS["sign-in"], "my secret password")

    assert SignInTries.objects.count() == 3
    assert not SignInTries.objects.filter(key__icontains="secret").exists()


def test_what_is_counted_stays_small(client):
    """An address makes no more rows than its limit allows tries, and what is over is forgotten."""
    with time_machine.travel(timezone.now(), tick=False) as now:
        for number in range(30):
            tried(client, DOORS["sign-in"], f"person{number}")
        assert SignInTries.objects.count() == 1 + 2 * 6
        now.shift(timedelta(minutes=15))
        tried(client, DOORS["sign-in"])
        assert SignInTries.objects.count() == 3


def test_zero_is_no_limit(client, settings, ada):
    settings.SIGN_INS_PER_ACCOUNT = settings.SIGN_INS_PER_ADDRESS = 0
    for _ in range(12):
        tried(client, DOORS["sign-in"])

    assert tried(client, DOORS["sign-in"], password=RIGHT) == []
    assert not SignInTries.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_tries_at_once_are_all_counted(settings):
    settings.SIGN_INS_PER_ACCOUNT = 5
    begun, passed = threading.Barrier(4), []

    def guess() -> None:
        try:
            begun.wait(10)
            for _ in range(3):
                throttling.count(throttling.own_password(1))
                passed.append(1)
        except TooManyTriesError:
            pass
        finally:
            connection.close()

    threads = [threading.Thread(target=guess) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert len(passed) == 5
