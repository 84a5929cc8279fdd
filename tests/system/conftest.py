"""The real processes, on the test's own database, in front of a stub model in a process of its own."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from playwright.sync_api import Page, expect

from roadmap_project.counting import count
from roadmap_project.demo import Browser
from roadmap_project.fleet import ROOT, Fleet
from tests.browser import SIZES, browser
from tests.stub_process import Model

expect.set_options(timeout=30_000)  # a busy machine's browser, beside the fleets of other tests


@pytest.fixture
def page() -> Iterator[Page]:
    """A phone. Fails the test on a script's error, a refused resource, or a request to another host."""
    trouble: list[str] = []
    with browser() as chromium:
        page = chromium.new_page(viewport=SIZES["phone"])  # type: ignore[arg-type]
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on(
            "requestfailed", lambda each: trouble.append(each.url) if "ABORTED" not in (each.failure or "") else None
        )
        page.on("request", lambda each: None if "//127.0.0.1:" in each.url else trouble.append(each.url))
        yield page
    assert trouble == []


@pytest.fixture
def model() -> Iterator[Model]:
    stub = Model("--latency", "0.5")
    yield stub
    stub.close()


def superuser(database: str | None = None) -> psycopg.Connection:
    config = connection.settings_dict
    return psycopg.connect(
        host=config["OPTIONS"].get("host"),
        port=config["PORT"] or 5432,
        user="postgres",
        dbname=database or config["NAME"],
        autocommit=True,
    )


def database_url() -> str:
    config = connection.settings_dict
    host = config["OPTIONS"].get("host", "")
    place = f"{quote(config['USER'])}:{quote(config['PASSWORD'])}@{config['HOST']}:{config['PORT'] or 5432}"
    return f"postgres://{place}/{config['NAME']}" + (f"?host={quote(host, safe='/')}" if host else "")


@pytest.fixture
def fleet(transactional_db: None, tmp_path: Path, model: Model) -> Iterator[Fleet]:
    """Not started; start it whole or by service. The schedules of a fresh installation are there."""
    _add_schedules()
    fleet = Fleet(
        logs=tmp_path,
        environment={
            "DEBUG": "1",
            "DATABASE_URL": database_url(),
            "LLM_PROVIDER": "openai",
            "OPENAI_API_KEY": "stub",
            "OPENAI_BASE_URL": model.url,
            "LINK_CHECKS": "off",
            "PYTHONPATH": str(ROOT),
        },
    )
    yield fleet
    fleet.stop()
    connection.close()


def _add_schedules() -> None:
    """The test database is emptied after each test, the rows of migrations with it."""
    from importlib import import_module

    from django.apps import apps

    import_module("roadmaps.migrations.0003_sweep_schedules").add(apps, None)


def observed() -> dict[str, int]:
    """Open connections by service, as the server counts them."""
    return count(settings.CONNECTION_BUDGET).observed


def holding() -> set[str]:
    """Which services hold a connection."""
    return {service.name for service in settings.CONNECTION_BUDGET.services if observed()[service.name]}


def fill_in_the_form(fleet: Fleet, *goals: str) -> None:
    """Sign up and start a roadmap for each goal, without a review."""
    browser = Browser(fleet.url)
    browser.get("/sign-up/")
    browser.submit("/sign-up/", username="ada", password1="correct horse b", password2="correct horse b")
    for goal in goals:
        browser.submit(
            "/new/",
            goal=goal,
            level="beginner",
            hours_per_week="8",
            preference="any",
            language="en",
            skips_review="on",
        )


def wait_until(
    condition: Callable[[], bool], *, seconds: float, fleet: Fleet, watch: Callable[[], None] | None = None
) -> None:
    """Look until it is true; fails with what the processes said."""
    until = time.monotonic() + seconds
    while not condition():
        if watch:
            watch()
        if time.monotonic() > until:
            tails = "\n".join(f"--- {name}\n{fleet.tail(name)}" for name in fleet.processes)
            pytest.fail(f"it did not happen within {seconds:g} seconds\n{tails}")
        time.sleep(0.05)


def descendants(pid: int) -> set[int]:
    """A process's children and theirs, living or not yet reaped."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {pid}


def alive(pids: set[int]) -> set[int]:
    def lives(pid: int) -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except OSError:
            return False

    return {pid for pid in pids if lives(pid)}
