"""No migration changes once it is released, and from now on none holds up those who use a large table meanwhile."""

import pytest
from django.apps import apps
from django.contrib.postgres.operations import AddConstraintNotValid, AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation

from tests import released_migrations

APPS = ("roadmap_project", "roadmaps", "content")

# They were released before the rule was: (application, last number).
BEFORE = {"roadmap_project": 7, "roadmaps": 9, "content": 5}

# Tables that grow with every roadmap, or with every minute.
LARGE = {
    "concept", "conceptprogress", "connectionsample", "logentry", "modelcall", "note", "outlinerevision", "question",
    "quiz", "quizattempt", "resource", "resourcelist", "roadmap", "step", "tutorial",
}  # fmt: skip

# A migration that may all the same, and why: "roadmaps.0012_name": "the table is empty until this release".
EXCEPTIONS: dict[str, str] = {}


def problem(operation: Operation, *, created: set[str]) -> str:
    """Why this operation would keep others from a large table for long; empty where it does not."""
    table = str(getattr(operation, "model_name", "") or "").lower()
    if table not in LARGE - created:
        return ""
    if isinstance(operation, migrations.AddIndex) and not isinstance(operation, AddIndexConcurrently):
        return f"{table}: build the index with roadmap_project.postgresql.indexes.AddIndexInUse, atomic = False"
    if isinstance(operation, migrations.RemoveIndex) and not isinstance(operation, RemoveIndexConcurrently):
        return f"{table}: RemoveIndexConcurrently"
    if isinstance(operation, migrations.AddConstraint) and not isinstance(operation, AddConstraintNotValid):
        return f"{table}: AddConstraintNotValid and ValidateConstraint; a unique one by an index built before"
    if isinstance(operation, migrations.AddField | migrations.AlterField):
        field = operation.field
        if field.db_index or field.unique or isinstance(field, models.ForeignKey):
            return f"{table}.{operation.name}: db_index=False here, and AddIndexInUse in a migration of its own"
    return ""


def problems(migration: migrations.Migration) -> list[str]:
    created = {op.name.lower() for op in migration.operations if isinstance(op, migrations.CreateModel)}
    found = [text for op in migration.operations if (text := problem(op, created=created))]
    if any(isinstance(op, AddIndexConcurrently) for op in migration.operations) and migration.atomic:
        found.append("atomic = False is missing")
    return found


def test_C10_a_migration_that_is_released_is_never_changed():
    """A database that has applied it would never learn of the change."""
    there, noted = released_migrations.there(), released_migrations.noted()

    changed = [path for path, digest in noted.items() if there.get(path) != digest]
    assert changed == [], "take the change back, and write a new migration for it"
    assert sorted(set(there) - set(noted)) == [], "new: `make migrations-final` notes them, before they are committed"


def test_large_tables_are_tables():
    assert {model._meta.model_name for app in APPS for model in apps.get_app_config(app).get_models()} >= LARGE


def test_indexes_of_large_tables_are_built_while_they_are_in_use():
    loader = MigrationLoader(None)
    later = [
        migration
        for (app, name), migration in sorted(loader.disk_migrations.items())
        if app in APPS and int(name[:4]) > BEFORE[app] and f"{app}.{name}" not in EXCEPTIONS
    ]

    assert later
    assert {str(each): problems(each) for each in later if problems(each)} == {}


INDEX = models.Index(fields=["message"], name="log_by_message")


@pytest.mark.parametrize(
    "operation",
    [
        migrations.AddIndex("logentry", INDEX),
        AddIndexConcurrently("LogEntry", INDEX),  # in a migration that is atomic
        migrations.RemoveIndex("step", "step_running"),
        migrations.AddField("tutorial", "slug", models.CharField(max_length=9, db_index=True, default="")),
        migrations.AlterField("concept", "key", models.CharField(max_length=9, unique=True)),
        migrations.AddField("step", "asked_by", models.ForeignKey("auth.User", models.CASCADE, null=True)),
        migrations.AddConstraint("step", models.UniqueConstraint(fields=["rank"], name="step_rank_once")),
    ],
)
def test_what_would_hold_others_up_is_told_from_what_would_not(operation):
    migration = migrations.Migration("0099_slow", "roadmaps")
    migration.operations = [operation]

    assert len(problems(migration)) == 1


def test_small_and_new_tables_are_free():
    migration = migrations.Migration("0099_new", "roadmaps")
    migration.operations = [
        migrations.CreateModel("LogEntry", [("id", models.AutoField(primary_key=True))]),
        migrations.AddIndex("logentry", INDEX),
        migrations.AddIndex("providerpause", INDEX),
    ]

    assert problems(migration) == []
