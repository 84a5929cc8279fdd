"""How does safe HTML become XHTML that an EPUB may hold?"""

import re
from html.parser import HTMLParser
from urllib.parse import quote, urlsplit
from xml.sax.saxutils import escape as escape_text
from xml.sax.saxutils import quoteattr

from django.utils.functional import Promise

VOID = {"br", "hr"}
NOT_TAKEN = {"id", "rel"}
LEFT_TO_RIGHT = {"code", "pre"}
LONE_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")
HOST = re.compile(r"[\w.:-]+")
URL_CHARACTERS = "/?%:@!$&'()*+,;=~[]#"
# What XML 1.0 cannot hold at all, not even escaped.
NO_CHARACTER = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def text(value: str | Promise) -> str:
    """Any text as character data."""
    return escape_text(NO_CHARACTER.sub("", str(value)))


def attribute(value: str) -> str:
    """Any text as an attribute's value, with its quotes."""
    return quoteattr(NO_CHARACTER.sub("", value))


def link(url: str, label: str) -> str:
    """An element that leads there; the label alone where no reader could follow the URL."""
    return f"<a href={_address(url)}>{text(label)}</a>" if _is_web_address(url) else text(label)


def _address(url: str) -> str:
    """A URL as an attribute's value; what URLs may not hold is percent-encoded."""
    before, mark, after = LONE_PERCENT.sub("%25", url).partition("#")
    return attribute(quote(before + mark + after.replace("#", "%23"), safe=URL_CHARACTERS))


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(HOST.fullmatch(parts.hostname or ""))


def fragment(html: str, *, files: set[str]) -> str:
    """The same elements as XML. What links neither to the web nor to one of `files` is no link any more."""
    writer = _Writer(files)
    writer.feed(html)
    writer.close()
    return writer.result()


class _Writer(HTMLParser):
    def __init__(self, files: set[str]) -> None:
        super().__init__(convert_charrefs=True)
        self.files = files
        self.parts: list[str] = []
        self.open: list[tuple[str, str]] = []  # as it came, and as it was written

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        kept = {name: value or "" for name, value in attrs if name not in NOT_TAKEN}
        leads_nowhere = tag == "a" and not self._leads_somewhere(kept.get("href", ""))
        name = "span" if leads_nowhere else tag
        if leads_nowhere:
            kept = {}
        if tag in LEFT_TO_RIGHT:
            kept["dir"] = "ltr"  # a book's style sheet may not say it
        written = "".join(f" {key}={(_address if key == 'href' else attribute)(kept[key])}" for key in kept)
        self.parts.append(f"<{name}{written}{'/' if tag in VOID else ''}>")
        if tag not in VOID:
            self.open.append((tag, name))

    def handle_endtag(self, tag: str) -> None:
        while any(tag == opened for opened, _ in self.open):
            innermost, name = self.open.pop()
            self.parts.append(f"</{name}>")
            if innermost == tag:
                break

    def handle_data(self, data: str) -> None:
        self.parts.append(text(data))

    def result(self) -> str:
        return "".join([*self.parts, *(f"</{name}>" for _, name in reversed(self.open))])

    def _leads_somewhere(self, url: str) -> bool:
        return url in self.files or url.startswith("mailto:") or _is_web_address(url)
