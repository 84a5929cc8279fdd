"""Does the API do what its OpenAPI document says, whatever it is sent?"""

from collections.abc import Iterator

import pytest
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck
from hypothesis import settings as examples
from schemathesis.checks import negative_data_rejection, positive_data_acceptance

from content.api.urls import api
from tests.factories import make_quiz, make_resources, make_tutorial, make_written_roadmap
from tests.programs import Program

schema = schemathesis.openapi.from_dict(api.document)
schema.app = WSGIHandler()  # without the check of the server that loads it
schema.config.phases.coverage.enabled = False  # hundreds of boundary values for each operation: most of the time

# What a schema cannot say: a deadline lies in the future, the parts of a roadmap that is brought in fit together, and
# which password is the person's.
JUDGED_FURTHER = {"/api/v1/roadmaps", "/api/v1/roadmaps/import", "/api/v1/account/delete"}


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
    settings.API_REQUESTS_PER_TOKEN = settings.API_REQUESTS_PER_ADDRESS = settings.API_CHANGES_PER_PERSON = 0
    return Program(person)


@pytest.fixture
def there(person) -> dict[str, object]:
    """Parts of addresses that name something."""
    roadmap = make_written_roadmap(owner=person, concepts=1)
    concept = roadmap.concepts.get()
    make_tutorial(concept=concept)
    resources = make_resources(concept=concept, count=1)
    make_quiz(concept=concept)
    return {
        "slug": roadmap.slug,
        "key": concept.key,
        "kind": "resources",
        "file_format": "json",
        "number": 1,
        "part": concept.key,
        "version": 1,
        "resource": resources.resources.get().pk,
        "attempt": 1,
        "token": "A" * 43,
    }


@schema.exclude(operation_id="export_everything").parametrize()  # its client leaves the file open
@examples(max_examples=3, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_document_is_kept(program, there, case):
    """Once as generated, which rarely names anything, and once about a roadmap that is there."""
    # Its client asks for compressed answers, and does not unpack them.
    sent_by = {"Authorization": f"Bearer {program.secret}", "Accept-Encoding": "identity"}
    further = [positive_data_acceptance] if case.operation.path in JUDGED_FURTHER else []

    case.call_and_validate(headers=sent_by, excluded_checks=further)

    if case.path_parameters:
        case.path_parameters = {name: there[name] for name in case.path_parameters}
        case.call_and_validate(headers=sent_by, excluded_checks=[negative_data_rejection, positive_data_acceptance])
