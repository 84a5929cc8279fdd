"""How heavy is a page at its fullest, on a first visit? And what goes over the line compressed."""

import gzip
import io
import json
import re
import zipfile
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.http import FileResponse, HttpResponse
from django.urls import reverse

from content import sharing
from roadmap_project.compressing import text_compressed
from roadmap_project.library.subjects import subjects
from tests.factories import (
    make_quiz,
    make_resources,
    make_roadmap_in_review,
    make_tutorial,
    make_user,
    make_written_roadmap,
)

pytestmark = pytest.mark.django_db

MOST = 60_000  # bytes; 150,000 are what a slow connection may be asked to bear
GZIP = {"HTTP_ACCEPT_ENCODING": "gzip, br"}
LOADED = re.compile(r'(?:<script src|<link rel="(?:stylesheet|icon)" href)="/static/([^"]+)"')
FULL = {"stages": 5, "modules": 5, "concepts": 6}


@pytest.fixture
def owner(client):
    owner = make_user()
    client.force_login(owner)
    return owner


def weight(response) -> int:
    """The page, and what it loads as production serves it: compressed beforehand."""
    html = response.content
    if response.headers.get("Content-Encoding") == "gzip":
        html = gzip.decompress(html)
    loaded = LOADED.findall(html.decode())
    assert len(loaded) >= 3
    files = sum(len(gzip.compress(Path(finders.find(each)).read_bytes())) for each in loaded)
    return len(response.content) + files


def test_the_fullest_pages_stay_light(client, owner):
    review = make_roadmap_in_review(owner=owner, **FULL)
    roadmap = make_written_roadmap(owner=owner, **FULL)
    longest = max((concept.markdown for subject in subjects() for concept in subject.concepts()), key=len)
    concept = roadmap.concepts.get(key="c-3-3-3")
    make_tutorial(concept=concept, markdown=longest)
    make_resources(concept=concept, count=10)
    make_quiz(concept=concept)
    share = sharing.share(roadmap)
    place = [roadmap.slug, concept.key]
    paths = [
        review.get_absolute_url(),
        reverse("roadmaps:edit", args=[review.slug]) + "?open=c-5-5-6",  # every other concept could come before it
        reverse("roadmaps:versions", args=[review.slug]),
        roadmap.get_absolute_url(),
        reverse("content:concept", args=place),
        reverse("content:shared", args=[share.token]),
        reverse("content:shared_concept", args=[share.token, concept.key]),
        "/api/v1/docs",
    ]

    weights = {path: weight(client.get(path, **GZIP)) for path in paths}

    assert min(weights.values()) > 20_000
    assert {path: weight for path, weight in weights.items() if weight > MOST} == {}


def test_a_compressed_page_is_read_as_before_and_not_sent_twice(client, owner):
    roadmap = make_written_roadmap(owner=owner, state="writing", steps="waiting")
    address = reverse("roadmaps:progress", args=[roadmap.slug])

    packed, plain = client.get(address, **GZIP), client.get(address)

    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert "Accept-Encoding" in packed.headers["Vary"]
    assert len(packed.content) < len(plain.content) / 2
    assert "Concept 1" in gzip.decompress(packed.content).decode()
    again = client.get(address, HTTP_IF_NONE_MATCH=packed.headers["ETag"], **GZIP)
    assert (again.status_code, again.content) == (304, b"")


def test_a_forms_token_is_another_in_every_answer(client, owner):
    found = [
        re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', gzip.decompress(each.content).decode())
        for each in (client.get(reverse("roadmaps:account"), **GZIP) for _ in range(2))
    ]

    assert found[0]
    assert not set(found[0]) & set(found[1])


def test_pages_with_lasting_secrets_and_files_go_as_they_are(client, owner):
    """What an address says comes back in the page, so its length would tell of the secret beside it."""
    roadmap = make_written_roadmap(owner=owner)
    share = sharing.share(roadmap)

    shown = client.get(reverse("content:take_away", args=[roadmap.slug]), **GZIP)
    assert "Content-Encoding" not in shown.headers
    assert share.token in shown.content.decode()
    assert "Content-Encoding" not in client.get(reverse("tokens"), **GZIP).headers

    everything = client.get(reverse("content:everything"), **GZIP)
    assert "Content-Encoding" not in everything.headers
    assert int(everything.headers["Content-Length"]) > 0
    assert zipfile.ZipFile(io.BytesIO(b"".join(everything.streaming_content))).testzip() is None
    written = client.get(reverse("content:download", args=[roadmap.slug, "json"]), **GZIP)
    assert json.loads(gzip.decompress(written.content))["format"] == "roadmap"


@pytest.mark.parametrize(
    ("response", "is_packed"),
    [
        (HttpResponse("x" * 1000), True),
        (HttpResponse("x"), False),
        (HttpResponse("x" * 1000, content_type="application/epub+zip"), False),
        (FileResponse(io.BytesIO(b"x" * 1000), content_type="application/zip"), False),
    ],
)
def test_text_is_compressed_and_nothing_else(rf, response, is_packed):
    answer = text_compressed(lambda request: response)(rf.get("/", **GZIP))

    assert answer.has_header("Content-Encoding") is is_packed
