"""A roadmap without a key: from the bundled library, whole and honest."""

import pytest

from content.models import Quiz, ResourceList, Tutorial
from roadmap_project.llm.reasons import FORM_OF_THE_LIBRARY
from roadmaps import deciding, outline, reshaping, starting
from roadmaps.explaining import EDITED
from roadmaps.models import Feedback, Roadmap
from roadmaps.steps import draining

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("library")]

ORIGIN = "From the bundled library; no model was used."


def made(person, goal, **wishes):
    roadmap = starting.start(owner=person, goal=goal, skips_review=True, **wishes)
    draining.drain("workflow")
    write(roadmap)
    return roadmap


def write(roadmap):
    """A drain takes only so long: a slow machine needs another."""
    for _ in range(20):
        draining.drain("content")
        roadmap.refresh_from_db()
        if not roadmap.is_changing:
            return


@pytest.mark.parametrize(
    ("goal", "title"),
    [
        ("Learn Python programming", "Python"),
        ("Learn SQL for data analysis", "SQL"),
        ("Build a website", "web"),
        ("Understand machine learning", "machine learning"),
    ],
)
def test_a_curated_subject_becomes_a_whole_roadmap(person, goal, title):
    roadmap = made(person, goal, hours_per_week=10)

    assert title.lower() in roadmap.title.lower()
    assert roadmap.state == Roadmap.State.READY, roadmap.notice
    assert roadmap.concepts.count() >= 24
    assert roadmap.origin == ORIGIN
    for model in (Tutorial, ResourceList, Quiz):
        assert set(model.objects.filter(concept__roadmap=roadmap).values_list("origin", flat=True)) == {ORIGIN}
    assert all(each.resources.count() >= 1 for each in ResourceList.objects.filter(concept__roadmap=roadmap))
    assert all(each.questions.count() >= 4 for each in Quiz.objects.filter(concept__roadmap=roadmap))


def test_an_unknown_goal_gets_a_scaffold_that_says_so(person):
    roadmap = made(person, "Build a violin")

    assert roadmap.state == Roadmap.State.READY, roadmap.notice
    assert "Build a violin" in roadmap.title
    assert "no curated subject" in roadmap.rationale.lower()
    lists = ResourceList.objects.filter(concept__roadmap=roadmap)
    assert all(each.resources.count() == 0 and "No links are offered" in each.note for each in lists)
    assert all(each.questions.count() >= 3 for each in Quiz.objects.filter(concept__roadmap=roadmap))
    tutorials = Tutorial.objects.filter(concept__roadmap=roadmap)
    assert tutorials.count() == roadmap.concepts.count()
    assert not any("{{goal}}" in each.markdown + each.title + each.summary for each in tutorials)


def test_a_concept_added_by_hand_gets_its_pieces_which_say_what_they_are(person):
    roadmap = starting.start(owner=person, goal="Learn SQL for data analysis")
    draining.drain("workflow")
    new = reshaping.NewConcept(name="Our sales database", description="Which tables it has, and who may read them.")
    reshaping.add_concept(roadmap.pk, seen_version=1, by=person, module="m-1-1", concept=new)
    deciding.approve(roadmap.pk)
    write(roadmap)

    assert roadmap.state == Roadmap.State.READY, roadmap.notice
    added = roadmap.concepts.get(name="Our sales database")
    for model in (Tutorial, ResourceList, Quiz):
        assert model.objects.get(concept=added).origin == FORM_OF_THE_LIBRARY
        assert model.objects.filter(concept__roadmap=roadmap, origin=ORIGIN).count() == roadmap.concepts.count() - 1
    assert "Which tables it has" in Tutorial.objects.get(concept=added).html
    assert ResourceList.objects.get(concept=added).resources.count() == 0
    assert "knows nothing about this concept" in ResourceList.objects.get(concept=added).note


def test_a_hostile_goal_is_harmless_in_the_scaffolds_pages(person):
    roadmap = made(person, '<script>alert(1)</script> [x](javascript:alert(2)) "{{goal}}"')

    assert roadmap.state == Roadmap.State.READY, roadmap.notice
    html = "".join(Tutorial.objects.filter(concept__roadmap=roadmap).values_list("html", flat=True))
    assert "<script" not in html
    assert 'href="javascript' not in html


def test_prerequisites_are_linked_to_the_roadmaps_own_concepts(person):
    roadmap = made(person, "Learn Python programming")

    concept = roadmap.concepts.filter(prerequisites__isnull=False).distinct().last()
    prerequisite = concept.prerequisites.first()
    html = Tutorial.objects.get(concept=concept).html
    assert f"/{prerequisite.key}/" in html
    assert "concept:" not in html


def test_little_time_means_fewer_concepts_and_the_advanced_skip_the_easy_ones(person):
    whole = made(person, "Learn Python programming", hours_per_week=40)
    little = made(person, "Learn Python programming", hours_per_week=2)
    advanced = made(person, "Learn Python programming", hours_per_week=40, level="advanced")

    assert 8 <= little.concepts.count() < whole.concepts.count()
    assert little.hours <= whole.hours
    assert not advanced.concepts.filter(difficulty="easy").exists()
    assert "Left out" in little.rationale


def test_a_concept_can_be_taken_out_and_put_back_by_name(person):
    roadmap = starting.start(owner=person, goal="Learn Python programming", hours_per_week=40)
    draining.drain("workflow")
    name = roadmap.concepts.filter(unlocks__isnull=True).last().name
    count = roadmap.concepts.count()

    removal = deciding.request_changes(roadmap.pk, text=f"Please remove {name}", author=person)
    draining.drain("workflow")
    removal.refresh_from_db()
    assert removal.state == Feedback.State.DONE, (removal.answer, removal.questions)
    assert roadmap.concepts.count() == count - 1
    assert not roadmap.concepts.filter(name=name).exists()
    roadmap.refresh_from_db()
    *_, edited, _counted, left_out = roadmap.rationale.splitlines()
    assert (edited, name in left_out) == (EDITED, True)

    deciding.request_changes(roadmap.pk, text=f"Please add {name}", author=person)
    draining.drain("workflow")
    assert roadmap.concepts.get(name=name).source
    assert outline.latest(roadmap).number == 3
    roadmap.refresh_from_db()
    assert name not in roadmap.rationale
    assert roadmap.rationale.count(EDITED) == 1


def test_what_is_added_builds_on_what_is_there_of_all_that_it_needs(person):
    roadmap = starting.start(owner=person, goal="Learn SQL in 25 hours", hours_per_week=40)
    draining.drain("workflow")
    assert not roadmap.concepts.filter(name="Subqueries").exists()

    deciding.request_changes(roadmap.pk, text="Add CTEs and views", author=person)
    draining.drain("workflow")

    added = roadmap.concepts.get(name="CTEs and views")
    assert [each.name for each in added.prerequisites.all()] == ["Inner joins"]


def test_a_request_that_the_library_cannot_understand_is_answered_with_a_question(person):
    roadmap = starting.start(owner=person, goal="Learn Python programming")
    draining.drain("workflow")

    feedback = deciding.request_changes(roadmap.pk, text="Make it more poetic", author=person)
    draining.drain("workflow")

    feedback.refresh_from_db()
    assert feedback.state == Feedback.State.QUESTION
    assert "language model" in feedback.questions[0]
