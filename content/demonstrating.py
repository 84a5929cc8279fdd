"""What does the demo show of a roadmap? Text for a terminal."""

from typing import Any

from django.db.models import Count, Q, QuerySet

from content.models import Tutorial
from roadmap_project.demo import Sight, wrapped
from roadmaps.models import Roadmap, Step


def state(token: str) -> str:
    return Roadmap.objects.values_list("state", flat=True).get(token=token)


def describe(token: str) -> str:
    """One line: the state, then what was done of how much."""
    roadmap = Roadmap.objects.get(token=token)
    counts = roadmap.steps.content().aggregate(
        all=Count("pk"),
        done=Count("pk", filter=Q(state=Step.State.DONE)),
        failed=Count("pk", filter=Q(state=Step.State.FAILED)),
    )
    line = roadmap.get_state_display()
    if counts["all"]:
        filled = 30 * counts["done"] // counts["all"]
        line += f"  [{'#' * filled}{'.' * (30 - filled)}] {counts['done']} of {counts['all']} pieces"
        line += f", {counts['failed']} failed" if counts["failed"] else ""
    elif running := roadmap.steps.exclude(state=Step.State.DONE).order_by("-pk").first():
        line += f": {running.get_kind_display().lower()}"
    return line + (f" ({roadmap.notice})" if roadmap.notice else "")


def outline(token: str) -> str:
    roadmap = Roadmap.objects.get(token=token)
    lines = [roadmap.title, f"{roadmap.hours:g} hours, {roadmap.weeks} weeks. {roadmap.origin}", ""]
    pieces = Count("steps", filter=Q(steps__state=Step.State.DONE, steps__kind__in=Step.CONTENT_KINDS))
    for stage in roadmap.stages.prefetch_related("modules"):
        lines.append(f"{stage.position + 1}. {stage.name}")
        for module in stage.modules.all():
            lines.append(f"   {module.name}")
            concepts: QuerySet[Any] = module.concepts.annotate(pieces=pieces).order_by("position")
            lines += [
                f"     {concept.key}  {concept.name} ({concept.hours:g} h)  {concept.pieces} of 3 pieces"
                for concept in concepts
            ]
    return "\n".join(lines)


def opening(token: str) -> str:
    tutorial = Tutorial.objects.current().filter(concept__roadmap__token=token).order_by("concept__position").first()
    if tutorial is None:
        return "No tutorial was written."
    text = tutorial.markdown.replace("## Overview", "").strip()
    return f"{tutorial.title} ({tutorial.minutes} minutes; {tutorial.origin})\n\n{wrapped(text)}\n…"


SIGHT = Sight(state=state, describe=describe, outline=outline, opening=opening)
