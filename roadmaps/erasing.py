"""What is gone for good, and when?"""

from datetime import datetime

import structlog
from django.db import transaction

from roadmap_project.purging import purge
from roadmaps.models import LogEntry, Mail, ModelCall, Roadmap

log = structlog.get_logger(__name__)


def erase(roadmap_id: int, *, deleted_before: datetime | None = None) -> bool:
    """Delete the roadmap with all that belongs to it, in one transaction: attempts, log and progress included.

    Of its model calls only what they cost is kept, without what they were about.

    With `deleted_before` only if it is still deleted since then: somebody may have taken it back. False where it was
    not there (any more), so that of two at once one erases. An answer that is under way finds no step to store to.
    """
    with transaction.atomic():
        roadmap = Roadmap.objects.select_for_update().filter(pk=roadmap_id).first()
        if roadmap is None:
            return False
        if deleted_before and not (roadmap.deleted_at and roadmap.deleted_at < deleted_before):
            return False
        roadmap.model_calls.update(error="")
        roadmap.delete()
    return True


def purge_deleted_roadmaps(*, deleted_before: datetime) -> int:
    """Erase, each in a transaction of its own, what people deleted before that moment."""
    expired = Roadmap.objects.filter(deleted_at__lt=deleted_before).values_list("pk", flat=True)
    erased = sum(erase(pk, deleted_before=deleted_before) for pk in list(expired))
    log.info("deleted_roadmaps_purged", count=erased)
    return erased


def purge_records(*, log_before: datetime, calls_before: datetime) -> tuple[int, int]:
    """Delete older log lines, model calls and mail (as old as log lines); returns how many of the first two."""
    lines = purge(LogEntry.objects.filter(happened_at__lt=log_before).order_by("happened_at"))
    calls = purge(ModelCall.objects.filter(created_at__lt=calls_before).order_by("created_at"))
    mails = purge(Mail.objects.filter(created_at__lt=log_before).order_by("created_at"))
    log.info("records_purged", log_lines=lines, model_calls=calls, mails=mails)
    return lines, calls
