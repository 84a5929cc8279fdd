"""A fresh database and one that was upgraded from the first release are the same, and keep their rows."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from psycopg import sql

from tests.system.conftest import database_url

pytestmark = pytest.mark.django_db(transaction=True)

SCHEMA = {
    "columns": "SELECT table_name, column_name, data_type, character_maximum_length, is_nullable, column_default "
    "FROM information_schema.columns WHERE table_schema = 'public'",
    "constraints": "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint "
    "WHERE connamespace = 'public'::regnamespace",
    "indexes": "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
}
FIRST_RELEASE = ("content", "0001")  # and what it builds on
A_ROADMAP = """
INSERT INTO auth_user (username, password, is_superuser, is_staff, is_active, first_name, last_name, email, date_joined,
    last_login)
VALUES ('ada', '!', false, false, true, '', '', '', now(), now());
INSERT INTO roadmaps_roadmap (slug, token, owner_id, goal, level, hours_per_week, motivation, background, preference,
    language, second_language, skips_review, title, intent, rationale, origin, hours, weeks, state, notice, created_at,
    updated_at)
SELECT 'old-abcdefgh', 'abcdefgh', id, 'Learn chess', 'beginner', 6, '', '', 'any', 'en', '', false, '', '{}', '', '',
    0, 0, 'designing', '', now(), now() FROM auth_user;
INSERT INTO roadmaps_step (kind, queue, roadmap_id, state, wish, payload, is_rewrite, rank, attempts, losses, worker,
    last_error, created_at)
SELECT 'analyse', 'workflow', id, 'waiting', '', '{}', false, 1, 0, 0, '', '', now() FROM roadmaps_roadmap;
"""


@contextmanager
def new_database(name: str) -> Iterator[str]:
    config = connection.settings_dict
    parameters = {"host": config["OPTIONS"].get("host"), "port": config["PORT"] or 5432, "user": config["USER"]}
    with psycopg.connect(**parameters, password=config["PASSWORD"], dbname="postgres", autocommit=True) as server:
        drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        server.execute(drop)
        server.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        try:
            yield database_url().replace(f"/{config['NAME']}", f"/{name}", 1)
        finally:
            server.execute(drop)


def migrate(url: str, *targets: str) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "migrate", "--noinput", "--verbosity", "0", *targets],
        cwd=settings.BASE_DIR,
        env={**os.environ, "DATABASE_URL": url, "DEBUG": "1"},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr


def schema(url: str) -> dict[str, list[tuple[object, ...]]]:
    with psycopg.connect(url) as client:
        return {what: sorted(client.execute(query).fetchall(), key=str) for what, query in SCHEMA.items()}


def test_C10_an_upgraded_database_has_the_schema_of_a_fresh_one_and_its_rows():
    with new_database(f"{connection.settings_dict['NAME']}_upgraded") as url:
        migrate(url, *FIRST_RELEASE)
        with psycopg.connect(url) as client:
            client.execute(A_ROADMAP)
        migrate(url)

        upgraded, fresh = schema(url), schema(database_url())
        with psycopg.connect(url) as client:
            rows = client.execute("SELECT slug, kind FROM roadmaps_roadmap r JOIN roadmaps_step s ON roadmap_id = r.id")

            assert rows.fetchall() == [("old-abcdefgh", "analyse")]
    for what in SCHEMA:
        assert set(upgraded[what]) ^ set(fresh[what]) == set(), what
    assert any("one_current" in name for _, name, _ in fresh["indexes"])
