"""What does a piece cost at least? Its call through the SDK alone, its statements through plain psycopg alone.

As a process, in the fleet's environment: works a small backlog off with one drain in a database of its own, notes
what it asks of the SDK and of the server, and then asks the same again with nothing around it.
"""

import asyncio
import json
import os
import sys
import time
from typing import Any

import psycopg

IN_FLIGHT = 32
PARTS, AGAIN = "bench_parts", "bench_again"  # databases
Statement = tuple[str, Any, bool]  # with its parameters, and whether it is part of a transaction


def main(pieces: int) -> None:
    import django

    os.environ["DATABASE_URL"] = os.environ["DATABASE_URL"].replace("/contender?", f"/{PARTS}?")
    django.setup()
    parameters = _create_databases(pieces)
    statements, calls, own, stored = _drained()
    figures = {
        "pieces": stored,
        "drain": own / stored,
        "sdk": _asked_again(calls) / stored,
        "statements": _executed_again(statements, parameters) / stored,
        "statements_per_piece": len(statements) / stored,
    }
    _drop_databases()
    sys.stdout.write(f"\n{json.dumps(figures)}\n")


def _server(parameters: dict[str, Any]) -> psycopg.Connection:
    return psycopg.connect(**{**parameters, "dbname": "roadmaps"}, autocommit=True)


def _create_databases(pieces: int) -> dict[str, Any]:
    """One with the backlog and a copy of it; returns how to connect."""
    from django.core.management import call_command
    from django.db import connection

    from tests.backlog import make_backlog

    parameters = {**connection.get_connection_params(), "application_name": "bench"}
    with _server(parameters) as server:
        server.execute(f"DROP DATABASE IF EXISTS {AGAIN}".encode())
        server.execute(f"DROP DATABASE IF EXISTS {PARTS}".encode())
        server.execute(f"CREATE DATABASE {PARTS}".encode())
    call_command("migrate", verbosity=0)
    make_backlog(steps=pieces)
    connection.close()
    with _server(parameters) as server:
        server.execute(f"CREATE DATABASE {AGAIN} TEMPLATE {PARTS}".encode())
    return parameters


def _drop_databases() -> None:
    from django.db import connection

    parameters = connection.get_connection_params()
    connection.close()
    with _server(parameters) as server:
        for name in (PARTS, AGAIN):
            server.execute(f"DROP DATABASE {name}".encode())


def _drained() -> tuple[list[Statement], list[dict[str, Any]], float, int]:
    """What one drain of the backlog asked of the server and of the SDK, its CPU seconds, and how many it stored."""
    from django.db import connection
    from openai.resources.chat.completions import AsyncCompletions

    from roadmaps.steps import draining

    statements: list[Statement] = []
    calls: list[dict[str, Any]] = []
    create = AsyncCompletions.create

    def note(execute: Any, sql: str, parameters: Any, many: bool, context: dict[str, Any]) -> Any:
        statements.append((sql, parameters, connection.in_atomic_block))
        return execute(sql, parameters, many, context)

    async def noted(self: AsyncCompletions, **arguments: Any) -> Any:
        calls.append(arguments)
        return await create(self, **arguments)

    AsyncCompletions.create = noted  # type: ignore[method-assign, assignment]
    before = time.process_time()
    with connection.execute_wrapper(note):
        stored = draining.drain("content")
    AsyncCompletions.create = create  # type: ignore[method-assign]
    return statements, calls, time.process_time() - before, stored


def _asked_again(calls: list[dict[str, Any]]) -> float:
    """CPU seconds of the same calls with as many in flight, in an event loop with nothing else."""
    import openai

    async def ask() -> float:
        client, places = openai.AsyncOpenAI(max_retries=0), asyncio.Semaphore(IN_FLIGHT)

        async def one(arguments: dict[str, Any]) -> None:
            async with places:
                await client.chat.completions.create(**arguments)

        await one(calls[0])
        before = time.process_time()
        await asyncio.gather(*map(one, calls))
        return time.process_time() - before

    return asyncio.run(ask())


def _executed_again(statements: list[Statement], parameters: dict[str, Any]) -> float:
    """CPU seconds of the same statements on the copy of the database, on the client's side."""
    with psycopg.connect(**{**parameters, "dbname": AGAIN}) as connection:
        before = time.process_time()
        for sql, values, is_in_transaction in statements:
            if not is_in_transaction:
                connection.commit()
            cursor = connection.execute(sql.encode(), values)
            if cursor.description:
                cursor.fetchall()
        connection.commit()
        return time.process_time() - before


if __name__ == "__main__":
    main(int(sys.argv[1]))
