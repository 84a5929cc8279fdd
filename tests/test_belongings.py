"""What belongs to a person is in what they take away, and goes when they go: found by walking all models."""

import itertools
import json
import zipfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.contrib.admin.models import LogEntry as Noted
from django.contrib.auth.models import Group, Permission, User
from django.db import models

from content.exporting import everything
from roadmap_project import api_tokens
from roadmap_project.models import KeyedRequest
from roadmaps import accounts
from roadmaps.models import LibrarySubject, Profile, SubjectVersion
from tests.factories import make_user
from tests.roadmaps.test_erasing import make_full_roadmap

pytestmark = pytest.mark.django_db

SUBJECTS = "What an editor adds to the library is the installation's; who it was is forgotten with them."
NOTED = "What an editor did in the admin is the installation's record, and names other people's things."
# Whoever adds a model or a column has it taken away, or says in a sentence why not.
STAYS_HERE = {
    "admin.LogEntry": NOTED,
    "auth.User.password": "Nobody's affair, not even as a hash.",
    "auth.User_user_permissions": "What an operator lets them do here means nothing elsewhere.",
    "content.Tutorial.html": "Made from the Markdown.",
    "roadmap_project.ApiToken.digest": "It stands for a secret.",
    "roadmap_project.KeyedRequest": "For a day it repeats what stands in the other files.",
    "roadmaps.LibrarySubject": SUBJECTS,
    "roadmaps.Step.worker": "A process of the installation.",
    "roadmaps.Step.lease_expires_at": "When a process of the installation would have lost it.",
    "roadmaps.SubjectVersion": SUBJECTS,
}
OUTLIVES_THEM = {
    "roadmaps.LibrarySubject": SUBJECTS,
    "roadmaps.ModelCall": "What it cost stays, without what it was about.",
    "roadmaps.SubjectVersion": SUBJECTS,
}


def belonging() -> set[type[models.Model]]:
    """All models whose rows hang on a person, directly or by something of theirs."""
    found: set[type[models.Model]] = {User}
    every = apps.get_models(include_auto_created=True)
    while True:
        more = {each for each in every if any(_other(field) in found for field in each._meta.concrete_fields)} - found
        if not more:
            return found
        found |= more


def _other(field: Any) -> Any:
    return field.remote_field.model if field.remote_field else None


@pytest.fixture
def person() -> User:
    """With one row, at least, of everything."""
    person = make_user(first_name="Ada")
    roadmap = make_full_roadmap(owner=person)
    first, second = roadmap.concepts.all()[:2]
    first.steps.filter(kind="quiz").update(feedback=roadmap.feedback.get())
    second.prerequisites.add(first)
    Profile.objects.create(user=person)
    api_tokens.make(user=person, name="my program")
    KeyedRequest.objects.create(user=person, key="mine", digest="d", status=200, answer={})
    person.groups.add(Group.objects.create(name="Readers"))
    person.user_permissions.add(Permission.objects.first())
    Noted.objects.create(user=person, object_repr="a subject", action_flag=1)
    subject = LibrarySubject.objects.create(key="knots", title="Knots", subject={}, concepts={}, author=person)
    SubjectVersion.objects.create(of=subject, number=1, title="Knots", subject={}, concepts={}, author=person)
    return person


def test_everything_that_can_be_read_of_a_person_is_in_what_they_take_away(person):
    """Every text, moment and JSON of theirs is made unlike all others, and looked for in the files."""
    marks = dict(marked())
    person.refresh_from_db()
    assert len(marks) > 80
    with everything.write(person) as file, zipfile.ZipFile(file) as archive:
        files = {name: archive.read(name).decode() for name in archive.namelist()}

    whole = "\n".join([*files, *files.values()])
    missed = {where for where, mark in marks.items() if mark not in whole}
    excused = {where for where in marks if where in STAYS_HERE or where.rpartition(".")[0] in STAYS_HERE}
    assert missed - excused == set()
    assert excused - missed == set()  # nothing is excused that is there
    for name, text in files.items():
        for line in text.splitlines() if name.endswith(".jsonl") else [text]:
            json.loads(line)


def marked() -> Iterator[tuple[str, str]]:
    """Of one row of every model each column that can hold a mark, with its mark."""
    numbers = itertools.count(1)
    for model in sorted(belonging(), key=lambda each: each._meta.label):
        row = model._base_manager.order_by("pk").first()
        assert row is not None, f"{model._meta.label}: make one for the person of this test"
        for field in model._meta.concrete_fields:
            value, mark = mark_for(field, next(numbers), getattr(row, field.name))
            if mark:
                setattr(row, field.name, value)
                model._base_manager.filter(pk=row.pk).update(**{field.name: value})
                yield f"{model._meta.label}.{field.name}", mark


def mark_for(field: models.Field, number: int, now: Any) -> tuple[Any, str]:
    """A value for the column and how it is read in a file; no mark for relations, choices, numbers and the like."""
    day = date(1970, 1, 1) + timedelta(days=number)
    word = f"w{number}w"
    if field.remote_field or field.choices:
        return None, ""
    match field:
        case models.DateTimeField():
            return datetime(day.year, day.month, day.day, tzinfo=UTC), f"{day}"
        case models.DateField():
            return day, f"{day}"
        case models.JSONField() if now and isinstance(now, list) and isinstance(now[0], int):
            return [90_000 + number], f"{90_000 + number}"
        case models.JSONField():
            return [word], word
        case models.CharField() | models.TextField():
            return word, word
    return None, ""


def test_C11_nothing_that_hangs_on_a_person_outlives_them(person):
    before = {model: set(model._base_manager.values_list("pk", flat=True)) for model in belonging()}
    assert [model._meta.label for model, rows in before.items() if not rows] == []

    accounts.delete(person)

    left = {model._meta.label for model, rows in before.items() if model._base_manager.filter(pk__in=rows).exists()}
    assert left == set(OUTLIVES_THEM)
