"""Which subjects did editors add to the library? Read where the database may be used, for calls that may not."""

from typing import Any

import structlog
from django.contrib.postgres.fields import ArrayField
from django.db.models import F, Func, JSONField, TextField, Value
from pydantic import ValidationError

from roadmap_project.library import subjects
from roadmap_project.library.subjects import AddedSubject, Subject, SubjectConcept
from roadmaps.models import LibrarySubject

log = structlog.get_logger(__name__)

_known: list[tuple[int, int, bool]] = []


def refresh() -> None:
    """Have this process know the subjects as they are now; one small query where nothing changed.

    Also those that are not offered any more, for the roadmaps that were made of them.
    """
    global _known
    rows = LibrarySubject.objects.filter(version__gt=0).order_by("pk")  # 0: none of its versions was in place yet
    now = list(rows.values_list("pk", "version", "is_offered"))
    if now == _known:
        return
    offered, kept = {}, {}
    for row in rows:
        if (each := _read(row.key, row.subject, row.concepts)) is None:
            continue
        gone = _readable(row.key, _gone(row))
        if row.is_offered:
            offered[row.key] = each
        else:
            gone |= each.concepts
        if gone:
            kept[row.key] = AddedSubject(each.subject, gone)
    subjects.offer(offered, kept=kept)
    _known = now


def _gone(row: LibrarySubject) -> dict[str, Any]:
    """Concepts that the version in place does without, by key, each as the nearest earlier version has it.

    Else as a later one has it, which was in place until an earlier one was put back.
    """
    in_place = Value(list(row.concepts), ArrayField(TextField()))
    others: Any = Func(
        F("concepts"), in_place, template="(%(expressions)s)", arg_joiner=" - ", output_field=JSONField()
    )
    versions = row.versions.annotate(others=others).exclude(others={})
    found: dict[str, Any] = {}
    earlier, later = versions.filter(number__lt=row.version), versions.filter(number__gt=row.version)
    for some in (earlier.order_by("-number"), later.order_by("number")):
        for concepts in some.values_list("others", flat=True):
            found = {**concepts, **found}
    return found


def _readable(key: str, concepts: dict[str, Any]) -> dict[str, SubjectConcept]:
    """Each by itself: one from before the format changed is left out, and the others are kept."""
    found = {}
    for name, each in concepts.items():
        try:
            found[name] = SubjectConcept.model_validate(each)
        except ValidationError:
            log.exception("library_concept_unreadable", key=key, concept=name)
    return found


def _read(key: str, subject: Any, concepts: dict[str, Any]) -> AddedSubject | None:
    """A row from before the format changed is left out, and the others are offered."""
    try:
        read = {name: SubjectConcept.model_validate(each) for name, each in concepts.items()}
        return AddedSubject(Subject.model_validate(subject), read)
    except ValidationError:
        log.exception("library_subject_unreadable", key=key)
        return None
