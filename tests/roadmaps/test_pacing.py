"""What comes next and why, and when a learner is done: arithmetic over what was read already."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.utils import translation

from roadmaps.models import Concept
from roadmaps.pacing import Pace, Way, pace_of

NOW = datetime(2026, 3, 16, 9, tzinfo=UTC)


def way(
    links: dict[int, list[int]],
    *,
    learned: tuple[int, ...] = (),
    goal: tuple[int, ...],
    hours_per_week: float = 7,
    deadline: date | None = None,
) -> Way:
    """Concepts 1, 2, 3 … of two hours each, with what they build on."""
    concepts = {pk: Concept(pk=pk, name=f"Concept {pk}", hours=2.0) for pk in links}
    return Way(
        list(concepts.values()),
        {pk: [concepts[each] for each in befores] for pk, befores in links.items()},
        dict.fromkeys(learned, NOW),
        frozenset(goal),
        "The goal",
        Pace(hours_per_week),
        NOW.date(),
        deadline,
    )


def pks(concepts) -> list[int]:
    return [each.pk for each in concepts]


LINKS = {1: [], 2: [], 3: [1], 4: [3], 5: [4]}  # 2 is needed for nothing


def test_first_comes_the_beginning():
    shown = way(LINKS, goal=(5,))

    assert shown.next.pk == 1
    assert pks(shown.next_opens) == [3]
    assert (shown.hours_left, shown.shortest_hours) == (10, 8)


def test_what_the_goal_does_not_build_on_can_wait_and_comes_when_the_goal_is_reached():
    on_the_way = way(LINKS, learned=(1,), goal=(5,))
    there = way(LINKS, learned=(1, 3, 4, 5), goal=(5,))

    assert (on_the_way.next.pk, on_the_way.is_next_needed, pks(on_the_way.can_wait)) == (3, True, [2])
    assert on_the_way.next_names == "Concept 1"
    assert (there.next.pk, there.is_next_needed) == (2, False)


def test_nothing_comes_next_before_what_it_builds_on():
    shown = way(LINKS, learned=(3,), goal=(5,))  # learned out of turn

    assert [each.pk for each in shown.left if shown.is_open(each)] == [1, 2, 4]
    assert shown.next.pk == 1


def test_what_the_next_one_builds_on_is_listed_as_the_reader_writes():
    shown = way({1: [], 2: [], 3: [1, 2]}, learned=(1, 2), goal=(3,))

    assert shown.next_names == "Concept 1, Concept 2"
    with translation.override("zh-hans"):
        assert shown.next_names == "Concept 1、Concept 2"


def test_an_outline_with_few_links_is_gone_through_in_order():
    shown = way({1: [], 2: [], 3: [], 4: []}, goal=(4,))

    assert (shown.next.pk, shown.is_next_needed) == (1, False)  # no link says that the goal builds on it
    assert shown.can_wait == []


def test_nothing_is_needed_for_a_goal_that_is_learned():
    assert way(LINKS, learned=(2, 5), goal=(5,)).is_next_needed is False  # learned out of turn
    assert way(LINKS, learned=(1, 3, 4), goal=(5,)).is_next_needed is True


def test_when_all_is_learned_nothing_is_next_and_no_day_is_named():
    shown = way(LINKS, learned=(1, 2, 3, 4, 5), goal=(5,), deadline=date(2026, 3, 1))

    assert (shown.next, shown.left, shown.done_on, shown.is_late, shown.days_late) == (None, [], None, False, 0)


@pytest.mark.parametrize(
    ("deadline", "late", "needed"),
    [(date(2026, 3, 26), 0, 7), (date(2026, 3, 30), -4, 5), (date(2026, 3, 21), 5, 14), (date(2026, 3, 16), 10, None)],
)
def test_the_day_at_this_pace_is_held_against_the_deadline(deadline, late, needed):
    shown = way(LINKS, goal=(5,), deadline=deadline)

    assert shown.done_on == date(2026, 3, 26)  # ten hours at one a day
    assert (shown.is_late, shown.days_late, shown.hours_needed) == (late > 0, late, needed)


def test_a_day_beyond_all_planning_is_not_named_and_the_deadline_is_still_missed():
    far, farther = date(2026, 3, 26), date(2526, 3, 26)

    shown = [way(LINKS, goal=(5,), hours_per_week=0.001, deadline=each) for each in (far, farther)]

    assert [each.done_on for each in shown] == [None, None]
    assert [(each.is_late, each.hours_needed) for each in shown] == [(True, 7), (False, 1)]


TEN = way({pk: [] for pk in range(1, 11)}, goal=(10,)).concepts


def learned_every(days: float, count: int, *, first: int = 1, until: datetime = NOW) -> dict[int, datetime]:
    return {first + number: until - timedelta(days=days * (count - 1 - number)) for number in range(count)}


def pace(learned: dict[int, datetime]) -> Pace:
    return pace_of(TEN, learned, planned=6, now=NOW)


def test_the_pace_is_measured_where_enough_was_learned_over_enough_time():
    assert pace({}) == pace(learned_every(7, 4)) == Pace(6)  # too few
    assert pace(learned_every(1, 7)) == Pace(6)  # six days: too short
    assert pace(learned_every(3.5, 5)) == Pace(4.0, is_measured=True)  # eight hours in the fortnight since the first


@pytest.mark.parametrize("pause", [timedelta(weeks=9), timedelta(days=1000)])
def test_after_a_pause_the_plan_counts_until_enough_is_learned_anew(pause):
    before = learned_every(3.5, 5, until=NOW - pause)

    assert pace(before) == pace(before | learned_every(3.5, 4, first=6)) == Pace(6)
    assert pace(before | learned_every(3.5, 5, first=6)) == Pace(4.0, is_measured=True)
