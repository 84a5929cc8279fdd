"""manage.py connection_budget: what is declared, whether it fits, and what would."""

import json
import os
import sys
from argparse import ArgumentParser
from dataclasses import replace
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand
from django.db import OperationalError, ProgrammingError, connection

from roadmap_project import counting, live_checks, sampling, troubles
from roadmap_project.checks import as_json, budget_findings
from roadmap_project.connection_budget import ConnectionBudget
from roadmap_project.environment import Environment
from roadmap_project.fitting import given_up, suggestion
from roadmap_project.postgresql import roles, server

PEAK_HOURS = 24
FITS, DOES_NOT_FIT, COULD_NOT_TELL = 0, 1, 2
ALSO_KNOWN = (
    "WEB_CONCURRENCY",
    "DB_POOLER",
    "DB_POOLER_MAX_CLIENT_CONN",
    "DB_POOLER_MAX_DB_CONNECTIONS",
    "DB_POOLER_REPLICAS",
)


class Command(BaseCommand):
    help = "Show the connection budget. Exit status: 0 it fits, 1 it does not, 2 could not tell."
    requires_system_checks = ()  # it is there to explain a fleet that the checks refuse

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--live", action="store_true", help="ask the server for its limit and who is connected now")
        parser.add_argument(
            "--json", action="store_true", help="a certificate from which the verdict can be recomputed"
        )
        parser.add_argument("--set", nargs="+", default=[], metavar="NAME=VALUE", help="what if")
        parser.add_argument(
            "--suggest",
            nargs="?",
            const=0,
            type=int,
            metavar="LIMIT",
            help="the largest counts that fit (a server with max_connections LIMIT), as environment lines",
        )
        parser.add_argument("--owner", default="", help="for --sql: who owns the tables; else the user of DATABASE_URL")
        parser.add_argument("--sql", action="store_true", help="a login role with a CONNECTION LIMIT for every service")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            declared = _what_if(options["set"])
            sys.exit(self._show(declared, options))
        except ImproperlyConfigured as error:
            self.stderr.write(str(error))
        except OperationalError as error:
            self.stderr.write(f"The server cannot be asked: {str(error).strip()}")
        sys.exit(COULD_NOT_TELL)

    def _show(self, declared: ConnectionBudget, options: dict[str, Any]) -> int:
        found = server.ask() if options["live"] else None
        budget = found.verdict_on(declared) if found else declared
        if options["suggest"] is not None:
            return self._suggest(budget, options["suggest"], is_json=options["json"])
        if options["sql"]:
            if options["json"]:
                raise ImproperlyConfigured("--sql prints SQL; it has no form as --json.")
            return self._sql(budget, options["owner"])
        count = counting.count(budget) if found else None
        observed = count.observed if count else None
        findings = [*_findings(declared, found), *live_checks.of_count(count)] if found and count else []
        if options["json"]:
            seen = {} if observed is None else {"observed": observed, f"peak_of_{PEAK_HOURS}_hours": _peaks()}
            told = {"findings": [as_json(each) for each in findings]} if found else {}
            self.stdout.write(json.dumps(budget.certificate() | seen | told, indent=2))
        else:
            self._table(budget, observed)
            for each in findings:
                self.stdout.write(str(each))
        return FITS if budget.fits and not any(each.is_serious() for each in findings) else DOES_NOT_FIT

    def _table(self, budget: ConnectionBudget, observed: dict[str, int] | None) -> None:
        if observed is None:
            self.stdout.write(counting.table(budget) + "\n")
        else:
            now = counting.Peak()
            now.add(budget, observed)
            self.stdout.write(counting.table(budget, now) + "\n")
            self.stdout.write(_seen(budget))
            self.stdout.write(_others(observed))
            for row in _troubles():
                self.stdout.write(f"since the first migration {row}")
        self.stdout.write(
            f"limit   {budget.limit}  ({budget.limit_source()})\n"
            f"usable  {budget.usable}  ({budget.headroom:.0%} headroom, {budget.other_clients} for other clients)\n"
        )
        for each in budget.inequalities():
            self.stdout.write(f"{each.name}: {each.left} of {each.right}, margin {each.right - each.left}")
        self.stdout.write(
            "\nIt fits." if budget.fits else f"\nIt does not fit. Smallest change: {budget.smallest_change()}"
        )

    def _suggest(self, budget: ConnectionBudget, limit: int, *, is_json: bool) -> int:
        if limit < 0:
            raise ImproperlyConfigured(f"--suggest {limit}: expected the max_connections of a server.")
        wanted = replace(budget, max_connections=limit) if limit else budget
        found = suggestion(wanted)
        if found is None:
            self.stderr.write(f"Not even one worker of each kind fits: {wanted.limit_source()}.")
            return DOES_NOT_FIT
        if is_json:
            self.stdout.write(json.dumps(found.certificate(), indent=2))
            return FITS
        for name, before in given_up(wanted, found).items():
            self.stdout.write(f"# {name} was {before}; with that, not even one worker of each kind fits.")
        if found.pooler:
            self.stdout.write("# PgBouncer's own max_client_conn and max_db_connections must be the same.")
        for name, value in found.as_environment().items():
            self.stdout.write(f"{name}={value}")
        return FITS

    def _sql(self, budget: ConnectionBudget, owner: str) -> int:
        database = settings.DATABASES["default"]
        owner, name = owner or _owner_of_tables() or str(database.get("USER") or ""), str(database["NAME"])
        if not owner or owner.startswith(server.ROLE_PREFIX):
            raise ImproperlyConfigured(
                f"{owner or 'No user of DATABASE_URL'} cannot own the tables; say --owner with the role that does."
            )
        self.stdout.write(roles.statements(budget, owner=owner, database=name))
        if not budget.fits:
            self.stderr.write("The fleet does not fit, so its roles' limits exceed what the server has room for.")
        return FITS if budget.fits else DOES_NOT_FIT


def _what_if(assignments: list[str], budget: ConnectionBudget | None = None) -> ConnectionBudget:
    """The budget with some variables set otherwise; unknown names and wrong values raise ImproperlyConfigured."""
    known = [*settings.CONNECTION_BUDGET.as_environment(), *ALSO_KNOWN]
    values = dict(os.environ) | (budget.as_environment() if budget else {})
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals or name not in known:
            raise ImproperlyConfigured(
                f"--set {assignment}: expected NAME=VALUE with one of {', '.join(sorted(known))}."
            )
        values[name] = value
        if name == "WEB_CONCURRENCY" and values.get("WEB_WORKERS", "").strip():
            raise ImproperlyConfigured(f"--set {assignment}: WEB_WORKERS is set and overrules it; set that.")
    return ConnectionBudget.from_environment(Environment(values))


def _findings(declared: ConnectionBudget, found: server.Server) -> list[CheckMessage]:
    """What checks say: of the declared numbers, and of what this server and its roles say to them."""
    return [*budget_findings(declared), *live_checks.of_server(declared, found)]


def _owner_of_tables() -> str:
    """Empty where the server cannot be asked, or there are no tables yet."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT tableowner::text FROM pg_tables WHERE tablename = 'django_migrations'")
            row = cursor.fetchone()
    except OperationalError:
        return ""
    return row[0] if row else ""


def _peaks() -> dict[str, int]:
    try:
        return sampling.series(hours=PEAK_HOURS).peaks
    except ProgrammingError:  # before the first migration there is no table of samples
        return {}


def _troubles() -> tuple[troubles.Trouble, ...]:
    try:
        return troubles.known()
    except ProgrammingError:
        return ()


def _seen(budget: ConnectionBudget) -> str:
    peaks = _peaks()
    shown = ", ".join(f"{service.name} {peaks[service.name]}" for service in budget.services if service.name in peaks)
    return f"peak of the last {PEAK_HOURS} hours, sampled every minute: {shown or 'no samples yet'}"


def _others(observed: dict[str, int]) -> str:
    shown = ", ".join(f"{name} {observed[name]}" for name in counting.BESIDE)
    return f"beside the services now (this command is one of the others): {shown}\n\n"
