"""Plain Django-Q: one task per piece, which reads its concept, waits for the call and saves."""

import os

from tests.benchmarks import work
from tests.benchmarks.contender import DJANGOQ_WORKERS as WORKERS
from tests.benchmarks.contender import Contender, Site

SETTINGS = "tests.benchmarks.django_settings"


def write(roadmap: int, place: int, kind: str) -> None:
    from tests.benchmarks.models import Concept, Piece

    name = Concept.objects.get(roadmap=roadmap, place=place).name
    Piece.objects.create(roadmap=roadmap, place=place, kind=kind, text=work.ask(name, kind))


def start(site: Site) -> None:
    site.create_tables()
    site.environment["DJANGO_SETTINGS_MODULE"] = SETTINGS
    site.run("migrate", "django", "migrate", "--verbosity", "0")
    site.python("cluster", "django", "qcluster")
    site.wait_until(lambda: site.text_of("cluster").count("ready for work") >= WORKERS, "ready")
    site.wait_until(lambda: site.all_said("pushing tasks") and site.all_said("running."), "ready")


def begin(site: Site) -> None:
    site.python("enqueue", "tests.benchmarks.djangoq", belongs=False)


CONTENDERS = [
    Contender(
        name="django-q2",
        slots=WORKERS,
        settings=f"ORM broker, {WORKERS} workers: with its pusher, monitor and sentinel as many connections as our "
        "whole fleet declares (its documented default is the number of CPUs); timeout 90, retry 120, bulk 10 as in its "
        "documented example for this broker, queue_limit as many as workers so that nothing waits longer than `retry`; "
        "Django's default CONN_MAX_AGE 0; a failed task is presented again after `retry`.",
        packages=("django-q2", "django", "psycopg", "openai"),
        start=start,
        begin=begin,
    )
]

if __name__ == "__main__":
    import django

    os.environ["DJANGO_SETTINGS_MODULE"] = SETTINGS
    django.setup()
    from django_q.tasks import async_task

    for piece in work.pieces(work.start_clock()):
        async_task("tests.benchmarks.djangoq.write", *piece)
