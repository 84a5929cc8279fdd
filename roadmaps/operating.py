"""What does somebody see who looks at the roadmaps of all people?"""

from collections.abc import Iterator

from django.db.models import Count

from roadmaps.models import Roadmap, Step
from roadmaps.reading import Pieces
from roadmaps.slugs import token_of


def found(slug: str) -> Roadmap | None:
    """By the slug's token, whoever owns it; the words before the token may be outdated."""
    return Roadmap.objects.kept().filter(token=token_of(slug)).first()


def count_pieces(roadmap: Roadmap) -> Pieces:
    """One query, without the reasons of failures."""
    counts = roadmap.steps.content().values_list("state").annotate(Count("pk")).order_by("state")
    return Pieces(dict(counts), {})


def failing() -> Iterator[tuple[Roadmap, list[tuple[str, int]]]]:
    """The roadmaps with failures, the newest first, each with its reasons, the most frequent first. Two queries.

    Pieces of which an earlier version stands, since only writing them again failed, come with that said.
    """
    reasons: dict[int, list[tuple[str, int]]] = {}
    rows = Step.objects.failed().filter(roadmap__deleted_at__isnull=True).values_list("roadmap", "last_error", "state")
    for pk, error, state, count in rows.annotate(count=Count("pk")).order_by("-count", "last_error", "state"):
        reason = error or "No reason was recorded."
        told = f"{reason} (an earlier version stands)" if state == Step.State.DONE else reason
        reasons.setdefault(pk, []).append((told, count))
    failing = Roadmap.objects.kept().filter(pk__in=reasons) | Roadmap.objects.kept().filter(state=Roadmap.State.FAILED)
    for roadmap in failing.select_related("owner").order_by("-created_at"):
        yield roadmap, reasons.get(roadmap.pk) or [(roadmap.notice or "No reason was recorded.", 1)]
