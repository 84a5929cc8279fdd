"""Which formats can a roadmap be taken away in?"""

from collections.abc import Callable
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from content.exporting import anki, epub, markdown
from content.exporting.documents import RoadmapDocument


@dataclass(frozen=True)
class Format:
    """`write` makes the whole file in memory: the database is not needed while a slow reader takes it."""

    name: str
    label: str | Promise
    use: str | Promise
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
            gettext_lazy("Book (EPUB)"),
            gettext_lazy("For e-readers and phones: a chapter for each concept, the quizzes’ answers at the end."),
            "epub",
            "application/epub+zip",
            epub.write,
        ),
        Format(
            "markdown",
            gettext_lazy("Markdown files (zip)"),
            gettext_lazy(
                "For any editor or notes program: a file for each concept, your notes, "
                "the answers in a file of their own."
            ),
            "zip",
            "application/zip",
            markdown.write,
        ),
        Format(
            "anki",
            gettext_lazy("Flashcards (Anki)"),
            gettext_lazy("What each concept is, and every quiz question. In Anki: File, Import."),
            "tsv",
            "text/tab-separated-values; charset=utf-8",
            anki.write,
        ),
        Format(
            "json",
            gettext_lazy("Everything (JSON)"),
            gettext_lazy("For programs and as a backup: it can be brought in again as a new roadmap."),
            "json",
            "application/json",
            _json,
        ),
    )
}
