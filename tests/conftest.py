"""What every test may ask for."""

import asyncio
import gc
import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import hypothesis
import pytest
import structlog
from django.contrib.auth import get_user_model
from django.test import TransactionTestCase
from django.utils import translation

from roadmap_project import logs, process
from roadmap_project.llm import asking
from roadmaps import log_lines, starting
from roadmaps.models import Roadmap
from roadmaps.steps import calling, draining
from tests import scenarios
from tests.emptying import empty_tables
from tests.stub_model import StubModel


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Where tests run in several processes, this is asked of the one that has all reports."""
    if lines := scenarios.table(terminalreporter.stats):
        terminalreporter.section("scenarios")
        terminalreporter.line("\n".join(lines))


TransactionTestCase._fixture_teardown = empty_tables


def pytest_collection_finish() -> None:
    """What was imported and collected stays: the collections of garbage that tests ask for leave it out."""
    gc.collect()
    gc.freeze()


# A slow machine is no fault: pytest's own timeout bounds a test.
hypothesis.settings.register_profile("unhurried", deadline=None)
hypothesis.settings.load_profile("unhurried")


@pytest.fixture(autouse=True)
def _short_drains(settings):
    """A drain waits for steps that are put back, 15 seconds and more, as long as it may: in tests not at all."""
    settings.DRAIN_SECONDS = 14


@pytest.fixture(autouse=True)
def _fast_passwords(settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def _no_lines_of_other_tests() -> Iterator[None]:
    """What a test buffered must not be written by the next one's first request."""
    yield
    log_lines._buffer.clear()
    structlog.contextvars.clear_contextvars()


@pytest.fixture(autouse=True)
def _no_language_of_other_tests() -> Iterator[None]:
    """A request leaves its language to its thread, as a server's next request sets its own."""
    yield
    translation.deactivate()


@pytest.fixture
def written_lines() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """The process's log lines from warnings on, as production writes them."""
    configured = dict(logs.logging_config(level="WARNING", is_json=True)["formatters"]["structlog"])
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setLevel(logging.WARNING)
    handler.setFormatter(configured.pop("()")(**configured))
    logging.getLogger().addHandler(handler)
    yield lambda: [json.loads(line) for line in written.getvalue().splitlines()]
    logging.getLogger().removeHandler(handler)


@pytest.fixture
def person(db):
    return get_user_model().objects.create_user("ada", password="correct horse battery")


@pytest.fixture
def visitor(client, person):
    client.force_login(person)
    return client


@pytest.fixture
def stub(settings) -> Iterator[StubModel]:
    """A model behind the real SDK, answering at once; what it was asked is counted."""
    with StubModel(concepts=18) as model:
        settings.LLM_PROVIDER = "openai"
        settings.OPENAI_API_KEY = "stub"
        settings.OPENAI_BASE_URL = model.url
        settings.LINK_CHECKS = False
        asking.provider.cache_clear()
        yield model
        close = getattr(asking.provider(), "close", None)
        if close:
            asyncio.run_coroutine_threadsafe(close(), calling.event_loop()).result(10)
        asking.provider.cache_clear()


@pytest.fixture
def library(settings) -> Iterator[None]:
    settings.LLM_PROVIDER = "library"
    settings.LINK_CHECKS = False
    asking.provider.cache_clear()
    yield
    asking.provider.cache_clear()


@pytest.fixture
def stop_event(monkeypatch):
    """As if this process were a cluster's worker; set it to ask the worker to stop."""
    event = process.SharedEvent()
    monkeypatch.setattr(process.current, "stop_event", event)
    return event


@pytest.fixture
def reviewed(person, stub) -> Roadmap:
    """A roadmap whose outline waits for the person."""
    roadmap = starting.start(owner=person, goal="Learn to test software", level="beginner")
    draining.drain("workflow")
    roadmap.refresh_from_db()
    assert roadmap.state == Roadmap.State.IN_REVIEW, roadmap.notice
    return roadmap
