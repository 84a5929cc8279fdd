"""What must be true before anything starts? One finding, one id, each with what to do about it."""

import shlex
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any, NoReturn
from urllib.parse import urlsplit

import structlog
from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.checks import Warning as CheckWarning
from django.core.exceptions import ImproperlyConfigured
from gunicorn.config import Config as GunicornConfig

from roadmap_project import process
from roadmap_project.cluster_settings import least_retry
from roadmap_project.connection_budget import CLUSTER_NAMES, ConnectionBudget
from roadmap_project.fitting import suggestion
from roadmap_project.llm.asking import TRIES_IN_CALL
from roadmap_project.llm.prices import counted_at_anothers

log = structlog.get_logger(__name__)

BACKEND = "roadmap_project.postgresql"
COUNTED_BY_BUDGET = ("workers", "threads", "worker_class")
DECLARE_THE_POOLER = "Set DB_POOLER=transaction, its three DB_POOLER_… numbers, and DATABASE_DIRECT_URL for migrations."
STORE_MARGIN = 30  # seconds between the last possible store of a drain and the task's timeout


@register("connections", Tags.database)  # who asks for either is told
def connection_budget(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """The declared arithmetic; opens no connection, so it holds in builds and without a server."""
    return budget_findings(settings.CONNECTION_BUDGET)


def budget_findings(budget: ConnectionBudget) -> list[CheckMessage]:
    """The verdict on a fleet, before the declared server or before the real one: one id at every door."""
    if budget.fits:
        return []
    said = f"The processes may hold more database connections than the server has room for: {budget.explain()}."
    hint = f"The smallest change that fits: {budget.smallest_change()}."
    if not budget.smaller_counts() and (smaller := suggestion(budget)):
        limit = smaller.max_connections
        hint += f" Or less of everything, as `manage.py connection_budget --suggest {limit}` prints it."
    if settings.CONNECTION_BUDGET_BYPASS:
        hint += " Nothing is refused because CONNECTION_BUDGET_BYPASS is set."
        return [CheckWarning(said, hint=hint, id="roadmap_project.W008")]
    return [Error(said, hint=hint, id="roadmap_project.E001")]


def as_json(finding: CheckMessage) -> dict[str, str | None]:
    """A finding as the health page and the certificate give it."""
    level = "error" if finding.is_serious() else "warning"
    return {"id": finding.id, "level": level, "message": finding.msg, "hint": finding.hint}


@register()
def connection_pool(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    options: Any = settings.DATABASES["default"].get("OPTIONS", {})
    if "pool" not in options:
        return []
    return [
        Error(
            "The database has the option `pool`: psycopg's pool is opened before Django-Q forks, and then all workers "
            "share its sockets.",
            hint="Take `pool` out of DATABASE_URL. Each process keeps its own connection as long as it lives.",
            id="roadmap_project.E010",
        )
    ]


@register()
def counted_backend(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    return [
        Error(
            f"The database {alias!r} has the engine {database['ENGINE']!r}: nobody counts or bounds its connections.",
            hint=f"Use the engine {BACKEND!r}; a process's allotment holds for all its databases together.",
            id="roadmap_project.E023",
        )
        for alias, database in settings.DATABASES.items()
        if database["ENGINE"] != BACKEND
    ]


@register()
def gunicorn_arguments(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Arguments beat gunicorn's configuration module, so they would change what nobody counted."""
    try:
        given = _read_by_gunicorn(settings.GUNICORN_CMD_ARGS)
        wrong = [
            f"sets {name} to {given[name]!r}, which the connection budget does not see"
            for name in COUNTED_BY_BUDGET
            if given.get(name) is not None
        ]
    except ValueError as error:
        wrong = [f"cannot be read as a command line: {error}"]
    return [
        Error(
            f"GUNICORN_CMD_ARGS {each}.",
            hint="Set WEB_WORKERS and WEB_THREADS instead; the worker class is ours, whose threads are counted.",
            id="roadmap_project.E011",
        )
        for each in wrong
    ]


def _read_by_gunicorn(arguments: str) -> dict[str, Any]:
    """By its own parser, so in every spelling that it takes: -w9, --thr 9, -Rw9."""

    def refuse(message: str) -> NoReturn:
        raise ValueError(message)

    parser = GunicornConfig().parser()
    parser.error, parser.exit = refuse, lambda *_: refuse("it asks gunicorn for nothing but a text")
    return dict(vars(parser.parse_args(shlex.split(arguments))))


def require_counted_server() -> None:
    """For the web application: raise ImproperlyConfigured where the server that loads it has not said that it is ours.

    gunicorn without our configuration has any number of threads and asks nobody; so has any other server.
    """
    if process.current.service == "web":
        return
    said = (
        "(roadmap_project.E021) The web application is loaded by a server that does not go by the connection budget. "
        "Start it with `gunicorn --config roadmap_project/gunicorn_conf.py roadmap_project.wsgi`."
    )
    if not settings.CONNECTION_BUDGET_BYPASS:
        raise ImproperlyConfigured(said)
    log.warning("connection_budget_bypassed", reason=said)


@register()
def paid_attempts(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    if settings.Q_CLUSTER.get("max_attempts", 0) > 0 and settings.Q_CLUSTER.get("ack_failures"):
        return []
    return [
        Error(
            "Q_CLUSTER tries failed tasks for ever: paid work would be bought again and again.",
            hint="Set max_attempts above 0 and ack_failures to True.",
            id="roadmap_project.E012",
        )
    ]


@register()
def model_times(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    needed = settings.LLM_TIMEOUT * TRIES_IN_CALL
    if needed <= settings.CALL_DEADLINE:
        return []
    return [
        Error(
            f"LLM_TIMEOUT {settings.LLM_TIMEOUT:g} × {TRIES_IN_CALL} tries = {needed:g} seconds do not fit into "
            f"CALL_DEADLINE={settings.CALL_DEADLINE}: the second try would be cut off and paid for.",
            hint=f"Set CALL_DEADLINE to at least {needed:g}, or LLM_TIMEOUT to at most "
            f"{settings.CALL_DEADLINE / TRIES_IN_CALL:g}.",
            id="roadmap_project.E013",
        )
    ]


@register()
def unpooled_settings(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    database = settings.DATABASES["default"]
    host, port = str(database.get("HOST", "")), str(database.get("PORT", ""))
    looks_pooled = port in ("6432", "6543") or "pgbouncer" in host or "pooler" in host or settings.DATABASE_UNPOOLED_URL
    if not looks_pooled or settings.DB_POOLER == "transaction":
        return []
    return [
        CheckWarning(
            "DATABASE_URL looks like a connection pooler's, but DB_POOLER is not set.",
            hint=DECLARE_THE_POOLER,
            id="roadmap_project.W006",
        )
    ]


@register()
def direct_url(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    if settings.DB_POOLER == "none" or settings.DIRECT_URL_VARIABLE:
        return []
    return [
        Error(
            "DB_POOLER=transaction without DATABASE_DIRECT_URL: migrations would go through the pooler, which may hand "
            "each of their statements to another session.",
            hint="Set DATABASE_DIRECT_URL to the server's own address (Railway gives it as DATABASE_UNPOOLED_URL).",
            id="roadmap_project.E017",
        )
    ]


@register()
def direct_address(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    if settings.DB_POOLER == "none" or not settings.DIRECT_URL_VARIABLE:
        return []
    if settings.DIRECT_ADDRESS != settings.POOLER_ADDRESS:
        return []
    return [
        Error(
            f"{settings.DIRECT_URL_VARIABLE} has the address of DATABASE_URL ({settings.POOLER_ADDRESS}), which is the "
            "pooler's: migrations would go through it.",
            hint=f"Set {settings.DIRECT_URL_VARIABLE} to the server's own host and port.",
            id="roadmap_project.E022",
        )
    ]


@register()
def cluster_name(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    name = settings.Q_CLUSTER_NAME
    if name in CLUSTER_NAMES:
        return undeclared(name)
    if not name:
        return []
    return [
        Error(
            f"Q_CLUSTER_NAME={name!r} is not a cluster of this project; it would serve a queue that nobody fills.",
            hint=f"Expected one of {', '.join(CLUSTER_NAMES)}.",
            id="roadmap_project.E002",
        )
    ]


def undeclared(service: str) -> list[CheckMessage]:
    """For whoever is about to start a service: it must be one that the sum counts."""
    if settings.CONNECTION_BUDGET.service(service).replicas:
        return []
    variable = f"{service.upper()}_REPLICAS"
    return [
        Error(
            f"{variable}=0 declares that no {service} runs, so no sum has its connections; yet one is being started.",
            hint=f"Set {variable} to how many there are, the same for every process.",
            id="roadmap_project.E020",
        )
    ]


@register()
def cluster_times(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    return [*_task_times(), *_q_cluster_times()]


def _task_times() -> Iterator[CheckMessage]:
    call_and_store = settings.CALL_DEADLINE + settings.STORE_RETRY_SECONDS
    # A store that gives up is followed by handing the leases back, which may wait for the database as long.
    needed = settings.DRAIN_SECONDS + call_and_store + settings.STORE_RETRY_SECONDS + STORE_MARGIN
    if needed >= settings.TASK_TIMEOUT:
        yield Error(
            f"TASK_TIMEOUT={settings.TASK_TIMEOUT} would strike while a worker stores answers: DRAIN_SECONDS "
            f"{settings.DRAIN_SECONDS} + CALL_DEADLINE {settings.CALL_DEADLINE} + 2 × STORE_RETRY_SECONDS "
            f"{settings.STORE_RETRY_SECONDS} + {STORE_MARGIN} = {needed}.",
            hint=f"Set TASK_TIMEOUT to more than {needed}, or unset it.",
            id="roadmap_project.E003",
        )
    if call_and_store >= settings.LEASE_SECONDS:
        yield Error(
            f"LEASE_SECONDS={settings.LEASE_SECONDS} ends before a call can: CALL_DEADLINE {settings.CALL_DEADLINE} + "
            f"STORE_RETRY_SECONDS {settings.STORE_RETRY_SECONDS} = {call_and_store}. Steps would be bought twice.",
            hint=f"Set LEASE_SECONDS to more than {call_and_store}, or unset it.",
            id="roadmap_project.E004",
        )


def _q_cluster_times() -> Iterator[CheckMessage]:
    q_cluster = settings.Q_CLUSTER
    for name in CLUSTER_NAMES:
        least = least_retry(
            timeout=q_cluster["timeout"],
            workers=q_cluster["ALT_CLUSTERS"][name]["workers"],
            queue_limit=q_cluster["queue_limit"],
            bulk=q_cluster["bulk"],
        )
        if q_cluster["retry"] <= least:
            yield Error(
                f"Q_CLUSTER retry={q_cluster['retry']} hands tasks of the {name} cluster out again while they run or "
                f"wait in its prefetch; more than {least} is needed.",
                hint="retry > timeout × (1 + ceil((queue_limit + bulk) / workers)).",
                id="roadmap_project.E005",
            )
    # Django-Q subtracts guard_cycle until exactly 0 is left: 408 / 0.3 looks whole, subtracting 0.3 never gets there.
    if Fraction(q_cluster["timeout"] + 3) % Fraction(q_cluster["guard_cycle"]):
        yield Error(
            f"guard_cycle={q_cluster['guard_cycle']} does not divide timeout + 3 = {q_cluster['timeout'] + 3}: a stuck "
            "task would never be ended.",
            hint="Keep guard_cycle at 0.5 and the timeout whole.",
            id="roadmap_project.E006",
        )


@register()
def database_url(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    if settings.DATABASES["default"]["NAME"]:
        return []
    return [
        Error(
            "DATABASE_URL is not set.",
            hint="Set DATABASE_URL=postgres://USER:PASSWORD@HOST:PORT/NAME; `make run` sets one of its own.",
            id="roadmap_project.E007",
        )
    ]


@register()
def secret_key(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    if settings.SECRET_KEY_IS_SET:
        return []
    return [
        Error(
            "SECRET_KEY is not set.",
            hint="Set it to a long random text, the same for every process: sessions and tasks are signed with it.",
            id="roadmap_project.E016",
        )
    ]


@register()
def predecessor_variables(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    return [
        CheckWarning(
            f"{name} is set and has no effect: a process holds a connection a thread, a worker one.",
            hint="Unset it. WEB_WORKERS, WEB_THREADS and *_WORKERS say how many connections there are; "
            "*_IN_FLIGHT says how many model calls, which cost none.",
            id="roadmap_project.W001",
        )
        for name in ("DB_POOL_SIZE", "DB_MAX_OVERFLOW")
        if settings.PREDECESSOR_VARIABLES.get(name)
    ]


@register()
def connection_age(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    age = settings.DATABASES["default"].get("CONN_MAX_AGE")
    if age is None or settings.IS_RUNSERVER:
        return []
    return [
        CheckWarning(
            f"CONN_MAX_AGE={age}: a connection closed and reopened at once counts twice: the bound weakens.",
            hint="Unset CONN_MAX_AGE: connections then live as long as their process, with health checks.",
            id="roadmap_project.W002",
        )
    ]


@register(Tags.security, deploy=True)
def production_settings(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    missing = [name for name in ("ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS") if not getattr(settings, name)]
    return [
        Error(f"{name} is empty.", hint=f"Set {name}, separated by commas.", id="roadmap_project.E008")
        for name in missing
    ]


@register(Tags.security, deploy=True)
def debug(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """An error, as it stops a release: Django's own warning would let it go out."""
    if not settings.DEBUG:
        return []
    return [
        Error(
            "DEBUG is on: error pages show settings and code to everybody, and neither HTTPS nor secure cookies are "
            "required.",
            hint="Unset DEBUG.",
            id="roadmap_project.E024",
        )
    ]


RAILWAY_MARGIN = 5  # seconds between the end of a worker's grace and that of its processes


@register(Tags.compatibility, deploy=True)
def railway_draining(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Without the variable Railway sends SIGKILL right after SIGTERM."""
    needed = settings.STOP_GRACE + RAILWAY_MARGIN
    given = settings.RAILWAY_DRAINING_SECONDS
    if not settings.IS_ON_RAILWAY or given >= needed:
        return []
    return [
        CheckWarning(
            f"RAILWAY_DEPLOYMENT_DRAINING_SECONDS={given}: at a deploy Railway kills a process {given} seconds after "
            f"asking it to stop, and STOP_GRACE={settings.STOP_GRACE} is cut off: calls under way are bought again.",
            hint=f"Set the variable RAILWAY_DEPLOYMENT_DRAINING_SECONDS={needed} for every service.",
            id="roadmap_project.W020",
        )
    ]


@register(Tags.security, deploy=True)
def mail(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    if not settings.MAIL_IS_SENT:
        return [
            CheckWarning(
                "No mail is sent: whoever forgets their password cannot get a new one, and nobody hears of a roadmap.",
                hint="Set EMAIL_URL to smtp+tls://USER:PASSWORD@HOST:PORT and DEFAULT_FROM_EMAIL to the sender.",
                id="roadmap_project.W030",
            )
        ]
    if not settings.SITE_URL:
        return [
            CheckWarning(
                "Mail is sent, but nothing says where its links lead.",
                hint="Set SITE_URL to this site's address, like https://roadmaps.example.org.",
                id="roadmap_project.W031",
            )
        ]
    return []


@register(Tags.security, deploy=True)
def sender(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    if not settings.MAIL_IS_SENT or settings.DEBUG or not settings.DEFAULT_FROM_EMAIL.endswith("@localhost"):
        return []
    return [
        CheckWarning(
            f"Mail is sent by {settings.DEFAULT_FROM_EMAIL}, whom other mail servers refuse.",
            hint="Set DEFAULT_FROM_EMAIL to an address from which EMAIL_URL's server may send.",
            id="roadmap_project.W032",
        )
    ]


@register(Tags.security, deploy=True)
def prices(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    zero = [name for name in ("LLM_PRICE_INPUT", "LLM_PRICE_OUTPUT") if not getattr(settings, name)]
    is_limited = max(settings.MAX_COST_PER_PERSON, settings.MAX_COST_TOTAL) > 0
    if settings.LLM_PROVIDER != "openai" or not zero or not is_limited:
        return []
    return [
        CheckWarning(
            f"LLM_PROVIDER=openai with a price of 0 ({', '.join(zero)}): what calls cost is not counted, so that "
            "MAX_COST_PER_PERSON and MAX_COST_TOTAL hold nothing back.",
            hint="Set LLM_PRICE_INPUT and LLM_PRICE_OUTPUT to the model's dollars per million tokens; where it costs "
            "nothing, set both limits to 0.",
            id="roadmap_project.W033",
        )
    ]


@register(Tags.security, deploy=True)
def priced_model(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """The default prices are those of one model at one provider, and a pair that is set is one model's."""
    wrong = counted_at_anothers() if settings.LLM_PROVIDER == "openai" else {}
    if not wrong:
        return []
    if settings.LLM_PRICES_ARE_SET:
        whose = "LLM_PRICE_INPUT and LLM_PRICE_OUTPUT, which are another model's"
        names = [f"LLM_PRICE_{way}_{each.upper()}" for each in wrong for way in ("INPUT", "OUTPUT")]
        wanted = f"{', '.join(names)} to what these models cost"
    else:
        whose = f"the prices of {settings.PRICED_MODEL} at OpenAI"
        wanted = "LLM_PRICE_INPUT and LLM_PRICE_OUTPUT to what the model costs"
    purposes: dict[str, list[str]] = {}
    for purpose, model in wrong.items():
        purposes.setdefault(model, []).append(purpose)
    called = "; ".join(f"{model} for {', '.join(each)}" for model, each in purposes.items())
    return [
        CheckWarning(
            f"These calls are counted at {whose}: {called}. The cost in the admin is wrong, and MAX_COST_PER_PERSON "
            "and MAX_COST_TOTAL hold too little back or too much.",
            hint=f"Set {wanted}, in dollars per million tokens.",
            id="roadmap_project.W036",
        )
    ]


@register(Tags.security, deploy=True)
def trusted_origins(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """What Django compares with an Origin header as it stands, and where mail's links lead, without a word where it
    never fits."""
    given = {"CSRF_TRUSTED_ORIGINS": settings.CSRF_TRUSTED_ORIGINS}
    if settings.SITE_URL and settings.SITE_URL not in (each.rstrip("/") for each in settings.CSRF_TRUSTED_ORIGINS):
        given["SITE_URL"] = [settings.SITE_URL]
    return [
        CheckWarning(
            f"{name} has what no browser sends as an origin: {', '.join(odd)}.",
            hint=f"Set {name} to https://HOST, without a path or a slash at its end, in small letters, a name of other "
            "letters as xn--…, and a port only where it is not 443.",
            id="roadmap_project.W037",
        )
        for name, values in given.items()
        if (odd := [each for each in values if not _is_origin(each)])
    ]


def _is_origin(text: str) -> bool:
    """As browsers write them; of HTTPS, which is all that this site speaks where DEBUG is off."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    schemes = {"https": 443, "http": 80} if settings.DEBUG else {"https": 443}
    is_usual = text.isascii() and text == text.lower() and port != schemes.get(parts.scheme)
    return is_usual and parts.scheme in schemes and bool(parts.hostname) and f"{parts.scheme}://{parts.netloc}" == text


@register(Tags.security, deploy=True)
def any_host(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    if "*" not in settings.ALLOWED_HOSTS:
        return []
    return [
        CheckWarning(
            "ALLOWED_HOSTS=* believes any Host header, which then stands in the addresses that pages are given.",
            hint="Set ALLOWED_HOSTS to this site's own names, separated by commas.",
            id="roadmap_project.W034",
        )
    ]


@register(Tags.security, deploy=True)
def railway_proxy(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    if not settings.IS_ON_RAILWAY or settings.TRUSTED_PROXIES:
        return []
    return [
        CheckWarning(
            "TRUSTED_PROXIES=0 behind Railway's proxy: everybody has the proxy's address, and shares its limits of "
            "sign-ins and requests.",
            hint="Set TRUSTED_PROXIES=1.",
            id="roadmap_project.W035",
        )
    ]


@register()
def provider_key(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    if settings.LLM_PROVIDER != "openai" or settings.OPENAI_API_KEY or settings.OPENAI_BASE_URL:
        return []
    return [
        Error(
            "LLM_PROVIDER=openai without OPENAI_API_KEY.",
            hint="Set OPENAI_API_KEY (or OPENAI_BASE_URL for an endpoint without keys), or LLM_PROVIDER=library.",
            id="roadmap_project.E009",
        )
    ]


@register()
def provider_address(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    if not settings.OPENAI_BASE_URL or _is_address(settings.OPENAI_BASE_URL):
        return []
    return [
        Error(
            "OPENAI_BASE_URL is not an address.",  # without the value, which may hold a password
            hint="Set it to something like https://HOST/v1, or unset it for OpenAI itself.",
            id="roadmap_project.E018",
        )
    ]


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and url.isprintable() and " " not in url
