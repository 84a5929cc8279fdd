"""Hours a week and the deadline of a roadmap that is there already."""

from datetime import timedelta

import pytest
from django.utils import timezone

from roadmaps import deciding, log_lines, outline
from roadmaps.models import OutlineRevision, Roadmap
from tests.factories import make_revision, make_roadmap, make_tree, make_written_roadmap

pytestmark = pytest.mark.django_db


@pytest.fixture
def soon():
    return timezone.localdate() + timedelta(days=10)


def test_hours_and_deadline_are_changed_and_the_weeks_follow(soon):
    roadmap = make_written_roadmap(concepts=8, modules=2)

    deciding.change_plan(roadmap.pk, hours_per_week=8, deadline=soon)

    roadmap.refresh_from_db()
    assert (roadmap.hours_per_week, roadmap.deadline, roadmap.hours, roadmap.weeks) == (8, soon, 24, 3)
    assert log_lines._buffer[-1]["message"] == f"deadline={soon}, hours_per_week=8"


def test_the_log_names_wishes_and_keeps_a_persons_words_to_itself():
    roadmap = make_written_roadmap()

    deciding.change_plan(roadmap.pk, motivation="A new job", preference="hands_on", second_language="de")

    assert log_lines._buffer[-1]["message"] == "motivation, preference=hands_on, second_language=de"


def test_what_is_not_named_stays_and_a_deadline_is_taken_away(soon):
    roadmap = make_written_roadmap()
    Roadmap.objects.update(deadline=soon, hours_per_week=3)

    deciding.change_plan(roadmap.pk, hours_per_week=4)
    assert Roadmap.objects.values_list("hours_per_week", "deadline").get() == (4, soon)
    deciding.change_plan(roadmap.pk, deadline=None)
    assert Roadmap.objects.values_list("hours_per_week", "deadline").get() == (4, None)


def test_a_new_deadline_lies_in_the_future_and_one_that_passed_may_stay():
    roadmap = make_written_roadmap()
    today = timezone.localdate()
    Roadmap.objects.update(deadline=today - timedelta(days=3))

    deciding.change_plan(roadmap.pk, deadline=today - timedelta(days=3), hours_per_week=9)
    with pytest.raises(deciding.PastDeadlineError):
        deciding.change_plan(roadmap.pk, deadline=today, hours_per_week=2)

    assert Roadmap.objects.values_list("hours_per_week", "deadline").get() == (9, today - timedelta(days=3))


def test_said_again_it_changes_nothing_and_a_deleted_roadmap_is_refused(soon):
    roadmap = make_written_roadmap()
    changed = deciding.change_plan(roadmap.pk, deadline=soon)
    lines = len(log_lines._buffer)

    assert deciding.change_plan(roadmap.pk, deadline=soon).updated_at == changed.updated_at
    assert len(log_lines._buffer) == lines
    deciding.delete(roadmap.pk)
    with pytest.raises(deciding.RefusedError):
        deciding.change_plan(roadmap.pk, deadline=None)


def test_what_is_designed_meanwhile_takes_the_new_hours():
    """The design's answer is stored under the roadmap's lock, where it reads the roadmap again."""
    roadmap = make_tree(roadmap=make_roadmap(), concepts=4)
    tree = outline.tree_of(make_revision(roadmap=roadmap))

    deciding.change_plan(roadmap.pk, hours_per_week=2)
    outline.revise(Roadmap.objects.get(pk=roadmap.pk), tree, author=OutlineRevision.Author.DESIGN, reason="")

    assert Roadmap.objects.get().weeks == 3
