"""What differs between two versions of an outline, said so that a person sees what and where."""

import pytest
from django.utils import translation

from roadmaps import differences, outline
from roadmaps.answers import HAND_LIMITS, OutlineTree


def concept(key: str, name: str, *prerequisites: str, **fields) -> dict:
    given = {"description": "One thing.", "hours": 1.0, "difficulty": "easy", "keywords": ["a", "b", "c"]}
    return {"key": key, "name": name, "prerequisites": list(prerequisites), **given, **fields}


def tree(*stages: tuple) -> OutlineTree:
    """Each stage as (name, {module: [concepts]})."""
    return OutlineTree.model_validate(
        {
            "title": "Databases",
            "stages": [
                {
                    "name": name,
                    "description": "Why.",
                    "modules": [
                        {"name": module, "description": "What.", "concepts": concepts}
                        for module, concepts in modules.items()
                    ],
                }
                for name, modules in stages
            ],
        },
        context={"outline": HAND_LIMITS},
    )


TABLES, KEYS, JOINS, VIEWS = (
    concept("c-1-1-1", "Tables"),
    concept("c-1-1-2", "Keys"),
    concept("c-1-2-1", "Joins"),
    concept("c-2-1-1", "Views"),
)
BEFORE = tree(("Basics", {"Storing": [TABLES, KEYS], "Asking": [JOINS]}), ("Practice", {"Saving": [VIEWS]}))


def said(after: OutlineTree) -> list[tuple]:
    return [(each.kind, each.name, *each.details) for each in differences.between(BEFORE, after)]


def test_what_is_the_same_differs_in_nothing():
    assert said(BEFORE.model_copy(deep=True)) == []


def test_a_changed_concept_says_each_change_from_what_to_what():
    joins = concept("c-1-2-1", "Inner joins", "c-1-1-1", description="Two tables.", hours=3.0, difficulty="medium")
    after = tree(("Basics", {"Storing": [TABLES, KEYS], "Asking": [joins]}), ("Practice", {"Saving": [VIEWS]}))

    assert said(after) == [
        (
            "changed",
            "Inner joins",
            "was called “Joins”",
            "new description: Two tables.",
            "1 hour became 3",
            "Easy became Medium",
            "builds on “Tables” now",
        )
    ]


def test_keywords_are_listed_as_the_reader_writes():
    plain = tree(("A", {"M": [TABLES]}))
    with_keywords = tree(("A", {"M": [{**TABLES, "keywords": ["rows", "columns", "keys"]}]}))

    with translation.override("zh-hans"):
        assert differences.between(plain, with_keywords)[0].details == ["关键词：rows、columns、keys"]


def test_a_removed_prerequisite_is_said_by_its_name():
    needy = tree(("A", {"M": [TABLES, concept("c-1-1-2", "Keys", "c-1-1-1")]}))
    free = tree(("A", {"M": [TABLES, KEYS]}))

    assert differences.between(needy, free)[0].details == ["no longer builds on “Tables”"]


def test_a_moved_concept_says_from_where_to_where_and_the_others_did_not_move():
    after = tree(("Basics", {"Storing": [TABLES], "Asking": [JOINS]}), ("Practice", {"Saving": [KEYS, VIEWS]}))

    assert said(after) == [("moved", "Keys", "from “Basics › Storing” to “Practice › Saving”")]


def test_a_concept_that_changes_its_place_in_the_module_says_after_what_it_comes():
    before = tree(("A", {"M": [TABLES, KEYS, JOINS, VIEWS]}))

    last = differences.between(before, tree(("A", {"M": [KEYS, JOINS, VIEWS, TABLES]})))
    first = differences.between(before, tree(("A", {"M": [VIEWS, TABLES, KEYS, JOINS]})))

    assert [(each.kind, each.name, each.details) for each in last] == [("moved", "Tables", ["now after “Views”"])]
    assert [(each.kind, each.name, each.details) for each in first] == [("moved", "Views", ["now the first"])]


def test_a_renamed_stage_or_module_moves_nothing():
    after = tree(("Begin", {"Storing": [TABLES, KEYS], "Queries": [JOINS]}), ("Practice", {"Saving": [VIEWS]}))

    assert said(after) == [
        ("changed", "Stage “Begin”", "was called “Basics”"),
        ("changed", "Module “Queries”", "was called “Asking”"),
    ]


def test_moved_stages_and_modules_are_said_once_for_all_they_hold():
    stages = tree(("Practice", {"Saving": [VIEWS]}), ("Basics", {"Storing": [TABLES, KEYS], "Asking": [JOINS]}))
    modules = tree(("Basics", {"Storing": [TABLES, KEYS]}), ("Practice", {"Asking": [JOINS], "Saving": [VIEWS]}))

    assert len(said(stages)) == 1
    assert said(stages)[0][0] == "moved"
    assert said(modules) == [("moved", "Module “Asking”", "from “Basics” to “Practice”")]


def test_added_and_removed_parts_are_said_with_their_place():
    after = tree(("Basics", {"Storing": [TABLES, concept("c-1-1-3", "Indexes")], "Asking": [JOINS]}))

    assert said(after) == [
        ("added", "Indexes", "in “Basics › Storing”"),
        ("removed", "Stage “Practice”"),
        ("removed", "Module “Saving”"),
        ("removed", "Keys", "in “Basics › Storing”"),
        ("removed", "Views", "in “Practice › Saving”"),
    ]


@pytest.mark.parametrize("kind", differences.KINDS)
def test_a_versions_record_keeps_the_keys_of_concepts(kind):
    after = tree(("Basics", {"Storing": [concept("c-1-1-1", "Rows"), concept("c-1-1-3", "Indexes")], "Asking": [KEYS]}))

    found = outline.changes(BEFORE, after).as_json()

    assert (
        found[kind]
        == {
            "added": ["c-1-1-3"],
            "changed": ["c-1-1-1"],
            "moved": ["c-1-1-2"],
            "removed": ["c-1-2-1", "c-2-1-1"],
        }[kind]
    )
