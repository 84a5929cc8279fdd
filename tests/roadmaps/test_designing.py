"""From a goal to an outline that waits for the person, and back when they ask for changes."""

import functools
import uuid

import pytest
from django.contrib.auth import get_user_model
from django.db import IntegrityError, transaction
from django.test import Client

from roadmaps import deciding, outline, reshaping, starting
from roadmaps.deciding import RefusedError
from roadmaps.models import Feedback, LogEntry, ModelCall, OutlineReview, OutlineRevision, Roadmap, Step
from roadmaps.steps import draining
from tests.engine import in_thread, wait_until, waiting_for_locks
from tests.factories import make_roadmap, make_step

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_goal_becomes_a_reviewed_outline(reviewed):
    revision = outline.latest(reviewed)

    assert reviewed.slug.endswith(f"-{reviewed.token}")
    assert reviewed.concepts.count() == len(outline.tree_of(revision).concepts()) >= 18
    assert reviewed.weeks * reviewed.hours_per_week >= reviewed.hours > 0
    assert revision.review.is_reviewed
    assert set(revision.review.scores) == {
        "knowledge_completeness",
        "knowledge_progression",
        "stage_coherence",
        "module_clarity",
        "user_alignment",
    }
    assert ModelCall.objects.filter(roadmap=reviewed, outcome="ok").count() == 3
    assert LogEntry.objects.filter(roadmap=reviewed, event="outline_designed").exists()


def test_the_overall_score_is_weighted_less_points_for_issues(reviewed):
    review = outline.latest(reviewed).review
    weights = {
        "knowledge_completeness": 0.30,
        "knowledge_progression": 0.25,
        "stage_coherence": 0.20,
        "module_clarity": 0.15,
        "user_alignment": 0.10,
    }

    weighted = sum(weights[name] * score["score"] for name, score in review.scores.items())
    warnings = [issue for issue in review.issues if issue["severity"] == "warning"]
    assert review.overall == pytest.approx(weighted - 5 * len(warnings))
    assert review.passes


def test_a_double_click_on_start_gives_one_roadmap(person, stub):
    key = uuid.uuid4()

    first = starting.start(owner=person, goal="Learn chess", request_key=key)
    second = starting.start(owner=person, goal="Learn chess", request_key=key)

    assert first == second
    assert Step.objects.count() == 1


def test_B4_the_same_form_that_is_sent_twice_at_once_gives_one_roadmap(person, stub):
    key = uuid.uuid4()
    start = functools.partial(starting.start, owner=person, goal="Learn chess", request_key=key)

    with transaction.atomic():
        get_user_model().objects.select_for_update().get(pk=person.pk)
        starts = [in_thread(start) for _ in "ab"]
        wait_until(lambda: waiting_for_locks() == 2, 30)

    assert [each.result(20) for each in starts] == [Roadmap.objects.get()] * 2
    assert Step.objects.count() == 1
    with pytest.raises(IntegrityError, match="roadmap_once_per_request"):
        make_roadmap(owner=person, request_key=key)


@pytest.mark.parametrize("goal", ["", "   ", "\x00", "\u200b\u2060\ufeff\u3164", "x" * 10_000])
def test_an_unusable_goal_is_refused_with_a_reason(person, goal):
    with pytest.raises(RefusedError, match=r"what you want to learn|at most 1,000 characters"):
        starting.start(owner=person, goal=goal)

    assert not Roadmap.objects.exists()


def test_more_than_the_allowed_roadmaps_at_once_are_refused(person, stub, settings):
    settings.MAX_ACTIVE_ROADMAPS = 1
    starting.start(owner=person, goal="Learn chess")

    with pytest.raises(RefusedError, match="1 of your roadmaps"):
        starting.start(owner=person, goal="Learn go")


def test_critical_issues_are_edited_automatically_at_most_three_times(person, stub):
    stub.faults([{"purpose": "review", "fault": "critical"}])

    roadmap = starting.start(owner=person, goal="Learn to test software")
    draining.drain("workflow")

    roadmap.refresh_from_db()
    assert roadmap.state == Roadmap.State.IN_REVIEW
    assert roadmap.revisions.filter(author=OutlineRevision.Author.AUTOMATIC_EDIT).count() == 3
    assert not outline.latest(roadmap).review.passes


def test_an_edit_that_mends_the_outline_ends_the_rounds(person, stub):
    roadmap = starting.start(owner=person, goal="Learn about FLAWED outlines")
    draining.drain("workflow")

    assert roadmap.revisions.filter(author=OutlineRevision.Author.AUTOMATIC_EDIT).count() == 1
    assert outline.latest(roadmap).review.passes


def test_F2_a_failed_review_is_not_a_review(person, stub):
    stub.faults([{"purpose": "review", "fault": "unauthorized"}])

    roadmap = starting.start(owner=person, goal="Learn to test software")
    draining.drain("workflow")

    roadmap.refresh_from_db()
    review = outline.latest(roadmap).review
    assert roadmap.state == Roadmap.State.IN_REVIEW
    assert (review.is_reviewed, review.overall) == (False, None)
    assert "not reviewed" in roadmap.notice


def test_a_refused_key_fails_the_roadmap_with_the_providers_words(person, stub):
    stub.faults([{"purpose": "goal_analysis", "fault": "unauthorized"}])

    roadmap = starting.start(owner=person, goal="Learn to test software")
    draining.drain("workflow")

    roadmap.refresh_from_db()
    assert roadmap.state == Roadmap.State.FAILED
    assert "401" in roadmap.notice
    assert ModelCall.objects.get(roadmap=roadmap).outcome == "http_401"


def test_D5_retry_after_failure_starts_with_a_clean_slate(person, stub):
    stub.faults([{"purpose": "goal_analysis", "fault": "unauthorized", "times": 1}])
    roadmap = starting.start(owner=person, goal="Learn to test software")
    draining.drain("workflow")

    deciding.retry(roadmap.pk)

    step = roadmap.steps.get()
    roadmap.refresh_from_db()
    assert (step.state, step.attempts, step.last_error, step.finished_at) == ("waiting", 0, "", None)
    assert (roadmap.state, roadmap.notice) == ("designing", "")
    draining.drain("workflow")
    roadmap.refresh_from_db()
    assert roadmap.state == Roadmap.State.IN_REVIEW


def test_a_person_asks_for_changes_and_sees_what_changed(reviewed, person):
    feedback = deciding.request_changes(reviewed.pk, text="More practice, please", author=person)
    draining.drain("workflow")

    feedback.refresh_from_db()
    reviewed.refresh_from_db()
    revision = outline.latest(reviewed)
    assert (feedback.state, reviewed.state) == (Feedback.State.DONE, Roadmap.State.IN_REVIEW)
    assert (revision.number, revision.author) == (2, OutlineRevision.Author.REQUESTED_EDIT)
    assert revision.changes["changed"]
    assert revision.review.is_reviewed


def test_an_unclear_request_is_answered_with_questions(reviewed, person):
    feedback = deciding.request_changes(reviewed.pk, text="UNCLEAR", author=person)
    draining.drain("workflow")

    feedback.refresh_from_db()
    reviewed.refresh_from_db()
    assert feedback.state == Feedback.State.QUESTION
    assert feedback.questions
    assert reviewed.state == Roadmap.State.IN_REVIEW
    assert reviewed.revisions.count() == 1


@pytest.mark.parametrize("text", ["  ", "\u200b", "\u200d \x00\u2800"])
def test_F4_changes_without_words_are_refused(reviewed, person, text):
    with pytest.raises(RefusedError, match="what should change"):
        deciding.request_changes(reviewed.pk, text=text, author=person)


def test_B4_a_double_click_on_request_changes_gives_one_request(reviewed, person):
    first = deciding.request_changes(reviewed.pk, text="Shorter", author=person)
    second = deciding.request_changes(reviewed.pk, text="Shorter", author=person)

    assert first == second
    assert reviewed.steps.filter(kind=Step.Kind.PLAN).count() == 1


def test_F5_a_request_after_three_automatic_rounds_has_its_own(person, stub):
    stub.faults([{"purpose": "review", "fault": "critical", "times": 4}])
    roadmap = starting.start(owner=person, goal="Learn to test software")
    draining.drain("workflow")

    feedback = deciding.request_changes(roadmap.pk, text="Shorter", author=person)
    draining.drain("workflow")

    feedback.refresh_from_db()
    assert feedback.state == Feedback.State.DONE
    assert outline.latest(roadmap).number == 5


def test_an_edit_that_fails_leaves_the_version_before_it(reviewed, person, stub):
    stub.faults([{"purpose": "edited_outline", "fault": "empty"}])

    feedback = deciding.request_changes(reviewed.pk, text="Shorter", author=person)
    draining.drain("workflow")

    feedback.refresh_from_db()
    reviewed.refresh_from_db()
    assert feedback.state == Feedback.State.FAILED
    assert reviewed.state == Roadmap.State.IN_REVIEW
    assert "could not be changed" in reviewed.notice
    assert reviewed.revisions.count() == 1


def test_skipping_the_review_goes_on_to_writing(person, stub):
    roadmap = starting.start(owner=person, goal="Learn to test software", skips_review=True)
    draining.drain("workflow")

    roadmap.refresh_from_db()
    assert roadmap.state == Roadmap.State.WRITING
    assert roadmap.steps.content().count() == 3 * roadmap.concepts.count()


def test_a_kept_concept_keeps_its_row_through_an_edit(reviewed, person):
    before = dict(reviewed.concepts.values_list("key", "pk"))

    deciding.request_changes(reviewed.pk, text="More practice, please", author=person)
    draining.drain("workflow")

    after = dict(reviewed.concepts.values_list("key", "pk"))
    assert {key: pk for key, pk in after.items() if key in before} == {
        key: before[key] for key in after if key in before
    }
    assert set(reviewed.concepts.values_list("position", flat=True)) == set(range(len(after)))


def test_C9_a_removed_concept_is_gone_from_every_total(reviewed):
    tree = outline.tree_of(outline.latest(reviewed))
    removed = tree.stages[-1].modules[-1].concepts.pop()
    hours = reviewed.hours

    with transaction.atomic():
        outline.revise(Roadmap.objects.locked(reviewed.pk), tree, author=OutlineRevision.Author.HAND, reason="")

    reviewed.refresh_from_db()
    assert not reviewed.concepts.filter(key=removed.key).exists()
    assert reviewed.hours == pytest.approx(hours - removed.hours)
    assert outline.latest(reviewed).changes["removed"] == [removed.key]


def edited_by_hand(roadmap, person):
    latest = outline.latest(roadmap).number
    reshaping.change_stage(roadmap.pk, seen_version=latest, by=person, stage="s-1", name=f"Renamed after {latest}")


def test_what_was_edited_by_hand_is_reviewed_when_asked_for(reviewed, person):
    edited_by_hand(reviewed, person)
    assert "Not reviewed since your edits" in page_of(reviewed, person)

    deciding.request_review(reviewed.pk)
    deciding.request_review(reviewed.pk)  # a double click

    reviewed.refresh_from_db()
    assert reviewed.state == Roadmap.State.DESIGNING
    assert reviewed.steps.filter(kind=Step.Kind.REVIEW).count() == 2
    assert not OutlineReview.objects.filter(revision=outline.latest(reviewed)).exists()
    draining.drain("workflow")
    reviewed.refresh_from_db()
    assert reviewed.state == Roadmap.State.IN_REVIEW
    assert outline.latest(reviewed).review.is_reviewed
    assert "Automatic review:" in page_of(reviewed, person)
    with pytest.raises(RefusedError, match="reviewed already"):
        deciding.request_review(reviewed.pk)


def page_of(roadmap, person) -> str:
    client = Client()
    client.force_login(person)
    return client.get(roadmap.get_absolute_url()).content.decode()


def test_a_review_that_was_asked_for_decides_nothing(reviewed, person, stub):
    edited_by_hand(reviewed, person)
    Roadmap.objects.filter(pk=reviewed.pk).update(skips_review=True)
    deciding.request_review(reviewed.pk)
    draining.drain("workflow")

    reviewed.refresh_from_db()
    assert reviewed.state == Roadmap.State.IN_REVIEW
    assert not reviewed.steps.content().exists()


def test_a_review_that_was_asked_for_and_finds_something_critical_edits_nothing(reviewed, person, stub):
    edited_by_hand(reviewed, person)
    stub.faults([{"purpose": "review", "fault": "critical"}])
    deciding.request_review(reviewed.pk)
    draining.drain("workflow")

    reviewed.refresh_from_db()
    latest = outline.latest(reviewed)
    assert (reviewed.state, latest.number, latest.review.passes) == (Roadmap.State.IN_REVIEW, 2, False)


def test_a_failed_review_is_tried_again_when_asked_for(reviewed):
    OutlineReview.objects.all().delete()
    OutlineReview.objects.create(revision=outline.latest(reviewed), is_reviewed=False, failure="HTTP 401")

    deciding.request_review(reviewed.pk)
    draining.drain("workflow")

    review = OutlineReview.objects.get(revision=outline.latest(reviewed))
    assert (review.is_reviewed, review.failure) == (True, "")


def test_reviews_are_not_asked_for_endlessly(reviewed, person):
    edited_by_hand(reviewed, person)
    payload = {"revision": 1, "round": 0, "is_asked_for": True}
    for _ in range(deciding.MOST_REQUESTED_REVIEWS):
        make_step(roadmap=reviewed, kind=Step.Kind.REVIEW, state=Step.State.DONE, payload=payload)

    with pytest.raises(RefusedError, match="which is the most"):
        deciding.request_review(reviewed.pk)


@pytest.mark.parametrize("state", [Roadmap.State.WRITING, Roadmap.State.CANCELLED, Roadmap.State.DESIGNING])
def test_only_what_waits_for_the_person_is_reviewed_for_them(reviewed, state):
    reviewed.move(state)

    with pytest.raises(RefusedError, match="only while"):
        deciding.request_review(reviewed.pk)
