"""How are the code and the emphasis in a question's words shown?

A question, its options and its explanation are words with Markdown's code spans, *emphasis* and **strong emphasis**,
and nothing else of Markdown: they are full of signs that mean themselves (`count(*)`, `__init__`, `\\d+`, `<div>`).
"""

import re
from functools import cache
from html import escape

import nh3
from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline, emphasis
from markdown_it.token import Token

from roadmap_project.library.subjects import escaped

# A line's end, which the parser would make a blank of in code; no sign of Markdown's, and a blank to it as well.
LINE = "\u2028"
TAGS = {"br", "code", "em", "strong"}
HARD_BREAK = "\\\n"
LINES = "lines"  # the class of code that has several

# Beside an asterisk of ours. Those of code stand elsewhere: 2*3, count(*), *.py, int *p, f(*args, **kwargs).
BEFORE_BEGINNING = re.compile(r"""^$|[\s("'\[{:,;–—-]|[^\x00-\x7f]""")
AFTER_BEGINNING = re.compile(r"""[^\W_]|[`"'(“‘「『《（]""")
BEFORE_END = re.compile(r"""[^\W_]|[`"')?!.”’」』》）]""")
AFTER_END = re.compile(r"""^$|[\s)"'\]}:,;.?!–—-]|[^\x00-\x7f]""")

EDGES = re.compile(r"^\s*\\\n|\\\n\s*$")
FENCED = re.compile(rf"[\w+#.-]*{LINE}")  # with the language's name, as a code block begins
BEGINS_A_BLOCK = re.compile(r"^ *([0-9]*)(?=[-+=.)])", re.MULTILINE)


def to_html(text: str) -> str:
    """Safe HTML that may stand in a line, a label or a legend: whatever is no span is shown as it is."""
    if not re.search("[`*]", text):
        return escape(text).replace("\r\n", "\n").replace("\n", "<br>")
    made: list[str] = []
    ended_a_block = False
    for token in _tokens(text):
        if token.type == "code_inline":
            code = _code(token)
            ended_a_block = "\n" in code
            made.append(f'<code class="{LINES}">' if ended_a_block else "<code>")
            made.append(f"{escape(code)}</code>")
        elif token.type == "text":
            words = token.content.removeprefix(LINE) if ended_a_block else token.content
            made.append(escape(words).replace(LINE, "<br>"))
            ended_a_block = False
        else:
            made.append(f"<{'/' if token.nesting < 0 else ''}{token.tag}>")
    return nh3.clean("".join(made), tags=TAGS, attributes={"code": {"class"}})


def to_markdown(text: str) -> str:
    """The same for any reader of Markdown: spans stay spans, lines lines, and all other signs are escaped."""
    made = []
    for token in _tokens(text):
        if token.type == "code_inline":
            made.append(HARD_BREAK.join(_span(line) for line in _code(token).split("\n") if line.strip()))
        elif token.type == "text":
            made.append(HARD_BREAK.join(_signs(line) for line in token.content.split(LINE)))
        else:
            made.append(token.markup)
    return in_paragraphs("".join(made))


def in_paragraphs(lines: str) -> str:
    """Markdown of hard-broken lines, a paragraph for each run of them, in which no line begins a list or a heading."""
    paragraphs = re.split(r"(?:\\\n\s*){2,}", lines)
    bare = (EDGES.sub("", each).strip() for each in paragraphs)
    return "\n\n".join(BEGINS_A_BLOCK.sub(r"\1\\", each) for each in bare if each)


@cache
def _parser() -> MarkdownIt:
    """Code spans and emphasis, and none of what else a line may hold: links, images, HTML, entities, escapes."""
    parser = MarkdownIt("zero").enable(["backticks", "emphasis"])
    parser.inline.ruler.at("emphasis", _emphasis)
    return parser


def _tokens(text: str) -> list[Token]:
    lines = re.sub(r"\r\n?|\n", LINE, text)
    return [token for parent in _parser().parseInline(lines) for token in parent.children or []]


def _emphasis(state: StateInline, silent: bool) -> bool:  # noqa: FBT001  as the library calls it
    """The library's, but with asterisks alone, and only where no code would have them."""
    start = state.pos
    if state.src[start] != "*" or not emphasis.tokenize(state, silent):
        return False
    before, first = state.src[:start][-1:], state.src[state.pos : state.pos + 1]
    begins = bool(BEFORE_BEGINNING.match(before) and AFTER_BEGINNING.match(first))
    ends = bool(BEFORE_END.match(before) and AFTER_END.match(first))
    for delimiter in state.delimiters[start - state.pos :]:
        delimiter.open = delimiter.open and begins
        delimiter.close = delimiter.close and ends
    return True


def _code(token: Token) -> str:
    code = token.content
    if len(token.markup) >= len("```"):
        code = FENCED.sub("", code, count=1) if FENCED.match(code) else code
    return code.strip(LINE).replace(LINE, "\n")


def ticks_around(code: str, *, least: int = 1) -> str:
    """More of them than stand together in the code."""
    return "`" * max(least, 1 + max(map(len, re.findall("`+", code)), default=0))


def _span(code: str) -> str:
    """Code between as many ticks as it takes."""
    ticks = ticks_around(code)
    blank = " " if re.match(r"`|.*`$| .*\S.* $", code) else ""
    return f"{ticks}{blank}{code}{blank}{ticks}"


def _signs(words: str) -> str:
    """Words that mean no Markdown, with the blanks at their ends."""
    return escaped(f".{words}.")[1:-1]
