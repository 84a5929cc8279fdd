"""How is a subject taken into the library from its files? Hostile archives included."""

import io
import re
import stat
import zipfile
import zlib
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from django.contrib.auth.models import User
from django.db import transaction
from pydantic import ValidationError

from content.subject_rules import KEY, SubjectError, check, sentences
from roadmap_project.library.matching import best_subject
from roadmap_project.library.subjects import SCAFFOLD, Subject, SubjectConcept, read_concept, read_subject
from roadmaps.models import LibrarySubject

LARGEST_ARCHIVE = 5_000_000  # bytes
LARGEST_FILE = 200_000
MOST_FILES = 121  # as many concepts as the library's outlines may have, and the subject's own file
Parsed = TypeVar("Parsed")


def take_in(packed: bytes, *, author: User) -> LibrarySubject:
    """Offer an archive's subject to every process from its next step on; taken in again, it replaces itself.

    Raises SubjectError, and then nothing changed.
    """
    subject, concepts = unpacked(packed)
    with transaction.atomic():
        # Of two first ones at once the second waits for the first, and then replaces it.
        row, _ = LibrarySubject.objects.select_for_update().get_or_create(
            key=subject.key, defaults={"version": 0, "subject": {}, "concepts": {}, "is_offered": False}
        )
        row.title, row.author, row.is_offered = subject.title, author, True
        row.subject = subject.model_dump()
        row.concepts = {concept.key: concept.model_dump() for concept in concepts}
        row.version += 1
        row.save()
    return row


def led_elsewhere(subject: Subject) -> dict[str, str]:
    """Goals that should find the subject, which this process has to know, and what they find instead."""
    goals = [f"Learn {each}" for each in (subject.title, *(term.term for term in subject.terms if term.weight == 3))]
    found = {goal: best_subject(goal) for goal in goals}
    names = {goal: "no subject" if each.key == SCAFFOLD else each.title for goal, each in found.items()}
    return {goal: name for goal, name in names.items() if found[goal].key != subject.key}


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
