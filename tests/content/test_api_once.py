"""A request that is sent twice under one key changes things once, whatever it asks for."""

import threading
import time
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection, connections
from django.utils import timezone

from content import rendering, sharing
from content.api import once
from content.api.urls import api
from content.exporting import reading as exported
from content.models import QuizAttempt, Tutorial
from roadmap_project import tasks, throttling
from roadmap_project.models import KeyedRequest, SignInTries
from roadmaps import erasing
from roadmaps.models import Roadmap
from tests.content.test_api import CONCEPT, at, error
from tests.engine import waiting_for_locks
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

GOAL = {"goal": "Learn SQL"}
WITHOUT_A_KEY = {"delete_account"}  # its guesses of the password count, and nobody is left to be answered again


@pytest.fixture
def program(person, library) -> Program:
    return Program(person)


def posts() -> dict[str, list[str]]:
    """Names of the parameters of every POST, by operation."""
    return {
        methods["post"]["operationId"]: [each["name"] for each in methods["post"]["parameters"]]
        for methods in api.document["paths"].values()
        if "post" in methods
    }


def test_every_post_takes_a_key():
    without = {name for name, parameters in posts().items() if "Idempotency-Key" not in parameters}

    assert without == WITHOUT_A_KEY
    assert len(posts()) > 14


def test_the_same_key_makes_one_roadmap(program, person):
    first = program("post", "roadmaps", GOAL, Idempotency_Key="mine")
    again = program("post", "roadmaps", GOAL, Idempotency_Key="mine")
    strangers = Program(make_user())("post", "roadmaps", GOAL, Idempotency_Key="mine")

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert person.roadmaps.count() == 1
    assert strangers.json()["slug"] != first.json()["slug"]


def test_the_same_key_with_something_else_is_refused(program, person, written):
    program("post", "roadmaps", GOAL, Idempotency_Key="mine")

    others = [
        program("post", "roadmaps", {"goal": "Learn Go"}, Idempotency_Key="mine"),
        program("post", at(written, "/retry", path="roadmaps/{slug}"), Idempotency_Key="mine"),
    ]

    for each in others:
        refused = error(each, 422)
        assert (refused["code"], refused["field"]) == ("key_used_otherwise", "Idempotency-Key")
    assert person.roadmaps.count() == 2
    for key in ("", "x" * 256, "a b"):
        assert error(program("post", "roadmaps", GOAL, Idempotency_Key=key), 422)["field"] == "Idempotency-Key"


@pytest.fixture
def written(person) -> Roadmap:
    roadmap = make_written_roadmap(owner=person)
    concept = roadmap.concepts.first()
    make_tutorial(concept=concept)
    make_tutorial(concept=concept, version=2)
    make_resources(concept=concept)
    make_quiz(concept=concept)
    return roadmap


def test_what_has_no_natural_bound_happens_once(program, person, written):
    reviewed = make_roadmap_in_review(owner=person)
    concept = {"name": "New", "description": "One more.", "hours": 1}
    part = {"seen_version": 1, "into": "m-1-1", "concept": concept}
    requests = [
        (at(written, "/attempts"), {"answers": [{"question": 0, "chosen": [1]}]}),
        (at(written, "/pieces/tutorial/versions/1/restore"), None),
        (at(written, "/pieces/quiz/regenerate"), {"wish": "harder"}),
        (f"shared/{sharing.share(written).token}/copy", None),
        ("roadmaps/import", exported.for_owner(written).model_dump_json().encode()),
        (at(reviewed, "/outline/parts", path="roadmaps/{slug}"), part),
        (at(reviewed, "/approve", path="roadmaps/{slug}"), None),
    ]

    for number, (path, body) in enumerate(requests):
        first = program("post", path, body, Idempotency_Key=f"key-{number}")
        again = program("post", path, body, Idempotency_Key=f"key-{number}")
        assert first.status_code in (200, 201, 202), first.content
        assert (again.status_code, again.json()) == (first.status_code, first.json()), path

    assert QuizAttempt.objects.count() == 1
    assert Tutorial.objects.filter(concept__roadmap=written).count() == 3
    assert person.roadmaps.count() == 4
    assert reviewed.revisions.count() == 2


@pytest.mark.django_db(transaction=True)
def test_what_is_brought_in_is_laid_out_before_the_transaction_of_its_key(person, monkeypatch):
    written, program, within, to_html = make_written_roadmap(owner=person), Program(person), [], rendering.to_html
    make_tutorial(concept=written.concepts.first())
    requests = [
        ("roadmaps/import", exported.for_owner(written).model_dump_json().encode()),
        (f"shared/{sharing.share(written).token}/copy", None),
    ]

    def noted(*args, **options):
        within.append(connection.in_atomic_block)
        return to_html(*args, **options)

    monkeypatch.setattr(rendering, "to_html", noted)
    for number, (path, body) in enumerate(requests):
        for _ in range(2):
            assert program("post", path, body, Idempotency_Key=f"key-{number}").status_code == 201

    assert within == [False, False]  # and once for each


def test_a_copy_that_is_refused_has_counted_and_one_that_was_answered_before_does_not(
    program, person, written, settings
):
    settings.IMPORTS_PER_PERSON = 2
    path = f"shared/{sharing.share(written).token}/copy"

    def counted() -> int:
        return SignInTries.objects.get(key=throttling.bringing_in(person.pk).key).tries

    for _ in range(3):
        program("post", path, Idempotency_Key="one")
    assert counted() == 1
    program("post", path, Idempotency_Key="two")
    error(program("post", path, Idempotency_Key="three"), 429)
    assert counted() == 3


def test_a_large_answer_is_given_again_whole(program, written):
    concept = written.concepts.first()
    long = "\n\n".join(f"Paragraph {number} of some length, as it is." for number in range(1_400))
    make_tutorial(concept=concept, version=3, markdown=long)
    make_tutorial(concept=concept, version=4)
    restore = at(written, "/pieces/tutorial/versions/3/restore")

    first, again = (program("post", restore, Idempotency_Key="mine") for _ in range(2))

    assert len(first.content) > 60_000
    assert (again.status_code, again.json()) == (200, first.json())
    assert first.json()["tutorial"]["markdown"] == long
    assert Tutorial.objects.filter(concept=concept).count() == 5


def test_where_no_answer_can_be_kept_any_more_nothing_is_done_under_a_key(program, person, written, monkeypatch):
    attempts, body = at(written, "/attempts"), {"answers": [{"question": 0, "chosen": [1]}]}
    first = program("post", attempts, body, Idempotency_Key="one")
    monkeypatch.setattr(once, "MOST_KEPT", 100)

    refused = error(program("post", attempts, body, Idempotency_Key="two"), 409)

    assert "no room for a further answer" in refused["message"]
    assert QuizAttempt.objects.count() == 1
    assert program("post", attempts, body, Idempotency_Key="one").json() == first.json()
    assert program("post", attempts, body).status_code == 201
    assert Program(make_user())("post", "roadmaps", GOAL, Idempotency_Key="two").status_code == 201
    KeyedRequest.objects.update(created_at=timezone.now() - timedelta(days=1, seconds=1))
    assert program("post", attempts, body, Idempotency_Key="two").status_code == 201


def test_what_was_refused_leaves_its_key_free(program, person, settings):
    settings.MAX_ACTIVE_ROADMAPS = 1
    first = program("post", "roadmaps", GOAL).json()
    error(program("post", "roadmaps", GOAL, Idempotency_Key="mine"), 409)
    assert not KeyedRequest.objects.exists()

    program("post", f"roadmaps/{first['slug']}/cancel")

    assert program("post", "roadmaps", GOAL, Idempotency_Key="mine").status_code == 201


def test_a_key_whose_roadmap_was_deleted_makes_none(program):
    made = program("post", "roadmaps", GOAL, Idempotency_Key="mine").json()
    program("delete", f"roadmaps/{made['slug']}")

    assert program("post", "roadmaps", GOAL, Idempotency_Key="mine").json() == made
    error(program("get", f"roadmaps/{made['slug']}"), 404)
    assert Roadmap.objects.count() == 1


def test_keys_are_forgotten_after_a_day_and_with_their_person(program, person):
    program("post", "roadmaps", GOAL, Idempotency_Key="old")
    program("post", "roadmaps", GOAL, Idempotency_Key="new")
    KeyedRequest.objects.filter(key="old").update(created_at=timezone.now() - timedelta(days=1))

    tasks.purge_keyed_requests()

    assert KeyedRequest.objects.get().key == "new"
    assert program("post", "account/delete", {"password": "correct horse battery"}).status_code == 204
    assert not KeyedRequest.objects.exists()


def test_a_key_that_is_older_than_a_day_is_free_before_anything_purges_it(program, person):
    program("post", "roadmaps", GOAL, Idempotency_Key="mine")
    KeyedRequest.objects.update(created_at=timezone.now() - timedelta(hours=23))
    assert error(program("post", "roadmaps", {"goal": "Learn Go"}, Idempotency_Key="mine"), 422)
    KeyedRequest.objects.update(created_at=timezone.now() - timedelta(hours=25))

    assert program("post", "roadmaps", {"goal": "Learn Go"}, Idempotency_Key="mine").status_code == 201
    assert person.roadmaps.count() == 2


def test_C11_what_was_answered_is_forgotten_with_an_erased_roadmap(program, person):
    """And nothing that was answered about another, or to anybody else."""
    goals = {"about": {"goal": "Live with my illness"}, "other": GOAL, "earlier": {"goal": "Sleep with my illness"}}
    made = {key: program("post", "roadmaps", goal, Idempotency_Key=key).json() for key, goal in goals.items()}
    program("post", f"roadmaps/{made['about']['slug']}/cancel", Idempotency_Key="stopped")
    Program(make_user())("post", "roadmaps", GOAL, Idempotency_Key="about")
    KeyedRequest.objects.filter(key="earlier").update(about="")  # as the release before wrote it
    assert "illness" in str(KeyedRequest.objects.get(user=person, key="stopped").answer)

    assert erasing.erase(person.roadmaps.get(slug=made["about"]["slug"]).pk)

    assert "illness" not in str(list(KeyedRequest.objects.values_list("answer")))
    assert set(KeyedRequest.objects.exclude(answer=None).values_list("user", "key")) == {
        (person.pk, "other"),
        (User.objects.exclude(pk=person.pk).get().pk, "about"),
    }


def test_what_was_done_is_not_done_again_when_its_answer_or_anothers_was_forgotten(program, person):
    other = program("post", "roadmaps", {"goal": "Learn Go"}, Idempotency_Key="other").json()
    gone = person.roadmaps.get(slug=program("post", "roadmaps", GOAL, Idempotency_Key="mine").json()["slug"])
    erasing.erase(gone.pk)

    refused = error(program("post", "roadmaps", GOAL, Idempotency_Key="mine"), 409)

    assert "not done again" in refused["message"]
    assert program("post", "roadmaps", {"goal": "Learn Go"}, Idempotency_Key="other").json() == other
    assert person.roadmaps.count() == 1
    otherwise = error(program("post", "roadmaps", {"goal": "Learn Rust"}, Idempotency_Key="mine"), 422)
    assert otherwise["code"] == "key_used_otherwise"


def test_a_request_is_the_same_under_a_roadmaps_new_name_and_whichever_way_nothing_is_said(program, person):
    roadmap = make_roadmap_in_review(owner=person)
    first = program("post", f"roadmaps/{roadmap.slug}/approve", Idempotency_Key="mine")
    Roadmap.objects.update(slug=f"other-words-{roadmap.token}")

    renamed = [f"roadmaps/{name}-{roadmap.token}/approve" for name in ("other-words", "roadmap")]
    again = [
        program("post", path, body, Idempotency_Key="mine")
        for path in renamed
        for body in (None, {}, {"seen_version": None})
    ]

    assert {each.status_code for each in again} == {200}
    assert all(each.json() == first.json() for each in again)
    others = [(renamed[0], {"seen_version": 1}), (f"roadmaps/{roadmap.slug}/retry", None)]
    others.append((f"roadmaps/{make_roadmap_in_review(owner=person).slug}/approve", None))
    for path, body in others:
        assert error(program("post", path, body, Idempotency_Key="mine"), 422)["code"] == "key_used_otherwise", path


def test_what_was_done_under_a_key_by_the_release_before_is_not_done_again(person):
    roadmap = make_roadmap_in_review(owner=person)
    program, path = Program(person), f"roadmaps/{roadmap.slug}/approve"
    first = program("post", path, Idempotency_Key="mine")
    KeyedRequest.objects.update(digest="0" * 64, about="")  # which told requests apart in another way

    assert program("post", path, Idempotency_Key="mine").json() == first.json()


@pytest.mark.django_db(transaction=True)
def test_at_the_same_moment_one_waits_for_the_other(person, library):
    """Each in a thread and on a connection of its own; the first is held up until the other waits for it."""
    roadmap = make_written_roadmap(owner=person, concepts=1)
    make_quiz(concept=roadmap.concepts.get())
    programs, answers = [Program(person), Program(person)], []
    body = {"answers": [{"question": 0, "chosen": [1]}]}

    def send(program: Program) -> None:
        answers.append(program("post", CONCEPT.format(slug=roadmap.slug) + "/attempts", body, Idempotency_Key="mine"))
        connections.close_all()

    threads = [threading.Thread(target=send, args=[each]) for each in programs]
    with connection.cursor() as cursor:
        cursor.execute("BEGIN; LOCK TABLE content_quizattempt IN SHARE MODE")  # which lets nobody insert
        for each in threads:
            each.start()
        waiting, until = 0, time.monotonic() + 20
        while waiting < 2 and time.monotonic() < until:
            waiting = waiting_for_locks()
        cursor.execute("COMMIT")
    for each in threads:
        each.join()

    assert waiting == 2
    assert [each.status_code for each in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert QuizAttempt.objects.count() == 1
