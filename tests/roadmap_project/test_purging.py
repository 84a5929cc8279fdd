"""What a purge deletes, in how many transactions, and beside another one."""

from datetime import timedelta
from importlib import import_module

import psycopg
import pytest
from django.apps import apps
from django.db import connection
from django.utils import timezone
from django.utils.module_loading import import_string
from django_q.models import Schedule, Task
from structlog.testing import capture_logs

from roadmap_project import tasks
from roadmap_project.models import ConnectionSample
from roadmap_project.purging import purge

pytestmark = pytest.mark.django_db(transaction=True)


def make_samples(*, number: int) -> None:
    now = timezone.now()
    ConnectionSample.objects.bulk_create(
        ConnectionSample(
            sampled_at=now + timedelta(seconds=place), service="web", observed=1, declared=8, limit=97, usable=72
        )
        for place in range(number)
    )


def make_task(name: str, *, days_ago: float, is_success: bool) -> Task:
    at = timezone.now() - timedelta(days=days_ago)
    return Task.objects.create(id=name, name=name, func="x.y", started=at, stopped=at, success=is_success)


def test_many_rows_go_in_transactions_of_a_batch_each():
    make_samples(number=7)
    before = _transaction_id()

    deleted = purge(ConnectionSample.objects.order_by("sampled_at"), batch=3)

    assert deleted == 7
    assert not ConnectionSample.objects.exists()
    assert _transaction_id() - before == 4  # three that deleted, and this look


def _transaction_id() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()::text::bigint")
        return int(cursor.fetchone()[0])


def test_rows_that_another_purge_has_locked_are_passed_over():
    make_samples(number=5)
    mine = connection.get_connection_params()
    for ours in ("cursor_factory", "context"):
        mine.pop(ours, None)

    with psycopg.connect(**mine) as other:
        other.execute("SELECT id FROM roadmap_project_connectionsample ORDER BY sampled_at LIMIT 2 FOR UPDATE")
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '2s'")
        deleted = purge(ConnectionSample.objects.order_by("sampled_at"), batch=10)
    with connection.cursor() as cursor:
        cursor.execute("RESET lock_timeout")

    assert deleted == 3
    assert purge(ConnectionSample.objects.order_by("sampled_at")) == 2


def test_failures_are_kept_for_longer_than_successes(settings):
    settings.TASK_RETENTION_DAYS, settings.TASK_FAILURE_RETENTION_DAYS = 2, 20
    make_task("old success", days_ago=3, is_success=True)
    make_task("new success", days_ago=1, is_success=True)
    make_task("old failure", days_ago=21, is_success=False)
    make_task("new failure", days_ago=3, is_success=False)

    with capture_logs() as lines:
        tasks.purge_task_results()
        tasks.purge_task_results()

    assert set(Task.objects.values_list("name", flat=True)) == {"new success", "new failure"}
    assert [line["count"] for line in lines if line["event"] == "task_results_purged"] == [2, 0]


@pytest.mark.parametrize(
    ("name", "schedules"),
    [("roadmap_project.migrations.0003_purge_task_results", 1), ("roadmaps.migrations.0009_purge_schedules", 2)],
)
def test_the_logs_cluster_is_told_to_purge_daily(name, schedules):
    migration = import_module(name)
    Schedule.objects.all().delete()
    for _ in range(2):
        migration.add(apps, None)

    found = list(Schedule.objects.all())

    assert len(found) == schedules
    for each in found:
        assert callable(import_string(each.func))
        assert (each.cluster, each.schedule_type, each.repeats) == ("logs", Schedule.DAILY, -1)

    migration.remove(apps, None)
    assert not Schedule.objects.exists()
