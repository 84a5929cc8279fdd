"""A person's tokens: made and shown once, stored as a digest, noted when used, revoked."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.contrib import admin
from django.urls import reverse
from django.utils import timezone

from roadmap_project import api_tokens
from roadmap_project.models import ApiToken
from tests.factories import make_user

pytestmark = pytest.mark.django_db

PAGE = "/account/tokens/"


def shown_secret(page) -> str:
    found = re.search(r'value="(roadmaps_[^"]+)"', page.content.decode())
    return found[1] if found else ""


def test_a_token_is_shown_once_and_only_its_digest_is_stored(visitor, person):
    made = visitor.post(PAGE, {"name": "my script", "days": "365"})
    secret = shown_secret(made)

    token = ApiToken.objects.get()
    assert api_tokens.find(secret) == token
    assert (token.user, token.name) == (person, "my script")
    assert token.expires_at - timezone.now() > timedelta(days=364)
    assert secret not in repr(ApiToken.objects.values().get())
    assert made.headers["Cache-Control"].startswith("max-age=0, no-cache, no-store")
    assert shown_secret(visitor.get(PAGE)) == ""


def test_a_reload_makes_no_second_token(visitor):
    for _ in range(2):
        page = visitor.post(PAGE, {"name": "my script", "days": "0"})

    assert "You have a token of this name already." in page.content.decode()
    assert ApiToken.objects.get().expires_at is None


def test_there_are_at_most_so_many(person, monkeypatch):
    monkeypatch.setattr(api_tokens, "MOST_PER_PERSON", 2)
    for name in ("one", "two"):
        api_tokens.make(user=person, name=name)

    with pytest.raises(api_tokens.TokenRefusedError, match="Revoke one first"):
        api_tokens.make(user=person, name="three")
    api_tokens.make(user=make_user(), name="three")


def test_a_revoked_token_opens_nothing(visitor, person):
    token, secret = api_tokens.make(user=person, name="lost")

    page = visitor.post(reverse("token-revoke", args=[token.pk]), follow=True)

    assert "The token “lost” is revoked." in page.content.decode()
    assert api_tokens.find(secret) is None


def test_nobody_revokes_another_persons(visitor):
    token, secret = api_tokens.make(user=make_user(), name="theirs")

    assert visitor.post(reverse("token-revoke", args=[token.pk])).status_code == 404
    assert api_tokens.find(secret) == token


@pytest.mark.parametrize(
    "secret", ["", "roadmaps_", "roadmaps_" + "x" * 43, "roadmaps_" + "ü" * 43, "x" * 10_000, "\x00"]
)
def test_what_nobody_made_opens_nothing(secret):
    assert api_tokens.find(secret) is None


def test_its_use_is_noted_at_most_once_a_minute(person, django_assert_num_queries):
    _, secret = api_tokens.make(user=person, name="busy")

    with time_machine.travel(timezone.now(), tick=False) as now:
        first = timezone.now()
        api_tokens.find(secret)
        now.shift(59)
        with django_assert_num_queries(1):
            api_tokens.find(secret)
        assert ApiToken.objects.get().last_used_at == first
        now.shift(1)
        api_tokens.find(secret)
        assert ApiToken.objects.get().last_used_at == first + timedelta(seconds=60)


def test_it_ends_with_its_time(person):
    with time_machine.travel(timezone.now(), tick=False) as now:
        _, secret = api_tokens.make(user=person, name="short", expires_at=timezone.now() + timedelta(days=30))
        assert api_tokens.find(secret)
        now.shift(timedelta(days=30))
        assert api_tokens.find(secret) is None


def test_the_page_lists_ones_own_alone(visitor, person):
    api_tokens.make(user=person, name="mine", expires_at=timezone.now())
    api_tokens.make(user=make_user(), name="theirs")

    page = visitor.get(PAGE).content.decode()

    assert "mine" in page
    assert "Never used." in page
    assert "Expired." in page
    assert "theirs" not in page


def test_in_the_admin_a_token_is_revoked_and_none_is_made_or_shown(client, person):
    token, _ = api_tokens.make(user=person, name="leaked")
    client.force_login(make_user(is_staff=True, is_superuser=True))

    listed = client.get(reverse("admin:roadmap_project_apitoken_changelist"))
    client.post(reverse("admin:roadmap_project_apitoken_delete", args=[token.pk]), {"post": "yes"})

    assert "leaked" in listed.content.decode()
    assert token.digest not in listed.content.decode()
    assert not ApiToken.objects.exists()
    assert not admin.site.get_model_admin(ApiToken).has_add_permission(None)
