"""python -m tests.benchmarks.scale: a thousand roadmaps through the real fleet. Does it slow down, or grow?"""

import argparse
import json
import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from roadmap_project.connection_budget import ConnectionBudget
from roadmap_project.environment import Environment
from roadmap_project.fleet import ROOT, Fleet
from tests.benchmarks import measuring, pages, server
from tests.benchmarks.__main__ import SIGMA, stub_model
from tests.benchmarks.contender import CONCEPTS, Site
from tests.benchmarks.ours import ENVIRONMENT
from tests.benchmarks.scale_table import broken, missing, table
from tests.stub_model import ERRORS, PIECES, drawn_latency

RETRY_AFTER = 6.0  # seconds that the provider asks for once: more than a call waits by itself
PACE_SECONDS = 10.0  # before and after that pause
POLL_SECONDS = 1.5  # as the page's script
WARM_READERS = 16
WARM_UP = 0.1  # of the time, before memory is looked at
BACKLOG_SHARE = 0.75  # of the time, after which the backlog is left as it is: the rest is measured as well
STOP_SHARE, STOP_SECONDS = 0.1, 60.0  # of the time, at most so many seconds: for everything to end

LEFT = "SELECT count(*) FROM roadmaps_step WHERE state = 'waiting' AND queue = 'content'"
RUNNING = "SELECT count(*) FROM roadmaps_step WHERE state = 'running' AND queue = 'content'"
FINISHED = """
SELECT extract(epoch FROM finished_at)::float FROM roadmaps_step
WHERE queue = 'content' AND state = 'done' AND finished_at > to_timestamp(%s) ORDER BY 1
"""
LOST = "SELECT count(*) FROM roadmaps_step WHERE queue = 'content' AND state IN ('failed', 'cancelled')"
OTHERS_LEFT = """
SELECT count(*) FROM roadmaps_step step JOIN roadmaps_roadmap roadmap ON roadmap.id = step.roadmap_id
WHERE step.state = 'waiting' AND step.queue = 'content' AND roadmap.goal NOT LIKE 'NEWCOMER%'
"""
# From the goal until anybody can read the first tutorial.
FIRST_TUTORIAL = """
SELECT extract(epoch FROM pg_xact_commit_timestamp(tutorial.xmin) - roadmap.created_at)::float
FROM content_tutorial tutorial JOIN roadmaps_concept concept ON concept.id = tutorial.concept_id
JOIN roadmaps_roadmap roadmap ON roadmap.id = concept.roadmap_id
WHERE roadmap.token = %s AND concept.position = 0
"""


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.scale", description=__doc__)
    parser.add_argument("--roadmaps", type=int, default=1000, help=f"of {CONCEPTS * len(PIECES)} pieces each")
    parser.add_argument("--latency-mean", type=float, default=0.5, help="seconds that an answer takes on average")
    parser.add_argument("--minutes", type=float, default=45, help="for the whole run; what did not fit is named")
    parser.add_argument("--page-seconds", type=float, default=10, help="for which each page is read")
    parser.add_argument("--parts", type=int, default=900, help="pieces of which the parts are measured alone")
    parser.add_argument(
        "--newcomer-seconds",
        type=float,
        default=9.5,
        help="that a newcomer's answers take longer: as long as real ones",
    )
    parser.add_argument("--newcomers", type=int, default=3, help="who begin while everything else waits")
    parser.add_argument("--wide", type=int, default=500, help="calls that one worker alone has in flight")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--server", default="bench", help="the private PostgreSQL's name; one run at a time")
    parser.add_argument("--json", type=Path, help="where the figures go; a temporary file otherwise")
    return parser.parse_args(arguments)


@dataclass
class Run:
    """One run's site, and what was seen of it."""

    options: argparse.Namespace
    site: Site
    fleet: Fleet
    model: str
    backlog_ends_at: float
    figures: dict[str, Any]
    is_stopped: threading.Event = field(default_factory=threading.Event)  # the threads beside the main one end as well

    def control(self, what: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.model.removesuffix('/v1')}/control/{what}", data=data)
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.loads(response.read() or b"null")

    def person(self, *arguments: str) -> dict[str, Any]:
        """What a process of ours says that does what a person does."""
        name = "-".join(arguments)
        self.site.run(name, "tests.benchmarks.people", *arguments)
        said: dict[str, Any] = json.loads(self.site.text_of(name).strip().splitlines()[-1])
        return said

    @contextmanager
    def own_connection(self) -> Iterator[psycopg.Connection]:
        """Of a thread beside the one that looks all the time; the server counts it with the fleet's."""
        with psycopg.connect(self.site.environment["SUPERUSER_URL"], autocommit=True) as connection:
            yield connection

    def require_others_wait(self, what: str) -> None:
        """What is measured beside the backlog means nothing once that is over."""
        with self.own_connection() as connection:
            row = connection.execute(OTHERS_LEFT.encode()).fetchone()
        if not row or not row[0]:
            raise NotAtThePeakError(f"{what}: the backlog was over before")

    def pause(self, seconds: float) -> None:
        if self.is_stopped.wait(seconds):
            raise TimeUpError


class TimeUpError(Exception):
    """The run's minutes are over."""


class NotAtThePeakError(Exception):
    """The run was too small for what the text names."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """TimeUpError is raised in the main thread, whatever that is waiting for then."""

    def ring(number: int, frame: object) -> None:
        raise TimeUpError

    handler = signal.signal(signal.SIGALRM, ring)
    timer = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, *timer)
        signal.signal(signal.SIGALRM, handler)


def measure(options: argparse.Namespace, postgresql: server.Server, figures: dict[str, Any], began: float) -> None:
    """Fills the figures in, phase by phase: what was measured is there also when a later phase fails."""
    log = postgresql.database.log
    with (
        tempfile.TemporaryDirectory(prefix="roadmaps-scale-") as logs,
        postgresql.fresh_database() as superuser_url,
        stub_model(options, faults=0) as model,
        psycopg.connect(superuser_url, autocommit=True) as connection,
    ):
        environment = {
            **os.environ,
            **ENVIRONMENT,
            "DATABASE_URL": postgresql.url,
            "SUPERUSER_URL": superuser_url,
            "OPENAI_BASE_URL": model,
            "OPENAI_API_KEY": "stub",
            "MAX_ACTIVE_ROADMAPS_TOTAL": "0",
            "MAX_COST_TOTAL": "1000000",  # never reached, but looked at
            "PYTHONUNBUFFERED": "1",
        }
        site = Site(connection, Path(logs), options.roadmaps, environment)
        fleet = Fleet(logs=Path(logs), environment=environment)
        site.at_end.append(fleet.stop)
        run = Run(options, site, fleet, model, began + BACKLOG_SHARE * 60 * options.minutes, figures)
        log_begins = log.stat().st_size
        try:
            _work(run)
            fleet.stop()
            figures["parts"] = _parts(run)
        finally:
            site.stop()
            with log.open(errors="replace") as lines:
                lines.seek(log_begins)
                figures["opened"], figures["refused"] = measuring.opened_and_refused(lines)


def _work(run: Run) -> None:
    run.fleet.release()
    run.site.run("collectstatic", "django", "collectstatic", "--noinput", "--verbosity", "0")
    run.person("backlog", str(run.options.roadmaps))
    run.fleet.start()
    run.site.roots |= {name: running.pid for name, running in run.fleet.processes.items()}
    run.person("newcomer", "Learn at rest")
    _wait(lambda: run.site.row(LEFT_OF_NEWCOMER)[0], run, "the first roadmap is written")
    reader = run.person("reader", "Learn at rest")
    run.figures["pages_at_rest"] = _read_pages(run, reader)
    _backlog(run, reader)
    run.figures["wide"] = _wide(run)


LEFT_OF_NEWCOMER = """
SELECT count(*) = 0 AND (SELECT bool_and(state = 'ready') FROM roadmaps_roadmap WHERE goal = 'Learn at rest')
FROM roadmaps_step WHERE state IN ('waiting', 'running') AND not_before IS NULL
"""


def _wait(condition: Callable[[], object], run: Run, what: str, seconds: float = 300) -> None:
    until = time.monotonic() + seconds
    while not condition():
        run.fleet.require_running()
        if time.monotonic() > until:
            raise TimeoutError(f"{what}: not within {seconds:.0f} seconds\n{run.fleet.tail('content')}")
        time.sleep(0.1)


def _backlog(run: Run, reader: dict[str, Any]) -> None:
    """Everything is let go; in the middle third of it people come, and the provider limits us once."""
    content = [run.site.roots["content"]]
    run.site.server.execute("UPDATE roadmaps_step SET not_before = NULL WHERE not_before IS NOT NULL")
    run.site.server.execute("VACUUM ANALYZE roadmaps_step")
    all_pieces = int(run.site.row(LEFT)[0])
    cpu = measuring.cpu_seconds(content)
    with ThreadPoolExecutor(1) as pool, measuring.Watch(run.site.server, run.site.roots) as watch:
        try:
            began = time.time()
            run.person("wake")
            left, middle = _worked_off(run, watch, all_pieces, lambda: pool.submit(_middle, run, reader))
            cpu, ended = measuring.cpu_seconds(content) - cpu, time.time()
            if middle:
                middle.result()
        except BaseException:
            run.is_stopped.set()
            raise
    finished = [at for (at,) in run.site.server.execute(FINISHED, [began]) if at <= ended]
    if len(finished) < 2:
        raise TimeoutError(f"no piece was written\n{run.fleet.tail('content')}")
    if left:
        run.figures["cut"].append(f"the backlog: {left} pieces were still to be written after {ended - began:.0f} s")
    run.figures |= {
        "pieces": all_pieces,
        "written": len(finished),
        "left": left,
        "lost": run.site.row(LOST)[0],
        "seconds": finished[-1] - finished[0],
        "windows": windows(finished, 12),
        "pace_ratio": pace_ratio(finished),
        "cpu": 1000 * cpu / len(finished),
        "peak_connections": watch.connections.peak,
        "mean_connections": watch.connections.mean,
        "peak_calls": run.control("state")["max_in_flight"],
        "memory": memory(watch.memory, finished[0], finished[-1]),
    }
    _conclude(run, finished)


def _worked_off(
    run: Run, watch: measuring.Watch, all_pieces: int, begin_middle: Callable[[], Future[None]]
) -> tuple[int, Future[None] | None]:
    """Looks until nothing is left or the backlog's share of the time is over; how much is left, and who came."""
    left, next_count, middle = all_pieces, 0.0, None
    while left and time.monotonic() < run.backlog_ends_at:
        watch.look()
        if time.monotonic() < next_count:
            continue
        next_count = time.monotonic() + 1
        run.fleet.require_running()
        left = int(run.site.row(LEFT)[0]) + int(run.site.row(RUNNING)[0])
        if left < all_pieces * 2 / 3 and middle is None:
            middle = begin_middle()
        if middle and middle.done():
            middle.result()  # its failure is the run's
    return left, middle


def _conclude(run: Run, finished: list[float]) -> None:
    """What can be told only when all of it is over."""
    if "limited_until" in run.figures:
        run.figures["after_limit"] = after_limit(finished, run.figures["limited_at"], run.figures["limited_until"])
    followed = run.figures.pop("followed", [])
    records = run.control("requests") if followed else []
    run.figures["newcomers"] = [
        {**each, "calls": len(taken), "seconds": sum(taken), "ratio": each["first_tutorial"] / sum(taken)}
        for each in followed
        for taken in [sellers_seconds(records, each["goal"], run.options)]
    ]


def sellers_seconds(records: list[dict[str, Any]], goal: str, options: argparse.Namespace) -> list[float]:
    """What the stub drew for the calls of this goal's design and for its first tutorial: no wait of ours is in it."""
    places: Counter[str] = Counter()
    design, tutorials = [], []
    for record in sorted(records, key=lambda record: record["number"]):
        if record["fault"] in ERRORS or record["fault"] == "reset":  # these come at once
            continue
        group = "piece" if record["purpose"] in PIECES else "design"
        places[group] += 1
        if record["goal"] == goal:
            delay = options.newcomer_seconds if record["fault"] == "slow" else 0.0
            drawn = delay + drawn_latency(options.latency_mean, SIGMA, options.seed, group, places[group])
            if group == "design":
                design.append(drawn)
            elif record["purpose"] == "tutorial":
                tutorials.append(drawn)
    return [*design, *tutorials[:1]]


def windows(finished: list[float], count: int) -> list[float]:
    """Pieces per second in equal stretches of the time."""
    width = (finished[-1] - finished[0]) / count or 1.0
    counts = [0] * count
    for at in finished:
        counts[min(int((at - finished[0]) / width), count - 1)] += 1
    return [each / width for each in counts]


def pace_ratio(finished: list[float]) -> float:
    """Of the last third of the pieces to the first. The middle third, in which the pages are read, is not looked at."""
    third = len(finished) // 3
    if third < 2:
        return 0.0
    first, last = finished[third - 1] - finished[0], finished[-1] - finished[-third]
    return first / last if last else 0.0


def memory(seen: list[tuple[float, dict[str, float]]], began: float, ended: float) -> dict[str, Any]:
    """Of each service's processes together, in MB: means of the first third of the time, warmed up, and of the last."""
    length = ended - began
    first = [now for at, now in seen if WARM_UP <= (at - began) / length < 1 / 3]
    last = [now for at, now in seen if 2 / 3 <= (at - began) / length <= 1]
    if not first or not last:
        return {}
    return {name: [sum(now[name] for now in part) / len(part) for part in (first, last)] for name in first[0]}


def after_limit(finished: list[float], began: float, ended: float) -> float:
    """Pieces per second in the seconds after the pause, to those before it."""
    before = sum(began - PACE_SECONDS <= at < began for at in finished)
    after = sum(ended <= at < ended + PACE_SECONDS for at in finished)
    return after / before if before else 0.0


def _middle(run: Run, reader: dict[str, Any]) -> None:
    try:
        _read_at_the_peak(run, reader)
        _receive_newcomers(run)
        _be_limited(run)
    except NotAtThePeakError as error:
        run.figures["cut"].append(str(error))


def _read_at_the_peak(run: Run, reader: dict[str, Any]) -> None:
    at_peak = _read_pages(run, reader)
    run.require_others_wait("pages at the peak")
    run.figures["pages_at_peak"] = at_peak


def _receive_newcomers(run: Run) -> None:
    run.control("faults", [{"fault": "slow", "match": "NEWCOMER", "delay": run.options.newcomer_seconds}])
    with ThreadPoolExecutor() as pool:
        goals = [f"NEWCOMER {number}" for number in range(run.options.newcomers)]
        following = [pool.submit(_follow, run, goal, run.person("newcomer", goal)) for goal in goals]
        followed = [each.result() for each in following]
    run.require_others_wait("newcomers")
    run.figures["followed"] = followed


def _be_limited(run: Run) -> None:
    rule = {"fault": "rate_limited", "retry_after": RETRY_AFTER, "times": 1}
    with run.own_connection() as connection:
        limited_at = time.time()
        run.control("faults", [rule])
        paused = "SELECT extract(epoch FROM until)::float FROM roadmaps_providerpause"
        until = time.monotonic() + 30
        while not (row := connection.execute(paused).fetchone()):
            if time.monotonic() > until:
                raise TimeoutError("no pause was seen within 30 seconds after a 429")
            run.pause(0.05)
    run.pause(max(0.0, row[0] + PACE_SECONDS - time.time()))
    run.require_others_wait("the pace after a 429's pause")
    run.figures |= {"limited_at": limited_at, "limited_until": row[0]}


def _follow(run: Run, goal: str, newcomer: dict[str, Any]) -> dict[str, Any]:
    """As their page does, until the first tutorial can be read: how long that took, and how late pieces were seen."""
    shown: list[float] = []
    with closing(pages.Reader(run.fleet.url, newcomer["cookie"])) as reader, run.own_connection() as connection:
        row, began, until = None, time.time(), time.monotonic() + 300
        while not row or len(shown) < 2:
            if time.monotonic() > until:
                raise TimeoutError(f"{goal}: the page showed no two pieces within 300 seconds")
            answer = reader.get(newcomer["progress"], polls=True)
            done = re.search(r"<strong>(\d+) of \d+ pieces", answer.text) if answer.status == 200 else None
            shown += [time.time()] * (int(done[1]) - len(shown) if done else 0)
            row = row or connection.execute(FIRST_TUTORIAL, [newcomer["token"]]).fetchone()
            run.pause(POLL_SECONDS)
        finished = connection.execute(FINISHED_OF, [newcomer["token"]]).fetchall()
    delays = [at - done for at, (done,) in zip(shown, finished, strict=False) if done > began]
    return {"goal": goal, "first_tutorial": row[0], "seen_after": max(delays)}


FINISHED_OF = """
SELECT extract(epoch FROM step.finished_at)::float FROM roadmaps_step step
JOIN roadmaps_roadmap roadmap ON roadmap.id = step.roadmap_id
WHERE roadmap.token = %s AND step.queue = 'content' AND step.state = 'done' ORDER BY 1
"""


def _read_pages(run: Run, reader: dict[str, Any]) -> dict[str, dict[str, float]]:
    found = {}
    for name in ("empty", "roadmap", "concept", "progress", "progress of one being written"):
        run.pause(0)
        cookie = reader["other_cookie" if name.startswith("progress of") else "cookie"]
        seconds, polls = run.options.page_seconds, name.startswith("progress")
        # First unmeasured, by more readers: processes that meet a page for the first time would make "at rest" slow.
        pages.read(run.fleet.url, reader[name], cookie=cookie, seconds=seconds / 10, polls=polls, readers=WARM_READERS)
        found[name] = pages.read(run.fleet.url, reader[name], cookie=cookie, seconds=seconds, polls=polls).as_json()
    return found


def _wide(run: Run) -> dict[str, float]:
    """One worker with hundreds of calls in flight: what it holds while they wait, and at most until all are stored."""
    run.fleet.stop()
    run.control("reset", {})
    run.control("hold", {})
    run.person("backlog-again", str(run.options.wide))
    run.fleet.environment |= {"CONTENT_WORKERS": "1", "CONTENT_IN_FLIGHT": str(run.options.wide)}
    run.fleet.start("content")
    seen: list[dict[int, float]] = []  # megabytes by process

    def look() -> bool:
        seen.append({pid: measuring.megabytes([pid]) for pid in measuring.family([run.fleet.processes["content"].pid])})
        return True

    _wait(lambda: look() and run.control("state")["in_flight"] >= run.options.wide, run, "all calls are in flight")
    time.sleep(2)  # prompts that were sent are let go
    look()
    waiting, calls = seen[-1], run.control("state")["in_flight"]
    run.control("release", {})
    _wait(lambda: look() and not run.site.row(LEFT)[0] + run.site.row(RUNNING)[0], run, "all of them are stored")
    worker = max(max(each.values()) for each in seen)
    return {
        "calls": calls,
        "waiting": max(waiting.values()),
        "worker": worker,
        "cluster": max(sum(each.values()) for each in seen),
        "per_100_mb": 100 * calls / worker,
    }


def _parts(run: Run) -> dict[str, Any]:
    """With the fleet stopped, in the same run on the same machine."""
    environment = {**run.site.environment, "CONTENT_IN_FLIGHT": "32"}
    run.control("reset", {})
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.parts", str(run.options.parts)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"parts: {done.stderr[-3000:]}")
    figures: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return figures


def main(arguments: list[str] | None = None) -> int:
    """Status 0 where everything was measured, nothing lost, no connection refused, and each promise kept."""
    options = parsed(arguments)
    began, seconds = time.monotonic(), 60 * options.minutes
    load = os.getloadavg()[0]
    path = options.json or Path(tempfile.mkstemp(prefix="roadmaps-scale-", suffix=".json")[1])
    figures: dict[str, Any] = {"budget": ConnectionBudget.from_environment(Environment({})).steady, "cut": []}
    try:
        limit = seconds - min(STOP_SECONDS, STOP_SHARE * seconds)
        with time_limit(limit), server.running(options.server) as postgresql:
            measure(options, postgresql, figures, began)
    except TimeUpError:
        figures["cut"].append(f"the time was up after {(time.monotonic() - began) / 60:.1f} minutes")
    finally:  # also where something failed: what was measured is told, and what is missing is named
        figures["about"] = about = _about(options, load)
        path.write_text(json.dumps(figures, indent=2) + "\n")
        print(f"{about}\n\n{table(figures)}\n\nwritten to {path}")
    not_kept = broken(figures, roadmaps=options.roadmaps)
    for promise in not_kept:
        print(f"NOT KEPT: {promise}")
    return 1 if missing(figures) or figures["left"] or figures["lost"] or figures["refused"] or not_kept else 0


def _about(options: argparse.Namespace, load: float) -> str:
    return (
        f"{options.roadmaps} roadmaps × {CONCEPTS * len(PIECES)} pieces, answers take {options.latency_mean:g} s on "
        f"average; {os.cpu_count()} CPUs, Python {platform.python_version()}, load before {load:.1f}, after "
        f"{os.getloadavg()[0]:.1f}; PostgreSQL over TCP on loopback. A command and a reader of the benchmark's own are "
        "counted with the connections."
    )


if __name__ == "__main__":
    sys.exit(main())
