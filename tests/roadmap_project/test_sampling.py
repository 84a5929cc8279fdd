"""What is counted, what a sample holds, how long it is kept, and what the plot is made of."""

from datetime import UTC, datetime, timedelta
from importlib import import_module

import psycopg
import pytest
from django.apps import apps
from django.conf import settings as django_settings
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from django.utils.module_loading import import_string
from django_q.models import Schedule

from roadmap_project import counting, process, sampling, tasks
from roadmap_project.connection_budget import CLUSTER_NAMES, ConnectionBudget
from roadmap_project.environment import Environment
from roadmap_project.live_checks import of_count
from roadmap_project.models import ConnectionSample
from roadmap_project.postgresql.base import open_connections

pytestmark = pytest.mark.django_db(transaction=True)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
BUDGET = ConnectionBudget.from_environment(Environment({}))


@pytest.fixture
def beside():
    """Open a connection that bears any label, of which our backend knows nothing."""
    opened = []

    def open_one(label: str, **parameters: str) -> None:
        mine = connection.get_connection_params()
        for ours in ("cursor_factory", "context"):
            mine.pop(ours, None)
        opened.append(psycopg.connect(**mine | {"application_name": label, **parameters}))

    yield open_one
    for each in opened:
        each.close()


def make_sample(*, at=NOON, service="web", observed=3, declared=8, limit=97, usable=72):
    return ConnectionSample.objects.create(
        sampled_at=at, service=service, observed=observed, declared=declared, limit=limit, usable=usable
    )


def test_A17_every_connection_is_counted_once_under_a_name(beside):
    for label in ("web:worker", "web:worker", "content:monitor", "release:migrate", "other:shell", "psql", ""):
        beside(label)

    seen = counting.count(BUDGET).observed

    assert {name: seen[name] for name in ("web", "logs", "content", "workflow")} == {
        "web": 2, "logs": 0, "content": 1, "workflow": 0,
    }  # fmt: skip
    assert seen["release"] == 1
    assert seen["other"] == 1 + 1  # the test's own
    assert seen["unplanned"] == 2
    assert seen["elsewhere"] == 0
    assert list(seen) == list(counting.names(BUDGET))


def test_a_client_of_another_database_takes_from_the_same_limit(beside):
    beside("web:worker", dbname="postgres")

    seen = counting.count(BUDGET).observed

    assert (seen["elsewhere"], seen["web"]) == (1, 0)


def test_a_count_brings_the_servers_own_limit(django_assert_num_queries):
    with connection.cursor() as cursor:
        cursor.execute("SHOW max_connections")
        most = int(cursor.fetchone()[0])

    with django_assert_num_queries(1):
        budget = counting.count(BUDGET).budget

    assert budget.is_live
    assert budget.max_connections == most
    assert budget.limit == most - budget.server_reserved
    assert budget.steady == BUDGET.steady


def test_behind_a_pooler_the_login_role_tells_the_service(settings):
    settings.DB_POOLER = "transaction"

    assert counting._name(BUDGET, "web:worker", "roadmaps_content") == "content"
    assert counting._name(BUDGET, "web", "ada") == "web"
    assert counting._name(BUDGET, "unplanned", "ada") == "unplanned"


def count_of(**observed):
    return counting.Count(observed={**dict.fromkeys(counting.names(BUDGET), 0), **observed}, budget=BUDGET)


@pytest.mark.parametrize(
    ("observed", "id_", "said"),
    [
        ({"web": 17}, "W007", "web holds 17 connections; 8 are declared, 16 while deploying"),
        ({"unplanned": 6}, "W009", "6 of them unplanned"),
        ({"elsewhere": 4, "other": 2}, "W009", "raise DB_OTHER_CLIENTS"),
        ({"web": 16, "logs": 14, "content": 18, "workflow": 14, "other": 16}, "W014", "headroom is in use"),
    ],
)
def test_what_an_operator_should_know_is_said(observed, id_, said):
    found = {finding.id: f"{finding.msg} {finding.hint}" for finding in of_count(count_of(**observed))}

    assert said in found[f"roadmap_project.{id_}"]


def test_a_fleet_within_its_budget_has_no_findings_while_deploying_either():
    assert not list(of_count(count_of(web=16, logs=14, content=18, workflow=14, release=1, other=3, unplanned=2)))


def test_a_sample_is_a_row_for_every_service_at_one_moment(beside):
    beside("web:worker")
    beside("psql")

    tasks.sample_connections()

    rows = {row.service: row for row in ConnectionSample.objects.all()}
    budget = django_settings.CONNECTION_BUDGET
    assert list(rows) == list(counting.names(budget))
    assert len({row.sampled_at for row in rows.values()}) == 1
    assert (rows["web"].observed, rows["web"].declared) == (1, budget.service("web").total)
    assert (rows["unplanned"].observed, rows["unplanned"].declared) == (1, 0)
    assert rows["web"].limit > rows["web"].usable > 0
    assert "web 1 of 8 at 20" in str(rows["web"])


def test_a_sample_needs_one_query_and_one_insert_on_the_processs_one_connection(monkeypatch, django_assert_num_queries):
    connection.close()
    monkeypatch.setattr(process, "current", process.Process(service="logs", kind="worker"))

    connection.ensure_connection()
    with django_assert_num_queries(2 + 2):  # and the insert's BEGIN and COMMIT
        sampling.take()

    assert open_connections() == 1  # a second one would have been refused: a cluster's process is allotted one
    connection.close()


def test_one_moment_has_one_row_of_a_service():
    make_sample()

    with pytest.raises(IntegrityError, match="one_sample_per_moment_and_service"), transaction.atomic():
        make_sample(observed=9)


def test_old_samples_are_purged(settings):
    settings.SAMPLE_RETENTION_DAYS = 2
    make_sample(at=timezone.now() - timedelta(days=2, minutes=1))
    kept = make_sample(at=timezone.now() - timedelta(days=1, hours=23))

    tasks.purge_connection_samples()

    assert list(ConnectionSample.objects.all()) == [kept]


def test_the_logs_cluster_is_told_to_sample_and_to_purge():
    migration = import_module("roadmap_project.migrations.0002_schedules")
    for _ in range(2):  # as after a test that emptied the table, and on top of itself
        migration.add(apps, None)

    schedules = {each.name: each for each in Schedule.objects.filter(name__in=migration.SCHEDULES)}

    assert {name: each.schedule_type for name, each in schedules.items()} == {
        "sample connections": Schedule.MINUTES,
        "purge connection samples": Schedule.DAILY,
    }
    assert schedules["sample connections"].minutes == 1
    for each in schedules.values():
        assert callable(import_string(each.func))
        assert each.cluster in CLUSTER_NAMES
        assert each.repeats == -1

    migration.remove(apps, None)
    assert not Schedule.objects.filter(name__in=migration.SCHEDULES).exists()


def test_the_plot_shows_the_largest_count_of_each_step(django_assert_num_queries):
    for seconds, observed in ((0, 3), (30, 5), (70, 4)):
        make_sample(at=NOON + timedelta(seconds=seconds), observed=observed)
    make_sample(service="unplanned", observed=1, declared=0)
    make_sample(service="release", observed=0, declared=1)
    make_sample(at=NOON - timedelta(hours=7), observed=50)

    with django_assert_num_queries(1):
        series = sampling.series(hours=1, until=NOON + timedelta(minutes=10))

    assert [(point.at, point.observed) for point in series.points] == [
        (NOON, {"web": 5, "unplanned": 1, "release": 0}),
        (NOON + timedelta(minutes=1), {"web": 4}),
    ]
    assert [(point.declared, point.usable, point.limit) for point in series.points] == [(8, 72, 97)] * 2
    assert series.peaks == {"web": 5, "unplanned": 1, "release": 0}
    assert series.points[0].total == 6


@pytest.mark.parametrize("hours", sampling.STEPS)
def test_every_range_has_few_enough_steps_to_draw(hours):
    assert timedelta(hours=hours) / sampling.STEPS[hours] <= 180


def test_a_stretch_without_samples_is_a_gap_and_a_late_sample_is_none():
    for minute in (0, 1, 3, 6, 10, 11):
        make_sample(at=NOON + timedelta(minutes=minute))

    runs = sampling.series(hours=1, until=NOON + timedelta(minutes=30)).runs()

    assert [[point.at.minute for point in run] for run in runs] == [[0, 1, 3, 6], [10, 11]]
