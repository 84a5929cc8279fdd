"""How are many old rows deleted without holding locks for long?"""

from datetime import datetime
from typing import Any

import structlog
from django.db import models, transaction
from django.db.models import Q
from django_q.models import Task

log = structlog.get_logger(__name__)

BATCH = 5000


def purge(rows: "models.QuerySet[Any]", *, batch: int | None = None) -> int:
    """Delete the rows in transactions of at most `batch` (BATCH) each; returns how many went here.

    Two that run at once share the work: each passes over what the other has locked. One that was ended midway
    keeps what it has done. The rows' order decides which go first, and should be an index's.
    """
    batch, deleted = batch or BATCH, 0
    while True:
        with transaction.atomic():
            taken = list(rows.select_for_update(skip_locked=True).values_list("pk", flat=True)[:batch])
            rows.model._default_manager.filter(pk__in=taken).delete()
        deleted += len(taken)
        if len(taken) < batch:
            return deleted


def purge_task_results(*, before: datetime, failures_before: datetime) -> int:
    """Django-Q's stored results: failures may be kept for longer, because somebody has to read them."""
    old = Q(success=True, stopped__lt=before) | Q(success=False, stopped__lt=failures_before)
    deleted = purge(Task.objects.filter(old).order_by("pk"))
    log.info("task_results_purged", count=deleted)
    return deleted
