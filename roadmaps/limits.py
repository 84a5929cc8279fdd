"""May another roadmap be kept, may it be made now, and may more be spent on models today?"""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connection
from django.db.models import Count, Q, QuerySet, Sum
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from roadmap_project.told import kept, told
from roadmaps import estimating
from roadmaps.models import ModelCall, Roadmap, Step

ACTIVE_LOCK = 7_364_003  # an advisory lock, beside those of steps.claiming


@dataclass(frozen=True)
class Standing:
    """How much of what a person may have made they use; a limit of 0 is none."""

    being_made: int
    most_being_made: int
    spent_today: Decimal
    most_a_day: Decimal
    kept: int
    most_kept: int


def standing(owner_id: int) -> Standing:
    return Standing(
        Roadmap.objects.being_made().filter(owner=owner_id).count(),
        settings.MAX_ACTIVE_ROADMAPS,
        _spent_today(roadmap__owner=owner_id),
        Decimal(str(settings.MAX_COST_PER_PERSON)),
        Roadmap.objects.kept().filter(owner=owner_id).count(),
        settings.MAX_ROADMAPS_PER_PERSON,
    )


def lock(owners: "list[int] | QuerySet[Any, Any]") -> bool:
    """The owner's row until the transaction ends: what begins for them begins one after the other, and is counted.

    False where they are gone. Before any lock on a roadmap of theirs.
    """
    rows = get_user_model().objects.select_for_update(no_key=True).filter(pk__in=owners)
    return bool(rows.values_list("pk", flat=True))


def problem_with_keeping(owner_id: int) -> str:
    """Why this person may have no further roadmap here; empty when they may.

    Beside as many as may be kept there is room for as many deleted ones, which stay until they are purged: making and
    deleting in turns would fill the disk. In the transaction that makes it, under the owner's lock.
    """
    most, days = settings.MAX_ROADMAPS_PER_PERSON, settings.DELETED_ROADMAP_RETENTION_DAYS
    if not most:
        return ""
    counts = {"kept": Count("pk", filter=Q(deleted_at__isnull=True)), "all": Count("pk")}
    found = Roadmap.objects.filter(owner=owner_id).aggregate(**counts)
    if found["kept"] >= most:
        return _("You have as many roadmaps as one person may keep (%(most)s). Delete one to make room.") % {
            "most": most
        }
    if found["all"] >= 2 * most:
        return ngettext(
            "You have deleted so many roadmaps lately that there is no room for another one. Each is gone for good "
            "%(days)s day after it was deleted.",
            "You have deleted so many roadmaps lately that there is no room for another one. Each is gone for good "
            "%(days)s days after it was deleted.",
            days,
        ) % {"days": days}
    return ""


def problem_with_another(owner_id: int) -> str:
    """Why no further roadmap of this person may be made now; empty when one may.

    In the transaction that begins it, under their lock: two at once cannot both take the last place.
    """
    active = Roadmap.objects.being_made()
    most, most_of_all = settings.MAX_ACTIVE_ROADMAPS, settings.MAX_ACTIVE_ROADMAPS_TOTAL
    if most and active.filter(owner=owner_id).count() >= most:
        return ngettext(
            "%(most)s of your roadmaps is being made already. Wait for it, or cancel it.",
            "%(most)s of your roadmaps are being made already. Wait for one, or cancel one.",
            most,
        ) % {"most": most}
    if most_of_all:
        _one_at_a_time()
        if active.count() >= most_of_all:
            return _("%(most)s roadmaps are being made for others already. Please try again in a few minutes.") % {
                "most": most_of_all
            }
    return problem_with_cost(owner_id)


def problem_with_cost(owner_id: int) -> str:
    """Why no further model call may be begun for this person today; empty when one may.

    What is being made goes on: a person's day costs at most the limit, one piece, and what MAX_ACTIVE_ROADMAPS
    roadmaps cost. Rewrites are bounded by no number, so what waits or runs counts as if it had its usual cost already.
    In the transaction that begins it, under their lock: two at once see each other.
    """
    if (most := settings.MAX_COST_PER_PERSON) and (problem := _problem_with_own_cost(owner_id, most)):
        return problem
    if is_spent():
        return told(SPENT)
    return ""


def _problem_with_own_cost(owner_id: int, most: float) -> str:
    spent = float(_spent_today(roadmap__owner=owner_id))
    if spent >= most:
        return _(
            "The model calls for you have cost %(most)s US dollars today, which is the limit. "
            "It goes on tomorrow (from 00:00 UTC)."
        ) % {"most": f"{most:g}"}
    rewrites = Step.objects.active().content().filter(roadmap__owner=owner_id, is_rewrite=True)
    if spent + estimating.cost_of(Counter(rewrites.values_list("kind", flat=True))) >= most:
        return _(
            "What is being written again for you may cost as much as is left of today’s limit of %(most)s US dollars. "
            "Wait until it is done."
        ) % {"most": f"{most:g}"}
    return ""


SPENT = kept(
    gettext_noop(
        "Today's limit for the cost of model calls is reached, for everybody. It goes on tomorrow (from 00:00 UTC)."
    )
)


def is_spent() -> bool:
    """Whether the installation's day has cost what it may."""
    return bool(settings.MAX_COST_TOTAL) and _spent_today() >= settings.MAX_COST_TOTAL


def seconds_left_today() -> float:
    return (_midnight() + timedelta(days=1) - datetime.now(UTC)).total_seconds()


def _spent_today(**whose: int) -> Decimal:
    calls = ModelCall.objects.filter(created_at__gte=_midnight(), **whose)
    return Decimal(calls.aggregate(cost=Sum("cost"))["cost"] or 0)


def _midnight() -> datetime:
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _one_at_a_time() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ACTIVE_LOCK])
