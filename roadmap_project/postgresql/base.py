"""PostgreSQL, with this process's connections counted, bounded and named."""

import gc
import os
import threading
import weakref
from typing import Any

from django.conf import settings
from django.db.backends.postgresql import base

from roadmap_project import process
from roadmap_project.connections import ConnectionBudgetExceededError, require_permission

_lock = threading.Lock()
_open: "weakref.WeakSet[DatabaseWrapper]" = weakref.WeakSet()  # weak: a thread that ended has given its connection back


def open_connections() -> int:
    """How many connections this process holds; a fork starts at none, whatever its parent held."""
    with _lock:
        return len(_open)


def _start_afresh() -> None:
    global _lock, _open
    _lock, _open = threading.Lock(), weakref.WeakSet()


os.register_at_fork(after_in_child=_start_afresh)


def allotment() -> int:
    """How many connections this process may hold."""
    budget = settings.CONNECTION_BUDGET
    service = process.current.service
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
        return params

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Refuses above the allotment before connecting, so that the server never sees the attempt."""
        self._require_permission()
        if self._is_one_too_many():
            gc.collect()  # a thread that ended leaves its wrapper in a reference cycle, and its connection open
        with _lock:
            if self._is_one_too_many():
                raise ConnectionBudgetExceededError(
                    f"{process.current.service}:{process.current.kind} may hold {allotment()} connection(s) and holds "
                    f"{len(_open)}: the connection budget (roadmap_project/connection_budget.py) allots no more."
                )
            _open.add(self)
        try:
            return super().get_new_connection(conn_params)
        except BaseException:
            self._uncount()
            raise

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
