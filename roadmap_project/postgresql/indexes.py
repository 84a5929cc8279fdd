"""How does a table in use get another index?"""

from typing import Any

from django.contrib.postgres.operations import AddIndexConcurrently


class AddIndexInUse(AddIndexConcurrently):
    """Built while the table is read and written; to be repeated after it gave up or was ended midway.

    PostgreSQL leaves an invalid index of that name behind then, which no query uses and every write pays for. In a
    migration with atomic = False.
    """

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {schema_editor.quote_name(self.index.name)}")
        super().database_forwards(app_label, schema_editor, from_state, to_state)
