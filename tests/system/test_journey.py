"""A person's way through the pages, in a real browser, in front of the real processes."""

import os
import re
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect, sync_playwright

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
]
SIZES = {"phone": {"width": 375, "height": 740}, "desktop": {"width": 1280, "height": 900}}


@pytest.fixture(params=SIZES)
def page(request) -> Iterator[Page]:
    """Fails the test on a script error, a refused resource, or a request to another host."""
    if not shutil.which(CHROMIUM):
        pytest.fail(f"no browser at {CHROMIUM}: .ci/run installs it; CHROMIUM names another")
    # Playwright keeps an event loop in this thread while it is open; Django must not take that for an async view.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    trouble: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport=SIZES[request.param])  # type: ignore[arg-type]
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on(
            "requestfailed", lambda each: trouble.append(each.url) if "ABORTED" not in (each.failure or "") else None
        )
        page.on("request", lambda each: None if "//127.0.0.1:" in each.url else trouble.append(each.url))
        yield page
        browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]
    assert trouble == []


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def test_from_a_goal_to_an_answered_quiz(fleet, model, page):
    model.control("faults", [{"purpose": "quiz", "fault": "unauthorized", "times": 1}])
    fleet.start()

    page.goto(fleet.url)
    page.get_by_role("link", name=re.compile("sign up", re.IGNORECASE)).first.click()
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password", exact=True).fill("correct horse battery")
    page.get_by_label(re.compile("password confirmation", re.IGNORECASE)).fill("correct horse battery")
    page.get_by_role("button", name="Sign up").click()

    page.get_by_label("What do you want to learn?").fill("Learn to test <script>alert(1)</script> software")
    assert fits(page)
    page.get_by_role("button", name="Design my roadmap").click()

    approve = page.get_by_role("button", name=re.compile("Approve"))
    expect(approve).to_be_visible(timeout=30_000)  # it comes by itself: the page looks again while it is designed
    expect(page.get_by_text("Waiting for your review").first).to_be_visible()
    assert fits(page)
    page.get_by_role("button", name="Ask for changes").click()
    expect(page.get_by_text("Say in a few words what should change.")).to_be_visible()

    page.get_by_role("button", name=re.compile("Approve")).click()
    first = page.locator("a[id='c-1-1-1']")
    expect(first).to_be_visible(timeout=30_000)  # readable while others are still being written
    first.click()
    expect(page.locator("article.prose h2").first).to_be_visible()
    assert fits(page)
    page.go_back()
    expect(page.get_by_text("Partly ready").first).to_be_visible(timeout=60_000)
    assert "401" in page.content()  # the reason is on the page

    page.get_by_role("button", name=re.compile("again|retry|take it up", re.IGNORECASE)).first.click()
    expect(page.get_by_text("Ready", exact=True).first).to_be_visible(timeout=30_000)
    page.locator("a[id='c-1-1-1']").click()
    page.get_by_role("link", name="Take the quiz").click()
    assert "explanation" not in page.content().lower()
    for question in page.locator("fieldset").all():
        question.locator("input").first.check()
    assert fits(page)
    page.get_by_role("button", name="Check my answers").click()
    expect(page.get_by_text(re.compile(r"\d+ of \d+")).first).to_be_visible()
