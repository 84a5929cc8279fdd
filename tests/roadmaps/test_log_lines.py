"""Log lines from pages: buffered, handed to the logs cluster, inserted in bulk."""

import pytest
import structlog
from django.db import connection, transaction
from django.urls import reverse
from django.utils import timezone
from django_q.models import OrmQ

from roadmaps import deciding, log_lines, tasks
from roadmaps.models import Concept, LogEntry, Roadmap
from tests.engine import deliver, in_thread, wait_until, waiting_for_locks
from tests.factories import make_roadmap_in_review, make_tree, make_written_roadmap


@pytest.fixture
def roadmap(person):
    log_lines._buffer.clear()
    return Roadmap.objects.create(owner=person, goal="x", token="abcdefgh", slug="x-abcdefgh")


def queued():
    return [task.task for task in OrmQ.objects.filter(key="logs")]


def test_a_line_waits_for_the_end_of_the_request_and_is_then_handed_to_the_logs_cluster(roadmap):
    log_lines.line(roadmap, "outline_approved", "by hand", version=2)
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
        log_lines.line(roadmap, f"event_{number}")

    (task,) = queued()
    assert len(task["args"][0]) == 50


def test_B5_lines_that_are_delivered_twice_are_there_once(roadmap):
    for message in ("once", "twice"):
        log_lines.line(roadmap, "annotated", message)
        log_lines.flush()
    first, second = queued()

    deliver(first, first, second, first)

    assert sorted(LogEntry.objects.values_list("message", flat=True)) == ["once", "twice"]


@pytest.mark.django_db(transaction=True)
def test_B5_lines_that_two_workers_insert_at_once_are_there_once(roadmap):
    log_lines.line(roadmap, "annotated")
    lines = list(log_lines._buffer)

    with transaction.atomic():
        log_lines.save(lines)
        other = in_thread(log_lines.save, lines)
        wait_until(lambda: waiting_for_locks() or other.done())
    other.result(10)

    assert LogEntry.objects.count() == 1


def test_lines_of_a_roadmap_that_is_gone_take_nobody_along(roadmap):
    log_lines.line(roadmap, "kept")
    log_lines.line(Roadmap(pk=roadmap.pk + 999, slug="gone"), "gone")
    log_lines.flush()

    (task,) = queued()
    tasks.save_log_lines(*task["args"])

    assert [entry.event for entry in LogEntry.objects.all()] == ["kept"]


def test_a_line_about_a_concept_that_is_gone_keeps_its_words(roadmap):
    concept = make_tree(roadmap=roadmap, concepts=1).concepts.get()
    log_lines.line(roadmap, "there", concept=concept)
    log_lines.line(roadmap, "gone", concept=Concept(pk=concept.pk + 999, key="c-9-9-9"))
    log_lines.flush()

    (task,) = queued()
    tasks.save_log_lines(*task["args"])

    assert {entry.event: entry.concept for entry in LogEntry.objects.all()} == {"there": concept, "gone": None}


@pytest.mark.parametrize(
    "bad",
    [
        {"event": "x" * 1000},
        {"message": "a NUL \x00"},
        {"message": "half a pair \ud800"},
        {"details": {"score": float("nan")}},
        {"details": {"when": object()}},
        {"level": None},
    ],
    ids=["too long", "NUL", "surrogate", "no number", "no JSON", "no level"],
)
def test_E3_a_line_that_cannot_be_saved_takes_no_other_along_and_is_counted(roadmap, bad):
    good = {
        "roadmap_id": roadmap.pk,
        "event": "good",
        "message": "",
        "level": "info",
        "details": {},
        "happened_at": timezone.now().isoformat(),
    }

    log_lines.save([good, {**good, **bad}, good, {**good, **bad}])

    assert LogEntry.objects.filter(event="good").count() == 2
    lost = LogEntry.objects.exclude(event="good").get()
    assert (lost.event, lost.level, lost.details) == ("log_lines_lost", "error", {"count": 2})


def test_E3_what_the_queue_does_not_take_is_counted_and_fails_nothing(roadmap):
    log_lines.line(roadmap, "one")
    log_lines.line(roadmap, "two")
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE django_q_ormq RENAME TO away")

    with structlog.testing.capture_logs() as said, transaction.atomic():
        log_lines.flush()
        transaction.set_rollback(True)

    assert [(each["event"], each["count"]) for each in said] == [("log_lines_lost", 2)]


def test_E1_what_a_page_did_is_handed_on_when_its_request_ends(client, person):
    roadmap = make_roadmap_in_review(owner=person)
    client.force_login(person)

    client.post(reverse("roadmaps:approve", args=[roadmap.slug]))  # and nothing happens after it

    (task,) = queued()
    tasks.save_log_lines(*task["args"])
    assert [entry.event for entry in LogEntry.objects.filter(roadmap=roadmap)] == ["outline_approved"]


def test_B4_a_second_click_writes_no_second_line(person):
    roadmap = make_roadmap_in_review(owner=person)
    log_lines._buffer.clear()

    for decide in (
        deciding.approve,
        deciding.approve,
        deciding.cancel,
        deciding.cancel,
        deciding.retry,
        deciding.retry,
    ):
        decide(roadmap.pk)

    assert [line["event"] for line in log_lines._buffer] == ["outline_approved", "roadmap_cancelled", "roadmap_retried"]


def test_flushing_nothing_enqueues_nothing(roadmap):
    log_lines.flush()

    assert queued() == []


def test_what_a_person_decides_is_noted_with_the_request_and_by_the_ids_that_people_see(client, person):
    roadmap = make_written_roadmap(owner=person)
    client.force_login(person)
    address = reverse("content:regenerate", args=[roadmap.slug, "c-1-1-1", "quiz"])

    with structlog.testing.capture_logs() as said:
        client.post(address, headers={"X-Request-ID": "asked-by-a-test"})

    (task,) = queued()
    tasks.save_log_lines(*task["args"])
    assert LogEntry.objects.get(event="piece_regenerated").details["request_id"] == "asked-by-a-test"
    [line] = [each for each in said if each["event"] == "piece_regenerated"]
    assert (line["roadmap"], line["concept"]) == (roadmap.slug, f"{roadmap.slug}:c-1-1-1")
