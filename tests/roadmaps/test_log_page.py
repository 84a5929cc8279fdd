"""The execution log as a timeline: what narrows it, and what its lines say."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from roadmaps import reading
from roadmaps.models import Roadmap
from tests.factories import make_log_entry, make_user, make_written_roadmap

pytestmark = pytest.mark.django_db


@pytest.fixture
def roadmap(person) -> Roadmap:
    """With six lines, the latest first: e, d, c, b, a and another roadmap's."""
    roadmap = make_written_roadmap(owner=person, concepts=2)
    first, second = roadmap.concepts.order_by("position")
    now = timezone.now()
    for number, (event, fields) in enumerate(
        {
            "a": {"step_kind": "design", "details": {"seconds": 8.0}},
            "b": {"step_kind": "tutorial", "concept": first, "details": {"seconds": 2}},
            "c": {"step_kind": "tutorial", "concept": second, "level": "warning", "details": {"next": "tried again"}},
            "d": {"step_kind": "quiz", "concept": second, "level": "error", "message": "HTTP <401>"},
            "e": {"details": {"seconds": "soon"}},
        }.items()
    ):
        make_log_entry(roadmap=roadmap, event=event, happened_at=now + timedelta(seconds=number), **fields)
    make_log_entry(roadmap=make_written_roadmap(concepts=1), event="another's")
    return roadmap


@pytest.mark.parametrize(
    ("chosen", "events"),
    [
        ({}, "edcba"),
        ({"level": "info"}, "edcba"),
        ({"level": "warning"}, "dc"),
        ({"level": "error"}, "d"),
        ({"step": "tutorial"}, "cb"),
        ({"concept": "c-1-1-2"}, "dc"),
        ({"concept": "c-1-1-2", "step": "tutorial", "level": "warning"}, "c"),
        ({"level": "fatal"}, ""),
        ({"concept": "c-9-9-9"}, ""),
    ],
)
def test_the_log_is_narrowed_by_level_step_and_concept(roadmap, django_assert_max_num_queries, chosen, events):
    with django_assert_max_num_queries(1):
        lines = [(line.event, line.concept and line.concept.key) for line in reading.log_of(roadmap, **chosen)]

    assert "".join(event for event, _ in lines) == events


def test_a_lines_time_is_shown_beside_the_longest_of_those_that_are_shown(roadmap):
    lines = reading.timeline(reading.log_of(roadmap))

    assert {line.entry.event: (line.entry.seconds, line.share) for line in lines} == {
        "a": (8.0, 100), "b": (2.0, 25), "c": (None, 0), "d": (None, 0), "e": (None, 0),
    }  # fmt: skip


def test_the_page_says_step_duration_level_message_and_what_follows(client, person, roadmap):
    client.force_login(person)

    html = client.get(reverse("roadmaps:log", args=[roadmap.slug])).content.decode()

    text = " ".join(re.sub(r"<[^>]+>", " ", html).split())
    assert "a Design the outline 8.0 s" in text
    assert "Warning c-1-1-2 Next: tried again." in text
    assert "HTTP &lt;401&gt;" in html
    assert "another&#x27;s" not in html


def test_the_page_is_narrowed_by_its_form_which_keeps_what_was_chosen_and_takes_no_nonsense(client, person, roadmap):
    client.force_login(person)
    address = reverse("roadmaps:log", args=[roadmap.slug])

    def shown(**chosen):
        return [line.entry.event for line in client.get(address, chosen).context["lines"]]

    assert shown(level="error") == ["d"]
    assert shown(concept="c-1-1-1") == ["b"]
    assert shown(level="nonsense", step="\x00", concept="c-9-9-9", page="x") == list("edcba")
    assert '<option value="error" selected>' in client.get(address, {"level": "error"}).content.decode()
    assert "No line fits." in client.get(address, {"level": "error", "step": "design"}).content.decode()


def test_pages_of_a_narrowed_log_stay_narrowed(client, person, roadmap, monkeypatch):
    monkeypatch.setattr("roadmaps.views.LOG_LINES_PER_PAGE", 1)
    client.force_login(person)

    html = client.get(reverse("roadmaps:log", args=[roadmap.slug]), {"level": "warning"}).content.decode()

    assert 'href="?level=warning&amp;page=2"' in html


def test_the_log_is_the_owners_alone(client, roadmap):
    client.force_login(make_user())

    assert client.get(reverse("roadmaps:log", args=[roadmap.slug])).status_code == 404
