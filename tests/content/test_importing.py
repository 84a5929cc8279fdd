"""A roadmap's JSON, brought in again: equal where it is sound, refused with the reason where it is not."""

import codecs
import copy
import json
import re
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone, translation
from pydantic import ValidationError

from content import importing
from content.exporting import reading
from content.exporting.documents import LIMITS, RoadmapDocument
from content.exporting.formats import FORMATS
from content.models import Note, Question, Resource, Tutorial
from roadmap_project import wrong_values
from roadmaps import deciding, explaining, outline, reshaping
from roadmaps.deciding import RefusedError
from roadmaps.models import Concept, ConceptProgress, OutlineRevision, Roadmap, Step
from roadmaps.steps import draining
from tests.factories import (
    make_quiz,
    make_resources,
    make_roadmap_in_review,
    make_tutorial,
    make_user,
    make_written_roadmap,
)
from tests.roadmaps.test_pages import queries_of, text_of

pytestmark = pytest.mark.django_db

ADDRESS = "/bring-in/"
ENGLISH = re.compile("[A-Za-z]{2,}")


def complete(roadmap: Roadmap) -> Roadmap:
    """With everything that an outline's rules ask for, and all pieces."""
    for stage in roadmap.stages.all():
        stage.modules.update(description="What it is for.")
    for concept in roadmap.concepts.all():
        make_tutorial(concept=concept, markdown="## Overview\n\nSee [the first](concept:c-1-1-1).")
        make_resources(concept=concept)
        make_quiz(concept=concept)
    return roadmap


@pytest.fixture
def roadmap(person):
    roadmap = complete(make_written_roadmap(owner=person, stages=2, concepts=2))
    make_resources(concept=roadmap.concepts.last(), version=2, count=0, note="Look in a library.")
    first = roadmap.concepts.first()
    Note.objects.create(concept=first, user=person, text="Mine\n", saved_at="2026-01-02T03:04:05Z")
    ConceptProgress.objects.create(concept=first, user=person, done_at="2026-02-03T04:05:06.7Z")
    ConceptProgress.objects.create(concept=roadmap.concepts.last(), user=person)  # learned once, and not any more
    return roadmap


@pytest.fixture
def data(roadmap):
    return json.loads(exported(roadmap))


def exported(roadmap: Roadmap) -> bytes:
    return FORMATS["json"].write(reading.for_owner(roadmap))


def contents(roadmap: Roadmap) -> dict:
    """All but what says which roadmap it is and when it was taken away."""
    kept = json.loads(exported(roadmap))
    for name in ("id", "exported_at", "origin"):
        del kept[name]
    return kept


def bring_in(data, owner) -> Roadmap:
    return importing.create(
        importing.lay_out(importing.parse(json.dumps(data).encode())), owner=owner, origin=importing.FROM_A_FILE
    )


def refusal(data) -> str:
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    with pytest.raises(RefusedError) as refused:
        importing.parse(raw)
    return str(refused.value)


def first_concept(data):
    return data["stages"][0]["modules"][0]["concepts"][0]


# There and back


def test_what_is_taken_away_comes_back_equal_as_a_new_roadmap(person, roadmap, data):
    made = bring_in(data, person)

    assert made.pk != roadmap.pk
    assert contents(made) == contents(roadmap)
    assert made.state == Roadmap.State.READY
    assert (made.hours, made.weeks) == (6, 1)
    assert made.origin == "Brought in from a file."
    assert set(made.steps.values_list("state", flat=True)) == {Step.State.DONE}
    assert made.steps.count() == 3 * 4


def test_what_was_learned_stays_learned_and_what_was_not_does_not(person, data):
    made = bring_in(data, person)

    learned = ConceptProgress.objects.filter(concept__roadmap=made)
    assert [(each.concept.key, each.user, each.done_at.isoformat()) for each in learned] == [
        ("c-1-1-1", person, "2026-02-03T04:05:06.700000+00:00")
    ]


@pytest.mark.parametrize(
    ("said", "taken"),
    [
        ("9999-12-31T23:59:59-14:00", None),
        ("0001-01-01T00:00:00+14:00", "2000-01-01T00:00:00+00:00"),
        (-62135596800, "2000-01-01T00:00:00+00:00"),
        ("2026-02-03T04:05:06", "2026-02-03T04:05:06+00:00"),
        ("2026-02-03T04:05:06+02:00", "2026-02-03T02:05:06+00:00"),
    ],
)
def test_no_moment_is_taken_from_the_future_or_from_before_there_were_computers(visitor, person, data, said, taken):
    first_concept(data)["learned_at"] = said
    begun = timezone.now()

    made = bring_in(data, person)

    at = ConceptProgress.objects.get(concept__roadmap=made).done_at
    assert begun <= at <= timezone.now() if taken is None else at.isoformat() == taken
    assert visitor.get(made.get_absolute_url()).status_code == 200


def test_a_file_of_the_first_version_is_taken_as_it_was(person, data):
    data["version"] = 1
    for stage in data["stages"]:
        for concept in stage["modules"][0]["concepts"]:
            del concept["learned_at"]

    made = bring_in(data, person)

    assert made.state == Roadmap.State.READY
    assert not ConceptProgress.objects.filter(concept__roadmap=made).exists()


def test_html_is_made_anew_and_links_lead_into_the_new_roadmap(person, data):
    made = bring_in(data, person)

    html = Tutorial.objects.filter(concept__roadmap=made).first().html
    assert f'href="/roadmaps/{made.slug}/c-1-1-1/"' in html


@pytest.mark.django_db(transaction=True)
def test_a_real_roadmap_comes_back_equal(person, library):
    from roadmaps import starting

    roadmap = starting.start(owner=person, goal="Learn Python programming", hours_per_week=5)
    draining.drain("workflow")
    deciding.approve(roadmap.pk)
    draining.drain("content")
    roadmap.refresh_from_db()

    made = bring_in(json.loads(exported(roadmap)), person)

    assert roadmap.state == made.state == Roadmap.State.READY
    assert contents(made) == contents(roadmap)
    assert all(made.concepts.values_list("source", flat=True))


def test_what_is_missing_is_bought_only_when_it_is_asked_for(person, data):
    first_concept(data)["quiz"] = None

    made = bring_in(data, person)

    assert made.state == Roadmap.State.PARTLY_READY
    assert "1 of 12 pieces" in made.notice
    assert not made.steps.active().exists()
    deciding.retry(made.pk)
    assert list(made.steps.active().values_list("concept__key", "kind")) == [("c-1-1-1", "quiz")]


def test_an_outline_alone_waits_for_its_reader_and_can_be_approved(visitor, person):
    roadmap = make_roadmap_in_review(owner=person)
    roadmap.stages.get().modules.update(description="What it is for.")

    made = bring_in(json.loads(exported(roadmap)), person)

    assert made.state == Roadmap.State.IN_REVIEW
    assert outline.tree_of(outline.latest(made)).title == roadmap.title
    assert "Not reviewed" in text_of(visitor.get(made.get_absolute_url()))
    deciding.approve(made.pk)
    assert made.steps.active().count() == 9


def test_what_is_said_of_an_edited_outline_comes_along_however_long_its_design_explained_it(person):
    roadmap = complete(make_roadmap_in_review(owner=person))
    Roadmap.objects.filter(pk=roadmap.pk).update(rationale="x" * 4000)
    reshaping.change_stage(roadmap.pk, seen_version=1, by=person, stage="s-1", name="Begin")
    roadmap.refresh_from_db()

    made = bring_in(json.loads(exported(roadmap)), person)

    assert made.rationale == "x" * 4000 + "\n" + explaining.EDITED


def test_what_came_in_can_be_edited_like_any_other(person, data):
    made = bring_in(data, person)
    tree = outline.tree_of(outline.latest(made))
    tree.stages[0].name = "Renamed"

    outline.revise(made, tree, author=OutlineRevision.Author.HAND, reason="")

    assert Tutorial.objects.filter(concept__roadmap=made).count() == 4


def test_bringing_in_costs_the_same_statements_per_part_whatever_is_written(
    person, data, django_assert_max_num_queries
):
    document = importing.parse(json.dumps(data).encode())

    with django_assert_max_num_queries(40):
        importing.create(importing.lay_out(document), owner=person, origin="")


def test_B4_the_same_request_makes_one_roadmap(person, data):
    key = uuid.uuid4()
    document = importing.parse(json.dumps(data).encode())

    made = [importing.create(importing.lay_out(document), owner=person, origin="", request_key=key) for _ in "ab"]

    assert made[0] == made[1]
    assert Tutorial.objects.filter(concept__roadmap=made[0]).count() == 4


# What nobody vouches for


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda data: data.pop("title"), "title: This is missing."),
        (lambda data: data.update(title=7), "title: This must be a text."),
        (lambda data: data.update(surprise=1), "surprise: There is no such field."),
        (
            lambda data: data.update(version=3),
            "version: The file comes from a newer version of this site: its format has the ",
        ),
        (lambda data: data.update(version=0), "version: This must be one of: 1, 2."),
        (lambda data: data.update(version=10**9), "version: This must be one of: 1, 2."),
        (lambda data: data.update(format="diary"), "format: This is no roadmap that was taken away"),
        (lambda data: data.pop("format"), "says “roadmap” in its field “format”."),
        (lambda data: data.update(goal=""), "goal: This must not be empty."),
        (lambda data: data.update(hours_per_week=0), "hours_per_week: This must be at least 1."),
        (lambda data: data.update(stages=[]), "has 0 stages"),
        (lambda data: data.update(stages="many"), "stages: This must be a list."),
        (lambda data: data.update(stages=data["stages"] * 7), "stages: At most 12 are allowed."),
        (lambda data: data["stages"][1].pop("name"), "stages[1].name: This is missing."),
        (lambda data: first_concept(data).update(prerequisites=["c-1-1-2"]), "does not come before it"),
        (lambda data: first_concept(data).update(prerequisites=["c-1-1-1"]), "does not come before it"),
        (lambda data: first_concept(data).update(prerequisites=["c-7-7-7"]), "unknown prerequisite c-7-7-7"),
        (lambda data: first_concept(data).update(key="c-1-1-2"), "the key c-1-1-2 (“Concept 1”) stands twice"),
        (lambda data: first_concept(data).update(key="../../etc"), "concepts[0].key: This must be a key like c-1-2-3."),
        (lambda data: first_concept(data).update(hours=float("nan")), "hours: This must be at most 8.0."),
        (
            lambda data: first_concept(data)["tutorial"].update(html="<script>"),
            "tutorial.html: There is no such field.",
        ),
        (lambda data: first_concept(data)["tutorial"].update(markdown="x" * 200_001), "200001 characters"),
        (lambda data: first_concept(data)["quiz"].update(questions=[]), "0 questions"),
        (
            lambda data: first_concept(data)["quiz"]["questions"][0].update(correct=[9]),
            "does not name distinct options",
        ),
        (
            lambda data: first_concept(data)["resources"]["resources"][0].update(url="javascript:alert(1)"),
            "is neither http nor https",
        ),
        (
            lambda data: first_concept(data)["resources"]["resources"][0].update(url="http://127.1/"),
            "is a private address",
        ),
        (lambda data: first_concept(data).update(note="x" * 20_001), "note: At most 20000 characters are allowed."),
    ],
)
def test_what_breaks_a_rule_is_refused_with_its_place_and_reason(data, change, reason):
    change(data)

    assert reason in refusal(data)
    assert Roadmap.objects.count() == 1


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "This is not JSON"),
        (b"PK\x03\x04", "This is not JSON: several files are packed into it"),
        (b"\xff\xfe{", "This is not JSON"),
        (b'{"title": "\\ud800"}', "This is not JSON"),
        (b"[" * 100_000, "This is not JSON"),
        (b"[" * 50 + b"]" * 50, "nested more than 12 levels deep"),
        (b"[]", "This must be an object with fields."),
        (b"null", "This must be an object with fields."),
        (b"{%s}" % b",".join(b'"k%d":1' % number for number in range(100_000)), "100,000 keys"),
        (b" " * (importing.MOST_BYTES + 1), "16,777,216 are allowed"),
    ],
    ids=["empty", "zip", "bytes", "half a pair", "deep", "nested", "list", "null", "keys", "large"],
)
def test_what_is_no_roadmap_at_all_is_refused(raw, reason):
    assert reason in refusal(raw)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "The text ends too early. (Line 1, column 0.)"),
        (b'{"a": "b', "The text ends too early."),
        (b"[1] x", "Something stands after the end. (Line 1, column 5.)"),
        (b'{"a": 1,}', "A comma stands before a closing bracket."),
        (b"{'a': 1}", "The name of a field does not stand between double quotes."),
        (b'{"a": "b\nc"}', "A text holds a line end or another control character. (Line 2, column 0.)"),
        (rb'["\x"]', "What stands after a backslash is not what JSON knows."),
        (rb'["\ud800"]', "What stands after a backslash is not what JSON knows."),
        (rb'["\udc00"]', "What stands after a backslash is not what JSON knows."),
        (b'["\xff"]', "The text is not in UTF-8."),
        (b"01", "A number is not written as JSON writes it."),
        (b"1" * 5000, "A number is too large."),
        (b"[" * 100_000, "It is nested too deep."),
        (b"[1 2]", "Something else is expected there. (Line 1, column 4.)"),
        (b"\xff\xfe{", "Something else is expected there."),
    ],
)
def test_what_is_not_json_is_told_with_the_place_in_both_languages(raw, said):
    assert refusal(raw).startswith(f"This is not JSON. {said}")
    with translation.override("zh-hans"):
        assert not ENGLISH.search(refusal(raw).replace("JSON", "").replace("UTF-8", ""))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_how_an_editor_saved_a_text_is_no_mistake(data, encoding):
    data["title"] = "学 Python 🐍"

    assert importing.parse(json.dumps(data, ensure_ascii=False).encode(encoding)).title == data["title"]


def test_the_longest_tutorials_of_forty_concepts_are_taken_in_chinese(data):
    """More than 5 MB; a model designs some thirty concepts, and writes no longer ones."""
    words = (
        "这是关于数据库的教程段落，说明**如何查询**、连接和汇总数据，" * 3
        + "见[文档](https://example.org/abc)。`SELECT 1`。"
    )
    for stage in data["stages"]:
        one = stage["modules"][0]["concepts"][0]
        one["tutorial"]["markdown"] = (f"## 概述\n\n{words * 4}\n\n" * 400)[:60_000]
        keys = [f"c-{one['key'][2]}-1-{number}" for number in range(1, 21)]
        stage["modules"][0]["concepts"] = [one | {"key": key, "prerequisites": []} for key in keys]

    sent = json.dumps(data, ensure_ascii=False).encode()

    assert len(sent) > 5_000_000
    assert len(importing.parse(sent).parts()) == 40


def test_of_a_text_in_utf_16_no_more_bytes_are_taken_than_of_any_other():
    assert "16,777,216 are allowed" in refusal(codecs.BOM_UTF16_LE + b" \0" * (importing.MOST_BYTES // 2))


# Each of these stands once in the place of each value of a file, and each field is left out once.
OTHER_VALUES = (
    None, True, 7, -1, 0, 2.5, float("inf"), float("nan"), 10**400, "", " ", "x", "x" * 200_001, "9" * 5000, "7", "#",
    "2026-13-01", "2026-01-31", "2026-01-31T09:30:00Z", "2026-01-31T25:00:00Z", [], [None], ["x"] * 160, {}, {"x": 1},
    "javascript:x", "https://a b/", "https://", "https://u:p@example.org/", "https://10.0.0.1/", "https://[x/",
    "https://example.org:8080/", "```", "multiple_choice", "true_false", "hard", [0, 0], [0, 1], [9], ["a", "a"],
    ["c-9-9-9"], ["c-1-1-1"], "c-1-1-2",
)  # fmt: skip


def problems_of(file: dict) -> list[dict]:
    try:
        RoadmapDocument.model_validate(file, context=LIMITS)
    except ValidationError as error:
        return error.errors(include_url=False, include_input=False)
    return []


def problems_around(value: Any, whole: dict) -> Iterator[dict]:
    """What is wrong with the whole once each part of this value was left out, doubled, or something else."""
    for key, each in list(value.items() if isinstance(value, dict) else enumerate(value)):
        for other in OTHER_VALUES:
            value[key] = other
            yield from problems_of(whole)
        value[key] = each
        if isinstance(each, dict | list):
            yield from problems_around(each, whole)
    if isinstance(value, dict):
        for key in list(value):
            without = value.pop(key)
            yield from problems_of(whole)
            value[key] = without
        value["surprise"] = 1
        yield from problems_of(whole)
        del value["surprise"]
    elif value:
        value.append(value[-1])
        yield from problems_of(whole)
        value.pop()


def test_every_kind_of_mistake_that_a_file_can_have_is_told_in_both_languages(data):
    data["stages"] = data["stages"][:1]
    for concept in data["stages"][0]["modules"][0]["concepts"]:
        concept["quiz"]["questions"] = concept["quiz"]["questions"][:1]

    found: dict[str, dict] = {}
    for problem in [*problems_around(data, data), *problems_of([])]:
        what = problem["msg"] if problem["type"] == "value_error" else ""
        found.setdefault(f"{problem['type']} {re.sub('[0-9.]+', '1', what)[-60:]}", problem)

    assert not [kind for kind, problem in found.items() if wrong_values.told(problem) is None]
    with translation.override("zh-hans"):
        assert not [kind for kind, problem in found.items() if not re.search("[一-龥]", wrong_values.told(problem))]
    kinds = {problem["type"] for problem in found.values()}
    assert kinds > {"missing", "extra_forbidden", "string_too_long", "literal_error", "datetime_parsing", "value_error"}
    assert sum(kind.startswith("value_error") for kind in found) > 15


def named_mistakes(data) -> list[str]:
    with pytest.raises(importing.WrongFileError) as wrong:
        importing.parse(json.dumps(data).encode())
    return [each.named for each in wrong.value.mistakes]


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda concept: concept.pop("hours"), "› Concept “Concept 1” › Field “hours”"),
        (lambda concept: concept.update(name="  "), "› Module “Module 1.1” › Concept 1 › Field “name”"),
        (lambda concept: concept.update(name=["x"]), "› Module “Module 1.1” › Concept 1 › Field “name”"),
        (lambda concept: concept.update(name="x" * 400), f"› Concept “{'x' * 60}…” › Field “name”"),
        (lambda concept: concept.update(keywords=["a", 7]), "› Concept “Concept 1” › Field “keywords” › Entry 2"),
        (lambda concept: concept["tutorial"].pop("title"), "› Concept “Concept 1” › Tutorial › Field “title”"),
        (lambda concept: concept.update(quiz=7), "› Concept “Concept 1” › Quiz"),
        (lambda concept: concept["quiz"].update(questions={}), "› Concept “Concept 1” › Quiz › Field “questions”"),
        (
            lambda concept: concept["quiz"]["questions"][2].update(options=["a", 7]),
            "› Concept “Concept 1” › Question 3 › Field “options” › Entry 2",
        ),
        (
            lambda concept: concept["resources"]["resources"][1].pop("url"),
            "› Concept “Concept 1” › Resource “Link 2” › Field “url”",
        ),
        (
            lambda concept: concept["resources"]["resources"][1].pop("title"),
            "› Concept “Concept 1” › Resource 2 › Field “title”",
        ),
        (lambda concept: concept.update(resources=7), "› Concept “Concept 1” › Resources"),
        (
            lambda concept: concept["resources"].update(resources=[7]),
            "› Concept “Concept 1” › Resource 1",
        ),
    ],
)
def test_a_mistakes_place_is_told_with_the_names_that_its_reader_knows(data, change, place):
    change(first_concept(data))

    assert named_mistakes(data)[0].endswith(place)
    with translation.override("zh-hans"):
        assert not ENGLISH.search(re.sub("“.*?”", "", named_mistakes(data)[0]))


def test_the_keys_in_a_mistake_come_with_the_names_of_their_concepts(data):
    first_concept(data).update(prerequisites=["c-1-1-2", "c-7-7-7"])

    words = refusal(data)

    assert "c-1-1-1 (“Concept 1”) has the prerequisite c-1-1-2 (“Concept 2”), which does not come before it" in words
    assert "c-1-1-1 (“Concept 1”) has the unknown prerequisite c-7-7-7" in words


def test_a_file_of_a_newer_version_is_told_what_to_do_and_nothing_else(visitor, data):
    data |= {"version": 3, "stages": [{"later": "form"}]}

    for language, said in {"en": "Ask whoever runs this site to bring it up to date", "zh-hans": "请联系"}.items():
        page = text_of(visitor.post(ADDRESS, {"text": json.dumps(data)}, headers={"Accept-Language": language}))
        assert said in page
        assert "later" not in page.partition("textarea")[0].partition("{")[0]


def test_a_flood_of_mistakes_is_told_in_a_few_lines(data):
    words = refusal({**data, "stages": [{}] * 12})

    assert len(words.splitlines()) == 9
    assert "more." in words


def test_nul_characters_are_left_out(person, data):
    data["title"] = "a\x00b"
    first_concept(data)["note"] = "c\x00d \\u0000"

    made = bring_in(data, person)

    assert made.title == "ab"
    assert made.concepts.first().notes.get().text == "cd \\u0000"


def test_G2_hostile_words_are_shown_as_words(visitor, person, data):
    hostile = '<script>alert(1)</script><img src=x onerror="alert(1)">'
    data["title"] = data["goal"] = data["rationale"] = hostile
    concept = first_concept(data)
    concept["name"] = concept["note"] = hostile
    concept["tutorial"] |= {"title": hostile, "markdown": f"{hostile} [x](javascript:alert(1))", "origin": hostile}
    concept["resources"]["note"] = concept["quiz"]["questions"][0]["question"] = hostile

    made = bring_in(data, person)

    key = made.concepts.first().key
    paths = [
        made.get_absolute_url(),
        *(reverse(f"content:{name}", args=[made.slug, key]) for name in ("concept", "quiz")),
    ]
    for path in paths:
        page = visitor.get(path).content.decode()
        assert "<script>alert" not in page
        assert "<img" not in page
        assert 'href="javascript' not in page


@pytest.mark.parametrize("source", ["../../etc/passwd", "python-programming/nothing", "nothing/at-all", "x"])
def test_a_place_in_the_library_that_is_not_there_is_left_out(person, data, source):
    first_concept(data)["source"] = source

    assert bring_in(data, person).concepts.first().source == ""


# The page


def test_a_file_is_brought_in_by_upload(visitor, roadmap):
    file = SimpleUploadedFile("mine.json", exported(roadmap), content_type="application/json")

    response = visitor.post(ADDRESS, {"file": file})

    assert contents(Roadmap.objects.get(slug=response.url.split("/")[2])) == contents(roadmap)


def test_a_text_is_brought_in_by_pasting_and_a_double_click_makes_one(visitor, roadmap):
    key = re.search(r'name="request_key" value="([^"]+)"', visitor.get(ADDRESS).content.decode())[1]

    form = {"text": exported(roadmap).decode(), "request_key": key}
    urls = {visitor.post(ADDRESS, form).url for _ in "ab"}

    assert len(urls) == 1
    assert Roadmap.objects.count() == 2
    assert "You have already brought this roadmap in." in text_of(visitor.get(urls.pop()))


def test_another_file_in_a_form_that_back_brought_is_brought_in(visitor, data):
    key = str(uuid.uuid4())
    files = [json.dumps({**data, "title": title}).encode() for title in ("One", "Two")]

    for file in files:
        visitor.post(ADDRESS, {"file": SimpleUploadedFile("mine.json", file), "request_key": key})

    assert set(Roadmap.objects.values_list("title", flat=True)) > {"One", "Two"}


def test_a_refused_text_stays_in_the_form_with_its_reasons(visitor, data):
    del data["title"]
    first_concept(data)["surprise"] = "<b>"

    response = visitor.post(ADDRESS, {"text": json.dumps(data)})

    page = text_of(response)
    assert "Field “title”: This is missing. Stage" in page
    place = "Stage “Stage 1” › Module “Module 1.1” › Concept “Concept 1” › Field “surprise”: There is no such field."
    assert f"{place} stages[0].modules[0].concepts[0].surprise" in page
    assert "&quot;format&quot;: &quot;roadmap&quot;" in response.content.decode()


def test_mistakes_are_told_in_the_readers_language_and_what_is_english_says_so(visitor, data, monkeypatch):
    """A kind that nobody wrote a sentence for is pydantic's own."""
    monkeypatch.delitem(wrong_values.SENTENCES, "missing")
    del data["title"]
    data["level"] = "<b>"
    first_concept(data)["hours"] = 7

    response = visitor.post(ADDRESS, {"text": json.dumps(data)}, headers={"Accept-Language": "zh-hans"})

    page = response.content.decode()
    assert '字段“title”：<span lang="en">Field required</span></li>' in page
    assert "字段“level”：必须是以下之一：&#x27;beginner&#x27;, &#x27;intermediate&#x27;, &#x27;advanced&#x27;。" in page
    place = "阶段“Stage 1” › 模块“Module 1.1” › 概念“Concept 1”"
    assert f"{place}：easy 对应 0.5 至 2 小时，这里是 7 小时 <code>stages[0].modules[0].concepts[0]</code>" in page


@pytest.mark.parametrize("sent", [{}, {"text": "  "}, {"file": SimpleUploadedFile("a.json", b"")}])
def test_nothing_is_not_brought_in(visitor, sent):
    response = visitor.post(ADDRESS, sent)

    assert response.status_code == 200
    assert "errorlist" in response.content.decode()


def test_a_large_file_is_refused_before_it_is_read(visitor):
    response = visitor.post(ADDRESS, {"file": SimpleUploadedFile("a.json", b" " * (importing.MOST_BYTES + 1))})

    assert "16,777,216 are allowed" in text_of(response)


def test_nobody_brings_anything_in_without_signing_in(client):
    assert "/sign-in/" in client.post(ADDRESS, {"text": "{}"}).url


def test_the_format_is_published_as_a_schema(client):
    schema = client.get("/roadmap.schema.json").json()

    assert schema["properties"]["version"]["enum"] == [1, 2]
    assert schema["additionalProperties"] is False


def test_the_page_of_what_came_in_costs_what_others_cost(visitor, person, roadmap, data):
    made = bring_in(copy.deepcopy(data), person)

    assert queries_of(visitor, made.get_absolute_url()) == queries_of(visitor, roadmap.get_absolute_url())


def test_rows_are_numbered_as_they_stood(person, data):
    made = bring_in(data, person)

    for concept in Concept.objects.filter(roadmap=made):
        questions = Question.objects.filter(quiz__concept=concept)
        assert list(questions.values_list("text", flat=True)) == ["Which one?", "Which ones?", "Is it so?"]
    assert set(Resource.objects.filter(resource_list__concept__roadmap=made).values_list("status", flat=True)) == {
        "unchecked"
    }
    assert make_user().roadmaps.count() == 0
