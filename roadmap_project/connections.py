"""Who lets go of a database connection, and when?"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

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


def forbid_in_this_thread(who: str) -> None:
    """Let this thread never open a database connection: a query raises ConnectionHeldError that says who tried."""
    _state.is_released = True
    _state.who = who


def require_permission() -> None:
    """Raise ConnectionHeldError where this thread may open no connection now."""
    if getattr(_state, "is_released", False):
        who = getattr(_state, "who", "a query inside connection_released()")
        raise ConnectionHeldError(f"{who} may not open a database connection")
