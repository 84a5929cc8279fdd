"""What does the server itself say about how many connections it takes, from whom, and who holds them?"""

from dataclasses import dataclass

from django.db import connection

from roadmap_project.connection_budget import ConnectionBudget
from roadmap_project.postgresql import session

# One login role per service, so that the server holds each to its share.
ROLE_PREFIX = "roadmaps_"

FACTS = f"""
SELECT current_setting('server_version_num')::int,
       current_setting('max_connections')::int,
       current_setting('superuser_reserved_connections')::int
         + coalesce(current_setting('reserved_connections', true), '0')::int,
       (SELECT datconnlimit FROM pg_database WHERE datname = current_database()),
       session_user::text,
       (SELECT rolsuper FROM pg_roles WHERE rolname = session_user),
       (SELECT rolconnlimit FROM pg_roles WHERE rolname = session_user),
       pg_backend_pid(),
       ARRAY(SELECT name FROM unnest(string_to_array('{" ".join(session.LIMITS)}', ' ')) AS name
             WHERE current_setting(name, true) = '0'),
       coalesce(has_table_privilege(to_regclass('django_q_ormq'), 'INSERT'), true),
       coalesce((SELECT pg_has_role(current_user, relowner, 'USAGE') FROM pg_class
                 WHERE oid = to_regclass('django_migrations')), true)
"""  # noqa: S608  constants
ROLES = "SELECT rolname, rolconnlimit FROM pg_roles WHERE rolname LIKE %s AND rolcanlogin"


@dataclass(frozen=True)
class Server:
    """Limits of -1 (none) are None here."""

    version: int  # 150003 is 15.3
    max_connections: int
    reserved: int
    database_limit: int | None
    role: str
    is_superuser: bool
    role_limit: int | None
    service_roles: dict[str, int | None]
    missing_limits: tuple[str, ...]  # of session.LIMITS, those that do not hold in this session
    may_write: bool = True  # also before the first migration, when there is nothing to write to
    may_migrate: bool = True  # acts as the tables' owner; also where there are none yet
    is_direct: bool = True  # nobody stands between: a pooler tells its clients a process id of its own making

    def verdict_on(self, budget: ConnectionBudget) -> ConnectionBudget:
        """The declared fleet before this server."""
        return budget.on_server(
            max_connections=self.max_connections, reserved=self.reserved, database_limit=self.database_limit
        )

    def services_of_role(self, budget: ConnectionBudget) -> tuple[str, ...]:
        """Who logs in with this connection's role: the service it is named after; without such roles, all.

        Nobody where the role is the release's, or the owner's beside the services' own roles.
        """
        names = tuple(service.name for service in budget.services)
        if self.role.startswith(ROLE_PREFIX):
            return tuple(name for name in names if self.role == ROLE_PREFIX + name)
        return () if self.service_roles else names


def ask() -> Server:
    """Two queries on this thread's connection; raises OperationalError where there is none to be had."""
    with connection.cursor() as cursor:
        cursor.execute(FACTS)
        (
            version, max_connections, reserved, database_limit, role, is_superuser, role_limit, pid, missing,
            may_write, may_migrate,
        ) = cursor.fetchone()  # fmt: skip
        cursor.execute(ROLES, [ROLE_PREFIX.replace("_", r"\_") + "%"])
        roles = {name.removeprefix(ROLE_PREFIX): _or_none(limit) for name, limit in cursor.fetchall()}
    return Server(
        version=version,
        max_connections=max_connections,
        reserved=reserved,
        database_limit=_or_none(database_limit),
        role=role,
        is_superuser=bool(is_superuser),
        role_limit=_or_none(role_limit),
        service_roles=roles,
        missing_limits=tuple(missing),
        may_write=may_write,
        may_migrate=may_migrate,
        is_direct=connection.connection.info.backend_pid == pid,
    )


def _or_none(limit: int) -> int | None:
    return None if limit < 0 else limit
