"""A sample roadmap from goal to finished content, through the real web server, clusters and database."""

import http.cookiejar
import re
import secrets
import sys
import textwrap
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from html import unescape
from typing import TextIO

from django.conf import settings

from roadmap_project.counting import Peak, table
from roadmap_project.fleet import Fleet

SAMPLE_SECONDS = 0.05
SHOW_SECONDS = 1.0
LONGEST_SECONDS = 1800.0


class DemoError(Exception):
    """The demo did not get what it asked for; the text says what it got instead."""


class Browser:
    """Fills in forms like a person does: cookies, CSRF token, redirects."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.cookies = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))

    def get(self, path: str) -> tuple[str, str]:
        """The final path and the page."""
        return self._open(urllib.request.Request(self.address + path))  # noqa: S310

    def submit(self, path: str, **fields: str) -> tuple[str, str]:
        token = next((cookie.value for cookie in self.cookies if cookie.name == "csrftoken"), None)
        body = urllib.parse.urlencode({**fields, "csrfmiddlewaretoken": token or ""}).encode()
        return self._open(urllib.request.Request(self.address + path, data=body))  # noqa: S310

    def _open(self, request: urllib.request.Request) -> tuple[str, str]:
        try:
            with self._opener.open(request, timeout=30) as response:
                return urllib.parse.urlsplit(response.url).path, response.read().decode()
        except urllib.error.HTTPError as error:
            raise DemoError(f"{request.get_method()} {request.full_url} answered {error.code}") from error


@dataclass
class Sight:
    """What the demo looks at while it waits: rows, by way of functions that know them."""

    state: Callable[[str], str]
    describe: Callable[[str], str]
    outline: Callable[[str], str]
    opening: Callable[[str], str]


@dataclass
class Demo:
    fleet: Fleet
    sight: Sight
    out: TextIO = sys.stdout
    peak: Peak = field(default_factory=Peak)

    def run(self, goal: str) -> bool:
        """True when the roadmap is ready and no service held more connections than declared."""
        browser = Browser(self.fleet.url)
        self._say(f"Goal: {goal}")
        self._say(
            f"Provider: {settings.LLM_PROVIDER}. Web at {self.fleet.url}, three clusters, PostgreSQL behind them.\n"
        )
        path = self._start(browser, goal)
        token = path.strip("/").rpartition("-")[2]
        self._follow(token, until=("in_review", "failed", "cancelled"))
        if self.sight.state(token) == "in_review":
            browser.submit(f"{path}approve/")
            self._follow(token, until=("ready", "partly_ready", "failed", "cancelled"))
        self._say("\n" + self.sight.outline(token))
        self._say("\n" + self.sight.opening(token))
        browser.get(path)
        self._say("\n" + self._connections())
        return self.sight.state(token) == "ready" and self.peak.is_within(settings.CONNECTION_BUDGET)

    def _start(self, browser: Browser, goal: str) -> str:
        browser.get("/sign-up/")
        password = secrets.token_urlsafe(16)
        browser.submit("/sign-up/", username=f"demo-{secrets.token_hex(4)}", password1=password, password2=password)
        browser.get("/new/")
        path, page = browser.submit(
            "/new/",
            goal=goal,
            level="beginner",
            hours_per_week="8",
            preference="any",
            language="en",
            request_key=str(uuid.uuid4()),
        )
        if not path.startswith("/roadmaps/"):
            found = re.findall(r'class="[^"]*error[^"]*"[^>]*>(.*?)</', page, re.DOTALL)
            raise DemoError(
                "The goal was not accepted: "
                + "; ".join(unescape(re.sub(r"<[^>]+>", " ", each)).strip() for each in found)
            )
        return path

    def _follow(self, token: str, *, until: tuple[str, ...]) -> None:
        """Show progress until a state is reached, counting connections on the server all the while."""
        ends_at = time.monotonic() + LONGEST_SECONDS
        shown, next_show = "", 0.0
        while self.sight.state(token) not in until:
            if time.monotonic() > ends_at:
                raise DemoError(f"Not finished within {LONGEST_SECONDS:.0f} seconds: {self.sight.describe(token)}")
            self.peak.sample(settings.CONNECTION_BUDGET)
            if time.monotonic() >= next_show:
                self.fleet.require_running()
                shown = self._show(self.sight.describe(token), shown)
                next_show = time.monotonic() + SHOW_SECONDS
            time.sleep(SAMPLE_SECONDS)
        self._show(self.sight.describe(token), shown)

    def _show(self, line: str, before: str) -> str:
        if line != before:
            self._say("  " + line)
        return line

    def _connections(self) -> str:
        budget = settings.CONNECTION_BUDGET
        return (
            f"Connections, declared and observed on the server ({self.peak.samples} samples):\n\n"
            f"{table(budget, self.peak)}\n\n"
            f"usable {budget.usable} of {budget.limit}; while deploying {budget.deploy}"
        )

    def _say(self, text: str) -> None:
        self.out.write(text + "\n")
        self.out.flush()


def wrapped(text: str, *, width: int = 100, lines: int = 12) -> str:
    paragraphs = [textwrap.fill(paragraph, width) for paragraph in text.split("\n")]
    return "\n".join("\n".join(paragraphs).splitlines()[:lines])
