"""How is each fault brought about, and undone again?"""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import psycopg

from roadmap_project.connection_budget import ConnectionBudget
from roadmap_project.dev_database import DevDatabase
from tests.connection_log import HARNESS
from tests.soak.schedule import Fault
from tests.soak.supervising import Supervisor
from tests.stub_process import Model

FIND_SECONDS = 15.0  # for the wanted process to be there; a cluster may be restarting
STOP_SECONDS = 20.0
BUSY_WORKERS = "SELECT DISTINCT worker FROM roadmaps_step WHERE state = 'running' AND queue = %s"
SESSIONS = "SELECT pid FROM pg_stat_activity WHERE usename = 'roadmaps' ORDER BY backend_start"


@dataclass(frozen=True)
class Happened:
    """A fault as it was in fact."""

    fault: Fault
    at: float  # time.time()
    until: float
    killed: int = 0  # processes: the one that was meant and those that die with it


@dataclass
class Breaker:
    """Takes faults one by one, from the main thread; what lasts is undone by `look`."""

    supervisor: Supervisor
    database: DevDatabase
    model: Model
    budget: ConnectionBudget
    happened: list[Happened] = field(default_factory=list)
    skipped: list[Fault] = field(default_factory=list)
    _waiting: list[tuple[float, Fault]] = field(default_factory=list)
    _undo: dict[str, tuple[float, float, Fault, Callable[[], object]]] = field(default_factory=dict)

    def bring_about(self, fault: Fault) -> None:
        self._waiting.append((time.monotonic() + FIND_SECONDS, fault))

    @property
    def is_calm(self) -> bool:
        return not self._waiting and not self._undo

    def look(self) -> None:
        """Undo what lasted long enough, try what could not be done yet."""
        for kind, (until, began, fault, undo) in list(self._undo.items()):
            if time.monotonic() >= until:
                self._end(kind, began, fault, undo)
        waiting, self._waiting = self._waiting, []
        for until, fault in waiting:
            if self._try(fault):
                continue
            if time.monotonic() < until:
                self._waiting.append((until, fault))
            else:
                self.skipped.append(fault)

    def _try(self, fault: Fault) -> bool:
        """False where it cannot be done now."""
        if fault.kind in self._undo or (fault.kind == "deploy" and "database" in self._undo):
            return False
        match fault.kind:
            case "kill":
                return self._kill(fault)
            case "database":
                self._break_database(fault)
            case "provider":
                self._break_provider(fault)
            case "deploy":
                self.supervisor.begin_release()
                self._until(fault, self.supervisor.retire_the_earlier)
        return True

    def _until(self, fault: Fault, undo: Callable[[], object]) -> None:
        self._undo[fault.kind] = (time.monotonic() + fault.seconds, time.time(), fault, undo)

    def _end(self, kind: str, began: float, fault: Fault, undo: Callable[[], object]) -> None:
        undo()
        del self._undo[kind]
        self.happened.append(Happened(fault, began, time.time()))

    def _kill(self, fault: Fault) -> bool:
        found = self._victims(fault)
        if not found:
            return False
        victim = found[int(fault.chance * len(found))]
        at = time.time()
        try:
            os.kill(victim, signal.SIGKILL)
        except ProcessLookupError:
            return False
        self.happened.append(Happened(fault, at, time.time(), killed=self._lost_with(fault)))
        return True

    def _lost_with(self, fault: Fault) -> int:
        """How many connections its death ends, at most."""
        service = self.budget.service(fault.service)
        return service.peak if fault.what in ("parent", "sentinel", "master") else service.allotment

    def _victims(self, fault: Fault) -> list[int]:
        if not fault.what.endswith(" worker"):
            return self.supervisor.pid_of(fault.service, fault.what)
        workers = self.supervisor.pid_of(fault.service, "worker")
        busy = self._busy_workers(fault.service)
        return [pid for pid in workers if (pid in busy) == (fault.what == "busy worker")]

    def _busy_workers(self, service: str) -> set[int]:
        try:
            with psycopg.connect(self.database.superuser_url, autocommit=True, application_name=HARNESS) as client:
                rows = client.execute(BUSY_WORKERS, [service]).fetchall()
        except psycopg.OperationalError:
            return set()
        return {int(worker.rpartition(":")[2]) for (worker,) in rows}

    def _break_database(self, fault: Fault) -> None:
        began = time.time()
        match fault.what:
            case "restart":
                self.database.stop()
            case "immediate restart":
                self._end_server_at_once()
            case "absence":
                self.database.stop()
                self._until(fault, self.database.start)
                return
            case "crash":
                self._kill_a_session()
        self.database.start()
        self.happened.append(Happened(fault, began, time.time()))

    def _end_server_at_once(self) -> None:
        postmaster = self._postmaster()
        os.kill(postmaster, signal.SIGQUIT)
        until = time.monotonic() + STOP_SECONDS
        while self._postmaster() and time.monotonic() < until:
            time.sleep(0.02)

    def _postmaster(self) -> int:
        """0 where none runs."""
        try:
            return int((self.database.directory / "data" / "postmaster.pid").read_text().split()[0])
        except (OSError, IndexError):
            return 0

    def _kill_a_session(self) -> None:
        """One server process of ours; the server then ends all the others and recovers."""
        with psycopg.connect(self.database.superuser_url, autocommit=True, application_name=HARNESS) as client:
            row = client.execute(SESSIONS).fetchone()
        if row:
            os.kill(row[0], signal.SIGKILL)

    def _break_provider(self, fault: Fault) -> None:
        if fault.what == "stall":
            self.model.control("hold", {})
            self._until(fault, lambda: self.model.control("release", {}))
            return
        if fault.what == "refused":
            self.model.control("refuse", fault.seconds)
            self._until(fault, self._wait_for_model)
            return
        self.model.control("faults", RULES[fault.what])
        self._until(fault, lambda: self.model.control("faults", []))

    def _wait_for_model(self) -> None:
        """It counts the time by itself, and may need a moment longer."""
        until = time.monotonic() + STOP_SECONDS
        while True:
            try:
                self.model.control("state")
            except OSError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.02)
            else:
                return


RULES = {
    "errors": [{"fault": "server_error"}],
    "limited": [{"fault": "rate_limited", "retry_after": 2.0}],
    "some errors": [{"fault": "unavailable", "probability": 0.4}, {"fault": "reset", "probability": 0.3}],
    "half answers": [{"fault": "stall", "probability": 0.5}],
}
