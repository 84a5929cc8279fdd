"""Does the API do what its OpenAPI document says, whatever it is sent?"""

import os
from collections.abc import Iterator

import pytest
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck
from hypothesis import settings as examples
from schemathesis.checks import negative_data_rejection, positive_data_acceptance

from content import answering, sharing
from content.api.urls import api
from tests.factories import (
    make_log_entry,
    make_quiz,
    make_resources,
    make_revision,
    make_roadmap_in_review,
    make_tutorial,
    make_written_roadmap,
)
from tests.programs import Program

schema = schemathesis.openapi.from_dict(api.document)
schema.app = WSGIHandler()  # without the check of the server that loads it
schema.config.phases.coverage.enabled = False  # hundreds of boundary values for each operation: most of the time

# What a schema cannot say: a deadline lies in the future, the parts of a roadmap that is brought in fit together, which
# password is the person's; and which page of a list gave `after`.
JUDGED_FURTHER = {"/api/v1/roadmaps", "/api/v1/roadmaps/import", "/api/v1/roadmaps/{slug}", "/api/v1/account/delete"}
WHILE_IN_REVIEW = {
    "add_part",
    "approve_roadmap",
    "change_part",
    "move_part",
    "remove_part",
    "request_changes",
    "request_review",
    "restore_outline",
}
KINDS = ("tutorial", "resources", "quiz")
# By a version that is sent or generated into the query.
MAY_BE_MISSING = {"answer_quiz", "compare_outlines", "compare_versions"}
EXAMPLES = int(os.environ.get("API_EXAMPLES", "3"))  # of each operation: three in the gate, hundreds by hand

pytestmark = pytest.mark.timeout(60 + 20 * EXAMPLES)  # a whole roadmap to bring in takes its generator seconds


@pytest.fixture(autouse=True)
def _one_connection() -> Iterator[None]:
    """As Django's own test client does: the test's transaction outlives the requests."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def program(person, library, settings) -> Program:
    for limit in ("REQUESTS_PER_TOKEN", "REQUESTS_PER_ADDRESS", "CHANGES_PER_PERSON"):
        setattr(settings, f"API_{limit}", 0)
    settings.IMPORTS_PER_PERSON = settings.DOWNLOADS_PER_PERSON = 0
    return Program(person)


@pytest.fixture
def there(person) -> dict[str, object]:
    """Parts of addresses that name something, each found by its owner."""
    roadmap = make_written_roadmap(owner=person, concepts=2)
    concept = roadmap.concepts.first()
    make_tutorial(concept=concept, version=2, is_current=False)
    make_tutorial(concept=concept)
    resources = make_resources(concept=concept, count=1)
    quiz = make_quiz(concept=concept)
    attempt = answering.answer(quiz, user=person, submitted={0: ["1"], 1: ["0"]})
    make_revision(roadmap=roadmap, number=2, author="hand")
    make_log_entry(roadmap=roadmap, concept=concept)
    return {
        "slug": roadmap.slug,
        "reviewed": make_roadmap_in_review(owner=person, modules=2).slug,
        "key": concept.key,
        "kind": "resources",
        "file_format": "json",
        "number": 1,
        "part": concept.key,
        "version": 1,
        "resource": resources.resources.get().pk,
        "attempt": attempt.pk,
        "token": sharing.share(roadmap).token,
    }


def about_what_is_there(case: schemathesis.Case, there: dict[str, object]) -> None:
    """The same request at an address that names something, and as if the outline's last version had been seen."""
    found = dict(there)
    if case.operation.definition.raw["operationId"] in WHILE_IN_REVIEW:
        found["slug"] = there["reviewed"]
    elif isinstance((case.path_parameters or {}).get("kind"), str) and case.path_parameters["kind"] in KINDS:
        found["kind"] = case.path_parameters["kind"]  # as generated: each of the three is there
    case.path_parameters = {name: found[name] for name in case.path_parameters}
    if isinstance(case.body, dict) and "seen_version" in case.body:
        case.body["seen_version"] = 1


@schema.exclude(operation_id="export_everything").parametrize()  # its client leaves the file open
@examples(
    max_examples=EXAMPLES, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
)
def test_the_document_is_kept(program, there, case):
    """Once as generated, which rarely names anything, and once about a roadmap that is there."""
    # Its client asks for compressed answers, and does not unpack them.
    sent_by = {"Authorization": f"Bearer {program.secret}", "Accept-Encoding": "identity"}
    is_judged_further = case.operation.path in JUDGED_FURTHER or "after" in (case.query or {})
    further = [positive_data_acceptance] if is_judged_further else []

    case.call_and_validate(headers=sent_by, excluded_checks=further)

    if case.path_parameters:
        about_what_is_there(case, there)
        before = transaction.savepoint()
        response = case.call_and_validate(
            headers=sent_by, excluded_checks=[negative_data_rejection, positive_data_acceptance]
        )
        transaction.savepoint_rollback(before)
        assert response.status_code != 404 or case.operation.definition.raw["operationId"] in MAY_BE_MISSING
