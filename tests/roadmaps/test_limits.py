"""How many roadmaps are made at once, for one person and for all, and what a day's model calls may cost."""

import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine
from django.db import connection
from django.urls import reverse
from django_q.models import OrmQ

from roadmap_project.llm.asking import AskingFailedError, CallRecord
from roadmaps import deciding, limits, starting
from roadmaps.deciding import RefusedError
from roadmaps.models import ModelCall, ProviderPause, Roadmap, Step
from roadmaps.steps import claiming, draining, storing, sweeping
from roadmaps.steps.calling import Finished
from tests.factories import make_roadmap, make_roadmap_in_review, make_step, make_user, make_written_roadmap
from tests.roadmaps.test_backlog import limited

pytestmark = pytest.mark.django_db

NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)
OWN = "2 of your roadmaps are being made already. Wait for one, or cancel one."
ALL = "3 roadmaps are being made for others already. Please try again in a few minutes."
COST = "The model calls for you have cost 1 US dollars today, which is the limit. It goes on tomorrow (from 00:00 UTC)."
COST_OF_ALL = (
    "Today's limit for the cost of model calls is reached, for everybody. It goes on tomorrow (from 00:00 UTC)."
)


@pytest.fixture(autouse=True)
def _limits(settings):
    settings.MAX_ACTIVE_ROADMAPS, settings.MAX_ACTIVE_ROADMAPS_TOTAL = 2, 3
    settings.MAX_COST_PER_PERSON, settings.MAX_COST_TOTAL = 1.0, 3.0


def make_active(owner, count: int = 1) -> None:
    for _ in range(count):
        make_roadmap(owner=owner, state=Roadmap.State.WRITING)


def make_call(*, owner=None, cost: str = "1.00", roadmap: Roadmap | None = None) -> ModelCall:
    roadmap = roadmap or make_roadmap(owner=owner, state=Roadmap.State.READY)
    return ModelCall.objects.create(
        roadmap=roadmap, purpose="tutorial", provider="openai", outcome="ok", cost=Decimal(cost), latency=1
    )


def start(owner) -> Roadmap:
    return starting.start(owner=owner, goal="Learn chess")


def approve(owner) -> Roadmap:
    return deciding.approve(make_roadmap_in_review(owner=owner).pk)


def retry_writing(owner) -> Roadmap:
    made = make_written_roadmap(owner=owner, state=Roadmap.State.PARTLY_READY, steps=Step.State.FAILED)
    return deciding.retry(made.pk)


def retry_designing(owner) -> Roadmap:
    roadmap = make_roadmap(owner=owner, state=Roadmap.State.FAILED)
    make_step(roadmap=roadmap, state=Step.State.FAILED)
    return deciding.retry(roadmap.pk)


def request_changes(owner):
    return deciding.request_changes(make_roadmap_in_review(owner=owner).pk, text="Less", author=owner)


def request_review(owner) -> Roadmap:
    return deciding.request_review(make_roadmap_in_review(owner=owner, is_reviewed=False).pk)


def regenerate_failed(owner) -> Step:
    made = make_written_roadmap(owner=owner, state=Roadmap.State.PARTLY_READY, steps=Step.State.FAILED)
    return deciding.regenerate(made.concepts.first(), "quiz")


def rewrite(owner) -> Step:
    return deciding.regenerate(make_written_roadmap(owner=owner).concepts.first(), "quiz")


BEGINNINGS = [start, approve, retry_writing, retry_designing, request_changes, request_review, regenerate_failed]


@pytest.mark.parametrize("begin", BEGINNINGS)
def test_G6_no_further_roadmap_is_made_above_a_persons_limit(person, begin):
    make_active(person, 2)

    with pytest.raises(RefusedError) as refused:
        begin(person)

    assert str(refused.value) == OWN
    assert Roadmap.objects.being_made().count() == 2
    assert not Step.objects.active().exists()


@pytest.mark.parametrize("begin", BEGINNINGS)
def test_G6_no_further_roadmap_is_made_above_everybodys_limit(person, begin):
    make_active(make_user(), 3)

    with pytest.raises(RefusedError) as refused:
        begin(person)

    assert str(refused.value) == ALL
    assert Roadmap.objects.being_made().count() == 3


@pytest.mark.parametrize("begin", BEGINNINGS)
def test_below_the_limits_the_last_one_is_made(person, begin):
    make_active(person, 1)
    make_active(make_user(), 1)
    make_call(owner=person, cost="0.999999")

    begin(person)

    assert Roadmap.objects.being_made().count() == 3


@pytest.mark.parametrize("begin", [*BEGINNINGS, rewrite])
def test_G6_nothing_more_is_begun_for_a_person_whose_day_has_cost_enough(person, begin):
    make_call(owner=person, cost="0.60")
    make_call(owner=person, cost="0.40")

    with pytest.raises(RefusedError) as refused:
        begin(person)

    assert str(refused.value) == COST
    assert not Step.objects.active().exists()
    begin(make_user())


@pytest.mark.parametrize("begin", [*BEGINNINGS, rewrite])
def test_G6_nothing_more_is_begun_when_everybodys_day_has_cost_enough(person, begin):
    make_call(owner=make_user(), cost="3")

    with pytest.raises(RefusedError) as refused:
        begin(person)

    assert str(refused.value) == COST_OF_ALL
    assert not Step.objects.active().exists()


def test_rewriting_a_piece_of_a_finished_roadmap_makes_no_further_roadmap(person):
    make_active(person, 2)
    make_active(make_user(), 1)

    assert rewrite(person).state == Step.State.WAITING


def test_G6_what_is_being_rewritten_counts_as_if_it_had_its_cost(person, settings):
    """Nothing was spent yet, and however many are asked for, their sum stays at the limit."""
    settings.LLM_PROVIDER, settings.LLM_PRICE_INPUT, settings.LLM_PRICE_OUTPUT = "openai", 100, 100  # a quiz: 0.25
    ready = [make_written_roadmap(owner=person, concepts=3) for _ in range(3)]
    wanted = [concept for roadmap in ready for concept in roadmap.concepts.all()]

    for concept in wanted[:4]:
        deciding.regenerate(concept, "quiz")
    for concept in wanted[4:]:
        with pytest.raises(RefusedError, match="left of today’s limit of 1 US dollars"):
            deciding.regenerate(concept, "quiz")

    assert Step.objects.active().count() == 4
    with pytest.raises(RefusedError, match="left of today’s limit"):
        start(person)
    rewrite(make_user())
    Step.objects.filter(concept=wanted[0], kind="quiz").update(state=Step.State.DONE)
    deciding.regenerate(wanted[4], "quiz")


def test_G6_what_was_spent_and_what_is_being_rewritten_are_one_sum(person, settings):
    settings.LLM_PROVIDER, settings.LLM_PRICE_INPUT, settings.LLM_PRICE_OUTPUT = "openai", 100, 100
    make_call(owner=person, cost="0.80")

    rewrite(person)

    with pytest.raises(RefusedError, match="left of today’s limit"):
        rewrite(person)


@pytest.mark.django_db(transaction=True)
def test_G6_rewrites_asked_for_at_once_see_each_other(person, settings):
    settings.LLM_PROVIDER, settings.LLM_PRICE_INPUT, settings.LLM_PRICE_OUTPUT = "openai", 400, 400  # a quiz: 1.00
    concepts = [make_written_roadmap(owner=person).concepts.first() for _ in range(4)]
    begun, refused = threading.Barrier(4), []

    def ask(concept) -> None:
        try:
            begun.wait(10)
            deciding.regenerate(concept, "quiz")
        except RefusedError as error:
            refused.append(str(error))
        finally:
            connection.close()

    threads = [threading.Thread(target=ask, args=[concept]) for concept in concepts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert len(refused) == 3
    assert Step.objects.active().count() == 1


def test_cancelling_and_retrying_is_no_way_around_the_limit(person):
    """Two are made, both cancelled, two more made: the first two cannot be taken up beside them."""
    first = [start(person) for _ in range(2)]
    for each in first:
        deciding.cancel(each.pk)
    for _ in range(2):
        start(person)

    with pytest.raises(RefusedError):
        deciding.retry(first[0].pk)
    first[0].refresh_from_db()
    assert first[0].state == Roadmap.State.CANCELLED


def test_what_costs_nothing_is_not_refused(person):
    """A second click, a retry that only shows the outline again."""
    make_active(person, 2)
    make_call(owner=person)
    active = make_roadmap(owner=person, state=Roadmap.State.WRITING)
    cancelled = make_roadmap_in_review(owner=person)
    deciding.cancel(cancelled.pk)

    assert deciding.retry(active.pk).state == Roadmap.State.WRITING
    assert deciding.retry(cancelled.pk).state == Roadmap.State.IN_REVIEW


def test_the_day_ends_at_midnight_utc(person):
    with time_machine.travel(NOON, tick=False) as now:
        make_call(owner=person)
        with pytest.raises(RefusedError):
            start(person)
        now.move_to(NOON.replace(hour=23, minute=59, second=59))
        with pytest.raises(RefusedError):
            start(person)
        now.move_to(NOON + timedelta(hours=12))
        start(person)


def test_deleting_a_roadmap_does_not_give_its_cost_back(person):
    deciding.delete(make_call(owner=person).roadmap_id)

    with pytest.raises(RefusedError):
        start(person)


def test_zero_is_no_limit(person, settings):
    settings.MAX_ACTIVE_ROADMAPS = settings.MAX_ACTIVE_ROADMAPS_TOTAL = 0
    settings.MAX_COST_PER_PERSON = settings.MAX_COST_TOTAL = 0
    make_active(person, 9)
    make_call(owner=person, cost="99")

    assert start(person).state == Roadmap.State.DESIGNING


@pytest.mark.parametrize("name", ["new", "approve", "retry", "request_changes", "regenerate"])
def test_G6_the_page_says_why(client, person, name):
    client.force_login(person)
    make_call(owner=person)
    roadmap = make_roadmap_in_review(owner=person) if name in ("approve", "request_changes") else None
    roadmap = roadmap or make_written_roadmap(owner=person, state=Roadmap.State.PARTLY_READY, steps="failed")
    paths = {
        "new": "/new/",
        "regenerate": reverse("content:regenerate", args=[roadmap.slug, "c-1-1-1", "quiz"]),
    }
    wishes = {"goal": "Chess", "level": "beginner", "hours_per_week": "6", "preference": "any", "language": "en"}
    path = paths.get(name) or reverse(f"roadmaps:{name}", args=[roadmap.slug])

    page = client.post(path, {**wishes, "text": "Less"}, follow=True)

    assert COST in page.content.decode()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("decision", ["start", "approve"])
@pytest.mark.parametrize("limit", ["own", "all"])
def test_G6_two_at_once_cannot_both_take_the_last_place(person, settings, limit, decision):
    make_active(person, 1)
    if limit == "all":
        make_active(make_user(), 1)
        settings.MAX_ACTIVE_ROADMAPS = 9
    owners = [person] * 4 if limit == "own" else [make_user() for _ in range(4)]
    reviewed = [make_roadmap_in_review(owner=owner) for owner in owners]
    begun, refused = threading.Barrier(4), []

    def begin(roadmap: Roadmap) -> None:
        try:
            begun.wait(10)
            if decision == "start":
                start(roadmap.owner)
            else:
                deciding.approve(roadmap.pk)
        except RefusedError as error:
            refused.append(str(error))
        finally:
            connection.close()

    threads = [threading.Thread(target=begin, args=[roadmap]) for roadmap in reviewed]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert refused == [OWN if limit == "own" else ALL] * 3
    assert Roadmap.objects.being_made().count() == (2 if limit == "own" else 3)


@pytest.mark.django_db(transaction=True)
def test_G6_no_model_is_called_any_more_when_everybodys_day_has_cost_enough(reviewed, stub, settings):
    """Steps wait, paid answers are kept; the next day the work goes on by itself."""
    settings.MAX_COST_TOTAL, settings.MAX_COST_PER_PERSON, settings.MAX_ACTIVE_ROADMAPS = 0.0, 0.0, 5
    settings.LLM_PRICE_INPUT = settings.LLM_PRICE_OUTPUT = 1000.0
    deciding.approve(reviewed.pk)
    settings.MAX_COST_TOTAL = 0.01

    draining.drain("content")

    done = Step.objects.content().filter(state=Step.State.DONE).count()
    waiting = Step.objects.content().waiting().count()
    pause = ProviderPause.objects.get()
    assert 0 < done < waiting + done
    assert pause.reason == COST_OF_ALL
    assert abs((pause.until - _tomorrow()).total_seconds()) < 5
    assert claiming.claim("content", 10) == []

    settings.MAX_COST_TOTAL = 0.0
    ProviderPause.objects.update(until=datetime.now(UTC))
    draining.drain("content")
    reviewed.refresh_from_db()
    assert reviewed.state == Roadmap.State.READY


@pytest.fixture
def paused_by_cost(settings):
    """Two dollars are spent, which is the limit; a piece waits."""
    settings.MAX_COST_TOTAL = 2.0
    roadmap = make_written_roadmap(state=Roadmap.State.WRITING, steps=Step.State.WAITING, concepts=1)
    make_call(roadmap=roadmap, cost="2.00")
    storing.pause_when_spent()
    sweeping.sweep("content")
    assert claiming.claim("content", 10) == []
    return ProviderPause.objects.get()


@pytest.mark.parametrize("limit", [2.01, 0.0], ids=["more", "any"])
@pytest.mark.parametrize("queue", ["content", "workflow", "logs"])
def test_a_higher_limit_of_cost_ends_its_pause_at_the_next_sweep(paused_by_cost, settings, limit, queue):
    settings.MAX_COST_TOTAL = limit

    sweeping.sweep(queue)

    assert len(claiming.claim("content", 10)) == 3


def test_the_sweep_that_ends_a_pause_of_cost_wakes_its_queue(paused_by_cost, settings):
    settings.MAX_COST_TOTAL = 0.0
    OrmQ.objects.all().delete()

    sweeping.sweep("content")

    assert OrmQ.objects.filter(key="content").exists()


def test_a_pause_of_cost_outlives_what_a_provider_asks_for_meanwhile_and_ends_as_one(paused_by_cost, settings):
    """A call that was under way is answered with 429: of the two pauses the limit's own is the longer one."""
    ProviderPause.objects.all().delete()
    (step,) = claiming.claim("content", 1)
    storing.pause_when_spent()
    storing.store([Finished(step, error=limited(retry_after=1))])
    assert Step.objects.get(pk=step.pk).last_error == "slow down"
    assert ProviderPause.objects.get().reason == COST_OF_ALL

    settings.MAX_COST_TOTAL = 0.0
    sweeping.sweep("content")

    assert not ProviderPause.objects.exists()


def test_a_provider_that_asks_for_longer_than_the_limit_has_its_own_pause(paused_by_cost, settings):
    ProviderPause.objects.all().delete()
    (step,) = claiming.claim("content", 1)
    storing.pause_when_spent()
    storing.store([Finished(step, error=limited(retry_after=172_800))])
    assert ProviderPause.objects.get().reason == "slow down"

    settings.MAX_COST_TOTAL = 0.0
    sweeping.sweep("content")

    assert ProviderPause.objects.exists()


def test_no_limit_ends_a_pause_that_a_provider_asked_for(paused_by_cost, settings):
    ProviderPause.objects.update(reason="HTTP 429")
    settings.MAX_COST_TOTAL = 0.0

    sweeping.sweep("content")

    assert claiming.claim("content", 10) == []


def _tomorrow() -> datetime:
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


@pytest.mark.django_db(transaction=True)
def test_calls_of_an_endpoint_that_tells_no_tokens_reach_the_limits_too(person, settings, admin_client):
    settings.LLM_PRICE_INPUT, settings.LLM_PRICE_OUTPUT, settings.LLM_PRICES_BY_PURPOSE = 1, 100, {}
    made_of = make_written_roadmap(owner=person, state=Roadmap.State.WRITING, steps=Step.State.WAITING, concepts=1)
    for outcome in ("timeout", "ok", "cut"):
        (step,) = claiming.claim("content", 1)
        calls = [CallRecord("tutorial", "openai", "gpt", outcome, 90.0) for _ in range(4)]
        storing.store([Finished(step, error=AskingFailedError("x", permanent=True, calls=calls))])

    assert limits.standing(person.pk).spent_today == Decimal("3.012")
    assert limits.is_spent()
    assert made_of.model_calls.count() == 12
    assert "0.251000 (assumed)" in admin_client.get("/admin/roadmaps/modelcall/").content.decode()
