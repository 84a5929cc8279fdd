"""How does a tutorial's Markdown become HTML that is safe to show?"""

import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from html import escape, unescape
from typing import cast

import nh3
from django.urls import reverse
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_block import StateBlock, table
from markdown_it.token import Token
from markdown_it.utils import OptionsDict, OptionsType
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

from roadmaps.models import Roadmap

ConceptUrl = Callable[[str], str | None]

# Markdown makes these and nothing else; whatever came along otherwise is dropped.
TAGS = {
    *(
        "a",
        "blockquote",
        "br",
        "code",
        "dd",
        "del",
        "div",
        "dl",
        "dt",
        "em",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "li",
        "ol",
    ),
    *("p", "pre", "s", "span", "strong", "sub", "sup", "table", "tbody", "td", "th", "thead", "tr", "ul"),
}
ATTRIBUTES = {
    "a": {"href", "title"},
    "code": {"class"},
    "div": {"class"},
    "ol": {"start"},
    "pre": {"class"},
    "span": {"class"},
    "td": {"class"},
    "th": {"class", "scope"},
    "h2": {"id"},
    "h3": {"id"},
}
FORMATTER = HtmlFormatter(nowrap=True)
LONGEST_HIGHLIGHTED = 10_000  # characters
# Lexers that take time in proportion to the text, also to hostile text; others do not, and hold up a whole store.
# Java's does while something stands between its words: it looks for a method's name after any number of them.
HIGHLIGHTED = {
    *("bash", "c", "cpp", "css", "diff", "go", "html", "ini", "java", "javascript", "js", "json", "kotlin", "output"),
    *("pycon", "python", "py", "rust", "sh", "sql", "psql", "text", "toml", "ts", "typescript", "yaml"),
}
JAVA_WORDS = re.compile(r"[\w.\[\]$<>?\s]+")
LONGEST_JAVA_WORDS = 300  # characters
COLOURING_SECONDS = 1.0

MOST_EMPTY_CELLS = 50  # of a table; more where there are half as many that are written
LINKS_BESIDE = 20_000  # characters of links' addresses and titles, beside three times those of the text

# Microseconds that a character may cost the parser at most, measured with text made for it; all others cost one half.
COSTS = {"[": 60, "\n": 40, "|": 36, "*": 12, "_": 12, "~": 12, "`": 4, "<": 4, "&": 4, "\\": 4}


# As `concept_urls` and `to_html` write it.
STORED_CONCEPT_LINK = re.compile(r'href="/roadmaps/[-\w]+/(c-[0-9]{1,3}-[0-9]{1,3}-[0-9]{1,3})/"')


def relinked(html: str, concept_url: ConceptUrl) -> str:
    """Stored HTML whose links to concepts lead somewhere else: to a shared link's pages."""
    return STORED_CONCEPT_LINK.sub(lambda found: f'href="{escape(concept_url(found[1]) or "#")}"', html)


def concept_urls(roadmap: Roadmap) -> ConceptUrl:
    """Turns a concept's key into its page's address; None for a key that the roadmap does not have.

    The roadmap's keys are read at the first question: most texts link to no concept.
    """

    @cache
    def keys() -> set[str]:
        return set(roadmap.concepts.values_list("key", flat=True))

    return lambda key: reverse("content:concept", args=[roadmap.slug, key]) if key in keys() else None


class Colouring:
    """Colours code, for one text or several, until it took so many seconds of this thread; then code stays plain."""

    def __init__(self, seconds: float = COLOURING_SECONDS) -> None:
        self._seconds_left = seconds

    def __call__(self, code: str, language: str, _attributes: str) -> str:
        """A whole <pre>, as the renderer takes it when it starts with one."""
        name = re.sub(r"[^a-z0-9+-]", "", (language or "").lower())[:30]
        body = escape(code)
        if self._seconds_left > 0 and _is_coloured(code, name):
            began = time.thread_time()
            with suppress(ClassNotFound):
                body = highlight(code, _lexer(name), FORMATTER)
            self._seconds_left -= time.thread_time() - began
        return f'<pre class="code {name}"><code class="language-{name}">{body}</code></pre>'


def _is_coloured(code: str, language: str) -> bool:
    if language not in HIGHLIGHTED or len(code) > LONGEST_HIGHLIGHTED:
        return False
    return language != "java" or max(map(len, JAVA_WORDS.findall(code)), default=0) <= LONGEST_JAVA_WORDS


def weight(markdown: str) -> int:
    """About how many microseconds `to_html` needs at the most, whoever wrote the text; counted without parsing it."""
    return len(markdown) // 2 + sum(cost * markdown.count(character) for character, cost in COSTS.items())


def to_html(markdown: str, *, concept_url: ConceptUrl = lambda key: None, colouring: Colouring | None = None) -> str:
    """Safe HTML: raw HTML is shown as text, and links other than http(s), mailto and concept: lose their address."""
    parser = _parser()
    tokens = parser.parse(markdown)
    _bound_links(tokens, 3 * len(markdown) + LINKS_BESIDE)
    _resolve_concepts(tokens, concept_url)
    _lower_headings(tokens)
    _number_sections(tokens)
    options = OptionsDict(cast("OptionsType", {**parser.options, "highlight": colouring or Colouring()}))
    html = RendererHTML().render(tokens, options, {})
    return nh3.clean(
        html,
        tags=TAGS,
        attributes=ATTRIBUTES,
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
    )


def blocks(markdown: str) -> tuple[set[int], set[int]]:
    """Numbers of the lines that are code, and of those with which a block begins, as `to_html` lays them out."""
    placed = [token for token in _parser().parse(markdown) if token.map]
    code = {line for token in placed if token.type in ("fence", "code_block") for line in range(*(token.map or ()))}
    return code, {token.map[0] for token in placed if token.map}


@cache
def _parser() -> MarkdownIt:
    """Keeps nothing of what it parses."""
    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    parser.block.ruler.at("table", _table, {"alt": ["paragraph", "reference"]})  # as it is in the library
    parser.validateLink = _is_link  # type: ignore[method-assign]
    return parser


def _table(state: StateBlock, start: int, end: int, silent: bool) -> bool:  # noqa: FBT001  as the library calls it
    """A table, but none of cells that are hardly ever written: a wide head and short rows make gigabytes of nothing."""
    if start < state.env.get("no_table_before", 0) or not table(state, start, end, silent=True):
        return False
    rows = []
    for line in range(start + 2, end):
        if state.isEmpty(line):
            break
        rows.append(state.src[state.bMarks[line] : state.eMarks[line]])
    columns = 1 + state.src.count("|", state.bMarks[start + 1], state.eMarks[start + 1])
    written = len(rows) + sum(row.count("|") for row in rows)
    if columns * len(rows) - written > max(MOST_EMPTY_CELLS, 2 * written):
        state.env["no_table_before"] = start + 2 + len(rows)  # or each of its lines would be looked at as a head
        return False
    return silent or table(state, start, end, silent=False)


def _bound_links(tokens: list[Token], most: int) -> None:
    """What is said once of a link may stand in each of thousands; from a length on they lose it."""
    for token in (child for parent in tokens for child in parent.children or []):
        most -= sum(len(str(value)) for value in token.attrs.values())
        if most < 0:
            token.attrs = {}


def _is_link(url: str) -> bool:
    return bool(re.match(r"(https?://|mailto:|concept:c-|/|#)", url.strip(), re.IGNORECASE))


def _resolve_concepts(tokens: list[Token], concept_url: ConceptUrl) -> None:
    for token in (child for parent in tokens for child in parent.children or []):
        href = str(token.attrGet("href") or "") if token.type == "link_open" else ""
        if href.startswith("concept:"):
            token.attrSet("href", concept_url(href.removeprefix("concept:")) or "#")


def _lower_headings(tokens: list[Token]) -> None:
    """The page has its own level-1 heading."""
    for token in tokens:
        if token.type in ("heading_open", "heading_close") and token.tag == "h1":
            token.tag = "h2"


def _number_sections(tokens: list[Token]) -> None:
    """Names to link to that no text can take over or collide with."""
    headings = [token for token in tokens if token.type == "heading_open" and token.tag in ("h2", "h3")]
    for number, token in enumerate(headings, start=1):
        token.attrSet("id", f"section-{number}")


@dataclass(frozen=True)
class Section:
    """A heading in rendered HTML; `level` is 2 or 3."""

    id: str
    level: int
    title: str


SECTION = re.compile(r'<h([23]) id="(section-[0-9]+)">(.*?)</h\1>', re.DOTALL)
TAG = re.compile(r"<[^>]*>")


def contents(html: str) -> list[Section]:
    """A table of contents of HTML that `to_html` made."""
    return [
        Section(name, int(level), unescape(TAG.sub("", title)).strip()) for level, name, title in SECTION.findall(html)
    ]


@cache
def _lexer(name: str) -> Lexer:
    return get_lexer_by_name(name)
