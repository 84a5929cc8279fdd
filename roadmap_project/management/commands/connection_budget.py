"""manage.py connection_budget: what is declared, whether it fits, and what would."""

import json
import os
import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand
from django.db import OperationalError, ProgrammingError

from roadmap_project import counting, sampling
from roadmap_project.connection_budget import ConnectionBudget
from roadmap_project.environment import Environment
from roadmap_project.fitting import suggestion
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
            budget = _what_if(options["set"])
            sys.exit(self._show(_live(budget) if options["live"] else budget, options))
        except ImproperlyConfigured as error:
            self.stderr.write(str(error))
        except OperationalError as error:
            self.stderr.write(f"The server cannot be asked: {str(error).strip()}")
        sys.exit(COULD_NOT_TELL)

    def _show(self, budget: ConnectionBudget, options: dict[str, Any]) -> int:
        if options["suggest"] is not None:
            return self._suggest(budget, options["suggest"])
        if options["sql"]:
            return self._sql(budget, options["owner"])
        if options["json"]:
            observed = {"observed": counting.observed()} if options["live"] else {}
            self.stdout.write(json.dumps(budget.certificate() | observed, indent=2))
        else:
            self._table(budget, is_live=options["live"])
        return FITS if budget.fits else DOES_NOT_FIT

    def _table(self, budget: ConnectionBudget, *, is_live: bool) -> None:
        peak = counting.Peak() if is_live else None
        if peak:
            peak.sample(budget)
        self.stdout.write(counting.table(budget, peak) + "\n")
        if is_live:
            self.stdout.write(_seen(budget))
            self.stdout.write(_unplanned(budget))
        self.stdout.write(
            f"limit   {budget.limit}  ({budget.limit_source()})\n"
            f"usable  {budget.usable}  ({budget.headroom:.0%} headroom, {budget.other_clients} for other clients)\n"
        )
        for each in budget.inequalities():
            self.stdout.write(f"{each.name}: {each.left} of {each.right}, margin {each.right - each.left}")
        self.stdout.write(
            "\nIt fits." if budget.fits else f"\nIt does not fit. Smallest change: {budget.smallest_change()}"
        )

    def _suggest(self, budget: ConnectionBudget, limit: int) -> int:
        found = suggestion(_what_if([f"DB_MAX_CONNECTIONS={limit}"], budget) if limit else budget)
        if found is None:
            self.stderr.write(f"Not even one worker of each kind fits {limit or budget.max_connections} connections.")
            return DOES_NOT_FIT
        for name, value in found.as_environment().items():
            self.stdout.write(f"{name}={value}")
        return FITS

    def _sql(self, budget: ConnectionBudget, owner: str) -> int:
        database = settings.DATABASES["default"]
        owner, name = owner or str(database.get("USER") or "roadmaps"), str(database["NAME"])
        if owner.startswith(server.ROLE_PREFIX):
            raise ImproperlyConfigured(f"{owner} is a service's role; say --owner with the role that owns the tables.")
        self.stdout.write(roles.statements(budget, owner=owner, database=name))
        if not roles.is_within(budget):
            self.stderr.write("The roles' limits together exceed what is usable: one service could starve another.")
        return FITS if budget.fits and roles.is_within(budget) else DOES_NOT_FIT


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
    return ConnectionBudget.from_environment(Environment(values))


def _live(budget: ConnectionBudget) -> ConnectionBudget:
    return server.ask().verdict_on(budget)


def _seen(budget: ConnectionBudget) -> str:
    try:
        peaks = sampling.series(hours=PEAK_HOURS).peaks
    except ProgrammingError:  # before the first migration there is no table of samples
        peaks = {}
    shown = ", ".join(f"{service.name} {peaks[service.name]}" for service in budget.services if service.name in peaks)
    return f"peak of the last {PEAK_HOURS} hours, sampled every minute: {shown or 'no samples yet'}"


def _unplanned(budget: ConnectionBudget) -> str:
    planned = {service.name for service in budget.services}
    others = {name or "(no name)": count for name, count in counting.observed().items() if name not in planned}
    shown = ", ".join(f"{name} {count}" for name, count in sorted(others.items())) or "none"
    return f"other clients now, this command among them: {shown}\n\n"
