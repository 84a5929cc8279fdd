"""How are the Procfile's processes run on one machine, for the demo and the tests?"""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from roadmap_project import process

ROOT = Path(__file__).resolve().parent.parent
KEPT_UP = ("web", "workflow", "content", "logs")
START_SECONDS = 60.0
STOP_SECONDS = 45.0


class FleetError(Exception):
    """A process did not start, or ended; the text holds the end of its log."""


def procfile() -> dict[str, str]:
    lines = (ROOT / "Procfile").read_text().splitlines()
    return {name: command.strip() for name, _, command in (line.partition(":") for line in lines if line.strip())}


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


class Fleet:
    """Web and clusters as real processes, each logging to a file of its own.

    They die with this process, however it ends. Use as a context manager: leaving it stops everything.
    """

    def __init__(self, *, logs: Path, environment: Mapping[str, str]) -> None:
        self.logs = logs
        self.port = free_port()
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.environment = {
            **os.environ,
            **environment,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
        }

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> "Fleet":
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self, *names: str) -> None:
        for name in names or KEPT_UP:
            self.spawn(name)
        if "web" in self.processes:
            self.wait_for_web()

    def release(self) -> None:
        """Run the database migrations, as a deploy does before the new processes start."""
        done = subprocess.run(
            [sys.executable, "manage.py", "migrate", "--noinput", "--verbosity", "0"],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise FleetError(f"migrate ended with status {done.returncode}:\n{done.stderr[-3000:]}")

    def spawn(self, name: str) -> None:
        """Run one service's command, also again where it ended. From the main thread: its death is the parent's."""
        parent = os.getpid()
        with (self.logs / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(  # noqa: S602  the command is our own Procfile's
                procfile()[name],
                shell=True,
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C reaches us alone; we stop the others in order
                preexec_fn=lambda: process.die_with_parent(parent),
            )

    def wait_for_web(self) -> None:
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            self.require_running()
            try:
                with urllib.request.urlopen(f"{self.url}/health/live/", timeout=2):  # noqa: S310
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        raise FleetError(f"web did not answer within {START_SECONDS:.0f} seconds:\n{self.tail('web')}")

    def require_running(self) -> None:
        """Raise FleetError when one of the processes ended by itself."""
        for name, running in self.processes.items():
            if running.poll() is not None:
                raise FleetError(f"{name} ended with status {running.returncode}:\n{self.tail(name)}")

    def tail(self, name: str) -> str:
        return (self.logs / f"{name}.log").read_text(errors="replace")[-3000:]

    def stop(self) -> None:
        """SIGTERM to all, then wait; whoever is not gone in time is killed. Nothing is left when this returns."""
        for running in self.processes.values():
            if running.poll() is None:
                running.send_signal(signal.SIGTERM)
        until = time.monotonic() + STOP_SECONDS
        for running in self.processes.values():
            try:
                running.wait(timeout=max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                running.kill()
                running.wait()
        self.processes.clear()
