"""Log lines from pages: buffered, handed to the logs cluster, inserted in bulk."""

import pytest
from django_q.models import OrmQ

from roadmaps import log_lines, tasks
from roadmaps.models import LogEntry, Roadmap
from tests.factories import make_tree


@pytest.fixture
def roadmap(person):
    log_lines._buffer.clear()
    return Roadmap.objects.create(owner=person, goal="x", token="abcdefgh", slug="x-abcdefgh")


def queued():
    return [task.task for task in OrmQ.objects.filter(key="logs")]


def test_a_line_waits_for_the_end_of_the_request_and_is_then_handed_to_the_logs_cluster(roadmap):
    log_lines.line(roadmap.pk, "outline_approved", "by hand", version=2)
    assert queued() == []

    log_lines.flush()

    (task,) = queued()
    assert task["func"] == "roadmaps.tasks.save_log_lines"
    tasks.save_log_lines(*task["args"])
    entry = LogEntry.objects.get()
    assert (entry.roadmap, entry.event, entry.message, entry.details) == (
        roadmap,
        "outline_approved",
        "by hand",
        {"version": 2},
    )


def test_the_fiftieth_line_does_not_wait(roadmap):
    for number in range(50):
        log_lines.line(roadmap.pk, f"event_{number}")

    (task,) = queued()
    assert len(task["args"][0]) == 50


def test_lines_of_a_roadmap_that_is_gone_take_nobody_along(roadmap):
    log_lines.line(roadmap.pk, "kept")
    log_lines.line(roadmap.pk + 999, "gone")
    log_lines.flush()

    (task,) = queued()
    tasks.save_log_lines(*task["args"])

    assert [entry.event for entry in LogEntry.objects.all()] == ["kept"]


def test_a_line_about_a_concept_that_is_gone_keeps_its_words(roadmap):
    concept = make_tree(roadmap=roadmap, concepts=1).concepts.get()
    log_lines.line(roadmap.pk, "there", concept_id=concept.pk)
    log_lines.line(roadmap.pk, "gone", concept_id=concept.pk + 999)
    log_lines.flush()

    (task,) = queued()
    tasks.save_log_lines(*task["args"])

    assert {entry.event: entry.concept for entry in LogEntry.objects.all()} == {"there": concept, "gone": None}


def test_flushing_nothing_enqueues_nothing(roadmap):
    log_lines.flush()

    assert queued() == []
