"""Where in a tutorial stand the links to what its concept builds on? The library makes them anew for each roadmap."""

import re

MARK = "{{prerequisites}}"  # in a curated text, in the place of the links, below a heading of its own
MARKED = re.compile(rf"^## [^\n]+\n\n{re.escape(MARK)}\n*", re.MULTILINE)
FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
HEADINGS = {
    "en": "Prerequisites",
    "de": "Voraussetzungen",
    "es": "Requisitos previos",
    "fr": "Prérequis",
    "it": "Prerequisiti",
    "ja": "前提知識",
    "ko": "선수 지식",
    "pt": "Pré-requisitos",
    "ru": "Что нужно знать заранее",
    "zh": "前置知识",
}


def with_links(markdown: str, links: str, *, language: str) -> str:
    """The links below the heading that is marked for them, else in a section after the first.

    Without links there is no such section.
    """
    if MARKED.search(markdown):
        return MARKED.sub(lambda marked: marked[0].replace(MARK, links) if links else "", markdown, count=1).rstrip()
    return with_section(markdown, links, language=language) if links else markdown


def with_section(markdown: str, body: str, *, language: str) -> str:
    """A section after the first one, headed in the subject's language, or in English."""
    heading = HEADINGS.get(language.partition("-")[0].lower(), HEADINGS["en"])
    place = _second_section(markdown)
    parts = (markdown[:place].rstrip(), f"## {heading}\n\n{body}", markdown[place:])
    return "\n\n".join(part for part in parts if part)


def _second_section(markdown: str) -> int:
    """Where it begins, or the end; what looks like a heading within code is none."""
    place, headings, fence = 0, 0, ""
    for line in markdown.splitlines(keepends=True):
        if fenced := FENCE.match(line):
            if not fence:
                fence = fenced[1]
            elif fenced[1].startswith(fence) and not line.strip().strip(fence[0]):
                fence = ""
        elif not fence and line.startswith("## "):
            headings += 1
            if headings == 2:
                return place
        place += len(line)
    return place
