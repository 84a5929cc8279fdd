"""What pages leave to the logs cluster is done, though the server drops its connection meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from django.contrib.auth import get_user_model
from django.db import OperationalError, connection
from django_q.models import OrmQ
from django_q.tasks import async_task
from structlog.testing import capture_logs

from roadmaps import log_lines, tasks
from roadmaps.models import LogEntry, Mail
from roadmaps.steps import storing
from tests.engine import deliver, in_thread, wait_until
from tests.factories import make_roadmap

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def dropped_at(statement: str) -> Iterator[None]:
    """Whoever asks for it loses the connection, as where the server restarts."""
    parameters = {**connection.get_connection_params(), "application_name": "observer"}
    parameters.pop("cursor_factory", None), parameters.pop("context", None)
    left = [statement]

    def drop(execute, sql, values, many, context):
        if left and sql.startswith(left[0]):
            left.pop()
            with psycopg.connect(**parameters) as server:
                server.execute("SELECT pg_terminate_backend(%s)", [connection.connection.info.backend_pid])
        return execute(sql, values, many, context)

    with connection.execute_wrapper(drop):
        yield
    assert not left


def note_a_line() -> None:
    log_lines.line(make_roadmap(), "outline_approved")
    log_lines.flush()


def forget_a_password() -> None:
    get_user_model().objects.create_user("ada", "ada@example.org", "correct horse battery")
    async_task("roadmaps.tasks.send_new_password", "ada@example.org", cluster="logs")


@pytest.mark.parametrize(("ask", "model"), [(note_a_line, LogEntry), (forget_a_password, Mail)])
def test_what_a_page_asked_for_outlives_a_dropped_connection(ask, model):
    ask()
    task = OrmQ.objects.get(key="logs").task

    with dropped_at(f'INSERT INTO "{model._meta.db_table}"'):
        deliver(task)

    assert model.objects.count() == 1


def test_lines_of_a_roadmap_that_somebody_holds_keep_no_connection_waiting_for_long(monkeypatch):
    monkeypatch.setattr(storing, "LOCK_SECONDS", 0.2)
    note_a_line()
    task = OrmQ.objects.get(key="logs").task
    parameters = {**connection.get_connection_params(), "application_name": "observer"}
    parameters.pop("cursor_factory", None), parameters.pop("context", None)

    with psycopg.connect(**parameters) as forgotten, capture_logs() as said:
        forgotten.execute("SELECT 1 FROM roadmaps_roadmap FOR UPDATE")
        delivered = in_thread(deliver, task)
        wait_until(lambda: delivered.done() or any(each["event"] == "database_unreachable" for each in said))
    delivered.result(10)

    assert "lock timeout" in said[0]["error"]
    assert LogEntry.objects.count() == 1


def test_E3_lines_that_a_database_does_not_take_for_long_are_counted(settings):
    settings.STORE_RETRY_SECONDS = 0
    note_a_line()
    (lines,) = OrmQ.objects.get(key="logs").task["args"]

    with dropped_at('INSERT INTO "roadmaps_logentry"'), capture_logs() as said, pytest.raises(OperationalError):
        tasks.save_log_lines(lines)

    assert [each["count"] for each in said if each["event"] == "log_lines_lost"] == [1]
