"""How does the server itself hold every service to its share? One login role each, with a CONNECTION LIMIT."""

from psycopg import sql

from roadmap_project.connection_budget import RELEASE_CONNECTIONS, ConnectionBudget
from roadmap_project.postgresql import session
from roadmap_project.postgresql.server import ROLE_PREFIX

# A connection closed and reopened at once counts twice for an instant.
REOPENED = 1


def needed(budget: ConnectionBudget) -> dict[str, int]:
    """Each role's deploying peak; behind a pooler at most the pool, whose total PgBouncer holds."""
    peaks = {service.name: budget.deploy_overlap * service.total for service in budget.services}
    peaks["release"] = RELEASE_CONNECTIONS
    if budget.pooler:
        pool = budget.pooler.max_db_connections * budget.pooler.replicas
        peaks = {name: min(peak, pool) for name, peak in peaks.items()}
    return peaks


def planned_limits(budget: ConnectionBudget) -> dict[str, int]:
    """What each role needs, and one more for an instant where there is room for all of these.

    Where a fleet without a pooler fits, they and the owner's limit, which is `other_clients`, sum up to at most what
    is usable and other clients may hold.
    """
    peaks = needed(budget)
    has_room = budget.pooler is not None or sum(peaks.values()) + REOPENED * len(peaks) <= budget.usable
    return {name: peak + has_room * REOPENED for name, peak in peaks.items()}


def statements(budget: ConnectionBudget, *, owner: str, database: str) -> str:
    """SQL for somebody who may create roles, to be run in the database; running it again changes nothing.

    The services read and write what `owner` owns; `release` acts as the owner, for migrations. Passwords are set
    apart (psql: \\password ROLE), so that none stands in a script.
    """
    lines = [f"-- {budget.explain()}"]
    lines.append(f"-- Where migrations run, DATABASE_DIRECT_URL is the address with {ROLE_PREFIX}release.")
    if budget.pooler:
        lines.append("-- Each limit is what one role may take; together PgBouncer's max_db_connections bounds them.")
    for name, limit in planned_limits(budget).items():
        lines += _role(ROLE_PREFIX + name, limit, owner=owner, database=database, is_release=name == "release")
    lines.append("-- Everybody else shares what is left for other clients:")
    lines.append(_text("ALTER ROLE {} CONNECTION LIMIT {};", sql.Identifier(owner), sql.Literal(budget.other_clients)))
    return "\n".join(lines)


def _role(role: str, limit: int, *, owner: str, database: str, is_release: bool) -> list[str]:
    name, of_owner = sql.Identifier(role), sql.Identifier(owner)
    settings = [
        _text("ALTER ROLE {} SET {} = {};", name, sql.Identifier(setting), sql.Literal(value))
        for setting, value in {**session.LIMITS, **session.SERVER_KEEPALIVES}.items()
    ]
    return [
        "",
        _text("DO $$ BEGIN CREATE ROLE {}; EXCEPTION WHEN duplicate_object THEN NULL; END $$;", name),
        _text("ALTER ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE CONNECTION LIMIT {};", name, sql.Literal(limit)),
        _text("GRANT CONNECT ON DATABASE {} TO {};", sql.Identifier(database), name),
        *(_acts_as_owner(name, of_owner) if is_release else _reads_and_writes(name, of_owner)),
        *([] if is_release else settings),
    ]


def _acts_as_owner(name: sql.Identifier, owner: sql.Identifier) -> list[str]:
    return [_text("GRANT {} TO {};", owner, name), _text("ALTER ROLE {} SET role = {};", name, owner)]


def _reads_and_writes(name: sql.Identifier, owner: sql.Identifier) -> list[str]:
    return [
        _text("GRANT USAGE ON SCHEMA public TO {};", name),
        _text("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {};", name),
        _text("GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {};", name),
        _text(
            "ALTER DEFAULT PRIVILEGES FOR ROLE {} IN SCHEMA public "
            "GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {};",
            owner,
            name,
        ),
        _text(
            "ALTER DEFAULT PRIVILEGES FOR ROLE {} IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO {};", owner, name
        ),
    ]


def _text(template: str, *parts: sql.Composable) -> str:
    return sql.SQL(template).format(*parts).as_string(None)
