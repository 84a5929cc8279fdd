"""All that a person has here, as one file. Made roadmap by roadmap, so that memory holds one at a time."""

import json
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from typing import IO, Any

from django.contrib.auth.models import User
from django.core.serializers.json import DjangoJSONEncoder

from content.exporting import reading
from content.exporting.reading import piece_document
from content.models import MODELS, Note, QuizAttempt
from roadmaps.models import ConceptProgress, Feedback, LogEntry, Profile, Roadmap

ROWS_AT_ONCE = 500


def write(user: User) -> IO[bytes]:
    """A zip in a file without a name, which is gone when it is closed; read from its beginning."""
    file = tempfile.TemporaryFile()  # noqa: SIM115  the response closes it
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("account.json", _json(_account(user)))
        for roadmap in Roadmap.objects.filter(owner=user).order_by("pk").iterator(chunk_size=1):
            _add(archive, roadmap)
    file.seek(0)
    return file


def _account(user: User) -> dict[str, Any]:
    profile = Profile.of(user)
    names = [field.name for field in Profile._meta.concrete_fields if field.name not in ("id", "user")]
    return {
        "username": user.get_username(),
        "email": user.email,
        "joined_at": user.date_joined,
        "profile": {name: getattr(profile, name) for name in names},
    }


def _add(archive: zipfile.ZipFile, roadmap: Roadmap) -> None:
    """The roadmap as it can be brought in again, and beside it what that format has no place for.

    Deleted ones, as long as they are kept, lie apart.
    """
    folder = f"{'deleted' if roadmap.deleted_at else 'roadmaps'}/{roadmap.slug}"
    archive.writestr(f"{folder}/roadmap.json", reading.for_owner(roadmap).model_dump_json(indent=1))
    own = {"user": roadmap.owner_id, "concept__roadmap": roadmap}
    attempts = QuizAttempt.objects.filter(user=roadmap.owner_id, quiz__concept__roadmap=roadmap).order_by("pk")
    rows = {
        "notes": Note.objects.filter(**own).order_by("pk").values("concept__key", "text", "saved_at"),
        "progress": ConceptProgress.objects.filter(**own).order_by("pk").values("concept__key", "done_at"),
        "attempts": attempts.values("quiz__concept__key", "quiz__version", "answers", "right", "total", "created_at"),
        "requests": Feedback.objects.filter(roadmap=roadmap).values("text", "state", "answer", "created_at"),
        "log": LogEntry.objects.filter(roadmap=roadmap)
        .order_by("happened_at", "pk")
        .values("happened_at", "level", "event", "message", "concept__key", "details"),
    }
    rows["outlines"] = roadmap.revisions.order_by("number").values(
        "number", "author", "reason", "tree", "changes", "created_at"
    )
    for name, found in rows.items():
        with archive.open(f"{folder}/{name}.jsonl", "w") as file:
            _write_lines(file, found.iterator(chunk_size=ROWS_AT_ONCE))
    with archive.open(f"{folder}/versions.jsonl", "w") as file:
        _write_lines(file, _earlier_versions(roadmap))


def _earlier_versions(roadmap: Roadmap) -> Iterator[Mapping[str, Any]]:
    """Of every piece, with what was asked for; memory holds one version at a time."""
    for kind, model in MODELS.items():
        earlier = model.objects.filter(concept__roadmap=roadmap, is_current=False).select_related("concept")
        for piece in earlier.order_by("pk").iterator(chunk_size=1):
            yield {
                "concept": piece.concept.key,
                "kind": kind.value,
                "version": piece.version,
                "wish": piece.wish,
                "created_at": piece.created_at,
                "piece": piece_document(kind, piece, origin=piece.origin).model_dump(mode="json"),
            }


def _write_lines(file: IO[bytes], rows: Iterable[Mapping[str, Any]]) -> None:
    for row in rows:
        line = {name.removesuffix("__key").rpartition("__")[2]: value for name, value in row.items()}
        file.write(f"{_json(line)}\n".encode())


def _json(value: Any) -> str:
    return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False)
