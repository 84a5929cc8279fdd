"""What an operator sees of queues, steps, failures, providers and costs, and that it stays cheap."""

import itertools
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_q.models import OrmQ

from roadmap_project import health
from roadmaps import watching
from roadmaps.models import ModelCall, ProviderPause, Step
from roadmaps.templatetags.ages import age
from tests.factories import make_call, make_step, make_user, make_written_roadmap

pytestmark = pytest.mark.django_db

ADDRESS = "/admin/roadmap_project/connectionsample/"
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def report() -> watching.Report:
    found = watching.report({"content": {"seconds_since_pick_up": 3.0, "seconds_since_sweep": 40.0}})
    assert found is not None
    return found


def queue(name: str) -> watching.Queue:
    return next(each for each in report().queues if each.name == name)


def seconds(duration: timedelta | None) -> int:
    return -1 if duration is None else round(duration.total_seconds())


def set_times(step: Step, **times: object) -> None:
    Step.objects.filter(pk=step.pk).update(**times)


def test_a_queue_has_depth_oldest_and_what_runs_in_it():
    roadmap = make_written_roadmap(concepts=2, steps=Step.State.WAITING)
    steps = list(Step.objects.order_by("pk"))
    set_times(steps[0], asked_at=timezone.now() - 90 * MINUTE)
    set_times(steps[1], not_before=timezone.now() + HOUR)
    set_times(steps[2], not_before=timezone.now() - HOUR)  # due again
    set_times(steps[5], state="running", lease_token="0" * 32, lease_expires_at=timezone.now(), worker="host:1",
              started_at=timezone.now() - 2 * MINUTE)  # fmt: skip
    make_step(roadmap=roadmap, kind=Step.Kind.PLAN)
    OrmQ.objects.create(key="content", payload="", lock=timezone.now() - MINUTE)
    OrmQ.objects.create(key="content", payload="", lock=timezone.now() + HOUR)  # picked up already

    content = queue("content")

    assert (content.waiting, content.later, content.running, content.workers, content.wake_ups) == (5, 1, 1, 1, 1)
    assert abs(seconds(content.oldest) - 5400) < 60
    assert abs(seconds(content.oldest_running) - 120) < 60
    assert (content.seconds_since_pick_up, content.seconds_since_sweep) == (3.0, 40.0)
    assert (queue("workflow").waiting, queue("workflow").seconds_since_pick_up) == (1, None)
    assert (queue("logs").waiting, queue("logs").oldest) == (0, None)


def test_what_is_started_over_has_waited_since_then_and_not_since_it_was_created():
    make_written_roadmap(concepts=1, steps=Step.State.FAILED)
    Step.objects.update(asked_at=timezone.now() - 30 * DAY)

    Step.objects.filter(kind="quiz").start_over()

    assert seconds(queue("content").oldest) < 60


def test_a_long_queue_is_not_counted_to_its_end(monkeypatch):
    make_written_roadmap(concepts=4, steps=Step.State.WAITING)
    monkeypatch.setattr(watching, "MOST_COUNTED", 10)

    assert queue("content").waiting == 11
    assert queue("content").was_not_counted_to_its_end


def test_the_longest_running_steps_come_first_and_no_more_than_a_page_of_them(monkeypatch):
    make_written_roadmap(concepts=2, steps=Step.State.RUNNING)
    for number, step in enumerate(Step.objects.order_by("pk")):
        set_times(step, started_at=timezone.now() - number * MINUTE)
    monkeypatch.setattr(watching, "MOST_RUNNING", 3)

    running = report().running

    assert [round(seconds(step.age) / 60) for step in running] == [5, 4, 3]


def test_failures_of_the_last_day_are_grouped_by_reason_rewrites_included():
    make_written_roadmap(concepts=2, steps=Step.State.DONE)
    steps = list(Step.objects.order_by("pk"))
    for step in steps[:3]:
        set_times(step, state="failed", last_error="HTTP 401: no such key", finished_at=timezone.now() - HOUR)
    set_times(steps[3], last_error="the answer was cut", finished_at=timezone.now() - MINUTE)  # a rewrite that failed
    set_times(steps[4], state="failed", last_error="long ago", finished_at=timezone.now() - 25 * HOUR)
    set_times(steps[5], state="waiting", last_error="HTTP 500", finished_at=None)  # put back: not failed yet

    found = report()

    assert [(each.text, each.count) for each in found.reasons] == [
        ("HTTP 401: no such key", 3),
        ("the answer was cut", 1),
    ]
    assert found.reasons[0].kinds == ["Quiz", "Resources", "Tutorial"]
    assert found.failures == 4


def test_calls_are_summed_by_day_and_purpose_today_first(time_machine):
    time_machine.move_to(datetime(2026, 3, 10, 15, tzinfo=UTC))
    make_call(input_tokens=100, output_tokens=200, cost="0.5")
    make_call(input_tokens=10, outcome="invalid", cost="0.25")
    make_call(purpose="quiz", cost="0.1")
    make_call(ago=16 * HOUR, cost="2")  # yesterday, 23:00
    make_call(ago=8 * DAY, cost="9")

    today, yesterday = report().days

    assert [(each.purpose, each.calls, each.failed, each.cost) for each in today.purposes] == [
        ("tutorial", 2, 1, Decimal("0.75")),
        ("quiz", 1, 0, Decimal("0.1")),
    ]
    assert (today.together.calls, today.together.input_tokens, today.together.cost) == (3, 110, Decimal("0.85"))
    assert (f"{yesterday.on:%d}", yesterday.together.cost) == ("09", Decimal(2))


@pytest.mark.parametrize(("most", "cost", "said"), [
    (50, "49.99", "$49.99 of $50 that a day may cost</summary>"),
    (2.5, "2.5", "no model is called until tomorrow"),
    (0, "90", "$90.00</summary>"),
])  # fmt: skip
def test_todays_cost_stands_beside_what_a_day_may_cost(operator, settings, most, cost, said):
    settings.MAX_COST_TOTAL = most
    make_call(cost=cost)
    make_call(cost="60", ago=DAY)

    html = operator.get(ADDRESS).content.decode()

    assert said in html
    assert "$60.00</summary>" in html


def test_days_reach_as_far_back_as_the_latest_calls_that_are_summed_and_say_where_they_end(monkeypatch, operator):
    monkeypatch.setattr(watching, "MOST_SUMMED", 3)
    for days in (0, 1, 1, 2):
        make_call(ago=days * DAY)

    today, yesterday = report().days
    html = operator.get(ADDRESS).content.decode()

    assert (today.together.calls, today.is_whole) == (1, True)
    assert (yesterday.together.calls, yesterday.is_whole) == (2, False)
    assert "at least 2 calls" in html
    assert "Only the latest 3 calls are summed." in html


def test_a_providers_health_is_of_the_last_hour_with_limits_apart_and_latencies_of_answers_alone():
    for latency in range(1, 101):
        make_call(latency=latency)
    for _ in range(3):
        make_call(outcome="rate_limited", latency=0.01)
    make_call(outcome="timeout", latency=90)
    make_call(ago=2 * HOUR, latency=1000)
    make_call(provider="library", model="", latency=0.001)

    openai, library = report().health

    assert (openai.provider, openai.calls, openai.ok, openai.limited, openai.failed) == ("openai", 104, 100, 3, 1)
    assert (openai.p50, openai.p95) == (50.5, pytest.approx(95.05))
    assert (library.provider, library.calls, library.p50) == ("library", 1, 0.001)


def test_only_pauses_that_last_are_shown():
    ProviderPause.objects.create(provider="openai", until=timezone.now() + MINUTE, reason="HTTP 429")
    ProviderPause.objects.create(provider="library", until=timezone.now() - MINUTE)

    assert [pause.provider for pause in report().pauses] == ["openai"]


@pytest.mark.parametrize(
    ("duration", "text"),
    [(None, "–"), (0, "0 s"), (-0.2, "0 s"), (119, "119 s"), (120, "2 min"), (45 * MINUTE, "45 min"), (90 * MINUTE,
     "90 min"), (47 * HOUR, "47 h"), (3 * DAY, "3 d")],
)  # fmt: skip
def test_ages_are_said_in_the_largest_unit_of_which_there_are_two(duration, text):
    assert age(duration) == text


@pytest.fixture
def operator(client):
    health.forget()
    user = make_user(is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_connectionsample"))
    client.force_login(user)
    yield client
    health.forget()


def test_the_page_shows_it_all_and_links_only_where_the_person_may_go(operator):
    make_written_roadmap(concepts=1, steps=Step.State.RUNNING)
    set_times(Step.objects.get(kind="quiz"), state="failed", finished_at=timezone.now(), last_error="<b>HTTP 401</b>")
    make_call(cost="0.1234")
    ProviderPause.objects.create(provider="openai", until=timezone.now() + MINUTE, reason="HTTP 429")

    html = operator.get(ADDRESS).content.decode()

    for text in ("Queues and their clusters", "&lt;b&gt;HTTP 401&lt;/b&gt;", "openai is paused until", "$0.1234"):
        assert text in html
    assert "/admin/roadmaps/step/" not in html
    assert "style=" not in html


def test_while_the_database_takes_too_long_the_page_says_so_and_stands(operator, monkeypatch):
    monkeypatch.setattr(watching, "QUEUES", "SELECT pg_sleep(5)")
    monkeypatch.setattr(watching, "STATEMENT_TIMEOUT", "20ms")
    assert watching.report({}) is None  # before the page, whose look at the connections sets a bound of its own

    page = operator.get(ADDRESS)

    assert page.status_code == 200
    assert page.context["work"] is None
    assert "The database took too long to tell" in page.content.decode()


def make_many(*, calls: int) -> None:
    """So many old steps and calls that reading them all would be seen in a plan."""
    roadmap = make_written_roadmap(concepts=1, steps=Step.State.DONE)
    template = Step.objects.get(kind="tutorial")
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO roadmaps_modelcall (key, purpose, provider, model, outcome, input_tokens, output_tokens, cost,"
            " latency, attempt, error, created_at) SELECT gen_random_uuid(), 'tutorial', 'openai', 'gpt', 'ok', 9, 9,"
            " 0.01, 1, 1, '', now() - n * interval '15 minutes' FROM generate_series(1, %s) AS n",
            [calls],
        )
        columns = ", ".join(
            f.column for f in Step._meta.concrete_fields if f.name not in ("id", "concept", "state", "finished_at")
        )
        cursor.execute(
            f"INSERT INTO roadmaps_step ({columns}, state, finished_at) SELECT {columns}, 'cancelled',"
            f" now() - n * interval '15 minutes' FROM roadmaps_step, generate_series(1, %s) AS n WHERE id = %s",
            [calls, template.pk],
        )
        cursor.execute("ANALYZE roadmaps_modelcall, roadmaps_step")
    assert roadmap.steps.count() > calls


def nodes(plan: dict) -> itertools.chain:
    return itertools.chain([plan], *(nodes(each) for each in plan.get("Plans", [])))


def test_no_query_reads_a_table_through_however_many_rows_it_has():
    make_many(calls=20_000)

    with CaptureQueriesContext(connection) as queries:
        report()

    asked = [query["sql"] for query in queries if query["sql"].lstrip().startswith("SELECT")]
    assert 6 < len(asked) <= 8  # with or without schedules
    for query in asked:
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN (FORMAT JSON) {query}")
            answer = cursor.fetchone()[0]
        plan = (json.loads(answer) if isinstance(answer, str) else answer)[0]["Plan"]
        read_through = {
            node["Relation Name"]
            for node in nodes(plan)
            if node["Node Type"] == "Seq Scan" and node["Relation Name"] in (Step._meta.db_table, "roadmaps_modelcall")
        }
        assert not read_through, query
    assert ModelCall.objects.count() == 20_000
