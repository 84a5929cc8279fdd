"""No page needs inline script or style, and the browser would run none: looked at in a real one."""

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib import admin
from django.urls import reverse
from playwright.sync_api import ConsoleMessage, Page

from content import answering, sharing
from roadmap_project import content_security
from roadmap_project.connection_budget import ConnectionBudget
from roadmap_project.environment import Environment
from roadmaps.models import Roadmap
from tests.browser import SIZES, browser, violations
from tests.factories import (
    make_feedback,
    make_log_entry,
    make_quiz,
    make_resources,
    make_roadmap,
    make_roadmap_in_review,
    make_step,
    make_tutorial,
    make_user,
    make_written_roadmap,
)
from tests.roadmap_project.test_connections_page import ADDRESS, make_samples
from tests.test_security_ownership import OURS, address, made

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]

LISTEN = """
document.addEventListener("securitypolicyviolation", (event) =>
    console.error(`refused ${event.effectiveDirective} ${event.blockedURI} ${event.sample}`))
"""


def is_trouble(said: ConsoleMessage) -> bool:
    return said.type in ("error", "warning") and not said.location["url"].endswith("/favicon.ico")


@pytest.fixture(autouse=True)
def _room_for_the_browsers_requests(settings):
    """The test's server has a thread for each, in a process that is allotted what other clients may hold."""
    settings.CONNECTION_BUDGET = ConnectionBudget.from_environment(Environment({"DB_OTHER_CLIENTS": "20"}))


@pytest.fixture
def trouble() -> list[str]:
    """What the browser refused or complained about."""
    return []


@pytest.fixture
def page(trouble) -> Iterator[Page]:
    with browser() as chromium:
        page = chromium.new_page(viewport=SIZES["desktop"])  # type: ignore[arg-type]
        page.add_init_script(LISTEN)
        page.on("pageerror", lambda error: trouble.append(f"{page.url}: {error}"))
        page.on("console", lambda said: trouble.append(f"{page.url}: {said.text}") if is_trouble(said) else None)
        yield page


@pytest.fixture
def editor(page, live_server, client):
    """Signed in in the browser, and allowed everything."""
    user = make_user(username="ada", is_staff=True, is_superuser=True)
    client.force_login(user)
    page.context.add_cookies(
        [{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}]
    )
    return user


def written(owner) -> Roadmap:
    """With everything that its pages can show."""
    roadmap = make_written_roadmap(owner=owner)
    concept = roadmap.concepts.first()
    make_tutorial(concept=concept, markdown="## Read\n\n```python\nx = 1\n```\n\n| a |\n|--:|\n| 1 |")
    make_resources(concept=concept)
    answering.answer(make_quiz(concept=concept), user=owner, submitted={0: ["1"]})
    make_log_entry(roadmap=roadmap)
    return roadmap


def rows_of_the_admin() -> Iterator[str]:
    """Every model's list, its empty form, and the first row's pages."""
    for model, model_admin in sorted(admin.site._registry.items(), key=lambda item: item[0]._meta.label):
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        yield reverse(f"{name}_changelist")
        if type(model_admin).has_add_permission is admin.ModelAdmin.has_add_permission:
            yield reverse(f"{name}_add")
        if (row := model._default_manager.first()) is not None and model._meta.model_name != "connectionsample":
            is_deletable = type(model_admin).has_delete_permission is admin.ModelAdmin.has_delete_permission
            pages = ("change", "history", "delete") if is_deletable else ("change", "history")
            yield from (reverse(f"{name}_{each}", args=[row.pk]) for each in pages)


def test_no_page_breaks_the_policy(page, live_server, editor, trouble):
    review = make_roadmap_in_review(owner=editor)
    make_feedback(roadmap=review)
    designing = make_roadmap(owner=editor)
    make_step(roadmap=designing, state="running")
    done = written(editor)
    make_samples()
    paths = [
        "/",
        "/new/",
        review.get_absolute_url(),
        designing.get_absolute_url(),
        done.get_absolute_url(),
        reverse("roadmaps:log", args=[done.slug]),
        reverse("content:concept", args=[done.slug, "c-1-1-1"]),
        reverse("content:concept", args=[done.slug, "c-1-1-2"]),
        reverse("content:quiz", args=[done.slug, "c-1-1-1"]),
        reverse("content:quiz", args=[done.slug, "c-1-1-1"]) + f"?attempt={answered(editor)}",
        reverse("admin:index"),
        reverse("admin:password_change"),
        *rows_of_the_admin(),
    ]

    statuses = {path: page.goto(live_server.url + path).status for path in paths}

    assert len(paths) > 60
    assert ADDRESS in paths
    assert {path: status for path, status in statuses.items() if status not in (200, 403)} == {}
    assert trouble == []


INLINE = (
    re.compile(r"<[^>]*\s(style|on\w+)\s*=", re.IGNORECASE),
    re.compile(r"<style\b", re.IGNORECASE),
    re.compile(r"<script\b(?![^>]*\ssrc=)(?![^>]*\stype=\"application/json\")", re.IGNORECASE),
    re.compile(r"=\s*[\"']?javascript:", re.IGNORECASE),
)


def inline_in(text: str) -> list[str]:
    """What the policy forbids, or would have the browser leave out, in the text of a page or template."""
    return [found[0][-80:] for each in INLINE if (found := each.search(text))]


@pytest.mark.parametrize(
    "text",
    [
        '<p style="color: red">x</p>',
        '<p class="a"\n   onclick="x()">x</p>',
        "<style>p { color: red }</style>",
        "<script defer>x()</script>",
        '<a href="javascript:x()">x</a>',
    ],
)
def test_what_is_inline_is_found(text):
    assert inline_in(text)
    assert not inline_in('<script src="/static/x.js" defer></script><p class="style">style = onclick</p>')


def test_no_template_holds_anything_inline():
    templates = list(Path(settings.BASE_DIR).glob("*/templates/**/*.html"))

    assert len(templates) > 60
    assert {str(each): found for each in templates if (found := inline_in(each.read_text()))} == {}


def test_no_address_of_the_site_answers_with_anything_inline(client, person):
    """Every one that the URL configuration knows; the admin's are opened by the browser above."""
    client.force_login(person)
    roadmap = made(person)
    share = sharing.share(roadmap).token

    html, shown = {}, set()
    for name in OURS:
        with closing(client.get(address(name, roadmap, share=share))) as response:
            if "text/html" in response.get("Content-Type", ""):
                html[name] = response.content.decode()
                shown |= {name} if response.status_code == 200 else set()

    assert shown >= {"roadmaps:account", "content:take_away", "content:shared_quiz", "roadmaps:roadmap", "content:quiz"}
    assert {name: found for name, text in html.items() if (found := inline_in(text))} == {}


def answered(user) -> int:
    return int(user.quiz_attempts.get().pk)


def test_no_page_for_strangers_breaks_the_policy(page, live_server, trouble):
    for path in ("/", "/sign-in/", "/sign-up/", "/admin/login/"):
        assert page.goto(live_server.url + path).status == 200
    assert trouble == []

    for path in ("/admin/nothing/", "/nothing/"):
        page.goto(live_server.url + path)
    assert violations(page) == []
    assert [each for each in trouble if "404" not in each] == []


def test_the_admins_own_scripts_work(page, live_server, editor, trouble):
    """What they open and fill in, not only what is there at first."""
    page.goto(live_server.url + reverse("admin:auth_user_add"))
    page.goto(live_server.url + reverse("admin:auth_user_change", args=[editor.pk]))
    page.locator(".vDateField ~ .datetimeshortcuts a:has(.date-icon)").first.click()
    page.locator(".calendarbox").first.wait_for()
    page.locator(".selector-available select option").first.wait_for(state="attached")
    page.goto(live_server.url + reverse("admin:roadmaps_step_changelist"))

    assert trouble == []


def test_the_connections_are_drawn_in_colour(page, live_server, editor):
    make_samples()

    page.goto(live_server.url + ADDRESS)

    colours = "[...document.querySelectorAll('path.area')].map((each) => getComputedStyle(each).fill)"
    assert len(set(page.evaluate(colours))) >= 4
    assert page.evaluate("getComputedStyle(document.querySelector('.verdict')).borderLeftWidth") == "6px"


def test_polling_swaps_the_page_without_breaking_the_policy(page, live_server, editor, trouble):
    roadmap = make_roadmap(owner=editor)
    make_step(roadmap=roadmap, state="running")
    page.goto(live_server.url + roadmap.get_absolute_url())

    Roadmap.objects.filter(pk=roadmap.pk).update(state=Roadmap.State.FAILED, notice="It failed for a test.")
    page.get_by_text("It failed for a test.").wait_for(timeout=15_000)

    assert trouble == []


def test_the_browser_runs_and_applies_nothing_inline(page, live_server, trouble):
    page.goto(live_server.url + "/sign-in/")

    page.evaluate(
        """document.body.insertAdjacentHTML("beforeend", `
            <img src=x onerror="window.ran = 1"><a id=a href="javascript:window.ran = 2">x</a>
            <style>body { display: none }</style><p id=p style="position: fixed">x</p>
            <form id=f action="https://example.org/"></form><base href="https://example.org/">
            <iframe src="data:text/html,x"></iframe><object data="data:text/html,x"></object>`)"""
    )
    page.evaluate("document.getElementById('a').click(); document.getElementById('f').submit()")
    page.wait_for_function("() => performance.now() > 0")

    assert page.evaluate("[window.ran, getComputedStyle(document.body).display, document.baseURI]") == [
        None,
        "block",
        page.url,
    ]
    assert page.evaluate("getComputedStyle(document.getElementById('p')).position") == "static"
    refused = {each.split("refused ")[1].split()[0] for each in trouble if "refused " in each}
    assert {
        "script-src-attr",
        "script-src-elem",
        "style-src-elem",
        "style-src-attr",
        "form-action",
        "base-uri",
    } <= refused
    assert {"frame-src", "object-src"} <= refused


@pytest.mark.parametrize("path", ["/", "/sign-in/", "/nothing/", "/health/live/", "/admin/login/", "/metrics"])
def test_every_response_has_the_policy(client, path):
    assert client.get(path).headers["Content-Security-Policy"] == content_security.POLICY


def test_the_policy_allows_nothing_from_elsewhere_and_nothing_inline():
    allowed = {each.split()[0]: each.split()[1:] for each in content_security.POLICY.split("; ")}

    assert allowed["default-src"] == allowed["base-uri"] == allowed["frame-ancestors"] == ["'none'"]
    assert {word for words in allowed.values() for word in words} == {"'self'", "'none'"}


def test_only_djangos_own_error_pages_while_debugging_go_without(client, settings):
    settings.DEBUG = True

    assert "Content-Security-Policy" not in client.get("/nothing/").headers
    assert "Content-Security-Policy" in client.get("/").headers
