"""Whatever a person does on a page a program does by the API: found by walking the pages, so that none is forgotten."""

import pytest

from content.api.urls import api
from tests.programs import Program
from tests.test_security_ownership import OURS, address, made

pytestmark = pytest.mark.django_db

OPERATIONS = {operation["operationId"] for each in api.document["paths"].values() for operation in each.values()}
# Whoever adds a page names the operations that do the same, or says in a sentence why there is none.
PAGES: dict[str, set[str] | str] = {
    "content:bring_in": {"import_roadmap"},
    "content:concept": {"read_concept", "list_attempts"},
    "content:copy": {"copy_shared"},
    "content:diagram": "A program draws diagrams from the tutorial's Markdown by itself.",
    "content:done": {"mark_learned", "unmark_learned"},
    "content:download": {"export_roadmap"},
    "content:everything": {"export_everything"},
    "content:note": {"read_note", "write_note"},
    "content:pieces": {"read_concept"},
    "content:practice": {"read_results", "answer_quiz"},
    "content:quiz": {"read_quiz", "answer_quiz", "read_attempt"},
    "content:regenerate": {"regenerate_piece"},
    "content:report": {"report_resource"},
    "content:restore": {"restore_version"},
    "content:schema": "Public; the OpenAPI document holds the same schema.",
    "content:share": {"share_roadmap"},
    "content:shared": {"read_shared"},
    "content:shared_concept": {"read_shared_concept"},
    "content:shared_quiz": "Whoever has the link copies the roadmap and answers their own: by link nothing is kept.",
    "content:take_away": {"read_share", "about"},
    "content:unshare": {"unshare_roadmap"},
    "content:versions": {"list_versions", "read_version", "compare_versions"},
    "health": "For operators, without a token.",
    "health-live": "For operators, without a token.",
    "metrics": "For operators, with a token of their own.",
    "roadmaps:account": {"read_profile", "change_profile"},
    "roadmaps:add_part": {"add_part"},
    "roadmaps:address": "A lost token must not take the way by which its person gets a new password.",
    "roadmaps:approve": {"approve_roadmap"},
    "roadmaps:cancel": {"cancel_roadmap"},
    "roadmaps:change_plan": {"change_plan"},
    "roadmaps:change_part": {"change_part"},
    "roadmaps:change_password": "A lost token must not keep its person out.",
    "roadmaps:confirm_address": "A person confirms by hand what came by mail.",
    "roadmaps:delete": {"delete_roadmap"},
    "roadmaps:delete_account": {"delete_account"},
    "roadmaps:edit": {"read_outline"},
    "roadmaps:forgotten_password": "For who cannot sign in; a token needs no password.",
    "roadmaps:language": {"change_profile"},
    "roadmaps:list": {"list_roadmaps"},
    "roadmaps:log": {"read_log"},
    "roadmaps:login": "A token is what shows who asks.",
    "roadmaps:logout": "Nobody is signed in by a token; it is revoked on its page.",
    "roadmaps:move_part": {"move_part"},
    "roadmaps:new": {"start_roadmap", "estimate", "read_profile"},
    "roadmaps:new_password": "A lost token must not keep its person out.",
    "roadmaps:new_password_sent": "Says that mail is on its way.",
    "roadmaps:progress": {"read_roadmap"},
    "roadmaps:remove_part": {"remove_part"},
    "roadmaps:request_changes": {"request_changes"},
    "roadmaps:request_review": {"request_review"},
    "roadmaps:restore_version": {"restore_outline"},
    "roadmaps:retry": {"retry_roadmap"},
    "roadmaps:roadmap": {"read_roadmap"},
    "roadmaps:signup": "Programs make no accounts: a token belongs to somebody who has one.",
    "roadmaps:take_back": {"list_deleted", "take_back_roadmap"},
    "roadmaps:versions": {"list_outlines", "read_outline", "compare_outlines"},
    "token-revoke": "A lost token must not revoke the others.",
    "tokens": "A token makes no other: who revokes a lost one has ended it.",
}


def test_every_page_names_its_operations_or_says_why_there_are_none():
    assert set(PAGES) == {each for each in OURS if not each.startswith("api:")}
    assert [each for each, why in PAGES.items() if isinstance(why, str) and not why.endswith(".")] == []


def test_every_operation_is_there_for_a_page():
    named = set().union(*(each for each in PAGES.values() if isinstance(each, set)))

    assert named == OPERATIONS


def test_every_page_that_something_is_sent_to_has_an_operation_that_changes_something(client, person):
    """But for those with a reason."""
    roadmap = made(person)
    changing = {
        operation["operationId"]
        for methods in api.document["paths"].values()
        for method, operation in methods.items()
        if method != "get"
    }

    taking = [name for name in PAGES if client.post(address(name, roadmap)).status_code != 405]

    assert len(taking) > 25
    for name in taking:
        named = PAGES[name]
        assert isinstance(named, str) or named & changing, name


READING = sorted(path for path, methods in api.document["paths"].items() if "get" in methods)
PLACES = {
    "attempt": 1,
    "file_format": "markdown",
    "key": "c-1-1-1",
    "kind": "tutorial",
    "number": 1,
    "slug": "sql-abcd2345",
    "token": "A" * 43,
    "version": 1,
}


def test_what_is_read_refuses_a_parameter_that_it_does_not_know(person, settings):
    """Before it looks what is there, and after it knows who asks."""
    settings.API_REQUESTS_PER_TOKEN = settings.API_REQUESTS_PER_ADDRESS = 0
    own, strangers = Program(person), Program()
    asked = {path: path.format(**PLACES) + "?per_pge=1" for path in READING}

    refused = {path: own("get", each) for path, each in asked.items()}

    assert len(refused) > 20
    assert {path: each.status_code for path, each in refused.items() if each.status_code != 422} == {}
    named = {path: [each["field"] for each in said.json()["error"]["problems"]] for path, said in refused.items()}
    assert {path: fields for path, fields in named.items() if fields != ["per_pge"]} == {}
    unknown = {path: strangers("get", each).status_code for path, each in asked.items()}
    assert {path: status for path, status in unknown.items() if status != 401} == {}
