"""When is a roadmap finished, and how well did it go?"""

from collections.abc import Iterable

from django.db.models import Count, Q
from django.utils.translation import gettext_noop

from roadmap_project.told import kept
from roadmaps import mailing
from roadmaps.models import Roadmap, Step

NONE_WRITTEN = kept(gettext_noop("None of the pieces could be written. You can try them again."))
SOME_WRITTEN = kept(
    gettext_noop("%(done)s of %(all)s pieces are ready; %(missing)s could not be written. You can try those again.")
)


def settle_all(roadmaps: Iterable[Roadmap]) -> None:
    """Like settle() for each; one query while they all have pieces under way."""
    writing = [roadmap for roadmap in roadmaps if roadmap.state == Roadmap.State.WRITING]
    active = Step.objects.content().active().filter(roadmap__in=writing)
    busy = set(active.values_list("roadmap_id", flat=True).distinct()) if writing else set()
    for roadmap in writing:
        if roadmap.pk not in busy:
            settle(roadmap)


def settle(roadmap: Roadmap) -> None:
    """Move a roadmap that is being written to its final state once no piece is under way.

    The caller holds the roadmap's lock; calling again changes nothing.
    """
    if roadmap.state != Roadmap.State.WRITING:
        return
    counts = (
        Step.objects.content()
        .filter(roadmap=roadmap)
        .aggregate(
            all=Count("pk"),
            active=Count("pk", filter=Q(state__in=Step.ACTIVE)),
            done=Count("pk", filter=Q(state=Step.State.DONE)),
        )
    )
    if counts["active"]:
        return
    missing = counts["all"] - counts["done"]
    if missing == 0:
        roadmap.move(Roadmap.State.READY)
    elif counts["done"] == 0:
        roadmap.move(Roadmap.State.FAILED, notice=NONE_WRITTEN)
    else:
        roadmap.move(
            Roadmap.State.PARTLY_READY,
            notice=SOME_WRITTEN % {"done": counts["done"], "all": counts["all"], "missing": missing},
        )
    mailing.announce(roadmap)
