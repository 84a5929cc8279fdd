"""A roadmap as cards for Anki: one for each concept's definition and one for each quiz question.

The rules of Anki's text import: lines with `#key:value` first; then one note a line, its fields separated by tabs and
quoted with doubled quotes inside. All fields are quoted, so that none of them is taken for a comment or cut.
"""

import csv
import hashlib
import io
import re
from collections.abc import Callable, Iterator
from html import escape

from django.utils.text import slugify

from content import spans
from content.exporting.documents import ConceptDocument, QuestionDocument, RoadmapDocument
from content.exporting.wording import how_many

Card = tuple[str, str, str]  # what it is known by, front and back, as HTML


def write(document: RoadmapDocument) -> bytes:
    buffer = io.StringIO()
    buffer.write(
        f"#separator:tab\n#html:true\n#notetype:Basic\n#deck:{_deck(document.title)}\n#guid column:1\n#tags column:4\n"
    )
    writer = csv.writer(buffer, delimiter="\t", quoting=csv.QUOTE_ALL, lineterminator="\n")
    for stage in document.stages:
        for module in stage.modules:
            tags = f"{_tag(document.title)}::{_tag(stage.name)}::{_tag(module.name)}"
            for concept in module.concepts:
                for known_by, front, back in _cards(concept):
                    guid = _guid(document.id, concept.key, known_by)
                    writer.writerow([guid, _as_words(front), _as_words(back), f"{tags} {concept.difficulty}"])
    return buffer.getvalue().encode()


def _cards(concept: ConceptDocument) -> Iterator[Card]:
    if concept.description:
        name = _html(concept.name)
        yield name, name, _html(concept.description)
    for question in concept.quiz.questions if concept.quiz else ():
        yield _known_by(question), _front(question), _back(question)


def _known_by(question: QuestionDocument) -> str:
    """As the cards that people have were named, before words had spans and it was said how many answers are right."""
    return f"{_html(question.question)}{_list(question.options, _html)}"


def _front(question: QuestionDocument) -> str:
    several = f"<br><i>{_html(words)}</i>" if (words := how_many(question)) else ""
    return f"{_words(question.question)}{several}{_list(question.options, _words)}"


def _back(question: QuestionDocument) -> str:
    right = [question.options[place] for place in question.correct if place < len(question.options)]
    return f"{_list(right, _words)}{_words(question.explanation)}"


def _list(items: list[str], html: Callable[[str], str]) -> str:
    return f"<ul>{''.join(f'<li>{html(item)}</li>' for item in items)}</ul>"


def _words(text: str) -> str:
    """Words with their code and emphasis; the lines of code keep their indentation without a stylesheet."""
    indented = re.sub("\n +", lambda found: found[0].replace(" ", "&nbsp;"), spans.to_html(text))
    return _in_a_field(indented.replace(f' class="{spans.LINES}"', ""))


def _html(text: str) -> str:
    return _in_a_field(escape(text))


def _in_a_field(html: str) -> str:
    """HTML on one line; brackets are written out because Anki looks for [sound:…] and [latex] in fields."""
    return html.replace("[", "&#91;").replace("\r\n", "\n").replace("\n", "<br>").replace("\t", " ")


def _as_words(html: str) -> str:
    """The same to read, search and copy; but MathJax, to which Anki gives a card's text, finds no formula to set in it.

    It looks for \\( and \\[ in what stands between two tags, and words about code have them: \\(a+\\), C:\\[x].
    """
    return re.sub(r"\\(?=\(|&#91;)", r"\\<span></span>", html)


def _deck(title: str) -> str:
    """One deck: two colons would put it into another one."""
    return re.sub(":{2,}", ":", " ".join(title.split())).strip(":") or "roadmap"


def _tag(text: str) -> str:
    return slugify(text, allow_unicode=True) or "roadmap"


def _guid(*parts: str) -> str:
    """The same for the same card, so that importing again changes cards and adds no second ones."""
    return hashlib.sha256("\t".join(parts).encode()).hexdigest()[:20]
