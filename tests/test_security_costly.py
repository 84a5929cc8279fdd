"""What one person sends costs a bounded time, whatever it holds, and so many times in a quarter of an hour."""

import json
import time

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from content import importing, rendering, sharing
from content.exporting import reading
from content.exporting.formats import FORMATS
from content.models import Tutorial
from roadmaps.deciding import RefusedError
from roadmaps.models import Roadmap
from tests.content.test_api import Program
from tests.content.test_importing import complete, first_concept
from tests.factories import make_user, make_written_roadmap

pytestmark = pytest.mark.django_db

WAIT = "Too many tries. Please wait 15 minutes."


@pytest.fixture
def roadmap(person):
    return complete(make_written_roadmap(owner=person, stages=2, concepts=2))


@pytest.fixture
def data(roadmap):
    return json.loads(FORMATS["json"].write(reading.for_owner(roadmap)))


@pytest.fixture
def api(person):
    return Program(person)


def with_tutorials(data, markdown) -> bytes:
    for stage in data["stages"]:
        for module in stage["modules"]:
            for concept in module["concepts"]:
                concept["tutorial"]["markdown"] = markdown
    return json.dumps(data).encode()


# By what it holds


@pytest.mark.parametrize("unit", ["![", "[![a](", "#\n", "|a|\n|-|\n", "- a\n"])
def test_tutorials_that_each_are_allowed_are_refused_together_before_any_is_laid_out(data, monkeypatch, unit):
    monkeypatch.setattr(rendering, "to_html", None)

    with pytest.raises(RefusedError, match=r"^The tutorials have [0-9,]{7,9} characters together, or more brackets"):
        importing.parse(with_tutorials(data, (unit * 200_000)[:199_000]))


def test_the_most_expensive_text_that_is_let_in_takes_as_long_as_it_weighs(data, person, monkeypatch):
    """A thirtieth of the most, with a margin of two for the machine."""
    monkeypatch.setattr(importing, "MOST_WEIGHT", importing.MOST_WEIGHT // 30)
    unit = "[![a]("
    most = importing.MOST_WEIGHT // 4 // rendering.weight(unit)
    document = importing.parse(with_tutorials(data, unit * most))
    began = time.process_time()

    importing.create(importing.lay_out(document), owner=person, origin="")

    assert time.process_time() - began < 0.5 + 2 * importing.MOST_WEIGHT / 1_000_000
    with pytest.raises(RefusedError):
        importing.parse(with_tutorials(data, unit * (most + 100)))


def test_code_that_is_slow_to_colour_costs_all_tutorials_together_their_time(data, person, monkeypatch):
    monkeypatch.setattr(importing, "COLOURING_SECONDS", 0.02)
    css = "```css\n" + "<a_|%" * 1_900 + "\n```\n"
    for concept in data["stages"][0]["modules"][0]["concepts"]:
        concept["tutorial"]["markdown"] = css

    made = importing.create(importing.lay_out(importing.parse(json.dumps(data).encode())), owner=person, origin="")

    first, second = Tutorial.objects.filter(concept__module__stage__roadmap=made).order_by("pk")[:2]
    assert "<span" in first.html
    assert "<span" not in second.html
    assert "&lt;a_" in second.html


def test_ordinary_tutorials_of_a_large_roadmap_are_taken(data):
    words = "A paragraph of some length with a [link](https://example.org), *emphasis* and `code` in it.\n\n"

    importing.parse(with_tutorials(data, words * 1_200))  # 470,000 characters


def test_of_millions_of_little_things_none_is_read(data, monkeypatch):
    """A list of three bytes takes a hundred of memory."""
    monkeypatch.setattr(importing, "from_json", None)

    for each in (b"[],", b"{},", b'"",'):
        with pytest.raises(RefusedError, match="more lists, fields and commas than any roadmap"):
            importing.parse(b"[" + each * (importing.MOST_VALUES + 1) + b"0]")


def test_a_refusal_is_a_few_sentences_long_whatever_was_sent(data):
    first_concept(data)["quiz"]["questions"][0]["correct"] = [0] * 500_000

    with pytest.raises(RefusedError) as refused:
        importing.parse(json.dumps(data).encode())

    assert len(str(refused.value)) < 500


# By how often


def test_a_person_brings_in_so_many_in_a_quarter_of_an_hour_by_page_and_by_program(
    visitor, api, roadmap, data, settings
):
    settings.IMPORTS_PER_PERSON = 3
    link = sharing.share(roadmap).token
    text = json.dumps(data)
    assert visitor.post("/bring-in/", {"text": text}).status_code == 302
    assert visitor.post("/bring-in/", {"text": "{}"}).status_code == 200  # what is refused took its time, too
    assert api("post", f"shared/{link}/copy").status_code == 201
    number = Roadmap.objects.count()

    page = visitor.post("/bring-in/", {"text": text})
    copied = visitor.post(reverse("content:copy", args=[link]), follow=True)
    programs = [api("post", "roadmaps/import", data), api("post", f"shared/{link}/copy")]

    assert page.context["form"].non_field_errors() == [WAIT]
    assert page.context["form"]["text"].value() == text  # nothing that was typed is lost
    assert WAIT in copied.content.decode()
    assert [each.status_code for each in programs] == [429, 429]
    assert 890 < int(programs[0].headers["Retry-After"]) <= 901
    assert Roadmap.objects.count() == number


def test_nobody_elses_imports_count(visitor, data, settings, client):
    settings.IMPORTS_PER_PERSON = 1
    sent = {"file": SimpleUploadedFile("r.json", json.dumps(data).encode())}
    assert visitor.post("/bring-in/", sent).status_code == 302
    client.force_login(make_user(username="grace"))

    assert client.post("/bring-in/", {"text": json.dumps(data)}).status_code == 302


def test_a_person_takes_so_many_files_away_in_a_quarter_of_an_hour(visitor, api, roadmap, settings):
    settings.DOWNLOADS_PER_PERSON = 3
    epub = reverse("content:download", args=[roadmap.slug, "epub"])
    assert visitor.get(epub).status_code == 200
    assert b"".join(visitor.get("/account/everything/").streaming_content)
    assert api("get", f"roadmaps/{roadmap.slug}/export/markdown").status_code == 200

    pages = [visitor.get(epub, follow=True), visitor.get("/account/everything/", follow=True)]
    programs = [api("get", f"roadmaps/{roadmap.slug}/export/json"), api("get", "account/everything")]

    assert all(WAIT in page.content.decode() for page in pages)
    assert [each.status_code for each in programs] == [429, 429]
