"""python -m tests.benchmarks.scale: a thousand roadmaps through the real fleet. Does it slow down, or grow?"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from roadmap_project.connection_budget import ConnectionBudget
from roadmap_project.dev_database import DevDatabase, dev_database
from roadmap_project.environment import Environment
from roadmap_project.fleet import ROOT, Fleet
from tests.benchmarks import measuring, pages
from tests.benchmarks.__main__ import SERVER_CONNECTIONS, fresh_database, stub_model
from tests.benchmarks.contender import CONCEPTS, Site
from tests.benchmarks.ours import ENVIRONMENT
from tests.benchmarks.scale_table import table
from tests.stub_model import PIECES

RETRY_AFTER = 3.0  # seconds that the provider asks for once
PACE_SECONDS = 10.0  # before and after that pause
POLL_SECONDS = 1.5  # as the page's script
WARM_UP = 0.1  # of the time, before memory is looked at

LEFT = "SELECT count(*) FROM roadmaps_step WHERE state = 'waiting' AND queue = 'content'"
RUNNING = "SELECT count(*) FROM roadmaps_step WHERE state = 'running' AND queue = 'content'"
FINISHED = """
SELECT extract(epoch FROM finished_at)::float FROM roadmaps_step
WHERE queue = 'content' AND state = 'done' AND finished_at > to_timestamp(%s) ORDER BY 1
"""
LOST = "SELECT count(*) FROM roadmaps_step WHERE queue = 'content' AND state IN ('failed', 'cancelled')"
# From the goal to the first tutorial, and the model calls that it took.
FIRST_TUTORIAL = """
SELECT extract(epoch FROM min(step.finished_at) - roadmap.created_at)::float,
       (SELECT sum(latency) FROM roadmaps_modelcall call LEFT JOIN roadmaps_concept of ON of.id = call.concept_id
        WHERE call.roadmap_id = roadmap.id
          AND (call.concept_id IS NULL OR (call.purpose = 'tutorial' AND of.position = 0)))
FROM roadmaps_roadmap roadmap JOIN roadmaps_step step ON step.roadmap_id = roadmap.id
JOIN roadmaps_concept concept ON concept.id = step.concept_id
WHERE roadmap.token = %s AND step.kind = 'tutorial' AND step.state = 'done' AND concept.position = 0
GROUP BY roadmap.id
"""


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.scale", description=__doc__)
    parser.add_argument("--roadmaps", type=int, default=1000, help=f"of {CONCEPTS * len(PIECES)} pieces each")
    parser.add_argument("--latency-mean", type=float, default=0.5, help="seconds that an answer takes on average")
    parser.add_argument("--minutes", type=float, default=45, help="after so many it says how far it came")
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
    ends_at: float
    figures: dict[str, Any]

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

    def is_over(self) -> bool:
        return time.monotonic() > self.ends_at


def measure(options: argparse.Namespace, database: DevDatabase, figures: dict[str, Any]) -> None:
    """Fills the figures in, phase by phase: what was measured is there also when a later phase fails."""
    ends_at = time.monotonic() + 60 * options.minutes
    with (
        tempfile.TemporaryDirectory(prefix="roadmaps-scale-") as logs,
        fresh_database(database) as superuser_url,
        stub_model(options, faults=0) as model,
        psycopg.connect(superuser_url, autocommit=True) as server,
    ):
        environment = {
            **os.environ,
            **ENVIRONMENT,
            "DATABASE_URL": database.url.replace("/roadmaps?", "/contender?"),
            "SUPERUSER_URL": superuser_url,
            "OPENAI_BASE_URL": model,
            "OPENAI_API_KEY": "stub",
            "MAX_ACTIVE_ROADMAPS_TOTAL": "0",
            "MAX_COST_TOTAL": "1000000",  # never reached, but looked at
            "PYTHONUNBUFFERED": "1",
        }
        site = Site(server, Path(logs), options.roadmaps, environment)
        fleet = Fleet(logs=Path(logs), environment=environment)
        site.at_end.append(fleet.stop)
        run = Run(options, site, fleet, model, ends_at, figures)
        try:
            log_begins = database.log.stat().st_size
            _work(run)
            with database.log.open(errors="replace") as log:
                log.seek(log_begins)
                run.figures["opened"], run.figures["refused"] = measuring.opened_and_refused(log)
            fleet.stop()
            run.figures["parts"] = _parts(run)
        finally:
            site.stop()


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
    middle = threading.Thread(target=_middle, args=[run, reader])
    with measuring.Watch(run.site.server, run.site.roots) as watch:
        began = time.time()
        run.person("wake")
        next_count, left = 0.0, all_pieces
        while left and not run.is_over():
            watch.look()
            if time.monotonic() < next_count:
                continue
            next_count = time.monotonic() + 1
            run.fleet.require_running()
            left = int(run.site.row(LEFT)[0]) + int(run.site.row(RUNNING)[0])
            if left < all_pieces * 2 / 3 and middle.ident is None:
                middle.start()
        cpu = measuring.cpu_seconds(content) - cpu
        if middle.ident is not None:
            middle.join()
    finished = [at for (at,) in run.site.server.execute(FINISHED, [began])]
    run.figures |= {
        "pieces": all_pieces,
        "written": len(finished),
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
    if "limited_at" in run.figures:
        run.figures["after_limit"] = after_limit(finished, run.figures["limited_at"], run.figures["limited_until"])


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
    run.figures["pages_at_peak"] = _read_pages(run, reader)
    run.control("faults", [{"fault": "slow", "match": "NEWCOMER", "delay": run.options.newcomer_seconds}])
    with ThreadPoolExecutor() as pool:
        goals = [f"NEWCOMER {number}" for number in range(run.options.newcomers)]
        followed = [pool.submit(_follow, run, run.person("newcomer", goal)) for goal in goals]
        run.figures["newcomers"] = [each.result() for each in followed]
    rule = {"fault": "rate_limited", "retry_after": RETRY_AFTER + 3, "times": 1}
    with run.own_connection() as server:
        run.figures["limited_at"] = time.time()
        run.control("faults", [rule])
        paused = "SELECT extract(epoch FROM until)::float FROM roadmaps_providerpause"
        until = time.monotonic() + 30
        while not (row := server.execute(paused).fetchone()) and time.monotonic() < until:
            time.sleep(0.05)
        run.figures["limited_until"] = row[0] if row else run.figures["limited_at"]


def _follow(run: Run, newcomer: dict[str, Any]) -> dict[str, float]:
    """As their page does, until the first tutorial can be read: how long that took, and how late pieces were seen."""
    reader = pages.Reader(run.fleet.url, newcomer["cookie"])
    shown: list[float] = []
    with run.own_connection() as server:
        row, began, until = None, time.time(), time.monotonic() + 300
        while time.monotonic() < until:
            status, text = reader.get(newcomer["progress"], polls=True)
            done = re.search(r"<strong>(\d+) of \d+ pieces", text) if status == 200 else None
            shown += [time.time()] * (int(done[1]) - len(shown) if done else 0)
            if row and len(shown) > 1:
                break
            row = server.execute(FIRST_TUTORIAL, [newcomer["token"]]).fetchone()
            time.sleep(POLL_SECONDS)
        finished = server.execute(FINISHED_OF, [newcomer["token"]]).fetchall()
    delays = [at - done for at, (done,) in zip(shown, finished, strict=False) if done > began]
    seconds, calls = row or (float("nan"), float("nan"))
    return {"first_tutorial": seconds, "calls": calls, "ratio": seconds / calls, "seen_after": max(delays, default=0.0)}


FINISHED_OF = """
SELECT extract(epoch FROM step.finished_at)::float FROM roadmaps_step step
JOIN roadmaps_roadmap roadmap ON roadmap.id = step.roadmap_id
WHERE roadmap.token = %s AND step.queue = 'content' AND step.state = 'done' ORDER BY 1
"""


def _read_pages(run: Run, reader: dict[str, Any]) -> dict[str, dict[str, float]]:
    found = {}
    for name in ("empty", "roadmap", "concept", "progress", "progress of one being written"):
        cookie = reader["other_cookie" if name.startswith("progress of") else "cookie"]
        seconds = run.options.page_seconds
        load = pages.read(
            run.fleet.url, reader[name], cookie=cookie, seconds=seconds, polls=name.startswith("progress")
        )
        found[name] = load.as_json()
    return found


def _wide(run: Run) -> dict[str, float]:
    """One worker with hundreds of calls in flight: what it holds beside what it holds idle."""
    run.fleet.stop()
    run.control("reset", {})
    run.control("hold", {})
    run.person("backlog-again", str(run.options.wide))
    run.fleet.environment |= {"CONTENT_WORKERS": "1", "CONTENT_IN_FLIGHT": str(run.options.wide)}
    run.fleet.start("content")
    _wait(lambda: run.control("state")["in_flight"] >= run.options.wide, run, "all calls are in flight")
    time.sleep(2)  # prompts that were sent are let go
    by_process = {pid: measuring.megabytes([pid]) for pid in measuring.family([run.fleet.processes["content"].pid])}
    calls = run.control("state")["in_flight"]
    run.control("release", {})
    worker = max(by_process.values())
    return {"calls": calls, "worker": worker, "cluster": sum(by_process.values()), "per_100_mb": 100 * calls / worker}


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
    options = parsed(arguments)
    database = dev_database(ROOT, name=options.server)
    database.start(max_connections=SERVER_CONNECTIONS)
    load = os.getloadavg()[0]
    path = options.json or Path(tempfile.mkstemp(prefix="roadmaps-scale-", suffix=".json")[1])
    figures: dict[str, Any] = {"budget": ConnectionBudget.from_environment(Environment({})).steady}
    try:
        measure(options, database, figures)
    finally:
        database.stop()
        figures["about"] = about = _about(options, load)
        path.write_text(json.dumps(figures, indent=2) + "\n")
        print(f"written to {path}")
    print(f"{about}\n\n{table(figures)}")
    is_whole = figures["written"] >= figures["pieces"]  # else the time was up
    return 0 if is_whole and not figures["lost"] and not figures["refused"] else 1


def _about(options: argparse.Namespace, load: float) -> str:
    return (
        f"{options.roadmaps} roadmaps × {CONCEPTS * len(PIECES)} pieces, answers take {options.latency_mean:g} s on "
        f"average; {os.cpu_count()} CPUs, Python {platform.python_version()}, load before {load:.1f}, after "
        f"{os.getloadavg()[0]:.1f}. A command and a reader of the benchmark's own are counted with the connections."
    )


if __name__ == "__main__":
    sys.exit(main())
