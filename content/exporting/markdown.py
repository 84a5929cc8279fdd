"""A roadmap as Markdown files in a zip."""

import io
import re
import zipfile
from collections.abc import Iterable
from itertools import groupby

from django.utils.text import slugify

from content import rendering
from content.exporting import wording
from content.exporting.documents import (
    ConceptDocument,
    QuestionDocument,
    QuizDocument,
    ResourcesDocument,
    RoadmapDocument,
    TutorialDocument,
)
from content.exporting.wording import facts, facts_of, how_many, not_written
from content.spans import HARD_BREAK, in_paragraphs, ticks_around, to_markdown
from roadmap_project.lengths import hours
from roadmap_project.library.subjects import escaped
from roadmap_project.listing import listed
from roadmap_project.told import told, told_by_line

README = "README.md"
ANSWERS = "answers.md"
CONCEPT_LINK = re.compile(r"(\]\(\s*<?|\]:\s*<?)concept:(c-[0-9]{1,3}-[0-9]{1,3}-[0-9]{1,3})")
BLANK_LINES = re.compile(r"\n(?:[ \t]*\n)+")
INDENTED = re.compile(r"^(?: {2}|\t)", re.MULTILINE)

# What was escaped, code, or the beginning of HTML, which is neither an address between brackets nor one to write to.
HTML = re.compile(
    r"\\.|(?<!`)(?P<ticks>`+)(?!`).*?(?<!`)(?P=ticks)(?!`)"
    r"|(?<!\]\()(?<!\]: )(?P<html><)(?=[A-Za-z/!?])(?!(?:https?://|mailto:)[^\s<>]*>|[^\s<>@]+@[^\s<>@]+>)",
    re.DOTALL,
)


def write(document: RoadmapDocument) -> bytes:
    """README with the outline, a file for each concept, and the quizzes' answers in a file of their own."""
    names = file_names(document, "md")
    files = {README: _readme(document, names), ANSWERS: _answers(document)}
    in_their_file = [f"[{wording.ANSWERS}]({ANSWERS})"]
    files |= {names[each.key]: _concept(document, each, names, in_their_file) for each in document.parts()}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return buffer.getvalue()


def file_names(document: RoadmapDocument, suffix: str) -> dict[str, str]:
    """A file for each concept's key: numbered, in letters that every system takes."""
    return {
        concept.key: f"{number:03}-{slugify(concept.name)[:60].strip('-_') or concept.key}.{suffix}"
        for number, concept in document.numbered()
    }


def text_of(piece: TutorialDocument | ResourcesDocument | QuizDocument) -> str:
    """A piece alone; a quiz without its answers."""
    if isinstance(piece, TutorialDocument):
        return piece.markdown
    return _joined(_links(piece) if isinstance(piece, ResourcesDocument) else _questions(piece))


def alone(document: RoadmapDocument, key: str) -> str:
    """One concept by itself, with what is right in its quiz; links lead to keys. Raises KeyError."""
    concepts = {each.key: each for each in document.parts()}
    concept = concepts[key]
    answers = [f"## {wording.ANSWERS}", *_right(concept.quiz)] if concept.quiz else []
    return _concept(document, concept, {each: each for each in concepts}, answers)


def _readme(document: RoadmapDocument, names: dict[str, str]) -> str:
    lines = [f"# {escaped(document.title)}", wording.goal(escaped(document.goal))]
    lines += [_plain(told_by_line(document.rationale)), f"{facts(document)} {escaped(told(document.origin))}"]
    if missing := document.missing():
        lines += [f"## {wording.NOT_WRITTEN}"]
        lines += [_bullets(f"{escaped(each.name)}: {listed(kinds)}" for each, kinds in missing)]
    for stage in document.stages:
        lines += [f"## {escaped(stage.name)}", _plain(stage.description)]
        for module in stage.modules:
            lines += [f"### {escaped(module.name)}", _plain(module.description)]
            lines += [_bullets(listed((_file_link(each, names), hours(each.hours))) for each in module.concepts)]
    return _joined([*lines, f"{wording.WHAT_IS_RIGHT} [{ANSWERS}]({ANSWERS})"])


def _concept(document: RoadmapDocument, concept: ConceptDocument, names: dict[str, str], answers: Iterable[str]) -> str:
    lines = [f"# {escaped(concept.name)}", _plain(concept.description)]
    if needed := document.prerequisites_of(concept):
        lines += [f"{wording.BUILDS_ON} {listed(_file_link(each, names) for each in needed)}"]
    if concept.tutorial:
        lines += [
            _with_file_links(html_as_text(concept.tutorial.markdown), names),
            f"*{escaped(told(concept.tutorial.origin))}*",
        ]
    if concept.resources:
        lines += [f"## {wording.RESOURCES}", *_links(concept.resources)]
    if concept.quiz:
        lines += [f"## {wording.QUIZ}", *_questions(concept.quiz), *answers]
    if missing := concept.missing():
        lines += [not_written(missing)]
    if concept.note:
        lines += [f"## {wording.MY_NOTES}", _note(concept.note)]
    return _joined(lines)


def _answers(document: RoadmapDocument) -> str:
    lines = [f"# {wording.ANSWERS}"]
    for number, concept in document.numbered():
        if concept.quiz:
            lines += [f"## {number}. {escaped(concept.name)}", *_right(concept.quiz)]
    return _joined(lines)


def _links(resources: ResourcesDocument) -> list[str]:
    found = [
        f"[{escaped(each.title)}](<{_address(each.url)}>) ({escaped(facts_of(each))}). {escaped(each.description)}"
        for each in resources.resources
    ]
    return [_plain(told(resources.note)), _bullets(found)]


def _questions(quiz: QuizDocument) -> list[str]:
    return [
        _joined(
            [
                f"**{number}.** {to_markdown(each.question)}",
                f"*{several}*" if (several := how_many(each)) else "",
                _bullets(f"[ ] {to_markdown(o)}" for o in each.options),
            ]
        )
        for number, each in enumerate(quiz.questions, start=1)
    ]


def _right(quiz: QuizDocument) -> list[str]:
    return [_answer(number, each) for number, each in enumerate(quiz.questions, start=1)]


def _answer(number: int, question: QuestionDocument) -> str:
    right = _bullets(to_markdown(question.options[place]) for place in question.correct)
    return _joined([f"**{number}.** {to_markdown(question.question)}", right, to_markdown(question.explanation)])


def _file_link(concept: ConceptDocument, names: dict[str, str]) -> str:
    return f"[{escaped(concept.name)}]({names[concept.key]})"


def html_as_text(markdown: str) -> str:
    """As the pages show it: what looks like HTML beside code is words, whatever opens the file."""
    lines = re.split(r"\r\n?|\n", markdown)
    code, begin = rendering.blocks(markdown)
    made: list[str] = []
    block: list[str] = []
    for number, line in enumerate(lines):
        if block and (number in code or number in begin):
            made.append(_words("\n".join(block)))
            block = []
        if number in code:
            made.append(line)
        else:
            block.append(line)
    return "\n".join([*made, *([_words("\n".join(block))] if block else [])])


def _words(block: str) -> str:
    return HTML.sub(lambda found: "\\<" if found["html"] else found[0], block)


def _with_file_links(markdown: str, names: dict[str, str]) -> str:
    return CONCEPT_LINK.sub(lambda found: found[1] + names.get(found[2], "#"), markdown)


def _address(url: str) -> str:
    return url.replace("<", "%3C").replace(">", "%3E")


def _plain(text: str) -> str:
    """Text whose lines stay lines and whose signs stay signs."""
    return in_paragraphs(HARD_BREAK.join(escaped(line) for line in text.splitlines()))


def _note(text: str) -> str:
    """Words as they were typed: stretches of lines without a blank one, and those that are indented as code."""
    stretches = (each.strip("\n") for each in BLANK_LINES.split("\n".join(text.splitlines())))
    blocks = []
    for is_laid_out, together in groupby(filter(None, stretches), lambda each: bool(INDENTED.search(each))):
        words = "\n\n".join(together)
        blocks.append(_code(words) if is_laid_out else _plain(words))
    return _joined(blocks)


def _code(text: str) -> str:
    fence = ticks_around(text, least=3)
    return f"{fence}\n{text}\n{fence}"


def _bullets(items: Iterable[str]) -> str:
    return "\n".join(f"- {item}".replace("\n", "\n  ") for item in items)


def _joined(blocks: Iterable[str]) -> str:
    return "\n\n".join(block.strip() for block in blocks if block.strip()) + "\n"
