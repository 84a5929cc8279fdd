"""What a person's program can do by the API, and what it is told when something is wrong."""

import io
import json
import re
import zipfile
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import OperationalError
from django.utils import timezone

from content import importing
from content.exporting import reading as exported
from content.models import Note, Quiz, QuizAttempt, Resource, Share
from roadmap_project import api_tokens
from roadmap_project.library import sentences
from roadmap_project.llm import reasons
from roadmap_project.models import ApiToken
from roadmaps import finishing, reshaping
from roadmaps.models import Concept, ConceptProgress, Feedback, Module, OutlineReview, Profile, Roadmap, Step
from roadmaps.steps import draining
from tests.factories import (
    QUESTIONS,
    make_log_entry,
    make_quiz,
    make_resources,
    make_revision,
    make_roadmap,
    make_roadmap_in_review,
    make_tutorial,
    make_user,
    make_written_roadmap,
)
from tests.programs import Program

pytestmark = pytest.mark.django_db

CONCEPT = "roadmaps/{slug}/concepts/c-1-1-1"


@pytest.fixture
def program(person, library) -> Program:
    return Program(person)


@pytest.fixture
def written(person) -> Roadmap:
    """Whose first concept has all three pieces."""
    roadmap = make_written_roadmap(owner=person)
    concept = roadmap.concepts.first()
    make_tutorial(concept=concept)
    make_resources(concept=concept)
    make_quiz(concept=concept)
    return roadmap


def at(roadmap: Roadmap, rest: str = "", *, path: str = CONCEPT) -> str:
    return path.format(slug=roadmap.slug) + rest


def error(response, status: int) -> dict:
    """The error, in the shape that all have."""
    found = response.json()["error"]
    assert response.status_code == status
    assert found["message"]
    assert len(found["request_id"]) >= 8
    return found


# Roadmaps


@pytest.mark.django_db(transaction=True)
def test_a_goal_becomes_a_roadmap_that_is_read_until_its_first_tutorial(program, person):
    started = program("post", "roadmaps", {"goal": "Learn SQL for data analysis", "skips_review": True})
    assert started.status_code == 201
    address = f"roadmaps/{started.json()['slug']}"
    while program("get", address).json()["state"] in (
        "designing",
        "writing",
    ):  # a drain may end early on a slow machine
        draining.drain("workflow")
        draining.drain("content")

    roadmap = program("get", address).json()
    first = roadmap["stages"][0]["modules"][0]["concepts"][0]
    concept = program("get", f"{address}/concepts/{first['key']}").json()

    assert roadmap["state"] == "ready"
    assert roadmap["pieces"] == {"done": roadmap["pieces_all"]}
    assert first["pieces"] == {"tutorial": "done", "resources": "done", "quiz": "done"}
    assert concept["id"] == f"{roadmap['slug']}:{first['key']}"
    assert concept["tutorial"]["markdown"].startswith("## ")
    assert "<h2" in concept["tutorial"]["html"]
    assert concept["resources"]["items"][0]["url"].startswith("https://")
    assert concept["next"]["key"]
    assert roadmap["stages"][-1]["modules"][-1]["concepts"][-1]["prerequisites"]


def test_what_a_goal_leaves_out_is_as_the_profile_says(program, person):
    saved = {"level": "advanced", "hours_per_week": 12, "background": "Perl", "preference": "hands_on"}
    saved |= {"language": "de", "second_language": "fr"}
    Profile.objects.create(user=person, **saved)

    slug = program("post", "roadmaps", {"goal": "Learn SQL"}, Idempotency_Key="mine").json()["slug"]
    other = {"level": "beginner", "hours_per_week": 3, "background": "", "second_language": ""}
    others = program("post", "roadmaps", {"goal": "Learn Go", **other, "language": None}).json()["slug"]
    Profile.objects.update(language="es")
    again = program("post", "roadmaps", {"goal": "Learn SQL"}, Idempotency_Key="mine").json()["slug"]

    assert Roadmap.objects.filter(slug=slug).values(*saved).get() == saved
    assert Roadmap.objects.filter(slug=others).values(*saved).get() == saved | other
    assert again == slug


def test_what_the_form_refuses_the_api_refuses(program):
    past = program("post", "roadmaps", {"goal": "Learn SQL", "deadline": "2020-01-01"})
    assert error(past, 422)["problems"] == [{"field": "deadline", "message": "Choose a day in the future."}]

    assert error(program("post", "roadmaps", {"goal": "  \n "}), 422)["field"] == "goal"
    assert error(program("post", "roadmaps", {"goal": "Learn\x00 SQL"}), 422)["field"] == "goal"
    assert (
        error(program("post", "roadmaps", {"goal": "Learn SQL", "hour_per_week": 3}), 422)["field"] == "hour_per_week"
    )
    several = error(program("post", "roadmaps", {"goal": "", "hours_per_week": 10**30, "level": "guru"}), 422)
    assert {each["field"] for each in several["problems"]} == {"goal", "hours_per_week", "level"}


def test_above_the_limit_of_roadmaps_the_refusal_says_so(program, person, settings):
    settings.MAX_ACTIVE_ROADMAPS = 1
    program("post", "roadmaps", {"goal": "Learn SQL"})

    assert "being made already" in error(program("post", "roadmaps", {"goal": "Learn Go"}), 409)["message"]


def test_an_outline_is_changed_and_approved(program, person, stub):
    roadmap = make_roadmap_in_review(owner=person)

    wanted = program("post", at(roadmap, "/changes", path="roadmaps/{slug}"), {"text": "Less theory"})
    again = program("post", at(roadmap, "/changes", path="roadmaps/{slug}"), {"text": "Less theory"})

    assert wanted.status_code == again.status_code == 202
    assert wanted.json() == again.json()
    assert Feedback.objects.get().text == "Less theory"
    shown = program("get", at(roadmap, path="roadmaps/{slug}")).json()
    assert shown["state"] == "designing"
    assert [each["state"] for each in shown["changes"]] == ["working"]
    assert shown["review"]["is_reviewed"]
    assert "Designing" in error(program("post", at(roadmap, "/approve", path="roadmaps/{slug}")), 409)["message"]

    other = make_roadmap_in_review(owner=person)
    outdated = program("post", at(other, "/approve", path="roadmaps/{slug}"), {"seen_version": 2})
    assert "changed meanwhile" in error(outdated, 409)["message"]
    approved = program("post", at(other, "/approve", path="roadmaps/{slug}"), {"seen_version": 1})
    assert approved.json()["state"] == "writing"
    assert approved.json()["pieces_all"] == other.concepts.count() * 3


def test_an_outline_that_was_not_reviewed_is_reviewed_when_asked_for(program, person):
    roadmap = make_roadmap_in_review(owner=person, is_reviewed=False)

    asked = program("post", at(roadmap, "/review", path="roadmaps/{slug}"))

    assert (asked.status_code, asked.json()["state"]) == (202, "designing")
    reviewed = make_roadmap_in_review(owner=person)
    error(program("post", at(reviewed, "/review", path="roadmaps/{slug}")), 409)


def test_hours_and_deadline_of_a_roadmap_are_changed(program, written):
    address, soon = at(written, path="roadmaps/{slug}"), timezone.localdate() + timedelta(days=30)

    changed = program("patch", address, {"hours_per_week": 2, "deadline": f"{soon}"})
    hours_alone = program("patch", address, {"hours_per_week": 3}).json()
    without = program("patch", address, {"deadline": None}).json()

    assert changed.status_code == 200
    assert (changed.json()["hours_per_week"], changed.json()["deadline"], changed.json()["weeks"]) == (2, f"{soon}", 3)
    assert (hours_alone["hours_per_week"], hours_alone["deadline"]) == (3, f"{soon}")
    assert (without["hours_per_week"], without["deadline"]) == (3, None)
    past = error(program("patch", address, {"deadline": "2020-01-01"}), 422)
    assert past["problems"] == [{"field": "deadline", "message": "Choose a day in the future."}]
    assert error(program("patch", address, {"hours_per_week": 0}), 422)["field"] == "hours_per_week"


def test_wishes_of_a_roadmap_are_changed_one_by_one(program, written):
    address = at(written, path="roadmaps/{slug}")
    wishes = {"motivation": "A new job", "preference": "visual", "second_language": "de"}

    for name, value in wishes.items():
        assert program("patch", address, {name: value}).status_code == 200
    program("patch", address, {"second_language": ""})

    read = program("get", address).json()
    assert {name: read[name] for name in wishes} == {**wishes, "second_language": ""}
    assert (read["hours_per_week"], read["deadline"]) == (6, None)
    assert error(program("patch", address, {"preference": "dance"}), 422)["field"] == "preference"


def test_a_languages_name_becomes_its_code_as_on_the_pages(program, written):
    started = program("post", "roadmaps", {"goal": "Learn SQL", "language": "French", "second_language": "Deutsch"})
    profile = program("patch", "account/profile", {"language": "español", "second_language": "Klingon"}).json()
    program("patch", at(written, path="roadmaps/{slug}"), {"second_language": "italian"})

    wanted = Roadmap.objects.get(slug=started.json()["slug"])
    assert (wanted.language, wanted.second_language) == ("fr", "de")
    assert (profile["language"], profile["second_language"]) == ("es", "Klingon")
    assert program("get", at(written, path="roadmaps/{slug}")).json()["second_language"] == "it"
    assert error(program("patch", "account/profile", {"language": " "}), 422)["field"] == "language"


def test_a_deleted_roadmap_is_taken_back(program, written, person):
    address = at(written, path="roadmaps/{slug}")
    Roadmap.objects.filter(pk=make_roadmap().pk).update(deleted_at=timezone.now())  # somebody else's
    program("delete", address)

    listed = program("get", "roadmaps/deleted").json()
    taken_back = program("post", f"{address}/take-back")

    assert [each["slug"] for each in listed["items"]] == [written.slug]
    assert listed["items"][0]["gone_at"] > listed["items"][0]["deleted_at"]
    assert (taken_back.status_code, taken_back.json()["slug"]) == (200, written.slug)
    assert program("post", f"{address}/take-back").json()["slug"] == written.slug
    assert program("get", "roadmaps/deleted").json()["items"] == []
    assert program("get", address).json()["state"] == "ready"


def test_work_is_stopped_and_taken_up_again(program, person):
    roadmap = make_written_roadmap(owner=person, state=Roadmap.State.WRITING, steps=Step.State.WAITING)

    stopped = program("post", at(roadmap, "/cancel", path="roadmaps/{slug}")).json()
    taken_up = program("post", at(roadmap, "/retry", path="roadmaps/{slug}")).json()

    assert (stopped["state"], taken_up["state"]) == ("cancelled", "writing")


def test_the_outlines_versions_are_listed_and_read(program, written):
    make_revision(roadmap=written, number=2, author="hand", reason="Shorter", changes={"removed": ["c-1-1-4"]})

    listed = program("get", at(written, "/outlines", path="roadmaps/{slug}")).json()["items"]
    second = program("get", at(written, "/outlines/2", path="roadmaps/{slug}")).json()

    assert [(each["number"], each["author"]) for each in listed] == [(2, "hand"), (1, "design")]
    assert second["changes"] == {"removed": ["c-1-1-4"]}
    assert second["tree"]["stages"][0]["modules"][0]["concepts"][0]["key"] == "c-1-1-1"
    error(program("get", at(written, "/outlines/3", path="roadmaps/{slug}")), 404)


def test_a_version_of_the_outline_is_taken_back(program, person):
    roadmap = make_roadmap_in_review(owner=person, concepts=3)
    reshaping.remove(roadmap.pk, seen_version=1, by=person, part="c-1-1-3")
    first = at(roadmap, "/outlines/1/restore", path="roadmaps/{slug}")

    outdated = program("post", first, {"seen_version": 1})
    restored = program("post", first, {"seen_version": 2}).json()

    assert "changed meanwhile" in error(outdated, 409)["message"]
    assert (restored["number"], restored["author"]) == (3, "hand")
    assert restored["changes"]["added"] == ["c-1-1-3"]
    assert roadmap.concepts.filter(key="c-1-1-3").exists()
    error(program("post", at(roadmap, "/outlines/9/restore", path="roadmaps/{slug}"), {"seen_version": 3}), 409)


def test_the_log_is_read_by_level_step_and_concept_with_durations_and_what_follows(program, written):
    concept = written.concepts.first()
    make_log_entry(roadmap=written, event="roadmap_started", step_kind="design", details={"seconds": 7.5})
    make_log_entry(roadmap=written, event="tutorial_saved", step_kind="tutorial", concept=concept)
    make_log_entry(roadmap=written, event="step_put_back", step_kind="quiz", concept=concept, level="warning")
    make_log_entry(
        roadmap=written, event="tutorial_save_failed", step_kind="tutorial", concept=concept, level="error",
        details={"next": "It is tried again."},
    )  # fmt: skip

    def lines(query: str = "") -> list[dict[str, Any]]:
        return program("get", at(written, f"/log?{query}", path="roadmaps/{slug}")).json()["items"]

    def events(query: str = "") -> list[str]:
        return sorted(each["event"] for each in lines(query))

    assert len(events()) == 4
    assert events("level=error") == ["tutorial_save_failed"]
    assert events("level=warning") == ["step_put_back", "tutorial_save_failed"]
    assert events("step=tutorial") == ["tutorial_save_failed", "tutorial_saved"]
    assert events("concept=c-1-1-1&level=info") == ["step_put_back", "tutorial_save_failed", "tutorial_saved"]
    assert events("concept=c-1-1-2") == []
    assert [(each["seconds"], each["next"]) for each in lines("step=design")] == [(7.5, "")]
    assert [(each["seconds"], each["next"]) for each in lines("level=error")] == [(None, "It is tried again.")]
    for nonsense in ("level=fatal", "step=dance"):
        error(program("get", at(written, f"/log?{nonsense}", path="roadmaps/{slug}")), 422)


def test_a_poller_is_told_when_nothing_changed(program, written, django_assert_num_queries):
    address = at(written, path="roadmaps/{slug}")
    tag = program("get", address).headers["ETag"]

    with django_assert_num_queries(4):  # the token, the roadmap, two for the tag
        unchanged = program("get", address, If_None_Match=tag)
    program("put", at(written, "/learned"))
    changed = program("get", address, If_None_Match=tag)

    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert changed.status_code == 200
    assert changed.json()["concepts_learned"] == 1


# Where one is


def test_where_a_learner_is_and_what_comes_next_and_why(program, person):
    roadmap = make_written_roadmap(owner=person, stages=2, concepts=2)
    roadmap.concepts.get(key="c-2-1-1").prerequisites.add(roadmap.concepts.get(key="c-1-1-2"))
    Roadmap.objects.update(hours_per_week=3, deadline=timezone.localdate() + timedelta(days=7))
    address = at(roadmap, path="roadmaps/{slug}")
    program("put", at(roadmap, "/learned"))

    progress = program("get", address).json()["progress"]

    assert progress["next"] == {
        "key": "c-1-1-2",
        "name": "Concept 2",
        "hours": 1.5,
        "builds_on": [{"key": "c-1-1-1", "name": "Concept 1"}],
        "opens": [{"key": "c-2-1-1", "name": "Concept 3"}],
        "is_needed": True,
    }
    assert (progress["goal"], progress["hours_left"], progress["pace"]) == ("Stage 2", 4.5, 3)
    assert progress["done_on"] == f"{timezone.localdate() + timedelta(days=11)}"
    assert (progress["verdict"], progress["days_late"], progress["hours_needed"]) == ("late", 4, 5)
    Concept.prerequisites.through.objects.filter(from_concept__key="c-2-1-1").delete()
    assert program("get", address).json()["progress"]["next"]["is_needed"] is False
    program("patch", address, {"hours_per_week": 5})
    assert program("get", address).json()["progress"]["verdict"] == "in_time"
    roadmap.concepts.filter(key="c-2-1-2").update(hours=9000)
    far = program("get", address).json()["progress"]
    assert (far["verdict"], far["done_on"], far["days_late"]) == ("late", None, 0)
    program("patch", address, {"deadline": None})
    assert program("get", address).json()["progress"]["verdict"] == "no_deadline"
    for concept in roadmap.concepts.all():
        program("put", at(roadmap, f"/concepts/{concept.key}/learned", path="roadmaps/{slug}"))
    done = program("get", address).json()["progress"]
    assert (done["verdict"], done["next"], done["done_on"]) == ("learned", None, None)
    assert program("get", at(make_roadmap(owner=person), path="roadmaps/{slug}")).json()["progress"] is None


def learn_another_instead(program, written):
    program("delete", at(written, "/learned"))
    program("put", f"roadmaps/{written.slug}/concepts/c-1-1-2/learned")


def answer_the_quiz(program, written):
    program("post", at(written, "/attempts"), {"version": 1, "answers": [{"question": 0, "chosen": [0]}]})


@pytest.mark.parametrize("change", [learn_another_instead, answer_the_quiz])
def test_a_poller_hears_of_what_was_learned_or_answered_however_many_there_are(program, written, change):
    address = at(written, path="roadmaps/{slug}")
    program("put", at(written, "/learned"))
    tag = program("get", address).headers["ETag"]

    change(program, written)

    assert program("get", address, If_None_Match=tag).status_code == 200


def test_a_poller_hears_of_a_new_day(program, written):
    """The finishing date moves with it."""
    address = at(written, path="roadmaps/{slug}")
    tag = program("get", address).headers["ETag"]

    with time_machine.travel(timezone.now() + timedelta(days=1)):
        assert program("get", address, If_None_Match=tag).status_code == 200


def test_what_a_roadmap_will_take_is_told_before_it_is_started(program, settings):
    library = program("get", "estimate").json()
    settings.LLM_PROVIDER, settings.OPENAI_MODEL, settings.LLM_PRICES_ARE_SET = "openai", "some-model", True
    model = program("get", "estimate").json()
    settings.LLM_PRICES_ARE_SET = False
    unpriced = program("get", "estimate").json()

    assert (library["provider"], library["models"], library["cost"]) == ("library", [], {"least": 0, "most": 0})
    assert library["pieces"] == {"least": 24, "most": 90}
    assert (model["provider"], model["models"]) == ("openai", ["some-model"])
    assert 0 < model["cost"]["least"] < model["cost"]["most"]
    assert model["design_minutes"] >= 1
    assert model["tokens"]["most"] > 100_000
    assert (unpriced["cost"], unpriced["is_measured"]) == (None, False)


# Versions against each other


def test_versions_of_an_outline_are_compared_in_the_readers_language(program, person):
    roadmap = make_roadmap_in_review(owner=person, concepts=3)
    reshaping.remove(roadmap.pk, seen_version=1, by=person, part="c-1-1-3")
    first = at(roadmap, "/outlines/1/difference", path="roadmaps/{slug}")

    forward = program("get", first).json()
    same = program("get", f"{first}?to=1").json()
    chinese = program("get", first, Accept_Language="zh-CN").json()

    gone = {"kind": "removed", "name": "Concept 3", "key": "c-1-1-3", "details": ["in “Stage 1 › Module 1.1”"]}
    assert forward == {"before": 1, "after": 2, "changes": [gone]}
    assert same["changes"] == []
    assert re.search("[\u4e00-\u9fff]", chinese["changes"][0]["details"][0])
    error(program("get", f"{first}?to=9"), 404)
    assert error(program("get", f"{first}?to=x"), 422)["field"] == "to"


def test_versions_of_a_piece_are_compared(program, written):
    make_tutorial(concept=written.concepts.first(), version=2, markdown="## Overview\n\nRead *that*.")
    first = at(written, "/pieces/tutorial/versions/1/difference")

    found = program("get", first).json()

    assert (found["before"], found["after"]) == (1, 2)
    spans = [(each["kind"], each["text"]) for line in found["lines"] for each in line["spans"]]
    assert ("removed", "*this*.") in spans
    assert ("added", "*that*.") in spans
    assert program("get", f"{first}?to=1").json()["lines"] == []
    error(program("get", at(written, "/pieces/tutorial/versions/3/difference")), 404)
    make_quiz(concept=written.concepts.first(), version=2, questions=QUESTIONS[:1])
    assert "explained" not in program("get", at(written, "/pieces/quiz/versions/1/difference")).content.decode()


# Concepts


def test_a_concept_is_marked_as_learned_and_not(program, written, person):
    first, second = (program("put", at(written, "/learned")).json() for _ in range(2))
    assert first["is_learned"]
    assert first == second
    assert program("get", at(written)).json()["is_learned"]
    assert not program("delete", at(written, "/learned")).json()["is_learned"]
    assert ConceptProgress.objects.get().done_at is None


def test_a_note_that_was_changed_since_it_was_read_is_not_written_over(program, written):
    read = program("put", at(written, "/note"), {"text": "first"}).json()["saved_at"]
    assert program("put", at(written, "/note"), {"text": "second", "since": read}).status_code == 200

    refused = program("put", at(written, "/note"), {"text": "third", "since": read})

    assert "changed elsewhere" in error(refused, 409)["message"]
    assert program("get", at(written, "/note")).json()["text"] == "second"
    assert program("put", at(written, "/note"), {"text": "third"}).status_code == 200


def test_a_note_that_is_there_is_not_saved_again(program, written):
    read, again = (program("put", at(written, "/note"), {"text": "first"}).json()["saved_at"] for _ in range(2))

    assert read == again
    assert program("put", at(written, "/note"), {"text": "second", "since": read}).status_code == 200


def test_a_note_is_kept(program, written):
    assert program("get", at(written, "/note")).json() == {"text": "", "saved_at": None}

    program("put", at(written, "/note"), {"text": "first"})
    program("put", at(written, "/note"), {"text": "second\nline"})

    assert program("get", at(written, "/note")).json()["text"] == "second\nline"
    assert Note.objects.count() == 1
    assert error(program("put", at(written, "/note"), {"text": "x" * 20_001}), 422)["field"] == "text"
    assert error(program("put", at(written, "/note"), {"text": "\ud800"}), 422)["field"] == "text"


def test_a_broken_link_is_reported(program, written):
    link = Resource.objects.first()

    assert program("post", at(written, f"/resources/{link.pk}/report")).json()["reported_at"]
    error(program("post", at(written, "/resources/999999999999999999/report")), 404)


def test_G3_before_answering_nothing_says_what_is_right(program, written):
    make_quiz(concept=written.concepts.first(), version=2)
    addresses = (
        at(written),
        at(written, "/quiz"),
        at(written, "/pieces/quiz/versions/1"),
        at(written, "/pieces/quiz/versions/2"),
        at(written, "/pieces/quiz/versions"),
        at(written, path="roadmaps/{slug}"),
    )
    seen = [program("get", each) for each in addresses]
    seen.append(program("post", at(written, "/pieces/quiz/versions/1/restore")))

    for response in seen:
        assert response.status_code == 200
        assert "explained" not in response.content.decode()
        assert '"correct"' not in response.content.decode()
        assert "is_correct" not in response.content.decode()


def test_a_quiz_is_answered_and_the_attempt_is_kept(program, written, person):
    asked = program("get", at(written, "/quiz")).json()
    answers = [{"question": 0, "chosen": [1]}, {"question": 1, "chosen": [0]}]

    attempt = program("post", at(written, "/attempts"), {"version": asked["version"], "answers": answers})

    assert attempt.status_code == 201
    marked = attempt.json()
    assert (marked["right"], marked["total"]) == (1, 2)
    assert [each["is_right"] for each in marked["answers"]] == [True, False]
    assert marked["answers"][1]["explanation"] == "Because odd-explained."
    assert [each["is_correct"] for each in marked["answers"][1]["options"]] == [True, False, True, False]
    assert program("get", at(written, f"/attempts/{marked['id']}")).json() == marked
    assert program("get", at(written, "/attempts")).json()["items"][0]["id"] == marked["id"]
    assert program("get", at(written, "/quiz")).json()["missed"] == [1]
    assert QuizAttempt.objects.get().user == person


def test_results_and_weak_questions_are_read_all_over_a_roadmap(program, written, person):
    last = written.concepts.last()
    make_quiz(concept=last)
    make_quiz(concept=written.concepts.all()[1])
    address = at(written, "/quizzes", path="roadmaps/{slug}")
    assert program("get", address).json() == {"right": 0, "wrong": 0, "concepts": [], "missed": []}
    both = {"answers": [{"question": 0, "chosen": [1]}, {"question": 1, "chosen": [0]}]}
    program("post", at(written, "/attempts"), both)
    of_the_last = at(written, f"/concepts/{last.key}/attempts", path="roadmaps/{slug}")
    program("post", of_the_last, {"answers": [{"question": 2, "chosen": [0]}]})

    found = program("get", address).json()

    assert (found["right"], found["wrong"]) == (1, 2)
    assert [(each["key"], each["right"], each["wrong"], each["questions"]) for each in found["concepts"]] == [
        ("c-1-1-1", 1, 1, 3),
        ("c-1-1-3", 0, 1, 3),
    ]
    assert [(each["concept"], each["position"], each["version"]) for each in found["missed"]] == [
        ("c-1-1-1", 1, 1),
        ("c-1-1-3", 2, 1),
    ]
    assert "explained" not in json.dumps(found)
    program("post", at(written, "/attempts"), {"answers": [{"question": 1, "chosen": [0, 2]}]})
    assert [each["concept"] for each in program("get", address).json()["missed"]] == ["c-1-1-3"]


def test_an_earlier_version_of_a_quiz_can_be_answered_and_an_unknown_one_not(program, written):
    make_quiz(concept=written.concepts.first(), version=2)
    answers = [{"question": 0, "chosen": [1]}]

    assert program("post", at(written, "/attempts"), {"version": 1, "answers": answers}).json()["version"] == 1
    assert program("post", at(written, "/attempts"), {"answers": answers}).json()["version"] == 2
    error(program("post", at(written, "/attempts"), {"version": 3, "answers": answers}), 404)
    assert error(program("post", at(written, "/attempts"), {"answers": []}), 422)["field"] == "answers"
    kept = QuizAttempt.objects.count()
    for place, wrong in (
        ("0.question", [{"question": 7, "chosen": [1]}]),
        ("0.chosen", [{"question": 0, "chosen": [0, 99]}]),
        ("0.chosen", [{"question": 0, "chosen": [-1]}]),
        ("1.question", [{"question": 0, "chosen": [1]}, {"question": 0, "chosen": [0]}]),
    ):
        refused = program("post", at(written, "/attempts"), {"answers": wrong})
        assert error(refused, 422)["field"] == f"answers.{place}"
    assert QuizAttempt.objects.count() == kept


def test_a_piece_is_written_again_as_wished(program, written):
    wished = program("post", at(written, "/pieces/quiz/regenerate"), {"wish": "harder"})

    assert wished.status_code == 202
    assert wished.json() == {"kind": "quiz", "state": "waiting", "wish": "harder"}
    pieces = {each["kind"]: each for each in program("get", at(written)).json()["pieces"]}
    assert pieces["quiz"]["state"] == "waiting"
    assert pieces["quiz"]["version"] == 1  # which stays readable
    error(program("post", at(written, "/pieces/poem/regenerate"), {}), 422)


def test_a_version_is_taken_back(program, written):
    make_tutorial(concept=written.concepts.first(), version=2, markdown="Worse.")

    restored = program("post", at(written, "/pieces/tutorial/versions/1/restore")).json()
    listed = program("get", at(written, "/pieces/tutorial/versions")).json()["items"]

    assert (restored["version"], restored["is_current"]) == (3, True)
    assert restored["tutorial"]["markdown"].startswith("## Overview")
    assert [(each["version"], each["is_current"]) for each in listed] == [(3, True), (2, False), (1, False)]
    error(program("post", at(written, "/pieces/tutorial/versions/9/restore")), 404)


# Taking away, bringing in, sharing


@pytest.mark.parametrize(("name", "begins"), [("epub", b"PK"), ("markdown", b"PK"), ("anki", b"#"), ("json", b"{")])
def test_a_roadmap_is_taken_away(program, written, name, begins):
    file = program("get", at(written, f"/export/{name}", path="roadmaps/{slug}"))

    assert file.status_code == 200
    assert file.content.startswith(begins)
    assert written.slug in file.headers["Content-Disposition"]


def test_what_was_taken_away_is_brought_in(program, written, person):
    Module.objects.update(description="What belongs together.")
    file = exported.for_owner(written).model_dump_json().encode()

    brought = program("post", "roadmaps/import", file, Idempotency_Key="once")
    again = program("post", "roadmaps/import", file, Idempotency_Key="once")

    assert brought.status_code == 201, brought.content
    assert brought.json() == again.json()
    assert brought.json()["title"] == written.title
    assert person.roadmaps.count() == 2
    error(program("post", "roadmaps/import", file + b" ", Idempotency_Key="once"), 422)


def test_what_cannot_be_brought_in_is_told_with_its_place(program, person):
    wrong = error(program("post", "roadmaps/import", {"format": "roadmap", "version": 1, "goal": "x"}), 422)

    assert {each["field"] for each in wrong["problems"]} == {"title", "stages"}
    no_json = error(program("post", "roadmaps/import", b"{"), 422)
    assert no_json["problems"] == [
        {"field": "", "message": "This is not JSON. The text ends too early. (Line 1, column 1.)"}
    ]
    error(program("post", "roadmaps/import", b"[" * 100_000), 422)
    assert error(program("post", "roadmaps/import", b" " * (importing.MOST_BYTES + 1)), 413)["code"] == "too_large"
    assert not person.roadmaps.exists()


def test_a_roadmap_is_shared_copied_and_not_shared_any_more(program, written):
    error(program("get", at(written, "/share", path="roadmaps/{slug}")), 404)
    link = program("put", at(written, "/share", path="roadmaps/{slug}")).json()
    assert program("put", at(written, "/share", path="roadmaps/{slug}")).json() == link
    assert link["url"].endswith(f"/shared/{link['token']}/")

    reader = make_user()
    copied = Program(reader)("post", f"shared/{link['token']}/copy")
    assert copied.status_code == 201
    assert reader.roadmaps.get().slug == copied.json()["slug"]

    assert program("delete", at(written, "/share", path="roadmaps/{slug}")).status_code == 204
    error(Program(reader)("post", f"shared/{link['token']}/copy"), 404)
    assert not Share.objects.exists()


def test_a_program_is_told_in_which_language_texts_are_written(program, written):
    """The library's are in English, whatever was wished."""
    Roadmap.objects.update(language="zh", origin=reasons.FROM_THE_LIBRARY)
    token = program("put", at(written, "/share", path="roadmaps/{slug}")).json()["token"]

    assert program("get", f"shared/{token}").json()["language"] == "en"
    one, listed = program("get", at(written, path="roadmaps/{slug}")).json(), program("get", "roadmaps").json()
    for own in (one, listed["items"][0]):
        assert (own["language"], own["written_in"]) == ("zh", "en")


def test_a_program_learns_who_answers_and_how_much_is_left(program, person, settings):
    settings.MAX_ACTIVE_ROADMAPS = 3
    make_roadmap(owner=person)

    about = program("get", "about").json()

    assert about["username"] == "ada"
    assert about["provider"]["name"] == "library"
    assert {"python-programming"} <= {each["key"] for each in about["provider"]["subjects"]}
    assert (about["limits"]["roadmaps_being_made"], about["limits"]["most_roadmaps_being_made"]) == (1, 3)


# The door


def test_wrong_methods_addresses_and_bodies_have_proper_errors(program, written):
    wrong = program("patch", "roadmaps", {})
    assert error(wrong, 405)["code"] == "method_not_allowed"
    assert wrong.headers["Allow"] == "GET, HEAD, POST"
    for path in (
        "nowhere",
        "roadmaps/a b",
        "roadmaps/%00",
        "roadmaps/x/concepts/c-1",
        "roadmaps/x/outlines/" + "9" * 30,
    ):
        error(program("get", path), 404)
    for body in (b"{", b"\xff\xfe", b"[" * 100_000, b'{"goal": NaN', b"1" * 5000):
        error(program("post", "roadmaps", body), 400)
    for body in (b"[]", b"null", b'"x"', b"{}"):
        error(program("post", "roadmaps", body), 422)
    error(program("post", "roadmaps"), 422)


def test_only_json_is_taken_and_not_too_much_of_it(program):
    form = program.client.post("/api/v1/roadmaps", {"goal": "Learn SQL"})
    assert error(form, 415)["code"] == "unsupported_media_type"
    error(program("post", "roadmaps", b'{"goal": "' + b"x" * 3_000_000 + b'"}'), 413)
    error(program("post", "roadmaps/import", b"x", Content_Length="99999999999"), 413)


def test_while_the_database_cannot_be_reached_programs_are_told_so(person, library, monkeypatch):
    program = Program(person, raise_request_exception=False)

    def unreachable(secret: str) -> None:
        raise OperationalError("too many clients")

    monkeypatch.setattr(api_tokens, "find", unreachable)
    response = program("get", "roadmaps")

    assert error(response, 503)["code"] == "unavailable"
    assert response.headers["Retry-After"] == "10"


def test_what_breaks_is_told_in_the_same_shape(person, library, monkeypatch):
    program = Program(person, raise_request_exception=False)

    def broken(secret: str) -> None:
        raise ValueError("nobody's business")

    monkeypatch.setattr(api_tokens, "find", broken)

    assert "nobody" not in json.dumps(error(program("get", "roadmaps"), 500))


def test_a_profile_is_read_and_changed_and_everything_taken_away(program, written, person):
    assert program("get", "account/profile").json()["hours_per_week"] == 6
    changed = program("patch", "account/profile", {"hours_per_week": 9, "interface_language": "zh-hans"})
    assert changed.status_code == 200
    assert program("patch", "account/profile", {"gets_mail": False}).json()["hours_per_week"] == 9
    assert error(program("patch", "account/profile", {"hours_per_week": 0}), 422)["field"] == "hours_per_week"
    assert error(program("patch", "account/profile", {"password": "x"}), 422)["field"] == "password"

    kept = Profile.objects.get(user=person)
    assert (kept.hours_per_week, kept.interface_language, kept.gets_mail) == (9, "zh-hans", False)
    everything = program("get", "account/everything")
    with zipfile.ZipFile(io.BytesIO(b"".join(everything.streaming_content))) as archive:
        assert json.loads(archive.read("account.json"))["profile"]["hours_per_week"] == 9
        assert f"roadmaps/{written.slug}/roadmap.json" in archive.namelist()


def test_an_account_is_deleted_with_its_password_alone(program, written, person):
    other = make_roadmap()
    assert error(program("post", "account/delete", {"password": "guessed"}), 422)["field"] == "password"
    assert Roadmap.objects.filter(pk=written.pk).exists()

    assert program("post", "account/delete", {"password": "correct horse battery"}).status_code == 204

    assert list(Roadmap.objects.all()) == [other]
    error(program("get", "about"), 401)


def test_guessing_the_password_by_api_counts_as_at_the_sign_in(program, person, settings):
    settings.SIGN_INS_PER_ACCOUNT = 1
    error(program("post", "account/delete", {"password": "guessed"}), 422)

    refused = program("post", "account/delete", {"password": "correct horse battery"})

    assert "Ask again in" in error(refused, 429)["message"]
    assert 0 < int(refused.headers["Retry-After"]) <= 15 * 60
    assert type(person).objects.filter(pk=person.pk).exists()


def test_sentences_for_people_are_in_the_language_that_the_request_asks_for(program, written, person):
    reason = reasons.ANSWERED % {"status": 500, "message": "oops"}
    Step.objects.filter(kind="quiz").update(state=Step.State.FAILED, last_error=reason)
    Roadmap.objects.update(notice=finishing.SOME_WRITTEN % {"done": 1, "all": 2, "missing": 1}, origin="By hand.")
    Roadmap.objects.update(rationale="By hand.\n" + sentences.LEFT_OUT % {"names": "joins"})
    too_long = {"severity": "warning", "location": "outline", "issue": sentences.TOO_LONG % {"hours": 9, "budget": 2}}
    time = {"score": 22, "reason": sentences.TIME % {"hours": 9, "budget": 2}}
    reviewed = make_roadmap_in_review(owner=person)
    OutlineReview.objects.update(issues=[too_long], scores={"user_alignment": time})

    found = program("get", at(written, path="roadmaps/{slug}"), Accept_Language="zh-CN,zh;q=0.9").json()
    plain = program("get", at(written, path="roadmaps/{slug}")).json()
    review = program("get", at(reviewed, path="roadmaps/{slug}"), Accept_Language="zh-CN,zh;q=0.9").json()["review"]

    assert found["failures"][0]["reason"] == "服务商返回 500：oops"
    assert plain["failures"][0]["reason"] == reason
    assert re.search("[\u4e00-\u9fff]", found["notice"])
    assert not re.search("[\u4e00-\u9fff]", plain["notice"])
    assert found["origin"] == "By hand."
    assert found["rationale"] == "By hand.\n去掉：joins。"
    assert review["issues"][0]["issue"] == "9 小时的学习内容超出了 2 小时的可用时间。"
    assert review["scores"]["user_alignment"]["reason"] == "学习需要 9 小时，可用时间 2 小时。"


def test_a_token_that_asks_too_often_waits(person, library, settings):
    settings.API_REQUESTS_PER_TOKEN = 2
    program, other = Program(person), Program(person)

    answers = [program("get", "about") for _ in range(3)]

    assert [each.status_code for each in answers] == [200, 200, 429]
    assert error(answers[-1], 429)["code"] == "too_many_requests"
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60
    assert other("get", "about").status_code == 200


def test_an_address_that_asks_too_often_waits_whatever_its_tokens(person, library, settings):
    settings.API_REQUESTS_PER_ADDRESS, settings.TRUSTED_PROXIES = 2, 1

    def ask(address: str) -> int:
        return Program()("get", "about", X_Forwarded_For=address).status_code

    assert [ask("192.0.2.1") for _ in range(3)] == [401, 401, 429]
    assert ask("192.0.2.2") == 401


def test_changes_are_counted_for_the_person_and_reading_goes_on(person, library, settings, written):
    settings.API_CHANGES_PER_PERSON = 2
    programs = [Program(person), Program(person)]

    with time_machine.travel(timezone.now(), tick=False) as now:
        changes = [each("put", at(written, "/learned")) for each in [*programs, programs[0]]]
        assert [each.status_code for each in changes] == [200, 200, 429]
        assert int(changes[-1].headers["Retry-After"]) == 900
        assert programs[0]("get", "roadmaps").status_code == 200
        now.shift(901)
        assert programs[0]("put", at(written, "/learned")).status_code == 200


@pytest.mark.parametrize(
    ("path", "queries"),
    [
        ("roadmaps", 2),
        ("roadmaps/deleted", 2),
        ("roadmaps/{slug}", 13),
        ("roadmaps/{slug}/quizzes", 8),
        ("roadmaps/{slug}/outlines", 3),
        ("roadmaps/{slug}/outlines/1", 3),
        ("roadmaps/{slug}/outlines/1/difference", 4),
        ("roadmaps/{slug}/log", 3),
        (CONCEPT, 16),
        (CONCEPT + "/quiz", 6),
        (CONCEPT + "/attempts", 3),
        (CONCEPT + "/pieces/quiz/versions", 3),
        (CONCEPT + "/pieces/quiz/versions/1", 4),
        (CONCEPT + "/pieces/quiz/versions/1/difference", 6),
        ("about", 5),
    ],
)
def test_the_number_of_queries_is_the_same_however_much_there_is(
    program, person, path, queries, django_assert_num_queries
):
    def fill(stages: int) -> Roadmap:
        roadmap = make_written_roadmap(owner=person, stages=stages, modules=2)
        for concept in roadmap.concepts.all():
            make_tutorial(concept=concept)
            make_resources(concept=concept)
            make_quiz(concept=concept)
        for number in range(2, 2 + stages):
            make_revision(roadmap=roadmap, number=number)
            make_log_entry(roadmap=roadmap, concept=roadmap.concepts.first())
            quiz = Quiz.objects.get(concept__roadmap=roadmap, concept__key="c-1-1-1")
            QuizAttempt.objects.create(quiz=quiz, user=person, answers={"0": [1]}, right=1, total=1)
        return roadmap

    small, large = fill(1), fill(3)
    program("get", "about")  # the token's use is noted, the library read

    for roadmap in (small, large):
        with django_assert_num_queries(queries):
            assert program("get", at(roadmap, path=path)).status_code == 200


# What is said about it


def test_the_document_and_its_page_are_for_everybody_and_hold_examples(client):
    document = client.get("/api/v1/openapi.json").json()
    page = client.get("/api/v1/docs").content.decode()

    assert document["openapi"].startswith("3.1")
    assert document["components"]["schemas"]["NewRoadmap"]["properties"]["goal"]["examples"]
    for methods in document["paths"].values():
        for operation in methods.values():
            assert operation["summary"] in page.replace("&#x27;", "'")
            assert "401" in operation["responses"]
    assert "<script>" not in page
    assert "style=" not in page


def test_an_expired_token_and_a_locked_out_persons_open_nothing(program, person):
    assert program("get", "about").status_code == 200
    ApiToken.objects.update(expires_at=timezone.now())
    error(program("get", "about"), 401)
    ApiToken.objects.update(expires_at=None)
    person.is_active = False
    person.save()
    error(program("get", "about"), 401)
