"""Questions show their code and their emphasis, and every other sign as it was written."""

import io
import time
import zipfile
from xml.etree import ElementTree

import pytest
from django.urls import reverse
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from content.exporting import anki, epub, markdown, reading
from content.spans import TAGS, to_html, to_markdown
from tests.content.test_rendering import HOSTILE, Reader
from tests.factories import make_quiz, make_tutorial, make_written_roadmap

LINED = "Look:\n```python\nfor x in y:\n    print(x)\n```\nWhat?"

PIECES = [*"`*_\\<>&\n -1.a", "``", "```", "**", "<script>", "é", "不"]


def seen(text: str) -> Reader:
    """What a browser would see, after looking that nothing in it is active."""
    reader = Reader(to_html(text))
    assert not reader.wrong
    assert not reader.open
    assert reader.tags() <= TAGS
    assert not [each for each in reader.elements if each[1] not in ({}, {"class": "lines"})]
    return reader


def read_elsewhere(markdown: str) -> Reader:
    return Reader(MarkdownIt("commonmark").render(markdown))


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("What does `len(x)` give?", "What does <code>len(x)</code> give?"),
        ("`<div>` or <div>?", "<code>&lt;div&gt;</code> or &lt;div&gt;?"),
        ("`` `date` ``", "<code>`date`</code>"),
        ("Which is **not** *so*?", "Which is <strong>not</strong> <em>so</em>?"),
        ("哪一个**不**是`len`？", "哪一个<strong>不</strong>是<code>len</code>？"),
        ("**`x`**, (*so*)", "<strong><code>x</code></strong>, (<em>so</em>)"),
        ("one\r\ntwo\nthree", "one<br>two<br>three"),
        ("one\r\n`two`\nthree", "one<br><code>two</code><br>three"),
        (LINED, 'Look:<br><code class="lines">for x in y:\n    print(x)</code>What?'),
    ],
)
def test_code_and_emphasis_are_shown(text, html):
    assert to_html(text) == html


@pytest.mark.parametrize(
    "text",
    [
        *("__init__ and __exit__", "_x_", "count(*) and not count(*)", "2*3*4", "2**3**4", "p * 0.5 * 40"),
        *(
            "f(*args, **kwargs)",
            "int *p, **q",
            "(*p)*(*q)",
            "*.py and test_*.py",
            "SELECT * FROM a WHERE b*c",
            "/* a */",
        ),
        *(r"\d+\. \*x\*", "&lt; &amp;", "a ` b", "~~x~~", "[x](https://example.org)", "![x](y)", "https://example.org"),
        *("# x", "- x", "1. x", "| a | b |", "<b>x</b>"),
    ],
)
def test_all_other_signs_mean_themselves(text):
    reader = seen(text)

    assert not reader.elements
    assert reader.text == text


@pytest.mark.parametrize("text", [*HOSTILE, *(f"`x` {each} **y**" for each in HOSTILE)])
def test_G2_nothing_hostile_in_a_question_is_active(text):
    seen(text)


@hypothesis_settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=20).map("".join))
def test_any_words_are_read_elsewhere_as_they_are_shown_here(words):
    """Blanks apart, of which Markdown makes one."""
    here, there = seen(words), read_elsewhere(to_markdown(words))

    assert "".join(there.text.split()) == "".join(here.text.split())
    assert there.tags() <= TAGS | {"p"}


def test_in_markdown_lines_stay_lines_and_begin_no_list():
    assert to_markdown("- one\n1. two\n\nthree `x`") == "\\- one\\\n1\\. two\n\nthree `x`"
    assert to_markdown("\r\n\n`x`\n") == "`x`"
    assert to_markdown("\n \n") == ""
    assert to_markdown("Which?\n - a\n  2. b") == "Which?\\\n\\- a\\\n2\\. b"
    assert to_markdown(LINED) == "Look:\\\n`for x in y:`\\\n`    print(x)`\\\nWhat?"


@pytest.mark.parametrize("sign", ["`", "*", "**", " *a", "`` ` ", "*a* ", "*a **a "])
def test_the_longest_words_are_shown_at_once_whatever_they_hold(sign):
    began = time.thread_time()

    seen((sign * 3000)[:3000])

    assert time.thread_time() - began < 0.5


@pytest.mark.django_db
def test_a_quiz_its_marking_and_what_is_taken_away_show_code_as_code(client, person):
    roadmap = make_written_roadmap(owner=person, concepts=1)
    concept = roadmap.concepts.get()
    make_tutorial(concept=concept)
    make_quiz(concept=concept, questions=[("single_choice", "Is it `<b>`?", ["`len(x)`", "__x__"], [0], LINED)])
    client.force_login(person)
    page = reverse("content:quiz", args=[roadmap.slug, concept.key])

    asked = client.get(page).content.decode()
    marked = client.post(page, {"asked": "0", "question-0": "0", "version": "1"}, follow=True).content.decode()
    document = reading.for_owner(roadmap)
    cards = anki.write(document).decode()
    with zipfile.ZipFile(io.BytesIO(epub.write(document))) as book:
        answers = next(book.read(name).decode() for name in book.namelist() if "answers" in name)
    with zipfile.ZipFile(io.BytesIO(markdown.write(document))) as files:
        archived = files.read("answers.md").decode()

    for text in (asked, marked, cards, answers.replace(' dir="ltr"', "")):
        assert "Is it <code>&lt;b&gt;</code>?" in text
        assert "<code>len(x)</code>" in text
    assert all("__x__" in text for text in (asked, marked, cards))
    assert ElementTree.fromstring(answers).findtext(".//{*}code[@class='lines']") == "for x in y:\n    print(x)"
    assert "Is it `<b>`?" in archived
    assert "`for x in y:`\\\n`    print(x)`" in archived
    assert '<code class="lines">for x in y:\n    print(x)</code>' in marked
    assert "<code>for x in y:<br>&nbsp;&nbsp;&nbsp;&nbsp;print(x)</code>" in cards
