"""How do the concepts of a roadmap hang together? A picture in layers: stages from top to bottom, in each what builds
on something below it. Drawn once and sent again only when it looks otherwise.
"""

import hashlib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from roadmaps.models import Concept

PER_ROW = 5
LEAST_PER_ROW = 3  # so wide at least is the picture, for the stages' names
WIDTH, HEIGHT = 188, 48
GAP_X, GAP_Y = 20, 30
LEFT = 10  # where every row begins: a narrow screen shows the beginning of each
BAND_TOP, BAND_BOTTOM = 38, 18
LINE_LENGTH = 23  # letters; wide ones count twice
HIGHEST_ON_A_SHEET = 1800  # drawn smaller than that, its words are too small to read on paper
LOOKS = ("learned", "next", "open", "later", "plain")


@dataclass(frozen=True)
class Box:
    """A concept's place in the picture."""

    concept: Concept
    look: str
    x: float
    y: float
    lines: list[str]
    builds_on: Sequence[Concept]

    @property
    def middle(self) -> float:
        return self.x + WIDTH / 2

    @property
    def text(self) -> list[tuple[float, str]]:
        """Each line with where it stands."""
        first = self.y + HEIGHT / 2 + 4.5 - 8 * (len(self.lines) - 1)
        return [(first + 16 * number, line) for number, line in enumerate(self.lines)]


@dataclass(frozen=True)
class Band:
    name: str
    y: float
    height: float
    boxes: list[Box]


@dataclass(frozen=True)
class Link:
    """A line from a concept to what builds on it, as an SVG path; a far one passes behind what lies between."""

    path: str
    is_far: bool


@dataclass(frozen=True)
class Map:
    bands: list[Band]
    links: list[Link]
    tag: str
    width: float
    height: float
    box_width: int = WIDTH
    box_height: int = HEIGHT

    @property
    def boxes(self) -> list[Box]:
        return [box for band in self.bands for box in band.boxes]

    @property
    def fits_a_sheet(self) -> bool:
        return self.height <= HIGHEST_ON_A_SHEET


@dataclass
class _Drawing:
    looks: Mapping[int, str]
    builds_on: Mapping[int, Sequence[Concept]]
    boxes: dict[int, Box] = field(default_factory=dict)
    y: float = 0


def draw(
    stages: Sequence[tuple[str, Sequence[Concept]]],
    *,
    builds_on: Mapping[int, Sequence[Concept]],
    looks: Mapping[int, str],
    is_linked: bool,
) -> Map:
    """The stages' concepts in order; every concept comes after what it builds on."""
    drawing = _Drawing(looks, builds_on)
    bands = [_band(drawing, name, concepts) for name, concepts in stages]
    links = [
        _link(drawing, drawing.boxes[before.pk], drawing.boxes[pk])
        for pk, befores in _without_detours(builds_on).items()
        for before in befores
        if pk in drawing.boxes and before.pk in drawing.boxes
    ]
    width = max([LEFT + LEAST_PER_ROW * (WIDTH + GAP_X), *(box.x + WIDTH + LEFT for box in drawing.boxes.values())])
    return Map(bands, links, _tag(bands, links, is_linked=is_linked), width=width, height=drawing.y)


def _tag(bands: list[Band], links: list[Link], *, is_linked: bool) -> str:
    seen: list[Any] = [
        (band.name, [(box.concept.name, box.look, box.x, box.y) for box in band.boxes]) for band in bands
    ]
    return hashlib.sha256(repr((seen, links, is_linked)).encode()).hexdigest()[:12]


def _band(drawing: _Drawing, name: str, concepts: Sequence[Concept]) -> Band:
    top = drawing.y
    drawing.y += BAND_TOP
    boxes = []
    for row in _rows(drawing, concepts):
        for place, concept in enumerate(row):
            box = Box(
                concept,
                drawing.looks[concept.pk],
                LEFT + place * (WIDTH + GAP_X),
                drawing.y,
                _broken(concept.name),
                drawing.builds_on[concept.pk],
            )
            drawing.boxes[concept.pk] = box
            boxes.append(box)
        drawing.y += HEIGHT + GAP_Y
    drawing.y += BAND_BOTTOM - GAP_Y
    return Band(name, top, drawing.y - top, boxes)


def _rows(drawing: _Drawing, concepts: Sequence[Concept]) -> list[list[Concept]]:
    """By depth inside the band, at most so many in a row; nearest to what they build on."""
    depth: dict[int, int] = {}
    for concept in concepts:
        depth[concept.pk] = 1 + max((depth.get(each.pk, -1) for each in drawing.builds_on[concept.pk]), default=-1)
    rows = []
    for level in range(max(depth.values(), default=-1) + 1):
        here = [each for each in concepts if depth[each.pk] == level]
        rows += [sorted(part, key=lambda each: _pull(drawing, each)) for part in _batches(here)]
    return rows


def _batches(concepts: list[Concept]) -> list[list[Concept]]:
    return [concepts[first : first + PER_ROW] for first in range(0, len(concepts), PER_ROW)]


def _pull(drawing: _Drawing, concept: Concept) -> float:
    """The middle of what it builds on, as far as that is drawn."""
    places = [drawing.boxes[each.pk].middle for each in drawing.builds_on[concept.pk] if each.pk in drawing.boxes]
    return sum(places) / len(places) if places else 0


def _without_detours(builds_on: Mapping[int, Sequence[Concept]]) -> dict[int, list[Concept]]:
    """Only the links that say something new: not to what another prerequisite builds on already."""
    below: dict[int, set[int]] = {}

    def all_below(pk: int) -> set[int]:
        if pk not in below:
            below[pk] = set()  # ends a circle, which no outline has
            below[pk] = {each.pk for each in builds_on[pk]}.union(*(all_below(each.pk) for each in builds_on[pk]))
        return below[pk]

    return {
        pk: [each for each in befores if not any(each.pk in all_below(other.pk) for other in befores)]
        for pk, befores in builds_on.items()
    }


def _link(drawing: _Drawing, above: Box, below: Box) -> Link:
    start, end = above.y + HEIGHT, below.y
    is_far = end - start > HEIGHT + GAP_Y
    if above.x == below.x and any(each.x == above.x and start < each.y < end for each in drawing.boxes.values()):
        return Link(_past_boxes(above, start, end), is_far)
    bend = min(60.0, (end - start) / 2)
    path = (
        f"M{above.middle:g} {start:g}C{above.middle:g} {start + bend:g} "
        f"{below.middle:g} {end - bend:g} {below.middle:g} {end:g}"
    )
    return Link(path, is_far)


def _past_boxes(above: Box, start: float, end: float) -> str:
    """Down between two columns: straight down it would seem to lead from each box that it passes behind."""
    middle, beside = above.middle, above.x + WIDTH + GAP_X / 2
    return (
        f"M{middle:g} {start:g}C{middle:g} {start + GAP_Y / 2:g} {beside:g} {start + 4:g} {beside:g} {start + GAP_Y:g}"
        f"V{end - GAP_Y:g}C{beside:g} {end - 4:g} {middle:g} {end - GAP_Y / 2:g} {middle:g} {end:g}"
    )


def _broken(name: str) -> list[str]:
    """In at most two lines; the whole name is in the picture's title and in the list."""
    lines = [""]
    for word in _words(name):
        together = f"{lines[-1]} {word}".strip() if " " in name else lines[-1] + word
        if _length(together) <= LINE_LENGTH or not lines[-1]:
            lines[-1] = together
        else:
            lines.append(word)
    shown = [_cut(line) for line in lines[:2]]
    if len(lines) > 2:
        shown[1] = _cut(f"{lines[1]} {lines[2]}", whole=False)
    return shown


def _words(name: str) -> list[str]:
    return name.split() if " " in name else list(name)


def _length(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in text)


def _cut(line: str, *, whole: bool = True) -> str:
    if whole and _length(line) <= LINE_LENGTH:
        return line
    while line and _length(line) > LINE_LENGTH - 1:
        line = line[:-1]
    return f"{line.rstrip()}…"
