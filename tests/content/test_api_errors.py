"""Whatever goes wrong is told in one shape, with the request's id, in the language that is asked for."""

import itertools
import re
from collections.abc import Callable

import jsonschema_rs
import pytest
from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import HttpResponse
from pydantic import ValidationError

from content.api.differences import With
from content.api.paging import Paging
from content.api.shapes import ErrorAnswer, Sent
from content.api.urls import api
from roadmap_project import api_tokens
from roadmap_project.api_errors import CODES
from roadmap_project.request_ids import HEADER
from tests.factories import make_roadmap_in_review, make_written_roadmap
from tests.programs import Program

pytestmark = pytest.mark.django_db

CHINESE = re.compile("[\u4e00-\u9fff]")
WORD_OF_OURS = "a-programs-own-id"


@pytest.fixture
def program(person, library) -> Program:
    return Program(person, raise_request_exception=False)


def told(response: HttpResponse, status: int) -> ErrorAnswer:
    assert response.status_code == status, response.content
    assert response.headers["Content-Type"] == "application/json"
    answer = response.json()
    assert set(answer) == {"error"}
    assert set(answer["error"]) <= {"code", "message", "field", "problems", "request_id"}
    found = ErrorAnswer.model_validate(answer)
    assert found.error.request_id == response.headers[HEADER]
    return found


def failing(error: Exception) -> Callable[[Program, pytest.MonkeyPatch, object], None]:
    def prepare(program: Program, monkeypatch: pytest.MonkeyPatch, settings: object) -> None:
        def find(secret: str) -> None:
            raise error

        monkeypatch.setattr(api_tokens, "find", find)

    return prepare


def nothing(program: Program, monkeypatch: pytest.MonkeyPatch, settings: object) -> None:
    pass


def signed_out(program: Program, monkeypatch: pytest.MonkeyPatch, settings: object) -> None:
    program.client = Program(raise_request_exception=False).client


def asked_often(program: Program, monkeypatch: pytest.MonkeyPatch, settings) -> None:
    settings.API_REQUESTS_PER_TOKEN = 1
    program("get", "about")


def no_hosts(program: Program, monkeypatch: pytest.MonkeyPatch, settings) -> None:
    settings.ALLOWED_HOSTS = []
    settings.DEBUG = False


LARGE = {"Content_Length": "99999999"}
FORM = {"Content_Type": "application/x-www-form-urlencoded"}
CASES = [
    ("not JSON", 400, nothing, ("post", "roadmaps", b"{"), {}),
    ("a foreign host", 400, no_hosts, ("get", "about"), {"Host": "elsewhere.example"}),
    ("no token", 401, signed_out, ("get", "about"), {}),
    ("refused by Django", 403, failing(PermissionDenied()), ("get", "about"), {}),
    ("no such address", 404, nothing, ("get", "nowhere"), {}),
    ("no such address after a slash", 404, nothing, ("post", "roadmaps/", {}), {}),
    ("no such roadmap", 404, nothing, ("get", "roadmaps/nothing-aaaaaaaa"), {}),
    ("wrong method", 405, nothing, ("put", "about", {}), {}),
    ("nothing to approve", 409, nothing, ("post", "roadmaps/{slug}/review"), {}),
    ("too large", 413, nothing, ("post", "roadmaps", b"x"), LARGE),
    ("no JSON meant", 415, nothing, ("post", "roadmaps", b"x=1"), FORM),
    ("wrong fields", 422, nothing, ("post", "roadmaps", {}), {}),
    ("wrong query", 422, nothing, ("get", "roadmaps?page=x"), {}),
    ("asked too often", 429, asked_often, ("get", "about"), {}),
    ("broken", 500, failing(ValueError("nobody's business")), ("get", "about"), {}),
    ("no database", 503, failing(OperationalError("too many clients")), ("get", "about"), {}),
    ("a closed connection", 503, failing(InterfaceError("connection already closed")), ("post", "roadmaps", {}), {}),
]
NAMES = [each[0] for each in CASES]


@pytest.mark.parametrize(("name", "status", "prepare", "request_of", "headers"), CASES, ids=NAMES)
def test_every_failure_has_the_one_shape(
    program, person, monkeypatch, settings, name, status, prepare, request_of, headers
):
    method, path, *body = request_of
    path = path.format(slug=make_written_roadmap(owner=person).slug)
    prepare(program, monkeypatch, settings)
    headers = {HEADER: WORD_OF_OURS, **headers}

    english = told(program(method, path, *body, **headers), status)
    chinese = told(program(method, path, *body, Accept_Language="zh-CN", **headers), status)

    assert english.error.code == chinese.error.code == CODES[status]
    assert english.error.request_id == WORD_OF_OURS
    assert "nobody" not in english.error.message
    assert not CHINESE.search(english.error.message)
    assert CHINESE.search(chinese.error.message), chinese.error.message
    for each in chinese.error.problems:
        assert CHINESE.search(each.message), each.message


def test_every_status_of_the_shape_is_tried():
    assert {each[1] for each in CASES} == set(CODES)


@pytest.mark.parametrize("address", ["/api/v2/roadmaps", "/api/", "/api/v10/about"])
def test_under_another_version_of_the_api_there_is_nothing_in_the_same_shape(program, client, address):
    told(client.get(address), 404)
    told(program.client.post(address, {}), 404)
    assert client.get("/nowhere/").headers["Content-Type"].startswith("text/html")


def test_wrong_fields_are_told_in_chinese(program, person):
    """The frequent ones; what only pydantic has words for stays English."""
    wrong = {"goal": "", "level": "guru", "hours_per_week": 0, "deadline": "soon", "language": "x" * 41, "more": 1}
    wrong |= {"background": 3, "skips_review": "perhaps"}
    reviewed = make_roadmap_in_review(owner=person)

    found = told(program("post", "roadmaps", wrong, Accept_Language="zh"), 422)
    stage, hours = f"roadmaps/{reviewed.slug}/outline/parts/s-1", {"seen_version": 1, "hours": 2}
    part = told(program("patch", stage, hours, Accept_Language="zh"), 422)

    assert len(found.error.problems) == 8
    for each in [*found.error.problems, *part.error.problems]:
        assert CHINESE.search(each.message), each
    english = {each.field: each.message for each in told(program("post", "roadmaps", wrong), 422).error.problems}
    assert english["hours_per_week"] == "This must be at least 1."
    assert english["level"] == "This must be one of: 'beginner', 'intermediate', 'advanced'."
    assert english["more"] == "There is no such field."


def test_who_must_wait_is_told_how_long(program, settings):
    settings.API_REQUESTS_PER_TOKEN = 1
    program("get", "about")

    assert 1 <= int(program("get", "about").headers["Retry-After"]) <= 60


@pytest.mark.parametrize("sent", [b'{"seen": 1}', b"not json", b"[]"])
def test_a_body_is_refused_where_none_is_sent(program, person, sent):
    roadmap = make_roadmap_in_review(owner=person)

    for method, path in (("post", "/cancel"), ("delete", ""), ("get", "")):
        told(program(method, f"roadmaps/{roadmap.slug}{path}", sent), 422)

    roadmap.refresh_from_db()
    assert (roadmap.state, roadmap.deleted_at) == ("in_review", None)
    assert program("post", f"roadmaps/{roadmap.slug}/cancel", b"{}").status_code == 200


def bodies() -> list[type[Sent]]:
    """The shapes of what is sent as JSON: of those of an address's parameters all are texts."""
    assert api.document  # with which all shapes are there
    found, looked_at = [], [Sent]
    while looked_at:
        more = [each for each in looked_at.pop().__subclasses__() if each not in (Paging, With)]
        looked_at += more
        found += more
    return found


OTHER_KINDS = (True, 1, 1.5, 86_400 * 20_000, "6", "1728000000", "2", "on", "true", "2e9", [], {}, None)


@pytest.mark.parametrize("shape", bodies())
def test_no_value_is_taken_for_another_kind_of_value(shape):
    """What the document's schema refuses is refused, field by field."""
    schema = shape.model_json_schema()
    for (name, field), value in itertools.product(schema["properties"].items(), OTHER_KINDS):
        is_taken = jsonschema_rs.is_valid({**field, "$defs": schema.get("$defs", {})}, value, validate_formats=True)
        assert is_taken or is_refused(shape, name, value), (name, value)


def is_refused(shape: type[Sent], name: str, value: object) -> bool:
    try:
        shape.model_validate({name: value})
    except ValidationError as error:
        return any(each["loc"][0] == name for each in error.errors())
    return False


def test_a_whole_number_may_be_written_with_its_point(program, person):
    assert program("post", "roadmaps", b'{"goal": "Learn SQL", "hours_per_week": 7.0}').json()["hours_per_week"] == 7
    told(program("post", "roadmaps", b'{"goal": "Learn SQL", "hours_per_week": 7.5}'), 422)


@pytest.mark.parametrize(
    ("sent", "field", "said"),
    [
        (b"", "", "Nothing was sent. This takes an object with fields, as JSON."),
        (b"null", "", "This must be an object with fields."),
        (b'{"goal": "half \\ud83d"}', "goal", "half a character"),
        (b'{"goal": "whole", "\\ud83d": 1}', "", "half a character"),
        (b'{"goal": "whole", "hours_per_week": true}', "hours_per_week", "This must be a whole number."),
        (b'{"goal": "whole", "hours_per_week": "6"}', "hours_per_week", "This must be a whole number."),
        (b'{"goal": "whole", "skips_review": "on"}', "skips_review", "This must be true or false."),
        (b'{"goal": "whole", "deadline": 1999987200}', "deadline", "This must be a day, like 2026-01-31."),
    ],
)
def test_what_is_no_value_of_its_kind_is_told_in_both_languages(program, person, sent, field, said):
    problem = told(program("post", "roadmaps", sent), 422).error.problems[0]
    chinese = told(program("post", "roadmaps", sent, Accept_Language="zh"), 422).error.problems[0]

    assert problem.field == chinese.field == field
    assert said in problem.message
    assert CHINESE.search(chinese.message)
    assert not person.roadmaps.exists()
