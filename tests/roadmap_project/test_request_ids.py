"""One id from the proxy's header or our own: in the answer, in every log line, on error pages, in Sentry."""

import json
import re

import pytest
import structlog
from django.contrib.sessions.backends.db import SessionStore
from django.core.exceptions import SuspiciousOperation
from django.db import OperationalError
from django.test import RequestFactory
from django.urls import get_resolver
from django.utils import translation

from roadmap_project import api_tokens, errors
from roadmap_project.logs import without_personal_words
from roadmap_project.request_ids import HEADER

LIVE = "/health/live/"


@pytest.mark.parametrize("given", ["abc12345", "0f8fad5b-d9cb-469f-a165-70867728950e", "a.b_c-D9" * 8])
def test_an_id_that_a_proxy_made_is_taken(client, given):
    assert client.get(LIVE, headers={HEADER: given}).headers[HEADER] == given


@pytest.mark.parametrize(
    "given",
    ["", "short", "x" * 65, "with blanks in it", "<script>1234", "a" * 30 + "\n", "-leading1", "ümlaut-id-1234"],
)
def test_what_is_no_id_is_replaced_by_one_of_our_own(client, given):
    first, second = (client.get(LIVE, headers={HEADER: given}).headers[HEADER] for _ in range(2))

    assert re.fullmatch(r"[0-9a-f]{32}", first)
    assert first != second


@pytest.mark.django_db
def test_every_line_of_a_request_has_its_id_djangos_own_too_and_the_next_request_has_another(client, written_lines):
    for given in ("first-request", "second-request"):
        client.get("/nothing-is-here/", headers={HEADER: given})

    assert [(line["event"], line["request_id"]) for line in written_lines()] == [
        ("Not Found: /nothing-is-here/", "first-request"),
        ("Not Found: /nothing-is-here/", "second-request"),
    ]


@pytest.mark.django_db
def test_error_pages_say_the_id(client, rf: RequestFactory):
    client.raise_request_exception = False

    missing = client.get("/nothing-is-here/", headers={HEADER: "missing-page-1"})
    request = rf.get("/")
    request.request_id = "broken-page-1"
    broken = errors.server_error(request)

    assert missing.status_code == 404
    assert "missing-page-1" in missing.content.decode()
    assert broken.status_code == 500
    assert "broken-page-1" in broken.content.decode()


def test_so_does_the_answer_while_there_is_no_database(rf: RequestFactory):
    request = rf.get("/")
    request.request_id = "no-database-1"

    try:
        raise OperationalError
    except OperationalError:
        answer = errors.server_error(request)

    assert answer.status_code == 503
    assert "no-database-1" in answer.content.decode()


@pytest.mark.parametrize("path", ["/", "/api/v1/about"])
def test_which_speaks_the_readers_language(client, monkeypatch, path):
    def unreachable(*_args: object) -> None:
        raise OperationalError("too many clients")

    client.raise_request_exception = False
    client.cookies["sessionid"] = "keyofsomebody"  # who is asked for
    monkeypatch.setattr(SessionStore, "load", unreachable)
    monkeypatch.setattr(api_tokens, "find", unreachable)
    bearer = {"Authorization": "Bearer some-token"}

    chinese, english = (
        client.get(path, headers={**bearer, "Accept-Language": language}) for language in ("zh-CN,zh;q=0.9", "en")
    )

    assert (chinese.status_code, english.status_code) == (503, 503)
    said = chinese.json()["error"]["message"] if path.startswith("/api/") else chinese.content.decode()
    assert "暂时无法连接数据库" in said
    assert errors.UNREACHABLE in english.content.decode()
    if not path.startswith("/api/"):
        assert '<html lang="zh-hans">' in said
        assert chinese.headers["Retry-After"] == "10"


@pytest.mark.parametrize("path", ["/accounts/login/", "/api/v1/about"])
def test_what_cannot_be_read_is_answered_with_the_id_in_the_readers_language(client, rf, path):
    for language, said in (("zh-hans", "无法理解这个请求"), ("en", "This request cannot be understood")):
        request = rf.get(path)
        request.request_id = "unreadable-1"
        with translation.override(language):
            answer = get_resolver().resolve_error_handler(400)(request, exception=SuspiciousOperation())
        text = json.dumps(json.loads(answer.content), ensure_ascii=False) if "api" in path else answer.content.decode()
        assert answer.status_code == 400
        assert said in text
        assert "unreadable-1" in text


@pytest.mark.django_db
def test_a_form_of_too_many_fields_gets_that_page(client):
    many = {f"field{number}": "x" for number in range(2_000)}

    answer = client.post("/language/", many, headers={HEADER: "unreadable-2", "Accept-Language": "zh-CN"})

    assert answer.status_code == 400
    assert "无法理解这个请求" in answer.content.decode()
    assert "unreadable-2" in answer.content.decode()


def test_sentry_finds_an_event_by_the_ids_and_learns_no_words_of_the_goal():
    with structlog.contextvars.bound_contextvars(
        request_id="request-1", roadmap="lose-weight-fast-x5y9z2q8", concept="lose-weight-fast-x5y9z2q8:c-2-2-1", step=7
    ):
        event = without_personal_words({"tags": {"server": "web-1"}}, {})

    assert event["tags"] == {
        "server": "web-1",
        "request_id": "request-1",
        "roadmap": "x5y9z2q8",
        "concept": "x5y9z2q8:c-2-2-1",
        "step": "7",
    }
