"""What can programs do here? The OpenAPI document, and a page made from it by this server.

Swagger's own page needs inline styles, which no page of this site may have.
"""

import functools
import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from ninja import NinjaAPI

from content.api.errors import InvalidError
from content.api.example_document import EXAMPLES
from content.exporting.documents import RoadmapDocument
from content.rendering import to_html

REF = "#/components/schemas/"


class Api(NinjaAPI):
    def get_openapi_operation_id(self, operation: Any) -> str:
        return str(operation.view_func.__name__)

    @functools.cached_property
    def document(self) -> dict[str, Any]:
        """Made once: it does not change while the process lives."""
        made: dict[str, Any] = json.loads(json.dumps(self.get_openapi_schema()))
        imported = RoadmapDocument.model_json_schema(ref_template=REF + "{model}")
        made["components"]["schemas"] |= imported.pop("$defs") | {"RoadmapDocument": imported}
        for name, shown in EXAMPLES.items():
            made["components"]["schemas"][name]["examples"] = [shown]
        for parameter in (one for each in _operations(made) for one in each["parameters"]):
            parameter.pop("examples", None)  # its schema's, which are a list; a parameter's own would be named
        return made

    @functools.cached_property
    def query_names(self) -> dict[str, set[str]]:
        """What each operation knows in the query of its address."""
        return {
            each["operationId"]: {one["name"] for one in each["parameters"] if one["in"] == "query"}
            for each in _operations(self.document)
        }

    @functools.cached_property
    def without_body(self) -> set[str]:
        """The operations that are sent nothing but their address."""
        return {each["operationId"] for each in _operations(self.document) if "requestBody" not in each}


def _operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    return (each for methods in document["paths"].values() for each in methods.values())


def known_names_alone(api: Api) -> Any:
    """A parameter, or a body, that its operation does not know is refused: it is a mistake nobody would notice."""

    def decorator(operation: Any) -> Any:
        @functools.wraps(operation)
        def wrapped(request: HttpRequest, *args: Any, **sent: Any) -> Any:
            unknown = sorted(set(request.GET) - api.query_names[operation.__name__])
            if unknown:
                said = _("There is no such parameter.")
                raise InvalidError([{"field": each[:200], "message": said} for each in unknown])
            if operation.__name__ in api.without_body and request.body.strip() not in (b"", b"{}"):
                raise InvalidError([{"field": "", "message": _("This is sent without a body.")}])
            return operation(request, *args, **sent)

        return wrapped

    return decorator


def openapi_of(api: Api) -> Any:
    @require_safe
    def openapi(request: HttpRequest) -> HttpResponse:
        return JsonResponse(api.document)

    return openapi


def page_of(api: Api) -> Any:
    @require_safe
    def docs(request: HttpRequest) -> HttpResponse:
        return render(request, "content/api.html", {"about": to_html(api.description), "groups": _groups(api.document)})

    return docs


def _groups(document: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The operations by tag, each as the page shows it."""
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            groups[operation["tags"][0]].append(_shown(document, path, method, operation))
    return dict(groups)


def _shown(document: dict[str, Any], path: str, method: str, operation: dict[str, Any]) -> dict[str, Any]:
    status, answer = next(each for each in operation["responses"].items() if each[0].startswith("2"))
    return {
        "id": operation["operationId"],
        "method": method.upper(),
        "path": path,
        "summary": operation["summary"],
        "description": to_html(operation.get("description", "")),
        "parameters": [each for each in operation["parameters"] if each["in"] != "path"],
        "sent": _text(document, operation.get("requestBody")),
        "status": status,
        "answered": _text(document, answer),
    }


def _text(document: dict[str, Any], holder: dict[str, Any] | None) -> str:
    schema = (holder or {}).get("content", {}).get("application/json", {}).get("schema")
    return json.dumps(example(document, schema), indent=1, ensure_ascii=False) if schema else ""


def example(document: dict[str, Any], schema: dict[str, Any]) -> Any:
    """A value of the schema: its own example or default, else one made from its parts."""
    if "$ref" in schema:
        return example(document, document["components"]["schemas"][schema["$ref"].removeprefix(REF)])
    if examples := schema.get("examples"):
        return examples[0]
    for known in ("default", "const"):
        if known in schema:
            return schema[known]
    if choices := schema.get("enum"):
        return choices[0]
    for several in ("anyOf", "allOf", "oneOf"):
        if several in schema:
            return example(document, schema[several][0])
    match schema.get("type"):
        case "object":
            return {name: example(document, each) for name, each in schema.get("properties", {}).items()}
        case "array":
            return [example(document, schema["items"])] if schema.get("items") else []
        case kind:
            return {"string": _word(schema), "integer": 1, "number": 1.0, "boolean": False}.get(kind or "")


def _word(schema: dict[str, Any]) -> str:
    return {"date-time": "2026-01-31T12:00:00Z", "date": "2026-01-31"}.get(schema.get("format", ""), "…")
