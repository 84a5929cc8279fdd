"""How does a cluster read its queue? It is told of tasks, waits where there is no database, and looks at itself."""

import math
import time
import uuid
from typing import Any

import structlog
from django.conf import settings
from django.db import connection, connections
from django.utils import timezone
from django_q.brokers.orm import ORM
from django_q.signing import SignedPackage

from roadmap_project import process
from roadmap_project.connections import LOST_CONNECTION

log = structlog.get_logger(__name__)

WAIT_SECONDS = 1.0
LOOK_SECONDS = 5.0  # between looks without having been told: at tasks that were handed out and never acknowledged
LISTEN_SECONDS = 0.2  # between looks whether the cluster stops, and where it is not told of tasks
TOLD_SECONDS = 2.0  # in which a task that was told of is looked for again: another machine's clock may be ahead
BEAT_SECONDS = 45.0  # without a worker's sign of life: two of them within the time after which a cluster counts as gone
# By name: the task belongs to an app that builds on this package.
BEAT = "roadmaps.tasks.beat"


class Broker(ORM):  # type: ignore[misc]
    """Django-Q's for tables, but it is told of new tasks by PostgreSQL, and does not end when the database is away."""

    listening: Any = None  # the connection that is told
    next_beat = 0.0
    told_at = -math.inf

    def enqueue(self, task: str) -> int:
        """Whoever listens is told when the caller's transaction is committed."""
        key: int = super().enqueue(task)
        if _can_listen():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_notify(%s, '')", [self.channel])
        return key

    def dequeue(self) -> list[tuple[int | None, str]] | None:
        """The next tasks; None where none came for LOOK_SECONDS, or there is no database.

        What stands in the table may be taken by any cluster of this queue. So that each of them is known to have a
        worker that works, its pusher hands an idle one a task now and then that no other sees, and nobody acknowledges.
        """
        beat_due = max(self.next_beat, process.current.beaten_at.value + BEAT_SECONDS)
        if process.current.cluster and time.monotonic() >= beat_due:
            self.next_beat = time.monotonic() + BEAT_SECONDS
            return [(None, SignedPackage.dumps(_beat(self.list_key)))]
        try:
            tasks: list[tuple[int | None, str]] | None = super().dequeue()
            if tasks is None:  # not where another cluster was faster: there may be more
                self._listen() if _can_listen() else time.sleep(LISTEN_SECONDS)
        except LOST_CONNECTION as error:
            _wait(error)
            return None
        return tasks

    @property
    def channel(self) -> str:
        return f"tasks_{self.list_key}"

    def _listen(self) -> None:
        with connection.wrap_database_errors:
            client = connection.connection
            if client is not self.listening:
                client.execute(f'LISTEN "{self.channel}"')
                self.listening = client
                return  # to look once more: what was committed before is not told
            was_told = time.monotonic() < self.told_at + TOLD_SECONDS
            until = time.monotonic() + (LISTEN_SECONDS if was_told else LOOK_SECONDS)
            while time.monotonic() < until and not process.is_stopping():
                for _ in client.notifies(timeout=LISTEN_SECONDS, stop_after=1):
                    self.told_at = time.monotonic()
                    return

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


def _can_listen() -> bool:
    """A pooler that lends connections by the transaction passes nothing on, nor does one that is closed each time."""
    return settings.DB_POOLER == "none" and connection.settings_dict["CONN_MAX_AGE"] != 0


def _beat(queue: str) -> dict[str, Any]:
    return {
        "id": uuid.uuid4().hex,
        "name": f"beat {queue}",
        "func": BEAT,
        "args": (queue,),
        "kwargs": {},
        "started": timezone.now(),
    }


def _wait(error: Exception) -> None:
    connections.close_all()
    log.warning("queue_unreachable", reason=str(error).strip(), next_try_in=WAIT_SECONDS)
    time.sleep(WAIT_SECONDS)
