"""Which formats can a roadmap be taken away in?"""

from collections.abc import Callable
from dataclasses import dataclass

from django.utils import translation
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy

from content.exporting import anki, epub, markdown
from content.exporting.documents import MOST_CHARACTERS, RoadmapDocument
from roadmap_project import languages
from roadmap_project.request_sizes import LARGEST_FILE


@dataclass(frozen=True)
class Format:
    """One way to take a roadmap away, in the interface's words."""

    name: str
    label: str | Promise
    use: str | Promise
    suffix: str
    content_type: str
    made_by: Callable[[RoadmapDocument], bytes]

    def write(self, document: RoadmapDocument) -> bytes:
        """The whole file in memory: the database is not needed while a slow reader takes it.

        Its own words (Answers, Builds on …) are in the content's language where the interface speaks it.
        """
        with translation.override(languages.beside(document.language)):
            return self.made_by(document)


def _json(document: RoadmapDocument) -> bytes:
    return document.model_dump_json(indent=1).encode()


FORMATS = {
    each.name: each
    for each in (
        Format(
            "epub",
            gettext_lazy("Book (EPUB)"),
            gettext_lazy(
                "For e-readers and phones: a chapter for each concept, with your notes; "
                "the quizzes’ answers at the end."
            ),
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
            format_lazy(
                gettext_lazy(
                    "For programs and as a backup: it can be brought in again as a new roadmap (up to {most} MB, and "
                    "{millions} million characters of tutorials), with your notes and what you marked as learned. Your "
                    "answers to quizzes and earlier versions are not in it."
                ),
                most=LARGEST_FILE // 1024 // 1024,
                millions=MOST_CHARACTERS // 1_000_000,
            ),
            "json",
            "application/json",
            _json,
        ),
    )
}
