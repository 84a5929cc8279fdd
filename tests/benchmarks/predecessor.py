"""The predecessor's design: 18 processes, SQLAlchemy pools, a session per concurrent piece held during its call."""

import asyncio
import os
import signal
import sys
from functools import partial

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from tests.benchmarks import work
from tests.benchmarks.contender import Contender, Site

PROCESSES = 18
READ = text("SELECT name FROM concept WHERE roadmap = :roadmap AND place = :place")
SAVE = text("INSERT INTO piece (roadmap, place, kind, text) VALUES (:roadmap, :place, :kind, :text)")


async def write(sessions: async_sessionmaker[AsyncSession], roadmap: int, place: int, kind: str) -> None:
    try:
        async with sessions() as session:
            named = await session.execute(READ, {"roadmap": roadmap, "place": place})
            answer = await work.ask_async(named.scalar_one(), kind)
            await session.execute(SAVE, {"roadmap": roadmap, "place": place, "kind": kind, "text": answer})
            await session.commit()
    except Exception as error:  # noqa: BLE001  as the original did: the piece is lost, the others go on
        print(f"save_failed piece={roadmap}:{place}:{kind} error={error!r}")


async def write_share(number: int, pool_size: int, max_overflow: int) -> None:
    """Every eighteenth piece, all at once."""
    url = os.environ["DATABASE_URL"].replace("postgres://", "postgresql+psycopg://")
    engine = create_async_engine(url, pool_size=pool_size, max_overflow=max_overflow)
    sessions = async_sessionmaker(engine)
    share = list(work.pieces(int(os.environ["ROADMAPS"])))[number::PROCESSES]
    await asyncio.gather(*(write(sessions, *piece) for piece in share))
    print("share done", flush=True)
    await asyncio.Event().wait()  # its CPU time and memory are read while it lives


def start(site: Site, *, pool_size: int, max_overflow: int) -> None:
    site.create_tables()
    for number in range(PROCESSES):
        arguments = map(str, (number, pool_size, max_overflow))
        site.python(f"process-{number}", "tests.benchmarks.predecessor", *arguments)
    site.wait_until(lambda: site.all_said("ready"), "ready")


def begin(site: Site) -> None:
    site.server.execute("INSERT INTO clock DEFAULT VALUES")
    site.signal(signal.SIGUSR1)


def predecessor(pool_size: int, max_overflow: int) -> Contender:
    return Contender(
        name=f"predecessor {pool_size}+{max_overflow}",
        slots=PROCESSES * (pool_size + max_overflow),
        settings=f"{PROCESSES} processes, SQLAlchemy pool_size {pool_size}, max_overflow {max_overflow}, pool_timeout "
        "30 s (its default); each process writes every eighteenth piece, all of them at once, each with a session that "
        "reads the concept, waits for the call and saves; reproduced by us.",
        packages=("sqlalchemy", "psycopg", "openai"),
        start=partial(start, pool_size=pool_size, max_overflow=max_overflow),
        begin=begin,
        is_over=lambda site: site.all_said("share done"),
        says_lost="save_failed",
    )


CONTENDERS = [predecessor(40, 20), predecessor(5, 3)]

if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    work.async_client()
    print("ready", flush=True)
    signal.sigwait({signal.SIGUSR1})
    asyncio.run(write_share(*map(int, sys.argv[1:])))
