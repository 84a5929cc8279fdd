"""python -m tests.soak: the real fleet under faults, drawn from a seed; then what must hold is looked at."""

import argparse
import json
import os
import shutil
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path

import psycopg

from roadmap_project.connection_budget import ConnectionBudget
from roadmap_project.dev_database import DevDatabase, dev_database
from roadmap_project.environment import Environment
from roadmap_project.fleet import ROOT
from tests import connection_log
from tests.connection_log import HARNESS
from tests.soak import schedule
from tests.soak.breaking import Breaker
from tests.soak.learning import Learner, SlowCrowd
from tests.soak.supervising import Supervisor, marked
from tests.soak.watching import ProcessWatch, ServerWatch
from tests.stub_process import Model

STOP_GRACE = 3
VARIABLES = {
    "WEB_WORKERS": "2", "WEB_THREADS": "3", "LOGS_WORKERS": "2", "CONTENT_WORKERS": "3", "WORKFLOW_WORKERS": "2",
    "CONTENT_IN_FLIGHT": "8", "WORKFLOW_IN_FLIGHT": "8",
    # So short that what is lost comes back within the run.
    "LLM_TIMEOUT": "6", "CALL_DEADLINE": "13", "STORE_RETRY_SECONDS": "15", "LEASE_SECONDS": "30",
    "DRAIN_SECONDS": "15", "STOP_GRACE": str(STOP_GRACE),
    "MAX_ACTIVE_ROADMAPS": "0", "MAX_ACTIVE_ROADMAPS_TOTAL": "0", "MAX_COST_TOTAL": "0",
    "SIGN_INS_PER_ADDRESS": "0", "SIGN_UPS_PER_ADDRESS": "0",
    "DEBUG": "1", "LINK_CHECKS": "off", "LLM_PROVIDER": "openai", "OPENAI_API_KEY": "stub",
}  # fmt: skip
QUIET_SECONDS = 120.0
TICK_SECONDS = 0.05
HURRY_SECONDS = 2.0
# In the end nobody wants to wait until what was put off is due: as if its time had come.
HURRY = (
    "UPDATE roadmaps_step SET not_before = now() WHERE state = 'waiting' AND not_before > now()",
    "UPDATE roadmaps_providerpause SET until = now() WHERE until > now()",
    "UPDATE django_q_schedule SET next_run = now() WHERE func = 'roadmaps.tasks.sweep'",
)

STEPS = "SELECT count(*), count(*) FILTER (WHERE state IN ('waiting', 'running')) FROM roadmaps_step"


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0, help="how long faults happen")
    parser.add_argument("--seed", type=int, default=1, help="the same seed draws the same schedule")
    parser.add_argument("--schedule", action="store_true", help="print the schedule and end")
    parser.add_argument("--json", type=Path, help="where the figures go; a temporary file otherwise")
    parser.add_argument("--logs", type=Path, help="keep the processes' logs in this directory")
    parser.add_argument("--server", default="soak", help="the private PostgreSQL's name; one run at a time")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    options = parsed(arguments)
    entries = schedule.drawn(seed=options.seed, seconds=options.seconds)
    if options.schedule:
        print("\n".join(map(str, entries)))
        return 0
    database = dev_database(ROOT, name=options.server)
    database.remove()
    logs = options.logs or Path(tempfile.mkdtemp(prefix="roadmaps-soak-"))
    logs.mkdir(parents=True, exist_ok=True)
    try:
        database.start()
        set_up(database)
        is_whole = soaked(options, entries, database, logs)
    finally:
        database.remove()
    if is_whole and not options.logs:
        shutil.rmtree(logs)
    else:
        print(f"the processes' logs are in {logs}")
    return 0 if is_whole else 1


def set_up(database: DevDatabase) -> None:
    """Every connection is written down, and a commit that was confirmed outlives the server's sudden end."""
    connection_log.log_every_connection(database.superuser_url)
    with psycopg.connect(database.superuser_url, autocommit=True, application_name=HARNESS) as client:
        client.execute("ALTER SYSTEM SET synchronous_commit = on")
        client.execute("SELECT pg_reload_conf()")


def soaked(options: argparse.Namespace, entries: list[schedule.Entry], database: DevDatabase, logs: Path) -> bool:
    """Whether every invariant holds; prints the report."""
    model = Model("--latency", "1.0", "--latency-spread", "0.5", "--seed", str(options.seed))
    environment = {**VARIABLES, "DATABASE_URL": database.url, "OPENAI_BASE_URL": model.url, "PYTHONPATH": str(ROOT)}
    budget = ConnectionBudget.from_environment(Environment(VARIABLES))
    supervisor = Supervisor(logs, environment, f"soak-{uuid.uuid4().hex}", STOP_GRACE)
    breaker = Breaker(supervisor, database, model, budget)
    learners: list[Learner] = []
    crowd = SlowCrowd()
    is_over = threading.Event()
    server, processes = ServerWatch(database.superuser_url), ProcessWatch(supervisor)
    try:
        supervisor.begin_release()
        with server, processes:
            began_at = time.time()
            for entry in entries:
                let_pass(began_at + entry.second, supervisor, breaker)
                happen(entry, supervisor, breaker, learners, crowd, is_over)
            let_pass(began_at + options.seconds, supervisor, breaker)
            faults_ended_at = time.time()
            finished = finish(database, supervisor, breaker, learners)
            is_over.set()
            supervisor.stop()
        left, ended_at = marked(supervisor.mark), time.time()
        asked = model.control("requests")
    finally:
        is_over.set()
        supervisor.stop()
        model.close()
    configure_django(environment)
    from tests.soak import judging, report  # with a database

    run = judging.Run(
        budget, supervisor, breaker, learners, crowd, server, processes, asked, database.log,
        finished, left, began_at, faults_ended_at, ended_at,
    )  # fmt: skip
    found = list(judging.verdicts(run))
    title = (
        f"{options.seconds:g} seconds, seed {options.seed}; {len(learners)} people, budget {budget.steady} "
        f"connections, while deploying {budget.deploy}"
    )
    print(report.text(run, found, title=title))
    path = options.json or Path(tempfile.mkstemp(prefix="roadmaps-soak-", suffix=".json")[1])
    told = report.as_json(run, found, title=title)
    path.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n")
    print(f"\nwritten to {path}")
    return not any(verdict.broken for verdict in found)


def let_pass(until: float, supervisor: Supervisor, breaker: Breaker) -> None:
    """Time, in which the supervisor looks and faults are undone."""
    while True:
        supervisor.look()
        breaker.look()
        if time.time() >= until:
            return
        time.sleep(TICK_SECONDS)


def happen(
    entry: schedule.Entry,
    supervisor: Supervisor,
    breaker: Breaker,
    learners: list[Learner],
    crowd: SlowCrowd,
    is_over: threading.Event,
) -> None:
    match entry.happening:
        case schedule.Fault() as fault:
            print(entry, file=sys.stderr, flush=True)
            breaker.bring_about(fault)
        case schedule.Journey() as journey:
            learners.append(Learner(journey, lambda: supervisor.url, is_over))
        case schedule.SlowClient() as client:
            crowd.send(client, supervisor.url)


def finish(database: DevDatabase, supervisor: Supervisor, breaker: Breaker, learners: list[Learner]) -> bool:
    """Without further faults; whether everybody got to their journey's end, and every step was ended.

    A slow machine may take long: False only where for QUIET_SECONDS nothing was ended.
    """
    quiet_since, next_look, left = time.monotonic(), 0.0, (0, 1)
    while left[1] or any(learner.thread.is_alive() for learner in learners) or not breaker.is_calm:
        if time.monotonic() > quiet_since + QUIET_SECONDS:
            return False
        let_pass(time.time() + TICK_SECONDS, supervisor, breaker)
        if time.monotonic() >= next_look and breaker.is_calm:
            next_look, before = time.monotonic() + HURRY_SECONDS, left
            left = hurry(database)
            quiet_since = quiet_since if left == before else time.monotonic()
    return True


def hurry(database: DevDatabase) -> tuple[int, int]:
    """How many steps there are, and how many of them are not ended; what was put off is due now."""
    with psycopg.connect(database.superuser_url, autocommit=True, application_name=HARNESS) as client:
        for statement in HURRY:
            client.execute(statement)
        row = client.execute(STEPS).fetchone()
    return (row[0], row[1]) if row else (0, 0)


def configure_django(environment: dict[str, str]) -> None:
    """For reading rows after the end."""
    os.environ.update(environment)
    os.environ["DJANGO_SETTINGS_MODULE"] = "roadmap_project.settings"
    import django

    django.setup()


if __name__ == "__main__":
    sys.exit(main())
