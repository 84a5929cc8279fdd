"""An outline is corrected, a tutorial written again, and all of it given away, in both languages."""

import io
import json
import urllib.request
import zipfile
from collections.abc import Callable, Iterator

import pytest
from django.utils import translation
from django.utils.translation import gettext
from playwright.sync_api import expect

from roadmaps.models import Roadmap
from tests.browser import SIZES, fits, sign_in
from tests.factories import make_roadmap_in_review, make_user

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]


@pytest.fixture
def said(language) -> Iterator[Callable[..., str]]:
    """What the interface says in that language."""
    with translation.override(language):
        yield lambda sentence, **gaps: gettext(sentence) % gaps if gaps else gettext(sentence)


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_changes_edits_a_rewrite_a_link_and_a_program(fleet, page, said, language):
    owner = make_user(username="ada")
    roadmap = make_roadmap_in_review(owner=owner, stages=3, modules=2)
    Roadmap.objects.update(language=language[:2])
    fleet.start()
    page.set_viewport_size(SIZES["desktop" if language == "en" else "phone"])
    page.set_extra_http_headers({"Accept-Language": language})
    sign_in(page, fleet.url, owner)

    page.goto(fleet.url + roadmap.get_absolute_url())
    page.get_by_label(said("What should change?")).fill("Name one of them better")
    page.get_by_role("button", name=said("Ask for changes")).click()
    changes = page.get_by_role("heading", name=said("Version %(number)s: what changed", number=2))
    expect(changes).to_be_visible(timeout=60_000)  # by itself, once it is worked in and reviewed
    expect(page.locator(".change-changed + .changes li")).to_have_count(1)
    expect(page.locator(".change-changed + .changes li")).to_contain_text("(edit")
    assert fits(page)

    page.get_by_role("link", name=said("Edit it by hand")).click()
    page.locator("#edit-c-3-2-3").click()
    page.get_by_label(said("Name"), exact=True).fill("Window functions")
    page.get_by_role("button", name=said("Save"), exact=True).click()
    expect(page.locator("#said")).to_contain_text(said("“%(name)s” was changed.", name="Concept 18"))
    page.get_by_role("link", name=said("Done: to your decision")).click()
    expect(page.get_by_text(said("Your edits by hand since version %(number)s.", number=2))).to_be_visible()
    page.get_by_role("button", name=said("Approve and start writing")).click()
    expect(page.get_by_text(said("Ready"), exact=True).first).to_be_visible(timeout=90_000)

    page.get_by_role("link", name="Window functions").first.click()
    page.locator("#tutorial summary", has_text=said("Have it written again")).click()
    page.locator("#tutorial").get_by_label(said("What should be different? (optional)")).fill("Shorter")
    page.locator("#tutorial").get_by_role("button", name=said("Write it again")).click()
    fresh = said("A new version is ready: %(piece)s.", piece=said("Tutorial"))
    expect(page.get_by_text(fresh)).to_be_visible(timeout=60_000)  # offered while one reads on
    page.get_by_role("link", name=said("Show it")).click()
    expect(page.locator("#tutorial").get_by_role("link", name=said("Earlier versions"))).to_be_visible()
    assert fits(page)

    page.goto(f"{fleet.url}{roadmap.get_absolute_url()}take-away/")
    with page.expect_download() as download:
        page.get_by_role("link", name=said("Markdown files (zip)")).click()
    files = zipfile.ZipFile(io.BytesIO(download.value.path().read_bytes()))
    assert files.read("answers.md").decode().startswith(f"# {said('Answers')}\n")
    page.get_by_role("button", name=said("Make a link")).click()
    link = page.get_by_label(said("Who has this link can read the roadmap")).input_value()

    page.goto(f"{fleet.url}/account/tokens/")
    page.get_by_label(said("Name"), exact=True).fill("my script")
    page.get_by_role("button", name=said("Make a token")).click()
    secret = page.get_by_label(said("Copy it now: it is not shown again.")).input_value()
    address = f"{fleet.url}/api/v1/roadmaps/{roadmap.slug}"
    request = urllib.request.Request(address, headers={"Authorization": f"Bearer {secret}"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        found = json.load(answer)
    assert (found["state"], found["pieces_done"]) == ("ready", 54)

    page.context.clear_cookies()
    page.goto(link)
    expect(page.get_by_role("link", name=said("Sign in to copy it into your roadmaps"))).to_be_visible()
    expect(page.get_by_role("link", name="Window functions")).to_be_visible()
