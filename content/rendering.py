"""How does a tutorial's Markdown become HTML that is safe to show?"""

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from html import escape, unescape

import nh3
from django.urls import reverse
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
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
HIGHLIGHTED = {
    *("bash", "c", "cpp", "css", "diff", "go", "html", "ini", "java", "javascript", "js", "json", "kotlin", "output"),
    *("pycon", "python", "py", "rust", "sh", "sql", "psql", "text", "toml", "ts", "typescript", "yaml"),
}


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


def to_html(markdown: str, *, concept_url: ConceptUrl = lambda key: None, highlights: bool = True) -> str:
    """Safe HTML: raw HTML is shown as text, and links other than http(s), mailto and concept: lose their address."""
    parser = _parser(highlights=highlights)
    tokens = parser.parse(markdown)
    _resolve_concepts(tokens, concept_url)
    _lower_headings(tokens)
    _number_sections(tokens)
    html = RendererHTML().render(tokens, parser.options, {})
    return nh3.clean(
        html,
        tags=TAGS,
        attributes=ATTRIBUTES,
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
    )


@cache
def _parser(*, highlights: bool) -> MarkdownIt:
    """Keeps nothing of what it parses."""
    options = {"html": False, "highlight": _highlighted if highlights else None}
    parser = MarkdownIt("commonmark", options).enable(["table", "strikethrough"])
    parser.validateLink = _is_link  # type: ignore[method-assign]
    return parser


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


def _highlighted(code: str, language: str, _attributes: str) -> str:
    """A whole <pre>, as the renderer takes it when it starts with one."""
    css_class = re.sub(r"[^a-z0-9+-]", "", (language or "").lower())[:30]
    body = escape(code)
    if css_class in HIGHLIGHTED and len(code) <= LONGEST_HIGHLIGHTED:
        with suppress(ClassNotFound):
            body = highlight(code, _lexer(css_class), FORMATTER)
    return f'<pre class="code {css_class}"><code class="language-{css_class}">{body}</code></pre>'
