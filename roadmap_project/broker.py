"""How does a cluster read its queue while the database is away? It waits."""

import time

import structlog
from django.conf import settings
from django.db import connections
from django_q.brokers.orm import ORM

from roadmap_project.connections import LOST_CONNECTION

log = structlog.get_logger(__name__)

WAIT_SECONDS = 1.0


class Broker(ORM):  # type: ignore[misc]
    """Django-Q's for tables, but no process of a cluster ends because the database does not answer."""

    def dequeue(self) -> list[tuple[int, str]] | None:
        """The next tasks; None where there are none, or no database."""
        try:
            tasks: list[tuple[int, str]] | None = super().dequeue()
        except LOST_CONNECTION as error:
            _wait(error)
            return None
        return tasks

    def acknowledge(self, task_id: int) -> None:
        """Tried for STORE_RETRY_SECONDS; a task that is not acknowledged then is run again, which it bears."""
        until = time.monotonic() + settings.STORE_RETRY_SECONDS
        while True:
            try:
                super().acknowledge(task_id)
            except LOST_CONNECTION as error:
                if time.monotonic() > until:
                    raise
                _wait(error)
            else:
                return


def _wait(error: Exception) -> None:
    connections.close_all()
    log.warning("queue_unreachable", reason=str(error).strip(), next_try_in=WAIT_SECONDS)
    time.sleep(WAIT_SECONDS)
