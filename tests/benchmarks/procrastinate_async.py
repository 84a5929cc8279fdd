"""Procrastinate's asynchronous worker; its queue is in the same PostgreSQL."""

import os

import openai
import procrastinate
import psycopg

from tests.benchmarks import work
from tests.benchmarks.contender import CONCEPTS, Contender, Site

PROCESSES, CONCURRENCY = 2, 96  # one for each of two CPUs

app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=os.environ.get("DATABASE_URL", "")))


@app.task(
    name="write",
    retry=procrastinate.RetryStrategy(
        max_attempts=10, wait=5, retry_exceptions={openai.OpenAIError, psycopg.OperationalError}
    ),
)
async def write(roadmap: int, place: int, kind: str) -> None:
    answer = await work.ask_async(work.concept(roadmap, place), kind)
    await app.connector.execute_query_async(
        "INSERT INTO piece (roadmap, place, kind, text) VALUES (%(roadmap)s, %(place)s, %(kind)s, %(answer)s)",
        roadmap=roadmap,
        place=place,
        kind=kind,
        answer=answer,
    )


def start(site: Site) -> None:
    site.create_tables()
    program = ("procrastinate", "--app", "tests.benchmarks.procrastinate_async.app")
    site.run("schema", *program, "schema", "--apply")
    for number in range(PROCESSES):
        site.python(f"worker-{number}", *program, "-v", "worker", "--concurrency", str(CONCURRENCY))
    site.wait_until(lambda: site.all_said("Starting worker"), "ready")


def begin(site: Site) -> None:
    site.python("enqueue", "tests.benchmarks.procrastinate_async", belongs=False)


CONTENDERS = [
    Contender(
        name="procrastinate",
        slots=PROCESSES * CONCURRENCY,
        settings=f"{PROCESSES} workers with --concurrency {CONCURRENCY} (its documentation shows 30; fewer processes "
        "hold fewer connections), LISTEN/NOTIFY and the pool at their defaults (4 connections and one that listens), "
        "RetryStrategy(max_attempts=10, wait=5) as documented, jobs deferred in batches through one connection; a task "
        "gets all it needs with its message and saves through the same pool.",
        packages=("procrastinate", "psycopg", "psycopg-pool", "openai"),
        start=start,
        begin=begin,
        every_seed=True,
    )
]

if __name__ == "__main__":
    from tests.benchmarks.procrastinate_async import app as worked_app
    from tests.benchmarks.procrastinate_async import write as task

    connector = procrastinate.SyncPsycopgConnector(conninfo=os.environ["DATABASE_URL"], min_size=1, max_size=1)
    with worked_app.replace_connector(connector), worked_app.open():
        pieces = work.pieces(work.start_clock())
        listed = [dict(zip(("roadmap", "place", "kind"), piece, strict=True)) for piece in pieces]
        for first in range(0, len(listed), CONCEPTS * len(work.KINDS)):
            task.batch_defer(*listed[first : first + CONCEPTS * len(work.KINDS)])
