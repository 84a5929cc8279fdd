"""All settings, read once from the environment; .env.example describes each variable."""

import os
import sys
from pathlib import Path

import environ
import structlog
from django.core.exceptions import ImproperlyConfigured

from roadmap_project import cluster_settings, logs
from roadmap_project.connection_budget import ConnectionBudget
from roadmap_project.environment import Environment
from roadmap_project.postgresql import session

BASE_DIR = Path(__file__).resolve().parent.parent

environ.Env.read_env(BASE_DIR / ".env")  # what the environment has already wins
env = Environment()

# Mode and secrets

DEBUG = env.flag("DEBUG")
# Building static files and checking need a settings module before any secret exists; serving does not start
# without one (roadmap_project.E016, and Django refuses an empty key where it is used).
DEVELOPMENT_KEY = "only-for-development"
SECRET_KEY = env.text("SECRET_KEY", DEVELOPMENT_KEY if DEBUG else "")
if not DEBUG and SECRET_KEY == DEVELOPMENT_KEY:  # everybody knows it
    SECRET_KEY = ""
SECRET_KEY_IS_SET = bool(SECRET_KEY)  # asking for an empty one raises
# What Django's checks say of DEBUG and of what follows from it, one of ours says at once (roadmap_project.E024).
SILENCED_SYSTEM_CHECKS = [f"security.W{number}" for number in ("004", "008", "012", "016", "018")] if DEBUG else []
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"] if DEBUG else [])
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS")
IS_ON_RAILWAY = bool(env.text("RAILWAY_SERVICE_NAME") or env.text("RAILWAY_PUBLIC_DOMAIN"))
if IS_ON_RAILWAY:  # its health check comes under a name of its own, whatever the site's domain is
    ALLOWED_HOSTS += ["healthcheck.railway.app"]
if RAILWAY_PUBLIC_DOMAIN := env.text("RAILWAY_PUBLIC_DOMAIN"):
    ALLOWED_HOSTS += [RAILWAY_PUBLIC_DOMAIN]
    CSRF_TRUSTED_ORIGINS += [f"https://{RAILWAY_PUBLIC_DOMAIN}"]

# Wrong passwords in a quarter of an hour; 0: any number. For an account: from each address, and from a browser that
# signed in to it before, which is counted by itself; from all addresses together five times as many.
SIGN_INS_PER_ACCOUNT = env.whole("SIGN_INS_PER_ACCOUNT", 10)
SIGN_INS_PER_ADDRESS = env.whole("SIGN_INS_PER_ADDRESS", 50)
SIGN_UPS_PER_ADDRESS = env.whole("SIGN_UPS_PER_ADDRESS", 20)
# By API: requests a minute, as each web process counts them, and changes in a quarter of an hour; 0: any number
API_REQUESTS_PER_TOKEN = env.whole("API_REQUESTS_PER_TOKEN", 300)
API_REQUESTS_PER_ADDRESS = env.whole("API_REQUESTS_PER_ADDRESS", 600)
API_CHANGES_PER_PERSON = env.whole("API_CHANGES_PER_PERSON", 600)
PAGE_CHANGES_PER_PERSON = env.whole("PAGE_CHANGES_PER_PERSON", 1_200)
# Roadmaps of one person brought in or copied, and files taken away, in a quarter of an hour; 0: any number
IMPORTS_PER_PERSON = env.whole("IMPORTS_PER_PERSON", 20)
DOWNLOADS_PER_PERSON = env.whole("DOWNLOADS_PER_PERSON", 60)
# Proxies of ours that append to X-Forwarded-For. In production there is one, which ends TLS: without it all visitors
# would have its address, and the wrong passwords of one would keep everybody out.
TRUSTED_PROXIES = env.whole("TRUSTED_PROXIES", 0 if DEBUG else 1, most=10)

# Connections

CONNECTION_BUDGET = ConnectionBudget.from_environment(env)
DB_POOLER = env.choice("DB_POOLER", ("none", "transaction"), "none")
IS_RUNSERVER = "runserver" in sys.argv[1:2]
IS_CLUSTER = sys.argv[1:2] == ["qcluster"]
IS_MIGRATION = sys.argv[1:2] == ["migrate"]
MIGRATION_LOCK_SECONDS = env.whole("MIGRATION_LOCK_SECONDS", 5, least=1, most=3600)
# Seconds that a thread waits for a slot when the server is full. Clusters' processes keep their answers and wait by
# themselves, a drain at a time.
CONNECT_WAIT = 0.0 if IS_CLUSTER else 3.0
if not env.text("WEB_CONCURRENCY"):
    os.environ.pop("WEB_CONCURRENCY", None)  # gunicorn cannot read an empty one, not even to look at its arguments
GUNICORN_CMD_ARGS = env.text("GUNICORN_CMD_ARGS")
DATABASE_UNPOOLED_URL = env.text("DATABASE_UNPOOLED_URL")
CONNECTION_BUDGET_BYPASS = env.flag("CONNECTION_BUDGET_BYPASS")
PREDECESSOR_VARIABLES = {name: env.text(name) for name in ("DB_POOL_SIZE", "DB_MAX_OVERFLOW")}


# The server itself, beside a pooler, by our name or Railway's; empty where DATABASE_URL is direct.
DIRECT_URL_VARIABLE = next((name for name in ("DATABASE_DIRECT_URL", "DATABASE_UNPOOLED_URL") if env.text(name)), "")


def _conn_max_age() -> int | None:
    if IS_RUNSERVER:  # a thread per request: each would keep one
        return 0
    return env.whole("CONN_MAX_AGE", 0) if env.text("CONN_MAX_AGE") else None


def _database(variable: str) -> dict[str, object]:
    if not env.text("DATABASE_URL"):
        # Importable without a database (builds), unusable without one: roadmap_project.E007 names the variable.
        parts: dict[str, object] = {
            "ENGINE": "roadmap_project.postgresql",
            "NAME": "",
            "TEST": {"NAME": "test_roadmaps"},
        }
        return parts | {"CONN_MAX_AGE": _conn_max_age()}
    options = dict(session.CLIENT_PARAMETERS)
    if IS_MIGRATION and (DB_POOLER == "none" or DIRECT_URL_VARIABLE):
        options["options"] = session.startup_options(migration_lock_seconds=MIGRATION_LOCK_SECONDS)
    elif DB_POOLER == "none":
        options["options"] = session.startup_options()
    config = env.database(variable)
    given: dict[str, object] = dict(config.get("OPTIONS") or {})  # type: ignore[call-overload]
    if "options" in given and "options" in options:  # beside ours; of two words on one setting the later wins
        given["options"] = f"{options['options']} {given['options']}"
    return config | {
        "ENGINE": "roadmap_project.postgresql",
        "CONN_MAX_AGE": _conn_max_age(),
        "CONN_HEALTH_CHECKS": True,
        "DISABLE_SERVER_SIDE_CURSORS": DB_POOLER == "transaction",
        "OPTIONS": options | given,
    }


POOLER_ADDRESS = env.address("DATABASE_URL")
DIRECT_ADDRESS = env.address(DIRECT_URL_VARIABLE)
DATABASES = {"default": _database((IS_MIGRATION and DIRECT_URL_VARIABLE) or "DATABASE_URL")}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Steps: how long a call, a drain and a lease may take. Checked against each other by roadmap_project.E003 and E004.

CALL_DEADLINE = env.whole("CALL_DEADLINE", 180, least=1)
DRAIN_SECONDS = env.whole("DRAIN_SECONDS", 600, least=1)
STORE_RETRY_SECONDS = env.whole("STORE_RETRY_SECONDS", 75, least=1)
STOP_GRACE = env.whole("STOP_GRACE", 10)
RAILWAY_DRAINING_SECONDS = env.whole("RAILWAY_DEPLOYMENT_DRAINING_SECONDS", 0)
LEASE_SECONDS = env.whole("LEASE_SECONDS", CALL_DEADLINE + STORE_RETRY_SECONDS + 15)

# Django-Q

TASK_TIMEOUT = env.whole("TASK_TIMEOUT", DRAIN_SECONDS + CALL_DEADLINE + 2 * STORE_RETRY_SECONDS + 60)
Q_CLUSTER_NAME = env.text("Q_CLUSTER_NAME")
Q_CLUSTER = cluster_settings.q_cluster(CONNECTION_BUDGET, task_timeout=TASK_TIMEOUT)

# Language models

LLM_PROVIDER = env.choice("LLM_PROVIDER", ("library", "openai"), "openai" if env.text("OPENAI_API_KEY") else "library")
OPENAI_API_KEY = env.text("OPENAI_API_KEY")
OPENAI_BASE_URL = env.text("OPENAI_BASE_URL")
PRICED_MODEL = "gpt-4o-mini"  # at OpenAI itself, where it costs what the prices below say
OPENAI_MODEL = env.text("OPENAI_MODEL", PRICED_MODEL)
LLM_PURPOSES = ("goal_analysis", "outline", "review", "edit_plan", "edited_outline", "tutorial", "resources", "quiz")
OPENAI_MODEL_BY_PURPOSE = {
    purpose: model for purpose in LLM_PURPOSES if (model := env.text(f"OPENAI_MODEL_{purpose.upper()}"))
}
LLM_TIMEOUT = env.decimal("LLM_TIMEOUT", 90, least=0.1)
LLM_MAX_IN_FLIGHT = env.whole("LLM_MAX_IN_FLIGHT", 0)
LLM_PRICE_INPUT = env.decimal("LLM_PRICE_INPUT", 0.15)
LLM_PRICE_OUTPUT = env.decimal("LLM_PRICE_OUTPUT", 0.60)
LLM_PRICES_ARE_SET = bool(env.text("LLM_PRICE_INPUT") and env.text("LLM_PRICE_OUTPUT"))
LLM_PRICES_BY_PURPOSE = {
    purpose: (
        env.decimal(f"LLM_PRICE_INPUT_{purpose.upper()}", LLM_PRICE_INPUT),
        env.decimal(f"LLM_PRICE_OUTPUT_{purpose.upper()}", LLM_PRICE_OUTPUT),
    )
    for purpose in LLM_PURPOSES
    if env.text(f"LLM_PRICE_INPUT_{purpose.upper()}") or env.text(f"LLM_PRICE_OUTPUT_{purpose.upper()}")
}
LINK_CHECKS = env.flag("LINK_CHECKS", default=True)

# Roadmaps being made at once, and US dollars a day (UTC); 0: any number

MAX_ACTIVE_ROADMAPS = env.whole("MAX_ACTIVE_ROADMAPS", 5)
MAX_ACTIVE_ROADMAPS_TOTAL = env.whole("MAX_ACTIVE_ROADMAPS_TOTAL", 200)
MAX_COST_PER_PERSON = env.decimal("MAX_COST_PER_PERSON", 5)
MAX_COST_TOTAL = env.decimal("MAX_COST_TOTAL", 50)

# What is stored of one person: roadmaps, and as many deleted ones beside; versions of each piece; 0: any number

MAX_ROADMAPS_PER_PERSON = env.whole("MAX_ROADMAPS_PER_PERSON", 200)
MAX_VERSIONS_PER_PIECE = env.whole("MAX_VERSIONS_PER_PIECE", 50)

# Application

INSTALLED_APPS = [
    "roadmap_project",  # before django_q: its qcluster command is the hardened one
    "roadmaps",
    "content",
    "django_q",
    "django_htmx",
    "django.contrib.admin.apps.SimpleAdminConfig" if IS_CLUSTER else "django.contrib.admin",  # its table, not its pages
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
]
MIDDLEWARE = [
    "roadmap_project.request_ids.request_ids",
    "django.middleware.security.SecurityMiddleware",
    "roadmap_project.content_security.content_security_policy",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "roadmap_project.caches.kept_private",  # within WhiteNoise, whose files everybody may keep
    "roadmap_project.compressing.text_compressed",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "roadmap_project.languages.spoken_here",
    "roadmap_project.request_sizes.bounded",  # before anything reads a form
    "roadmap_project.known_browsers.remembered",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "roadmaps.middleware.ChangesCounted",
    "roadmaps.middleware.remember_language",
    "roadmaps.middleware.flush_log_lines",
]
ROOT_URLCONF = "roadmap_project.page_urls" if IS_CLUSTER else "roadmap_project.urls"
WSGI_APPLICATION = "roadmap_project.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "roadmap_project" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.i18n",
            ],
        },
    },
]
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
CSRF_FAILURE_VIEW = "roadmap_project.errors.csrf_failure"
LOGIN_URL = "roadmaps:login"
LOGIN_REDIRECT_URL = "roadmaps:list"
LOGOUT_REDIRECT_URL = "roadmaps:login"
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]
LOCALE_PATHS = [BASE_DIR / "roadmap_project" / "locale"]  # one catalogue for all apps
FORMAT_MODULE_PATH = ["roadmap_project.formats"]
LANGUAGE_COOKIE_AGE = 31_536_000
LANGUAGE_COOKIE_SAMESITE = "Lax"
TIME_ZONE = "UTC"
USE_TZ = True

# HTTPS: on whenever DEBUG is off; the platform's proxy ends TLS

SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = not DEBUG
SECURE_REDIRECT_EXEMPT = ["^health/", "^metrics/?$"]  # probes and scrapers speak plain HTTP inside the private network
SECURE_HSTS_SECONDS = 0 if DEBUG else 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = not DEBUG
SECURE_HSTS_PRELOAD = not DEBUG
SESSION_ENGINE = "roadmap_project.sessions"
SESSION_COOKIE_SECURE = not DEBUG
LANGUAGE_COOKIE_SECURE = not DEBUG
CSRF_COOKIE_SECURE = not DEBUG

# Mail: what a development site writes appears where its logs cluster runs

MAIL = env.mail("EMAIL_URL", "consolemail://" if DEBUG else "dummymail://")
MAIL_IS_SENT = bool(env.text("EMAIL_URL")) or DEBUG
EMAIL_BACKEND = MAIL["EMAIL_BACKEND"]
EMAIL_HOST, EMAIL_PORT = MAIL.get("EMAIL_HOST"), MAIL["EMAIL_PORT"]
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = MAIL.get("EMAIL_HOST_USER") or "", MAIL.get("EMAIL_HOST_PASSWORD") or ""
EMAIL_USE_TLS, EMAIL_USE_SSL = MAIL.get("EMAIL_USE_TLS", False), MAIL.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", "roadmaps@localhost")
# Where links in mail lead; never what a request says that this site's name is.
_ORIGINS = [each for each in CSRF_TRUSTED_ORIGINS if "*" not in each]
SITE_URL = env.text("SITE_URL", (_ORIGINS or ["http://127.0.0.1:8000" if DEBUG else ""])[0]).rstrip("/")

# Counted for people

METRICS_TOKEN = env.text("METRICS_TOKEN")

# How long records are kept, in days

SAMPLE_RETENTION_DAYS = env.whole("SAMPLE_RETENTION_DAYS", 7, least=1, most=3650)
TASK_RETENTION_DAYS = env.whole("TASK_RETENTION_DAYS", 3, least=1, most=3650)
TASK_FAILURE_RETENTION_DAYS = env.whole("TASK_FAILURE_RETENTION_DAYS", 30, least=1, most=3650)
LOG_RETENTION_DAYS = env.whole("LOG_RETENTION_DAYS", 90, least=1, most=3650)
MODEL_CALL_RETENTION_DAYS = env.whole("MODEL_CALL_RETENTION_DAYS", 365, least=1, most=3650)
DELETED_ROADMAP_RETENTION_DAYS = env.whole("DELETED_ROADMAP_RETENTION_DAYS", 30, least=1, most=3650)

# Logs and errors

# At a terminal the command's words are what is read: there a line of the log stands for trouble.
IS_AT_A_TERMINAL = sys.argv[1:2] == ["roadmap"]
LOG_LEVEL = env.choice("LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR"), "WARNING" if IS_AT_A_TERMINAL else "INFO")
LOGGING = logs.logging_config(level=LOG_LEVEL, is_json=not DEBUG)
structlog.configure(**logs.structlog_config())

RELEASE = env.text("SENTRY_RELEASE") or env.text("RAILWAY_GIT_COMMIT_SHA")

if SENTRY_DSN := env.text("SENTRY_DSN"):
    import sentry_sdk
    from sentry_sdk.utils import BadDsn, Dsn

    try:
        Dsn(SENTRY_DSN)
    except BadDsn:  # neither the value nor the cause, which quotes from it: it holds a key
        raise ImproperlyConfigured("SENTRY_DSN is not one: expected https://KEY@HOST/PROJECT_NUMBER.") from None
    sentry_sdk.init(
        before_send=logs.without_personal_words,
        max_breadcrumbs=0,  # log lines, addresses: none is sent
        dsn=SENTRY_DSN,
        release=RELEASE or None,
        environment=env.text("SENTRY_ENVIRONMENT") or env.text("RAILWAY_ENVIRONMENT_NAME", "production"),
        send_default_pii=False,
        include_local_variables=False,  # a frame's variables hold goals, prompts and answers
        trace_propagation_targets=[],  # no trace headers to model providers
        max_request_body_size="never",
    )
