"""All that a person has here, as one file. Made roadmap by roadmap, so that memory holds one at a time."""

import json
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from typing import IO, Any

from django.contrib.auth.models import User
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Model, QuerySet

from content.exporting import reading
from content.exporting.reading import piece_document
from content.models import MODELS, Note, QuizAttempt, Resource, Share
from roadmap_project.models import ApiToken
from roadmaps.models import (
    ConceptProgress,
    Feedback,
    LogEntry,
    Mail,
    ModelCall,
    OutlineReview,
    OutlineRevision,
    Profile,
    Roadmap,
    Step,
)

ROWS_AT_ONCE = 500
# Columns that say nothing about anybody: secrets, and what the machinery keeps for itself. All others come along.
LEFT_OUT = {"digest", "key", "lease_expires_at", "lease_token", "password", "rank", "request_key", "worker"}


def write(user: User) -> IO[bytes]:
    """A zip in a file without a name, which is gone when it is closed; read from its beginning."""
    with ExitStack() as closing:
        file = closing.enter_context(tempfile.TemporaryFile())
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("account.json", _json(_account(user)))
            _add_lines(archive, "mail", _rows(Mail.objects.filter(user=user), "roadmap__slug"))
            for roadmap in Roadmap.objects.filter(owner=user).order_by("pk").iterator(chunk_size=1):
                _add(archive, roadmap)
        file.seek(0)
        closing.pop_all()  # the response closes it
    return file


def _account(user: User) -> dict[str, Any]:
    return {
        **_own(user),
        "groups": list(user.groups.values_list("name", flat=True)),
        "profile": _own(Profile.of(user)),
        "tokens": list(_rows(ApiToken.objects.filter(user=user))),
    }


def _add(archive: zipfile.ZipFile, roadmap: Roadmap) -> None:
    """The roadmap as it can be brought in again, and beside it what that format has no place for.

    Deleted ones, as long as they are kept, lie apart.
    """
    folder = f"{'deleted' if roadmap.deleted_at else 'roadmaps'}/{roadmap.slug}"
    share = Share.objects.filter(roadmap=roadmap).first()
    archive.writestr(f"{folder}/roadmap.json", reading.for_owner(roadmap).model_dump_json(indent=1))
    archive.writestr(f"{folder}/about.json", _json(_own(roadmap) | {"share": share and _own(share)}))
    own = {"user": roadmap.owner_id, "concept__roadmap": roadmap}
    attempts = QuizAttempt.objects.filter(user=roadmap.owner_id, quiz__concept__roadmap=roadmap)
    links = Resource.objects.filter(resource_list__concept__roadmap=roadmap)
    for name, rows in {
        "attempts": _rows(attempts, "quiz__concept__key", "quiz__version"),
        "calls": _rows(ModelCall.objects.filter(roadmap=roadmap), "concept__key"),
        "links": _rows(links, "resource_list__concept__key", "resource_list__version"),
        "log": _rows(LogEntry.objects.filter(roadmap=roadmap), "concept__key", order=("happened_at", "pk")),
        "notes": _rows(Note.objects.filter(**own), "concept__key"),
        "outlines": _rows(OutlineRevision.objects.filter(roadmap=roadmap)),
        "progress": _rows(ConceptProgress.objects.filter(**own), "concept__key"),
        "requests": _rows(Feedback.objects.filter(roadmap=roadmap), "revision__number"),
        "reviews": _rows(OutlineReview.objects.filter(revision__roadmap=roadmap), "revision__number"),
        "versions": _versions(roadmap),
        "work": _rows(Step.objects.filter(roadmap=roadmap), "concept__key"),
    }.items():
        _add_lines(archive, f"{folder}/{name}", rows)


def _own(row: Model) -> dict[str, Any]:
    return {name: getattr(row, name) for name in _columns(row._meta.model)}  # not `type`: a request has its user lazily


def _columns(model: type[Model]) -> list[str]:
    """Of its own, so that whoever adds one need not come here."""
    return [
        field.name
        for field in model._meta.concrete_fields
        if not (field.primary_key or field.remote_field or field.name in LEFT_OUT)
    ]


def _rows(found: QuerySet[Any], *named: str, order: tuple[str, ...] = ("pk",)) -> Iterator[Mapping[str, Any]]:
    """Each row's columns, and those `named`, which say what it is about."""
    return found.order_by(*order).values(*_columns(found.model), *named).iterator(chunk_size=ROWS_AT_ONCE)


def _versions(roadmap: Roadmap) -> Iterator[Mapping[str, Any]]:
    """Of every piece, with what was asked for; the current one's text is in the roadmap. Memory holds one at a time."""
    for kind, model in MODELS.items():
        versions = model.objects.filter(concept__roadmap=roadmap).select_related("concept")
        for piece in versions.order_by("pk").iterator(chunk_size=1):
            text = None if piece.is_current else piece_document(kind, piece, origin=piece.origin)
            yield {
                "concept": piece.concept.key,
                "kind": kind.value,
                "version": piece.version,
                "is_current": piece.is_current,
                "wish": piece.wish,
                "created_at": piece.created_at,
                "piece": text and text.model_dump(mode="json"),
            }


def _add_lines(archive: zipfile.ZipFile, name: str, rows: Iterable[Mapping[str, Any]]) -> None:
    with archive.open(f"{name}.jsonl", "w") as file:
        for row in rows:
            line = {_short(column): value for column, value in row.items()}
            file.write(f"{_json(line)}\n".encode())


def _short(column: str) -> str:
    """Like `concept` for `quiz__concept__key`, and `version` for `quiz__version`."""
    return column.removesuffix("__key").removesuffix("__slug").rpartition("__")[2]


def _json(value: Any) -> str:
    return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False)
