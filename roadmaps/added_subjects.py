"""Which subjects did editors add to the library? Read where the database may be used, for calls that may not."""

import structlog
from pydantic import ValidationError

from roadmap_project.library import subjects
from roadmap_project.library.subjects import AddedSubject, Subject, SubjectConcept
from roadmaps.models import LibrarySubject

log = structlog.get_logger(__name__)

_known: list[tuple[int, int]] = []


def refresh() -> None:
    """Have this process know the offered subjects as they are now; one small query where nothing changed."""
    global _known
    rows = LibrarySubject.objects.filter(is_offered=True).order_by("pk")
    now = list(rows.values_list("pk", "version"))
    if now == _known:
        return
    added = {row.key: each for row in rows if (each := _read(row))}
    subjects.offer(added)
    _known = now


def _read(row: LibrarySubject) -> AddedSubject | None:
    """A row from before the format changed is left out, and the others are offered."""
    try:
        concepts = {key: SubjectConcept.model_validate(each) for key, each in row.concepts.items()}
        return AddedSubject(Subject.model_validate(row.subject), concepts)
    except ValidationError:
        log.exception("library_subject_unreadable", key=row.key)
        return None
