"""The supervisor's part: what ended is started again, a new release runs beside the old one, which is then stopped."""

import os
import re
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from roadmap_project.fleet import KEPT_UP, Fleet
from tests.benchmarks.measuring import family, stat

MARK = "SOAK_RELEASE"  # in the environment of every process of a release, however it lost its parent
STOP_MARGIN = 10.0  # seconds for a slow machine, after the grace and the five that supervisors add
STARTED = re.compile(r"cluster_process_started' kind='(\w+)' pid=(\d+)")


@dataclass
class Release:
    fleet: Fleet
    mark: str
    began_at: float  # time.time()
    ended_at: float | None = None
    told_to_stop_at: float | None = None  # time.monotonic()
    stopped_at: float | None = None  # the same moment, time.time()


@dataclass
class Supervisor:
    logs: Path
    environment: Mapping[str, str]
    mark: str  # of this run
    stop_grace: float
    releases: list[Release] = field(default_factory=list)
    restarts: list[tuple[float, str, int]] = field(default_factory=list)  # when, which service, its exit status
    findings: list[str] = field(default_factory=list)

    @property
    def current(self) -> Fleet:
        return self.releases[-1].fleet

    @property
    def url(self) -> str:
        return self.current.url

    def begin_release(self) -> None:
        """Migrate, then start everything; the release before goes on."""
        mark = f"{self.mark}-{len(self.releases) + 1:03}"
        (logs := self.logs / mark).mkdir()
        fleet = Fleet(logs=logs, environment={**self.environment, MARK: mark})
        fleet.release()
        release = Release(fleet, mark, time.time())
        for name in (*(each for each in KEPT_UP if each != "web"), "web"):
            fleet.spawn(name)
        fleet.wait_for_web()
        self.releases.append(release)

    def retire_the_earlier(self) -> None:
        for release in self.releases[:-1]:
            if release.told_to_stop_at is None:
                self._tell(release)

    def _tell(self, release: Release) -> None:
        release.told_to_stop_at, release.stopped_at = time.monotonic(), time.time()
        for process in release.fleet.processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)

    def look(self) -> None:
        """Start again what ended by itself; note which release is gone. Call it often."""
        for release in self.releases:
            if release.told_to_stop_at is not None:
                self._look_at_end(release, release.told_to_stop_at)
            else:
                for name, process in list(release.fleet.processes.items()):
                    if process.poll() is not None:
                        self.restarts.append((time.time(), name, process.returncode))
                        release.fleet.spawn(name)

    def _look_at_end(self, release: Release, told_at: float) -> None:
        if release.ended_at is not None:
            return
        running = {name for name, process in release.fleet.processes.items() if process.poll() is None}
        if not running and not marked(release.mark):
            release.ended_at = time.time()
        elif time.monotonic() > told_at + self.stop_grace + 5 + STOP_MARGIN:
            left = ", ".join(sorted(running)) or "processes without a parent"
            self.findings.append(f"release {release.mark}: {left} did not end in time")
            self.kill(release)

    def kill(self, release: Release) -> None:
        for pid in marked(release.mark):
            os.kill(pid, signal.SIGKILL)
        for process in release.fleet.processes.values():
            process.wait()
        release.ended_at = time.time()

    def stop(self) -> None:
        """Everything, in order; what is not gone in time is killed and noted."""
        for release in self.releases:
            if release.told_to_stop_at is None:
                self._tell(release)
        while any(release.ended_at is None for release in self.releases):
            self.look()
            time.sleep(0.05)

    def orphans(self) -> set[int]:
        """Processes of a release that do not descend from this one any more: their parents are gone."""
        return marked(self.mark) - family([os.getpid()])

    def pid_of(self, service: str, kind: str) -> list[int]:
        """The living processes of one kind of the current release; oldest first."""
        command = self.current.processes[service]
        if kind in ("parent", "master"):
            return [command.pid]
        below = family([command.pid]) - {command.pid}
        if service == "web":
            return sorted(below)
        if kind == "sentinel":
            return [pid for pid in below if _parent(pid) == command.pid]
        log = (self.current.logs / f"{service}.log").read_text(errors="replace")
        kinds = {int(pid): started for started, pid in STARTED.findall(log)}
        return sorted(pid for pid in below if kinds.get(pid) == kind)


def _parent(pid: int) -> int | None:
    try:
        return int(stat(pid)[1])
    except OSError:
        return None


def marked(mark: str) -> set[int]:
    """The living processes whose environment holds a mark that begins so."""
    wanted = f"{MARK}={mark}".encode()
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if any(each.startswith(wanted) for each in (entry / "environ").read_bytes().split(b"\0")):
                found.add(int(entry.name))
        except OSError:  # ended meanwhile
            continue
    return found
