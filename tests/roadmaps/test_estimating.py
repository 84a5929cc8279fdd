"""What one is told before starting: by what was made here where there is enough of it, else by assumptions."""

import re
from decimal import Decimal

import pytest
from django.conf import settings
from django.urls import reverse

from roadmap_project.connection_budget import Service
from roadmap_project.llm.asking import CallRecord
from roadmap_project.llm.library import LibraryProvider
from roadmaps import estimating
from roadmaps.models import ModelCall, Roadmap
from roadmaps.steps import recording
from tests.factories import (
    make_quiz,
    make_resources,
    make_roadmap,
    make_roadmap_in_review,
    make_tree,
    make_tutorial,
    make_written_roadmap,
)

pytestmark = pytest.mark.django_db

PURPOSES = settings.LLM_PURPOSES
CONTENT = Service("content", processes=2, threads=1, replicas=1, processes_variable="CONTENT_WORKERS", in_flight=8)


@pytest.fixture
def _model(settings):
    settings.LLM_PROVIDER, settings.OPENAI_MODEL = "openai", "some-model"
    settings.LLM_PRICE_INPUT, settings.LLM_PRICE_OUTPUT, settings.LLM_PRICES_BY_PURPOSE = 1, 10, {}
    settings.LLM_MAX_IN_FLIGHT = 0


def make_calls(*, purpose: str, count: int, outcome: str = "ok", model: str = "some-model") -> None:
    for _ in range(count):
        ModelCall.objects.create(
            purpose=purpose, provider="openai", model=model, outcome=outcome, input_tokens=1000, output_tokens=100,
            latency=90,
        )  # fmt: skip


def made(*, concepts: int, origin: str) -> None:
    make_tree(roadmap=make_roadmap(origin=origin, state=Roadmap.State.READY), concepts=concepts)


@pytest.mark.usefixtures("_model")
def test_without_a_past_everything_is_assumed_and_said_so():
    expected = estimating.estimate(service=CONTENT)

    assert (expected.concepts, expected.pieces) == ((25, 32), (75, 96))
    assert not expected.is_size_known
    assert not expected.is_measured
    once, each = 6_700 + 10 * 6_700, 2_400 + 10 * 5_200  # tokens at 1 and 10 dollars a million
    assert expected.cost == pytest.approx(((once + 25 * each) / 1e6, (once + 32 * each) / 1e6))
    assert (expected.design_minutes, expected.writing_minutes) == (2, 4)  # 88 s; six rounds of 40 s


@pytest.mark.usefixtures("_model")
def test_a_purpose_with_prices_of_its_own_is_estimated_at_them(settings):
    settings.LLM_PRICES_BY_PURPOSE = {"tutorial": (3, 15), "outline": (2, 20)}

    expected = estimating.estimate(service=CONTENT)

    once = 2 * 1_500 + 20 * 5_000 + 1 * 5_200 + 10 * 1_700
    each = 3 * 1_000 + 15 * 2_500 + 1 * 1_400 + 10 * 2_700
    assert expected.cost == pytest.approx(((once + 25 * each) / 1e6, (once + 32 * each) / 1e6))
    assert estimating.cost_of({"tutorial": 2, "quiz": 1}) == pytest.approx(
        (2 * (3 * 1_000 + 15 * 2_500) + 1 * 700 + 10 * 1_800) / 1e6
    )


@pytest.mark.parametrize(("purpose", "cost"), [("tutorial", "0.018"), ("quiz", "0.011")])
@pytest.mark.usefixtures("_model")
def test_a_call_is_counted_at_its_purposes_prices_else_at_those_of_all(settings, purpose, cost):
    settings.LLM_PRICES_BY_PURPOSE = {"tutorial": (3, 15)}

    call = CallRecord(purpose, "openai", "some-model", "ok", 1, input_tokens=1_000, output_tokens=1_000)

    assert recording.cost_of(call) == Decimal(cost)


@pytest.mark.usefixtures("_model")
def test_what_this_model_took_lately_counts_with_its_failures_and_no_others():
    for purpose in estimating.ASSUMED:
        make_calls(purpose=purpose, count=5, model="some-model-2024-07-18")  # as endpoints call it
        make_calls(purpose=purpose, count=4, outcome="invalid")  # paid for as well: each answer took two calls
        make_calls(purpose=purpose, count=1, outcome="timeout", model="")
        make_calls(purpose=purpose, count=90, outcome="given_up", model="")  # by a deploy
        make_calls(purpose=purpose, count=20, model="some-model-mini")

    expected = estimating.estimate(service=CONTENT)

    assert expected.is_measured
    each = 3 * (2_000 + 10 * 200)  # three pieces, and three calls before them
    assert expected.cost[0] == pytest.approx(26 * each / 1e6)
    assert expected.tokens == (172, 218)
    assert expected.writing_minutes == 18  # six rounds of three minutes


@pytest.mark.usefixtures("_model")
@pytest.mark.parametrize(
    ("provider", "outcome", "purpose", "cost"),
    [
        *(("openai", outcome, "tutorial", "0.026") for outcome in sorted(recording.PAID)),
        *(("openai", outcome, "tutorial", "0") for outcome in ("rate_limited", "connection", "http_500", "error")),
        ("openai", "ok", "edited_outline", "0.061"),
        ("library", "ok", "tutorial", "0"),
    ],
)
def test_a_call_about_which_no_tokens_are_told_costs_what_is_assumed_where_a_model_worked(
    provider, outcome, purpose, cost
):
    assert recording.cost_of(CallRecord(purpose, provider, "some-model", outcome, 1)) == Decimal(cost)


@pytest.mark.usefixtures("_model")
def test_calls_whose_endpoint_tells_no_tokens_measure_nothing():
    for purpose in estimating.ASSUMED:
        make_calls(purpose=purpose, count=5)
    ModelCall.objects.filter(purpose="tutorial").update(input_tokens=0, output_tokens=0)

    expected = estimating.estimate(service=CONTENT)

    assert not expected.is_measured
    assert estimating.cost_of({"tutorial": 1}) == pytest.approx(0.026)


@pytest.mark.usefixtures("_model")
def test_too_few_calls_say_nothing():
    for purpose in estimating.ASSUMED:
        make_calls(purpose=purpose, count=4 if purpose == "tutorial" else 5)

    assert not estimating.estimate(service=CONTENT).is_measured


@pytest.mark.parametrize(
    ("is_known", "differing"),
    [
        (True, {}),
        (True, {"OPENAI_BASE_URL": "https://api.openai.com/v1"}),
        (True, {"OPENAI_MODEL": "other", "LLM_PRICES_ARE_SET": True}),
        (False, {"OPENAI_MODEL": "other"}),
        (False, {"OPENAI_BASE_URL": "https://elsewhere.example/v1"}),
        (False, {"OPENAI_MODEL_BY_PURPOSE": {"quiz": "other"}}),
        (False, {"OPENAI_MODEL_BY_PURPOSE": {"quiz": "other"}, "LLM_PRICES_ARE_SET": True}),
        (True, {"OPENAI_MODEL_BY_PURPOSE": {"quiz": "other"}, "LLM_PRICES_BY_PURPOSE": {"quiz": (1, 2)}}),
        (True, {"OPENAI_MODEL_BY_PURPOSE": dict.fromkeys(PURPOSES, "other"), "LLM_PRICES_ARE_SET": True}),
        (False, {"OPENAI_MODEL_BY_PURPOSE": dict.fromkeys(PURPOSES, "other")}),
    ],
)
def test_the_built_in_prices_are_one_models_at_its_own_address(settings, is_known, differing):
    settings.LLM_PROVIDER, settings.OPENAI_MODEL, settings.OPENAI_BASE_URL = "openai", settings.PRICED_MODEL, ""
    settings.LLM_PRICES_ARE_SET, settings.OPENAI_MODEL_BY_PURPOSE, settings.LLM_PRICES_BY_PURPOSE = False, {}, {}
    for name, value in differing.items():
        setattr(settings, name, value)

    assert estimating.estimate(service=CONTENT).is_price_known is is_known


def test_the_size_is_that_of_the_latest_roadmaps_of_the_same_provider(settings):
    settings.LLM_PROVIDER = "library"
    for concepts in (9, 11):
        made(concepts=concepts, origin=LibraryProvider.origin)
    assert estimating.estimate(service=CONTENT).concepts == (8, 30)
    made(concepts=12, origin=LibraryProvider.origin)
    made(concepts=20, origin="some-model")

    expected = estimating.estimate(service=CONTENT)

    assert (expected.concepts, expected.is_size_known, expected.cost) == ((9, 12), True, (0, 0))


@pytest.mark.usefixtures("_model")
def test_an_installation_that_calls_one_at_a_time_takes_longer(settings):
    settings.LLM_MAX_IN_FLIGHT = 1

    assert estimating.estimate(service=CONTENT).writing_minutes == 64


@pytest.mark.usefixtures("_model")
def test_it_costs_at_most_three_queries(django_assert_max_num_queries):
    make_calls(purpose="tutorial", count=5)
    for _ in range(3):
        made(concepts=2, origin="some-model")

    with django_assert_max_num_queries(3):
        estimating.estimate(service=CONTENT)


@pytest.fixture
def clicks(client, person, settings):
    """What stands at the buttons of an outline of three concepts, and of a concept whose pieces are written."""
    settings.LLM_PRICES_ARE_SET, settings.OPENAI_MODEL_BY_PURPOSE = True, {}
    client.force_login(person)
    in_review = make_roadmap_in_review(owner=person)
    concept = make_written_roadmap(owner=person).concepts.first()
    make_tutorial(concept=concept)
    make_resources(concept=concept)
    make_quiz(concept=concept)

    def shown() -> list[str]:
        pages = [in_review.get_absolute_url(), reverse("content:concept", args=[concept.roadmap.slug, concept.key])]
        found = (client.get(page).content.decode() for page in pages)
        return [words for page in found for words in re.findall(r'<p class="hint">((?:Costs|Takes) .*?)</p>', page)]

    return shown


@pytest.mark.usefixtures("_model")
def test_what_a_click_costs_stands_at_its_button(clicks, settings):
    assert clicks() == [
        "Costs about 0.16 US dollars.",  # approve
        "Costs about 0.09 US dollars.",  # ask for changes
        "Costs about 0.03 US dollars.",  # the tutorial again
        "Costs less than a US cent.",  # the resources
        "Costs about 0.02 US dollars.",  # the quiz
    ]
    make_calls(purpose="quiz", count=5)  # which took 1,000 and 100 tokens
    assert clicks()[-1] == "Costs less than a US cent."

    settings.OPENAI_MODEL_BY_PURPOSE = {"tutorial": "another-model"}  # whose price nobody told

    told = "Takes about {} tokens, whose price is not known here."
    assert [clicks()[place] for place in (0, 1, 2)] == [
        told.format("19,000"), "Costs about 0.09 US dollars.", told.format("4,000"),
    ]  # fmt: skip


def test_where_the_library_answers_no_click_costs_anything(clicks, settings):
    settings.LLM_PROVIDER = "library"

    assert clicks() == []
