"""Addresses of the API: its operations, and what is said about them."""

from django.urls import URLPattern, path, re_path

from content import converters  # noqa: F401  registers them
from content.api import (
    about,
    account,
    concepts,
    differences,
    documentation,
    errors,
    reading_shared,
    reshaping,
    roadmaps,
    taking_away,
)
from content.api.door import Token, nothing_here, through

DESCRIPTION = """\
What you can do on the pages your own programs can do here. Make a token at /account/tokens/ and send it with every \
request, as `Authorization: Bearer …`. Lists come in pages: send a page's `next` as `after` \
of the following request, until it is null. Whatever goes wrong is answered in one shape, `ErrorAnswer`, with a code \
for programs, a sentence for people, and the request's id. Sentences for people (`message`, `notice`, `reason`, \
`failure`, `origin`, …) are in English, or in Chinese where `Accept-Language` asks for it. A field or a parameter that \
an operation does not know is refused (422).

Every `POST` but `POST /api/v1/account/delete` takes an `Idempotency-Key`. Sent again with the same key within a day, \
a request is answered as the first time and changes nothing more (409, once its roadmap is gone for good); with the \
same key and something else it is refused (422, `key_used_otherwise`). What was refused leaves its key free. `GET`, \
`PUT`, `PATCH` and `DELETE` need none: said twice they change nothing more."""

api = documentation.Api(
    title="Roadmaps",
    version="1",
    description=DESCRIPTION,
    auth=Token(),
    urls_namespace="api",
    openapi_url=None,
    docs_url=None,
)
errors.add_to(api)
api.add_decorator(documentation.known_names_alone(api))
api.add_router("", about.router)
api.add_router("account", account.router)
for router in (
    roadmaps.router,
    differences.outline_router,
    reshaping.router,
    concepts.router,
    concepts.quiz_router,
    concepts.piece_router,
    differences.piece_router,
    taking_away.router,
    roadmaps.log_router,
):
    api.add_router("roadmaps", router)
api.add_router("shared", reading_shared.router)
api.add_router("shared", taking_away.shared_router)


def _operations() -> list[URLPattern]:
    operations = [each for each in api.urls[0] if isinstance(each, URLPattern) and each.name != "api-root"]
    for each in operations:
        each.callback = through(each.callback)
    return operations


app_name = "api"

urlpatterns = [
    path("", through(documentation.page_of(api)), name="api-root"),
    path("docs", through(documentation.page_of(api)), name="docs"),
    path("openapi.json", through(documentation.openapi_of(api)), name="openapi"),
    *_operations(),
    re_path(r"", through(nothing_here), name="nothing-here"),
]
