"""python -m tests.benchmarks: this project against what people would use instead, in one run on one machine."""

import argparse
import importlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psycopg

from roadmap_project.connection_budget import ConnectionBudget
from roadmap_project.environment import Environment
from roadmap_project.fleet import ROOT
from tests.benchmarks import ideal, measuring, server
from tests.benchmarks.contender import CONCEPTS, Contender, ContenderError, Site
from tests.benchmarks.ours import DESIGN_CALLS
from tests.benchmarks.table import OURS, Result, notes, table
from tests.stub_model import PIECES, drawn_latency

MODULES = ("predecessor", "djangoq", "celery_redis", "procrastinate_async", "ours")
SIGMA = 0.5  # of the lognormal distribution: with a mean of 10 s, 98 of 100 answers take 3 to 28 s
FAULTS = 0.04
MOST_TIMES_IDEAL, JUDGED_FROM = 1.15, 30.0  # seconds that the ideal takes
QUIET_SECONDS = 150.0  # longer than any contender waits before it tries again
COUNT_SECONDS = 0.25


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--latency-mean", type=float, default=10.0, help="seconds that an answer takes on average")
    parser.add_argument(
        "--roadmaps", type=int, default=6, help=f"of {CONCEPTS} concepts with {len(PIECES)} pieces each"
    )
    parser.add_argument("--contenders", help="some of them, separated by commas; parts of their names will do")
    parser.add_argument(
        "--seeds",
        type=seeds,
        default=[1, 2, 3],
        help="of latencies and faults, separated by commas; who loses pieces or has few slots meets the first alone",
    )
    parser.add_argument("--server", default="bench", help="the private PostgreSQL's name; one run at a time")
    parser.add_argument("--json", type=Path, help="where the figures go; a temporary file otherwise")
    return parser.parse_args(arguments)


def seeds(text: str) -> list[int]:
    return [int(each) for each in text.split(",")]


def contenders(wanted: str | None) -> Iterator[Contender | Result]:
    """Each, or why it cannot be had."""
    parts = wanted.split(",") if wanted else [""]
    for module in MODULES:
        try:
            listed = importlib.import_module(f"tests.benchmarks.{module}").CONTENDERS
        except ImportError as error:
            if any(part in module for part in parts):
                yield Result(name=module, settings="", versions={}, failure=f"not installed: {error}")
        else:
            yield from (each for each in listed if any(part in each.name for part in parts))


def versions(packages: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "missing"
    return found


@contextmanager
def stub_model(options: argparse.Namespace, *, faults: float = FAULTS) -> Iterator[str]:
    """A fresh one: its latencies and faults begin at the first."""
    command = [sys.executable, "-m", "tests.stub_model", "--latency", str(options.latency_mean), "--seed"]
    command += [str(options.seed), "--latency-sigma", str(SIGMA), "--concepts", str(CONCEPTS), "--faults"]
    with subprocess.Popen([*command, f"rate={faults}"], stdout=subprocess.PIPE, text=True, cwd=ROOT) as stub:
        try:
            assert stub.stdout
            yield stub.stdout.readline().strip()
        finally:
            stub.terminate()


def asked(model: str) -> list[dict[str, Any]]:
    """What the stub was asked for the pieces."""
    with urllib.request.urlopen(f"{model.removesuffix('/v1')}/control/requests", timeout=60) as response:
        return [record for record in json.load(response) if record["purpose"] in PIECES]


def measure(contender: Contender, postgresql: server.Server, options: argparse.Namespace, result: Result) -> None:
    """Fills the result in, or says in it why the contender could not take part."""
    result.load = os.getloadavg()[0]
    with (
        tempfile.TemporaryDirectory(prefix="roadmaps-bench-") as logs,
        postgresql.fresh_database() as superuser_url,
        stub_model(options) as model,
        psycopg.connect(superuser_url, autocommit=True) as connection,
    ):
        environment = {
            **os.environ,
            "DATABASE_URL": postgresql.url,
            "OPENAI_BASE_URL": model,
            "OPENAI_API_KEY": "stub",
            "ROADMAPS": str(options.roadmaps),
            "PYTHONUNBUFFERED": "1",
        }
        site = Site(connection, Path(logs), options.roadmaps, environment)
        log = postgresql.database.log
        try:
            try:
                contender.start(site)
                log_begins = log.stat().st_size
                watch = worked(contender, site, options, result)
            finally:
                site.stop()
            fill_in(result, contender, site, watch, asked(model), options)
        except (ContenderError, psycopg.Error, OSError) as error:
            result.failure = str(error) or repr(error)
        else:
            with log.open(errors="replace") as lines:
                lines.seek(log_begins)
                result.opened, result.refused = measuring.opened_and_refused(lines)
            result.failure = ""


def worked(contender: Contender, site: Site, options: argparse.Namespace, result: Result) -> measuring.Watch:
    """Have it work until every piece is there or none comes any more; notes its CPU time."""
    own = [site.server.info.backend_pid]
    postmaster = [int(measuring.stat(own[0])[1])]
    fleet = site.roots.values()
    before = [measuring.cpu_seconds(each) for each in (fleet, postmaster, own)]
    with measuring.Watch(site.server, site.roots) as watch:
        contender.begin(site)
        saved = wait_for_the_end(contender, site, watch, pieces(options))
        after = [measuring.cpu_seconds(each) for each in (fleet, postmaster, own)]
    if not saved:
        raise ContenderError(f"no piece was written: {site.ends()}")
    spent, by_server, by_us = (later - earlier for earlier, later in zip(before, after, strict=True))
    result.cpu, result.server_cpu = 1000 * spent / saved, 1000 * (by_server - by_us) / saved
    return watch


def pieces(options: argparse.Namespace) -> int:
    return int(options.roadmaps) * CONCEPTS * len(PIECES)


def drawn(options: argparse.Namespace, group: str, count: int) -> list[float]:
    """What the stub model draws, in order."""
    return [drawn_latency(options.latency_mean, SIGMA, options.seed, group, number) for number in range(1, count + 1)]


def fill_in(
    result: Result,
    contender: Contender,
    site: Site,
    watch: measuring.Watch,
    records: list[dict[str, Any]],
    options: argparse.Namespace,
) -> None:
    began, ended, first_tutorial, saved, different = site.row(contender.results)
    connections = watch.connections.between(began, ended)
    calls = measuring.in_flight(records).between(began, ended)
    result.slots, result.seconds = contender.slots, ended - began
    result.ideal = ideal.greedy(drawn(options, "piece", pieces(options)), contender.slots)
    result.first_tutorial = first_tutorial and first_tutorial - began
    result.first_call = min(record["started_at"] for record in records) - began
    result.peak_connections, result.mean_connections = connections.peak, connections.mean
    result.peak_calls, result.mean_calls = calls.peak, calls.mean
    result.lost, result.twice = pieces(options) - different, saved - different
    result.answers = sum(record["status"] == 200 and record["is_sent"] for record in records)
    result.megabytes, result.memory = sum(watch.most_memory.values()), watch.most_memory
    result.facts = dict(site.facts)
    result.causes = site.causes_of_loss(contender.says_lost)
    if contender.name == OURS:
        designs = drawn(options, "design", DESIGN_CALLS * options.roadmaps)
        result.facts["design_ideal"] = ideal.chains(designs, options.roadmaps, DESIGN_CALLS)


def wait_for_the_end(contender: Contender, site: Site, watch: measuring.Watch, wanted: int) -> int:
    """Look at connections all the while; over when all is written, when the contender says so, or after long quiet.

    Returns how many different pieces there are.
    """
    saved, quiet_since, next_count = 0, time.monotonic(), 0.0
    while saved < wanted and time.monotonic() - quiet_since < QUIET_SECONDS:
        watch.look()
        if time.monotonic() < next_count:
            continue
        next_count = time.monotonic() + COUNT_SECONDS
        is_over = contender.is_over(site)
        if (now := site.row(contender.results)[4]) > saved:
            saved, quiet_since = now, time.monotonic()
        if is_over:
            break
        site.require_running()
    return saved


def main(arguments: list[str] | None = None) -> int:
    """Status 0 where everybody took part and ours kept its promises."""
    options = parsed(arguments)
    plan = list(planned(options))
    rows = [result for *_, result in plan]
    try:
        with server.running(options.server) as postgresql:
            for contender, run, result in plan:
                if contender:
                    print(f"… {result.name}, seed {result.seed}", file=sys.stderr, flush=True)
                    measure(contender, postgresql, run, result)
    finally:  # also where it was interrupted: what was measured is told
        report(rows, options)
    not_kept = [promise for row in rows if row.name == OURS and not row.failure for promise in broken(row)]
    for promise in not_kept:
        print(f"NOT KEPT: {promise}")
    return 1 if not_kept or any(row.failure for row in rows) else 0


def broken(ours: Result) -> Iterator[str]:
    """Which promises this run did not keep; of its time only where it is longer than what its beginning takes."""
    steady = ConnectionBudget.from_environment(Environment({})).steady
    if ours.lost or ours.refused:
        yield f"seed {ours.seed}: no piece is lost and no connection refused"
    if ours.peak_connections > steady:
        yield f"seed {ours.seed}: {ours.peak_connections} connections of the {steady} declared"
    if ours.ideal >= JUDGED_FROM and ours.ratio > MOST_TIMES_IDEAL:
        yield f"seed {ours.seed}: {ours.ratio:.2f} times the ideal, {MOST_TIMES_IDEAL:g} at most"


def planned(options: argparse.Namespace) -> Iterator[tuple[Contender | None, argparse.Namespace, Result]]:
    """Who runs with which options, and the empty result; without a contender where there is nothing to run."""
    for seed in options.seeds:
        run = argparse.Namespace(**{**vars(options), "seed": seed})
        for each in contenders(options.contenders):
            is_first = seed == options.seeds[0]
            if isinstance(each, Result) and is_first:
                yield None, run, each
            elif isinstance(each, Contender) and (is_first or each.every_seed):
                found = versions(each.packages)
                yield each, run, Result(each.name, each.settings, found, failure="it was not measured", seed=seed)


def report(rows: list[Result], options: argparse.Namespace) -> None:
    seeds_told = ", ".join(map(str, options.seeds))
    about = (
        f"{options.roadmaps} roadmaps × {CONCEPTS} concepts × {len(PIECES)} pieces = {pieces(options)} calls; answers "
        f"take {options.latency_mean:g} s on average (lognormal, sigma {SIGMA}, seeds {seeds_told});\n"
        f"{FAULTS:.0%} faults; {os.cpu_count()} CPUs, Python {platform.python_version()}, PostgreSQL with "
        f"max_connections {server.MAX_CONNECTIONS}, one of them the benchmark's own, over TCP on loopback, which waits "
        "for no disk (fsync and synchronous_commit off);\n"
        f"load when each began {', '.join(f'{row.load:.1f}' for row in rows)}.\n"
        "The clock starts when the first piece is handed over: for ours at the first approval, for the others right "
        "before the first is enqueued; all processes are ready by then.\n"
        "Each fault comes alone and without Retry-After; with it ours would pause all its calls, as the provider asks, "
        "and the others one.\n"
        "A piece is there when it is committed. Connections are counted on the server every 10 ms: their peaks are "
        "lower bounds.\n"
        "Of several seeds a line shows the median, unless it says otherwise."
    )
    listed = notes(rows)
    print(f"{about}\n\n{table(rows)}\n")
    for number, note in enumerate(listed, start=1):
        print(f"{number}. {note}")
    path = options.json or Path(tempfile.mkstemp(prefix="roadmaps-bench-", suffix=".json")[1])
    told = {"about": about, "notes": listed, "rows": [row.as_json() for row in rows]}
    path.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n")
    print(f"\nwritten to {path}")


if __name__ == "__main__":
    sys.exit(main())
