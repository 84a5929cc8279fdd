"""What people do in a benchmark, each as a process in the fleet's environment; its last line says what came of it."""

import json
import sys
from typing import Any


def backlog(roadmaps: int) -> dict[str, Any]:
    """Rows of roadmaps whose pieces wait, until somebody lets them."""
    from datetime import timedelta

    from django.db.models.functions import Now

    from roadmaps.models import Step
    from tests.backlog import STEPS_PER_ROADMAP, make_backlog

    make_backlog(steps=roadmaps * STEPS_PER_ROADMAP)
    return {"steps": Step.objects.update(not_before=Now() + timedelta(days=1))}


def more(steps: int) -> dict[str, Any]:
    """So many waiting steps, of roadmaps that were written before; nothing else waits."""
    from roadmaps.models import Roadmap, Step

    Step.objects.active().cancel()
    roadmaps = list(Roadmap.objects.order_by("pk").values_list("pk", flat=True)[: steps // 90 + 2])
    Roadmap.objects.filter(pk__in=roadmaps).update(state=Roadmap.State.WRITING)
    found = Step.objects.content().filter(roadmap__in=roadmaps).start_over()
    return {"steps": found, **wake()}


def wake() -> dict[str, Any]:
    from roadmaps.steps import waking

    waking.wake("content")
    return {}


def newcomer(goal: str) -> dict[str, Any]:
    """Somebody new starts a roadmap that needs no review."""
    from django.contrib.auth import get_user_model

    from roadmaps import starting

    owner = get_user_model().objects.create_user(goal.lower().replace(" ", "-"))
    return addresses(starting.start(owner=owner, goal=goal, skips_review=True))


def reader(goal: str) -> dict[str, Any]:
    """Whoever started it comes back: its address has the words that the design has found meanwhile."""
    from roadmaps.models import Roadmap

    return addresses(Roadmap.objects.get(goal=goal))


def addresses(roadmap: Any) -> dict[str, Any]:
    """Its owner's cookie and its pages, and those of another roadmap that waits or is being written."""
    from django.test import Client
    from django.urls import reverse

    from roadmaps.models import Roadmap

    def cookie_of(user: Any) -> str:
        client = Client()
        client.force_login(user)
        return f"sessionid={client.cookies['sessionid'].value}"

    other = Roadmap.objects.exclude(pk=roadmap.pk).order_by("pk").first()
    return {
        "cookie": cookie_of(roadmap.owner),
        "token": roadmap.token,
        "empty": reverse("health-live"),
        "roadmap": roadmap.get_absolute_url(),
        "concept": reverse("content:concept", args=[roadmap.slug, "c-1-1-1"]),
        "progress": reverse("roadmaps:progress", args=[roadmap.slug]),
        "progress of one being written": other and reverse("roadmaps:progress", args=[other.slug]),
        "other_cookie": other and cookie_of(other.owner),
    }


ACTS = {
    "backlog": lambda roadmaps: backlog(int(roadmaps)),
    "backlog-again": lambda steps: more(int(steps)),
    "wake": wake,
    "newcomer": newcomer,
    "reader": reader,
}

if __name__ == "__main__":
    import django

    django.setup()
    sys.stdout.write(f"\n{json.dumps(ACTS[sys.argv[1]](*sys.argv[2:]))}\n")
