"""Every page of a learner's in each of its states: nothing that axe finds, light and dark, and nothing wide or mute.

Where the environment's SCREENSHOTS names a folder, every one is pictured there, narrow and wide, light and dark.
"""

import os
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

import pytest
from django.template.loader import render_to_string
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page

from content import answering, sharing
from content.models import Note
from roadmap_project import api_tokens
from roadmaps import accounts, deciding, learning
from roadmaps.models import ConceptProgress, Feedback, OutlineReview, Roadmap, Step
from tests.browser import SIZES, fits, sign_in, violations
from tests.factories import (
    make_feedback,
    make_log_entry,
    make_piece_steps,
    make_quiz,
    make_resources,
    make_review,
    make_revision,
    make_roadmap,
    make_roadmap_in_review,
    make_step,
    make_tree,
    make_tutorial,
    make_user,
    make_written_roadmap,
)
from tests.system.test_reading import TUTORIAL

pytestmark = [pytest.mark.system, pytest.mark.timeout(480)]

# Of what the keyboard should reach: what it cannot, and what does not show that it is there.
UNREACHED = """
() => [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary")]
    .filter((each) => each.checkVisibility({visibilityProperty: true, opacityProperty: true}) && !each.disabled)
    .filter((each) => {
        each.focus();
        const style = getComputedStyle(each);
        return each.tabIndex !== 0 || document.activeElement !== each || parseFloat(style.outlineWidth) < 2
            || style.outlineStyle === "none";
    })
    .map((each) => each.outerHTML.slice(0, 120))
"""


def of_strangers(roadmap: Roadmap) -> Iterator[tuple[str, str]]:
    """What each page shows, and its address; what it shows is made when it is asked for."""
    token = [sharing.share(roadmap).token]
    yield "welcome", "/"
    for name in ("login", "signup", "forgotten_password", "new_password_sent"):
        yield name, reverse(f"roadmaps:{name}")
    yield "shared outline", reverse("content:shared", args=token)
    yield "shared concept", reverse("content:shared_concept", args=[*token, "c-1-1-1"])
    yield "shared quiz", reverse("content:shared_quiz", args=[*token, "c-1-1-1"])


def of_members(owner, roadmap: Roadmap) -> Iterator[tuple[str, str]]:
    yield "list", "/"
    deciding.delete(make_written_roadmap(owner=owner).pk)
    yield "list, and what was deleted", "/"
    for name in ("new", "account", "address", "change_password", "delete_account"):
        yield name, reverse(f"roadmaps:{name}")
    yield "tokens", reverse("tokens")
    yield "bring in", reverse("content:bring_in")
    yield "the API", "/api/v1/docs"

    yield "ready", roadmap.get_absolute_url()
    at = [roadmap.slug, "c-1-1-1"]
    yield "concept", reverse("content:concept", args=at)
    yield "note changed elsewhere", reverse("content:concept", args=at)
    yield "quiz", reverse("content:quiz", args=at)
    yield "quiz that goes on", reverse("content:quiz", args=at)
    attempt = answering.answer(roadmap.concepts.first().quiz_versions.get(), user=owner, submitted={0: ["1"], 2: ["0"]})
    yield "quiz answered", reverse("content:quiz", args=at) + f"?attempt={attempt.pk}"
    yield "ready, with a weak concept", roadmap.get_absolute_url()
    practice = reverse("content:practice", args=[roadmap.slug])
    yield "practice", practice
    yield "practice answered", practice
    yield "plan open", f"{roadmap.get_absolute_url()}?plan"
    yield "plan refused", f"{roadmap.get_absolute_url()}?plan"
    yield "versions of a piece", reverse("content:versions", args=[*at, "tutorial"])
    yield "take away", reverse("content:take_away", args=[roadmap.slug])
    yield "log", reverse("roadmaps:log", args=[roadmap.slug])

    designing = make_roadmap(owner=owner)
    make_step(roadmap=designing, state="done")
    make_step(roadmap=designing, kind="design", state="running")
    yield "designing", designing.get_absolute_url()
    failed = make_roadmap(owner=owner, state=Roadmap.State.FAILED, notice="The provider answered 401.")
    make_step(roadmap=failed, state="failed", last_error="HTTP 401: no such key")
    yield "failed", failed.get_absolute_url()

    review = in_review(owner)
    edit = reverse("roadmaps:edit", args=[review.slug])
    yield "review", review.get_absolute_url()
    yield "edit", edit
    yield "edit a concept", f"{edit}?open=c-1-1-2"
    yield "add a stage", f"{edit}?add=outline"
    yield "versions of an outline", reverse("roadmaps:versions", args=[review.slug]) + "?version=1"
    yield "not reviewed", make_roadmap_in_review(owner=owner, is_reviewed=False).get_absolute_url()

    writing = make_tree(roadmap=make_roadmap(owner=owner, state=Roadmap.State.WRITING), stages=2)
    make_revision(roadmap=writing)
    make_piece_steps(roadmap=writing, state="running")
    for concept in writing.concepts.all()[:2]:
        make_tutorial(concept=concept)
        concept.steps.filter(kind="tutorial").update(state=Step.State.DONE)
    writing.steps.filter(concept__key="c-1-1-2", kind="quiz").update(state="failed", last_error="HTTP 500")
    yield "writing", writing.get_absolute_url()
    yield "concept half written", reverse("content:concept", args=[writing.slug, "c-1-1-2"])
    yield "concept to come", reverse("content:concept", args=[writing.slug, "c-2-1-1"])
    stopped = make_written_roadmap(owner=owner, state=Roadmap.State.PARTLY_READY, steps="failed")
    stopped.steps.update(last_error="HTTP 500: it broke")
    yield "partly ready", stopped.get_absolute_url()
    yield "concept failed", reverse("content:concept", args=[stopped.slug, "c-1-1-1"])
    yield "practice of nothing", reverse("content:practice", args=[stopped.slug])
    learned = make_written_roadmap(owner=owner)
    for concept in learned.concepts.all():
        make_tutorial(concept=concept)
        learning.mark(concept, user=owner, is_learned=True)
    yield "everything learned", learned.get_absolute_url()
    accounts.ask_for_address(owner, "ada@example.org")
    yield "list, and an address that waits", "/"
    yield "address that waits", reverse("roadmaps:address")


def answer_a_question(page: Page) -> None:
    page.locator("fieldset input").first.check()
    page.locator("#quiz-step button").click()
    page.locator(".marked").wait_for()


def come_back_to_a_quiz(page: Page) -> None:
    answer_a_question(page)
    page.reload()
    page.locator("#quiz-place").wait_for()
    page.locator("details summary").first.click()


def choose_a_day_that_is_over(page: Page) -> None:
    page.locator("#id_deadline").fill("2001-02-03")
    page.locator("#plan button").click()
    page.locator("#plan .errorlist").wait_for()


def write_where_another_page_wrote(page: Page) -> None:
    Note.objects.update(text="On the phone:\nask Bea about the second example.", saved_at=timezone.now(), saved_by=None)
    page.locator("#id_text").fill("On the laptop: read it again.")
    page.locator("#note-state blockquote").wait_for()


# What is done on a page before it is looked at.
FIRST: dict[str, Callable[[Page], None]] = {
    "quiz": lambda page: page.locator("#quiz-place").wait_for(),
    "quiz that goes on": come_back_to_a_quiz,
    "practice answered": answer_a_question,
    "plan refused": choose_a_day_that_is_over,
    "note changed elsewhere": write_where_another_page_wrote,
}


def of_failures(owner) -> Iterator[tuple[str, str]]:
    """What each says, which these processes, with DEBUG on, would say in Django's words."""
    for name in ("400", "500", "503"):
        yield name, render_to_string(f"{name}.html", {"request_id": "0f3c9a7e"})
    client = Client(enforce_csrf_checks=True)
    client.force_login(owner)
    yield "404", client.get("/nowhere/").content.decode()
    yield "403", client.post(reverse("roadmaps:new")).content.decode()


def in_review(owner) -> Roadmap:
    """Its second version, after a change that was asked for, with issues and a question back."""
    roadmap = make_roadmap_in_review(owner=owner, stages=2)
    make_feedback(roadmap=roadmap, text="More practice", state=Feedback.State.DONE, answer="Two exercises more.")
    make_feedback(roadmap=roadmap, text="Less", state=Feedback.State.QUESTION, questions=["Less of what?"])
    roadmap.concepts.filter(key="c-1-1-2").update(name="Joins")
    second = make_revision(roadmap=roadmap, number=2, author="requested_edit", reason="Two exercises more.")
    make_review(revision=second, overall=72)
    issue = {"category": "knowledge_gap", "location": "c-1-1-2", "issue": "A gap.", "suggestion": "Fill it."}
    advice = {"action": "add_concept", "location": "s-1", "content": "Indexes", "reason": "They matter."}
    found = [{**issue, "severity": severity} for severity in ("critical", "warning")]
    OutlineReview.objects.filter(revision=second).update(issues=found, suggestions=[advice], passes=False)
    return roadmap


def ready(owner) -> Roadmap:
    roadmap = make_written_roadmap(owner=owner, stages=2, modules=2)
    for concept in roadmap.concepts.all():
        make_tutorial(concept=concept)
    first = roadmap.concepts.first()
    make_tutorial(concept=first, version=2, markdown=TUTORIAL)
    make_resources(concept=first)
    make_quiz(concept=first)
    Note.objects.create(concept=first, user=owner, text="Ask Bea.", saved_at="2026-01-02T03:04:05Z")
    learning.mark(first, user=owner, is_learned=True)
    assert ConceptProgress.objects.filter(user=owner).exists()
    make_log_entry(roadmap=roadmap, step_kind="tutorial", details={"seconds": 2})
    api_tokens.make(user=owner, name="notebook")
    return roadmap


def flaws(page: Page) -> list[str]:
    found = violations(page)
    begins_at_the_top = page.evaluate("document.activeElement === document.body && !location.hash")
    page.keyboard.press("Tab")
    if begins_at_the_top and page.evaluate("document.activeElement.className") != "skip":
        found.append("its first stop is not the way to the content")
    found += [f"by keyboard: {each}" for each in page.evaluate(UNREACHED)]
    return found if fits(page) else [*found, "wider than the window"]


def looked_at(page: Page, name: str) -> list[str]:
    if "SCREENSHOTS" in os.environ:
        picture(page, name)
    return flaws(page)


def picture(page: Page, name: str) -> None:
    folder = Path(os.environ["SCREENSHOTS"])
    for size, viewport in SIZES.items():
        page.set_viewport_size(viewport)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.screenshot(path=folder / f"{name}, {size}, {scheme}.png", full_page=True)
    page.set_viewport_size(SIZES["phone"])


def test_every_page_in_every_state_is_accessible_by_keyboard_and_fits(fleet, page):
    owner = make_user(username="ada")
    roadmap = ready(owner)
    fleet.start("web")
    page.set_default_timeout(60_000)
    found = {}
    visitors = {"nothing yet": make_user(), "list": owner}  # who signs in before that page
    for name, path in chain(of_strangers(roadmap), [("nothing yet", "/")], of_members(owner, roadmap)):
        if name in visitors:
            sign_in(page, fleet.url, visitors[name])
        assert page.goto(fleet.url + path, wait_until="load").status == 200, name
        if name in FIRST:
            FIRST[name](page)
        found[name] = looked_at(page, name)
    for name, body in of_failures(owner):  # these stand in for what is asked for
        page.route(f"**/{name}", lambda route, _, body=body: route.fulfill(body=body, content_type="text/html"))
        page.goto(f"{fleet.url}/{name}")
        found[name] = looked_at(page, name)

    assert len(found) >= 55
    assert {name: each for name, each in found.items() if each} == {}
