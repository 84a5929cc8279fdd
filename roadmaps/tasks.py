"""The functions that Django-Q runs."""

from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.utils import timezone

from roadmap_project import process
from roadmap_project.connections import LOST_CONNECTION
from roadmaps import accounts, erasing, log_lines, sending
from roadmaps.steps import draining, heartbeats, storing, sweeping

log = structlog.get_logger(__name__)


def drain(queue: str) -> int:
    return draining.drain(queue)


def beat(queue: str) -> None:
    storing.patiently(lambda: heartbeats.picked_up(queue))


def sweep(queue: str) -> None:
    sweeping.sweep(queue)


def save_log_lines(lines: list[dict[str, Any]]) -> None:
    try:
        storing.patiently(lambda: log_lines.save(lines))
    except LOST_CONNECTION:
        log.error("log_lines_lost", count=len(lines))
        raise


def send_mail() -> None:
    sending.send_due()


def send_new_password(address: str) -> None:
    request = process.task_key()
    storing.patiently(lambda: accounts.send_new_password(address, request=request))


def purge_records() -> None:
    erasing.purge_records(
        log_before=_days_ago(settings.LOG_RETENTION_DAYS), calls_before=_days_ago(settings.MODEL_CALL_RETENTION_DAYS)
    )


def purge_deleted_roadmaps() -> None:
    erasing.purge_deleted_roadmaps(deleted_before=_days_ago(settings.DELETED_ROADMAP_RETENTION_DAYS))


def _days_ago(days: int) -> datetime:
    return timezone.now() - timedelta(days=days)
