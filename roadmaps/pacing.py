"""Where is a learner, what comes next and why, and when will they be done?

The goal is what the last stage teaches: the shortest way there is its concepts and all that these build on.
No queries: the caller has read what it takes.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property

from roadmap_project.listing import listed
from roadmaps.models import Concept

ENOUGH_CONCEPTS = 5
ENOUGH_TIME = timedelta(days=7)
LATELY = timedelta(weeks=8)  # what was learned before says nothing of the pace now: there may be a pause between
LONGEST = timedelta(days=3650)  # beyond which a day is no forecast


@dataclass(frozen=True)
class Pace:
    """Hours a week: planned, or measured from when concepts were marked as learned lately."""

    hours_per_week: float
    is_measured: bool = False


@dataclass(frozen=True)
class Way:
    """A learner's place on the way: concepts in order with their prerequisites, and when each was learned."""

    concepts: Sequence[Concept]
    builds_on: Mapping[int, Sequence[Concept]]
    learned_at: Mapping[int, datetime]
    goal: frozenset[int]  # the last stage's concepts
    goal_name: str
    pace: Pace
    today: date
    deadline: date | None = None

    @cached_property
    def left(self) -> list[Concept]:
        return [each for each in self.concepts if each.pk not in self.learned_at]

    @cached_property
    def leading(self) -> set[int]:
        """The goal and what it builds on."""
        found, waiting = set(self.goal), list(self.goal)
        while waiting:
            for each in self.builds_on[waiting.pop()]:
                if each.pk not in found:
                    found.add(each.pk)
                    waiting.append(each.pk)
        return found

    @cached_property
    def needed(self) -> set[int]:
        """What leads to the goal; everything where that is no more than half, as such links say too little."""
        return self.leading if 2 * len(self.leading) > len(self.concepts) else {each.pk for each in self.concepts}

    @cached_property
    def shortest(self) -> list[Concept]:
        """What is left of the shortest way to the goal."""
        return [each for each in self.left if each.pk in self.needed]

    @property
    def can_wait(self) -> list[Concept]:
        return [each for each in self.left if each.pk not in self.needed]

    def is_open(self, concept: Concept) -> bool:
        """Whether all that it builds on is learned."""
        return all(each.pk in self.learned_at for each in self.builds_on[concept.pk])

    @cached_property
    def next(self) -> Concept | None:
        """The first open concept on the shortest way; when the goal is reached, the first of what is left."""
        return next((each for each in [*self.shortest, *self.left] if self.is_open(each)), None)

    @property
    def is_next_needed(self) -> bool:
        """Whether it leads to the goal by the links themselves; nothing does once that is learned."""
        return self.next is not None and self.next.pk in self.leading and not self.learned_at.keys() >= self.goal

    @property
    def next_builds_on(self) -> Sequence[Concept]:
        return self.builds_on[self.next.pk] if self.next else ()

    @property
    def next_names(self) -> str:
        return listed(each.name for each in self.next_builds_on)

    @cached_property
    def next_opens(self) -> list[Concept]:
        """What builds directly on the next concept."""
        if self.next is None:
            return []
        return [each for each in self.left if any(one.pk == self.next.pk for one in self.builds_on[each.pk])]

    @property
    def hours_left(self) -> float:
        return sum(each.hours for each in self.left)

    @property
    def shortest_hours(self) -> float:
        return sum(each.hours for each in self.shortest)

    @property
    def _days_left(self) -> float:
        """At this pace."""
        pace = self.pace.hours_per_week
        return math.ceil(self.hours_left / pace * 7) if pace > 0 else math.inf

    @property
    def done_on(self) -> date | None:
        """At this pace; None where there is nothing left, or it lies further off than anybody can say."""
        return self.today + timedelta(days=self._days_left) if self.left and self._days_left <= LONGEST.days else None

    @property
    def is_late(self) -> bool:
        """Against the deadline; also where it lies too far off for a day to be named."""
        return bool(self.left) and self.deadline is not None and self._days_left > (self.deadline - self.today).days

    @property
    def days_late(self) -> int:
        """Against the deadline; negative where there is time to spare, 0 where no day can be named."""
        return (self.done_on - self.deadline).days if self.deadline and self.done_on else 0

    @property
    def hours_needed(self) -> int | None:
        """A week, to be done on the deadline; None where it is over or no week has so many hours."""
        if self.deadline is None or self.deadline <= self.today:
            return None
        hours = math.ceil(self.hours_left * 7 / (self.deadline - self.today).days)
        return hours if hours <= 7 * 24 else None


def pace_of(concepts: Sequence[Concept], learned_at: Mapping[int, datetime], *, planned: float, now: datetime) -> Pace:
    """Measured where enough was learned lately: hours of what came after the first of it, by the weeks since."""
    moments = ((learned_at[each.pk], each.pk, each.hours) for each in concepts if each.pk in learned_at)
    lately = sorted(each for each in moments if now - each[0] <= LATELY)
    if len(lately) < ENOUGH_CONCEPTS or now - lately[0][0] < ENOUGH_TIME:
        return Pace(planned)
    hours = sum(each for _, _, each in lately[1:])
    return Pace(hours / ((now - lately[0][0]) / timedelta(days=7)), is_measured=True)
