"""How is a subject taken into the library from its files? Hostile archives included."""

import hashlib
import io
import re
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, TypeVar

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q, QuerySet
from pydantic import ValidationError

from content.subject_rules import KEY, SubjectError, check, sentences
from roadmap_project.library.matching import CHINESE, best_subject, is_meant
from roadmap_project.library.subjects import (
    SCAFFOLD,
    Subject,
    SubjectConcept,
    bundled_concept,
    bundled_keys,
    bundled_subject,
    read_concept,
    read_subject,
    subjects,
)
from roadmaps.deciding import RefusedError
from roadmaps.models import Concept, LibrarySubject, Roadmap, SubjectVersion

LARGEST_ARCHIVE = 5_000_000  # bytes
LARGEST_FILE = 200_000
MOST_FILES = 121  # as many concepts as the library's outlines may have, and the subject's own file
OF_NO_SUBJECT = (
    "Learn something new",
    "I want to understand how to begin with a topic",
    "学习新东西",
    "我想了解一门知识如何入门",
    "打好基础",
)
MARK = r"[0-9]{1,9}|[0-9a-f]{20}"
Parsed = TypeVar("Parsed")


class MovedOnError(RefusedError):
    """Something else than what was seen is in place: another version, or what a release made of the bundled subject."""

    def __init__(self, row: LibrarySubject) -> None:
        by = f" by {row.author.get_username()}" if row.author else ""
        what = f"version {row.version}{by} is" if row.version else "another text of the bundled subject is"
        super().__init__(f"Meanwhile {what} in place. Please look at what is different from it.")


def take_in(packed: bytes, *, author: User) -> SubjectVersion:
    """The first subject of a key is offered to every process from its next step on.

    A later one is kept beside it until somebody who saw the difference puts it in place, and so is the first one of a
    bundled key, whose row has no version in place (0) until then; what is in place already is not kept twice. Raises
    SubjectError, and then nothing changed.
    """
    subject, concepts = unpacked(packed)
    fields: dict[str, Any] = {
        "title": subject.title,
        "subject": subject.model_dump(exclude_defaults=True),
        "concepts": {concept.key: concept.model_dump(exclude_defaults=True) for concept in concepts},
        "author": author,
    }
    is_new = subject.key not in bundled_keys()
    with transaction.atomic():
        # Of two first ones at once the second waits for the first, and is kept beside it.
        row, is_first = LibrarySubject.objects.select_for_update(of=("self",)).get_or_create(
            key=subject.key, defaults={**fields, "version": int(is_new), "is_offered": is_new}
        )
        kept = _kept(row) if row.version else None
        if kept and (is_first or read(row) == (subject, concepts)):
            return kept
        last = max([row.version, *row.versions.values_list("number", flat=True)])
        return row.versions.create(number=last + 1, **fields)


def _kept(row: LibrarySubject) -> SubjectVersion:
    """The version in place, kept from now on where it was not; the caller holds the row's lock."""
    same = {name: getattr(row, name) for name in ("title", "subject", "concepts", "author")}
    version, _ = row.versions.get_or_create(number=row.version, defaults={**same, "created_at": row.updated_at})
    return version


def put_in_place(version: SubjectVersion, *, seen: str) -> None:
    """Offer this version, and keep the one that was offered until now; a second call changes nothing.

    Raises MovedOnError where that is not the one whose `mark` was seen, and RefusedError for one from before the format
    changed.
    """
    with transaction.atomic():
        row = LibrarySubject.objects.select_for_update().get(pk=version.of_id)
        if row.version == version.number:
            return
        if seen != mark(row):
            raise MovedOnError(row)
        if read(version) is None:
            raise RefusedError("It cannot be read any more: its format is outdated.")
        if row.version:
            _kept(row)
        row.title, row.author, row.is_offered = version.title, version.author, True
        row.subject, row.concepts, row.version = version.subject, version.concepts, version.number
        row.save()


Contents = tuple[Subject, list[SubjectConcept]]


def read(row: LibrarySubject | SubjectVersion) -> Contents | None:
    """None for a row from before the format changed."""
    try:
        subject = Subject.model_validate(row.subject)
        return subject, [SubjectConcept.model_validate(row.concepts[key]) for key in subject.order]
    except (ValidationError, KeyError):
        return None


def in_place(row: LibrarySubject) -> Contents | None:
    """The bundled subject where none of the row's versions stands before it yet; None as for `read`."""
    if row.version or row.key not in bundled_keys():
        return read(row)
    subject = bundled_subject(row.key)
    return subject, [bundled_concept(subject.key, key) for key in subject.order]


def mark(row: LibrarySubject) -> str:
    """Of what is in place: a version's number, and of a bundled subject, which any release may change, a digest."""
    if row.version:
        return str(row.version)
    subject, concepts = in_place(row) or (None, [])
    said = "\n".join(each.model_dump_json() for each in (subject, *concepts) if each)
    return hashlib.sha256(said.encode()).hexdigest()[:20]


def unfinished_without(rows: Iterable[LibrarySubject]) -> QuerySet[Roadmap]:
    """Roadmaps of which something is not written yet that only these subjects have."""
    theirs = Q(pk__in=[])
    for row in rows:
        bundled = bundled_subject(row.key).order if row.key in bundled_keys() else []
        theirs |= Q(source__startswith=f"{row.key}/") & ~Q(source__in=[f"{row.key}/{key}" for key in bundled])
    concepts = Concept.objects.filter(theirs).order_by()
    unfinished = Roadmap.objects.kept().exclude(state=Roadmap.State.READY)
    return unfinished.filter(pk__in=concepts.values("roadmap"))


SUBJECT_PARTS = {
    "title": "the title",
    "language": "the language",
    "description": "the description",
    "terms": "the terms by which goals find it",
    "slug_words": "the words of its roadmaps’ addresses",
}
CONCEPT_PARTS = {
    "name": "name",
    "title": "tutorial’s title",
    "summary": "summary",
    "markdown": "tutorial’s text",
    "minutes": "minutes",
    "resources": "resources",
    "resources_note": "resources’ note",
    "questions": "quiz",
    "description": "description",
    "difficulty": "difficulty",
    "hours": "hours",
    "importance": "importance",
    "keywords": "keywords",
    "prerequisites": "prerequisites",
}


def differences(before: Contents | None, after: Contents | None) -> list[str]:
    """What a later version changes of an earlier one, in sentences; empty where both say the same."""
    if before is None or after is None:
        return [f"{'The one in place' if before is None else 'This version'} cannot be read: its format is outdated."]
    (old, old_concepts), (new, new_concepts) = before, after
    was, now = ({each.key: each for each in concepts} for concepts in (old_concepts, new_concepts))
    found = [f"Changed: {part}." for name, part in SUBJECT_PARTS.items() if getattr(old, name) != getattr(new, name)]
    if old.stages != new.stages:
        found.append("Changed: the stages and modules, or which concepts stand in them.")
    for names, key_set in (
        ("Left out", [was[key] for key in was if key not in now]),
        ("Added", [now[key] for key in now if key not in was]),
    ):
        if key_set:
            found.append(f"{names}: {', '.join(each.name for each in key_set)}.")
    for key in (key for key in now if key in was):
        parts = [p for name, p in CONCEPT_PARTS.items() if getattr(was[key], name) != getattr(now[key], name)]
        if parts:
            found.append(f"{now[key].name}: {', '.join(parts)}.")
    return found


def led_elsewhere(subject: Subject) -> dict[str, str]:
    """Goals that should find the subject, which this process has to know, and what they find instead."""
    found = {goal: best_subject(goal) for goal in _own_goals(subject)}
    names = {goal: "no subject" if each.key == SCAFFOLD else each.title for goal, each in found.items()}
    return {goal: name for goal, name in names.items() if found[goal].key != subject.key}


def led_here(subject: Subject) -> dict[str, str]:
    """Goals of other subjects, and of none, which find this one, which this process has to know; and whose they are."""
    goals = {goal: each.title for each in subjects() if each.key != subject.key for goal in _own_goals(each)}
    goals |= dict.fromkeys(OF_NO_SUBJECT, "no subject")
    return {
        goal: name for goal, name in goals.items() if is_meant(subject, goal) and best_subject(goal).key == subject.key
    }


def _own_goals(subject: Subject) -> list[str]:
    names = [subject.title, *(term.term for term in subject.terms if term.weight == 3)]
    return [f"学习{each}" if re.search(CHINESE, each) else f"Learn {each}" for each in names]


def unpacked(packed: bytes) -> tuple[Subject, list[SubjectConcept]]:
    """Read and checked; nothing is written to a disk. Raises SubjectError."""
    texts = _texts(packed)
    if "subject.toml" not in texts:
        raise SubjectError(["the archive has no subject.toml"])
    subject = _parsed("subject.toml", texts["subject.toml"], read_subject)
    missing = [f"{key}.md is missing" for key in subject.order if f"{key}.md" not in texts]
    needless = [
        f"{name} is no concept of the subject"
        for name in texts
        if name != "subject.toml" and name.removesuffix(".md") not in subject.order
    ]
    if missing or needless:
        raise SubjectError([*missing, *needless])
    concepts = [_parsed(f"{key}.md", texts[f"{key}.md"], partial(read_concept, key)) for key in subject.order]
    check(subject, concepts)
    return subject, concepts


def _texts(packed: bytes) -> dict[str, str]:
    """The files by name without their folder, of which there is one at most."""
    if len(packed) > LARGEST_ARCHIVE:
        raise SubjectError([f"the archive has more than {LARGEST_ARCHIVE // 1_000_000} MB"])
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as files:
            members = [member for member in files.infolist() if not member.is_dir()]
            _require_plain_files(members)
            return {_name(member): _text(files, member) for member in members}
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        raise SubjectError([f"the file is not a ZIP archive that can be read ({error})"]) from error


def _require_plain_files(members: list[zipfile.ZipInfo]) -> None:
    if len(members) > MOST_FILES:
        raise SubjectError([f"the archive has {len(members)} files; at most {MOST_FILES} are taken"])
    problems = []
    for member in members:
        if not re.fullmatch(rf"(?:{KEY}/)?(?:subject\.toml|{KEY}\.md)", member.filename):
            problems.append(f"{member.filename[:100]!r} is neither subject.toml nor a concept’s .md file")
        elif stat.S_ISLNK(member.external_attr >> 16) or member.flag_bits & 1:
            problems.append(f"{member.filename} is a link or encrypted")
        elif member.file_size > LARGEST_FILE:
            problems.append(f"{member.filename} has more than {LARGEST_FILE // 1_000} KB")
    if len({member.filename.rpartition("/")[0] for member in members}) > 1:
        problems.append("the files are not all in the same folder")
    if len({_name(member) for member in members}) < len(members):
        problems.append("a file stands twice in the archive")
    if problems:
        raise SubjectError(problems)


def _name(member: zipfile.ZipInfo) -> str:
    return member.filename.rpartition("/")[2]


def _text(files: zipfile.ZipFile, member: zipfile.ZipInfo) -> str:
    """Where an archive lies about a file's size, reading ends at that size, and its checksum is wrong."""
    try:
        return files.read(member).decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise SubjectError([f"{member.filename} is not UTF-8 text"]) from error


def _parsed(name: str, text: str, read: Callable[[str], Parsed]) -> Parsed:
    try:
        return read(text)
    except ValidationError as error:
        raise SubjectError(sentences(name, error)) from error
    except (ValueError, TypeError, RecursionError) as error:
        raise SubjectError([f"{name} cannot be read: {error}"]) from error
