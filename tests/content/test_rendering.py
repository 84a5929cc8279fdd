"""Markdown from a stranger becomes HTML that cannot do anything."""

import re
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from content import rendering
from content.rendering import ATTRIBUTES, COLOURING_SECONDS, TAGS, Colouring, Section, contents, to_html, weight

VOID = {"br", "hr"}
SCHEMES = ("http://", "https://", "mailto:", "/", "#")


class Reader(HTMLParser):
    """What a browser would see: elements, attributes, text; and whether all that was opened is closed."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data):
        self.text += data

    def handle_comment(self, data):
        self.wrong.append(f"comment {data}")

    def handle_decl(self, decl):
        self.wrong.append(f"declaration {decl}")

    def tags(self) -> set[str]:
        return {tag for tag, _ in self.elements}

    def hrefs(self) -> list[str]:
        return [attributes["href"] for tag, attributes in self.elements if tag == "a" and attributes.get("href")]


def seen(markdown: str, **options) -> Reader:
    """The rendered text, after looking that nothing in it is active."""
    reader = Reader(to_html(markdown, **options))
    assert not reader.wrong
    assert not reader.open
    assert reader.tags() <= TAGS
    for tag, attributes in reader.elements:
        allowed = ATTRIBUTES.get(tag, set()) | ({"rel"} if tag == "a" else set())
        assert set(attributes) <= allowed, (tag, attributes)
        assert not [name for name in attributes if name.startswith("on")]
        if tag == "a":
            assert attributes.get("rel") == "noopener noreferrer nofollow"
    for href in reader.hrefs():
        assert href.lower().startswith(SCHEMES), href
    return reader


HOSTILE = [
    "<script>alert(1)</script>",
    "<SCRIPT SRC=//evil.example></SCRIPT>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror=alert(1)&gt;\">",
    "<iframe src=\"javascript:alert(1)\"></iframe>",
    "<style>body{display:none}</style>",
    "<p style=\"background:url(javascript:alert(1))\">x</p>",
    "<a href=\"javascript:alert(1)\">x</a>",
    "<form action=/logout><button>x</button></form>",
    "<base href=//evil.example>",
    "<meta http-equiv=refresh content=0;url=//evil.example>",
    "<!--><script>alert(1)</script>-->",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<?php system('id') ?>",
    "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;alert(1)&#60;/script&#62;",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x]( javascript:alert(1))",
    "[x](java\tscript:alert(1))",
    "[x](<java\nscript:alert(1)>)",
    "[x](java&#10;script:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](javascript&colon;alert(1))",
    "[x](&#x6A&#x61&#x76&#x61&#x73&#x63&#x72&#x69&#x70&#x74&#x3A;alert(1))",
    "[x](\x01javascript:alert(1))",
    "[x](vbscript:msgbox(1))",
    "[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
    "[x](file:///etc/passwd)",
    "[x](blob:https://example.org/1)",
    "[x](concept:c-1-1-1\"onmouseover=alert(1))",
    "[x](https://example.org \"title\" onclick=alert(1))",
    "[x](https://example.org \"\\\"><script>alert(1)</script>\")",
    "[x](https://example.org/\"><script>alert(1)</script>)",
    "![x](javascript:alert(1))",
    "![x](https://evil.example/pixel.png)",
    "![x\" onerror=\"alert(1)](https://evil.example/)",
    "[![x](x)](javascript:alert(1))",
    "[a][b]\n\n[b]: javascript:alert(1)",
    "[a][b]\n\n[b]: data:text/html,x 'title'",
    "<javascript:alert(1)>",
    "<JAVASCRIPT:alert(1)>",
    "<data:text/html,x>",
    "<ada@example.org>",
    "[x](//evil.example)",
    "# <script>alert(1)</script>",
    "- <script>\n- alert(1)\n- </script>",
    "> <img src=x\n> onerror=alert(1)>",
    "| <script>alert(1)</script> | b |\n|---|---|\n| <img src=x onerror=alert(1)> | [x](javascript:alert(1)) |",
    "`<script>alert(1)</script>`",
    "```\n</code></pre><script>alert(1)</script>\n```",
    "```html\n<script>alert(1)</script>\n```",
    "```\"><script>alert(1)</script>\nx\n```",
    "```python onmouseover=alert(1)\nx\n```",
    "```<img/src=x/onerror=alert(1)>\nx\n```",
    "~~~ html\" onclick=\"x\n<b>x</b>\n~~~",
    "```mermaid\ngraph TD; A[\"<img src=x onerror=alert(1)>\"]-->B; click A \"javascript:alert(1)\"\n```",
    "    <script>alert(1)</script>",
    "**<b onclick=alert(1)>x</b>**",
    "*[x](javascript:alert(1)* **[y](data:x)**",
    "```python\nprint('never closed <script>')",
    "`never closed <script>alert(1)</script>",
    "[never closed](javascript:alert(1)",
    "\x00<script>alert(1)</script>",
    "<scr\x00ipt>alert(1)</scr\x00ipt>",
    "\u202e<script>alert(1)</script>",
    "<a href=\"https://example.org\" onclick=alert(1)>x</a>",
    "$$\\href{javascript:alert(1)}{x}$$",
    "{{ 7 * 7 }} {% include 'x' %} ${alert(1)}",
]  # fmt: skip


@pytest.mark.parametrize("markdown", HOSTILE)
def test_G2_nothing_hostile_stays_active(markdown):
    reader = seen(markdown)

    assert not reader.tags() & {
        "script",
        "img",
        "svg",
        "iframe",
        "style",
        "form",
        "base",
        "meta",
        "math",
        "noscript",
        "object",
    }


@pytest.mark.parametrize("markdown", HOSTILE)
def test_G2_nothing_hostile_becomes_active_inside_something_else(markdown):
    for around in (
        "> {}",
        "- {}",
        "# {}",
        "**{}**",
        "[{}](https://example.org)",
        "| {} |\n|---|\n| {} |",
        "text {} text",
    ):
        seen(around.replace("{}", markdown))


@given(
    st.lists(
        st.sampled_from([*HOSTILE, "\n", "\n\n", " ", "```", "`", "[", "](", ")", "|", "<", ">", "&", "*", "    "]),
        max_size=6,
    ).map("".join)
)
@hypothesis_settings(max_examples=150, deadline=None)
def test_G2_nothing_hostile_becomes_active_in_any_mixture(markdown):
    seen(markdown)


@given(st.text(max_size=200))
def test_any_text_becomes_inactive_html(markdown):
    seen(markdown)


def test_raw_html_is_shown_as_the_text_that_it_is():
    assert "<b onclick=alert(1)>bold</b>" in seen("Write <b onclick=alert(1)>bold</b> like this").text


@pytest.mark.parametrize(
    "url", ["https://example.org/a?b=c&d=e", "http://example.org", "mailto:ada@example.org", "#part", "/roadmaps/"]
)
def test_an_ordinary_link_keeps_its_address(url):
    assert seen(f"[x]({url})").hrefs() == [url]


def concept_url(key: str) -> str | None:
    return f"/roadmaps/mine/{key}/" if key == "c-1-1-1" else None


def test_a_link_to_a_concept_leads_to_its_page():
    reader = seen(
        "Before this: [names](concept:c-1-1-1), <concept:c-1-1-1>, **[bold](concept:c-1-1-1)**", concept_url=concept_url
    )

    assert reader.hrefs() == ["/roadmaps/mine/c-1-1-1/"] * 3


@pytest.mark.parametrize(
    "target",
    [
        "concept:c-9-9-9",
        "concept:c-1-1-1/../../admin",
        "concept:c-1-1-1?x=1",
        "concept:c-javascript:alert(1)",
        "concept:",
        "concept:x",
        "concept://evil.example",
    ],
)
def test_a_link_to_a_concept_that_is_not_there_leads_nowhere(target):
    reader = seen(f"[x]({target})", concept_url=concept_url)

    assert set(reader.hrefs()) <= {"#"}
    assert "x" in reader.text


def test_links_to_concepts_lead_nowhere_where_no_roadmap_is_known():
    assert seen("[x](concept:c-1-1-1)").hrefs() == ["#"]


@pytest.mark.parametrize("language", ["python", "js", "sql", "html", "bash"])
def test_code_is_highlighted_and_reads_as_it_was(language):
    code = "x = 'a' # <b>&amp;\nif (y) { return \"1\"; }"

    reader = seen(f"```{language}\n{code}\n```")

    assert reader.text.strip() == code
    assert "span" in reader.tags()
    assert ("pre", {"class": f"code {language}"}) in reader.elements


@pytest.mark.parametrize("language", ["", "no-such-language", "text", "mermaid"])
def test_code_in_a_language_that_nobody_knows_is_shown_plainly(language):
    reader = seen(f"```{language}\na <b> & c\n```")

    assert reader.text.strip() == "a <b> & c"
    assert reader.tags() == {"pre", "code"}


def test_a_diagram_can_be_told_from_other_code():
    assert ("pre", {"class": "code mermaid"}) in seen("```mermaid\ngraph TD\n```").elements


def test_tables_are_tables():
    reader = seen("| a | b |\n|---|---:|\n| 1 | **2** |\n| `x \\| y` | 4 |")

    assert {"table", "thead", "tbody", "tr", "th", "td", "strong", "code"} <= reader.tags()
    assert "x | y" in reader.text


def test_what_tutorials_are_made_of_survives():
    reader = seen(
        "# Title\n\n## Part\n\n1. one\n2. two\n\n- a\n  - b\n\n> said\n\n~~old~~ *new* **now** `code`"
        "\n\n---\n\nline  \nbreak"
    )

    assert {"h2", "ol", "ul", "li", "blockquote", "s", "em", "strong", "code", "hr", "br"} <= reader.tags()
    assert "h1" not in reader.tags()  # the page has its own


ENORMOUS = {
    "brackets": "[" * 120_000,
    "brackets with text": "[a](" * 30_000,
    "images": "![" * 60_000,
    "quotes": "> " * 60_000,
    "deep quotes line by line": "\n".join(">" * min(depth, 200) + " x" for depth in range(600)),
    "emphasis": "*a " * 40_000,
    "emphasis pairs": "*a**a" * 24_000,
    "underscores": "_" * 120_000,
    "backticks": "`" * 120_000,
    "backtick runs": "".join("`" * length + " " for length in range(1, 480)),
    "open tags": "<a " * 40_000,
    "comments": "<!--" * 30_000,
    "entities": "&amp" * 30_000,
    "backslashes": "\\" * 120_000,
    "a table of bars": "|" * 120_000,
    "a wide table": "|a" * 20_000 + "|\n" + "|-" * 20_000 + "|\n" + "|b" * 20_000,
    "a long table": "|a|b|\n|-|-|\n" + "|1|2|\n" * 15_000,
    "list markers": "- " * 60_000,
    "nested lists": "\n".join(" " * (2 * (depth % 100)) + "- x" for depth in range(1500)),
    "references": "\n".join(f"[a{number}]: /x" for number in range(9_000)) + "[a1]" * 2_000,
    "many fences": "```python\nx = 1\n```\n\n" * 5_000,
    "one large fence": "```python\n" + "x = (1 + 2)\n" * 10_000 + "```",
    "strings never closed": "```python\n" + "'" * 20_000 + "\n```",
    "parentheses in code": "```js\n" + "(" * 20_000 + "\n```",
    "comments in code": "```sql\n" + "/*" * 10_000 + "\n```",
    "html in code": "```html\n" + "<a " * 6_600 + "\n```",
    "plain words": "word " * 24_000,
    "tildes": "~" * 120_000,
    "autolinks": "<http://a" * 13_000,
    "tables of nothing": ("|a" * 200 + "|\n" + "|-" * 200 + "|\n" + "x\n" * 290 + "\n") * 80,
    "heads without a table": "|a" * 200 + "|\n" + ("|-" * 200 + "|\n" + "x\n" * 200) * 140,
    "one title in many links": '[a]: /x "' + "t" * 2_000 + '"\n\n' + "[a] " * 19_000,
    "words of java": ("```java\n" + "a b " * 2_400 + "\n```\n") * 12,
    "types of java": ("```java\n" + "a<" * 4_900 + "\n```\n") * 12,
    "images in links": "[![a](" * 20_000,
    "empty headings": "#\n" * 60_000,
}


@pytest.mark.parametrize("name", ENORMOUS)
def test_a_long_tutorial_is_rendered_in_the_time_that_it_weighs_whatever_it_holds(name):
    markdown = ENORMOUS[name][:40_000]  # a fifth of the longest: the time is judged by the text's weight
    started = time.process_time()

    html = to_html(markdown)

    seconds = time.process_time() - started
    assert seconds < 2 * weight(markdown) / 1_000_000 + COLOURING_SECONDS, "it happens in a store's transaction"
    assert len(html) < 20 * len(markdown)
    assert not re.search(r"<script|<img|javascript:", html)


def test_an_ordinary_text_weighs_as_little_as_it_is_long():
    tutorials = list(Path(rendering.__file__).parents[1].glob("roadmap_project/library/subjects/*/*.md"))
    texts = [each.read_text() for each in tutorials]

    assert len(texts) > 100
    assert sum(map(weight, texts)) < 2 * sum(map(len, texts))


def test_a_table_may_have_some_empty_cells_and_its_words_are_kept_where_it_has_hardly_any_others():
    head = "|a|b|c|d|e|f|\n|-|-|-|-|-|-|\n"

    assert to_html(head + "|1|\n" * 4).count("<td>") == 24
    refused = to_html(head + "word\n" * 40 + "\n\n|a|\n|-|\n|1|\n")
    assert refused.count("word") == 40
    assert refused.count("<table>") == 1


def test_code_is_plain_once_colouring_took_its_time():
    fence = "```python\nimport re\n```\n\n"
    colouring = Colouring(1e-9)

    html = to_html(fence * 2, colouring=colouring)

    assert html.count("<span") == to_html(fence).count("<span") > 0
    assert html.count('<pre class="code python">') == 2


def test_java_is_coloured():
    assert '<span class="kd">' in to_html("```java\npublic class A {\n  int x = 1;\n}\n```")


def test_sections_have_names_of_ours_and_are_listed():
    html = to_html('# What `is` it & *why*\n\n### Part\n\n#### Deep\n\n## quiz\n\n## quiz\n\n<h2 id="note">x</h2>')

    assert contents(html) == [
        Section("section-1", 2, "What is it & why"),
        Section("section-2", 3, "Part"),
        Section("section-3", 2, "quiz"),
        Section("section-4", 2, "quiz"),
    ]
    assert set(re.findall(r'<[^>]* id="([^"]*)"', html)) == {f"section-{each}" for each in (1, 2, 3, 4)}


def test_text_without_headings_has_no_contents():
    assert contents(to_html("Just *this*.")) == []
