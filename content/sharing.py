"""Who may read a roadmap by a link, and how does a reader get one of their own?"""

import uuid
from functools import reduce
from operator import or_

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from content import importing
from content.exporting import reading
from content.models import Share
from roadmap_project.library.subjects import escaped
from roadmaps import accounts, log_lines
from roadmaps.deciding import RefusedError
from roadmaps.models import Roadmap

TELLING = 12  # bytes: a shorter goal names a subject, in any text about it, and says nothing about a person
RECOGNISED = 150  # characters: texts may have a longer goal's beginning alone
OUTLINE = [f"{part}{name}" for part in ("", "module__", "module__stage__") for name in ("name", "description")]


def repeats_goal(roadmap: Roadmap) -> bool:
    """Whether the title or the outline holds the owner's goal word for word, as a scaffold's do. One query at most."""
    words = " ".join(roadmap.goal.split())
    if len(words.encode()) < TELLING:
        return False
    ways = {each[:RECOGNISED] for each in (roadmap.goal, words, escaped(words))}
    holds = reduce(or_, (Q(**{f"{field}__icontains": each}) for field in OUTLINE for each in ways))
    return any(each.casefold() in roadmap.title.casefold() for each in ways) or roadmap.concepts.filter(holds).exists()


def share(roadmap: Roadmap) -> Share:
    """The roadmap's link; asked for again, it is the same one."""
    with transaction.atomic():
        locked = Roadmap.objects.locked(roadmap.pk)
        if not locked.revisions.exists():
            raise RefusedError(_("There is nothing to share yet: the outline is not there."))
        found, is_new = Share.objects.get_or_create(roadmap=locked)
    if is_new:
        log_lines.line(roadmap, "roadmap_shared")
    return found


def revoke(roadmap: Roadmap) -> None:
    """From now on the link is not found, and no later link is the same."""
    gone, _ = Share.objects.filter(roadmap=roadmap).delete()
    if gone:
        log_lines.line(roadmap, "share_revoked")


def lay_out(shared: Share, *, reader: User) -> importing.LaidOut:
    """What a reader's copy would hold, in their own hours a week; it is the slow part."""
    own = {"hours_per_week": accounts.defaults(reader)["hours_per_week"]}
    return importing.lay_out(reading.for_others(shared.roadmap).model_copy(update=own))


def copy(shared: Share, *, owner: User, request_key: uuid.UUID | None = None) -> Roadmap:
    """A roadmap of the reader's own with all that is finished. Once per `request_key`."""
    laid_out = lay_out(shared, reader=owner)
    return importing.create(laid_out, owner=owner, origin=importing.FROM_A_LINK, request_key=request_key)
