"""How does a cluster's command start itself anew, and when does it give up?"""

import atexit
import os
import signal
import sys
import time

import structlog

log = structlog.get_logger(__name__)

VARIABLE = "QCLUSTER_RESTARTS"  # the times of earlier restarts, carried from run to run
MOST, WITHIN_SECONDS = 5, 600.0
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def end_when_asked() -> None:
    """Let SIGTERM and SIGINT end this process with status 0; one that came during a restart does so now."""
    for number in STOP_SIGNALS:
        signal.signal(number, lambda *_: sys.exit(0))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)


def hold_signals() -> None:
    """Whoever asks this process to stop from now on is heard by the next run."""
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)


def restart() -> None:
    """Run the same command in this process's place, with its process id. Returns only where that did not help before.

    No child may be alive: the new run would not know it.
    """
    now = time.monotonic()  # counted from the machine's start, so that it means the same to the next run
    times = [each for each in map(float, os.environ.get(VARIABLE, "").split()) if now - each < WITHIN_SECONDS]
    if len(times) >= MOST:
        log.critical("cluster_gives_up", restarts=len(times), within_minutes=WITHIN_SECONDS / 60)
        return
    log.warning("cluster_restarts", restarts_before=len(times))
    os.environ[VARIABLE] = " ".join(map(str, [*times, now]))
    atexit._run_exitfuncs()  # what an ordinary end would do: flush logs, send errors
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606  no shell is meant
