"""What a program can change in an outline by hand, and what it reads by a link for others."""

import json

import pytest

from content import noting, sharing
from content.models import Tutorial
from roadmaps.models import Roadmap
from tests.content.test_api import at, error
from tests.factories import (
    make_quiz,
    make_resources,
    make_roadmap_in_review,
    make_tutorial,
    make_user,
    make_written_roadmap,
)
from tests.programs import Program

pytestmark = pytest.mark.django_db

PARTS = "roadmaps/{slug}/outline/parts"
NEW = {"name": "Joining tables", "description": "Rows that belong together.", "hours": 1, "difficulty": "easy"}


@pytest.fixture
def program(person) -> Program:
    return Program(person)


@pytest.fixture
def reviewed(person) -> Roadmap:
    return make_roadmap_in_review(owner=person, concepts=3)


def names(answer) -> list[list[list[str]]]:
    """Of the concepts, by module and stage."""
    stages = answer.json()["tree"]["stages"]
    return [[[each["name"] for each in module["concepts"]] for module in stage["modules"]] for stage in stages]


def test_a_concept_is_added_changed_moved_and_removed(program, reviewed):
    parts = at(reviewed, path=PARTS)

    added = program(
        "post", parts, {"seen_version": 1, "into": "m-1-1", "concept": {**NEW, "prerequisites": ["c-1-1-1"]}}
    )
    key = added.json()["part"]
    changed = program("patch", f"{parts}/{key}", {"seen_version": 2, "name": "Joins", "hours": 1.5})
    moved = program("post", f"{parts}/{key}/move", {"seen_version": 3, "direction": "up"})
    removed = program("post", f"{parts}/{key}/remove", {"seen_version": 4})

    assert [each.status_code for each in (added, changed, moved, removed)] == [201, 200, 200, 200]
    assert [each.json()["number"] for each in (added, changed, moved, removed)] == [2, 3, 4, 5]
    before = [f"Concept {number}" for number in (1, 2, 3)]
    assert names(added) == [[[*before, "Joining tables"]]]
    assert names(changed) == [[[*before, "Joins"]]]
    assert names(moved) == [[[*before[:2], "Joins", before[2]]]]
    assert names(removed) == [[before]]
    assert moved.json()["author"] == "hand"
    assert (moved.json()["part"], removed.json()["part"]) == (key, "")
    assert program("get", at(reviewed, "/outlines", path="roadmaps/{slug}")).json()["items"][0]["number"] == 5


def test_modules_and_stages_are_added_with_their_first_concept_and_named_by_their_places(program, reviewed):
    parts = at(reviewed, path=PARTS)
    words = {"name": "Practice", "description": "By doing."}

    module = program("post", parts, {"seen_version": 1, "into": "s-1", "module": words, "first": NEW})
    stage = program("post", parts, {"seen_version": 2, "stage": words, "first": NEW})
    into = program("patch", f"{parts}/c-1-1-3", {"seen_version": 3, "into": "m-1-2"})
    renamed = program("patch", f"{parts}/m-1-2", {"seen_version": 4, "name": "Exercises"})
    higher = program("post", f"{parts}/s-2/move", {"seen_version": 5, "direction": "up"})

    assert [each.json()["part"] for each in (module, stage, into, renamed, higher)] == [
        "m-1-2",
        "s-2",
        "c-1-1-3",
        "m-1-2",
        "s-1",
    ]
    assert names(into) == [[["Concept 1", "Concept 2"], ["Concept 3", "Joining tables"]], [["Joining tables"]]]
    assert renamed.json()["tree"]["stages"][0]["modules"][1]["name"] == "Exercises"
    assert names(higher)[0] == [["Joining tables"]]


@pytest.mark.parametrize(
    ("part", "sent", "field", "reason"),
    [
        ("c-1-1-1", {"prerequisites": ["c-1-1-1"]}, "prerequisites", "cannot build on itself"),
        ("c-1-1-1", {"hours": 6}, "hours", "this says 6"),
        ("c-1-1-1", {"name": " "}, "name", "fill this in"),
        ("c-1-1-1", {"colour": "red"}, "colour", "no such field"),
        ("m-1-1", {"hours": 1}, "hours", "Only a concept"),
        ("s-1", {"into": "s-1"}, "into", "lies in nothing"),
    ],
)
def test_what_no_outline_may_hold_is_told_by_its_field(program, reviewed, part, sent, field, reason):
    refused = program("patch", at(reviewed, f"/{part}", path=PARTS), {"seen_version": 1, **sent})

    told = error(refused, 422)
    assert told["field"] == field
    assert reason in told["message"]
    assert reviewed.revisions.count() == 1


def test_what_is_added_is_one_thing_whose_place_is_named(program, reviewed):
    parts = at(reviewed, path=PARTS)

    for sent in ({}, {"concept": NEW, "stage": NEW}, {"module": {"name": "M", "description": "d"}}):
        error(program("post", parts, {"seen_version": 1, **sent}), 422)
    nowhere = error(program("post", parts, {"seen_version": 1, "into": "m-9-9", "concept": NEW}), 409)
    wrong = error(program("post", parts, {"seen_version": 1, "into": "m-1-1", "concept": NEW | {"hours": 7}}), 422)

    assert "not in the outline" in nowhere["message"]
    assert wrong["field"] == "hours"
    assert reviewed.revisions.count() == 1


def test_a_change_of_what_was_not_seen_or_is_not_in_review_is_refused(program, person, reviewed):
    parts = at(reviewed, path=PARTS)
    program("patch", f"{parts}/c-1-1-1", {"seen_version": 1, "name": "First"})

    outdated = program("patch", f"{parts}/c-1-1-1", {"seen_version": 1, "name": "Lost"})
    written = program(
        "post", at(make_written_roadmap(owner=person), "/c-1-1-1/remove", path=PARTS), {"seen_version": 1}
    )

    assert "changed meanwhile" in error(outdated, 409)["message"]
    assert "waits for your review" in error(written, 409)["message"]
    assert reviewed.concepts.get(key="c-1-1-1").name == "First"


# By a link


def test_a_shared_roadmap_is_read_by_who_has_its_link_without_a_word_of_its_owners(person):
    secret = "the-owners-alone"
    roadmap = make_written_roadmap(owner=person, concepts=2)
    Roadmap.objects.filter(pk=roadmap.pk).update(goal=secret, motivation=secret, background=secret, rationale=secret)
    concept = roadmap.concepts.first()
    make_tutorial(concept=concept, wish=secret, origin="Edited by ada.", author=person)
    make_resources(concept=concept)
    make_quiz(concept=concept)
    noting.keep(concept, user=person, text=secret)
    reader = Program(make_user())
    address = f"shared/{sharing.share(roadmap).token}"

    outline = reader("get", address)
    read = reader("get", f"{address}/concepts/c-1-1-1")
    bare = reader("get", f"{address}/concepts/c-1-1-2").json()

    concepts = outline.json()["stages"][0]["modules"][0]["concepts"]
    assert [each["key"] for each in concepts] == ["c-1-1-1", "c-1-1-2"]
    assert read.json()["tutorial"]["markdown"] == Tutorial.objects.get().markdown
    assert [each["title"] for each in read.json()["resources"]["items"]] == ["Link 1", "Link 2"]
    assert len(read.json()["quiz"]["questions"]) == 3
    assert read.json()["next"]["key"] == "c-1-1-2"
    assert (bare["tutorial"], bare["resources"], bare["quiz"]) == (None, None, None)
    for answer in (outline, read):
        assert secret not in answer.content.decode()
        assert person.username not in answer.content.decode()
        assert not {"correct", "explanation"} & keys_in(answer.json())

    sharing.revoke(roadmap)
    for path in (address, f"{address}/concepts/c-1-1-1"):
        error(reader("get", path), 404)


def keys_in(found: object) -> set[str]:
    if isinstance(found, dict):
        return set(found).union(*map(keys_in, found.values()))
    return set().union(*map(keys_in, found)) if isinstance(found, list) else set()


def test_head_is_answered_like_get_without_the_body(program, reviewed):
    path = at(reviewed, path="roadmaps/{slug}")

    head, get = program("head", path), program("get", path)

    assert head.status_code == 200
    assert head.content == b""
    assert head.headers["ETag"] == get.headers["ETag"]
    assert head.headers["Content-Type"] == get.headers["Content-Type"]
    assert program("head", f"{path}/approve").status_code == 405
    assert json.loads(get.content)["slug"] == reviewed.slug
