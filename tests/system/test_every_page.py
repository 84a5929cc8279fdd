"""Every page of a learner's in each of its states: nothing that axe finds, light and dark, and nothing wide or mute."""

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.db import connection
from django.template.loader import render_to_string
from django.urls import reverse
from playwright.sync_api import Page

from content import answering, sharing
from content.models import Note
from roadmap_project import api_tokens
from roadmaps import learning
from roadmaps.models import ConceptProgress, Feedback, OutlineReview, Roadmap, Step
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
from tests.system.test_journey import fits, page
from tests.system.test_reading import TUTORIAL
from tests.system.test_taking_away import sign_in

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]
__all__ = ["page"]  # a fixture

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


@pytest.fixture(autouse=True)
def _own_connection(page):
    """Beside the browser's event loop Django opens a connection of its own for this thread."""
    yield
    connection.close()


def of_strangers(roadmap: Roadmap) -> Iterator[tuple[str, str]]:
    """What each page shows, and its address."""
    token = [sharing.share(roadmap).token]
    yield "welcome", "/"
    for name in ("login", "signup", "forgotten_password", "new_password_sent"):
        yield name, reverse(f"roadmaps:{name}")
    yield "shared outline", reverse("content:shared", args=token)
    yield "shared concept", reverse("content:shared_concept", args=[*token, "c-1-1-1"])
    yield "shared quiz", reverse("content:shared_quiz", args=[*token, "c-1-1-1"])


def of_members(owner, roadmap: Roadmap) -> Iterator[tuple[str, str]]:
    yield "list", "/"
    for name in ("new", "account", "address", "change_password", "delete_account"):
        yield name, reverse(f"roadmaps:{name}")
    yield "tokens", reverse("tokens")
    yield "bring in", reverse("content:bring_in")
    yield "the API", "/api/v1/docs"

    yield "ready", roadmap.get_absolute_url()
    at = [roadmap.slug, "c-1-1-1"]
    yield "concept", reverse("content:concept", args=at)
    yield "quiz", reverse("content:quiz", args=at)
    attempt = answering.answer(roadmap.concepts.first().quiz_versions.get(), user=owner, submitted={0: ["1"], 2: ["0"]})
    yield "quiz answered", reverse("content:quiz", args=at) + f"?attempt={attempt.pk}"
    yield "ready, with a weak concept", roadmap.get_absolute_url()
    yield "practice", reverse("content:practice", args=[roadmap.slug])
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
    found = []
    for scheme, rules in (("light", {}), ("dark", {"runOnly": ["color-contrast"]})):
        page.emulate_media(color_scheme=scheme)
        violations = Axe().run(page, options=rules).response["violations"]
        found += [f"{scheme}: {each['id']} {each['nodes'][0]['target']}" for each in violations]
    begins_at_the_top = page.evaluate("document.activeElement === document.body")
    page.keyboard.press("Tab")
    if begins_at_the_top and page.evaluate("document.activeElement.className") != "skip":
        found.append("its first stop is not the way to the content")
    found += [f"by keyboard: {each}" for each in page.evaluate(UNREACHED)]
    return found if fits(page) else [*found, "wider than the window"]


@pytest.mark.parametrize("page", ["phone"], indirect=True)
def test_every_page_in_every_state_is_accessible_by_keyboard_and_fits(fleet, page):
    owner = make_user(username="ada")
    roadmap = ready(owner)
    strange, own = list(of_strangers(roadmap)), list(of_members(owner, roadmap))
    fleet.start("web")
    page.set_default_timeout(60_000)
    found = {}
    for name, path in [*strange, ("nothing yet", "/"), *own]:
        if name in ("nothing yet", own[0][0]):
            sign_in(page, fleet.url, owner if name == own[0][0] else make_user())
        assert page.goto(fleet.url + path, wait_until="load").status == 200, name
        found[name] = flaws(page)
    for name in ("400", "500", "503"):  # which need no database, and stand in for what is asked for
        body = render_to_string(f"{name}.html", {"request_id": "0f3c9a7e"})
        page.route(f"**/{name}", lambda route, _, body=body: route.fulfill(body=body, content_type="text/html"))
        page.goto(f"{fleet.url}/{name}")
        found[name] = flaws(page)

    assert len(found) >= 43
    assert {name: each for name, each in found.items() if each} == {}
