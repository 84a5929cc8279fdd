"""Outlines edited by hand: each kind of edit, what is refused and in which words, and two people at once."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from roadmaps import amending, deciding, outline, reshaping
from roadmaps.allowing import WrongPartError
from roadmaps.deciding import RefusedError
from roadmaps.models import Concept, OutlineRevision, Roadmap, Step
from roadmaps.reshaping import NewConcept, OutdatedError
from tests.factories import make_roadmap_in_review, make_tutorial, make_written_roadmap

pytestmark = pytest.mark.django_db


@pytest.fixture
def roadmap(person) -> Roadmap:
    """Two stages of two modules of two concepts; in each module the second builds on the first."""
    return make_roadmap_in_review(owner=person, stages=2, modules=2, concepts=2)


@pytest.fixture
def edit_of(person):
    """Call an edit on a roadmap's latest version."""

    def on_the_latest(roadmap, function, **wishes):
        latest = outline.latest(roadmap).number
        return function(roadmap.pk, seen_version=latest, by=person, **wishes)

    return on_the_latest


@pytest.fixture
def edit(roadmap, edit_of):
    return partial(edit_of, roadmap)


def keys(roadmap: Roadmap) -> list[str]:
    return list(roadmap.concepts.order_by("position").values_list("key", flat=True))


def prerequisites(roadmap: Roadmap, key: str) -> list[str]:
    return sorted(roadmap.concepts.get(key=key).prerequisites.values_list("key", flat=True))


def names(parts) -> list[str]:
    return list(parts.values_list("name", flat=True))


# Changing


def test_a_concept_is_renamed_described_and_measured(roadmap, edit):
    row = roadmap.concepts.get(key="c-1-1-2")

    done = edit(
        reshaping.change_concept,
        key="c-1-1-2",
        name=" Joins \n",
        description="Two tables.",
        hours=3.0,
        difficulty="medium",
    )

    changed = roadmap.concepts.get(key="c-1-1-2")
    assert changed.pk == row.pk
    assert (changed.name, changed.description, changed.hours) == ("Joins", "Two tables.", 3.0)
    assert (changed.difficulty, prerequisites(roadmap, "c-1-1-2")) == ("medium", ["c-1-1-1"])
    assert (done.revision.number, done.revision.author) == (2, OutlineRevision.Author.HAND)
    assert done.revision.changes["changed"] == ["c-1-1-2"]
    roadmap.refresh_from_db()
    assert roadmap.hours == 8 * 1.5 + 1.5


def test_stages_and_modules_are_renamed_and_described_without_moving_a_concept(roadmap, edit):
    edit(reshaping.change_stage, stage="s-2", name="Practice", description="By doing.")
    done = edit(reshaping.change_module, module="m-2-1", name="Projects", description="Real ones.")

    assert names(roadmap.stages) == ["Stage 1", "Practice"]
    assert names(roadmap.stages.get(position=1).modules) == ["Projects", "Module 2.2"]
    assert done.revision.changes == {"added": [], "changed": [], "moved": [], "removed": []}


def test_an_edit_that_changes_nothing_makes_no_version(roadmap, edit):
    done = edit(reshaping.change_concept, key="c-1-1-1", name="Concept 1", hours=1.5)

    assert done.revision.number == 1
    assert roadmap.revisions.count() == 1


@pytest.mark.parametrize(
    ("wishes", "field", "reason"),
    [
        ({"name": " "}, "name", "fill this in"),
        ({"name": "x" * 201}, "name", "at most 200 characters; these are 201"),
        ({"description": ""}, "description", "fill this in"),
        ({"description": "x" * 1001}, "description", "at most 1000 characters"),
        ({"hours": 5.0}, "hours", "Easy means 0.5 to 2 hours; this says 5"),
        ({"hours": float("nan")}, "hours", "Easy means"),
        ({"difficulty": "impossible"}, "difficulty", "easy, medium or hard"),
        ({"prerequisites": ["c-9-9-9"]}, "prerequisites", "not in the outline"),
        ({"prerequisites": ["c-1-1-1"]}, "prerequisites", "cannot build on itself"),
        ({"prerequisites": ["c-1-2-1"]}, "prerequisites", "“Concept 3” has to come before it"),
    ],
)
def test_what_no_concept_may_be_is_refused_with_the_reason(roadmap, edit, wishes, field, reason):
    with pytest.raises(WrongPartError, match=reason) as refused:
        edit(reshaping.change_concept, key="c-1-1-1", **wishes)

    assert refused.value.field == field
    assert roadmap.revisions.count() == 1
    assert roadmap.concepts.get(key="c-1-1-1").name == "Concept 1"


def test_a_null_character_is_not_stored(roadmap, edit):
    edit(reshaping.change_concept, key="c-1-1-1", name="A\x00B")

    assert roadmap.concepts.get(key="c-1-1-1").name == "AB"


# Prerequisites


def test_prerequisites_are_chosen_among_what_comes_before(roadmap, edit):
    edit(reshaping.change_concept, key="c-2-1-1", prerequisites=["c-1-2-2", "c-1-1-2"])
    assert prerequisites(roadmap, "c-2-1-1") == ["c-1-1-2", "c-1-2-2"]

    edit(reshaping.change_concept, key="c-2-1-1", prerequisites=[])
    assert prerequisites(roadmap, "c-2-1-1") == []


def test_a_circle_is_refused_and_its_way_named(roadmap, edit):
    edit(reshaping.change_concept, key="c-1-2-1", prerequisites=["c-1-1-2"])

    with pytest.raises(WrongPartError) as refused:
        edit(reshaping.change_concept, key="c-1-1-1", prerequisites=["c-1-2-2"])

    assert str(refused.value) == (
        "That would be a circle, with no place to begin: “Concept 1” builds on “Concept 4”, "
        "“Concept 4” builds on “Concept 3”, “Concept 3” builds on “Concept 2”, “Concept 2” builds on “Concept 1”."
    )
    with (
        translation.override("zh-hans"),
        pytest.raises(WrongPartError, match=r"、“Concept 4”.*、“Concept 3”.*、“Concept 2”"),
    ):
        edit(reshaping.change_concept, key="c-1-1-1", prerequisites=["c-1-2-2"])
    assert prerequisites(roadmap, "c-1-1-1") == []


# Adding and removing


def test_a_concept_is_added_with_a_key_that_was_never_used(roadmap, edit):
    edit(reshaping.remove, part="c-1-1-2")
    new = NewConcept(name="Views", description="Stored queries.", hours=2.0, prerequisites=["c-1-1-1"])

    done = edit(reshaping.add_concept, module="m-1-1", concept=new)

    assert done.reference == "c-1-1-3"
    assert keys(roadmap)[:3] == ["c-1-1-1", "c-1-1-3", "c-1-2-1"]
    assert prerequisites(roadmap, "c-1-1-3") == ["c-1-1-1"]
    added = roadmap.concepts.get(key="c-1-1-3")
    assert (added.source, added.keywords) == ("", ["Views", "Module 1.1", "Stage 1"])
    assert done.revision.changes["added"] == ["c-1-1-3"]


def test_modules_and_stages_are_added_with_their_first_concept(roadmap, edit):
    first = NewConcept(name="Views", description="Stored queries.")
    module = edit(reshaping.add_module, stage="s-1", name="More", description="Further things.", first=first)
    stage = edit(reshaping.add_stage, name="After that", description="What is left.", first=first)

    assert (module.reference, stage.reference) == ("m-1-3", "s-3")
    assert keys(roadmap)[4] == "c-1-3-1"
    assert keys(roadmap)[-1] == "c-3-1-1"
    assert names(roadmap.stages.get(position=2).modules) == ["After that"]


def test_what_built_on_a_removed_concept_does_so_no_longer(roadmap, edit):
    done = edit(reshaping.remove, part="c-1-1-1")

    assert prerequisites(roadmap, "c-1-1-2") == []
    assert done.reason == "“Concept 1” was removed. What built on it does so no longer: “Concept 2”."
    assert done.revision.changes["removed"] == ["c-1-1-1"]
    assert done.reference == ""


def test_modules_and_stages_are_removed_with_all_they_hold(roadmap, edit):
    edit(reshaping.remove, part="m-1-1")
    assert keys(roadmap) == ["c-1-2-1", "c-1-2-2", "c-2-1-1", "c-2-1-2", "c-2-2-1", "c-2-2-2"]

    edit(reshaping.remove, part="s-1")
    assert keys(roadmap) == ["c-2-1-1", "c-2-1-2", "c-2-2-1", "c-2-2-2"]
    with pytest.raises(RefusedError, match="the only stage"):
        edit(reshaping.remove, part="s-1")


def test_a_part_is_not_left_empty(roadmap, edit):
    edit(reshaping.remove, part="c-1-1-1")

    for verb, wishes in (
        (reshaping.remove, {"part": "c-1-1-2"}),
        (reshaping.change_concept, {"key": "c-1-1-2", "module": "m-1-2"}),
        (reshaping.move, {"part": "c-1-1-2", "direction": "down"}),
    ):
        with pytest.raises(RefusedError, match=r"all that “Module 1\.1” holds"):
            edit(verb, **wishes)


def test_no_part_grows_without_bound(roadmap, edit):
    for number in range(18):
        edit(reshaping.add_concept, module="m-1-1", concept=NewConcept(name=f"N{number}", description="One more."))

    with pytest.raises(RefusedError, match="at most 20 concepts"):
        edit(reshaping.add_concept, module="m-1-1", concept=NewConcept(name="N19", description="One more."))


# Moving


def test_a_concept_moves_over_the_edges_of_modules_and_stages(roadmap, edit):
    assert edit(reshaping.move, part="c-2-1-1", direction="up").reference == "c-2-1-1"
    assert roadmap.concepts.get(key="c-2-1-1").module.name == "Module 1.2"
    assert keys(roadmap)[2:5] == ["c-1-2-1", "c-1-2-2", "c-2-1-1"]

    edit(reshaping.move, part="c-2-1-1", direction="up")
    assert keys(roadmap)[2:5] == ["c-1-2-1", "c-2-1-1", "c-1-2-2"]
    edit(reshaping.move, part="c-2-1-1", direction="down")
    edit(reshaping.move, part="c-2-1-1", direction="down")
    assert roadmap.concepts.get(key="c-2-1-1").module.name == "Module 2.1"


def test_modules_and_stages_move_and_are_found_where_they_stand(roadmap, edit):
    assert edit(reshaping.move, part="m-1-2", direction="up").reference == "m-1-1"
    assert keys(roadmap)[:4] == ["c-1-2-1", "c-1-2-2", "c-1-1-1", "c-1-1-2"]
    assert edit(reshaping.move, part="m-1-2", direction="down").reference == "m-2-1"
    assert names(roadmap.stages.get(position=1).modules) == ["Module 1.1", "Module 2.1", "Module 2.2"]
    assert edit(reshaping.move, part="s-2", direction="up").reference == "s-1"
    assert names(roadmap.stages) == ["Stage 2", "Stage 1"]


@pytest.mark.parametrize(
    ("part", "direction", "reason"),
    [
        ("c-1-1-1", "up", "“Concept 1” is the first already"),
        ("c-2-2-2", "down", "“Concept 8” is the last already"),
        ("s-2", "down", "“Stage 2” is the last already"),
        ("m-1-1", "up", "“Module 1.1” is the first already"),
        ("c-1-1-2", "up", "“Concept 2” builds on “Concept 1”, so “Concept 1” has to come before it"),
        ("c-1-1-1", "down", "“Concept 2” builds on “Concept 1”"),
        ("c-9-9-9", "up", "not in the outline"),
    ],
)
def test_a_move_that_cannot_be_is_refused_with_the_reason(roadmap, edit, part, direction, reason):
    before = keys(roadmap)

    with pytest.raises(RefusedError, match=reason):
        edit(reshaping.move, part=part, direction=direction)

    assert keys(roadmap) == before


def test_a_part_put_elsewhere_lands_as_near_as_possible(roadmap, edit):
    edit(reshaping.change_concept, key="c-1-1-2", module="m-2-2")
    assert keys(roadmap)[5:] == ["c-1-1-2", "c-2-2-1", "c-2-2-2"]

    edit(reshaping.change_concept, key="c-1-1-2", module="m-1-1")
    assert keys(roadmap)[:2] == ["c-1-1-1", "c-1-1-2"]
    assert edit(reshaping.change_module, module="m-2-1", stage="s-1").reference == "m-1-3"


# Versions


def test_a_version_is_restored_as_a_new_one(roadmap, edit):
    edit(reshaping.remove, part="c-1-1-2")
    edit(reshaping.change_stage, stage="s-1", name="Begin")

    done = edit(reshaping.restore, version=1)

    assert (done.revision.number, done.reason) == (4, "Version 1 was restored.")
    assert outline.tree_of(done.revision) == outline.tree_of(roadmap.revisions.get(number=1))
    assert keys(roadmap)[1] == "c-1-1-2"
    assert names(roadmap.stages)[0] == "Stage 1"
    with pytest.raises(RefusedError, match="no version 9"):
        edit(reshaping.restore, version=9)


@pytest.mark.parametrize("state", ["writing", "ready", "partly_ready", "failed", "cancelled"])
def test_after_the_review_what_an_editor_changed_is_restored_and_keeps_what_was_written(person, edit_of, state):
    roadmap = make_written_roadmap(owner=person, state=state, concepts=2)
    concept = roadmap.concepts.get(key="c-1-1-2")
    tutorial = make_tutorial(concept=concept)
    before = outline.tree_of(outline.latest(roadmap))
    amended = amending.amended(roadmap, concept.key, seen_version=1, name="Clearer", prerequisites=[])
    amending.amend(concept, amended, by="ed")

    done = edit_of(roadmap, reshaping.restore, version=1)

    assert outline.tree_of(done.revision) == before
    concept.refresh_from_db()
    assert (concept.name, prerequisites(roadmap, concept.key)) == ("Concept 2", ["c-1-1-1"])
    assert list(concept.tutorial_versions.all()) == [tutorial]
    assert roadmap.steps.filter(concept=concept, state=Step.State.DONE).count() == 3
    roadmap.refresh_from_db()
    assert roadmap.state == state


def test_after_the_review_no_version_with_other_concepts_is_restored(roadmap, edit):
    edit(reshaping.remove, part="c-1-1-2")
    Roadmap.objects.filter(pk=roadmap.pk).update(state=Roadmap.State.READY)

    with pytest.raises(RefusedError, match="other concepts than the latest"):
        edit(reshaping.restore, version=1)

    assert (roadmap.concepts.count(), roadmap.revisions.count()) == (7, 2)


def test_no_version_is_restored_while_the_outline_is_worked_on(roadmap, edit):
    edit(reshaping.change_stage, stage="s-1", name="Begin")
    Roadmap.objects.filter(pk=roadmap.pk).update(state=Roadmap.State.DESIGNING)

    with pytest.raises(RefusedError, match="being worked on"):
        edit(reshaping.restore, version=1)

    assert names(roadmap.stages)[0] == "Begin"


def test_there_are_not_endlessly_many_versions(roadmap, edit, monkeypatch):
    monkeypatch.setattr(reshaping, "MOST_VERSIONS", 2)
    edit(reshaping.remove, part="c-1-1-2")

    with pytest.raises(RefusedError, match="has had 2 versions"):
        edit(reshaping.remove, part="c-1-2-2")


# When an edit may happen


@pytest.mark.parametrize("state", [state for state in Roadmap.State if state != Roadmap.State.IN_REVIEW])
def test_outside_the_review_nothing_is_edited(roadmap, edit, state):
    Roadmap.objects.filter(pk=roadmap.pk).update(state=state)

    with pytest.raises(RefusedError, match="only while it waits for your review"):
        edit(reshaping.remove, part="c-1-1-2")

    assert roadmap.concepts.count() == 8


def test_an_edit_on_an_older_version_is_refused_and_loses_nothing(roadmap, edit, person):
    edit(reshaping.change_concept, key="c-1-1-1", name="First tab")

    with pytest.raises(OutdatedError, match="changed meanwhile"):
        reshaping.change_concept(roadmap.pk, seen_version=1, by=person, key="c-1-1-1", name="Second tab")

    assert roadmap.concepts.get(key="c-1-1-1").name == "First tab"


def test_an_edit_costs_the_same_however_large_the_outline(person):
    def cost(**tree: int) -> int:
        roadmap = make_roadmap_in_review(owner=person, **tree)
        with CaptureQueriesContext(connection) as captured:
            reshaping.change_concept(roadmap.pk, seen_version=1, by=person, key="c-1-1-1", name="Another name")
        return len(captured)

    assert cost(concepts=12) == cost(concepts=2)


# Two at once


@pytest.mark.django_db(transaction=True)
def test_of_two_edits_at_once_one_is_stored_and_the_other_told(roadmap, person):
    def rename(name: str) -> str:
        try:
            reshaping.change_concept(roadmap.pk, seen_version=1, by=person, key="c-1-1-1", name=name)
        except OutdatedError:
            return "outdated"
        finally:
            connection.close()
        return name

    with ThreadPoolExecutor(2) as threads:
        with transaction.atomic():
            Roadmap.objects.locked(roadmap.pk)  # both wait for the same lock
            waiting = [threads.submit(rename, name) for name in ("One", "Two")]
            assert not any(each.done() for each in waiting)
        answers = {each.result(20) for each in waiting}

    assert "outdated" in answers
    assert Concept.objects.get(roadmap=roadmap, key="c-1-1-1").name in answers
    assert roadmap.revisions.count() == 2


@pytest.mark.django_db(transaction=True)
def test_an_edit_that_waited_for_an_approval_is_refused(roadmap, person):
    def remove() -> str:
        try:
            reshaping.remove(roadmap.pk, seen_version=1, by=person, part="c-1-1-2")
        except RefusedError as error:
            return str(error)
        finally:
            connection.close()
        return ""

    with ThreadPoolExecutor(1) as threads:
        with transaction.atomic():
            deciding.approve(roadmap.pk)
            waiting = threads.submit(remove)
        reason = waiting.result(20)

    assert "only while it waits for your review" in reason
    assert roadmap.concepts.count() == 8
    assert roadmap.steps.count() == 24
