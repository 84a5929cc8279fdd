"""A fresh installation in production mode: nothing that everybody knows lets anybody in (G4)."""

import os
import subprocess
import sys

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model

SIGN = "import django; django.setup(); from django.core import signing; signing.dumps(1)"


def python(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """In production mode, with these variables and no others of ours."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environment = kept | {"DJANGO_SETTINGS_MODULE": "roadmap_project.settings"} | variables
    return subprocess.run(
        [sys.executable, *arguments], cwd=settings.BASE_DIR, env=environment, capture_output=True, text=True, timeout=60
    )


def test_G4_without_a_secret_key_nothing_is_signed():
    done = python("-c", SIGN)

    assert done.returncode != 0
    assert "SECRET_KEY" in done.stderr
    assert python("-c", SIGN, SECRET_KEY="only-for-development").returncode != 0
    assert python("-c", SIGN, SECRET_KEY="a" * 60).returncode == 0


@pytest.mark.parametrize(
    ("key", "command"),
    [
        ("", ("-m", "gunicorn", "--config", "roadmap_project/gunicorn_conf.py", "roadmap_project.wsgi")),
        ("only-for-development", ("manage.py", "qcluster")),
    ],
    ids=["gunicorn", "qcluster"],
)
def test_G4_no_process_starts_without_a_secret_key_of_its_own(key, command):
    unreachable = {"DATABASE_URL": "postgres://nobody@127.0.0.1:1/nothing", "Q_CLUSTER_NAME": "content", "PORT": "0"}

    done = python(*command, SECRET_KEY=key, HOST="127.0.0.1", **unreachable)

    assert done.returncode != 0
    assert "roadmap_project.E016" in done.stderr


@pytest.mark.parametrize("key", ["changeme", "django-insecure-" + "x" * 60])
def test_G4_a_secret_key_that_everybody_knows_is_named(key):
    done = python("manage.py", "check", "--deploy", "--fail-level", "WARNING", SECRET_KEY=key)

    assert done.returncode != 0
    assert "SECRET_KEY" in done.stderr


@pytest.mark.django_db
def test_G4_there_is_no_account_before_somebody_makes_one(client):
    assert not get_user_model().objects.exists()
    for name in ("admin", "root", "postgres", "demo", "test"):
        for password in (name, "admin", "password", "demo", ""):
            assert client.post("/admin/login/", {"username": name, "password": password}).status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize("sent", ["", "Bearer ", "Bearer", "Bearer None", "Basic Og=="])
def test_G4_an_unset_token_opens_nothing(client, settings, sent):
    settings.METRICS_TOKEN = ""

    assert client.get("/metrics", headers={"Authorization": sent}).status_code in (302, 401, 403, 404)


@pytest.mark.parametrize("dsn", ["not one", "https://example.org/1", "https://sekret@example.org", "https://sekret@/1"])
def test_a_wrong_sentry_dsn_is_refused_by_name_without_a_traceback_and_without_its_key(dsn):
    done = python("manage.py", "check", SENTRY_DSN=dsn, SECRET_KEY="a" * 60)

    assert done.returncode == 2
    assert done.stderr.startswith("Wrong configuration: SENTRY_DSN")
    assert "Traceback" not in done.stderr
    assert "sekret" not in done.stderr
