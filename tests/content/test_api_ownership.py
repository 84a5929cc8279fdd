"""Every operation of the API, found by walking its OpenAPI document, so that none can be forgotten (G1)."""

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from content import noting, sharing
from content.api.documentation import example
from content.api.urls import api, urlpatterns
from content.models import QuizAttempt, Resource
from roadmap_project.models import ApiToken
from roadmaps import log_lines
from roadmaps.models import Roadmap
from tests.factories import make_quiz, make_resources, make_tutorial, make_user, make_written_roadmap
from tests.programs import Program

pytestmark = pytest.mark.django_db

SECRET = "only-for-its-owner"
DOCUMENT = api.document
OPERATIONS = [
    (method, path, operation) for path, methods in DOCUMENT["paths"].items() for method, operation in methods.items()
]
ABOUT_SOMETHING = [each for each in OPERATIONS if "{" in each[1]]
# Whoever adds one here says that who has the link may use it, whoever made it.
BY_LINK = {"copy_shared", "read_shared", "read_shared_concept"}


@pytest.fixture(autouse=True)
def _no_counting(settings):
    """Counting changes writes, and here nothing may be written."""
    settings.API_CHANGES_PER_PERSON = settings.API_REQUESTS_PER_TOKEN = settings.API_REQUESTS_PER_ADDRESS = 0


def made(owner) -> Roadmap:
    roadmap = make_written_roadmap(owner=owner)
    Roadmap.objects.filter(pk=roadmap.pk).update(title=SECRET, goal=SECRET)
    concept = roadmap.concepts.first()
    make_tutorial(concept=concept, title=SECRET, markdown=SECRET)
    make_resources(concept=concept, title=SECRET)
    quiz = make_quiz(concept=concept)
    QuizAttempt.objects.create(quiz=quiz, user=owner, answers={"0": [1]}, right=1, total=1)
    noting.keep(concept, user=owner, text=SECRET)
    sharing.share(roadmap)
    log_lines.flush()  # or the first request after this would write them
    roadmap.refresh_from_db()
    return roadmap


def address(path: str, roadmap: Roadmap) -> str:
    """The operation's address about what belongs to this roadmap; numbers of rows where there is none stay 1."""
    attempt = QuizAttempt.objects.filter(quiz__concept__roadmap=roadmap.pk).first()
    resource = Resource.objects.filter(resource_list__concept__roadmap=roadmap.pk).first()
    values = {
        "slug": roadmap.slug,
        "key": "c-1-1-1",
        "kind": "quiz",
        "file_format": "json",
        "number": 1,
        "part": "c-1-1-1",
        "version": 1,
        "attempt": attempt.pk if attempt else 1,
        "resource": resource.pk if resource else 1,
        "token": "A" * 43,
    }
    return path.format(**values)


def body_of(operation: dict) -> object:
    sent = operation.get("requestBody", {}).get("content", {}).get("application/json")
    return example(DOCUMENT, sent["schema"]) if sent else None


def test_the_document_has_every_operation():
    names = [operation["operationId"] for _, _, operation in OPERATIONS]
    addresses = {each.name for each in urlpatterns} - {"api-root", "docs", "openapi", "nothing-here"}

    assert set(names) == addresses
    assert len(names) == len(set(names)) >= 30
    assert len(ABOUT_SOMETHING) >= 26


def test_without_a_token_nothing_opens(person):
    roadmap = made(person)
    signed_in = Program()  # a cookie opens nothing, so that no other site can have a person's browser change anything
    signed_in.client.force_login(person)

    for method, path, operation in OPERATIONS:
        for program in (Program(), signed_in):
            response = program(method, address(path, roadmap), body_of(operation))

            assert response.status_code == 401, (method, path)
            assert response.json()["error"]["code"] == "unauthorized"
            assert response.headers["WWW-Authenticate"].startswith("Bearer")
            assert SECRET not in response.content.decode()


def test_another_persons_token_finds_nothing_and_changes_nothing(person):
    """Answered like something that does not exist, also where it was deleted; nothing is written."""
    stranger = Program(make_user(is_staff=True, is_superuser=True))  # who may use the admin owns no more than others
    ApiToken.objects.update(last_used_at=timezone.now() + timedelta(hours=1))  # noted already, however long it takes
    foreign, deleted = made(person), made(person)
    Roadmap.objects.filter(pk=deleted.pk).update(deleted_at=timezone.now())
    nothing = Roadmap(slug="nothing-aaaaaaaa")

    for method, path, operation in ABOUT_SOMETHING:
        for roadmap in (foreign, deleted, nothing):
            with CaptureQueriesContext(connection) as captured:
                response = stranger(method, address(path, roadmap), body_of(operation))

            assert response.status_code == 404, (method, path)
            assert response.json()["error"]["code"] == "not_found"
            assert SECRET not in response.content.decode()
            reads = ("SELECT", "SAVEPOINT", "RELEASE", "ROLLBACK TO")
            assert [each["sql"] for each in captured if not each["sql"].startswith(reads)] == []


def test_the_owner_finds_it(person, library):
    """The other side of the coin: the walk above asks for something that is there."""
    roadmap, program = made(person), Program(person)

    for method, path, operation in ABOUT_SOMETHING:
        before = transaction.savepoint()
        response = program(method, address(path, roadmap), body_of(operation))
        transaction.savepoint_rollback(before)

        expected = {404} if operation["operationId"] in BY_LINK else {200, 201, 202, 204, 409}
        assert response.status_code in expected, (method, path)
