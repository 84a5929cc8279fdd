"""What the OpenAPI document gives as an example is what it describes."""

import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from content.api.documentation import REF, example
from content.api.example_document import ROADMAP
from content.api.urls import api
from tests.programs import Program

DOCUMENT = api.document
SCHEMAS = DOCUMENT["components"]["schemas"]


def problems(schema: dict[str, Any], value: Any) -> list[str]:
    whole = {**schema, "components": DOCUMENT["components"]}
    return [
        each.message for each in jsonschema_rs.Draft202012Validator(whole, validate_formats=True).iter_errors(value)
    ]


def with_examples(schema: Any) -> Iterator[dict[str, Any]]:
    """Every part of a schema that has examples of its own."""
    for each in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else []:
        yield from with_examples(each)
    if isinstance(schema, dict) and isinstance(schema.get("examples"), list):
        yield schema


def is_json(holder: dict[str, Any]) -> bool:
    return "application/json" in holder.get("content", {})


def test_the_document_is_one_of_openapi():
    """By its own schema, which takes any object for a schema; those are judged by theirs."""
    assert [f"{each.instance_path} {each.message}" for each in OPENAPI_31_VALIDATOR.iter_errors(DOCUMENT)] == []
    assert {name: schema for name, schema in SCHEMAS.items() if not jsonschema_rs.meta.is_valid(schema)} == {}
    for path, methods in DOCUMENT["paths"].items():
        for operation in methods.values():
            named = [each["name"] for each in operation["parameters"] if each["in"] == "path"]
            assert sorted(named) == sorted(re.findall(r"{(\w+)}", path))
            assert all(jsonschema_rs.meta.is_valid(each["schema"]) for each in operation["parameters"])


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_an_example_keeps_its_schema(name):
    """The one that the page shows, and each that stands in the document."""
    assert problems({"$ref": REF + name}, example(DOCUMENT, {"$ref": REF + name})) == []
    for part in with_examples(SCHEMAS[name]):
        for value in part["examples"]:
            assert problems(part, value) == [], value


def test_what_an_operation_sends_and_answers_has_an_example():
    bodies = 0
    for methods in DOCUMENT["paths"].values():
        for operation in methods.values():
            holders = [operation.get("requestBody", {}), *operation["responses"].values()]
            schemas = [each["content"]["application/json"]["schema"] for each in holders if is_json(each)]
            bodies += len(schemas)
            for schema in schemas:
                assert problems(schema, example(DOCUMENT, schema)) == [], operation["operationId"]
            for parameter in operation["parameters"]:
                for value in parameter["schema"].get("examples", []):
                    assert problems(parameter["schema"], value) == []
    assert bodies > 400


@pytest.mark.django_db
def test_the_roadmap_that_is_shown_can_be_brought_in(person):
    assert Program(person)("post", "roadmaps/import", ROADMAP).status_code == 201
    assert person.roadmaps.get().concepts.get().name == "Tables and rows"


def test_a_wrong_example_would_be_found():
    assert problems({"$ref": REF + "PlanToChange"}, {"hours_per_week": 200, "deadline": "soon"})
