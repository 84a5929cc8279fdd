"""Who sits down at a browser after somebody signed out sees nothing of theirs by going back; in a real browser."""

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from playwright.sync_api import Page, expect

from roadmap_project.connection_budget import ConnectionBudget
from roadmap_project.environment import Environment
from roadmaps.models import Roadmap
from tests.browser import browser
from tests.factories import make_roadmap_in_review, make_user

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(120)]

SECRET = "Live with my illness"
PASSWORD = "correct horse battery"
KEEPS_PAGES = "--disable-back-forward-cache"  # Playwright says so for every browser; people's browsers keep them


@pytest.fixture
def ada(settings) -> User:
    # The test's server has a thread for each request, in a process that is allotted what other clients may hold.
    settings.CONNECTION_BUDGET = ConnectionBudget.from_environment(Environment({"DB_OTHER_CLIENTS": "20"}))
    return make_user(username="ada", password=PASSWORD)


@pytest.fixture(params=["keeps pages as they were", "asks its cache"])
def page(request) -> Iterator[Page]:
    with browser(ignore_default_args=[KEEPS_PAGES] if "keeps" in request.param else []) as chromium:
        yield chromium.new_page()


def sign_in(page, live_server) -> None:
    page.goto(live_server.url + reverse("roadmaps:login"))
    page.locator("#id_username").fill("ada")
    page.locator("#id_password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(live_server.url + "/")


def test_back_shows_nothing_of_who_signed_out(page, live_server, ada):
    roadmap = make_roadmap_in_review(owner=ada)
    Roadmap.objects.filter(pk=roadmap.pk).update(goal=SECRET)
    sign_in(page, live_server)
    page.goto(live_server.url + roadmap.get_absolute_url())
    assert SECRET in page.content()

    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in/")
    page.go_back(wait_until="commit")

    page.wait_for_url(f"**/sign-in/?next={roadmap.get_absolute_url()}")
    assert SECRET not in page.content()


def test_back_shows_a_page_as_it_was_to_who_is_still_signed_in(page, live_server, ada, request):
    """With what was typed into it, where the browser keeps pages; and anywhere in the page's other language."""
    roadmap = make_roadmap_in_review(owner=ada)
    sign_in(page, live_server)
    page.goto(live_server.url + roadmap.get_absolute_url())
    page.locator("textarea").first.fill("More practice")
    page.evaluate("window.isKept = true")

    page.get_by_role("link", name="Account").click()
    page.wait_for_url("**/account/")
    page.go_back(wait_until="commit")

    expect(page.locator("textarea").first).to_be_visible()
    expect(page.locator("textarea").first).to_have_value("More practice")
    assert bool(page.evaluate("window.isKept")) == ("keeps" in request.node.callspec.params["page"])

    page.get_by_text("Change hours, date or wishes").click()
    page.locator("#id_motivation").fill("For my garden")
    page.locator("#id_preference").select_option("audio")
    page.get_by_role("button", name="简体中文").click()

    expect(page.get_by_role("button", name="退出登录")).to_be_visible()
    expect(page.locator("textarea").first).to_have_value("More practice")
    expect(page.locator("#id_motivation")).to_be_visible()
    expect(page.locator("#id_motivation")).to_have_value("For my garden")
    expect(page.locator("#id_preference")).to_have_value("audio")

    page.goto(live_server.url + reverse("content:bring_in"))
    page.locator("#id_text").fill("[1 2]")
    page.get_by_role("button", name="导入", exact=True).click()
    expect(page.get_by_role("alert").first).to_contain_text("这不是 JSON")
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    expect(page.locator("#id_text")).to_have_value("[1 2]")

    page.goto(f"{live_server.url}{roadmap.get_absolute_url()}edit/")
    assert page.evaluate("sessionStorage.typed") is None
    page.locator("#edit-c-1-1-1").click()  # which fetches its form into this page
    page.locator("#id_name").fill("Tables")
    page.get_by_role("button", name="简体中文").click()

    expect(page.get_by_role("button", name="退出登录")).to_be_visible()
    expect(page.locator("#id_name")).to_have_value("Tables")


def test_signing_out_has_the_browser_forget_and_nothing_else_does(client, ada):
    assert "Clear-Site-Data" not in client.get("/").headers
    client.force_login(ada)
    assert "Clear-Site-Data" not in client.get("/").headers

    assert client.post(reverse("roadmaps:logout")).headers["Clear-Site-Data"] == '"cache"'

    client.force_login(ada)
    deleted = client.post(reverse("roadmaps:delete_account"), {"password": PASSWORD})
    assert deleted.headers["Clear-Site-Data"] == '"cache"'
