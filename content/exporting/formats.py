"""Which formats can a roadmap be taken away in?"""

from collections.abc import Callable
from dataclasses import dataclass

from content.exporting import anki, epub, markdown
from content.exporting.documents import RoadmapDocument


@dataclass(frozen=True)
class Format:
    """`write` makes the whole file in memory: the database is not needed while a slow reader takes it."""

    name: str
    label: str
    use: str
    suffix: str
    content_type: str
    write: Callable[[RoadmapDocument], bytes]


def _json(document: RoadmapDocument) -> bytes:
    return document.model_dump_json(indent=1).encode()


FORMATS = {
    each.name: each
    for each in (
        Format(
            "epub",
            "Book (EPUB)",
            "For e-readers and phones: a chapter for each concept, the quizzes’ answers at the end.",
            "epub",
            "application/epub+zip",
            epub.write,
        ),
        Format(
            "markdown",
            "Markdown files (zip)",
            "For any editor or notes program: a file for each concept, your notes, the answers in a file of their own.",
            "zip",
            "application/zip",
            markdown.write,
        ),
        Format(
            "anki",
            "Flashcards (Anki)",
            "What each concept is, and every quiz question. In Anki: File, Import.",
            "tsv",
            "text/tab-separated-values; charset=utf-8",
            anki.write,
        ),
        Format(
            "json",
            "Everything (JSON)",
            "For programs and as a backup: it can be brought in again as a new roadmap.",
            "json",
            "application/json",
            _json,
        ),
    )
}
