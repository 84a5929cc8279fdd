"""Celery with Redis as broker and Django's ORM, on threads and on greenlets."""

import os
import shutil
from functools import partial

import openai
from celery import Celery

from roadmap_project.fleet import free_port
from tests.benchmarks import work
from tests.benchmarks.contender import Contender, ContenderError, Site

app = Celery("benchmarks", broker=os.environ.get("BROKER_URL"))
app.conf.update(
    task_acks_late=True,
    worker_prefetch_multiplier=1,
    task_ignore_result=True,
    broker_connection_retry_on_startup=True,
)


@app.task(
    name="write", autoretry_for=(openai.OpenAIError, OSError), retry_backoff=True, retry_kwargs={"max_retries": 5}
)
def write(roadmap: int, place: int, kind: str) -> None:
    from django.db import OperationalError

    from tests.benchmarks.models import Concept, Piece

    try:
        if os.environ.get("READS_FIRST"):
            name = Concept.objects.get(roadmap=roadmap, place=place).name
        else:
            name = work.concept(roadmap, place)
        Piece.objects.create(roadmap=roadmap, place=place, kind=kind, text=work.ask(name, kind))
    except OperationalError as error:
        raise OSError(str(error)) from error  # retried as well


def start(site: Site, *, pool: str, processes: int, concurrency: int, reads_first: bool) -> None:
    redis = shutil.which("redis-server")
    if redis is None:
        raise ContenderError("redis-server is not installed")
    site.create_tables()
    port = str(free_port())
    quiet = ("--save", "", "--appendonly", "no", "--dir", str(site.logs))
    site.spawn("redis", redis, "--bind", "127.0.0.1", "--port", port, *quiet)
    site.wait_until(lambda: site.all_said("Ready to accept"), "ready")
    site.environment |= {
        "BROKER_URL": f"redis://127.0.0.1:{port}/0",
        "DJANGO_SETTINGS_MODULE": "tests.benchmarks.django_settings",
        "READS_FIRST": "1" if reads_first else "",
    }
    options = ("--pool", pool, "--concurrency", str(concurrency), "--loglevel", "INFO")
    for number in range(processes):
        name = f"worker-{number}"
        site.python(name, "celery", "-A", "tests.benchmarks.celery_redis", "worker", *options, "-n", f"{name}@%h")
    site.wait_until(lambda: all(" ready." in site.text_of(name) for name in site.roots if name != "redis"), "ready")


def begin(site: Site) -> None:
    site.python("enqueue", "tests.benchmarks.celery_redis", belongs=False)


def celery(pool: str, processes: int, concurrency: int, *, reads_first: bool = False) -> Contender:
    way = (
        "reads its concept first, as the documentation advises, and so holds a connection; fewer calls, so that "
        "PostgreSQL admits them all"
        if reads_first
        else ("gets all it needs with its message and opens a connection only to save")
    )
    return Contender(
        name=f"celery {pool}" + (", row first" if reads_first else ""),
        slots=processes * concurrency,
        settings=f"{processes} workers with --pool {pool} --concurrency {concurrency}; acks_late, prefetch multiplier "
        "1, autoretry with backoff, 5 retries, no result backend; Django's default CONN_MAX_AGE 0 (Celery closes the "
        f"connection after each task anyway); a task {way}; Redis without persistence, counted with the fleet.",
        packages=("celery", "redis", "django", "psycopg", "openai", *(("gevent",) if pool == "gevent" else ())),
        start=partial(start, pool=pool, processes=processes, concurrency=concurrency, reads_first=reads_first),
        begin=begin,
        says_lost="raised unexpected",
        every_seed=not reads_first,
    )


# A worker for each of two CPUs. One that holds a connection during each call gets as many calls as the server admits.
CONTENDERS = [celery("threads", 2, 96), celery("gevent", 2, 96), celery("gevent", 2, 45, reads_first=True)]

if __name__ == "__main__":
    from tests.benchmarks.celery_redis import write as task

    for piece in work.pieces(work.start_clock()):
        task.delay(*piece)
