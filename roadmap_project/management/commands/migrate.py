"""manage.py migrate: Django's, which says what to do where a migration waited for a lock in vain, or may not."""

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import OperationalError, ProgrammingError
from psycopg.errors import InsufficientPrivilege, LockNotAvailable

from roadmap_project.postgresql.server import ROLE_PREFIX

RELEASE = f"{ROLE_PREFIX}release"

GAVE_UP = """
The migration waited {seconds} seconds for a lock and gave up, because everybody else would have queued behind it.
Nothing is broken: what it had begun is undone or is done again. Run the same command again, in a quiet moment.
Who holds a table for long:
  SELECT pid, application_name, now() - xact_start AS since, query FROM pg_stat_activity
  WHERE xact_start < now() - interval '{seconds} seconds' ORDER BY xact_start;
MIGRATION_LOCK_SECONDS is how long it waits.""".lstrip()

MAY_NOT = """
The migration may not do what it has to: {reason}.
Migrations log in as the tables' owner, or as {role}, which acts as the owner (`manage.py connection_budget --sql`
makes it): set DATABASE_DIRECT_URL to the address with that role and run the same command again.""".lstrip()


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        try:
            super().handle(*args, **options)
        except OperationalError as error:
            if not isinstance(error.__cause__, LockNotAvailable):
                raise
            raise CommandError(GAVE_UP.format(seconds=settings.MIGRATION_LOCK_SECONDS)) from error
        except ProgrammingError as error:
            if not isinstance(error.__cause__, InsufficientPrivilege):
                raise
            raise CommandError(MAY_NOT.format(reason=error.__cause__.diag.message_primary, role=RELEASE)) from error
