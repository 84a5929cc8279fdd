"""Why an outline is as it is: what its design said is of the first version, and what is there now is counted."""

import pytest
from django.urls import reverse
from django.utils import translation

from roadmap_project.library import explaining, sentences
from roadmap_project.library.subjects import subject
from roadmap_project.llm.library import ANSWERS
from roadmap_project.told import says, told_by_line
from roadmaps import outline, reshaping
from roadmaps.answers import LIBRARY_LIMITS, Outline
from roadmaps.explaining import EDITED, renewed
from roadmaps.models import OutlineRevision
from roadmaps.reshaping import NewConcept
from tests.factories import make_roadmap, make_roadmap_in_review
from tests.roadmaps.test_pages import text_of

GOAL = "Learn SQL for data analysis"
WISHES = {"goal": GOAL, "level": "beginner", "hours_per_week": 2, "weeks": None}


def designed(**wishes) -> Outline:
    return Outline.model_validate(ANSWERS["outline"]({**WISHES, **wishes}), context={"outline": LIBRARY_LIMITS})


@pytest.fixture
def roadmap(person):
    """From the library, with little time: not all of the subject is in it."""
    first = designed()
    roadmap = make_roadmap(owner=person, goal=GOAL, state="in_review", rationale=first.rationale)
    outline.revise(roadmap, first, author=OutlineRevision.Author.DESIGN, reason="")
    return roadmap


def left_out(rationale: str) -> list[str]:
    """The names of every list of what is left out."""
    lists = [line for line in rationale.splitlines() if says(line, sentences.LEFT_OUT)]
    return [name for line in lists for name in line.removeprefix("Left out: ").removesuffix(".").split(", ")]


@pytest.mark.django_db
def test_what_is_left_out_follows_every_change_of_what_is_there(roadmap, person):
    begun, at_first = roadmap.rationale, left_out(roadmap.rationale)
    last = roadmap.concepts.last()

    def now(verb, **wishes) -> str:
        verb(roadmap.pk, by=person, seen_version=outline.latest(roadmap).number, **wishes)
        roadmap.refresh_from_db()
        return roadmap.rationale

    removed = now(reshaping.remove, part=last.key)
    described = "Which tables it has, and who may read them."
    added = now(reshaping.add_concept, module="m-1-1", concept=NewConcept("Our database", described))
    restored = now(reshaping.restore, version=1)

    each = subject("sql-databases")
    kept = len(each.order) - len(at_first)
    assert at_first
    assert set(left_out(removed)) == {*at_first, last.name}
    assert f"{kept - 1} of the subject's {len(each.order)} concepts are included.\n" in removed
    assert f"{kept - 1} of the subject's {len(each.order)} concepts are included. About the other 1" in added
    assert left_out(restored) == at_first
    for told in (removed, added, restored):
        assert told.splitlines()[:2] == begun.splitlines()[:2]
        assert told.splitlines()[2] == EDITED
        assert len(told.splitlines()) == 5


@pytest.mark.django_db
def test_what_a_model_said_stays_in_its_words_and_is_of_the_first_version(person, client):
    roadmap = make_roadmap_in_review(owner=person)
    said = "Tables come first.\n\nLeft out: opinions."
    type(roadmap).objects.filter(pk=roadmap.pk).update(rationale=said)

    for number in (1, 2):
        reshaping.change_stage(roadmap.pk, by=person, seen_version=number, stage="s-1", name=f"Begin {number}")

    roadmap.refresh_from_db()
    assert roadmap.rationale == f"{said}\n{EDITED}"
    client.force_login(person)
    page = text_of(client.get(reverse("roadmaps:roadmap", args=[roadmap.slug])))
    assert "Left out: opinions. That is how the first version was designed." in page


def test_where_a_design_said_nothing_nothing_is_said_of_it():
    assert renewed("", designed()) == ""


@pytest.mark.django_db
@pytest.mark.parametrize("goal", ["Build a violin", GOAL])
def test_of_a_form_and_of_a_subject_that_is_gone_nothing_is_counted(goal):
    tree = designed(goal=goal)
    for concept in tree.concepts():
        concept.source = concept.source.replace("sql-databases", "gone")

    assert renewed("Because.", tree) == f"Because.\n{EDITED}"


@pytest.mark.django_db
@pytest.mark.parametrize("goal", ["Build a violin in 2 hours", "Learn SQL in 6 hours"])
def test_that_it_takes_more_hours_than_the_goal_names_is_of_the_first_version_alone(goal):
    first = designed(goal=goal)
    assert "The outline takes" in first.rationale

    assert "The outline takes" not in renewed(first.rationale, first)


@pytest.mark.django_db
def test_what_is_said_since_is_told_in_the_readers_language():
    with translation.override("zh-hans"):
        _, edited, counted, without = told_by_line(renewed("Because.", designed())).splitlines()

    assert edited == "以上说的是最初版本的设计。此后大纲有过改动。"
    assert counted.startswith("包含了该学科")
    assert without.startswith("去掉：")


def test_a_subject_with_many_long_names_does_not_make_it_longer_than_an_answer_may_be(monkeypatch):
    monkeypatch.setattr(explaining, "LONGEST", 90)

    [line] = explaining.left_out(subject("sql-databases"), ())

    assert 60 < len(line) < 90 + len(sentences.LEFT_OUT)
    assert line.endswith(", ….")
