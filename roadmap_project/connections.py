"""Who lets go of a database connection, and when?"""

import math
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import InterfaceError, OperationalError, connections

_state = threading.local()


class ConnectionHeldError(RuntimeError):
    """A connection was wanted or held where none may be: inside connection_released()."""


class ConnectionBudgetExceededError(OperationalError):
    """This process would have opened more connections than its allotment, or one from a thread that may have none."""


LOST_CONNECTION = (OperationalError, InterfaceError)


@contextmanager
def connection_released() -> Iterator[None]:
    """Hold no database connection in this thread while the block runs.

    Raises ConnectionHeldError inside a transaction (its connection cannot be given up) and on any query in
    the block. Reopening right after closing makes the server count two for an instant, so use it around
    waits of a good fraction of a second, not around moments.
    """
    open_connections = connections.all(initialized_only=True)
    for connection in open_connections:
        if connection.in_atomic_block or (connection.connection is not None and not connection.autocommit):
            raise ConnectionHeldError("connection_released() inside a transaction: its connection cannot be given up")
    for connection in open_connections:
        connection.close()
    before = getattr(_state, "is_released", False)
    _state.is_released = True
    try:
        yield
    finally:
        _state.is_released = before


class Patience:
    """Shuts a connection's socket down when its time is up, so that whoever waits for an answer gets an error."""

    def __init__(self, wrapper: Any, seconds: float) -> None:
        self.has_ended = False
        self.ends_at = time.monotonic() + seconds
        self._wrapper = wrapper
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = threading.Timer(seconds, self._end)
        self._timer.daemon = True
        self._timer.start()

    def _end(self) -> None:
        with self._lock:
            raw = self._wrapper.connection
            if self._timer is None or raw is None or raw.closed:
                return
            self.has_ended = True
            with socket.socket(fileno=os.dup(raw.fileno())) as its:
                its.shutdown(socket.SHUT_RDWR)

    def cancel(self) -> None:
        with self._lock:
            if self._timer:
                self._timer.cancel()
            self._timer = None


@contextmanager
def patient_for(seconds: float) -> Iterator[Patience]:
    """Bound how long this thread waits for a server that has stopped answering, and so ends nothing by itself.

    The query under way then raises OperationalError, and the connection is lost. What is left bounds connecting, too
    (at least two seconds, the driver's own least); once it has ended, no connect is tried.
    """
    patience = Patience(connections["default"], seconds)
    _state.patience = patience
    try:
        yield patience
    finally:
        _state.patience = None
        patience.cancel()


def seconds_left() -> float:
    """How long this thread still waits for the server; raises OperationalError where its patience has ended."""
    patience: Patience | None = getattr(_state, "patience", None)
    if patience is None:
        return math.inf
    left = patience.ends_at - time.monotonic()
    if left <= 0:
        raise OperationalError("the server did not answer in time")
    return left


def forbid_in_this_thread(who: str) -> None:
    """Let this thread never open a database connection: a query raises ConnectionHeldError that says who tried."""
    _state.is_released = True
    _state.who = who


def require_permission() -> None:
    """Raise ConnectionHeldError where this thread may open no connection now."""
    if getattr(_state, "is_released", False):
        who = getattr(_state, "who", "a query inside connection_released()")
        raise ConnectionHeldError(f"{who} may not open a database connection")
