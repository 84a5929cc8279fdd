"""Notes, files, a link for others and a copy, in a real browser; with script and without."""

import io
import re
import zipfile
from datetime import datetime, timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from content.models import Note, Share
from roadmaps.models import Roadmap
from tests.browser import fits, sign_in, violations
from tests.factories import make_quiz, make_resources, make_tutorial, make_user, make_written_roadmap
from tests.system.conftest import wait_until

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]


def written(owner) -> Roadmap:
    roadmap = make_written_roadmap(owner=owner, concepts=2)
    for concept in roadmap.concepts.all():
        make_tutorial(concept=concept)
        make_tutorial(concept=concept, version=2, markdown="## Overview\n\nRead *that*.")
        make_resources(concept=concept)
        make_quiz(concept=concept)
    return roadmap


def test_a_reader_keeps_notes_takes_files_away_shares_and_copies(fleet, page):
    owner, reader = make_user(username="owner"), make_user(username="reader")
    roadmap = written(owner)
    fleet.start("web")
    sign_in(page, fleet.url, owner)
    page.goto(fleet.url + roadmap.get_absolute_url() + "c-1-1-1/")

    page.get_by_label("Only you see them").fill("typed, not sent")
    expect(page.locator("#note-state")).to_contain_text("Saved at")  # by itself
    expect(page.get_by_label("Only you see them")).to_have_value("typed, not sent")
    assert Note.objects.get().text == "typed, not sent"
    field = page.locator("#id_text")
    for words, way in (("and gone", "简体中文"), ("and back", "English"), ("and learned", "Mark as learned")):
        field.fill(words)
        with page.expect_navigation():
            page.get_by_role("button", name=way).click()  # before it is sent by itself
        expect(field).to_have_value(words)
    for words in ("and again", "and once more"):
        field.fill(words)
        page.reload()
        expect(field).to_have_value(words)
    expect(page.locator("#note-state")).to_contain_text("Saved at")
    assert Note.objects.get().text == words
    page.get_by_role("button", name="Report as broken Link 1").press("Enter")
    expect(page.get_by_text("You reported it as broken")).to_be_visible()
    assert fits(page)

    page.get_by_role("link", name="Earlier versions").first.click()
    expect(page.locator(".difference del")).to_have_text("*this*.")
    assert fits(page)
    page.get_by_role("button", name="Take version 1 back").click()
    expect(page.get_by_text("version 3 is the current one")).to_be_visible()

    page.goto(fleet.url + roadmap.get_absolute_url())
    page.get_by_role("link", name="Take away or share").click()
    for label, suffix in (("Book", "epub"), ("Markdown", "zip"), ("Flashcards", "tsv"), ("Everything", "json")):
        with page.expect_download() as download:
            page.get_by_role("link", name=re.compile(label)).click()
        assert download.value.suggested_filename == f"{roadmap.slug}.{suffix}"
        if suffix in ("epub", "zip"):
            assert zipfile.ZipFile(io.BytesIO(download.value.path().read_bytes())).testzip() is None
    page.get_by_role("button", name="Make a link").click()
    link = page.get_by_label("Who has this link").input_value()
    assert fits(page)

    page.goto(fleet.url + roadmap.get_absolute_url() + "c-1-1-1/")
    field.fill("typed, not shared")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    assert Note.objects.get().text == "typed, not shared"
    page.goto(link)
    expect(page.get_by_role("link", name="Sign in to copy it")).to_be_visible()
    assert fits(page)
    page.get_by_role("link", name="Concept 1").first.click()
    expect(page.locator("article.prose")).to_contain_text("this")
    assert "typed, not shared" not in page.content()
    page.get_by_role("link", name="Take the quiz").click()
    page.get_by_label("Green").check()
    page.get_by_role("button", name="Check my answers").click()
    expect(page.get_by_role("heading", name="1 of 3 right")).to_be_visible()

    sign_in(page, fleet.url, reader)
    page.goto(link)
    page.get_by_role("button", name="Copy it into my roadmaps").click()
    expect(page.get_by_text("Copied. This one is yours.")).to_be_visible()
    assert reader.roadmaps.get().state == Roadmap.State.READY

    Share.objects.all().delete()
    assert page.goto(link).status == 404


def test_what_does_not_get_through_is_said_and_not_lost(fleet, page):
    owner = make_user()
    roadmap = written(owner)
    fleet.start("web")
    context = page.context.browser.new_context()  # `page` itself takes no failed requests
    reading = context.new_page()
    sign_in(reading, fleet.url, owner)
    reading.goto(fleet.url + roadmap.get_absolute_url() + "c-1-1-1/")
    field, state = reading.get_by_label("Only you see them"), reading.locator("#note-state")

    field.fill("first")
    expect(state).to_have_text("Not saved yet.")
    expect(state).to_contain_text("Saved at")
    context.set_offline(True)
    field.press_sequentially(", and offline")
    expect(state).to_contain_text("Not saved: it did not get through.")
    assert violations(reading) == []
    assert Note.objects.get().text == "first"
    context.set_offline(False)
    expect(state).to_contain_text("Saved at")  # by itself
    assert Note.objects.get().text == "first, and offline"

    reading.route("**/note/", lambda route: route.fulfill(status=503))
    field.press_sequentially("; refused")
    expect(state).to_contain_text("Not saved: it did not get through.")
    expect(field).to_have_value("first, and offline; refused")
    reading.unroute_all()
    reading.route("**/note/", lambda route: route.fulfill(body="<p>Sign in to this network</p>"))  # of what is between
    field.press_sequentially("; swallowed")
    expect(state).to_contain_text("Not saved: it did not get through.")
    reading.route("**/done/", lambda route: route.fulfill(status=204))
    with reading.expect_request("**/done/"):  # who wants to go on all the same may
        reading.get_by_role("button", name="Mark as learned").click()
    expect(state).to_contain_text("Not saved: it did not get through.")
    reading.unroute_all()
    field.press("End")
    field.press_sequentially(".")
    expect(state).to_contain_text("Saved at")

    Note.objects.update(text="from the phone", saved_at=timezone.now(), saved_by=None)
    field.fill("from the laptop")
    expect(state.locator("blockquote")).to_have_text("from the phone")
    field.press_sequentially(", longer")
    expect(state.locator("blockquote")).to_have_text("from the phone")
    assert Note.objects.get().text == "from the phone"
    reading.get_by_role("button", name="Replace it by what stands in the field").click()
    expect(state).to_contain_text("Saved at")
    assert Note.objects.get().text == "from the laptop, longer"
    field.press_sequentially(".")
    wait_until(lambda: Note.objects.get().text == "from the laptop, longer.", seconds=30, fleet=fleet)

    reading.clock.install()
    reading.clock.pause_at(datetime.now() + timedelta(hours=1))  # no delay ever ends: only leaving sends it
    context.add_cookies([{"name": "csrftoken", "value": "b" * 32, "url": fleet.url}])  # as signing in elsewhere does
    Note.objects.update(text="from the phone again", saved_at=timezone.now(), saved_by=None)
    field.fill("typed on the way out")
    reading.goto(fleet.url)
    reading.clock.resume()
    both = "from the phone again\n\ntyped on the way out"
    wait_until(lambda: Note.objects.get().text == both, seconds=30, fleet=fleet)
    reading.goto(fleet.url + roadmap.get_absolute_url() + "c-1-1-1/")
    expect(field).to_have_value(both)

    reading.goto(fleet.url + roadmap.get_absolute_url() + "c-1-1-1/quiz/")
    trouble = reading.locator("#trouble p:visible")
    expect(reading.get_by_text("Question 1 of 3")).to_be_visible()
    reading.get_by_label("Green").check()
    expect(trouble).to_have_count(0)
    context.set_offline(True)
    reading.get_by_role("button", name="Check my answer").click()
    expect(trouble).to_have_text(
        "That did not get through: the server cannot be reached. Nothing you typed is lost; try again."
    )
    assert violations(reading) == []
    assert fits(reading)
    context.set_offline(False)
    context.clear_cookies(name="sessionid")
    reading.get_by_role("button", name="Check my answer").click()
    expect(trouble).to_contain_text("You are signed out.")
    sign_in(reading, fleet.url, owner)
    context.add_cookies([{"name": "csrftoken", "value": "a" * 32, "url": fleet.url}])  # as signing in renews it
    reading.get_by_role("button", name="Check my answer").click()
    expect(reading.locator("#quiz-step .explanation")).to_have_count(1)
    expect(trouble).to_have_count(0)
    context.close()


def test_without_script_the_same_forms_work(fleet, page):
    owner = make_user()
    roadmap = written(owner)
    fleet.start("web")
    context = page.context.browser.new_context(java_script_enabled=False)
    plain = context.new_page()
    sign_in(plain, fleet.url, owner)
    plain.goto(fleet.url + roadmap.get_absolute_url() + "c-1-1-1/")

    plain.get_by_label("Only you see them").fill("by hand")
    plain.get_by_role("button", name="Save").press("Enter")
    expect(plain.locator("#note-state")).to_contain_text("Saved at")
    plain.get_by_role("button", name="Report as broken Link 2").press("Enter")
    expect(plain.get_by_text("You reported it as broken")).to_be_visible()
    plain.get_by_role("link", name="Take the quiz").click()
    plain.get_by_role("button", name="Check my answers").press("Enter")
    plain.get_by_role("link", name="Practise what you missed").click()
    expect(plain.get_by_text("Only what you missed last time")).to_be_visible()
    plain.goto(f"{fleet.url}{roadmap.get_absolute_url()}take-away/")
    plain.get_by_role("button", name="Make a link").press("Enter")
    plain.get_by_role("button", name="Revoke the link").press("Enter")
    expect(plain.get_by_text("Nobody can read it by a link any more.")).to_be_visible()
    context.close()

    assert Note.objects.get().text == "by hand"
    assert not Share.objects.exists()
