"""Editing an outline by hand on its page, with and without a script, and its versions."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from roadmaps import deciding, reshaping
from roadmaps.models import Feedback, OutlineRevision, Roadmap, Step
from roadmaps.steps import draining, kinds
from tests.factories import make_feedback, make_revision, make_roadmap_in_review, make_written_roadmap

pytestmark = pytest.mark.django_db

SCRIPT = {"HX-Request": "true"}
CONCEPT = {"name": "Joins", "description": "Two tables.", "hours": "2", "difficulty": "easy", "module": "m-1-1"}


@pytest.fixture
def roadmap(person) -> Roadmap:
    return make_roadmap_in_review(owner=person, stages=2, modules=2, concepts=2)


def address(name: str, roadmap: Roadmap) -> str:
    return reverse(f"roadmaps:{name}", args=[roadmap.slug])


def text_of(response) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def post(visitor, view: str, roadmap: Roadmap, /, *, script: bool = False, seen_version: int = 1, **typed):
    data = {"seen_version": seen_version, **typed}
    return visitor.post(address(view, roadmap), data, headers=SCRIPT if script else {})


def focused(response) -> str:
    """The id of the control that has the focus when the page is there."""
    found = re.findall(r"<\w+[^>]* autofocus[^>]*>", response.content.decode())
    assert len(found) == 1
    return re.search(r' id="([^"]+)"', found[0])[1]


# A stored outline that breaks rules is opened all the same


def break_it(roadmap: Roadmap, **changes) -> None:
    """In the stored tree, as older rules, a hand in the database or a file may have left it: its second concept."""
    revision = roadmap.revisions.get()
    concept = revision.tree["stages"][0]["modules"][0]["concepts"][1]
    for name, value in changes.items():
        concept[name] = value
    revision.save()


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"keywords": ["one"]}, ""),
        ({"keywords": None, "source": 7}, ""),
        ({"difficulty": "odd"}, ""),
        ({"key": "c-1-1-1", "hours": "many"}, ""),
        ({"hours": 7}, "“Concept 2”: Easy means 0.5 to 2 hours; this says 7."),
        ({"prerequisites": ["c-9-9-9"]}, "“Concept 2” builds on something that is not there"),
        ({"prerequisites": ["c-2-2-2"]}, "“Concept 2” builds on “Concept 8”, so “Concept 8” has to come before it."),
        ({"description": ""}, "“Concept 2” does not say what it is about."),
        ({"name": None}, "A part of this outline has no name."),
    ],
)
def test_a_stored_outline_that_breaks_a_rule_is_opened_and_says_what_is_to_be_mended(visitor, roadmap, broken, said):
    break_it(roadmap, **broken)

    page = visitor.get(address("edit", roadmap))

    assert page.status_code == 200
    assert ("To be mended" in text_of(page)) == bool(said)
    assert said in text_of(page)
    assert visitor.get(address("versions", roadmap)).status_code == 200
    assert visitor.get(roadmap.get_absolute_url()).status_code == 200
    post(visitor, "change_part", roadmap, part="s-2", name="Renamed", description="Elsewhere.")
    assert roadmap.revisions.count() == 2


@pytest.mark.parametrize("tree", [{}, [], {"stages": "none"}, {"title": "Title", "stages": [{"modules": [{}]}, 3]}])
def test_even_a_tree_of_another_shape_is_opened(visitor, roadmap, tree):
    roadmap.revisions.update(tree=tree)

    assert visitor.get(address("edit", roadmap)).status_code == 200


def test_what_is_broken_is_mended_and_not_made_worse(visitor, roadmap):
    break_it(roadmap, prerequisites=["c-9-9-9"], hours=7)
    concept = {**CONCEPT, "part": "c-1-1-2"}

    worse = post(visitor, "move_part", roadmap, up="c-2-1-2", script=True)
    assert "has to come before it" in text_of(worse)
    half = post(visitor, "change_part", roadmap, **{**concept, "hours": "7"}, script=True)
    assert "Easy means" in text_of(half)
    mended = post(visitor, "change_part", roadmap, **concept, script=True)

    assert "To be mended" not in text_of(mended)
    assert list(roadmap.concepts.get(key="c-1-1-2").prerequisites.all()) == []


# Without a script: forms and links, and back to the control that was used


def test_a_part_is_moved_and_its_control_keeps_the_focus(visitor, roadmap):
    response = post(visitor, "move_part", roadmap, down="s-1")

    assert response.url == f"{address('edit', roadmap)}?focus=down-s-2"
    page = visitor.get(response.url)
    assert focused(page) == "down-s-2"
    assert "“Stage 1” was moved." in text_of(page)
    assert re.search(r"Version 2 .* Stage 2 .* Stage 1 ", text_of(page))


def test_a_concepts_form_holds_what_it_is_and_saves_what_it_becomes(visitor, roadmap):
    opened = visitor.get(f"{address('edit', roadmap)}?open=c-1-1-2")
    assert focused(opened) == "id_name"
    assert re.search(r'name="name" value="Concept 2"', opened.content.decode())
    assert re.findall(r'value="(c-[^"]+)"[^>]* checked', opened.content.decode()) == ["c-1-1-1"]
    assert "Concept 3 (comes later)" in text_of(opened)
    assert "Concept 1 (comes later)" not in text_of(opened)

    saved = post(visitor, "change_part", roadmap, part="c-1-1-2", prerequisites=["c-1-1-1"], **CONCEPT)

    assert saved.url == f"{address('edit', roadmap)}?focus=edit-c-1-1-2"
    concept = roadmap.concepts.get(key="c-1-1-2")
    assert (concept.name, concept.hours, concept.module.name) == ("Joins", 2.0, "Module 1.1")


@pytest.mark.parametrize(
    ("part", "typed", "reason"),
    [
        ("c-1-1-2", {"name": ""}, "This field is required"),
        ("c-1-1-2", {"hours": "7"}, "Easy means 0.5 to 2 hours"),
        ("c-1-1-1", {"prerequisites": ["c-1-1-2"]}, "That would be a circle"),
        ("c-1-1-1", {"prerequisites": ["c-1-1-1"]}, "not one of the available choices"),
        ("c-1-1-1", {"module": "m-2-2"}, "has to come before it"),
    ],
)
@pytest.mark.parametrize("script", [False, True])
def test_what_is_refused_is_said_beside_what_was_typed(visitor, roadmap, part, typed, reason, script):
    page = post(visitor, "change_part", roadmap, script=script, part=part, **{**CONCEPT, **typed})

    assert page.status_code == 200
    assert reason in text_of(page)
    assert "Two tables." in text_of(page)
    assert focused(page).startswith("id_")
    assert roadmap.revisions.count() == 1


def test_parts_are_added_at_the_place_that_was_chosen(visitor, roadmap):
    first = {"concept_name": "Views", "concept_description": "Stored queries."}
    texts = {"name": "More", "description": "Further things."}
    assert focused(visitor.get(f"{address('edit', roadmap)}?add=m-1-2")) == "id_name"

    concept = post(visitor, "add_part", roadmap, part="m-1-2", **{**CONCEPT, "prerequisites": ["c-1-1-1"]})
    module = post(visitor, "add_part", roadmap, seen_version=2, part="s-1", **texts, **first)
    stage = post(visitor, "add_part", roadmap, seen_version=3, part="outline", **texts, **first)

    assert [each.url.partition("=")[2] for each in (concept, module, stage)] == [
        "edit-c-1-2-3",
        "edit-m-1-3",
        "edit-s-3",
    ]
    assert list(roadmap.concepts.order_by("position").values_list("key", flat=True)[4:6]) == ["c-1-2-3", "c-1-3-1"]
    assert focused(visitor.get(stage.url)) == "edit-s-3"


@pytest.mark.parametrize(
    ("part", "near"), [("c-1-1-1", "c-1-1-2"), ("c-1-1-2", "c-1-1-1"), ("m-1-1", "m-1-1"), ("s-2", "s-1")]
)
def test_after_a_part_is_removed_the_focus_is_on_its_neighbour(visitor, roadmap, part, near):
    response = post(visitor, "remove_part", roadmap, part=part)

    assert focused(visitor.get(response.url)) == f"edit-{near}"
    assert roadmap.concepts.count() < 8


@pytest.mark.parametrize("part", ["", "c-9-9-9", "s-9", "junk", "outline"])
@pytest.mark.parametrize("name", ["change_part", "add_part", "remove_part", "move_part"])
def test_a_part_that_is_not_there_is_no_fault_of_ours(visitor, roadmap, name, part):
    response = visitor.post(address(name, roadmap), {"part": part, "up": part, "seen_version": "x"}, follow=True)

    assert response.status_code == 200
    assert roadmap.revisions.count() == 1


# With a script


def test_a_script_gets_the_outline_alone_and_the_words_for_a_screen_reader(visitor, roadmap):
    response = post(visitor, "move_part", roadmap, script=True, up="m-2-1")

    page = response.content.decode()
    assert "<html" not in page
    assert re.search(r'<div id="said" role="status" hx-swap-oob="innerHTML"><p[^>]*>“Module 2.1” was moved', page)
    assert focused(response) == "up-m-1-3"
    assert 'name="seen_version" value="2"' in page


def test_a_refused_move_says_why_and_keeps_the_focus(visitor, roadmap):
    response = post(visitor, "move_part", roadmap, script=True, up="c-1-1-2")

    assert re.search(r'role="alert">“Concept 2” builds on', response.content.decode())
    assert focused(response) == "up-c-1-1-2"


@pytest.mark.parametrize("script", [False, True])
def test_an_edit_in_an_older_tab_shows_the_outline_as_it_is_now(visitor, roadmap, script):
    post(visitor, "change_part", roadmap, part="c-1-1-1", **{**CONCEPT, "name": "First tab"})

    page = post(visitor, "change_part", roadmap, script=script, part="c-1-1-1", **{**CONCEPT, "name": "Second tab"})
    page = page if script else visitor.get(page.url)

    assert "The outline changed meanwhile" in text_of(page)
    assert "First tab" in text_of(page)
    assert "Second tab" not in text_of(page)
    assert roadmap.concepts.get(key="c-1-1-1").name == "First tab"


@pytest.mark.parametrize("state", [state for state in Roadmap.State if state != Roadmap.State.IN_REVIEW])
def test_outside_the_review_one_is_sent_back_with_the_reason(visitor, roadmap, state):
    Roadmap.objects.filter(pk=roadmap.pk).update(state=state)

    for response in (
        visitor.get(address("edit", roadmap), follow=True),
        visitor.post(address("move_part", roadmap), {"down": "s-1", "seen_version": 1}, follow=True),
    ):
        assert response.redirect_chain[-1][0] == roadmap.get_absolute_url()
        assert "only while it waits for your review" in text_of(response)
    assert roadmap.revisions.count() == 1


def test_a_queries_number_does_not_grow_with_the_outline(visitor, person):
    def cost(name: str, roadmap: Roadmap) -> int:
        visitor.get(address(name, roadmap))
        with CaptureQueriesContext(connection) as captured:
            assert visitor.get(address(name, roadmap)).status_code == 200
        return len(captured)

    small = make_roadmap_in_review(owner=person, concepts=1)
    large = make_roadmap_in_review(owner=person, stages=3, modules=3, concepts=5)
    assert cost("edit", large) == cost("edit", small) <= 4
    assert cost("versions", large) == cost("versions", small) <= 5


def test_who_edits_a_library_outline_is_told_what_is_not_written(visitor, roadmap, settings):
    settings.LLM_PROVIDER = "library"
    assert "knows nothing about a concept that you add" in text_of(visitor.get(f"{address('edit', roadmap)}?add=m-1-1"))
    settings.LLM_PROVIDER = "openai"
    assert "knows nothing about a concept" not in text_of(visitor.get(f"{address('edit', roadmap)}?add=m-1-1"))


# The review after edits by hand


def test_edits_by_hand_are_shown_together_and_the_scores_as_those_of_the_version_before(visitor, roadmap):
    post(visitor, "change_part", roadmap, part="c-1-1-1", **{**CONCEPT, "name": "Concept 2"})
    post(visitor, "move_part", roadmap, seen_version=2, down="s-1")

    shown = text_of(visitor.get(roadmap.get_absolute_url()))

    assert "Version 3: what changed Your edits by hand since version 1." in shown
    assert "was called “Concept 1”" in shown
    assert "Not reviewed since your edits" in shown
    assert "The review of version 1: 86 of 100" in shown
    assert "stands twice" in shown  # checked without a model


def test_a_question_stays_open_through_edits_by_hand_until_it_is_answered(visitor, roadmap):
    asked = make_feedback(roadmap=roadmap, state=Feedback.State.QUESTION, questions=["Which part?"])
    assert "about an earlier version" not in text_of(visitor.get(roadmap.get_absolute_url()))
    post(visitor, "move_part", roadmap, down="s-1")
    shown = text_of(visitor.get(roadmap.get_absolute_url()))
    assert "please answer: Which part? This was asked about an earlier version" in shown
    assert "Your edits by hand since version 1. “Stage 1” was moved." in shown

    visitor.post(address("request_changes", roadmap), {"text": "The first"})

    shown = text_of(visitor.get(roadmap.get_absolute_url()))
    assert "please answer" not in shown
    assert "Asked back Which part?" in shown
    assert roadmap.feedback.get(state=Feedback.State.WORKING).revision_id != asked.revision_id


@pytest.mark.django_db(transaction=True)
def test_an_answer_after_edits_by_hand_brings_the_first_request_along(reviewed, person, stub):
    deciding.request_changes(reviewed.pk, text="UNCLEAR but important", author=person)
    draining.drain("workflow")
    reshaping.change_stage(reviewed.pk, seen_version=1, by=person, stage="s-1", name="First of all")
    deciding.request_changes(reviewed.pk, text="The last stage", author=person)

    step = reviewed.steps.get(kind=Step.Kind.PLAN, state=Step.State.WAITING)

    request = kinds.definition(step.kind).prepare(step)
    question = reviewed.feedback.get(state=Feedback.State.QUESTION).questions[0]
    assert "UNCLEAR but important" in request.prompt
    assert question in request.prompt
    # What the planner asked, such as “… remove joins”, is no wish of the person's.
    assert request.facts["asked"] == ["UNCLEAR but important", "The last stage"]


# Versions


def test_every_version_can_be_looked_at_with_what_it_has_other_than_the_latest(visitor, roadmap):
    post(visitor, "change_part", roadmap, part="c-1-1-1", **CONCEPT)

    latest = text_of(visitor.get(address("versions", roadmap)))
    first = text_of(visitor.get(f"{address('versions', roadmap)}?version=1"))

    assert "Version 2, the latest" in latest
    assert "Restore this version" not in latest
    assert "Changed Concept 1 was called “Joins”" in first
    assert "Restore this version" in first
    assert visitor.get(f"{address('versions', roadmap)}?version=3").status_code == 404


def test_a_version_is_restored_as_a_new_one(visitor, roadmap):
    post(visitor, "remove_part", roadmap, part="s-2")

    response = post(visitor, "restore_version", roadmap, seen_version=2, version="1")

    assert response.url == roadmap.get_absolute_url()
    assert "Version 1 was restored." in text_of(visitor.get(response.url))
    assert (roadmap.concepts.count(), roadmap.revisions.count()) == (8, 3)
    stale = post(visitor, "restore_version", roadmap, seen_version=2, version="1")
    assert "changed meanwhile" in text_of(visitor.get(stale.url))


def test_the_last_edit_is_taken_back_on_the_edit_page(visitor, roadmap):
    assert "Take back" not in text_of(visitor.get(address("edit", roadmap)))
    post(visitor, "remove_part", roadmap, part="c-1-1-1")
    page = visitor.get(address("edit", roadmap)).content.decode()
    assert "Take back the last edit" in page
    form = re.search(r'<form id="undo".*?</form>', page, re.DOTALL)[0]

    response = post(visitor, "restore_version", roadmap, **dict(re.findall(r'name="(\w+)" value="(\w+)"', form)))

    assert response.url == address("edit", roadmap)
    assert roadmap.concepts.count() == 8


def test_edits_by_hand_that_follow_each_other_are_folded(visitor, roadmap):
    for version in (1, 2, 3):
        post(visitor, "move_part", roadmap, seen_version=version, down="s-1")
    make_revision(roadmap=roadmap, number=5, author=OutlineRevision.Author.REQUESTED_EDIT, reason="As asked.")

    shown = text_of(visitor.get(address("versions", roadmap)))

    assert re.search(r"Version 5 Edited as you asked.* Version 4 Edited by hand.* 2 edits by hand before it", shown)


def test_of_what_is_written_a_version_is_restored_that_has_the_same_concepts_and_no_other(visitor, person):
    roadmap = make_written_roadmap(owner=person)
    roadmap.concepts.filter(key="c-1-1-1").update(name="As an editor calls it")
    make_revision(roadmap=roadmap, number=2)
    roadmap.concepts.get(key="c-1-1-2").delete()
    make_revision(roadmap=roadmap, number=3)

    of_others = text_of(visitor.get(f"{address('versions', roadmap)}?version=2"))
    roadmap.revisions.get(number=3).delete()
    of_the_same = text_of(visitor.get(f"{address('versions', roadmap)}?version=1"))

    assert "This version has other concepts than the latest." in of_others
    assert "Restore this version" not in of_others
    assert "Changed Concept 1 was called “As an editor calls it”" in of_the_same
    assert "Restore this version" in of_the_same
