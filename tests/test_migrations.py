"""No migration changes once it is released, holds up those who use a large table, or breaks the release before it."""

import pytest
from django.apps import apps
from django.contrib.postgres.functions import RandomUUID
from django.contrib.postgres.operations import AddConstraintNotValid, AddIndexConcurrently, RemoveIndexConcurrently
from django.db import connection, migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models.functions import Now

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
EXCEPTIONS: dict[str, str] = {
    "roadmap_project.0009_purge_keyed_requests": "writes one schedule",
    "content.0006_editors_see_subject_versions": "writes one permission",
    "content.0007_forget_what_was_erased": "blanks old notes of the admin, which nothing else writes to",
}

TAKES_AWAY = (
    migrations.RemoveField, migrations.DeleteModel, migrations.RenameField, migrations.RenameModel,
    migrations.AlterModelTable,
)  # fmt: skip


def _table(operation: Operation) -> str:
    return str(getattr(operation, "model_name", "") or "").lower()


def unsuited(operation: Operation, *, created: set[str]) -> str:
    """Why the release before, which runs meanwhile, would fail; empty where it does not."""
    table = _table(operation)
    if isinstance(operation, TAKES_AWAY):
        return "the release before still reads it: an exception, when a release that does not has been out"
    if isinstance(operation, migrations.RunPython | migrations.RunSQL):
        return "what nobody can tell from outside: an exception that says how much it touches"
    if isinstance(operation, migrations.AddField) and table not in created and _is_demanded(operation.field):
        return f"{table}.{operation.name}: the release before inserts rows without it; null=True or db_default"
    return ""


def slow(operation: Operation, *, created: set[str], before: ProjectState, app: str) -> str:
    """Why this operation would keep others from a large table for long; empty where it does not."""
    table = _table(operation)
    if table not in LARGE - created:
        return ""
    if isinstance(operation, migrations.AddIndex) and not isinstance(operation, AddIndexConcurrently):
        return f"{table}: build the index with roadmap_project.postgresql.indexes.AddIndexInUse, atomic = False"
    if isinstance(operation, migrations.RemoveIndex) and not isinstance(operation, RemoveIndexConcurrently):
        return f"{table}: RemoveIndexConcurrently"
    if isinstance(operation, migrations.AddConstraint) and not isinstance(operation, AddConstraintNotValid):
        return f"{table}: AddConstraintNotValid and ValidateConstraint; a unique one by an index built before"
    if isinstance(operation, migrations.AddField | migrations.AlterField):
        is_new = isinstance(operation, migrations.AddField)
        return _slow_field(
            None if is_new else before.models[app, table].fields[operation.name],
            operation.field,
            f"{table}.{operation.name}",
        )
    return ""


def _slow_field(old: models.Field | None, field: models.Field, name: str) -> str:
    if field.db_index or field.unique or isinstance(field, models.ForeignKey):
        return f"{name}: db_index=False here, and AddIndexInUse in a migration of its own"
    if old is not None:
        return _alteration(old, field, name)
    return f"{name}: writes every row; null=True, and fill it in parts" if _is_computed_by_row(field) else ""


def _is_demanded(field: models.Field) -> bool:
    return not (field.null or field.many_to_many or field.has_db_default() or field.generated)


def _is_computed_by_row(field: models.Field) -> bool:
    """The server computes a constant once, and `now()` too, and writes no row for it."""
    is_expression = field.has_db_default() and hasattr(field.db_default, "resolve_expression")
    return field.generated or (is_expression and not isinstance(field.db_default, Now | models.Value))


def _alteration(old: models.Field, new: models.Field, name: str) -> str:
    if old.null and not new.null:
        return f"{name}: reads every row under a lock; AddConstraintNotValid and ValidateConstraint first"
    types = [field.db_type(connection) for field in (old, new)]
    is_wider = all(each.startswith("varchar") for each in types) and (new.max_length or 0) >= (old.max_length or 0)
    if types[0] != types[1] and not is_wider:
        return f"{name}: writes every row; a new column, filled in parts, and the old one away a release later"
    return ""


def problems(migration: migrations.Migration, before: ProjectState) -> list[str]:
    created = {op.name.lower() for op in migration.operations if isinstance(op, migrations.CreateModel)}
    app = migration.app_label
    found = [unsuited(op, created=created) for op in migration.operations]
    found += [slow(op, created=created, before=before, app=app) for op in migration.operations]
    found = [text for text in found if text]
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


def test_migrations_suit_large_tables_in_use_and_the_release_before():
    loader = MigrationLoader(None)
    later = [
        migration
        for (app, name), migration in sorted(loader.disk_migrations.items())
        if app in APPS and int(name[:4]) > BEFORE[app] and f"{app}.{name}" not in EXCEPTIONS
    ]

    assert later
    found = {
        str(each): problems(each, loader.project_state((each.app_label, each.name), at_end=False)) for each in later
    }
    assert {name: texts for name, texts in found.items() if texts} == {}


@pytest.fixture(scope="module")
def now() -> ProjectState:
    return MigrationLoader(None).project_state()


INDEX = models.Index(fields=["message"], name="log_by_message")


@pytest.mark.parametrize(
    "operation",
    [
        migrations.AddIndex("logentry", INDEX),
        AddIndexConcurrently("LogEntry", INDEX),  # in a migration that is atomic
        migrations.RemoveIndex("step", "step_running"),
        migrations.AddField("tutorial", "slug", models.CharField(max_length=9, db_index=True, null=True)),
        migrations.AlterField("concept", "key", models.CharField(max_length=9, unique=True)),
        migrations.AddField("step", "asked_by", models.ForeignKey("auth.User", models.CASCADE, null=True)),
        migrations.AddConstraint("step", models.UniqueConstraint(fields=["rank"], name="step_rank_once")),
        migrations.AddField("step", "token", models.UUIDField(db_default=RandomUUID())),
        migrations.AlterField("step", "worker", models.CharField(max_length=9)),
        migrations.AlterField("step", "rank", models.IntegerField()),
        migrations.AlterField("step", "started_at", models.DateTimeField()),
        migrations.RunPython(migrations.RunPython.noop),
    ],
)
def test_what_would_hold_others_up_is_told(operation, now):
    migration = migrations.Migration("0099_slow", "roadmaps")
    migration.operations = [operation]

    assert len(problems(migration, now)) == 1


@pytest.mark.parametrize(
    "operation",
    [
        migrations.AddField("providerpause", "calls", models.IntegerField(default=0)),
        migrations.RemoveField("providerpause", "reason"),
        migrations.RenameField("step", "wish", "wanted"),
        migrations.DeleteModel("providerpause"),
    ],
)
def test_what_would_fail_the_release_before_is_told(operation, now):
    migration = migrations.Migration("0099_hasty", "roadmaps")
    migration.operations = [operation]

    assert len(problems(migration, now)) == 1


@pytest.mark.parametrize(
    "operation",
    [
        migrations.AddField("step", "calls", models.IntegerField(db_default=0)),
        migrations.AddField("step", "seen_at", models.DateTimeField(db_default=Now())),
        migrations.AddField("step", "remark", models.TextField(null=True)),
        migrations.AlterField("step", "worker", models.CharField(max_length=200, blank=True)),
        migrations.AlterField("step", "started_at", models.DateTimeField(null=True, help_text="When.")),
        migrations.AlterField("providerpause", "in_flight", models.BigIntegerField()),
    ],
)
def test_what_holds_nobody_up_is_free(operation, now):
    migration = migrations.Migration("0099_quick", "roadmaps")
    migration.operations = [operation]

    assert problems(migration, now) == []


def test_small_and_new_tables_are_free(now):
    migration = migrations.Migration("0099_new", "roadmaps")
    migration.operations = [
        migrations.CreateModel("LogEntry", [("id", models.AutoField(primary_key=True))]),
        migrations.AddIndex("logentry", INDEX),
        migrations.AddIndex("providerpause", INDEX),
    ]

    assert problems(migration, now) == []
