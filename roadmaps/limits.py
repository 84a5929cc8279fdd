"""May another roadmap be made now, and may more be spent on models today?"""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connection
from django.db.models import Sum
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


def standing(owner_id: int) -> Standing:
    return Standing(
        Roadmap.objects.being_made().filter(owner=owner_id).count(),
        settings.MAX_ACTIVE_ROADMAPS,
        _spent_today(roadmap__owner=owner_id),
        Decimal(str(settings.MAX_COST_PER_PERSON)),
    )


def problem_with_another(owner_id: int) -> str:
    """Why no further roadmap of this person may be made now; empty when one may.

    In the transaction that begins it: two at once cannot both take the last place.
    """
    get_user_model().objects.select_for_update(no_key=True).get(pk=owner_id)
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
    In the transaction that begins it: two at once see each other.
    """
    if (most := settings.MAX_COST_PER_PERSON) and (problem := _problem_with_own_cost(owner_id, most)):
        return problem
    if is_spent():
        return told(SPENT)
    return ""


def _problem_with_own_cost(owner_id: int, most: float) -> str:
    get_user_model().objects.select_for_update(no_key=True).get(pk=owner_id)
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
