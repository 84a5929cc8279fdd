"""How do tables become empty again after a test that commits?

Django's flush truncates every table with its indexes, and makes content types and permissions anew: a quarter of a
second for each such test, which wrote a few rows. Here only tables that hold rows are emptied, row by row where they
are small.
"""

from typing import Any

from django.apps import apps
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import connection, transaction

MADE_BY_MIGRATE = {ContentType, Permission}
LARGE = 100_000  # bytes, of rows or of what deleted rows left


def empty_tables(_case: Any = None) -> None:
    """Instead of the flush of Django's test cases; sequences go on, as with it."""
    with transaction.atomic(), connection.cursor() as cursor:
        # Whoever still writes is waited for, as by a flush: what they commit is emptied, too.
        cursor.execute(f"LOCK {', '.join(_tables())} IN SHARE ROW EXCLUSIVE MODE")
        cursor.execute(_written())
        sizes = dict(cursor.fetchall())
        if any(size > LARGE for size in sizes.values()):
            cursor.execute(f"TRUNCATE {', '.join(sizes)} CASCADE")
        elif sizes:
            cursor.execute("; ".join(f"DELETE FROM {table}" for table in sizes))


def _tables() -> list[str]:
    models = set(apps.get_models(include_auto_created=True)) - MADE_BY_MIGRATE
    return sorted({model._meta.db_table for model in models if model._meta.managed})


def _written() -> str:
    return " UNION ALL ".join(
        f"SELECT '{each}', pg_relation_size('{each}') WHERE EXISTS (SELECT FROM {each})"
        f" OR pg_relation_size('{each}') > {LARGE}"
        for each in _tables()
    )
