"""What is gone for good, and when?"""

from collections.abc import Collection
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any

import structlog
from django.contrib.admin.models import LogEntry as Noted
from django.contrib.auth.models import User
from django.db import DatabaseError, transaction
from django.db.models import CASCADE, Q, QuerySet, TextField
from django.db.models.functions import Cast
from django_q.models import Failure

from roadmap_project.models import KeyedRequest
from roadmap_project.purging import purge
from roadmaps.models import Concept, LogEntry, Mail, ModelCall, Roadmap

log = structlog.get_logger(__name__)

NEW_PASSWORD, LOG_LINES = "roadmaps.tasks.send_new_password", "roadmaps.tasks.save_log_lines"


def erase(roadmap_id: int, *, deleted_before: datetime | None = None) -> bool:
    """Delete the roadmap with all that belongs to it, in one transaction: attempts, log and progress included.

    Of its model calls only what they cost is kept, without what they were about; of what the admin noted, that it was
    done to something of the roadmap's token; of what the owner's programs asked about it under a key, that it was done:
    sent again within the key's day, it would otherwise be done, and bought, once more.

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
        _noted_about(roadmap).update(object_repr=roadmap.token)
        owner, token = roadmap.owner_id, roadmap.token
        roadmap.delete()
        _forget_answers(owner, about=token)
    return True


def _forget_answers(owner_id: int, *, about: str) -> None:
    """They repeat goals and texts. One that does not say what it is about, of an earlier release, goes as well.

    After the deletion, which waits for requests that are writing to the roadmap: then their answers are here.
    """
    KeyedRequest.objects.filter(user=owner_id, about__in=(about, "")).update(answer=None)


def _noted_about(roadmap: Roadmap) -> QuerySet[Noted]:
    """The admin's notes about the roadmap and whatever hangs on it or on its concepts; they repeat titles and names.

    To be asked before anything is deleted: afterwards nothing says whose a part was.
    """
    parts: list[QuerySet[Any]] = [Roadmap.objects.filter(pk=roadmap.pk)]
    for model, way in ((Roadmap, "{}"), (Concept, "{}__roadmap")):
        links = [link for link in model._meta.related_objects if not link.many_to_many]
        parts += [link.field.model._base_manager.filter(**{way.format(link.field.name): roadmap}) for link in links]
    return Noted.objects.filter(reduce(or_, map(_about, parts)))


def forget_notes_about(user: User) -> None:
    """What the admin noted about a person and what goes with them says from now on only that it was an account's."""
    parts: list[QuerySet[Any]] = [User.objects.filter(pk=user.pk)]
    parts += [
        link.field.model._base_manager.filter(**{link.field.name: user})
        for link in User._meta.related_objects
        if link.on_delete is CASCADE and not link.many_to_many
    ]
    Noted.objects.filter(reduce(or_, map(_about, parts))).update(object_repr=f"account {user.pk}")


def forget_failed_tasks_about(user: User, roadmaps: Collection[int]) -> None:
    """Django-Q keeps what failed with its arguments: who asked for a new password, and lines that quote goals.

    What holds a line about one of these roadmaps goes whole, with others' lines in it.
    """
    kept = Failure.objects.filter(func__in=(NEW_PASSWORD, LOG_LINES)).only("func", "args")
    theirs: dict[str, set[Any]] = {NEW_PASSWORD: {user.email.casefold()} - {""}, LOG_LINES: set(roadmaps)}
    about = [task.pk for task in kept.iterator() if theirs[task.func] & _named_in(task)]
    Failure.objects.filter(pk__in=about).delete()


def _named_in(task: Failure) -> set[Any]:
    """The address, or the roadmaps, that come first among a task's arguments."""
    first = next(iter(task.args or ()), "")
    return {first.casefold()} if isinstance(first, str) else {line["roadmap_id"] for line in first}


def _about(rows: QuerySet[Any]) -> Q:
    named = {"content_type__app_label": rows.model._meta.app_label, "content_type__model": rows.model._meta.model_name}
    return Q(**named, object_id__in=rows.values_list(Cast("pk", TextField())))


def purge_deleted_roadmaps(*, deleted_before: datetime) -> int:
    """Erase, each in a transaction of its own, what people deleted before that moment.

    One that cannot be erased keeps no other from it; the last such error is raised when all were tried, so that the
    task counts as failed.
    """
    expired = Roadmap.objects.filter(deleted_at__lt=deleted_before).values_list("pk", flat=True)
    erased, failed = 0, None
    for pk in list(expired):
        try:
            erased += erase(pk, deleted_before=deleted_before)
        except DatabaseError as error:
            log.exception("deleted_roadmap_not_purged", roadmap=pk)
            failed = error
    log.info("deleted_roadmaps_purged", count=erased)
    if failed:
        raise failed
    return erased


def purge_records(*, log_before: datetime, calls_before: datetime) -> tuple[int, int]:
    """Delete older log lines, model calls and mail (as old as log lines); returns how many of the first two."""
    lines = purge(LogEntry.objects.filter(happened_at__lt=log_before).order_by("happened_at"))
    calls = purge(ModelCall.objects.filter(created_at__lt=calls_before).order_by("created_at"))
    mails = purge(Mail.objects.filter(created_at__lt=log_before).order_by("created_at"))
    log.info("records_purged", log_lines=lines, model_calls=calls, mails=mails)
    return lines, calls
