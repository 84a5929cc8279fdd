"""The fleet behind PgBouncer in transaction mode, for real."""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg
import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from psycopg.rows import dict_row

from roadmap_project import live_checks
from roadmap_project.fleet import ROOT
from roadmaps import starting
from roadmaps.models import Roadmap
from tests.system.conftest import database_url, wait_until

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]

POOL = 8
SERVICES = ["web", "logs", "content", "workflow"]
FORGOTTEN_SECONDS = 10  # a client that breaks off in mid-query leaves its server process until the query is over
PORT = 6432
CONFIGURATION = """
[databases]
{database} = host={server} port={port} dbname={database}
[pgbouncer]
listen_addr =
listen_port = {listen}
unix_socket_dir = {directory}
unix_socket_mode = 0777
auth_type = any
pool_mode = transaction
max_client_conn = 100
default_pool_size = {pool}
max_db_connections = {pool}
pidfile = {directory}/pid
logfile = {directory}/log
"""


@pytest.fixture
def pooler(fleet):
    """Started as an account that may enter the server's socket directory; PgBouncer refuses root."""
    program = shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"
    if not Path(program).exists():
        pytest.fail("no pgbouncer: .ci/run installs it")
    config = connection.settings_dict
    directory = Path(tempfile.mkdtemp(prefix="bouncer-", dir="/tmp"))
    file = directory / "ini"
    server = Path(config["OPTIONS"]["host"])
    file.write_text(
        CONFIGURATION.format(
            database=config["NAME"],
            server=server,
            port=config["PORT"] or 5432,
            listen=PORT,
            directory=directory,
            pool=POOL,
        )
        .replace("[pgbouncer]", "[pgbouncer]\nauth_file =\n")
        .replace("dbname=" + config["NAME"], f"dbname={config['NAME']} user={config['USER']}")
    )
    account = {}
    if os.geteuid() == 0:
        owner = pwd.getpwuid(server.stat().st_uid)
        for path in (directory, file):
            os.chown(path, owner.pw_uid, owner.pw_gid)
        account = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
    running = subprocess.Popen([program, "-q", str(file)], **account, cwd=directory)
    until = time.monotonic() + 10
    while not (directory / f".s.PGSQL.{PORT}").exists():
        assert running.poll() is None, (directory / "log").read_text()
        assert time.monotonic() < until
        time.sleep(0.05)
    yield f"postgres://{config['USER']}@:{PORT}/{config['NAME']}?host={directory}"
    fleet.stop()
    running.terminate()
    running.wait(10)
    shutil.rmtree(directory)


def through(fleet, pooler, **environment):
    fleet.environment.update(
        DATABASE_URL=pooler,
        DATABASE_DIRECT_URL=database_url(),
        DB_POOLER="transaction",
        DB_POOLER_MAX_CLIENT_CONN="100",
        DB_POOLER_MAX_DB_CONNECTIONS=str(POOL),
        **environment,
    )


def check(fleet, *arguments):
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        env=fleet.environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )


def ours_on_the_server():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity WHERE split_part(application_name, ':', 1) = ANY(%s)", [SERVICES]
        )
        return {pid for (pid,) in cursor.fetchall()}


def test_A16_everything_works_through_pgbouncer_over_a_few_connections(fleet, pooler):
    through(fleet, pooler)
    fleet.release()  # directly
    fleet.start()
    owner = get_user_model().objects.create_user("ada")
    for number in range(2):
        starting.start(owner=owner, goal=f"Learn subject {number}", skips_review=True)
    most, clients = 0, 0
    forgotten: dict[int, float] = {}

    with psycopg.connect(
        pooler, dbname="pgbouncer", user="pgbouncer", autocommit=True, prepare_threshold=None, row_factory=dict_row
    ) as admin:

        def look():
            """PgBouncer holds no more than its pool, and what it gave up in mid-query is soon gone from the server."""
            nonlocal most, clients
            on_server = ours_on_the_server()
            held = {each["remote_pid"] for each in admin.execute("SHOW SERVERS").fetchall()}
            most, clients = max(most, len(held)), max(clients, len(admin.execute("SHOW CLIENTS").fetchall()))
            for pid in set(forgotten) - on_server:
                del forgotten[pid]
            for pid in on_server - held:
                assert time.monotonic() - forgotten.setdefault(pid, time.monotonic()) < FORGOTTEN_SECONDS

        wait_until(
            lambda: set(Roadmap.objects.values_list("state", flat=True)) == {Roadmap.State.READY},
            seconds=120,
            fleet=fleet,
            watch=look,
        )

    assert 1 <= most <= POOL
    assert clients > POOL  # far more of ours than of the server's


def test_the_inequality_behind_a_pooler_is_checked_and_refused_in_its_own_words(fleet, pooler):
    through(fleet, pooler)
    assert check(fleet, "check", "--database", "default").returncode == 0

    fleet.environment["DB_POOLER_MAX_CLIENT_CONN"] = "40"
    refused = check(fleet, "check")

    assert refused.returncode == 1
    assert "clients of the pooler, deploying 67 of 40" in refused.stderr


def test_a_poolers_address_without_its_setting_is_noticed(fleet, pooler):
    fleet.environment["DATABASE_URL"] = pooler

    assert "roadmap_project.W006" in check(fleet, "check").stderr


def test_a_pooler_under_an_address_of_any_kind_is_noticed_and_so_is_one_that_is_not_there(fleet, pooler, monkeypatch):
    """Its clients' sums are no bound on a server that is asked directly, whatever the two addresses look like."""
    through(fleet, pooler)
    assert "roadmap_project.E025" not in check(fleet, "check", "--database", "default").stderr
    fleet.environment |= {
        "DATABASE_URL": database_url(),
        "DATABASE_DIRECT_URL": "postgres://a@db.example/b",
        "Q_CLUSTER_NAME": "logs",
    }
    for command in (["check", "--database", "default"], ["qcluster"]):
        refused = check(fleet, *command)
        assert refused.returncode == 1
        assert "roadmap_project.E025" in refused.stderr

    undeclared = {"DATABASE_URL": pooler, "DB_POOLER": "none"}
    fleet.environment |= undeclared
    for command in (["check", "--database", "default"], ["qcluster"]):  # PgBouncer takes no settings of a session
        refused = check(fleet, *command)
        assert refused.returncode == 1
        assert "roadmap_project.E026" in refused.stderr
        assert "DB_POOLER is not set" in refused.stderr

    with monkeypatch.context() as patch:
        patch.setitem(connection.settings_dict, "HOST", "")
        patch.setitem(connection.settings_dict, "PORT", str(PORT))
        patch.setitem(connection.settings_dict, "OPTIONS", {"host": pooler.partition("host=")[2]})
        connection.close()
        assert [each.id for each in live_checks.server_findings(None, databases=["default"])] == [
            "roadmap_project.W006",
            "roadmap_project.W010",
        ]
        connection.close()
