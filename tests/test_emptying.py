"""A test that commits leaves nothing to the next."""

import pytest
from django.apps import apps
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import connection

from roadmaps.models import LogEntry
from tests.emptying import LARGE, MADE_BY_MIGRATE, empty_tables
from tests.factories import make_log_entry, make_quiz, make_written_roadmap

pytestmark = pytest.mark.django_db(transaction=True)


def with_rows() -> set[type]:
    return {model for model in apps.get_models(include_auto_created=True) if model._default_manager.exists()}


def size_of(model: type) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_relation_size(%s)", [model._meta.db_table])
        return int(cursor.fetchone()[0])


@pytest.mark.parametrize("lines", [1, 2_000])
def test_all_rows_are_gone_few_or_many_and_what_migrate_made_is_there(lines):
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE roadmaps_logentry CASCADE")  # with what tests before left in its file
    roadmap = make_written_roadmap()
    make_quiz(concept=roadmap.concepts.first())
    line = make_log_entry(roadmap=roadmap, message="What was said. " * 5)
    LogEntry.objects.bulk_create(
        LogEntry(roadmap=roadmap, event=line.event, message=line.message, happened_at=line.happened_at)
        for _ in range(lines)
    )
    assert (size_of(LogEntry) > LARGE) == (lines > 1)
    made = (ContentType.objects.count(), Permission.objects.count())

    empty_tables()

    assert with_rows() == MADE_BY_MIGRATE
    assert (ContentType.objects.count(), Permission.objects.count()) == made
    assert size_of(LogEntry) <= LARGE
