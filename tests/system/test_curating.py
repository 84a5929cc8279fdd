"""An editor's way through the admin, with the keyboard alone, and what axe says of its pages."""

from datetime import timedelta

import pytest
from django.conf import global_settings
from django.contrib.auth.models import Permission
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import FilePayload, Locator, Page, expect

from content import taking_in
from content.models import Resource, Tutorial
from roadmap_project.models import ConnectionSample, ConnectionTrouble
from roadmaps import deciding, outline
from roadmaps.models import LibrarySubject, ModelCall, OutlineRevision, ProviderPause, Roadmap, Step
from tests.browser import SERIOUS, SIZES, fits, violations
from tests.content.test_taking_in import bundled, packed, renamed
from tests.editors import address, make_editor
from tests.factories import (
    make_call,
    make_cluster,
    make_heartbeat,
    make_log_entry,
    make_quiz,
    make_resources,
    make_roadmap_in_review,
    make_tutorial,
    make_user,
    make_written_roadmap,
)

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]

LONGEST_WAY = 150  # presses of Tab, from the page's top


@pytest.fixture
def roadmap(transactional_db) -> Roadmap:
    """With everything that the pages can show: broken links, failures, several versions, calls, a log."""
    roadmap = make_written_roadmap(
        owner=make_user(username="lena"), state=Roadmap.State.PARTLY_READY, stages=2, modules=2, concepts=3
    )
    Step.objects.filter(concept__key="c-1-2-1", kind="quiz").update(
        state=Step.State.FAILED, last_error="HTTP 401: no such key"
    )
    concept = roadmap.concepts.get(key="c-2-2-1")
    opening = "## Overview\n\nA **query** asks; a *table* answers.\n\n```sql\nSELECT name FROM people;\n```\n"
    make_tutorial(concept=concept, markdown=opening)
    more = "- One\n- Two\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```mermaid\nflowchart LR\n  Query --> Table\n```\n"
    make_tutorial(concept=concept, version=2, markdown=f"{opening}\n{more}")
    make_resources(concept=concept)
    make_resources(concept=concept, version=2, status=Resource.Status.BROKEN, status_detail="HTTP 404")
    make_quiz(concept=concept)
    make_log_entry(roadmap=roadmap, concept=concept, event="tutorial_saved", message="Concept 10 (version 2)")
    make_log_entry(roadmap=roadmap, event="step_failed", level="error", message="HTTP 401: no such key")
    for outcome in ("invalid", "ok"):
        ModelCall.objects.create(
            roadmap=roadmap, concept=concept, purpose="tutorial", provider="openai", model="gpt", outcome=outcome,
            input_tokens=1200, output_tokens=2400, latency=7.25, cost="0.0016", error="" if outcome == "ok" else "cut",
        )  # fmt: skip
    return roadmap


OPERATIONS = address(ConnectionSample, "changelist")


def make_an_hours_work(roadmap: Roadmap) -> None:
    """What Operations shows: a fleet that took up work, a pause without samples, what runs, fails and costs."""
    now = timezone.now()
    ConnectionSample.objects.bulk_create(
        ConnectionSample(
            sampled_at=now - timedelta(minutes=minute), service=name, observed=most * (70 - minute) // 70 if most > 2
            else most, declared=declared, limit=97, usable=72,
        )
        for minute in range(60)
        if not 20 <= minute < 26
        for name, most, declared in (
            ("web", 8, 8), ("logs", 7, 7), ("content", 9, 9), ("workflow", 5, 7), ("other", 1, 5), ("unplanned", 2, 0),
        )
    )  # fmt: skip
    ConnectionTrouble.objects.create(
        service="web",
        refused_by="role",
        waits=4,
        refusals=1,
        lately=5,
        began_at=now - timedelta(minutes=9),
        last_at=now,
    )
    Step.objects.filter(concept__key="c-1-1-1").update(
        state=Step.State.RUNNING, started_at=now - timedelta(seconds=95), worker="host:17", lease_token="0" * 32,
        lease_expires_at=now + timedelta(minutes=4),
    )  # fmt: skip
    Step.objects.filter(concept__key="c-1-1-2").update(state=Step.State.WAITING, asked_at=now - timedelta(minutes=7))
    Step.objects.filter(state=Step.State.FAILED).update(finished_at=now - timedelta(minutes=3))
    for number in range(40):
        for purpose in ("tutorial", "resources", "quiz"):
            make_call(
                roadmap=roadmap, purpose=purpose, outcome="ok" if number % 9 else "rate_limited", latency=number / 3,
                input_tokens=1200, output_tokens=2400, cost="0.0123", ago=timedelta(minutes=91 * number),
            )  # fmt: skip
    ProviderPause.objects.create(provider="openai", until=now + timedelta(minutes=2), reason="HTTP 429")
    for queue in ("content", "workflow"):
        make_heartbeat(queue=queue)
        make_cluster(queue=queue)
    make_cluster(queue="content", name="dead:1", seconds_ago=400)


def make_another_outline(roadmap: Roadmap) -> None:
    """A second version, in which concepts were renamed, moved and left out."""
    tree = outline.tree_of(roadmap.revisions.get())
    first, second = tree.stages[0].modules
    first.concepts[0].name = "Asking a database"
    del first.concepts[-1]
    second.concepts.append(first.concepts.pop())
    with transaction.atomic():
        outline.revise(roadmap, tree, author=OutlineRevision.Author.HAND, reason="As its reader asked.")


@pytest.fixture
def page(page) -> Page:
    page.set_viewport_size(SIZES["desktop"])
    return page


def tab_to(page: Page, target: Locator) -> None:
    """As a person without a mouse gets there: the focus arrives, and is seen."""
    for _ in range(LONGEST_WAY):
        page.keyboard.press("Tab")
        if target.evaluate("element => element === document.activeElement"):
            expect(target).to_be_in_viewport()
            return
    pytest.fail(f"{target} is not reached with the Tab key")


def go(page: Page, url: str) -> None:
    """To the page, and past its navigation by the link that leads there."""
    page.goto(url)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#content-start")).to_be_focused()


def press(page: Page, target: Locator) -> None:
    tab_to(page, target)
    page.keyboard.press("Enter")


def sign_in(page: Page, url: str) -> None:
    page.goto(f"{url}/admin/")
    expect(page.locator("#id_username")).to_be_focused()
    page.keyboard.type("eve")
    page.keyboard.press("Tab")
    page.keyboard.type("correct horse battery")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Site administration")).to_be_visible()


@pytest.fixture
def signed_in(fleet, roadmap, page, settings) -> str:
    """The admin's address, with an editor before it."""
    settings.PASSWORD_HASHERS = global_settings.PASSWORD_HASHERS  # those of the web's processes
    eve = make_editor(username="eve", password="correct horse battery")
    eve.user_permissions.add(*Permission.objects.filter(codename__in=("view_connectionsample", "delete_roadmap")))
    Roadmap.objects.filter(pk=roadmap.pk).update(owner=eve)
    fleet.environment["LINK_CHECKS"] = "on"  # asked for, and made by nobody: no cluster is started
    fleet.start("web")
    sign_in(page, fleet.url)
    return fleet.url


def test_a_concept_is_found_edited_and_seen_with_the_keyboard_alone(signed_in, roadmap, page):
    concept = roadmap.concepts.get(key="c-2-2-1")
    tab_to(page, page.get_by_role("link", name="Concepts", exact=True).last)
    page.keyboard.press("Enter")

    tab_to(page, page.locator("#searchbar"))
    page.keyboard.type(concept.public_id)
    page.keyboard.press("Enter")
    expect(page.locator("#result_list tbody tr")).to_have_count(1)
    tab_to(page, page.get_by_role("link", name=concept.public_id))
    page.keyboard.press("Enter")

    expect(page.locator("article.prose")).to_contain_text("A query asks")
    tab_to(page, page.get_by_role("link", name="Edit the tutorial"))
    page.keyboard.press("Enter")
    tab_to(page, page.locator("#id_markdown"))
    page.keyboard.press("Control+End")
    page.keyboard.type("\n\nWritten **without** a mouse.")
    tab_to(page, page.get_by_role("button", name="Save", exact=True))
    page.keyboard.press("Enter")

    expect(page.get_by_text("Version 3 is current.")).to_be_visible()
    expect(page.locator("article.prose strong", has_text="without")).to_be_visible()
    assert Tutorial.objects.current().get(concept=concept).author.username == "eve"

    tab_to(page, page.get_by_text("3 versions"))
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_role("link", name="Version 1", exact=True))
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_role("button", name="Restore this version"))
    page.keyboard.press("Enter")
    expect(page.get_by_text("restored as the current one")).to_be_visible()
    assert Tutorial.objects.current().get(concept=concept).version == 4

    # A piece is written again, with a wish.
    page.goto(signed_in + address(concept))
    tab_to(page, page.locator("#quiz summary").first)
    page.keyboard.press("Enter")
    tab_to(page, page.locator("#wish-quiz"))
    page.keyboard.type("Fewer tricks")
    tab_to(page, page.locator("#quiz button[value=regenerate_quiz]"))
    page.keyboard.press("Enter")
    expect(page.get_by_text("the quiz will be written again.")).to_be_visible()
    assert Step.objects.get(concept=concept, kind="quiz").wish == "Fewer tricks"

    # The one roadmap that waits for a decision is found by a filter, and approved.
    waiting = make_roadmap_in_review(owner=roadmap.owner)
    page.goto(signed_in + address(Roadmap, "changelist"))
    tab_to(page, page.locator("#changelist-filter").get_by_role("link", name="Waiting for your review"))
    page.keyboard.press("Enter")
    expect(page.locator("#result_list tbody tr")).to_have_count(1)
    tab_to(page, page.get_by_role("link", name=waiting.slug))
    page.keyboard.press("Enter")
    tab_to(page, page.locator("button[value=approve]"))
    page.keyboard.press("Enter")
    expect(page.get_by_text("approved.")).to_be_visible()
    waiting.refresh_from_db()
    assert waiting.state == Roadmap.State.WRITING

    # A subject is taken in; the file itself is the browser's dialogue, which a keyboard opens.
    bees: FilePayload = {"name": "bees.zip", "mimeType": "application/zip", "buffer": packed(bundled())}
    page.on("filechooser", lambda chooser: chooser.set_files(bees))  # heard from before the page is there
    page.goto(signed_in + address(LibrarySubject, "add"))
    tab_to(page, page.locator("#id_archive"))
    page.keyboard.press("Enter")
    expect(page.locator("#id_archive")).not_to_have_value("")
    tab_to(page, page.get_by_role("button", name="Save", exact=True))
    page.keyboard.press("Enter")
    expect(page.locator(".messagelist .success")).to_be_visible()
    assert LibrarySubject.objects.get().key == "keeping-bees"


def test_every_verb_is_carried_out_with_the_keyboard_alone(signed_in, roadmap, page):
    failed, concept = (roadmap.concepts.get(key=key) for key in ("c-1-2-1", "c-2-2-1"))
    resources, quiz = concept.resourcelist_versions.get(is_current=True), concept.quiz_versions.get()
    said, save = page.locator(".messagelist"), page.get_by_role("button", name="Save", exact=True)

    # Resources and a quiz are edited into their next versions.
    for piece, field in ((resources, "#id_resources-0-title"), (quiz, "#id_questions-0-explanation")):
        go(page, signed_in + address(piece))
        tab_to(page, page.locator(field))
        page.keyboard.press("Control+End")
        page.keyboard.type(" Once more.")
        press(page, save)
        expect(said).to_contain_text(f"Version {piece.version + 1} is current.")

    # What failed is retried; a tutorial and resources are made again; links are looked at.
    go(page, signed_in + address(failed))
    press(page, page.locator("button[value=retry_failed]"))
    expect(said).to_contain_text("what failed is taken up again")
    go(page, signed_in + address(concept))
    for section, kind in (("#tutorial", "tutorial"), ("#resourcelist", "resources")):
        press(page, page.locator(f"{section} .again summary"))
        press(page, page.locator(f"button[value=regenerate_{kind}]"))
        expect(said).to_contain_text(f"the {kind} will be written again")
    press(page, page.locator("button[value=check_links]"))
    expect(said).to_contain_text("its links are being checked")

    # The concept itself is edited, and the outline's earlier version restored.
    tab_to(page, page.locator("#id_name"))
    page.keyboard.press("End")
    page.keyboard.type(" and back")
    press(page, save)
    expect(said).to_contain_text("was changed successfully")
    go(page, signed_in + address(roadmap.revisions.get(number=1)))
    press(page, page.get_by_role("button", name="Restore this version"))
    expect(said).to_contain_text("restored as the latest version")
    assert [roadmap.revisions.count(), roadmap.concepts.get(pk=concept.pk).name] == [3, concept.name]

    # A roadmap is cancelled, retried, taken back after its owner deleted it, and deleted for good.
    go(page, signed_in + address(roadmap))
    press(page, page.locator("button[value=cancel]"))
    expect(said).to_contain_text("cancelled.")
    press(page, page.locator("button[value=retry]"))
    expect(said).to_contain_text("taken up again.")
    deciding.delete(roadmap.pk)
    go(page, signed_in + address(roadmap))
    press(page, page.locator("button[value=take_back]"))
    expect(said).to_contain_text("is its owner’s again.")
    press(page, page.get_by_role("link", name="Delete for good"))
    press(page, page.get_by_role("button", name="Yes, I’m sure"))
    expect(said).to_contain_text("was deleted successfully")
    assert not Roadmap.objects.filter(pk=roadmap.pk).exists()

    # A subject's other version is put in place.
    taking_in.take_in(packed(bundled()), author=roadmap.owner)
    version = taking_in.take_in(renamed("Second"), author=roadmap.owner)
    go(page, signed_in + address(version))
    press(page, page.get_by_role("button", name="Put this version in place"))
    expect(said).to_contain_text("is in place.")
    assert LibrarySubject.objects.get().title == "Second"


def test_axe_finds_nothing_serious_and_pages_fit_their_window(signed_in, roadmap, page):
    make_an_hours_work(roadmap)
    concept = roadmap.concepts.get(key="c-2-2-1")
    tutorial, earlier = Tutorial.objects.filter(concept=concept).order_by("-version")
    make_another_outline(roadmap)
    taking_in.take_in(packed(bundled()), author=roadmap.owner)
    kept_beside = taking_in.take_in(renamed("Keeping bees"), author=roadmap.owner)
    addresses = [
        address(Roadmap, "changelist"),
        address(roadmap),
        address(type(concept), "changelist"),
        address(concept),
        address(Tutorial, "changelist"),
        address(tutorial),
        address(earlier),
        address(Resource.objects.latest("pk").resource_list),
        address(concept.quiz_versions.get()),
        f"{address(roadmap).removesuffix('change/')}subject/",
        address(LibrarySubject, "changelist"),
        address(LibrarySubject, "add"),
        address(roadmap.revisions.get(number=1)),
        address(kept_beside.of),
        address(kept_beside),
        f"{OPERATIONS}?hours=1",
        reverse("roadmaps:log", args=[roadmap.slug]),
    ]
    found = []
    for each in addresses:
        page.goto(signed_in + each)
        if each in (address(concept), address(tutorial)):
            page.locator(".prose .diagram").scroll_into_view_if_needed()
            expect(page.locator(".prose .diagram.drawn iframe")).to_be_visible()
        page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
        found += violations(page, impacts=SERIOUS)
        if each in (address(roadmap), address(concept), addresses[-2], addresses[-1]) and not fits(page):
            found.append(f"{each}: wider than the window")
    assert not found, "\n".join(found)

    page.goto(signed_in + address(roadmap))
    for size in SIZES.values():  # how the pieces stand is seen without a sideways scroll
        page.set_viewport_size(size)
        assert page.evaluate(
            "[...document.querySelectorAll('.tree .scrolls')].every(each => each.scrollWidth <= each.clientWidth)"
        ), size
