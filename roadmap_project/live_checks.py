"""What does the server say to the declared fleet?

Asked wherever databases are passed, and by whoever starts processes.
"""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import structlog
from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register, run_checks
from django.core.checks import Warning as CheckWarning
from django.db import OperationalError, ProgrammingError, connection

from roadmap_project import checks, counting, process, sampling
from roadmap_project.connection_budget import ConnectionBudget, Service
from roadmap_project.postgresql import base, roles, server
from roadmap_project.postgresql.base import refused_by

UNKNOWN_PARAMETER = "unsupported startup parameter"  # PgBouncer's words for settings that a server would take
UNREACHABLE = "Start it, or correct DATABASE_URL."
FULL = {
    base.ROLE: "Raise the login role's limit (ALTER ROLE … CONNECTION LIMIT), or close what it holds.",
    base.DATABASE: "Raise the database's limit (ALTER DATABASE … CONNECTION LIMIT), or close what is not needed.",
    base.SERVER: "Close what is not needed, or raise the server's max_connections.",
    base.POOLER: "Raise PgBouncer's max_client_conn, and DB_POOLER_MAX_CLIENT_CONN with it.",
}

log = structlog.get_logger(__name__)


@register(Tags.database)
def server_findings(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Asks only where databases are passed: `check --database default`, `migrate`. Leaves no connection behind."""
    if not databases or "default" not in databases or not settings.DATABASES["default"]["NAME"]:
        return []
    if checks.connection_pool(None):  # Django could not even connect; the check says so
        return []
    try:
        return list(_findings())
    except OperationalError as error:
        return [_unanswered(error)]


@register(Tags.database, deploy=True)
def release_findings(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Whether the next release could migrate, before it has to; services that do not migrate are not asked.

    With an address of its own `migrate` says it itself, before it begins.
    """
    if not databases or "default" not in databases or not settings.DATABASES["default"]["NAME"]:
        return []
    if settings.DIRECT_URL_VARIABLE or checks.connection_pool(None):
        return []
    was_open = connection.connection is not None
    try:
        return list(_migrating(server.ask()))
    except OperationalError:
        return []  # server_findings says so
    finally:
        if not was_open:
            connection.close()


def _migrating(found: server.Server) -> Iterator[CheckMessage]:
    if not found.may_migrate:
        yield Error(
            f"The role {found.role} does not own this database's tables: a migration that changes one would fail.",
            hint="Set DATABASE_DIRECT_URL, where migrations run, to the address with the role "
            f"{server.ROLE_PREFIX}release (`manage.py connection_budget --sql` makes it), or the tables' owner.",
            id="roadmap_project.E028",
        )


def _unanswered(error: OperationalError) -> CheckMessage:
    if UNKNOWN_PARAMETER in str(error):
        return _undeclared_pooler(Error, "roadmap_project.E026")
    if full := refused_by(error):
        said, hint = "The server has no connection left for whoever asks how many it takes", FULL[full]
    else:
        said, hint = "The server of DATABASE_URL cannot be asked how many connections it takes", UNREACHABLE
    return Error(f"{said}: {str(error).strip()}", hint=hint, id="roadmap_project.E015")


def _findings() -> Iterator[CheckMessage]:
    was_open = connection.connection is not None
    try:
        declared = settings.CONNECTION_BUDGET
        found, count = server.ask(), counting.count(declared)
        yield from of_server(declared, found)
        yield from of_count(count)
        with contextlib.suppress(ProgrammingError):  # before the first migration there is no table of samples
            yield from of_lasting(declared, sampling.lasting())
    finally:
        if not was_open:
            connection.close()


def of_server(declared: ConnectionBudget, found: server.Server) -> Iterator[CheckMessage]:
    """What this server's limits and roles say to the declared fleet; uses no database."""
    yield from _pooler(declared, found)
    yield from _limit(declared, found)
    yield from _role(declared, found)
    yield from _planned_roles(declared, found)
    if not found.may_write:
        yield Error(
            f"The role {found.role} may not write to the tables of this database, as after a restore without rights.",
            hint="Run what `manage.py connection_budget --sql` prints, in this database.",
            id="roadmap_project.E027",
        )
    if settings.IS_MIGRATION:
        yield from _migrating(found)
    # A migration's statements take as long as they take.
    missing = [name for name in found.missing_limits if not (settings.IS_MIGRATION and name == "statement_timeout")]
    if missing:
        yield CheckWarning(
            f"The sessions of this role have no {', '.join(missing)}: what is dead or stuck keeps its connection.",
            hint="Run what `manage.py connection_budget --sql` prints: it sets them on the roles.",
            id="roadmap_project.W010",
        )


def _pooler(declared: ConnectionBudget, found: server.Server) -> Iterator[CheckMessage]:
    """Where a pooler stands, our connections are its clients; where none does, they are the server's."""
    should_be_direct = declared.pooler is None or (settings.IS_MIGRATION and bool(settings.DIRECT_URL_VARIABLE))
    if found.is_direct == should_be_direct:
        return
    if should_be_direct:
        yield _undeclared_pooler(CheckWarning, "roadmap_project.W016" if declared.pooler else "roadmap_project.W006")
    else:
        yield Error(
            "DB_POOLER=transaction, but DATABASE_URL leads to the server itself: its connections would be counted as "
            "a pooler's clients, and nothing would bound them.",
            hint="Set DATABASE_URL to PgBouncer's address, or unset DB_POOLER; the same for every service.",
            id="roadmap_project.E025",
        )


def _undeclared_pooler(level: Callable[..., CheckMessage], finding: str) -> CheckMessage:
    """At this process's address. One that takes our sessions' settings may be in session mode: sums hold there."""
    if settings.CONNECTION_BUDGET.pooler and settings.DIRECT_URL_VARIABLE:
        return level(
            f"{settings.DIRECT_URL_VARIABLE} leads to a pooler: migrations would go through it.",
            hint=f"Set {settings.DIRECT_URL_VARIABLE} to the server's own host and port.",
            id=finding,
        )
    return level(
        "DATABASE_URL leads to a connection pooler, but DB_POOLER is not set.",
        hint=checks.DECLARE_THE_POOLER,
        id=finding,
    )


def _limit(declared: ConnectionBudget, found: server.Server) -> Iterator[CheckMessage]:
    real = found.verdict_on(declared)
    if declared.fits:  # else the same finding stands already
        yield from checks.budget_findings(real)
    elif real.fits:
        yield CheckWarning(
            f"The server takes more than DB_MAX_CONNECTIONS {declared.max_connections} declares, and the fleet would "
            f"fit: {real.limit_source()}.",
            hint=f"Set DB_MAX_CONNECTIONS={real.max_connections} and DB_SERVER_RESERVED={real.server_reserved}.",
            id="roadmap_project.W015",
        )
    if real.fits and real.limit < declared.limit:
        yield CheckWarning(
            f"DB_MAX_CONNECTIONS {declared.max_connections} − {declared.server_reserved} reserved is more than the "
            f"server takes: {real.limit_source()}.",
            hint=f"Set DB_MAX_CONNECTIONS={real.max_connections} and DB_SERVER_RESERVED={real.server_reserved}: checks "
            "that must not ask the server go by them.",
            id="roadmap_project.W005",
        )


def _role(declared: ConnectionBudget, found: server.Server) -> Iterator[CheckMessage]:
    if found.is_superuser:
        yield CheckWarning(
            f"The login role {found.role!r} is a superuser: no CONNECTION LIMIT holds it, and it takes reserved slots.",
            hint="`manage.py connection_budget --sql` prints an ordinary role for every service.",
            id="roadmap_project.W003",
        )
        return
    if found.service_roles and (own := _role_of_this_process(declared)) and found.role != own:
        yield Error(
            f"A process of {own.removeprefix(server.ROLE_PREFIX)} logs in as {found.role!r}; on this server every "
            f"service has a role of its own, here {own!r}: it takes from another's share.",
            hint=f"Give each service a DATABASE_URL with its own role, here {own}.",
            id="roadmap_project.E019",
        )
        return
    names = found.services_of_role(declared) or ("release",)
    if not found.service_roles and not declared.pooler:
        names += ("release",)  # migrations log in with the same role
    by_role = roles.needed(declared)
    needed = sum(by_role[name] for name in names)
    if found.role_limit is not None and found.role_limit < needed:
        yield Error(
            f"The login role {found.role!r} may hold {found.role_limit} connections; "
            f"{', '.join(names)} need {needed} while deploying.",
            hint=f"ALTER ROLE {found.role} CONNECTION LIMIT {needed + roles.REOPENED};",
            id="roadmap_project.E014",
        )


def _role_of_this_process(declared: ConnectionBudget) -> str:
    """Empty for what is no service of the budget, such as a shell or a check."""
    service = settings.Q_CLUSTER_NAME or process.current.service
    return server.ROLE_PREFIX + service if service in {each.name for each in declared.services} else ""


def _planned_roles(declared: ConnectionBudget, found: server.Server) -> Iterator[CheckMessage]:
    """Where there are roles per service at all, each must have its planned limit."""
    if not found.service_roles:
        return
    for name, planned in roles.planned_limits(declared).items():
        limit = found.service_roles.get(name, 0)
        if limit != planned:
            said = (
                "does not exist" if name not in found.service_roles else f"has {'no limit' if limit is None else limit}"
            )
            yield CheckWarning(
                f"The role {server.ROLE_PREFIX}{name} {said}; the plan is a CONNECTION LIMIT of {planned}.",
                hint="Run what `manage.py connection_budget --sql` prints.",
                id="roadmap_project.W004",
            )


def of_count(count: counting.Count) -> Iterator[CheckMessage]:
    """What the clients at this moment say to the declared fleet; uses no database."""
    budget, observed = count.budget, count.observed
    for service in budget.services:
        most = budget.deploy_overlap * service.total
        if observed[service.name] > most:
            yield _more_than_declared(
                service,
                f"{service.name} holds {observed[service.name]} connections; {service.total} are declared, {most} "
                "while deploying.",
            )
    if budget.pooler:
        pool = budget.pooler.max_db_connections * budget.pooler.replicas
        held = sum(observed[service.name] for service in budget.services)
        if held > pool:
            yield CheckWarning(
                f"The services hold {held} connections through the pooler; {pool} are declared "
                "(DB_POOLER_MAX_DB_CONNECTIONS × DB_POOLER_REPLICAS).",
                hint="Set PgBouncer's own max_db_connections to what is declared: nothing else bounds them together.",
                id="roadmap_project.W017",
            )
    strangers = observed[counting.OTHER] + observed[counting.UNPLANNED] + observed[counting.ELSEWHERE]
    if strangers > budget.other_clients:
        yield CheckWarning(
            f"{strangers} connections are none of the services' ({observed[counting.UNPLANNED]} of them unplanned, "
            f"{observed[counting.ELSEWHERE]} in other databases of this server); DB_OTHER_CLIENTS declares "
            f"{budget.other_clients}.",
            hint="Close them, or raise DB_OTHER_CLIENTS.",
            id="roadmap_project.W009",
        )
    if count.together > budget.usable + budget.other_clients:
        yield CheckWarning(
            f"{count.together} connections are open: the headroom is in use. The server refuses above {budget.limit}.",
            hint="Close what is not needed, or raise the server's max_connections, and DB_MAX_CONNECTIONS with it.",
            id="roadmap_project.W014",
        )


def of_lasting(declared: ConnectionBudget, least: dict[str, int]) -> Iterator[CheckMessage]:
    """What stood all the while above the declared number, though a deploy is long over; uses no database."""
    for service in declared.services:
        most = declared.deploy_overlap * service.total
        if service.total < (held := least.get(service.name, 0)) <= most:  # above `most` is said at once
            yield _more_than_declared(
                service,
                f"{service.name} held at least {held} connections for {sampling.LASTING_MINUTES} minutes; "
                f"{service.total} are declared, and a deploy does not take so long.",
            )


def _more_than_declared(service: Service, said: str) -> CheckMessage:
    return CheckWarning(
        said,
        hint="More runs than is declared, or with other settings: compare the processes' "
        f"{service.processes_variable} and {service.name.upper()}_REPLICAS.",
        id="roadmap_project.W007",
    )


def wait_for_server() -> None:
    """Return once the server takes a connection; without one Django-Q's sentinel ends at its start."""
    wait = 0.5
    while True:
        try:
            connection.ensure_connection()
        except OperationalError as error:
            log.warning("waiting_for_database", reason=str(error).strip(), next_try_in=wait)
            time.sleep(wait)
            wait = min(wait * 2, 5.0)
        else:
            connection.close()
            return


def refusals_at_start() -> list[CheckMessage]:
    """For whoever starts processes: every error, the server's word included.

    A server that cannot be reached refuses nothing: the declared limit holds then, and the processes start and wait
    instead of crash-looping.
    """
    found = run_checks(databases=["default"])
    for finding in found:
        if finding.id == "roadmap_project.E015":
            log.warning("database_unreachable_at_start", reason=finding.msg)
        elif finding.id == "roadmap_project.W008":
            log.warning("connection_budget_bypassed", reason=finding.msg)
    connection.close()
    return [each for each in found if each.is_serious() and each.id != "roadmap_project.E015"]
