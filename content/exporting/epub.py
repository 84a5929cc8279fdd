"""A roadmap as a book: EPUB 3.3, https://www.w3.org/TR/epub-33/."""

import io
import uuid
import zipfile
from datetime import UTC, datetime

from django.utils.functional import Promise
from django.utils.translation import get_language

from content import rendering, spans
from content.exporting import wording
from content.exporting.documents import ConceptDocument, QuestionDocument, RoadmapDocument
from content.exporting.markdown import file_names
from content.exporting.wording import facts, facts_of, how_many, not_written
from content.exporting.xhtml import attribute, fragment, link, text
from roadmap_project.languages import direction_of, tag_of
from roadmap_project.listing import listed
from roadmap_project.told import told, told_by_line

TITLE, NAV, ANSWERS = "title.xhtml", "nav.xhtml", "answers.xhtml"

CONTAINER = """<?xml version="1.0" encoding="UTF-8"?>
<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container">
  <rootfiles><rootfile full-path="EPUB/package.opf" media-type="application/oebps-package+xml"/></rootfiles>
</container>
"""
STYLE = """body { line-height: 1.5; }
pre { white-space: pre-wrap; font-size: .85em; }
code.lines { display: block; white-space: pre-wrap; }
table { border-collapse: collapse; }
th, td { border: 1px solid; padding: .2em .5em; vertical-align: top; }
.origin { font-size: .85em; }
.typed { white-space: pre-wrap; margin: 0; }
"""


def write(document: RoadmapDocument) -> bytes:
    """A title page, a chapter for each concept, and the quizzes' answers at the end."""
    names = file_names(document, "xhtml")
    pages = {TITLE: _title_page(document)}
    pages |= {names[concept.key]: _chapter(document, concept, names) for concept in document.parts()}
    pages[ANSWERS] = _answers(document)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/epub+zip", compress_type=zipfile.ZIP_STORED)
        archive.writestr("META-INF/container.xml", CONTAINER)
        archive.writestr("EPUB/package.opf", _package(document, list(pages)))
        archive.writestr("EPUB/style.css", STYLE)
        archive.writestr(f"EPUB/{NAV}", _nav(document, names))
        for name, page in pages.items():
            archive.writestr(f"EPUB/{name}", page)
    return buffer.getvalue()


def _package(document: RoadmapDocument, pages: list[str]) -> str:
    modified = (document.exported_at or datetime.now(UTC)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    items = "\n".join(
        f'    <item id="p{place}" href="{name}" media-type="application/xhtml+xml"/>'
        for place, name in enumerate(pages)
    )
    spine = "".join(f'<itemref idref="p{place}"/>' for place in range(len(pages)))
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="id" {_in(document.language)}>
  <metadata xmlns:dc="http://purl.org/dc/elements/1.1/">
    <dc:identifier id="id">{uuid.uuid5(uuid.NAMESPACE_URL, f"roadmap:{document.id}").urn}</dc:identifier>
    <dc:title>{text(document.title)}</dc:title>
    <dc:language>{text(tag_of(document.language))}</dc:language>
    <meta property="dcterms:modified">{modified}</meta>
  </metadata>
  <manifest>
    <item id="nav" href="{NAV}" media-type="application/xhtml+xml" properties="nav"/>
    <item id="style" href="style.css" media-type="text/css"/>
{items}
  </manifest>
  <spine page-progression-direction="{direction_of(document.language)}">{spine}</spine>
</package>
"""


def _nav(document: RoadmapDocument, names: dict[str, str]) -> str:
    stages = "".join(
        f"<li><span>{text(stage.name)}</span><ol>"
        + "".join(
            f"<li><span>{text(module.name)}</span><ol>"
            + "".join(f"<li>{_page_link(names[each.key], each.name)}</li>" for each in module.concepts)
            + "</ol></li>"
            for module in stage.modules
        )
        + "</ol></li>"
        for stage in document.stages
    )
    ends = f"<li>{_page_link(TITLE, document.title)}</li>{stages}<li>{_page_link(ANSWERS, str(wording.ANSWERS))}</li>"
    contents = f'<nav epub:type="toc">{_ours(document, "h1", wording.CONTENTS)}<ol>{ends}</ol></nav>'
    return _page(document, str(wording.CONTENTS), contents)


def _title_page(document: RoadmapDocument) -> str:
    missing = "".join(f"<li>{text(concept.name)}: {text(listed(kinds))}</li>" for concept, kinds in document.missing())
    return _page(
        document,
        document.title,
        f"<h1>{text(document.title)}</h1>"
        + _paragraphs(document.goal, by_person=True)
        + _ours(document, "p", facts(document))
        + _paragraphs(told_by_line(document.rationale))
        + _paragraphs(told(document.origin), css_class="origin")
        + (f"{_ours(document, 'h2', wording.NOT_WRITTEN)}<ul>{missing}</ul>" if missing else ""),
    )


def _chapter(document: RoadmapDocument, concept: ConceptDocument, names: dict[str, str]) -> str:
    parts = [f"<h1>{text(concept.name)}</h1>", _paragraphs(concept.description)]
    if needed := document.prerequisites_of(concept):
        links = listed(_page_link(names[each.key], each.name) for each in needed)
        parts += [f"<p>{_ours(document, 'span', wording.BUILDS_ON)} {links}</p>"]
    if concept.tutorial:
        html = rendering.to_html(concept.tutorial.markdown, concept_url=names.get, colouring=rendering.Colouring(0))
        parts += [fragment(html, files=set(names.values()))]
        parts += [_paragraphs(told(concept.tutorial.origin), css_class="origin")]
    if concept.resources:
        links = "".join(
            f"<li>{link(each.url, each.title)} ({text(facts_of(each))}). {text(each.description)}</li>"
            for each in concept.resources.resources
        )
        note = _paragraphs(told(concept.resources.note))
        parts += [_ours(document, "h2", wording.RESOURCES), note, f"<ul>{links}</ul>" if links else ""]
    if concept.quiz:
        parts += [_ours(document, "h2", wording.QUIZ)]
        parts += [_question(document, number, each) for number, each in enumerate(concept.quiz.questions, 1)]
    if missing := concept.missing():
        parts += [_ours(document, "p", not_written(missing))]
    if concept.note:
        parts += [_ours(document, "h2", wording.MY_NOTES), _note(concept.note)]
    return _page(document, concept.name, "".join(parts))


def _answers(document: RoadmapDocument) -> str:
    parts = [_ours(document, "h1", wording.ANSWERS)]
    for concept in document.parts():
        if concept.quiz:
            parts += [f"<h2>{text(concept.name)}</h2>"]
            parts += [_answer(number, each) for number, each in enumerate(concept.quiz.questions, 1)]
    return _page(document, str(wording.ANSWERS), "".join(parts))


def _question(document: RoadmapDocument, number: int, question: QuestionDocument) -> str:
    several = _ours(document, "p", words) if (words := how_many(question)) else ""
    return f"<p>{number}. {_words(question.question)}</p>{several}{_list(question.options)}"


def _answer(number: int, question: QuestionDocument) -> str:
    right = [question.options[place] for place in question.correct if place < len(question.options)]
    return f"<p>{number}. {_words(question.question)}</p>{_list(right)}<p>{_words(question.explanation)}</p>"


def _words(question: str) -> str:
    return fragment(spans.to_html(question), files=set())


def _list(items: list[str]) -> str:
    return f"<ul>{''.join(f'<li>{_words(item)}</li>' for item in items)}</ul>" if items else ""


def _paragraphs(value: str, *, css_class: str = "", by_person: bool = False) -> str:
    """What a person wrote, in whatever language, says by its letters which way it goes."""
    names = {"class": css_class, "dir": "auto" if by_person else ""}
    start = "".join(["<p", *(f" {name}={attribute(each)}" for name, each in names.items() if each), ">"])
    return "".join(f"{start}{text(each)}</p>" for each in value.split("\n") if each.strip())


def _note(words: str) -> str:
    """Each line as it was typed, also a blank one, or how far one is indented."""
    lines = (text(line) if line.strip() else "<br/>" for line in words.strip("\r\n").splitlines())
    return "".join(f'<p class="typed" dir="auto">{line}</p>' for line in lines)


def _ours(document: RoadmapDocument, tag: str, words: str | Promise) -> str:
    """Words of the book's own; in which language, where the content has another."""
    spoken = (get_language() or "").partition("-")[0]
    own = f" lang={attribute(spoken)} {_in(spoken)}" if spoken != tag_of(document.language).partition("-")[0] else ""
    return f"<{tag}{own}>{text(words)}</{tag}>"


def _page_link(name: str, label: str) -> str:
    return f"<a href={attribute(name)}>{text(label)}</a>"


def _in(language: str) -> str:
    """The attributes that say so in any XML of a book; pages have `lang` beside them."""
    return f'xml:lang={attribute(tag_of(language))} dir="{direction_of(language)}"'


def _page(document: RoadmapDocument, title: str, body: str) -> str:
    language = f"lang={attribute(tag_of(document.language))} {_in(document.language)}"
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE html>
<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops" {language}>
<head><title>{text(title)}</title><link rel="stylesheet" href="style.css"/></head>
<body>{body}</body>
</html>
"""
