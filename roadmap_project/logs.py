"""How log lines look: `event key=value` while developing, one JSON object per line in production."""

from typing import Any

import structlog

_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def structlog_config() -> dict[str, Any]:
    return {
        "processors": [
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.processors.format_exc_info,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        "logger_factory": structlog.stdlib.LoggerFactory(),
        "wrapper_class": structlog.stdlib.BoundLogger,
        "cache_logger_on_first_use": True,
    }


def logging_config(*, level: str, is_json: bool) -> dict[str, Any]:
    renderer: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if is_json
        else structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "event"])
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "structlog": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
                "foreign_pre_chain": [*_SHARED, structlog.stdlib.ExtraAdder(), structlog.processors.format_exc_info],
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structlog"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "django": {"level": level},
            "django-q": {"level": "WARNING" if level == "INFO" else level},
            "httpx2": {"level": "WARNING"},
            "openai": {"level": "WARNING"},
            "markdown_it": {"level": "WARNING"},
        },
    }


IDS = ("request_id", "step", "kind", "roadmap", "concept", "attempt", "queue")


# Of an event: what broke and where. Not the visitor, a command's arguments, what was done before, or what the SDK
# may collect one day.
SENT = (
    "event_id", "timestamp", "platform", "level", "logger", "release", "environment", "server_name", "sdk", "modules",
    "transaction", "transaction_info", "exception", "tags",
)  # fmt: skip
OF_THE_SERVER = ("OperationalError", "InterfaceError")  # whose first line is PostgreSQL's and quotes no row


def without_personal_words(given: Any, hint: dict[str, Any]) -> Any:
    """What goes to Sentry: of a log line its event's name, never its message, which may quote a person; and the ids.

    Of a request the method and the address's pattern: an address holds goals, searches and tokens that open doors.
    Of an exception its type and place: its message may be a row, an answer or a goal; the log has it under the same id.
    Of a slug only the token at its end: the words before it are the goal's.
    """
    event = {name: given[name] for name in SENT if name in given}
    if method := (given.get("request") or {}).get("method"):
        event["request"] = {"method": method}
    if (given.get("transaction_info") or {}).get("source") != "route":  # else it is the address itself
        event.pop("transaction", None)
    for raised in (given.get("exception") or {}).get("values", []):
        message = str(raised.pop("value", ""))
        if raised.get("type") in OF_THE_SERVER:
            raised["value"] = message.partition("\n")[0]
    record = hint.get("log_record")
    line: dict[str, Any] = {}
    if record is not None:
        line = record.msg if isinstance(record.msg, dict) else {}
        event["logentry"] = {"message": str(line.get("event", record.name))}
    known = {**structlog.contextvars.get_contextvars(), **line}
    if ids := {name: _without_words(name, str(known[name])) for name in IDS if name in known}:
        event["tags"] = {**dict(event.get("tags") or {}), **ids}
    return event


def _without_words(name: str, value: str) -> str:
    slug, colon, key = value.partition(":")
    return slug.rpartition("-")[2] + colon + key if name in ("roadmap", "concept") else value
