"""Which PostgreSQL do the tests of this process use?

Each of pytest-xdist's workers has a private server of its own: tests count a server's connections, change its
roles and settings. A DATABASE_URL of the environment beats it and is shared.
"""

import contextlib
import os
from collections.abc import Generator
from pathlib import Path

import pytest

from roadmap_project.dev_database import serving

PROJECT = Path(__file__).resolve().parent.parent


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    """Before pytest-django reads the settings."""
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker or not early_config.known_args_namespace.numprocesses:  # else it only hands tests to workers
        server = contextlib.ExitStack()
        early_config.add_cleanup(server.close)
        os.environ["DATABASE_URL"] = server.enter_context(serving(PROJECT, f"test-{worker}" if worker else "test"))
    yield


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long ones first, so that no worker begins them when the others are done."""
    items.sort(key=lambda item: item.get_closest_marker("system") is None)
