"""What is kept for how long: each setting's records go in batches when they are older, and not a day sooner."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings as declared
from django.contrib.sessions.models import Session
from django.db import connection
from django.utils import timezone
from django_q.models import Task

from roadmap_project import purging
from roadmap_project import tasks as shared
from roadmap_project.models import ConnectionSample
from roadmaps import tasks
from roadmaps.models import LogEntry, Mail, ModelCall, Roadmap
from tests.factories import make_call, make_log_entry, make_roadmap, make_user

pytestmark = pytest.mark.django_db(transaction=True)  # transactions are counted

DAY = timedelta(days=1)


def make_sample(at: datetime) -> None:
    ConnectionSample.objects.create(sampled_at=at, service="web", observed=1, declared=8, limit=97, usable=72)


def make_result(at: datetime, *, is_success: bool) -> None:
    name = f"{at.timestamp()} {is_success}"
    Task.objects.create(id=name, name=name, func="x.y", started=at, stopped=at, success=is_success)


def make_mail(at: datetime) -> None:
    mail = Mail.objects.create(user=make_user(), kind=Mail.Kind.READY)
    Mail.objects.filter(pk=mail.pk).update(created_at=at)


def make_deleted(at: datetime) -> None:
    Roadmap.objects.filter(pk=make_roadmap().pk).update(deleted_at=at)


# The setting; what it keeps; how one is made; the task that purges; how many go in one transaction.
KEPT: list[tuple[str, Any, Callable[[datetime], object], Callable[[], object], int]] = [
    ("SAMPLE_RETENTION_DAYS", ConnectionSample, make_sample, shared.purge_connection_samples, 2),
    (
        "TASK_RETENTION_DAYS",
        Task,
        lambda at: make_result(at, is_success=True),
        shared.purge_task_results,
        2,
    ),
    (
        "TASK_FAILURE_RETENTION_DAYS",
        Task,
        lambda at: make_result(at, is_success=False),
        shared.purge_task_results,
        2,
    ),
    ("LOG_RETENTION_DAYS", LogEntry, lambda at: make_log_entry(roadmap=None, happened_at=at), tasks.purge_records, 2),
    ("LOG_RETENTION_DAYS", Mail, make_mail, tasks.purge_records, 2),
    ("MODEL_CALL_RETENTION_DAYS", ModelCall, lambda at: make_call(ago=timezone.now() - at), tasks.purge_records, 2),
    ("DELETED_ROADMAP_RETENTION_DAYS", Roadmap, make_deleted, tasks.purge_deleted_roadmaps, 1),
]


def test_each_retention_setting_is_looked_at_here():
    assert {name for name in dir(declared) if name.endswith("_RETENTION_DAYS")} == {name for name, *_ in KEPT}
    assert declared.DELETED_ROADMAP_RETENTION_DAYS == 30  # as people are told


@pytest.mark.parametrize(
    ("setting", "model", "make", "purge", "batch"), KEPT, ids=[f"{each[0]}-{each[1].__name__}" for each in KEPT]
)
def test_what_is_older_goes_in_batches_and_what_is_younger_stays(
    settings, monkeypatch, setting, model, make, purge, batch
):
    for name, *_ in KEPT:
        setattr(settings, name, 3650)
    setattr(settings, setting, 11)
    monkeypatch.setattr(purging, "BATCH", 2)
    now = timezone.now()
    for number in range(5):
        make(now - 11 * DAY - timedelta(minutes=1 + number))
    make(now - 11 * DAY + timedelta(minutes=1))
    first = _transaction()

    purge()
    transactions = _transaction() - first - 1

    assert model.objects.count() == 1
    assert transactions >= 5 / batch
    purge()
    assert model.objects.count() == 1


def test_sessions_go_daily_when_their_time_is_over():
    now = timezone.now()
    for key, expires in (("over", now - timedelta(minutes=1)), ("going-on", now + timedelta(minutes=1))):
        Session.objects.create(session_key=key, session_data="", expire_date=expires)

    shared.purge_keyed_requests()

    assert Session.objects.get().session_key == "going-on"


def _transaction() -> int:
    """Counts those that wrote something, this one's own included."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()::text::bigint")
        return int(cursor.fetchone()[0])
