"""A learner's way through the outline's editor with the keyboard alone, and what axe says of the pages on it."""

import pytest
from django.conf import global_settings
from playwright.sync_api import Page, expect

from roadmaps.models import Roadmap
from tests.browser import SIZES, fits, violations
from tests.factories import make_roadmap_in_review, make_user
from tests.system.test_curating import tab_to

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]

PASSWORD = "correct horse battery"


@pytest.fixture
def roadmap(transactional_db, settings) -> Roadmap:
    settings.PASSWORD_HASHERS = global_settings.PASSWORD_HASHERS  # those of the web's processes
    return make_roadmap_in_review(owner=make_user(username="lena", password=PASSWORD), stages=2, concepts=2)


@pytest.fixture
def browse(fleet, roadmap, page) -> Page:
    """Signed in; the web is served, nothing else."""
    fleet.start("web")
    page.set_default_timeout(60_000)
    page.goto(f"{fleet.url}/sign-in/")
    page.get_by_label("Username").fill("lena")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Your roadmaps")).to_be_visible()
    page.goto(f"{fleet.url}{roadmap.get_absolute_url()}")
    return page


def press(page: Page, role: str, name: str) -> None:
    """Reach it with the Tab key, and press Enter."""
    tab_to(page, page.get_by_role(role, name=name, exact=True))  # type: ignore[arg-type]
    page.keyboard.press("Enter")


def versions(roadmap: Roadmap) -> list[str]:
    return list(roadmap.revisions.order_by("number").values_list("reason", flat=True))


def test_an_outline_is_edited_with_the_keyboard_alone_and_approved(browse, roadmap):
    page = browse
    page.set_viewport_size(SIZES["desktop"])
    said = page.locator("#said")
    assert violations(page) == []
    assert fits(page)
    press(page, "link", "Edit it by hand")
    expect(page.get_by_role("heading", name="Edit the outline")).to_be_visible()
    assert violations(page) == []
    assert fits(page)

    tab_to(page, page.locator("#edit-c-1-1-1"))
    page.keyboard.press("Enter")
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    page.keyboard.press("Control+A")
    page.keyboard.type("Tables")
    page.keyboard.press("Enter")
    expect(said).to_contain_text("was changed")
    expect(page.locator("#edit-c-1-1-1")).to_be_focused()

    page.keyboard.press("Enter")  # the circle: what comes first shall build on what builds on it
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    assert violations(page) == []
    assert fits(page)
    tab_to(page, page.get_by_role("checkbox", name="Concept 2"))
    page.keyboard.press("Space")
    press(page, "button", "Save")
    expect(page.get_by_text("That would be a circle")).to_be_visible()
    press(page, "link", "Cancel")
    expect(page.locator("#edit-c-1-1-1")).to_be_focused()

    tab_to(page, page.locator("#add-m-1-1"))
    page.keyboard.press("Enter")
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    page.keyboard.type("Joins")
    page.keyboard.press("Tab")
    page.keyboard.type("Two tables in one question.")
    press(page, "button", "Add")
    expect(said).to_contain_text("was added")
    expect(page.locator("#edit-c-1-1-3")).to_be_focused()

    tab_to(page, page.locator("#down-s-1"))
    page.keyboard.press("Enter")
    expect(said).to_contain_text("was moved")
    expect(page.locator("#down-s-2")).to_be_focused()
    assert versions(roadmap)[1:] == ["“Concept 1” was changed.", "“Joins” was added.", "“Stage 1” was moved."]

    press(page, "button", "Take back the last edit")
    expect(page.get_by_text("Version 4 was restored")).to_have_count(0)
    expect(page.get_by_text("Version 3 was restored")).to_be_visible()
    press(page, "link", "Done: to your decision")
    expect(page.get_by_role("heading", name="Not reviewed since your edits")).to_be_visible()
    press(page, "button", "Approve and start writing")
    expect(page.get_by_text("Approved.")).to_be_visible()
    names = list(roadmap.concepts.order_by("position").values_list("name", flat=True))
    assert names == ["Tables", "Concept 2", "Joins", "Concept 3", "Concept 4"]
