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
RESULTS = """
SELECT extract(epoch FROM min(created_at))::float, extract(epoch FROM max(finished_at))::float,
       extract(epoch FROM min(finished_at) FILTER (WHERE kind = 'tutorial' AND state = 'done'))::float,
       count(*) FILTER (WHERE state = 'done'), count(*) FILTER (WHERE state = 'done')
FROM roadmaps_step WHERE queue = 'content'
"""


def start(site: Site) -> None:
    """Up to the point where all outlines wait for approval."""
    site.environment |= ENVIRONMENT
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
        f"connections; the content cluster has {_CONTENT.processes} workers × {_CONTENT.in_flight} calls. CPU, memory "
        "and connections are those of the whole fleet. A piece is more work than the peers': prompt from rows, answer "
        "validated, text rendered, every call and log line recorded.",
        packages=("django", "django-q2", "psycopg", "openai"),
        start=start,
        begin=begin,
        results=RESULTS,
    )
]


def order(what: str) -> None:
    import django

    django.setup()
    from django.contrib.auth import get_user_model

    from roadmaps import deciding, starting
    from roadmaps.models import Roadmap

    if what == "start":
        for number in range(int(os.environ["ROADMAPS"])):
            owner = get_user_model().objects.create_user(f"learner-{number}")
            starting.start(owner=owner, goal=f"Learn subject {number}")
    else:
        for pk in Roadmap.objects.order_by("pk").values_list("pk", flat=True):
            deciding.approve(pk)


if __name__ == "__main__":
    order(sys.argv[1])
