"""What holds around each test of the content and of its API."""

from collections.abc import Iterator

import pytest

from content.api import door
from tests.factories import make_quiz, make_resources, make_tutorial, make_written_roadmap


@pytest.fixture(autouse=True)
def _nothing_counted() -> Iterator[None]:
    """A process counts a program's requests in its memory, which the tests share."""
    yield
    door.rates.forget()


@pytest.fixture
def concept(person):
    """The second of three, with a tutorial, links and a quiz."""
    concept = make_written_roadmap(owner=person).concepts.get(key="c-1-1-2")
    make_tutorial(concept=concept)
    make_resources(concept=concept)
    make_quiz(concept=concept)
    return concept
