"""How large will a roadmap become, how long will it take to write, and what will that cost?

By what was made here lately with the same provider, where there is enough of it; else by assumptions, and said so.
"""

import math
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from django.conf import settings
from django.db.models import Count

from roadmap_project.connection_budget import Service
from roadmap_project.llm import GIVEN_UP, prices
from roadmap_project.llm.reasons import OF_THE_LIBRARY
from roadmaps.models import ModelCall, Roadmap

ENOUGH_ROADMAPS, LOOKED_AT_ROADMAPS = 3, 20
ENOUGH_CALLS, LOOKED_AT_CALLS = 5, 500  # of each purpose; of all
SIZES = {"library": (8, 30), "openai": (25, 32)}  # concepts
DESIGNING, WRITING = ("goal_analysis", "outline", "review"), ("tutorial", "resources", "quiz")


@dataclass(frozen=True)
class Usual:
    """What one answer usually takes, with the calls that came to nothing."""

    input_tokens: float
    output_tokens: float
    seconds: float


ASSUMED = {
    "goal_analysis": Usual(700, 500, 8),
    "outline": Usual(1_500, 5_000, 60),
    "review": Usual(4_500, 1_200, 20),
    "tutorial": Usual(1_000, 2_500, 40),
    "resources": Usual(700, 900, 20),
    "quiz": Usual(700, 1_800, 30),
}
ASSUMED_OF_CHANGES = {"edit_plan": Usual(5_000, 500, 10), "edited_outline": Usual(6_000, 5_500, 60)}
IN_THE_LIBRARY = Usual(0, 0, 0.05)


@dataclass(frozen=True)
class Estimate:
    """Sizes and costs as a least and a most."""

    concepts: tuple[int, int]
    is_size_known: bool  # from roadmaps made here
    design_minutes: int
    writing_minutes: int
    tokens: tuple[int, int]  # in thousands, rounded up
    cost: tuple[float, float]  # US dollars
    models: tuple[str, ...]
    is_price_known: bool  # else the cost is at prices of another model
    is_measured: bool  # time and tokens, all of them, by calls made here

    @property
    def pieces(self) -> tuple[int, int]:
        return self.concepts[0] * len(WRITING), self.concepts[1] * len(WRITING)

    @property
    def minutes(self) -> int:
        return self.design_minutes + self.writing_minutes


def estimate(*, service: Service) -> Estimate:
    """For one roadmap while nobody else's is being made: the service's slots are its own. At most three queries."""
    provider = settings.LLM_PROVIDER
    concepts, is_size_known = _concepts(provider)
    usual = _measured(provider) if provider != "library" else {}
    taken = {each: usual.get(each, _assumed(provider, each)) for each in ASSUMED}
    design = sum(taken[each].seconds for each in DESIGNING)
    slots = service.replicas * service.processes * service.in_flight
    at_once = max(1, min(slots, settings.LLM_MAX_IN_FLIGHT or slots))
    rounds = math.ceil(concepts[1] * len(WRITING) / at_once)
    writing = rounds * max(taken[each].seconds for each in WRITING)
    models = tuple(dict.fromkeys(prices.model_of(each) for each in ASSUMED))
    return Estimate(
        concepts,
        is_size_known,
        _minutes(design),
        _minutes(writing),
        (_thousands(taken, concepts[0]), _thousands(taken, concepts[1])),
        (_cost(taken, concepts[0]), _cost(taken, concepts[1])),
        models,
        is_price_known=prices.counted_at_anothers().keys().isdisjoint(ASSUMED),
        is_measured=set(ASSUMED) <= set(usual),
    )


@dataclass(frozen=True)
class Price:
    """What a click usually costs."""

    dollars: float
    tokens: int  # in thousands, rounded up
    is_known: bool  # else the dollars are at prices of another model

    @property
    def is_below_a_cent(self) -> bool:
        return self.dollars < 0.01


A_CHANGE = {"edit_plan": 1, "edited_outline": 1, "review": 1}


def answers_for(concepts: int) -> dict[str, int]:
    """The answers that it takes to write everything."""
    return dict.fromkeys(WRITING, concepts)


def prices_of(*clicks: Mapping[str, int]) -> list[Price | None]:
    """Of each click, by the answers of each purpose that it asks for; None where they cost nothing. One query."""
    provider = settings.LLM_PROVIDER
    if provider == "library":
        return [None for _ in clicks]
    usual, at_anothers = _measured(provider), prices.counted_at_anothers()
    return [_price(answers, usual, is_known=at_anothers.keys().isdisjoint(answers)) for answers in clicks]


def _price(answers: Mapping[str, int], usual: Mapping[str, Usual], *, is_known: bool) -> Price:
    taken = [(usual.get(each, _assumed("", each)), each, number) for each, number in answers.items()]
    tokens = sum(number * (each.input_tokens + each.output_tokens) for each, _, number in taken)
    dollars = sum(number * _dollars(purpose, each) for each, purpose, number in taken)
    return Price(dollars, math.ceil(tokens / 1_000), is_known)


def cost_of(answers: Mapping[str, int]) -> float:
    """What so many answers of each purpose usually cost, in US dollars. At most one query, none without answers."""
    if not any(answers.values()):
        return 0.0
    provider = settings.LLM_PROVIDER
    usual = _measured(provider) if provider != "library" else {}
    return sum(
        number * _dollars(purpose, usual.get(purpose, _assumed(provider, purpose)))
        for purpose, number in answers.items()
    )


def assumed_cost_of(purpose: str) -> float:
    """Of one call about which nothing was told, in US dollars; uses no database."""
    return _dollars(purpose, _assumed("", purpose))


def _assumed(provider: str, purpose: str) -> Usual:
    return IN_THE_LIBRARY if provider == "library" else (ASSUMED | ASSUMED_OF_CHANGES)[purpose]


def _minutes(seconds: float) -> int:
    return max(1, math.ceil(seconds / 60))


def _thousands(taken: dict[str, Usual], concepts: int) -> int:
    tokens = sum(
        _answers(purpose, concepts) * (usual.input_tokens + usual.output_tokens) for purpose, usual in taken.items()
    )
    return math.ceil(tokens / 1_000)


def _cost(taken: dict[str, Usual], concepts: int) -> float:
    return sum(_answers(purpose, concepts) * _dollars(purpose, usual) for purpose, usual in taken.items())


def _answers(purpose: str, concepts: int) -> int:
    return concepts if purpose in WRITING else 1


def _dollars(purpose: str, usual: Usual) -> float:
    return prices.dollars(purpose, input_tokens=usual.input_tokens, output_tokens=usual.output_tokens)


def _concepts(provider: str) -> tuple[tuple[int, int], bool]:
    """The smallest and largest of the latest roadmaps here, of which a tenth at each end does not count."""
    made = Roadmap.objects.exclude(origin="")
    of_library = made.filter(origin__in=OF_THE_LIBRARY)
    mine = of_library if provider == "library" else made.exclude(origin__in=OF_THE_LIBRARY)
    latest = mine.filter(state__in=(Roadmap.State.READY, Roadmap.State.PARTLY_READY)).order_by("-pk")
    ids = list(latest.values_list("pk", flat=True)[:LOOKED_AT_ROADMAPS])
    if len(ids) < ENOUGH_ROADMAPS:
        return SIZES[provider], False
    counted = Roadmap.objects.filter(pk__in=ids).order_by().annotate(number=Count("concepts"))
    sizes = sorted(counted.values_list("number", flat=True))
    aside = len(sizes) // 10
    return (sizes[aside], sizes[-1 - aside]), True


def _measured(provider: str) -> dict[str, Usual]:
    """By purpose, of the current model's latest calls; what failed is paid for by what came of it."""
    # Whoever answered: an index has them in this order.
    calls = ModelCall.objects.exclude(outcome=GIVEN_UP).order_by("-created_at")
    fields = ("provider", "purpose", "model", "outcome", "input_tokens", "output_tokens", "latency")
    by_purpose = defaultdict(list)
    for of, purpose, model, *rest in calls.values_list(*fields)[:LOOKED_AT_CALLS]:
        if of == provider and _is_of(model, prices.model_of(purpose)):
            by_purpose[purpose].append(rest)
    measured = {}
    for purpose, rows in by_purpose.items():
        answers = sum(outcome == "ok" for outcome, *_rest in rows)
        if answers >= ENOUGH_CALLS or (answers and purpose in DESIGNING):
            sums = [sum(row[place] for row in rows) / answers for place in (1, 2, 3)]
            if provider == "library" or sums[0] + sums[1]:  # else the endpoint tells no tokens
                measured[purpose] = Usual(*sums)
    return measured


def _is_of(model: str, asked_for: str) -> bool:
    """Endpoints answer with the date of what they were asked for: gpt-4o-mini-2024-07-18. A failed call has no name."""
    return not model or bool(re.fullmatch(rf"{re.escape(asked_for)}(-[0-9][-0-9]*)?", model))
