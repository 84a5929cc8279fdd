"""A real browser, and what every page must be in it."""

import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.db import connections
from django.test import Client
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium-headless-shell")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--enable-bfcache",  # as every person's browser has; Playwright's own switch turns it off again
]
AXE = Axe().axe_script
LOOK = "rules => axe.run({resultTypes: ['violations'], ...rules}).then(found => found.violations)"
STILL = """
() => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync("* { transition: none !important }");
    document.adoptedStyleSheets.push(sheet);
}
"""
SERIOUS = ("serious", "critical")
SIZES = {"phone": {"width": 375, "height": 740}, "desktop": {"width": 1280, "height": 900}}


@contextmanager
def browser(**options: Any) -> Iterator[Browser]:
    """With Playwright's event loop in this thread: Django must not take what runs beside it for an async view."""
    if not shutil.which(CHROMIUM):
        pytest.fail(f"no browser at {CHROMIUM}: .ci/run installs it; CHROMIUM names another")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS, **options)
            try:
                yield browser
            finally:
                browser.close()
                connections.close_all()  # beside that loop this thread has others than without, and nobody closes them
    finally:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


def sign_in(page: Page, url: str, user: Any) -> None:
    client = Client()
    client.force_login(user)
    page.context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": url}])


def violations(page: Page, *, impacts: Collection[str] = ("minor", "moderate", *SERIOUS)) -> list[str]:
    """What axe finds, in light and, of colours, in dark; the page is light afterwards."""
    page.evaluate(AXE)
    page.evaluate(STILL)  # colours that change little by little
    found = []
    for scheme, rules in (("dark", {"runOnly": ["color-contrast"]}), ("light", {})):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        found += [
            f"{page.url} in {scheme}: {each['id']} {node['target']} {node['html'][:200]}"
            for each in page.evaluate(LOOK, rules)
            if each["impact"] in impacts
            for node in each["nodes"]
        ]
    return found


def fits(page: Page) -> bool:
    """A phone's window and a desktop's, without a scroll sideways; the window has its size again afterwards."""
    page.wait_for_load_state()  # with its style sheet
    before = page.viewport_size
    assert before
    fitting = [_fits(page, size) for size in SIZES.values()]
    page.set_viewport_size(before)
    return all(fitting)


def _fits(page: Page, size: Any) -> bool:
    page.set_viewport_size(size)
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))
