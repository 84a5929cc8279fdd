"""What tests of the engine do: ask for a step's answer, work beside the test, count on the server."""

import asyncio
import queue
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing import Value
from typing import Any

import psycopg
from django.db import connection, connections
from django_q.worker import worker

from roadmap_project import process
from roadmap_project.llm.asking import Answer
from roadmaps.models import Step
from roadmaps.steps import kinds
from roadmaps.steps.calling import Finished, event_loop


def answer_of(step: Step) -> Answer:
    definition = kinds.definition(step.kind)

    async def call() -> Answer:
        return await definition.call(request)

    request = definition.prepare(step)
    return asyncio.run_coroutine_threadsafe(call(), event_loop()).result(10)


def finished(step: Step) -> Finished:
    return Finished(step, answer=answer_of(step))


def in_thread(function: Callable[..., Any], *arguments: Any) -> Future[Any]:
    """Run beside the test, with a connection of its own that is closed again."""

    def run() -> Any:
        try:
            return function(*arguments)
        finally:
            connections.close_all()

    pool = ThreadPoolExecutor(1)
    future = pool.submit(run)
    pool.shutdown(wait=False)
    return future


def deliver(*tasks: dict[str, Any]) -> None:
    """Have Django-Q's worker carry them out here, one after the other; raises what one of them raises."""
    waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
    for task in tasks:
        waiting.put({**task, "sync": True, "timeout": -1})
    waiting.put("STOP")
    try:
        worker(waiting, queue.SimpleQueue(), Value("f", -1))
    finally:
        process.current.task_id = ""


def server_count() -> int:
    """Connections to the test database, counted by somebody who is not one of us."""
    parameters = {**connection.get_connection_params(), "dbname": "postgres", "application_name": "observer"}
    parameters.pop("cursor_factory", None), parameters.pop("context", None)
    with psycopg.connect(**parameters) as observer:
        row = observer.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND application_name <> 'observer'",
            [connection.settings_dict["NAME"]],
        ).fetchone()
    return row[0]


def waiting_for_locks() -> int:
    """How many of the test database's sessions wait; pg_stat_activity would stand still within a transaction."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks WHERE NOT granted AND pid IN (SELECT pid FROM pg_locks"
            " WHERE database = (SELECT oid FROM pg_database WHERE datname = current_database()))"
        )
        row = cursor.fetchone()
    return int(row[0])


def wait_until(condition: Callable[[], Any], seconds: float = 10.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.02)
