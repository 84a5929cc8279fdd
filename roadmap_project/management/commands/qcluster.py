"""manage.py qcluster: Django-Q's command, with our cluster."""

import gc
import sys
from argparse import ArgumentParser
from typing import Any

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connections
from django.utils.module_loading import import_string

from roadmap_project import process, restarting
from roadmap_project.cluster import Cluster
from roadmap_project.connection_budget import CLUSTER_NAMES
from roadmap_project.live_checks import refusals_at_start, wait_for_server
from roadmap_project.llm import asking

log = structlog.get_logger(__name__)

# Imported before the fork, so that the workers share the pages.
PRELOADED = (
    "roadmaps.tasks.drain",
    "content.tasks.check_links_again",
    "content.writing.TUTORIAL",
    "roadmaps.editing.EDIT",
    "roadmap_project.page_urls.urlpatterns",
)


def _require_fit() -> None:
    refusals = refusals_at_start()
    if refusals:
        raise CommandError("\n".join(map(str, refusals)))


class Command(BaseCommand):
    help = "Serve one queue: Q_CLUSTER_NAME=logs|content|workflow manage.py qcluster"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--run-once", action="store_true", help="Start, finish what was picked up, and stop.")

    def handle(self, *args: Any, **options: Any) -> None:
        restarting.end_when_asked()
        name = settings.Q_CLUSTER_NAME
        if name not in CLUSTER_NAMES:
            raise CommandError(f"Set Q_CLUSTER_NAME to one of {', '.join(CLUSTER_NAMES)}; it names the queue to serve.")
        if not settings.SECRET_KEY:
            raise CommandError("Set SECRET_KEY: tasks are signed with it.")
        process.become(name, "parent")  # what it asks is of its service's share, too
        _require_fit()
        wait_for_server()
        _require_fit()  # what the server says, where it had to be waited for
        for path in PRELOADED:
            import_string(path)
        if name != "logs":
            asking.provider()
        connections.close_all()  # the checks' connection must not be shared with the children
        gc.freeze()  # a child's collector would write to every page that it shares with the others
        is_asked = self._serve(name, is_once=options["run_once"])
        log.info("cluster_ended", queue=name, asked=is_asked)
        if not is_asked:
            restarting.restart()
            sys.exit(1)

    def _serve(self, name: str, *, is_once: bool) -> bool:
        """Until the cluster's end; whether it was asked to end, by whom does not matter."""
        service = settings.CONNECTION_BUDGET.service(name)
        cluster = Cluster(name)
        cluster.start()
        log.info(
            "cluster_started",
            queue=name,
            workers=service.processes,
            in_flight=service.in_flight,
            connections=service.peak,
        )
        if is_once:
            cluster.ask_to_stop()
        cluster.wait()
        restarting.hold_signals()
        return cluster.is_asked
