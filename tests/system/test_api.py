"""A token is made in a real browser, used by a program against the real web process, and revoked."""

import json
import urllib.error
import urllib.request

import pytest
from playwright.sync_api import expect

from roadmap_project.models import ApiToken
from tests.browser import fits, sign_in, violations
from tests.factories import make_user

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]


def asked(url: str, secret: str) -> tuple[int, dict]:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {secret}"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_a_token_is_made_used_and_revoked(fleet, page):
    fleet.start("web")
    sign_in(page, fleet.url, make_user(username="ada"))
    page.goto(f"{fleet.url}/account/tokens/")
    assert violations(page) == []

    page.get_by_label("Name").fill("my script")
    page.get_by_role("button", name="Make a token").press("Enter")
    secret = page.get_by_label("Copy it now").input_value()
    assert fits(page)
    assert violations(page) == []
    status, about = asked(f"{fleet.url}/api/v1/about", secret)
    assert (status, about["username"], about["token"]) == (200, "ada", "my script")

    page.get_by_role("link", name="What programs can do").click()
    page.get_by_text("Start a roadmap").click()
    expect(page.locator("#start_roadmap")).to_contain_text('"goal"')
    assert fits(page)
    assert violations(page) == []

    page.get_by_role("link", name="Your tokens").click()
    expect(page.get_by_text("Copy it now")).to_have_count(0)
    page.get_by_role("button", name="Revoke my script").press("Enter")
    expect(page.get_by_text("The token “my script” is revoked.")).to_be_visible()
    status, refused = asked(f"{fleet.url}/api/v1/about", secret)
    assert (status, refused["error"]["code"]) == (401, "unauthorized")
    assert not ApiToken.objects.exists()
