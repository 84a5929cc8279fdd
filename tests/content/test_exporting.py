"""Each exported format, opened by something that reads it."""

import csv
import hashlib
import io
import json
import re
import zipfile
from html import escape, unescape
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from django.urls import reverse
from django.utils import translation
from markdown_it import MarkdownIt

from content import importing
from content.exporting import reading
from content.exporting.documents import RoadmapDocument
from content.exporting.formats import FORMATS
from content.exporting.xhtml import fragment
from content.models import Note, Quiz, Tutorial
from roadmap_project import languages
from roadmap_project.llm import reasons
from roadmaps.models import ConceptProgress, Roadmap
from tests.factories import (
    make_quiz,
    make_resources,
    make_roadmap,
    make_roadmap_in_review,
    make_tutorial,
    make_user,
    make_written_roadmap,
)
from tests.roadmaps.test_pages import queries_of, text_of
from tests.test_chinese import english_in, in_greek

pytestmark = pytest.mark.django_db

HOSTILE = ':::a <script>alert(1)</script> "onerror=x [x](javascript:alert(1)) ]]> \x0b & #tag\ttab [sound:a.mp3]'
TUTORIAL = """## Overview

Builds on [the first](concept:c-1-1-1), not on [nothing](concept:c-9-9-9) or [here](#nowhere) or [there](/elsewhere).
Read [this](https://example.org/a?b=%zz&c=ü). ![picture](https://example.org/x.png) <b>raw</b> ~~gone~~

3. three
4. four

| a | b |
|:-:|---|
| 1 | 2 |

```python
print("<&>")
```

---
"""
X = "{http://www.w3.org/1999/xhtml}"
OPF = "{http://www.idpf.org/2007/opf}"
DC = "{http://purl.org/dc/elements/1.1/}"
CONTAINER = "{urn:oasis:names:tc:opendocument:xmlns:container}"


def write_all(roadmap: Roadmap, **tutorial: str) -> None:
    for concept in roadmap.concepts.all():
        make_tutorial(concept=concept, **{"markdown": TUTORIAL, **tutorial})
        make_resources(concept=concept)
        make_quiz(concept=concept)


@pytest.fixture
def roadmap(person):
    """Two stages with two concepts each; of the last one only the tutorial is written."""
    roadmap = make_written_roadmap(owner=person, stages=2, concepts=2, state=Roadmap.State.PARTLY_READY)
    write_all(roadmap)
    last = roadmap.concepts.last()
    last.quiz_versions.all().delete()
    last.resourcelist_versions.all().delete()
    Note.objects.create(concept=last, user=person, text="Mine alone.\n1. *so*", saved_at="2026-01-02T03:04:05Z")
    return roadmap


@pytest.fixture
def hostile(person):
    roadmap = make_written_roadmap(owner=person, concepts=2)
    Roadmap.objects.filter(pk=roadmap.pk).update(title=HOSTILE, goal=HOSTILE, rationale=HOSTILE, language='x"y')
    roadmap.concepts.update(name=HOSTILE, description=HOSTILE)
    for concept in roadmap.concepts.all():
        make_tutorial(concept=concept, title=HOSTILE, origin=HOSTILE, markdown=f"{HOSTILE}\n\n{TUTORIAL}")
        make_resources(
            concept=concept, title=HOSTILE, description=HOSTILE, url='https://example.org/?a="<>|{}&b=%zz#c#d'
        )
        make_quiz(concept=concept, questions=[("single_choice", HOSTILE, [HOSTILE, "b\nc"], [0], HOSTILE)])
    roadmap.refresh_from_db()
    return roadmap


def file_of(roadmap: Roadmap, name: str) -> bytes:
    return FORMATS[name].write(reading.for_owner(roadmap))


def unzipped(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


# Markdown


class Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag != "script"
        self.found += [value or "" for name, value in attrs if name in ("href", "src")]


def links_of(markdown: str) -> list[str]:
    links = Links()
    links.feed(MarkdownIt("commonmark").enable("table").render(markdown))
    return links.found


def headings_of(markdown: str) -> list[tuple[str, str]]:
    tokens = MarkdownIt("commonmark").parse(markdown)
    return [
        (token.tag, tokens[place + 1].content) for place, token in enumerate(tokens) if token.type == "heading_open"
    ]


def test_markdown_has_a_file_for_each_concept_in_order_and_a_readme_that_links_them(roadmap):
    files = {name: data.decode() for name, data in unzipped(file_of(roadmap, "markdown")).items()}
    names = [f"{number:03}-concept-{number}.md" for number in range(1, 5)]

    assert set(files) == {"README.md", "answers.md", *names}
    assert links_of(files["README.md"]) == [*names, "answers.md"]
    assert [text for tag, text in headings_of(files["README.md"]) if tag == "h2"] == [
        "Not written",
        "Stage 1",
        "Stage 2",
    ]
    assert "Concept 4: Resources, Quiz" in files["README.md"]
    for name, text in files.items():
        assert set(links_of(text)) <= {*files, "https://example.org/0", "https://example.org/1"} | set(
            links_of(TUTORIAL.replace("concept:c-1-1-1", names[0]).replace("concept:c-9-9-9", "#"))
        ), name


def test_a_concepts_markdown_holds_its_tutorial_resources_and_questions_and_not_the_answers(roadmap):
    files = unzipped(file_of(roadmap, "markdown"))
    second, last, answers = (files[name].decode() for name in ("002-concept-2.md", "004-concept-4.md", "answers.md"))

    assert [text for _, text in headings_of(second)] == ["Concept 2", "Overview", "Resources", "Quiz"]
    assert "[the first](001-concept-1.md)" in second
    assert "Builds on [Concept 1](001-concept-1.md)" in second
    assert "[Link 1](<https://example.org/0>) (Article, English)" in second
    assert "Which ones?\n\n*Several answers*\n\n- [ ] " in second
    assert second.count("Several answers") == 1  # of three questions
    assert "explained" not in second
    assert "explained" in answers
    assert "- Green" in answers
    assert "- Red" not in answers
    assert "Not written: Resources, Quiz." in last
    assert "My notes\n\nMine alone.\\\n1\\. \\*so\\*" in last


TYPED = "Mine, \\n *so*:\r\n\r\ndef f():\r\n    return `1`\r\n\r\n\r\n\tx = ```\r\n\r\nThe end."


@pytest.fixture
def typed(roadmap):
    """A note with code."""
    Note.objects.update(text=TYPED)
    return roadmap


def test_a_note_keeps_its_lines_and_how_far_they_are_indented_in_markdown(typed):
    text = unzipped(file_of(typed, "markdown"))["004-concept-4.md"].decode()

    tokens = MarkdownIt("commonmark").parse(text.partition("## My notes")[2])
    assert [each.content for each in tokens if each.content] == [
        "Mine, \\\\n \\*so\\*:",
        "def f():\n    return `1`\n\n\tx = ```\n",
        "The end.",
    ]


def test_a_note_keeps_its_lines_and_how_far_they_are_indented_in_a_book(typed):
    files = unzipped(file_of(typed, "epub"))

    page = ElementTree.fromstring(files["EPUB/004-concept-4.xhtml"])
    lines = [each.text or "" for each in page.iter(f"{X}p") if each.get("class") == "typed"]
    assert lines == TYPED.split("\r\n")
    assert re.search(r"\.typed {[^}]*white-space: pre-wrap", files["EPUB/style.css"].decode())


def test_markdown_shows_hostile_words_as_words(hostile):
    tutorial = hostile.concepts.first().tutorial_versions.get().markdown.partition("## Overview")[0].strip()

    for name, data in unzipped(file_of(hostile, "markdown")).items():
        text = data.decode().replace(tutorial, "")
        assert re.fullmatch(r"[A-Za-z0-9_.-]{1,80}", name)
        tokens = MarkdownIt("commonmark").parse(text)
        assert not [link for link in links_of(text) if link.lower().startswith("javascript")]
        assert len([tag for tag, _ in headings_of(text) if tag == "h1"]) == 1
        if name != "answers.md":
            title = "".join(child.content for child in tokens[1].children)
            assert title == " ".join(HOSTILE.split())
        written = {each.content for token in tokens for each in [token, *(token.children or [])] if "html" in each.type}
        assert written <= {"<b>", "</b>"}  # the tutorial's own


def test_html_in_a_tutorial_stays_words_as_on_its_page_and_code_stays_code(person):
    written = """Write <div onclick="x"> or <!-- this -->, `<em>`, ``a ` <b>``, \\<i>, \\\\<u> or a < b.

- one ` here
- <script>alert(1)</script>
- and ` there

<img src=x onerror=y>

| <th> | `<td>` |
|---|---|
| <https://example.org/a?b=1> | [so](<https://example.org/a b>) <ada@example.org> |

```html
<p>kept</p>
```

    <pre>kept</pre>
"""
    kept = ("`<em>`", "``a ` <b>``", "\n<p>kept</p>\n", "\n    <pre>kept</pre>", "a < b", "<https://example.org/a?b=1>")
    roadmap = make_written_roadmap(owner=person, concepts=1)
    make_tutorial(concept=roadmap.concepts.get(), markdown=written)

    text = unzipped(file_of(roadmap, "markdown"))["001-concept-1.md"].decode()

    shown = MarkdownIt("commonmark").enable("table").render(text)
    ours = roadmap.concepts.get().tutorial_versions.get().html
    assert set(re.findall(r"<(\w+)", shown)) <= {*re.findall(r"<(\w+)", ours), "h1", "em"}
    for words in ("&lt;div onclick=", "&lt;!-- this", "&lt;script&gt;", "&lt;img src=x", "&lt;th&gt;", "\\&lt;u&gt;"):
        assert words in shown
    for each in (*kept, "[so](<https://example.org/a b>)", "<ada@example.org>", "\\<i>"):
        assert each in text


# EPUB


def book(data: bytes) -> tuple[dict[str, bytes], ElementTree.Element]:
    files = unzipped(data)
    container = ElementTree.fromstring(files["META-INF/container.xml"])
    package = container.find(f"{CONTAINER}rootfiles/{CONTAINER}rootfile").get("full-path")
    return files, ElementTree.fromstring(files[package])


def pages_of(files: dict[str, bytes]) -> dict[str, ElementTree.Element]:
    return {name: ElementTree.fromstring(data) for name, data in files.items() if name.endswith(".xhtml")}


def test_a_book_begins_with_its_type_stored_as_it_is(roadmap):
    data = file_of(roadmap, "epub")

    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        first = archive.infolist()[0]
        assert (first.filename, first.compress_type, first.extra) == ("mimetype", zipfile.ZIP_STORED, b"")
    assert data[30:58] == b"mimetypeapplication/epub+zip"


@pytest.mark.parametrize("fixture", ["roadmap", "hostile"])
def test_a_books_manifest_spine_and_contents_agree(request, fixture):
    files, package = book(file_of(request.getfixturevalue(fixture), "epub"))
    items = {item.get("id"): item for item in package.iter(f"{OPF}item")}
    hrefs = [f"EPUB/{item.get('href')}" for item in items.values()]
    spine = [items[ref.get("idref")].get("href") for ref in package.iter(f"{OPF}itemref")]
    pages = pages_of(files)
    contents = [link.get("href") for link in pages["EPUB/nav.xhtml"].iter(f"{X}a")]

    assert sorted(hrefs) == sorted(set(files) - {"mimetype", "META-INF/container.xml", "EPUB/package.opf"})
    assert [item.get("href") for item in items.values() if item.get("properties") == "nav"] == ["nav.xhtml"]
    assert contents == spine  # in reading order
    assert len(spine) == len(set(spine)) == len(pages) - 1
    for name, page in pages.items():
        assert page.find(f"{X}head/{X}title").text.strip(), name
        assert page.get("{http://www.w3.org/XML/1998/namespace}lang") == page.get("lang")
        for link in page.iter(f"{X}a"):
            href = link.get("href")
            assert href in spine or re.match(r"https?://[\w.-]+/|mailto:", href), (name, href)
            assert re.fullmatch(r"(?:[^%\s\"<>{}|^`\\#]|%[0-9A-F]{2})*(?:#(?:[^%\s#]|%[0-9A-F]{2})*)?", href), href
    for entry in pages["EPUB/nav.xhtml"].iter(f"{X}ol"):
        assert len(entry) > 0


def test_a_book_has_an_identifier_that_stays_and_a_language(roadmap):
    _, first = book(file_of(roadmap, "epub"))
    Roadmap.objects.filter(pk=roadmap.pk).update(title="Another title", language="French")
    _, second = book(file_of(Roadmap.objects.get(pk=roadmap.pk), "epub"))

    identifiers = [package.find(f"{OPF}metadata/{DC}identifier").text for package in (first, second)]
    assert identifiers[0] == identifiers[1]
    assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", identifiers[0])
    assert [package.find(f"{OPF}metadata/{DC}language").text for package in (first, second)] == ["en", "fr"]
    assert second.find(f"{OPF}metadata/{DC}title").text == "Another title"
    modified = first.find(f"{OPF}metadata/{OPF}meta[@property='dcterms:modified']").text
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", modified)


@pytest.mark.parametrize(("language", "direction"), [("ar", "rtl"), ("Hebrew", "rtl"), ("az", "ltr"), ('x"y', "ltr")])
def test_a_book_turns_its_pages_the_way_its_language_is_read_and_code_stays_as_it_is(roadmap, language, direction):
    Roadmap.objects.filter(pk=roadmap.pk).update(language=language)
    files, package = book(file_of(Roadmap.objects.get(pk=roadmap.pk), "epub"))
    pages = pages_of(files)
    chapter = pages["EPUB/002-concept-2.xhtml"]

    assert package.get("dir") == package.find(f"{OPF}spine").get("page-progression-direction") == direction
    assert {page.get("dir") for page in pages.values()} == {direction}
    assert {code.get("dir") for code in (*chapter.iter(f"{X}code"), *chapter.iter(f"{X}pre"))} == {"ltr"}
    assert {each.get("dir") for each in pages["EPUB/answers.xhtml"].iter(f"{X}h1")} == {"ltr"}  # in English
    assert chapter.find(f"{X}body/{X}h1").get("dir") is None
    assert pages["EPUB/004-concept-4.xhtml"].find(f"{X}body/{X}p[@dir='auto']").text == "Mine alone."


@pytest.mark.parametrize(
    ("typed", "tag"),
    [
        ("en", "en"),
        ("French", "fr"),
        ("Deutsch", "de"),
        ("zh-Hans", "zh-hans"),
        ("简体中文", "zh-hans"),
        ('x"y', "und"),
    ],
)
def test_a_language_becomes_a_tag(typed, tag):
    assert languages.tag_of(typed) == tag


def test_a_chapter_holds_the_tutorial_the_links_and_the_questions_and_the_answers_come_last(roadmap):
    files, _ = book(file_of(roadmap, "epub"))
    pages = {name: " ".join("".join(page.itertext()).split()) for name, page in pages_of(files).items()}

    chapter = pages["EPUB/002-concept-2.xhtml"]
    for part in (
        "Concept 2",
        "Builds on Concept 1",
        "the first",
        'print("<&>")',
        "Link 1 (Article, English)",
        "Which ones?Several answers",
        "<b>raw</b>",
    ):
        assert part in chapter
    assert "explained" not in chapter
    assert "Because green-explained." in pages["EPUB/answers.xhtml"]
    assert "Concept 4: Resources, Quiz" in pages["EPUB/title.xhtml"]
    assert "My notes" not in chapter
    assert pages["EPUB/004-concept-4.xhtml"].endswith("My notesMine alone.1. *so*")


def test_safe_html_becomes_xml_with_the_same_words():
    html = '<p>a<br>b &nbsp; <a href="#x" rel="nofollow">c</a> <a href="other.xhtml">d</a></p><hr><ul><li>e</ul>'

    made = fragment(html, files={"other.xhtml"})

    assert ElementTree.fromstring(f"<body>{made}</body>") is not None
    assert made == ('<p>a<br/>b \xa0 <span>c</span> <a href="other.xhtml">d</a></p><hr/><ul><li>e</li></ul>')


# Anki


def notes_of(data: bytes) -> tuple[dict[str, str], list[list[str]]]:
    """As Anki reads a text file: lines with # first, then rows whose fields stand between quotes."""
    lines = data.decode().splitlines(keepends=True)
    heads = [line for line in lines if line.startswith("#")]
    assert lines[: len(heads)] == heads
    rows = list(csv.reader(io.StringIO("".join(lines[len(heads) :])), delimiter="\t", strict=True))
    return dict(line[1:].strip().split(":", 1) for line in heads), rows


def test_anki_gets_a_card_for_each_concept_and_each_question(roadmap):
    head, rows = notes_of(file_of(roadmap, "anki"))

    assert head == {
        "separator": "tab",
        "html": "true",
        "notetype": "Basic",
        "deck": "Querying a database",
        "guid column": "1",
        "tags column": "4",
    }
    assert {len(row) for row in rows} == {4}
    assert len(rows) == len({row[0] for row in rows}) == 4 + 3 * 3
    assert rows[0][1:] == ["Concept 1", "One thing to learn.", "querying-a-database::stage-1::module-11 easy"]
    question = rows[1]
    assert question[1] == "Which one?<ul><li>Red</li><li>Green</li><li>Blue</li></ul>"
    assert question[2] == "<ul><li>Green</li></ul>Because green-explained."
    several = next(row for row in rows if row[1].startswith("Which ones?"))
    assert several[1].startswith("Which ones?<br><i>Several answers</i><ul><li>")
    written = [roadmap.token, "c-1-1-1", several[1].replace("<br><i>Several answers</i>", "")]
    assert several[0] == hashlib.sha256("\t".join(written).encode()).hexdigest()[:20]  # as before that was said


def test_anki_takes_hostile_words_for_words(hostile):
    head, rows = notes_of(file_of(hostile, "anki"))

    assert "\t" not in head["deck"]
    assert "::" not in head["deck"]
    assert len(rows) == 4
    for row in rows:
        assert len(row) == 4
        assert not re.search(r"<(?!/?(ul|li)>|br>)", row[1] + row[2])
        assert "[sound:" not in row[1] + row[2]
    assert "<li>b<br>c</li>" in rows[1][1]


@pytest.mark.parametrize(
    "words",
    [r"What does \(a+\) match?", r"C:\[x\] and \[y\]", r"\\(twice\\) \\\[thrice\\\]", r"\begin{x} \ (a) $b$ $$c$$"],
)
def test_anki_sets_no_words_as_formulas_and_shows_them_whole(roadmap, words):
    """MathJax, as Anki has it, joins text over <br>, <wbr> and comments, and looks for \\( and \\[ up to other tags."""
    roadmap.concepts.update(name=words, description=words)
    make_quiz(concept=roadmap.concepts.last(), questions=[("single_choice", words, [words, "b"], [0], words)])

    _, rows = notes_of(file_of(roadmap, "anki"))

    for field in [*rows[0][1:3], *rows[-1][1:3]]:
        stretches = re.split(r"<(?!br|wbr|!)[^>]*>", field)
        assert not [each for each in stretches if re.search(r"\\[(\[]", unescape(each))]
    assert [unescape(re.sub("<[^>]*>", "", field)) for field in rows[0][1:3]] == [words, words]
    assert unescape(re.sub("<[^>]*>", "", rows[-1][1])) == f"{words}{words}b"


def test_a_card_keeps_its_identifier_when_it_is_taken_away_again(roadmap):
    assert notes_of(file_of(roadmap, "anki")) == notes_of(file_of(roadmap, "anki"))


def test_a_card_is_known_by_its_words_as_they_were_written(roadmap):
    """Anki would add it a second time to a deck that was made before code was shown as code."""
    concept = roadmap.concepts.last()
    make_quiz(concept=concept, questions=[("single_choice", "Is `a < b`?", ["`yes`", "no"], [0], "So.")])

    _, rows = notes_of(file_of(roadmap, "anki"))

    written = [roadmap.token, concept.key, "Is `a &lt; b`?<ul><li>`yes`</li><li>no</li></ul>"]
    assert rows[-1][1] == "Is <code>a &lt; b</code>?<ul><li><code>yes</code></li><li>no</li></ul>"
    assert rows[-1][0] == hashlib.sha256("\t".join(written).encode()).hexdigest()[:20]


# JSON


def test_json_keeps_its_schema_and_has_the_owners_words(roadmap):
    data = json.loads(file_of(roadmap, "json"))

    assert (data["format"], data["version"], data["id"]) == ("roadmap", 2, roadmap.token)
    concepts = [each for stage in data["stages"] for module in stage["modules"] for each in module["concepts"]]
    assert [each["name"] for each in concepts] == [f"Concept {number}" for number in range(1, 5)]
    assert concepts[3]["quiz"] is None
    assert concepts[3]["note"] == "Mine alone.\n1. *so*"
    assert set(data) == set(RoadmapDocument.model_json_schema()["properties"])


def test_what_others_get_has_no_word_of_the_owners(roadmap):
    words = {name: f"private-{name}" for name in ("goal", "motivation", "background", "rationale")}
    Roadmap.objects.filter(pk=roadmap.pk).update(**words)
    Tutorial.objects.update(author=make_user(username="eve"), origin="Edited by eve", wish="private-wish")
    Quiz.objects.update(wish="private-wish")
    ConceptProgress.objects.create(concept=roadmap.concepts.first(), user=roadmap.owner, done_at="2026-02-03T04:05:06Z")

    made = reading.for_others(Roadmap.objects.get(pk=roadmap.pk)).model_dump_json()

    assert "private" not in made
    assert "Mine alone" not in made
    assert "eve" not in made.replace("level", "")
    assert roadmap.token not in made
    assert "2026-02-03" in file_of(roadmap, "json").decode()
    assert "2026-02-03" not in made


# The pages


@pytest.mark.parametrize("name", FORMATS)
def test_a_download_has_a_safe_name_and_its_type(visitor, roadmap, name):
    response = visitor.get(reverse("content:download", args=[roadmap.slug, name]))

    assert response.status_code == 200
    assert not response.streaming
    assert response.headers["Content-Type"] == FORMATS[name].content_type
    assert response.headers["Content-Disposition"] == f'attachment; filename="{roadmap.slug}.{FORMATS[name].suffix}"'
    assert response.headers["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize("name", [*FORMATS, ""])
def test_taking_away_costs_the_same_queries_whatever_the_size(visitor, person, roadmap, name):
    large = make_written_roadmap(owner=person, stages=3, modules=2, concepts=5)
    write_all(large, markdown="Short.")

    def path(which: Roadmap) -> str:
        return reverse(
            "content:download" if name else "content:take_away", args=[which.slug, *([name] if name else [])]
        )

    assert queries_of(visitor, path(large)) == queries_of(visitor, path(roadmap)) <= 20


def test_the_page_says_what_is_missing(visitor, roadmap):
    shown = text_of(visitor.get(reverse("content:take_away", args=[roadmap.slug])))

    assert "1 concept lacks something" in shown
    assert "Concept 4 : Resources, Quiz" in shown


def test_an_outline_alone_can_be_taken_away(visitor, person):
    roadmap = make_roadmap_in_review(owner=person)

    for name in FORMATS:
        assert visitor.get(reverse("content:download", args=[roadmap.slug, name])).status_code == 200


def test_without_an_outline_there_is_nothing_to_take_away(visitor, person):
    roadmap = make_roadmap(owner=person)

    assert "nothing to take away yet" in text_of(visitor.get(reverse("content:take_away", args=[roadmap.slug])))
    assert visitor.get(reverse("content:download", args=[roadmap.slug, "json"])).status_code == 404


@pytest.mark.parametrize("name", FORMATS)
def test_G1_another_persons_roadmap_is_not_taken_away(visitor, name):
    assert visitor.get(reverse("content:download", args=[make_written_roadmap().slug, name])).status_code == 404


def test_an_unknown_format_is_not_found(visitor, roadmap):
    assert visitor.get(reverse("content:download", args=[roadmap.slug, "docx"])).status_code == 404


# Languages


@pytest.mark.parametrize(
    ("language", "reads", "heading", "kind"),
    [
        ("zh", "en", "答案", "文章、英语"),
        ("en", "zh-hans", "Answers", "Article, English"),
        ("French", "zh-hans", "答案", "文章、英语"),
        ("French", "en", "Answers", "Article, English"),
    ],
)
def test_a_files_own_words_are_in_the_contents_language_or_else_the_readers(roadmap, language, reads, heading, kind):
    Roadmap.objects.update(language=language)
    document = reading.for_owner(Roadmap.objects.get())

    with translation.override(reads):
        files = unzipped(FORMATS["markdown"].write(document))
        pages = unzipped(FORMATS["epub"].write(document))

    assert files["answers.md"].decode().startswith(f"# {heading}\n")
    assert f"({kind}" in files["001-concept-1.md"].decode()
    said = f' lang="{reads[:2]}" xml:lang="{reads[:2]}" dir="ltr"' if language == "French" else ""
    assert f"<h1{said}>{heading}</h1>" in pages["EPUB/answers.xhtml"].decode()
    assert f"({kind})" in pages["EPUB/001-concept-1.xhtml"].decode()


def test_the_files_of_a_chinese_roadmap_say_nothing_in_english(person):
    roadmap = make_written_roadmap(owner=person, concepts=3)
    write_all(roadmap)
    last = roadmap.concepts.last()
    last.quiz_versions.all().delete()
    Note.objects.create(concept=last, user=person, text="Σημείωση", saved_at="2026-01-02T03:04:05Z")
    in_greek()
    Roadmap.objects.update(language="zh", origin=reasons.WRITTEN_BY % {"model": "μ"})
    document = reading.for_owner(Roadmap.objects.get())

    files = unzipped(FORMATS["markdown"].write(document)) | unzipped(FORMATS["epub"].write(document))

    told = {name: data.decode() for name, data in files.items() if name.endswith((".md", "xhtml"))}
    assert len(told) > 8
    rest = {name: re.sub(r"\]\([^)]*\)|answers\.md", "", text) for name, text in told.items()}
    english = {name: english_in(text if "xhtml" in name else escape(text)) for name, text in rest.items()}
    assert {name: found for name, found in english.items() if found} == {}


def test_what_the_library_wrote_is_taken_away_as_english_whatever_was_wished(roadmap, person):
    Roadmap.objects.update(language="zh", origin=reasons.FROM_THE_LIBRARY)
    document = reading.for_others(Roadmap.objects.get())

    copy = importing.create(importing.lay_out(document), owner=person, origin=importing.FROM_A_LINK)

    assert (document.language, copy.content_language) == ("en", "en")
