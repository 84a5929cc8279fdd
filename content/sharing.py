"""Who may read a roadmap by a link, and how does a reader get one of their own?"""

import uuid

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

from content import importing
from content.exporting import reading
from content.models import Share
from roadmaps import log_lines
from roadmaps.deciding import RefusedError
from roadmaps.models import Roadmap


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


def lay_out(shared: Share) -> importing.LaidOut:
    """What a copy would hold; it is the slow part."""
    return importing.lay_out(reading.for_others(shared.roadmap))


def copy(shared: Share, *, owner: User, request_key: uuid.UUID | None = None) -> Roadmap:
    """A roadmap of the reader's own with all that is finished. Once per `request_key`."""
    return importing.create(lay_out(shared), owner=owner, origin=importing.FROM_A_LINK, request_key=request_key)
