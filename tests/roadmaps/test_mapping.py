"""The picture of how concepts hang together: layers, links, lines of text, and when it looks otherwise."""

import re
from itertools import pairwise

from roadmaps import mapping
from roadmaps.models import Concept


def drawn(stages: dict[str, dict[int, list[int]]], *, names: dict[int, str] | None = None, look: str = "plain"):
    concepts = {
        pk: Concept(pk=pk, name=(names or {}).get(pk, f"Concept {pk}")) for links in stages.values() for pk in links
    }
    return mapping.draw(
        [(name, [concepts[pk] for pk in links]) for name, links in stages.items()],
        builds_on={
            pk: [concepts[each] for each in befores] for links in stages.values() for pk, befores in links.items()
        },
        looks=dict.fromkeys(concepts, look),
        is_linked=False,
    )


def test_what_builds_on_something_stands_below_it_and_stages_below_each_other():
    shown = drawn({"One": {1: [], 2: [1], 3: []}, "Two": {4: [3], 5: []}})
    at = {box.concept.pk: box for box in shown.boxes}

    assert at[1].y == at[3].y < at[2].y < at[4].y == at[5].y
    assert [band.name for band in shown.bands] == ["One", "Two"]
    assert shown.bands[1].y == shown.bands[0].y + shown.bands[0].height
    assert shown.height == shown.bands[1].y + shown.bands[1].height


def test_boxes_neither_overlap_nor_leave_the_picture():
    shown = drawn({"One": {pk: [] for pk in range(1, 13)}, "Two": {pk: [pk - 12] for pk in range(13, 25)}})

    places = {(box.x, box.y) for box in shown.boxes}
    assert len(places) == 24
    assert all(0 <= box.x <= shown.width - mapping.WIDTH for box in shown.boxes)
    assert all(band.y < box.y < band.y + band.height - mapping.HEIGHT for band in shown.bands for box in band.boxes)
    for row in {box.y for box in shown.boxes}:
        xs = sorted(box.x for box in shown.boxes if box.y == row)
        assert all(right - left >= mapping.WIDTH for left, right in pairwise(xs))


def test_every_row_begins_at_the_left_and_the_picture_is_no_wider_than_it_must_be():
    narrow, wide = drawn({"One": {1: [], 2: [1]}}), drawn({"One": {pk: [] for pk in range(1, 6)}, "Two": {6: []}})

    assert {box.x for box in narrow.boxes} == {mapping.LEFT}
    assert wide.boxes[-1].x == mapping.LEFT
    assert narrow.width < wide.width == max(box.x for box in wide.boxes) + mapping.WIDTH + mapping.LEFT


def test_every_link_leads_down_and_none_says_what_others_say_already():
    shown = drawn({"One": {1: [], 2: [1], 3: [1, 2]}, "Two": {4: [1, 3]}})

    assert len(shown.links) == 3  # 1–2, 2–3, 3–4; the others go without saying
    for link in shown.links:
        start, end = re.match(r"M\S+ (\S+)C.* (\S+)$", link.path).groups()
        assert float(start) < float(end)


def test_a_link_past_boxes_of_its_column_runs_beside_them():
    shown = drawn({"One": {1: [], 2: [1], 3: [2]}, "Two": {4: [], 5: [4, 1]}})
    first, last = shown.boxes[0], shown.boxes[-1]

    (far,) = [link for link in shown.links if link.is_far]

    assert first.x == last.x
    beside = float(re.search(r" ([\d.]+) [\d.]+V", far.path)[1])
    assert first.x + mapping.WIDTH < beside < first.x + mapping.WIDTH + mapping.GAP_X


def test_names_stand_in_at_most_two_lines_that_fit():
    names = {
        1: "Short",
        2: "Transactions and isolation levels in practice for all",
        3: "x" * 60,
        4: "关系数据库的事务与隔离级别以及更多的内容",
    }
    lines = {box.concept.pk: box.lines for box in drawn({"One": {pk: [] for pk in names}}, names=names).boxes}

    assert lines[1] == ["Short"]
    assert lines[2] == ["Transactions and", "isolation levels in pr…"]
    assert all(len(each) <= 2 for each in lines.values())
    assert all(mapping._length(line) <= mapping.LINE_LENGTH for each in lines.values() for line in each)


def test_the_tag_changes_with_what_is_seen_and_only_then():
    stages = {"One": {1: [], 2: [1]}}
    tag = drawn(stages).tag

    assert drawn(stages).tag == tag
    others = [drawn(stages, names={1: "Other"}), drawn(stages, look="open"), drawn({"One": {1: [], 2: []}})]
    assert tag not in {each.tag for each in others}


def test_a_picture_is_drawn_on_one_sheet_as_long_as_its_words_can_be_read_there():
    def below_each_other(number):
        return drawn({"One": {pk: [pk - 1] if pk > 1 else [] for pk in range(1, number + 1)}})

    assert below_each_other(20).fits_a_sheet
    assert not below_each_other(30).fits_a_sheet
