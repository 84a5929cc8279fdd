"""What the server says to the declared fleet; on a real server, with its limits changed."""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.utils import timezone
from psycopg import sql

from roadmap_project import checks, counting, live_checks, sampling
from roadmap_project.connection_budget import ConnectionBudget
from roadmap_project.environment import Environment
from roadmap_project.models import ConnectionSample
from roadmap_project.postgresql import roles, server, session

pytestmark = pytest.mark.django_db(transaction=True)


def budget(**variables):
    return ConnectionBudget.from_environment(Environment(variables))


def connect(**changes):
    """A client of its own, without Django."""
    config = connection.settings_dict
    parameters = {"host": config["OPTIONS"].get("host") or config["HOST"], "port": config["PORT"] or 5432}
    return psycopg.connect(
        **{**parameters, "user": config["USER"], "password": config["PASSWORD"], "dbname": config["NAME"], **changes},
        autocommit=True,
    )


@pytest.fixture
def superuser():
    try:
        client = connect(user="postgres")
    except psycopg.OperationalError as error:
        pytest.skip(f"the server of DATABASE_URL has no superuser to change its limits with: {error}")
    with client:
        yield client


@pytest.fixture
def change(superuser):
    """Change a limit on the server, and take it back afterwards."""
    with ExitStack() as undo:

        def run(statement, back, *names):
            undo.callback(superuser.execute, sql.SQL(back).format(*map(sql.Identifier, names)))
            superuser.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

        yield run


def findings():
    return live_checks.server_findings(None, databases=["default"])


def ids():
    return [finding.id for finding in findings()]


def test_nothing_is_found_and_no_connection_is_left_when_all_is_right():
    connection.close()

    assert ids() == []
    assert connection.connection is None


def test_nobody_is_asked_where_no_databases_are_passed(monkeypatch):
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", {"host": "/nonexistent"})
    connection.close()

    assert live_checks.server_findings(None) == []


def test_E025_a_pooler_that_is_declared_and_not_there_is_refused(settings):
    """Through one, the process id that a client was told is another than the server's own."""
    (problem,) = live_checks.of_server(budget(DB_POOLER="transaction"), server.ask())

    assert problem.id == "roadmap_project.E025"
    assert "DATABASE_URL leads to the server itself" in problem.msg


def test_W006_a_pooler_that_is_there_and_not_declared_is_told():
    (problem,) = live_checks.of_server(budget(), replace(server.ask(), is_direct=False))

    assert problem.id == "roadmap_project.W006"
    assert "DB_POOLER is not set" in problem.msg


def test_W016_a_direct_address_that_leads_to_a_pooler_is_told_where_it_is_used(settings):
    """No error: in session mode a migration works through one, and some hosts offer nothing else."""
    settings.IS_MIGRATION, settings.DIRECT_URL_VARIABLE = True, "DATABASE_DIRECT_URL"
    settings.CONNECTION_BUDGET = pooled = budget(DB_POOLER="transaction")
    found = server.ask()

    assert [each.id for each in live_checks.of_server(pooled, found)] == []
    (problem,) = live_checks.of_server(pooled, replace(found, is_direct=False))
    assert problem.id == "roadmap_project.W016"
    assert "DATABASE_DIRECT_URL leads to a pooler" in problem.msg


def test_E026_a_pooler_that_refuses_our_sessions_settings_is_told_from_a_server_that_is_away(monkeypatch):
    def refuse(*_):
        raise OperationalError("FATAL: unsupported startup parameter: options")

    monkeypatch.setattr(server, "ask", refuse)

    (problem,) = findings()
    assert (problem.id, problem.is_serious()) == ("roadmap_project.E026", True)
    assert "DB_POOLER=transaction" in problem.hint


def test_W017_a_pooler_that_holds_more_than_its_declared_pool_is_told():
    pooled = budget(DB_POOLER="transaction", DB_POOLER_MAX_DB_CONNECTIONS="8")

    def found(web):
        observed = {**dict.fromkeys((*counting.BESIDE, "logs", "content", "workflow"), 0), "web": web}
        return [each.id for each in live_checks.of_count(counting.Count(observed, pooled))]

    assert found(8) == []
    assert found(9) == ["roadmap_project.W017"]


def test_every_finding_has_an_id_of_its_own():
    said = "".join(Path(module.__file__).read_text() for module in (checks, live_checks))
    ids = Counter(re.findall(r'id="(roadmap_project\.\w+)"', said))

    assert [each for each, number in ids.items() if number > 1] == []


def test_E001_the_databases_own_limit_is_named_beside_the_declared_one(change):
    change(
        "ALTER DATABASE {} CONNECTION LIMIT 60",
        "ALTER DATABASE {} CONNECTION LIMIT -1",
        connection.settings_dict["NAME"],
    )

    (problem,) = findings()

    assert problem.id == "roadmap_project.E001"
    assert "the database's CONNECTION LIMIT 60" in problem.msg
    assert "= 63; usable are 43" in problem.msg


def test_E001_the_servers_own_max_connections_wins_over_the_declared(settings):
    settings.CONNECTION_BUDGET = budget(DB_MAX_CONNECTIONS="400", WEB_THREADS="8")

    (problem,) = findings()

    assert problem.id == "roadmap_project.E001"
    assert "the server's max_connections 100 − 3 reserved" in problem.msg


def test_W005_a_declared_limit_above_the_servers_is_told_even_when_the_fleet_fits(settings):
    settings.CONNECTION_BUDGET = budget(DB_MAX_CONNECTIONS="400")

    (problem,) = findings()

    assert problem.id == "roadmap_project.W005"
    assert "400" in problem.msg
    assert "100" in problem.msg


def test_W015_a_server_that_takes_more_than_is_declared_is_told_where_the_fleet_would_fit(settings):
    settings.CONNECTION_BUDGET = budget(DB_MAX_CONNECTIONS="60")

    (problem,) = findings()

    assert problem.id == "roadmap_project.W015"
    assert problem.hint == "Set DB_MAX_CONNECTIONS=100 and DB_SERVER_RESERVED=3."


def test_E001_from_the_server_names_both_numbers(settings):
    settings.CONNECTION_BUDGET = budget(DB_MAX_CONNECTIONS="300", CONTENT_WORKERS="30")

    (problem,) = findings()

    assert problem.id == "roadmap_project.E001"
    assert "max_connections 100 − 3 reserved (declared is DB_MAX_CONNECTIONS 300 − 3 reserved)" in problem.msg


def test_W003_a_superuser_login_is_warned_about(superuser, monkeypatch):
    connection.close()
    monkeypatch.setitem(connection.settings_dict, "USER", "postgres")

    assert ids() == ["roadmap_project.W003"]


def test_E014_a_role_limit_below_what_its_services_need_is_refused(change):
    user = connection.settings_dict["USER"]
    change("ALTER ROLE {} CONNECTION LIMIT 62", "ALTER ROLE {} CONNECTION LIMIT -1", user)
    (problem,) = findings()
    assert problem.id == "roadmap_project.E014"
    assert "62 connections" in problem.msg
    assert "workflow, release need 63" in problem.msg  # migrations log in with it, too

    change("ALTER ROLE {} CONNECTION LIMIT 63", "ALTER ROLE {} CONNECTION LIMIT -1", user)
    assert ids() == []


def test_E019_a_service_that_logs_in_with_anothers_role_is_refused(change, settings):
    """As the owner, or as another service: its own limit would hold nobody."""
    change("CREATE ROLE {} LOGIN CONNECTION LIMIT 19", "DROP ROLE {}", "roadmaps_content")
    settings.Q_CLUSTER_NAME = "content"

    assert "roadmap_project.E019" in ids()
    settings.Q_CLUSTER_NAME = ""
    assert "roadmap_project.E019" not in ids()


def test_W004_a_service_role_with_another_limit_or_none_is_named(change):
    for name, limit in roles.planned_limits(budget()).items():
        change(f"CREATE ROLE {{}} LOGIN CONNECTION LIMIT {limit}", "DROP ROLE {}", f"roadmaps_{name}")
    assert ids() == []

    change("ALTER ROLE {} CONNECTION LIMIT 3", "SELECT 1 AS {}", "roadmaps_content")
    change("ALTER ROLE {} CONNECTION LIMIT -1", "SELECT 1 AS {}", "roadmaps_web")

    assert [finding.id for finding in findings()] == ["roadmap_project.W004"] * 2
    said = " ".join(finding.msg for finding in findings())
    assert "roadmaps_content has 3" in said
    assert "roadmaps_web has no limit" in said


def test_W007_more_connections_than_declared_are_noticed():
    with ExitStack() as open_connections:
        for _ in range(19):
            open_connections.enter_context(connect(application_name="content:worker"))

        (problem,) = findings()

    assert problem.id == "roadmap_project.W007"
    assert "content holds 19 connections; 9 are declared, 18 while deploying" in problem.msg


def test_W007_more_than_declared_is_no_deploy_when_it_lasts(settings):
    now = timezone.now()
    for minute in range(sampling.LASTING_MINUTES):
        for service, observed in (("content", 12 if minute else 18), ("web", 8), ("logs", 0 if minute == 5 else 14)):
            ConnectionSample.objects.create(
                sampled_at=now - timedelta(minutes=minute, seconds=1),
                service=service, observed=observed, declared=8, limit=97, usable=72,
            )  # fmt: skip

    (problem,) = findings()

    assert problem.id == "roadmap_project.W007"
    assert "content held at least 12 connections for 20 minutes; 9 are declared" in problem.msg
    assert "CONTENT_WORKERS and CONTENT_REPLICAS" in problem.hint
    ConnectionSample.objects.filter(sampled_at__lt=now - timedelta(minutes=10)).delete()  # too few to tell
    assert ids() == []


def test_W010_sessions_that_keep_what_is_dead_are_warned_about(monkeypatch, settings):
    connection.close()
    options = {key: value for key, value in connection.settings_dict["OPTIONS"].items() if key != "options"}
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", options)

    (problem,) = findings()

    assert problem.id == "roadmap_project.W010"
    assert "no statement_timeout, idle_in_transaction_session_timeout, client_connection_check_interval:" in problem.msg
    migration = {**options, "options": session.startup_options(migration_lock_seconds=5)}
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", migration)
    assert ids() == ["roadmap_project.W010"]
    settings.IS_MIGRATION = True  # whose statements take as long as they take
    assert ids() == []


def test_each_finding_of_the_server_has_a_test():
    here = Path(__file__).parent
    tests = "".join((here / name).read_text() for name in ("test_live_checks.py", "test_sampling.py"))

    found = set(re.findall(r'id="roadmap_project\.(\w+)"', Path(live_checks.__file__).read_text()))

    assert len(found) > 8
    assert {each for each in found if f"def test_{each}_" not in tests and f'"{each}"' not in tests} == set()


def test_E027_a_role_that_may_not_write_is_refused_before_it_serves(superuser, monkeypatch):
    superuser.execute("CREATE ROLE without_rights LOGIN")
    try:
        monkeypatch.setitem(connection.settings_dict, "USER", "without_rights")
        connection.close()
        (problem,) = [finding for finding in findings() if finding.is_serious()]
        assert problem.id == "roadmap_project.E027"
        assert "connection_budget --sql" in problem.hint
        assert "roadmap_project.E027" in [finding.id for finding in live_checks.refusals_at_start()]
    finally:
        connection.close()
        superuser.execute("DROP ROLE without_rights")


def test_E015_a_server_without_a_connection_left_is_told_from_one_that_is_away(change, settings):
    settings.CONNECT_WAIT = 0.2
    connection.close()
    change(
        "ALTER DATABASE {} CONNECTION LIMIT 0",
        "ALTER DATABASE {} CONNECTION LIMIT -1",
        connection.settings_dict["NAME"],
    )

    (problem,) = findings()

    assert problem.id == "roadmap_project.E015"
    assert problem.msg.startswith("The server has no connection left for whoever asks")
    assert "ALTER DATABASE" in problem.hint


def test_E015_a_server_that_cannot_be_asked_fails_the_check_and_refuses_no_start(monkeypatch):
    connection.close()
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", {"host": "/nonexistent"})

    assert ids() == ["roadmap_project.E015"]
    assert live_checks.refusals_at_start() == []


def test_the_server_is_asked_with_few_queries(django_assert_num_queries):
    connection.ensure_connection()

    with django_assert_num_queries(2):
        assert server.ask().max_connections == 100


def test_E028_the_roles_of_the_plan_read_and_write_migrate_or_do_not_and_are_refused_above_their_limit(
    superuser, monkeypatch, settings
):
    """The SQL is applied twice to a real server; only the service that takes too much is refused."""
    config = connection.settings_dict
    owner = config["USER"]
    text = roles.statements(budget(), owner=owner, database=config["NAME"])
    superuser.execute(text)
    superuser.execute(text)
    try:
        with ExitStack() as held:
            for _ in range(17):
                held.enter_context(connect(user="roadmaps_web"))
            with pytest.raises(psycopg.OperationalError, match="too many connections for role"):
                connect(user="roadmaps_web")
            content = held.enter_context(connect(user="roadmaps_content"))
            content.execute("INSERT INTO roadmaps_providerpause (provider, until, reason) VALUES ('x', now(), '')")
            assert content.execute("SELECT count(*) FROM roadmaps_step").fetchone() == (0,)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                content.execute("DROP TABLE roadmaps_providerpause")
            release = held.enter_context(connect(user="roadmaps_release"))
            for user in ("roadmaps_release", owner):  # migrations are not locked out by the plan
                monkeypatch.setitem(connection.settings_dict, "USER", user)
                connection.close()
                assert [finding.id for finding in findings() if finding.is_serious()] == []
            release.execute("CREATE TABLE made_by_release (id int)")
            assert content.execute("SELECT count(*) FROM made_by_release").fetchone() == (0,)
            release.execute("DROP TABLE made_by_release")
            for user in ("roadmaps_release", owner, "roadmaps_content"):
                monkeypatch.setitem(connection.settings_dict, "USER", user)
                connection.close()
                settings.IS_MIGRATION = True
                serious = [finding.id for finding in findings() if finding.is_serious()]
                settings.IS_MIGRATION = False
                before_a_release = [finding.id for finding in live_checks.release_findings(None, databases=["default"])]
                assert connection.connection is None
                assert serious == before_a_release == ["roadmap_project.E028"] * (user == "roadmaps_content")
            with pytest.raises(CommandError, match=r"must be owner of table django_session(.|\n)*as roadmaps_release"):
                call_command("migrate", "sessions", "zero", verbosity=0)
            # A service that does not migrate starts, and who migrates by an address of its own is told there.
            assert [finding.id for finding in live_checks.refusals_at_start()] == []
            settings.DIRECT_URL_VARIABLE = "DATABASE_DIRECT_URL"
            assert live_checks.release_findings(None, databases=["default"]) == []
    finally:
        superuser.execute(sql.SQL("ALTER ROLE {} CONNECTION LIMIT -1").format(sql.Identifier(owner)))
        for name in roles.planned_limits(budget()):
            role = sql.Identifier(server.ROLE_PREFIX + name)
            superuser.execute(sql.SQL("DROP OWNED BY {0}").format(role))
            superuser.execute(sql.SQL("DROP ROLE {0}").format(role))


def command(*arguments, **environment):
    config = connection.settings_dict
    url = f"postgres://{config['USER']}@:5432/{config['NAME']}?host={config['OPTIONS'].get('host', '')}"
    return subprocess.run(
        [sys.executable, "manage.py", "connection_budget", *arguments],
        env={**os.environ, "DATABASE_URL": url, "DEBUG": "1", **environment},
        cwd=django_settings.BASE_DIR,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_the_commands_exit_status_is_its_verdict():
    assert command().returncode == 0
    assert command("--live").returncode == 0
    assert command("--set", "WEB_THREADS=40").returncode == 1
    assert command("--live", DATABASE_URL="postgres://a@:5432/x?host=/nonexistent").returncode == 2
    assert command("--set", "WEB_THREADS=forty").returncode == 2
    assert command("--set", "WEB_SHOES=2").returncode == 2
    assert command("--set", "WEB_CONCURRENCY=40", WEB_WORKERS="4").returncode == 2
    assert command(WEB_THREADS="forty").returncode == 2
    assert command("--suggest", "-3").returncode == 2
    assert command("--sql", "--json").returncode == 2


def test_options_of_the_url_come_beside_the_sessions_limits_and_not_in_their_place():
    config = connection.settings_dict
    place = f"postgres://{config['USER']}@:5432/{config['NAME']}?host={config['OPTIONS'].get('host', '')}"

    assert "W010" not in command("--live", DATABASE_URL=f"{place}&options=-c%20work_mem%3D8MB").stdout
    assert "W010" in command("--live", DATABASE_URL=f"{place}&options=-c%20statement_timeout%3D0").stdout


@pytest.mark.parametrize(
    ("variables", "status", "said"),
    [
        ({"DB_MAX_CONNECTIONS": "40"}, 1, ["roadmap_project.E001", "roadmap_project.W015"]),
        ({"DB_MAX_CONNECTIONS": "400"}, 0, ["roadmap_project.W005"]),
    ],
)
def test_live_the_command_says_what_checks_say_of_the_declared_numbers(variables, status, said):
    done = command("--live", **variables)

    assert (done.returncode, re.findall(r"roadmap_project\.\w+", done.stdout)) == (status, said)


def test_live_the_command_has_the_verdict_of_the_checks(change):
    change("ALTER ROLE {} CONNECTION LIMIT 10", "ALTER ROLE {} CONNECTION LIMIT -1", connection.settings_dict["USER"])

    said, certificate = command("--live"), command("--live", "--json")

    assert (said.returncode, certificate.returncode) == (1, 1)
    assert "roadmap_project.E014" in said.stdout
    assert [each["id"] for each in json.loads(certificate.stdout)["findings"]] == ["roadmap_project.E014"]


def test_the_live_certificate_names_its_source_and_what_is_observed():
    ConnectionSample.objects.create(
        sampled_at=timezone.now(), service="web", observed=5, declared=8, limit=97, usable=72
    )
    with connect(application_name="psql"), connect(application_name="web:worker"):
        certificate = json.loads(command("--live", "--json").stdout)

    assert certificate["limit"]["is_live"]
    assert certificate["limit"]["max_connections"] == 100
    assert (certificate["observed"]["unplanned"], certificate["observed"]["web"]) == (1, 1)
    assert certificate["peak_of_24_hours"] == {"web": 5}


def environment_lines(text):
    return dict(line.split("=") for line in text.splitlines() if not line.startswith("#"))


def test_suggested_lines_are_an_environment_that_passes_and_say_which_margins_were_given_up():
    said = command("--suggest", "30").stdout

    lines = environment_lines(said)
    assert lines["DB_MAX_CONNECTIONS"] == "30"
    assert budget(**lines).fits
    assert "# DEPLOY_OVERLAP was 2;" in said
    assert "#" not in command("--suggest", "200").stdout


def test_a_suggestion_as_json_is_a_certificate():
    certificate = json.loads(command("--suggest", "60", "--json").stdout)

    assert certificate["fits"]
    assert certificate["limit"]["max_connections"] == 60


def test_a_live_suggestion_knows_the_databases_own_limit(change):
    database = connection.settings_dict["NAME"]
    change("ALTER DATABASE {} CONNECTION LIMIT 40", "ALTER DATABASE {} CONNECTION LIMIT -1", database)

    found = budget(**environment_lines(command("--live", "--suggest", "500").stdout))

    assert found.on_server(max_connections=500, reserved=3, database_limit=40).fits


def test_the_roles_are_made_for_who_owns_the_tables():
    url = f"postgres://roadmaps_web@:5432/nowhere?host={connection.settings_dict['OPTIONS'].get('host', '')}"

    said = command("--sql").stdout
    assert f'ALTER ROLE "{connection.settings_dict["USER"]}" CONNECTION LIMIT 5;' in said
    refused = command("--sql", DATABASE_URL=url)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "--owner" in refused.stderr
