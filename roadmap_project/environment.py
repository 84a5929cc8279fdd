"""How is a variable of the environment read, and what does a wrong one say?"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured
from psycopg.pq import Conninfo

MAIL_PORTS = {"smtp": 25, "smtp+tls": 587, "smtp+ssl": 465, "smtps": 587, "consolemail": None, "dummymail": None}
POSTGRESQL_SCHEMES = ("postgres", "postgresql")


# What Django's backend takes for itself; everything else in a URL's query goes to libpq.
DJANGO_OPTIONS = ("assume_role", "isolation_level", "pool", "prepare_threshold", "server_side_binding")


@dataclass(frozen=True)
class Environment:
    """Typed reads that name the variable, its value and what was expected.

    An empty value counts as unset: hosting panels keep a variable that somebody emptied.
    """

    values: Mapping[str, str] = field(default_factory=lambda: os.environ)

    def text(self, name: str, default: str = "") -> str:
        return self.values.get(name, "").strip() or default

    def words(self, name: str, default: list[str] | None = None) -> list[str]:
        value = self.text(name)
        return [word.strip() for word in value.split(",") if word.strip()] or (default or [])

    def flag(self, name: str, *, default: bool = False) -> bool:
        value = self.text(name).lower()
        if not value:
            return default
        if value in environ.Env.BOOLEAN_TRUE_STRINGS:
            return True
        if value in ("false", "off", "n", "no", "0"):
            return False
        raise self._wrong(name, "true or false")

    def whole(self, name: str, default: int, *, least: int = 0, most: int = 1_000_000) -> int:
        return round(self._number(name, default, f"a whole number from {least} to {most}", int, least, most))

    def fraction(self, name: str, default: float) -> float:
        return self._number(name, default, "a number from 0 to 0.9", float, 0, 0.9)

    def decimal(self, name: str, default: float, *, least: float = 0) -> float:
        return self._number(name, default, f"a number of at least {least}", float, least, 1e9)

    def choice(self, name: str, choices: tuple[str, ...], default: str) -> str:
        value = self.text(name, default)
        if value not in choices:
            raise self._wrong(name, "one of " + ", ".join(choices))
        return value

    def database(self, name: str, default: str = "") -> dict[str, object]:
        """The parts of a PostgreSQL URL as Django's DATABASES wants them.

        The scheme is checked here because django-environ takes `postgresql+psycopg://` for an
        engine of that name and passes unknown schemes on. The value is not repeated in the error: it
        holds a password.
        """
        url = self.text(name, default)
        expected = "expected postgres://USER:PASSWORD@HOST:PORT/NAME, with %2F for / in a password and so on"
        scheme = url.partition(":")[0].lower() if ":" in url else ""
        if scheme not in POSTGRESQL_SCHEMES:
            shown = f"has the scheme {scheme!r}" if re.fullmatch(r"[a-z0-9+]+", scheme) else "has no scheme"
            raise ImproperlyConfigured(f"{name} {shown}; {expected}.")
        try:
            _ = urlsplit(url).port
            config = dict(environ.Env.db_url_config(url))
        except ValueError:
            # Without the cause: its text quotes what stands in the port's place, the rest of an unquoted password.
            raise ImproperlyConfigured(f"{name} is not a URL; {expected}.") from None
        if not config.get("NAME"):
            raise ImproperlyConfigured(f"{name} names no database; {expected}.")
        _require_known_options(name, config.get("OPTIONS") or {})
        return config

    def address(self, name: str) -> str:
        """Where the server of a PostgreSQL URL listens, as HOST:PORT; empty where the variable is."""
        if not name or not self.text(name):
            return ""
        config = self.database(name)
        options = config.get("OPTIONS")
        host = (options.get("host") if isinstance(options, dict) else "") or config.get("HOST") or "localhost"
        return f"{host}:{config.get('PORT') or 5432}".lower()

    def mail(self, name: str, default: str) -> dict[str, Any]:
        """The parts of a mail server's URL as Django's settings are named. The value is not repeated in the error."""
        url = self.text(name, default)
        expected = "expected smtp+tls://USER:PASSWORD@HOST:PORT (or smtp, smtp+ssl), with %2F for / in a password"
        scheme = url.partition(":")[0].lower()
        try:
            config = dict(environ.Env.email_url_config(url)) if scheme in MAIL_PORTS else {}
        except ValueError:
            config = {}
        if not config or (MAIL_PORTS[scheme] and not config.get("EMAIL_HOST")):
            raise ImproperlyConfigured(f"{name} is not a mail server's URL; {expected}.") from None
        return config | {"EMAIL_PORT": config.get("EMAIL_PORT") or MAIL_PORTS[scheme]}

    def _number(
        self, name: str, default: float, expected: str, kind: type[int] | type[float], least: float, most: float
    ) -> float:
        value = self.text(name)
        if not value:
            return default
        try:
            number = kind(value)
        except ValueError:
            raise self._wrong(name, expected) from None
        if not value.isascii() or "_" in value:  # Python reads 1_0 and ٣
            raise self._wrong(name, expected)
        if not least <= number <= most:
            raise self._wrong(name, expected)
        return number

    def _wrong(self, name: str, expected: str) -> ImproperlyConfigured:
        return ImproperlyConfigured(f"{name}={self.values.get(name)!r}: expected {expected}.")


def _require_known_options(name: str, options: Any) -> None:
    """A URL's query may hold what another library understands; libpq would refuse it at the first connect."""
    known = {each.keyword.decode() for each in Conninfo.get_defaults()} | set(DJANGO_OPTIONS)
    for option, value in options.items():
        if option == "pgbouncer":
            raise ImproperlyConfigured(f"{name} has the option pgbouncer: expected DB_POOLER=transaction instead.")
        if option not in known:
            raise ImproperlyConfigured(
                f"{name} has the option {option!r}: expected connection parameters of PostgreSQL's libpq, "
                "such as sslmode; settings of a session go into options=-c%20NAME%3DVALUE."
            )
        if option == "connect_timeout" and not str(value).isdecimal():
            raise ImproperlyConfigured(f"{name} has connect_timeout={value!r}: expected whole seconds.")
