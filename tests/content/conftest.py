"""What holds around each test of the content and of its API."""

from collections.abc import Iterator

import pytest

from content.api import door


@pytest.fixture(autouse=True)
def _nothing_counted() -> Iterator[None]:
    """A process counts a program's requests in its memory, which the tests share."""
    yield
    door.rates.forget()
