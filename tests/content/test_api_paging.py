"""A program reads a list to its end, page by page, whatever happens to the list meanwhile."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from content.models import QuizAttempt
from roadmaps.models import LogEntry, Roadmap
from tests.factories import (
    make_log_entry,
    make_quiz,
    make_revision,
    make_roadmap,
    make_tutorial,
    make_written_roadmap,
)
from tests.programs import Program

pytestmark = pytest.mark.django_db

MOMENT = timezone.now()


@pytest.fixture
def program(person) -> Program:
    return Program(person)


@pytest.fixture
def roadmap(person) -> Roadmap:
    return make_written_roadmap(owner=person)


def pages(program: Program, address: str) -> Iterator[dict[str, Any]]:
    """One after the other, as their `next` leads."""
    mark = "&" if "?" in address else "?"
    page = program("get", address).json()
    yield page
    while page["next"]:
        page = program("get", f"{address}{mark}after={page['next']}").json()
        yield page


def make_lists(roadmap: Roadmap) -> dict[str, str]:
    """Every list with five items and the name of what tells them apart; one moment for all, as far as there is any."""
    concept = roadmap.concepts.first()
    quiz = make_quiz(concept=concept)
    for number in range(1, 6):
        make_tutorial(concept=concept, version=number)
        make_log_entry(roadmap=roadmap, message=f"{number}", happened_at=MOMENT)
        QuizAttempt.objects.create(quiz=quiz, user=roadmap.owner, answers={}, right=1, total=3)
        make_roadmap(owner=roadmap.owner, deleted_at=MOMENT)
    for number in range(2, 6):
        make_revision(roadmap=roadmap, number=number)
        make_roadmap(owner=roadmap.owner)
    Roadmap.objects.update(created_at=MOMENT)
    own = f"roadmaps/{roadmap.slug}"
    return {
        "roadmaps": "slug",
        "roadmaps/deleted": "slug",
        f"{own}/outlines": "number",
        f"{own}/log": "message",
        f"{own}/concepts/{concept.key}/attempts": "id",
        f"{own}/concepts/{concept.key}/pieces/tutorial/versions": "version",
    }


def test_every_list_is_read_to_its_end_with_the_same_queries_on_every_page(program, roadmap):
    for address, name in make_lists(roadmap).items():
        whole = [each[name] for each in program("get", address).json()["items"]]
        walk, costs, found = pages(program, f"{address}?per_page=2"), [], []
        while True:
            with CaptureQueriesContext(connection) as captured:
                page = next(walk, None)
            if page is None:
                break
            costs.append(len(captured))
            found.append([each[name] for each in page["items"]])

        assert len(set(whole)) == 5, address
        assert found == [whole[:2], whole[2:4], whole[4:]], address
        assert costs[0] == costs[1] == costs[2] <= 4, address


def test_what_comes_in_and_goes_shifts_nothing(program, person):
    made = [make_roadmap(owner=person, title=f"Number {number}") for number in range(5)]
    walk = pages(program, "roadmaps?per_page=2")

    first = next(walk)
    make_roadmap(owner=person, title="New")
    Roadmap.objects.filter(pk=made[3].pk).update(deleted_at=timezone.now())  # where the second page goes on
    rest = [each["title"] for page in walk for each in page["items"]]

    assert [each["title"] for each in first["items"]] == ["Number 4", "Number 3"]
    assert rest == ["Number 2", "Number 1", "Number 0"]


def test_lines_of_the_log_are_paged_as_they_are_chosen(program, roadmap):
    for number in range(6):
        level = "error" if number % 2 else "info"
        make_log_entry(roadmap=roadmap, message=f"{number}", level=level, happened_at=MOMENT - timedelta(hours=number))

    found = [page["items"] for page in pages(program, f"roadmaps/{roadmap.slug}/log?level=error&per_page=2")]

    assert [[each["message"] for each in page] for page in found] == [["1", "3"], ["5"]]


def test_a_place_that_no_page_gave_is_refused(program, roadmap):
    lists = list(make_lists(roadmap))
    of_another_list = program("get", f"{lists[1]}?per_page=1").json()["next"]
    of_nobody = of_another_list[:-1] + ("a" if of_another_list[-1] != "a" else "b")

    for after in (of_another_list, of_nobody, "7", "~", "x" * 301, ""):
        refused = program("get", f"roadmaps?after={after}")
        assert (refused.status_code, refused.json()["error"]["field"]) == (422, "after"), after
    for query in ("page=2", "per_page=101", "per_page=0", "per_page=x"):
        refused = program("get", f"roadmaps?{query}")
        assert (refused.status_code, refused.json()["error"]["field"]) == (422, query.partition("=")[0])


def test_far_into_a_long_log_a_page_reads_none_of_the_lines_before_it(program, roadmap):
    """Of 10,000, by the index; by some plans those of three pages."""
    LogEntry.objects.bulk_create(
        LogEntry(roadmap=roadmap, event="e", happened_at=MOMENT - timedelta(seconds=number)) for number in range(10_000)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE roadmaps_logentry")
    address = f"roadmaps/{roadmap.slug}/log?per_page=100"
    walk = pages(program, address)
    for _ in range(20):
        next(walk)

    with CaptureQueriesContext(connection) as captured:
        page = next(walk)

    (asked,) = [each["sql"] for each in captured if '"happened_at" <=' in each["sql"]]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON, TIMING OFF) {asked}")
        plan = cursor.fetchone()[0][0]["Plan"]
    assert len(page["items"]) == 100
    assert most_read(plan) <= 500


def most_read(plan: dict[str, Any]) -> int:
    """The most rows that any part of the plan looked at."""
    own = plan["Actual Rows"] * plan["Actual Loops"] + plan.get("Rows Removed by Filter", 0)
    return int(max([own, *(most_read(each) for each in plan.get("Plans", []))]))
