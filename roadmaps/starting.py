"""How does a goal become a roadmap's first row and first step?"""

import hashlib
import uuid
from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils.text import slugify
from django.utils.translation import gettext as _

from roadmaps import limits, log_lines
from roadmaps.deciding import RefusedError, refuse
from roadmaps.designing import add_step
from roadmaps.models import Roadmap, Step
from roadmaps.slugs import new_token, slug_from
from roadmaps.words import has_words


class KeyUsedOtherwiseError(RefusedError):
    """The request's key came before, with something else."""


def named_key(name: str, sent: bytes) -> uuid.UUID:
    """A request key for who names their request: one half stands for its name, the other for what is sent with it."""
    return uuid.UUID(bytes=b"".join(hashlib.sha256(each).digest()[:8] for each in (name.encode(), sent)))


def start(*, owner: Any, goal: str, request_key: uuid.UUID | None = None, **wishes: Any) -> Roadmap:
    """Create the roadmap, its first step and the wake-up, in one transaction.

    Called twice with the same `request_key`, both calls return the same roadmap. Raises RefusedError for an
    empty or overlong goal and above the limits of roadmaps being made and of the day's cost.
    """
    goal = " ".join(goal.replace("\x00", "").split())
    if not has_words(goal):
        raise RefusedError(_("Say what you want to learn."))
    if len(goal) > Roadmap.GOAL_LENGTH:
        raise RefusedError(
            _("Please say it in at most %(most)s characters; these are %(length)s.")
            % {"most": f"{Roadmap.GOAL_LENGTH:,}", "length": f"{len(goal):,}"}
        )
    with transaction.atomic():
        if existing := made_before(owner=owner, request_key=request_key):
            return existing
        refuse(limits.problem_with_another(owner.pk))
        token = new_token()
        roadmap = Roadmap.objects.create(
            owner=owner,
            goal=goal,
            token=token,
            slug=slug_from(slugify(goal).split("-")[:6], token),
            request_key=request_key,
            **wishes,
        )
        add_step(roadmap, Step.Kind.ANALYSE)
    log_lines.line(roadmap.pk, "roadmap_started", goal)
    return roadmap


def made_before(*, owner: Any, request_key: uuid.UUID | None) -> Roadmap | None:
    """The roadmap that an earlier request with this key made; raises KeyUsedOtherwiseError, see `named_key`.

    Locks the owner's row until the transaction ends: their roadmaps begin one after the other, and can be counted.
    """
    get_user_model().objects.select_for_update(no_key=True).get(pk=owner.pk)
    if request_key is None:
        return None
    name = request_key.bytes[:8]
    named_so = (uuid.UUID(bytes=name + b"\x00" * 8), uuid.UUID(bytes=name + b"\xff" * 8))
    found = Roadmap.objects.filter(owner=owner, request_key__range=named_so).first()
    if found and found.request_key != request_key:
        raise KeyUsedOtherwiseError(_("This key was used before, with something else."))
    return found
