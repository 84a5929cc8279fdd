"""How does a goal become a roadmap's first row and first step?"""

import uuid
from typing import Any

from django.db import transaction
from django.utils.text import slugify
from django.utils.translation import gettext as _

from roadmaps import limits, log_lines
from roadmaps.deciding import RefusedError, refuse
from roadmaps.designing import add_step
from roadmaps.models import Roadmap, Step
from roadmaps.slugs import new_token, slug_from
from roadmaps.words import has_words


def start(*, owner: Any, goal: str, request_key: uuid.UUID | None = None, **wishes: Any) -> Roadmap:
    """Create the roadmap, its first step and the wake-up, in one transaction.

    Called twice with the same `request_key`, both calls return the same roadmap. Raises RefusedError for an
    empty or overlong goal and above the limits of roadmaps kept and being made, and of the day's cost.
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
        refuse(limits.problem_with_keeping(owner.pk) or limits.problem_with_another(owner.pk))
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
    log_lines.line(roadmap, "roadmap_started", goal)
    return roadmap


def made_before(*, owner: Any, request_key: uuid.UUID | None) -> Roadmap | None:
    """The roadmap that an earlier request with this key made. A deleted one gives its key up.

    Locks the owner's row until the transaction ends, which `limits` asks for. Raises RefusedError where they are gone.
    """
    if not limits.lock([owner.pk]):
        raise RefusedError(_("This account is gone."))
    found = with_key(owner=owner, request_key=request_key)
    if request_key and not found:
        Roadmap.objects.deleted().filter(owner=owner, request_key=request_key).update(request_key=None)
    return found


def with_key(*, owner: Any, request_key: uuid.UUID | None) -> Roadmap | None:
    """What a request with this key made and its owner still has."""
    return Roadmap.objects.for_owner(owner).filter(request_key=request_key).first() if request_key else None


def key_of(form_key: uuid.UUID, words: str) -> uuid.UUID:
    """A request's key: the same for the same words of the same form.

    Back may bring a form that was sent already. Sent again as it was, it is the same request; with other words another.
    """
    return uuid.uuid5(form_key, words)
