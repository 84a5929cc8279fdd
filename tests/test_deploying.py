"""What an operator meets before the first visitor does: checks, static files, Sentry, health checks."""

import json
import os
import secrets
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)

# The environment that README and .env.example ask for, of a service on Railway.
PRODUCTION = {
    "SECRET_KEY": secrets.token_urlsafe(60),
    "DATABASE_URL": "postgres://roadmaps_web:secret@db.railway.internal/roadmaps",
    "RAILWAY_PUBLIC_DOMAIN": "roadmaps.up.railway.app",
    "RAILWAY_SERVICE_NAME": "web",
    "RAILWAY_DEPLOYMENT_DRAINING_SECONDS": "15",
    "RAILWAY_GIT_COMMIT_SHA": "0123abc",
    "RAILWAY_ENVIRONMENT_NAME": "staging",
    "METRICS_TOKEN": "a-token",
    "EMAIL_URL": "smtp+tls://roadmaps:secret@mail.example.org:587",
    "DEFAULT_FROM_EMAIL": "roadmaps@example.org",
}
ELSEWHERE = {
    "SECRET_KEY": PRODUCTION["SECRET_KEY"],
    "DATABASE_URL": PRODUCTION["DATABASE_URL"],
    "ALLOWED_HOSTS": "roadmaps.example.org",
    "CSRF_TRUSTED_ORIGINS": "https://roadmaps.example.org",
    **{name: PRODUCTION[name] for name in ("EMAIL_URL", "DEFAULT_FROM_EMAIL")},
}
POOLED = {
    "DB_POOLER": "transaction",
    "DATABASE_URL": "postgres://roadmaps_web:secret@pgbouncer.internal:6432/roadmaps",
    "DATABASE_UNPOOLED_URL": PRODUCTION["DATABASE_URL"],
}

MODELS = {
    "OPENAI_API_KEY": "k",
    "OPENAI_MODEL": "large",
    "LLM_PRICE_INPUT": "2",
    "LLM_PRICE_OUTPUT": "8",
    "OPENAI_MODEL_QUIZ": "small",
    "LLM_PRICE_INPUT_QUIZ": "0.1",
    "LLM_PRICE_OUTPUT_QUIZ": "0.4",
}

# What somebody got wrong; the finding; what it tells them to do.
MISTAKES = [
    ({"SECRET_KEY": ""}, "roadmap_project.E016", "Set it to a long random text"),
    ({"SECRET_KEY": "changeme"}, "security.W009", "SECRET_KEY"),
    ({"DATABASE_URL": ""}, "roadmap_project.E007", "Set DATABASE_URL=postgres://"),
    ({"RAILWAY_PUBLIC_DOMAIN": ""}, "roadmap_project.E008", "Set CSRF_TRUSTED_ORIGINS"),
    (
        {"WEB_THREADS": "40", "CONNECTION_BUDGET_BYPASS": "", "DB_POOLER": ""},
        "roadmap_project.E001",
        "The smallest change that fits",
    ),
    ({"Q_CLUSTER_NAME": "contents"}, "roadmap_project.E002", "Expected one of logs, content, workflow"),
    ({"CONTENT_REPLICAS": "0", "Q_CLUSTER_NAME": "content"}, "roadmap_project.E020", "Set CONTENT_REPLICAS"),
    ({"TASK_TIMEOUT": "300"}, "roadmap_project.E003", "Set TASK_TIMEOUT to more than"),
    ({"LEASE_SECONDS": "100"}, "roadmap_project.E004", "Set LEASE_SECONDS to more than"),
    (
        {"LLM_PROVIDER": "openai", "OPENAI_API_KEY": "", "OPENAI_BASE_URL": ""},
        "roadmap_project.E009",
        "Set OPENAI_API_KEY",
    ),
    ({"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "api.example.org"}, "roadmap_project.E018", "https://HOST/v1"),
    ({"OPENAI_API_KEY": "k", "LLM_TIMEOUT": "170"}, "roadmap_project.E013", "Set CALL_DEADLINE to at least"),
    ({"GUNICORN_CMD_ARGS": "--workers 9"}, "roadmap_project.E011", "Set WEB_WORKERS"),
    ({"DB_POOL_SIZE": "40"}, "roadmap_project.W001", "Unset it"),
    ({"CONN_MAX_AGE": "60"}, "roadmap_project.W002", "Unset CONN_MAX_AGE"),
    ({**POOLED, "DB_POOLER": ""}, "roadmap_project.W006", "Set DB_POOLER=transaction"),
    ({**POOLED, "DATABASE_UNPOOLED_URL": ""}, "roadmap_project.E017", "Set DATABASE_DIRECT_URL"),
    (
        {"CONNECTION_BUDGET_BYPASS": "1", "WEB_THREADS": "40", "DB_POOLER": ""},
        "roadmap_project.W008",
        "CONNECTION_BUDGET_BYPASS",
    ),
    (
        {"RAILWAY_DEPLOYMENT_DRAINING_SECONDS": "", "STOP_GRACE": ""},
        "roadmap_project.W020",
        "Set the variable RAILWAY_DEPLOYMENT_DRAINING_SECONDS=15",
    ),
    (
        {"STOP_GRACE": "30", "RAILWAY_DEPLOYMENT_DRAINING_SECONDS": "15"},
        "roadmap_project.W020",
        "RAILWAY_DEPLOYMENT_DRAINING_SECONDS=35",
    ),
    ({"EMAIL_URL": ""}, "roadmap_project.W030", "Set EMAIL_URL to smtp+tls://"),
    (
        {"EMAIL_URL": PRODUCTION["EMAIL_URL"], "DEFAULT_FROM_EMAIL": ""},
        "roadmap_project.W032",
        "Set DEFAULT_FROM_EMAIL",
    ),
    ({"OPENAI_API_KEY": "k", "LLM_PRICE_OUTPUT": "0"}, "roadmap_project.W033", "Set LLM_PRICE_INPUT and"),
    ({"ALLOWED_HOSTS": "*"}, "roadmap_project.W034", "Set ALLOWED_HOSTS to"),
    (
        {"OPENAI_API_KEY": "k", "OPENAI_MODEL": "large", "LLM_PRICE_OUTPUT": ""},
        "roadmap_project.W036",
        "Set LLM_PRICE_INPUT and LLM_PRICE_OUTPUT",
    ),
    (
        {
            "CSRF_TRUSTED_ORIGINS": "https://a.example.org/",
            "RAILWAY_PUBLIC_DOMAIN": PRODUCTION["RAILWAY_PUBLIC_DOMAIN"],
        },
        "roadmap_project.W037",
        "without a path or a slash",
    ),
    ({"SITE_URL": "roadmaps.example.org"}, "roadmap_project.W037", "Set SITE_URL to https://HOST"),
    (
        {"OPENAI_API_KEY": "k", "OPENAI_MODEL_TUTORIAL": "larger", "LLM_PRICE_INPUT": "1", "LLM_PRICE_OUTPUT": "2"},
        "roadmap_project.W036",
        "Set LLM_PRICE_INPUT_TUTORIAL, LLM_PRICE_OUTPUT_TUTORIAL to",
    ),
    ({"TRUSTED_PROXIES": "0"}, "roadmap_project.W035", "Set TRUSTED_PROXIES=1"),
]


def manage(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """With these variables and no others of ours."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT, env={**kept, **variables}, capture_output=True, text=True, timeout=100,
    )  # fmt: skip


def together() -> list[dict[str, str]]:
    """As few environments as have room for all mistakes, none of which sets a variable that another needs."""
    environments: list[dict[str, str]] = []
    for wrong, *_ in MISTAKES:
        room = [each for each in environments if all(each.get(name, value) == value for name, value in wrong.items())]
        if room:
            room[0].update(wrong)
        else:
            environments.append(dict(wrong))
    return environments


@pytest.fixture(scope="module")
def checked() -> list[tuple[dict[str, str], subprocess.CompletedProcess[str]]]:
    """What check --deploy says of each of these environments; two at a time, as each process loads everything."""
    with ThreadPoolExecutor(2) as pool:
        runs = [(each, pool.submit(manage, "check", "--deploy", **(PRODUCTION | each))) for each in together()]
        return [(environment, run.result()) for environment, run in runs]


@pytest.mark.parametrize("environment", [PRODUCTION, ELSEWHERE | MODELS, PRODUCTION | POOLED])
def test_check_deploy_has_nothing_to_say_about_what_is_right(environment):
    done = manage("check", "--deploy", "--fail-level", "DEBUG", **environment)

    assert (done.returncode, done.stderr, done.stdout) == (
        0, "", "System check identified no issues (0 silenced).\n",
    )  # fmt: skip


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    ("wrong", "finding", "action"), MISTAKES, ids=[f"{each[1]}-{next(iter(each[0]))}" for each in MISTAKES]
)
def test_check_deploy_names_each_mistake_and_what_to_do(checked, wrong, finding, action):
    done = next(done for environment, done in checked if wrong.items() <= environment.items())

    said = done.stderr + done.stdout
    assert f"({finding})" in said
    assert action in said
    assert "secret@" not in said
    assert "Traceback" not in said
    assert done.returncode == 1 or "E0" not in finding


def test_check_deploy_stops_a_release_with_debug_on_and_says_it_once():
    done = manage("check", "--deploy", **(ELSEWHERE | {"DEBUG": "1"}))

    assert done.returncode == 1
    assert "Unset DEBUG." in done.stderr
    assert [line for line in done.stderr.splitlines() if line.startswith("?:")] == [
        next(line for line in done.stderr.splitlines() if "(roadmap_project.E024)" in line)
    ]


def test_static_files_are_collected_without_a_database_or_any_secret(tmp_path):
    code = (
        "import sys; from django.conf import settings; import django; django.setup();"
        "from pathlib import Path; settings.STATIC_ROOT = Path(sys.argv[1]);"
        "from django.core.management import call_command; call_command('collectstatic', '--noinput', '-v0')"
    )
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        cwd=ROOT, env=kept | {"DJANGO_SETTINGS_MODULE": "roadmap_project.settings"},
        capture_output=True, text=True, timeout=110,
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "staticfiles.json").exists()
    assert list(tmp_path.glob("roadmaps/site.*.css.gz"))  # whitenoise's: hashed and compressed


def printed(expression: str, **variables: str) -> str:
    done = manage("shell", "-v0", "-c", f"from django.conf import settings; {expression}", **variables)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


DATABASE = "d = settings.DATABASES['default']; print(d['HOST'], d['OPTIONS'].get('options', 'nothing'))"
AS_MIGRATE = "import sys; sys.argv = ['manage.py', 'migrate']"


@pytest.mark.parametrize(
    ("begun_as", "variables", "host", "asked"),
    [
        (AS_MIGRATE, {}, "db.railway.internal", "-c lock_timeout=5s"),
        (AS_MIGRATE, {**POOLED, "MIGRATION_LOCK_SECONDS": "9"}, "db.railway.internal", "-c lock_timeout=9s"),
        ("pass", {}, "db.railway.internal", "-c statement_timeout=30s"),
        ("pass", POOLED, "pgbouncer.internal", "nothing"),
    ],
)
def test_a_migration_goes_to_the_server_itself_with_timeouts_of_its_own(begun_as, variables, host, asked):
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    code = f"{begun_as}; from django.conf import settings; {DATABASE}"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT, env={**kept, **PRODUCTION, **variables, "DJANGO_SETTINGS_MODULE": "roadmap_project.settings"},
        capture_output=True, text=True, timeout=100,
    )  # fmt: skip

    assert done.stdout.startswith(f"{host} "), done.stderr
    assert asked in done.stdout
    assert ("lock_timeout" in done.stdout) == ("lock_timeout" in asked)


SENTRY = "import sentry_sdk; o = sentry_sdk.get_client().options; print(o['release'], o['environment'])"
DSN = "https://public@sentry.example.org/1"


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({}, "0123abc staging"),
        ({"SENTRY_RELEASE": "v7", "SENTRY_ENVIRONMENT": "blue"}, "v7 blue"),
    ],
)
def test_sentry_is_told_release_and_environment_by_the_platforms_variables_or_its_own(variables, told):
    assert printed(SENTRY, **PRODUCTION, SENTRY_DSN=DSN, **variables) == told


# A visitor for whom something breaks: in a view, and before an address is looked up; then a command.
VISITED = """
import json, logging, sys, types
import django; django.setup()
import sentry_sdk
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.db import IntegrityError, OperationalError
from django.http import HttpResponse
from django.test import RequestFactory
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from sentry_sdk.transport import Transport

class Kept(Transport):
    def capture_envelope(self, envelope):
        for item in envelope.items:
            if item.type == "event":
                print(json.dumps(item.payload.json))

client = sentry_sdk.get_client()
client.transport = Kept(client.options)

@csrf_exempt
def fail(request, **names):
    goal = request.POST.get("goal", names)
    logging.getLogger("roadmaps").warning("asked for %s", goal)
    sentry_sdk.set_user({"email": "sekret@example.org"})
    try:
        raise OperationalError("too many connections for role\\nLINE 1: sekret")
    except OperationalError as error:
        raise IntegrityError(f"Failing row contains ({goal}, sekret)") from error

def middleware(get_response):
    def before(request):
        if "unknown" in request.path:
            raise ValueError(request.path)
        return get_response(request)
    return before

here = sys.modules["here"] = types.ModuleType("here")
here.middleware = middleware
here.handler500 = lambda request: HttpResponse(status=500)
here.urlpatterns = [path("roadmaps/<slug:slug>/", fail), path("new-password/<uidb64>/<token>/", fail)]
settings.ROOT_URLCONF = "here"
settings.MIDDLEWARE = ["roadmap_project.request_ids.request_ids", "here.middleware"]
host = settings.ALLOWED_HOSTS[0]
for address in ("/roadmaps/sekret-goal-x5y9z2q8/?q=sekret", "/new-password/MQ/sekret/", "/unknown/sekret/"):
    request = RequestFactory().post(
        address, {"goal": "sekret"}, headers={"host": host, "referer": "https://x/sekret", "cookie": "sessionid=sekret"}
    )
    WSGIHandler()(request.environ, lambda *_: None)
logging.getLogger("roadmaps").error("no sekret", extra={"goal": "sekret"})
print(json.dumps({"headers_for": client.options["trace_propagation_targets"]}))
"""


def test_sentry_is_told_of_what_broke_where_and_nothing_of_a_persons():
    """A whole event, as the SDK makes it of a request and of a command whose argument is a goal."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-c", VISITED, "sekret"],
        cwd=ROOT, env={**kept, **PRODUCTION, "SENTRY_DSN": DSN, "DJANGO_SETTINGS_MODULE": "roadmap_project.settings"},
        capture_output=True, text=True, timeout=100,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    *events, options = (json.loads(line) for line in done.stdout.splitlines())
    assert "sekret" not in done.stdout
    assert [event.get("transaction") for event in events] == [
        "/roadmaps/{slug}/", "/new-password/{uidb64}/{token}/", None, None,
    ]  # fmt: skip
    assert [event.get("request") for event in events] == [{"method": "POST"}] * 3 + [None]
    causes = [(each["type"], each.get("value")) for each in events[0]["exception"]["values"]]
    assert causes == [("OperationalError", "too many connections for role"), ("IntegrityError", None)]
    assert events[0]["exception"]["values"][-1]["stacktrace"]["frames"][-1]["function"] == "fail"
    assert events[3]["logentry"] == {"message": "roadmaps"}
    assert {len(event["tags"]["request_id"]) for event in events[:3]} == {32}
    assert options == {"headers_for": []}  # no trace headers to model providers


@pytest.mark.parametrize(("variables", "trusted"), [(ELSEWHERE, "1"), ({"DEBUG": "1"}, "0"), (PRODUCTION, "1")])
def test_in_production_one_proxy_is_trusted_and_while_debugging_none(variables, trusted):
    """With none all would share the proxy's address; with one where there is none they could name their own."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    code = "from roadmap_project import settings; print(settings.TRUSTED_PROXIES)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={**kept, **variables}, capture_output=True, text=True, timeout=100
    )

    assert done.stdout.strip() == trusted, done.stderr


def test_railways_health_check_gets_in_under_a_domain_of_ones_own_too():
    own = {**PRODUCTION, "RAILWAY_PUBLIC_DOMAIN": "", "ALLOWED_HOSTS": "learn.example.org"}

    assert printed("print(settings.ALLOWED_HOSTS)", **own) == "['learn.example.org', 'healthcheck.railway.app']"
    assert printed("print(settings.ALLOWED_HOSTS)", **ELSEWHERE) == "['roadmaps.example.org']"


def test_every_line_of_the_procfile_is_a_service_that_the_readme_names():
    services = [line.partition(":")[0] for line in (ROOT / "Procfile").read_text().splitlines()]
    readme = (ROOT / "README.md").read_text()

    assert services == ["web", "logs", "content", "workflow", "release"]
    for service in services[:-1]:
        assert f"| {service} |" in readme
    for said in ("MIGRATION_LOCK_SECONDS", "RAILWAY_DEPLOYMENT_DRAINING_SECONDS", "healthcheck.railway.app", "pg_dump"):
        assert said in readme
