"""Each check by its id: silent when all is right, and what it says when it is not; then at the doors."""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.core import checks as django_checks
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from roadmap_project import checks, cluster_settings, process
from roadmap_project.connection_budget import ConnectionBudget
from roadmap_project.environment import Environment

ROOT = Path(__file__).resolve().parents[2]


def budget(**variables: str) -> ConnectionBudget:
    return ConnectionBudget.from_environment(Environment(variables))


def q_cluster(**changes: object) -> dict[str, object]:
    return {**django_settings.Q_CLUSTER, **changes}


@pytest.fixture(autouse=True)
def defaults(settings, monkeypatch):
    """The settings of an untouched production, whatever this machine's environment says."""
    monkeypatch.setitem(django_settings.DATABASES["default"], "NAME", "roadmaps")
    monkeypatch.setitem(django_settings.DATABASES["default"], "CONN_MAX_AGE", None)
    settings.CONNECTION_BUDGET = budget()
    settings.Q_CLUSTER = cluster_settings.q_cluster(budget(), task_timeout=451)
    settings.Q_CLUSTER_NAME = ""
    settings.CALL_DEADLINE, settings.DRAIN_SECONDS, settings.STORE_RETRY_SECONDS = 180, 120, 45
    settings.LEASE_SECONDS, settings.TASK_TIMEOUT = 240, 451
    settings.PREDECESSOR_VARIABLES = {"DB_POOL_SIZE": "", "DB_MAX_OVERFLOW": ""}
    settings.LLM_PROVIDER, settings.OPENAI_API_KEY, settings.OPENAI_BASE_URL = "library", "", ""
    settings.LLM_TIMEOUT, settings.GUNICORN_CMD_ARGS, settings.CONNECTION_BUDGET_BYPASS = 90, "", False
    settings.ALLOWED_HOSTS, settings.CSRF_TRUSTED_ORIGINS = ["a.example"], ["https://a.example"]
    settings.MAIL_IS_SENT, settings.SITE_URL = True, "https://a.example"
    settings.DEFAULT_FROM_EMAIL = "roadmaps@a.example"


def found(check) -> list[str]:
    return [problem.id for problem in check(None)]


def test_all_checks_are_silent_when_all_is_right():
    problems = [
        problem
        for problem in django_checks.run_checks(include_deployment_checks=True)
        if str(problem.id).startswith("roadmap_project.")
    ]

    assert problems == []


def test_every_check_of_the_module_is_registered():
    registered = {
        check.__name__ for check in django_checks.registry.registry.get_checks(include_deployment_checks=True)
    }

    assert {
        "connection_budget", "cluster_name", "cluster_times", "database_url", "predecessor_variables", "connection_age",
        "production_settings", "provider_key",
    } <= registered  # fmt: skip


def test_no_id_is_used_for_two_findings_and_each_has_a_test_here():
    source = Path(checks.__file__).read_text()
    here = Path(__file__).read_text()
    deploying = (Path(__file__).parent.parent / "test_deploying.py").read_text()

    ids = [
        part.split('"')[0]
        for line in source.splitlines()
        if "yield" in line or " id=" in line
        for part in line.split('id="roadmap_project.')[1:]
    ]

    assert len(ids) > 15
    assert len(set(ids)) == len(ids)
    untested = [each for each in ids if f"def test_{each}_" not in here]
    assert [each for each in untested if f'"roadmap_project.{each}",' not in deploying] == []


def test_the_checks_open_no_connection():
    """They run in builds, where there is no server."""
    connection.close()

    django_checks.run_checks(include_deployment_checks=True)

    assert connection.connection is None


def test_E001_a_fleet_that_does_not_fit_is_refused_with_sum_limit_shares_and_the_smallest_change(settings):
    settings.CONNECTION_BUDGET = budget(WEB_THREADS="40")

    [problem] = checks.connection_budget(None)

    assert (problem.id, problem.level) == ("roadmap_project.E001", django_checks.ERROR)
    assert "183 connections (web 160, logs 7, content 9, workflow 7)" in problem.msg
    assert "2 × 183 + 1 = 367; usable are 72" in problem.msg
    assert problem.hint == "The smallest change that fits: WEB_THREADS=3."


def test_E001_where_no_single_count_is_enough_the_way_to_a_smaller_fleet_is_named(settings):
    settings.CONNECTION_BUDGET = budget(DB_MAX_CONNECTIONS="20")
    (problem,) = checks.connection_budget(None)
    assert "DB_MAX_CONNECTIONS=88" in problem.hint
    assert problem.hint.endswith("Or less of everything, as `manage.py connection_budget --suggest 20` prints it.")

    settings.CONNECTION_BUDGET = budget(DB_MAX_CONNECTIONS="12")  # not even the smallest fits
    (problem,) = checks.connection_budget(None)
    assert "--suggest" not in problem.hint


def test_E001_is_silent_at_the_last_fleet_that_fits(settings):
    settings.CONNECTION_BUDGET = budget(WEB_THREADS="3")
    assert found(checks.connection_budget) == []

    settings.CONNECTION_BUDGET = budget(WEB_THREADS="4")
    assert found(checks.connection_budget) == ["roadmap_project.E001"]


@pytest.mark.parametrize("name", ["typo", "Logs", "default", "logs "])
def test_E002_an_unknown_cluster_is_named_with_the_known_ones(settings, name):
    settings.Q_CLUSTER_NAME = name

    [problem] = checks.cluster_name(None)

    assert problem.id == "roadmap_project.E002"
    assert repr(name) in problem.msg
    assert problem.hint == "Expected one of logs, content, workflow."


@pytest.mark.parametrize("name", ["", "logs", "content", "workflow"])
def test_E002_is_silent_about_known_clusters_and_none(settings, name):
    settings.Q_CLUSTER_NAME = name

    assert found(checks.cluster_name) == []


def test_E003_a_timeout_that_strikes_inside_a_store_is_refused_to_the_second(settings):
    settings.TASK_TIMEOUT = 421
    assert found(checks.cluster_times) == []

    settings.TASK_TIMEOUT = 420

    [problem] = checks.cluster_times(None)
    assert problem.id == "roadmap_project.E003"
    assert "120 + CALL_DEADLINE 180 + 2 × STORE_RETRY_SECONDS 45 + 30 = 420" in problem.msg
    assert "more than 420" in problem.hint


def test_E004_a_lease_that_ends_before_its_call_is_refused_to_the_second(settings):
    settings.LEASE_SECONDS = 226
    assert found(checks.cluster_times) == []

    settings.LEASE_SECONDS = 225

    [problem] = checks.cluster_times(None)
    assert problem.id == "roadmap_project.E004"
    assert "LEASE_SECONDS=225" in problem.msg
    assert "= 225" in problem.msg


def test_E005_a_retry_while_a_task_may_still_run_is_refused_for_each_cluster(settings):
    settings.Q_CLUSTER = q_cluster(retry=902)

    problems = checks.cluster_times(None)

    assert [problem.id for problem in problems] == ["roadmap_project.E005"] * 3
    assert "logs cluster" in problems[0].msg
    assert "more than 902" in problems[0].msg
    settings.Q_CLUSTER = q_cluster(retry=903)
    assert found(checks.cluster_times) == []


def test_E005_counts_the_prefetch_a_small_cluster_waits_longer(settings):
    clusters = {"logs": {"workers": 4}, "content": {"workers": 1}, "workflow": {"workers": 4}}
    settings.Q_CLUSTER = q_cluster(retry=1353, ALT_CLUSTERS=clusters)

    [problem] = checks.cluster_times(None)

    assert "content cluster" in problem.msg
    assert "more than 1353" in problem.msg


@pytest.mark.parametrize("guard_cycle", [0.3, 0.7, 0.1, 5])
def test_E006_a_guard_cycle_that_never_counts_down_to_zero_is_refused(settings, guard_cycle):
    settings.Q_CLUSTER = q_cluster(guard_cycle=guard_cycle)

    assert found(checks.cluster_times) == ["roadmap_project.E006"]


@pytest.mark.parametrize("guard_cycle", [0.5, 0.25, 1, 2])
def test_E006_is_silent_where_the_countdown_ends_at_zero(settings, guard_cycle):
    settings.Q_CLUSTER = q_cluster(guard_cycle=guard_cycle)

    assert found(checks.cluster_times) == []


def test_E007_a_missing_database_is_named(monkeypatch):
    monkeypatch.setitem(django_settings.DATABASES["default"], "NAME", "")

    [problem] = checks.database_url(None)

    assert problem.id == "roadmap_project.E007"
    assert problem.msg == "DATABASE_URL is not set."
    assert "postgres://USER:PASSWORD@HOST:PORT/NAME" in problem.hint


@pytest.mark.parametrize("name", ["ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS"])
def test_E008_an_empty_list_is_named_in_a_deploy_check(settings, name):
    assert found(checks.production_settings) == []

    setattr(settings, name, [])

    [problem] = checks.production_settings(None)
    assert problem.id == "roadmap_project.E008"
    assert name in problem.msg
    assert not [each for each in django_checks.run_checks() if each.id == "roadmap_project.E008"]


def test_E024_debug_is_an_error_in_a_deploy_check_alone(settings):
    settings.DEBUG = False
    assert found(checks.debug) == []

    settings.DEBUG = True

    [problem] = checks.debug(None)
    assert (problem.id, problem.is_serious()) == ("roadmap_project.E024", True)
    assert not [each for each in django_checks.run_checks() if each.id == "roadmap_project.E024"]


def test_E009_openai_without_a_key_or_an_endpoint_is_refused(settings):
    settings.LLM_PROVIDER = "openai"

    [problem] = checks.provider_key(None)

    assert problem.id == "roadmap_project.E009"
    assert "OPENAI_API_KEY" in problem.msg
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        settings.OPENAI_API_KEY = settings.OPENAI_BASE_URL = ""
        setattr(settings, name, "something")
        assert found(checks.provider_key) == []


@pytest.mark.parametrize("name", ["DB_POOL_SIZE", "DB_MAX_OVERFLOW"])
def test_W001_a_variable_of_the_predecessor_is_explained(settings, name):
    settings.PREDECESSOR_VARIABLES = {name: "40"}

    [problem] = checks.predecessor_variables(None)

    assert (problem.id, problem.level) == ("roadmap_project.W001", django_checks.WARNING)
    assert problem.msg.startswith(f"{name} is set")
    assert "WEB_THREADS" in problem.hint
    assert "*_IN_FLIGHT" in problem.hint


@pytest.mark.parametrize("age", [0, 60])
def test_W002_a_number_for_the_connections_age_is_warned_about(settings, monkeypatch, age):
    settings.IS_RUNSERVER = False
    monkeypatch.setitem(django_settings.DATABASES["default"], "CONN_MAX_AGE", age)

    [problem] = checks.connection_age(None)

    assert (problem.id, problem.level) == ("roadmap_project.W002", django_checks.WARNING)
    assert f"CONN_MAX_AGE={age}" in problem.msg


def test_E010_psycopgs_pool_is_refused_because_clusters_fork(monkeypatch):
    monkeypatch.setitem(django_settings.DATABASES["default"], "OPTIONS", {"pool": True})

    assert found(checks.connection_pool) == ["roadmap_project.E010"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--workers=9", "workers to 9"),
        ("-w 9", "workers to 9"),
        ("-w9", "workers to 9"),
        ("-Rw9", "workers to 9"),
        ("--thr 8", "threads to 8"),
        ("--threads 8", "threads to 8"),
        ("-k uvicorn.workers.UvicornWorker", "worker_class to 'uvicorn"),
    ],
)
def test_E011_arguments_that_change_what_was_counted_are_refused(settings, arguments, said):
    settings.GUNICORN_CMD_ARGS = f"--access-logfile - {arguments}"

    (problem,) = checks.gunicorn_arguments(None)
    assert problem.id == "roadmap_project.E011"
    assert f"GUNICORN_CMD_ARGS sets {said}" in problem.msg


@pytest.mark.parametrize("arguments", ["--version", "--help", "--no-such-thing"])
def test_E011_arguments_with_which_gunicorn_would_serve_nothing_are_refused(settings, arguments):
    settings.GUNICORN_CMD_ARGS = arguments

    assert found(checks.gunicorn_arguments) == ["roadmap_project.E011"]


def test_E011_is_silent_about_other_arguments(settings):
    settings.GUNICORN_CMD_ARGS = "--access-logfile - --keep-alive 5 --worker-tmp-dir /dev/shm"

    assert found(checks.gunicorn_arguments) == []


def test_E016_G4_no_process_starts_without_a_secret_key(settings):
    settings.SECRET_KEY_IS_SET = False

    assert found(checks.secret_key) == ["roadmap_project.E016"]


@pytest.mark.parametrize("changes", [{"max_attempts": 0}, {"ack_failures": False}])
def test_E012_endless_attempts_of_paid_work_are_refused(settings, changes):
    settings.Q_CLUSTER = q_cluster(**changes)

    assert found(checks.paid_attempts) == ["roadmap_project.E012"]


def test_E013_tries_that_do_not_fit_into_the_deadline_are_refused_with_the_numbers(settings):
    settings.LLM_TIMEOUT, settings.CALL_DEADLINE = 91, 180

    (problem,) = checks.model_times(None)
    assert problem.id == "roadmap_project.E013"
    assert "91 × 2 tries = 182" in problem.msg
    settings.LLM_TIMEOUT = 90
    assert found(checks.model_times) == []


@pytest.mark.parametrize(
    ("host", "port", "unpooled"),
    [
        ("db", "6432", ""),
        ("pgbouncer.internal", "5432", ""),
        ("ep-x-pooler.example", "5432", ""),
        ("db", "5432", "postgres://d"),
    ],
)
def test_W006_a_pooled_address_without_its_setting_is_warned_about(settings, monkeypatch, host, port, unpooled):
    settings.DB_POOLER, settings.DATABASE_UNPOOLED_URL = "none", unpooled
    monkeypatch.setitem(django_settings.DATABASES["default"], "HOST", host)
    monkeypatch.setitem(django_settings.DATABASES["default"], "PORT", port)

    assert found(checks.unpooled_settings) == ["roadmap_project.W006"]
    settings.DB_POOLER = "transaction"
    assert found(checks.unpooled_settings) == []


def test_E017_a_pooler_without_the_servers_own_address_is_refused(settings):
    settings.DB_POOLER, settings.DIRECT_URL_VARIABLE = "transaction", ""

    assert found(checks.direct_url) == ["roadmap_project.E017"]
    settings.DIRECT_URL_VARIABLE = "DATABASE_UNPOOLED_URL"
    assert found(checks.direct_url) == []
    settings.DB_POOLER, settings.DIRECT_URL_VARIABLE = "none", ""
    assert found(checks.direct_url) == []


def test_E022_a_direct_address_that_is_the_poolers_is_refused(settings):
    settings.DB_POOLER, settings.DIRECT_URL_VARIABLE = "transaction", "DATABASE_DIRECT_URL"
    settings.POOLER_ADDRESS, settings.DIRECT_ADDRESS = "db:6432", "db:6432"

    (problem,) = checks.direct_address(None)
    assert problem.id == "roadmap_project.E022"
    assert "DATABASE_DIRECT_URL has the address of DATABASE_URL (db:6432)" in problem.msg
    settings.DIRECT_ADDRESS = "db:5432"
    assert found(checks.direct_address) == []
    settings.DIRECT_ADDRESS, settings.DB_POOLER = "db:6432", "none"
    assert found(checks.direct_address) == []


def test_E022_the_addresses_are_compared_at_the_door():
    pooled = {
        "DB_POOLER": "transaction",
        "DB_POOLER_MAX_DB_CONNECTIONS": "20",
        "DATABASE_URL": "postgres://a:1@Pooler.example:6432/roadmaps",
    }

    same = manage("check", DATABASE_DIRECT_URL="postgres://b:2@pooler.example:6432/direct", **pooled)
    other = manage("check", DATABASE_DIRECT_URL="postgres://a:1@db.example/roadmaps", **pooled)

    assert (same.returncode, other.returncode) == (1, 0)
    assert "roadmap_project.E022" in same.stderr


def test_E021_the_web_application_is_loaded_by_whoever_goes_by_the_budget_and_nobody_else(settings, monkeypatch):
    monkeypatch.setattr(process, "current", process.Process(service="other", kind="gunicorn"))
    with pytest.raises(ImproperlyConfigured, match=r"E021.*--config roadmap_project/gunicorn_conf.py"):
        checks.require_counted_server()

    settings.CONNECTION_BUDGET_BYPASS = True
    checks.require_counted_server()

    settings.CONNECTION_BUDGET_BYPASS = False
    monkeypatch.setattr(process, "current", process.Process(service="web", kind="worker"))
    checks.require_counted_server()


def test_E011_arguments_with_an_open_quote_are_named(settings):
    settings.GUNICORN_CMD_ARGS = "--access-logformat '%(h)s"

    (problem,) = checks.gunicorn_arguments(None)
    assert problem.id == "roadmap_project.E011"
    assert "cannot be read" in problem.msg


def test_E020_a_service_that_is_declared_as_none_is_not_started(settings):
    settings.CONNECTION_BUDGET, settings.Q_CLUSTER_NAME = budget(CONTENT_REPLICAS="0"), "content"

    (problem,) = checks.cluster_name(None)
    assert problem.id == "roadmap_project.E020"
    assert "CONTENT_REPLICAS=0" in problem.msg
    settings.Q_CLUSTER_NAME = "logs"
    assert found(checks.cluster_name) == []


def test_E023_a_database_that_nobody_counts_is_refused(monkeypatch):
    second = {**django_settings.DATABASES["default"], "ENGINE": "django.db.backends.postgresql"}
    assert found(checks.counted_backend) == []

    monkeypatch.setitem(django_settings.DATABASES, "second", second)

    (problem,) = checks.counted_backend(None)
    assert problem.id == "roadmap_project.E023"
    assert "'second' has the engine 'django.db.backends.postgresql'" in problem.msg


def test_W008_a_bypass_is_explicit_and_still_says_the_sum(settings):
    settings.CONNECTION_BUDGET, settings.CONNECTION_BUDGET_BYPASS = budget(WEB_THREADS="40"), True

    (problem,) = checks.connection_budget(None)
    assert problem.id == "roadmap_project.W008"
    assert "183 connections" in problem.msg
    assert "CONNECTION_BUDGET_BYPASS" in problem.hint


def test_W002_is_silent_without_a_number_and_under_runserver(settings, monkeypatch):
    monkeypatch.setitem(django_settings.DATABASES["default"], "CONN_MAX_AGE", None)
    assert found(checks.connection_age) == []

    monkeypatch.setitem(django_settings.DATABASES["default"], "CONN_MAX_AGE", 0)
    settings.IS_RUNSERVER = True
    assert found(checks.connection_age) == []


def environment(**variables: str) -> dict[str, str]:
    """Only what a platform would give, so that nothing of this machine's environment helps."""
    base = {
        "PATH": os.environ["PATH"],
        "DEBUG": "1",
        "DATABASE_URL": "postgres://nobody@127.0.0.1:9/nowhere",
        **{name: os.environ[name] for name in ("HOME", "TMPDIR") if name in os.environ},
    }
    return base | variables


def manage(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT, env=environment(**variables), capture_output=True, text=True, timeout=45, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("command", "variables", "said"),
    [
        (["check"], {"WEB_THREADS": "40"}, "roadmap_project.E001"),
        (["check"], {"DB_MAX_CONNECTIONS": "20"}, "DB_MAX_CONNECTIONS=88 (after raising"),
        (["migrate"], {"WEB_THREADS": "40"}, "roadmap_project.E001"),
        (["qcluster"], {"WEB_THREADS": "40", "Q_CLUSTER_NAME": "logs"}, "roadmap_project.E001"),
        (["qcluster"], {"Q_CLUSTER_NAME": "typo"}, "roadmap_project.E002"),
        (["qcluster"], {}, "Set Q_CLUSTER_NAME to one of logs, content, workflow"),
        (["qcluster"], {"Q_CLUSTER_NAME": "logs", "WEB_WORKERS": "abc"}, "WEB_WORKERS='abc'"),
        (["check"], {"WEB_CONCURRENCY": "auto", "WEB_WORKERS": "4"}, "WEB_CONCURRENCY='auto'"),
        (["check"], {"DATABASE_URL": "postgres://a@127.0.0.1:9/nowhere?pgbouncer=true"}, "DB_POOLER=transaction"),
    ],
)
def test_a_wrong_configuration_stops_the_command_with_a_text_on_stderr(command, variables, said):
    done = manage(*command, **variables)

    assert done.returncode != 0
    assert said in done.stderr
    assert "nowhere" not in done.stderr  # stopped before it tried the database
    assert "cluster_started" not in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


def test_a_variable_that_a_panel_left_empty_counts_as_unset():
    assert manage("check", WEB_CONCURRENCY="", DATABASE_DIRECT_URL="").returncode == 0


def test_whoever_asks_for_the_databases_checks_alone_hears_of_a_fleet_that_does_not_fit():
    assert "roadmap_project.E001" in manage("check", "--tag", "database", WEB_THREADS="40").stderr


def test_W030_an_installation_without_mail_is_told_what_that_costs(settings):
    settings.MAIL_IS_SENT = False

    assert found(checks.mail) == ["roadmap_project.W030"]
    assert "EMAIL_URL" in checks.mail(None)[0].hint


def test_W031_mail_whose_links_lead_nowhere(settings):
    settings.SITE_URL = ""

    assert found(checks.mail) == ["roadmap_project.W031"]


@pytest.mark.parametrize(
    "origin",
    [
        "http://r.example.org",
        "https://r.example.org:443",
        "https://R.example.org",
        "https://bücher.example",
        "https://r.example.org/",
        "https://r.example.org:port",
        "r.example.org",
    ],
)
def test_W037_what_no_browser_sends_as_an_origin(settings, origin):
    settings.CSRF_TRUSTED_ORIGINS, settings.SITE_URL = [origin], origin.rstrip("/")
    assert found(checks.trusted_origins) == ["roadmap_project.W037"]  # once, where both are the same

    settings.CSRF_TRUSTED_ORIGINS, settings.SITE_URL = ["https://r.example.org"], origin
    assert found(checks.trusted_origins) == ["roadmap_project.W037"]
    assert "SITE_URL" in checks.trusted_origins(None)[0].hint


@pytest.mark.parametrize(
    "origin", ["https://r.example.org", "https://r.example.org:8443", "https://xn--bcher-kva.example"]
)
def test_W037_is_silent_about_origins(settings, origin):
    settings.CSRF_TRUSTED_ORIGINS, settings.SITE_URL = ["https://*.example.org", origin], origin

    assert found(checks.trusted_origins) == []


def test_check_deploy_is_silent_with_production_settings():
    production = {
        "DEBUG": "",
        "SECRET_KEY": secrets.token_urlsafe(60),
        "ALLOWED_HOSTS": "roadmaps.example.org",
        "CSRF_TRUSTED_ORIGINS": "https://roadmaps.example.org",
        "DATABASE_URL": "postgres://roadmaps:secret@db.example.org/roadmaps",
        "EMAIL_URL": "smtp+tls://roadmaps:secret@mail.example.org",
        "DEFAULT_FROM_EMAIL": "roadmaps@example.org",
    }

    done = manage("check", "--deploy", "--fail-level", "WARNING", **production)

    assert (done.returncode, done.stderr) == (0, "")
    assert "no issues" in done.stdout


def test_G4_check_deploy_names_what_is_missing_in_production():
    done = manage("check", "--deploy", DEBUG="", DATABASE_URL="")

    assert done.returncode != 0
    for name in ("DATABASE_URL", "ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS", "SECRET_KEY"):
        assert name in done.stderr
    assert "CONN_MAX_AGE" not in done.stderr  # nobody set it


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


OURS = ["--config", "roadmap_project/gunicorn_conf.py"]


@pytest.mark.parametrize(
    ("arguments", "variables", "said"),
    [
        (OURS, {"WEB_THREADS": "40"}, "roadmap_project.E001"),
        (OURS, {"WEB_WORKERS": "abc"}, "WEB_WORKERS='abc'"),
        (OURS, {"GUNICORN_CMD_ARGS": "-Rw9"}, "roadmap_project.E011"),
        (OURS, {"WEB_REPLICAS": "0"}, "roadmap_project.E020"),
        ([*OURS, "--threads", "9"], {}, "gunicorn's threads 9 is not the connection budget's 2"),
        ([*OURS, "--workers", "9"], {}, "gunicorn's workers 9 is not the connection budget's 4"),
        ([*OURS, "--worker-class", "asgi"], {}, "roadmap_project.E011"),
    ],
)
def test_gunicorn_refuses_to_start_and_listens_nowhere(arguments, variables, said):
    port = free_port()
    gunicorn = shutil.which("gunicorn", path=str(Path(sys.executable).parent))
    command = [str(gunicorn), *arguments, "roadmap_project.wsgi"]
    running = subprocess.Popen(
        command, cwd=ROOT, env=environment(HOST="127.0.0.1", PORT=str(port), **variables),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        listened = False
        while running.poll() is None:
            listened = listened or is_listening(port)
            with contextlib.suppress(subprocess.TimeoutExpired):
                running.wait(0.02)
        _, stderr = running.communicate(timeout=20)
    finally:
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)

    assert running.returncode != 0
    assert said in stderr
    assert not listened
    assert not is_listening(port)


@pytest.mark.parametrize("arguments", [["--threads", "40"], ["--preload"], ["--worker-class", "gthread"]])
def test_E021_gunicorn_without_our_configuration_serves_nothing_and_ends(arguments):
    gunicorn = shutil.which("gunicorn", path=str(Path(sys.executable).parent))

    done = subprocess.run(
        [str(gunicorn), "--bind", f"127.0.0.1:{free_port()}", *arguments, "roadmap_project.wsgi"],
        cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert done.returncode != 0
    assert "(roadmap_project.E021)" in done.stderr


@pytest.mark.parametrize(
    "url",
    ["api.example.org/v1", "ftp://api.example.org", "https://", "https://api.example.org:port/", "https://[::1/v1",
     "https://api.example.org/v1 # ours", "//api.example.org", "https:/api.example.org/v1"],
)  # fmt: skip
def test_E018_a_model_endpoint_that_is_no_address_is_refused_by_name(settings, url):
    settings.OPENAI_BASE_URL = url

    assert found(checks.provider_address) == ["roadmap_project.E018"]
    assert "OPENAI_BASE_URL" in checks.provider_address(None)[0].msg


@pytest.mark.parametrize("url", ["", "https://api.example.org/v1", "http://127.0.0.1:8080/v1", "http://[::1]:8080"])
def test_E018_is_silent_about_an_address(settings, url):
    settings.OPENAI_BASE_URL = url

    assert found(checks.provider_address) == []
