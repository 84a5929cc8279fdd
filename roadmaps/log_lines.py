"""Where do log lines go that arise outside a step (pages, commands)? Buffered here, inserted by the logs cluster."""

import threading
import time
from datetime import datetime
from typing import Any

import structlog
from django.db import DatabaseError, connection
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django_q.tasks import async_task

from roadmaps.models import Concept, LogEntry, Roadmap
from roadmaps.steps.storing import short_transaction

log = structlog.get_logger(__name__)

MOST_BUFFERED = 50
LONGEST_BUFFERED = 2.0  # seconds
LINES_LOCK = 7_364_004  # of an advisory lock, with what the lines say

_lock = threading.Lock()
_buffer: list[dict[str, Any]] = []
_oldest = 0.0


def line(
    roadmap: Roadmap,
    event: str,
    message: str = "",
    *,
    concept: Concept | None = None,
    level: str = LogEntry.Level.INFO,
    **details: Any,
) -> None:
    """Note a line; it reaches the database after the request, or with the fiftieth line, or after two seconds.

    It is known by the ids that people see, and by the request in which it arose.
    """
    global _oldest
    ids = {"roadmap": roadmap.slug, **({"concept": f"{roadmap.slug}:{concept.key}"} if concept else {})}
    getattr(log, level)(event, **ids, message=message, **details)
    if request_id := structlog.contextvars.get_contextvars().get("request_id"):
        details["request_id"] = request_id
    with _lock:
        _oldest = _oldest if _buffer else time.monotonic()
        _buffer.append(
            {
                "roadmap_id": roadmap.pk,
                "concept_id": concept.pk if concept else None,
                "event": event,
                "message": message,
                "level": level,
                "details": details,
                "happened_at": timezone.now().isoformat(),
            }
        )
        is_due = len(_buffer) >= MOST_BUFFERED or time.monotonic() - _oldest >= LONGEST_BUFFERED
    if is_due:
        flush()


def flush() -> None:
    """Hand the buffered lines to the logs cluster. A failure loses them, says how many, and fails nothing else."""
    with _lock:
        lines, _buffer[:] = list(_buffer), []
    if not lines:
        return
    try:
        async_task("roadmaps.tasks.save_log_lines", lines, cluster="logs", task_name="save log lines")
    except DatabaseError:
        log.exception("log_lines_lost", count=len(lines))


def save(lines: list[dict[str, Any]]) -> None:
    """Insert what can be inserted, in one transaction; nothing where that was done before, or is done meanwhile.

    Where somebody holds a roadmap's row it waits as briefly as a store, and raises OperationalError.
    A roadmap that was deleted meanwhile takes its lines along, a concept only its name on them.
    """
    with short_transaction():
        if lines and not _were_saved(lines):
            _insert(lines)


def _were_saved(lines: list[dict[str, Any]]) -> bool:
    """Whether the batch is there. A line is known by what happened to which roadmap, to the microsecond.

    Looked up, as the table is the largest of all and such a batch small: an index of keys would cost every line.
    """
    with connection.cursor() as cursor:  # another delivery that is under way is waited for
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, %s))", [str(_identity(lines[0])), LINES_LOCK])
    wanted = {_identity(line) for line in lines}
    roadmaps, _, moments = zip(*wanted, strict=True)
    there = LogEntry.objects.filter(happened_at__in=set(moments), roadmap_id__in=set(roadmaps)).order_by()
    return not wanted.isdisjoint(there.values_list("roadmap_id", "event", "happened_at"))


def _identity(line: dict[str, Any]) -> tuple[int, str, datetime | None]:
    return line["roadmap_id"], line["event"], parse_datetime(line["happened_at"])


def _insert(lines: list[dict[str, Any]]) -> None:
    roadmaps = set(Roadmap.objects.filter(pk__in={line["roadmap_id"] for line in lines}).values_list("pk", flat=True))
    named = {concept_id for line in lines if (concept_id := line.get("concept_id"))}
    concepts = set(Concept.objects.filter(pk__in=named).values_list("pk", flat=True)) if named else set()
    LogEntry.objects.insert(
        LogEntry(
            **{
                **line,
                "concept_id": line.get("concept_id") if line.get("concept_id") in concepts else None,
                "happened_at": parse_datetime(line["happened_at"]),
            }
        )
        for line in lines
        if line["roadmap_id"] in roadmaps
    )
