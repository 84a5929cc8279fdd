"""This project's own fleet, as the Procfile starts it, with its default budget."""

import os
import sys
import time

from roadmap_project.connection_budget import ConnectionBudget
from roadmap_project.environment import Environment
from roadmap_project.fleet import Fleet, FleetError
from tests.benchmarks.contender import Contender, ContenderError, Site

DESIGN_CALLS = 3  # analysis, outline, review
DESIGN_SECONDS = 600.0

ENVIRONMENT = {
    "DEBUG": "0",
    "SECRET_KEY": "only-for-this-benchmark-and-long-enough-for-the-checks-0123456789",
    "ALLOWED_HOSTS": "127.0.0.1",
    "LLM_PROVIDER": "openai",
    "LINK_CHECKS": "off",
    "DJANGO_SETTINGS_MODULE": "roadmap_project.settings",
}
DESIGNED = """
SELECT count(*) FILTER (WHERE state = 'in_review'), extract(epoch FROM min(created_at))::float FROM roadmaps_roadmap
"""
# As of the peers: from the table of each kind, every version that was stored.
RESULTS = """
WITH piece AS (
    SELECT 'tutorial' AS kind, concept_id, pg_xact_commit_timestamp(xmin) AS saved_at FROM content_tutorial
    UNION ALL SELECT 'resources', concept_id, pg_xact_commit_timestamp(xmin) FROM content_resourcelist
    UNION ALL SELECT 'quiz', concept_id, pg_xact_commit_timestamp(xmin) FROM content_quiz
)
SELECT (SELECT extract(epoch FROM min(began_at)) FROM clock)::float, extract(epoch FROM max(saved_at))::float,
       extract(epoch FROM min(saved_at) FILTER (WHERE kind = 'tutorial'))::float,
       count(*), count(DISTINCT (kind, concept_id)) FROM piece
"""


def start(site: Site) -> None:
    """Up to the point where all outlines wait for approval."""
    site.environment |= ENVIRONMENT
    site.create_clock()
    fleet = Fleet(logs=site.logs, environment=site.environment)
    site.at_end.append(fleet.stop)
    try:
        fleet.release()
        fleet.start()
    except FleetError as error:
        raise ContenderError(str(error)) from error
    site.roots |= {name: running.pid for name, running in fleet.processes.items()}
    site.run("goals", "tests.benchmarks.ours", "start")
    site.wait_until(lambda: site.row(DESIGNED)[0] == site.roadmaps, "designed", seconds=DESIGN_SECONDS)
    site.facts["design_seconds"] = time.time() - site.row(DESIGNED)[1]


def begin(site: Site) -> None:
    site.python("approve", "tests.benchmarks.ours", "approve", belongs=False)


_BUDGET = ConnectionBudget.from_environment(Environment({}))
_CONTENT = _BUDGET.service("content")

CONTENDERS = [
    Contender(
        name="ours",
        slots=_CONTENT.processes * _CONTENT.in_flight,
        settings=f"the Procfile's web, workflow, content and logs with the default budget of {_BUDGET.steady} "
        f"connections; the content cluster has {_CONTENT.processes} workers × {_CONTENT.in_flight} calls; links are "
        "not checked. CPU, memory and connections are those of the whole fleet. A piece is more work than the "
        "peers': prompt from rows, answer validated, text rendered, every call and log line recorded.",
        packages=("django", "django-q2", "psycopg", "openai"),
        start=start,
        begin=begin,
        results=RESULTS,
        every_seed=True,
    )
]


def order(what: str) -> None:
    import django

    django.setup()
    from django.contrib.auth import get_user_model

    from roadmaps import deciding, starting
    from roadmaps.models import Roadmap
    from tests.benchmarks import work

    if what == "start":
        for number in range(int(os.environ["ROADMAPS"])):
            owner = get_user_model().objects.create_user(f"learner-{number}")
            starting.start(owner=owner, goal=f"Learn subject {number}")
    else:
        work.start_clock()
        for pk in Roadmap.objects.order_by("pk").values_list("pk", flat=True):
            deciding.approve(pk)


if __name__ == "__main__":
    order(sys.argv[1])
