"""PostgreSQL, with this process's connections counted, bounded and named."""

import gc
import math
import os
import random
import threading
import time
import weakref
from collections import Counter, deque
from dataclasses import dataclass, field
from math import inf
from typing import Any

import structlog
from django.conf import settings
from django.db import DatabaseError
from django.db.backends.postgresql import base

from roadmap_project import process
from roadmap_project.connections import ConnectionBudgetExceededError, Patience, require_permission, seconds_left
from roadmap_project.postgresql.telling import Untold, tell

log = structlog.get_logger(__name__)

_lock = threading.Lock()
_open: "weakref.WeakSet[DatabaseWrapper]" = weakref.WeakSet()  # weak: a thread that ended has given its connection back

# Who refused a connection. The server's refusals carry no SQLSTATE; only their text tells them apart, which is English
# unless the server's lc_messages says otherwise: then nobody waits, and nothing is counted.
ALLOTMENT, ROLE, DATABASE, SERVER, POOLER = "allotment", "role", "database", "server", "pooler"
REFUSALS = {
    "too many connections for role": ROLE,
    "too many connections for database": DATABASE,
    "remaining connection slots": SERVER,
    "too many clients": SERVER,
    "no more connections allowed": POOLER,
}
RECENT = 600  # seconds after which a wait or refusal no longer says anything about now
TELL_SECONDS = 2
BACK_OFF = (0.05, 0.1, 0.2, 0.4)  # seconds; a refused attempt holds a slot for milliseconds, so not faster


@dataclass
class Troubles:
    """Waits and refusals of this process since it began."""

    waits: int = 0
    waiting: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    recent: deque[tuple[float, str]] = field(default_factory=lambda: deque(maxlen=1000))
    untold: dict[str, Untold] = field(default_factory=dict)

    def note(self, reason: str, *, connects: int = 0, waits: int = 0, refusals: int = 0) -> None:
        """Under the lock. `connects` is 1 where a connect met this for the first time."""
        if connects:
            self.recent.append((time.monotonic(), reason))
        self.waits += waits
        self.refusals[reason] += refusals
        self.untold.setdefault(reason, Untold()).add(Untold(waits=waits, refusals=refusals, connects=connects))


_troubles = Troubles()


def waits() -> int:
    """How many connects had to wait because the server had no slot, whatever came of them."""
    return _troubles.waits


def waiting() -> int:
    """How many threads wait for a slot now."""
    return _troubles.waiting


def refusals() -> dict[str, int]:
    """How many connects were refused in the end, by who refused."""
    with _lock:
        return dict(+_troubles.refusals)


def recently() -> dict[str, int]:
    """How many connects waited or were refused within RECENT seconds, by who refused."""
    oldest = time.monotonic() - RECENT
    with _lock:
        return dict(Counter(reason for at, reason in _troubles.recent if at > oldest))


def refused_by(error: BaseException) -> str:
    """Who had no slot left, where that is what the error says; else empty."""
    text = str(error)
    return next((reason for words, reason in REFUSALS.items() if words in text), "")


def open_connections() -> int:
    """How many connections this process holds; a fork starts at none, whatever its parent held."""
    with _lock:
        return len(_open)


def _start_afresh() -> None:
    global _lock, _open, _troubles
    _lock, _open, _troubles = threading.Lock(), weakref.WeakSet(), Troubles()


os.register_at_fork(after_in_child=_start_afresh)


def allotment() -> int:
    """How many connections this process may hold: none where it was forked by somebody who did not say what it is."""
    budget = settings.CONNECTION_BUDGET
    service = process.current.service
    if process.current.kind == process.FORK:
        return 0
    if process.current.kind == "runserver":
        return int(budget.service("web").peak)
    if service == "release":
        return 1
    if service == "other":
        return int(budget.other_clients)
    return int(budget.service(service).allotment)


class DatabaseWrapper(base.DatabaseWrapper):
    def get_connection_params(self) -> dict[str, Any]:
        params = super().get_connection_params()
        params["application_name"] = f"{process.current.service}:{process.current.kind}"
        if (left := seconds_left()) != inf:
            params["connect_timeout"] = max(2, min(params.get("connect_timeout", left), math.floor(left)))
        return params

    def connect(self) -> None:
        super().connect()
        self._tell()

    def close_if_unusable_or_obsolete(self) -> None:
        """Django asks for it before and after every request, Django-Q before and after every task."""
        super().close_if_unusable_or_obsolete()
        self._tell()

    def _tell(self) -> None:
        """Whoever was refused says so as soon as it has a connection; without one it asks for none."""
        if not _troubles.untold or self.connection is None:
            return
        with _lock:
            untold, _troubles.untold = _troubles.untold, {}
        patience = Patience(self, TELL_SECONDS)  # a request must not wait for a server that has stopped answering
        try:
            tell(self, process.current.service, untold)
        except DatabaseError as error:  # before the first migration there is no such table
            log.warning("connection_troubles_untold", reason=str(error).strip())
            with _lock:
                for reason, each in untold.items():
                    _troubles.untold.setdefault(reason, Untold()).add(each)
        finally:
            patience.cancel()

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Refuses above the allotment before connecting, so that the server never sees the attempt.

        A full server is asked again for settings.CONNECT_WAIT seconds in all.
        """
        self._require_permission()
        if self._is_one_too_many():
            gc.collect()  # a thread that ended leaves its wrapper in a reference cycle, and its connection open
        with _lock:
            if self._is_one_too_many():
                _troubles.note(ALLOTMENT, connects=1, refusals=1)
                raise ConnectionBudgetExceededError(
                    f"{process.current.service}:{process.current.kind} may hold {allotment()} connection(s) and holds "
                    f"{len(_open)}: the connection budget (roadmap_project/connection_budget.py) allots no more."
                )
            _open.add(self)
        try:
            return self._connect(conn_params)
        except BaseException:
            self._uncount()
            raise

    def _connect(self, conn_params: dict[str, Any]) -> Any:
        until = time.monotonic() + min(settings.CONNECT_WAIT, seconds_left())
        try:
            return super().get_new_connection(conn_params)
        except self.Database.OperationalError as error:
            if not (reason := refused_by(error)):
                raise
            return self._wait_for_a_slot(conn_params, until, error, reason)

    def _wait_for_a_slot(self, conn_params: dict[str, Any], until: float, error: Exception, reason: str) -> Any:
        with _lock:
            will_wait = time.monotonic() < until
            _troubles.note(reason, connects=1, waits=int(will_wait))
            _troubles.waiting += will_wait
        tries = 0
        try:
            while (left := until - time.monotonic()) > 0:
                pause = BACK_OFF[min(tries, len(BACK_OFF) - 1)] * random.uniform(0.75, 1.25)
                time.sleep(min(pause, left))
                tries += 1
                try:
                    return super().get_new_connection(conn_params)
                except self.Database.OperationalError as again:
                    if not (reason := refused_by(again)):
                        raise
                    error = again
        finally:
            with _lock:
                _troubles.waiting -= will_wait
        with _lock:
            _troubles.note(reason, refusals=1)
        raise error

    def _is_one_too_many(self) -> bool:
        return self not in _open and len(_open) >= allotment()

    def _require_permission(self) -> None:
        require_permission()
        is_cluster = process.current.stop_event is not None
        if is_cluster and threading.current_thread() is not threading.main_thread():
            raise ConnectionBudgetExceededError(
                f"thread {threading.current_thread().name!r} of {process.current.service}:{process.current.kind} "
                "may not use the database: the connection budget allots a cluster's process one connection, for its "
                "main thread."
            )

    def _uncount(self) -> None:
        with _lock:
            _open.discard(self)

    def _close(self) -> None:
        try:
            super()._close()  # type: ignore[misc]
        finally:
            self._uncount()
