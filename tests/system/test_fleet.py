"""The whole fleet as it is deployed: real gunicorn, real clusters, counted on the server."""

import subprocess
import sys
import urllib.request
from datetime import timedelta

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model

from content.models import Tutorial
from roadmap_project.connection_budget import ConnectionBudget
from roadmap_project.counting import Peak
from roadmap_project.environment import Environment
from roadmap_project.fleet import ROOT, FleetError
from roadmaps import starting
from roadmaps.models import ClusterHeartbeat, Roadmap, Step
from tests.backlog import make_backlog
from tests.system.conftest import alive, descendants, holding, observed, wait_until

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]

FINAL = (Roadmap.State.READY, Roadmap.State.PARTLY_READY, Roadmap.State.FAILED)


def start_roadmaps(count):
    owner = get_user_model().objects.create_user("ada")
    return [starting.start(owner=owner, goal=f"Learn subject {number}", skips_review=True) for number in range(count)]


def states():
    return set(Roadmap.objects.values_list("state", flat=True))


def test_A1_roadmaps_are_finished_within_the_declared_connections(fleet, model):
    fleet.start()
    start_roadmaps(3)
    peak, budget = Peak(), settings.CONNECTION_BUDGET

    def look():
        peak.sample(budget)
        with urllib.request.urlopen(f"{fleet.url}/health/", timeout=10) as response:
            assert response.status == 200

    wait_until(lambda: states() <= set(FINAL), seconds=120, fleet=fleet, watch=look)

    assert states() == {Roadmap.State.READY}
    assert peak.is_within(budget), peak.by_service
    assert peak.together <= budget.steady
    assert peak.by_service["content"] > 3  # it was really counted
    pieces = Step.objects.content().count()
    bought = [purchase for purchase in model.bought() if purchase[0] in ("tutorial", "resources", "quiz")]
    assert len(bought) == len(set(bought)) == pieces == 3 * Tutorial.objects.count()
    assert "too many" not in "".join(fleet.tail(name) for name in fleet.processes)


def test_a_newcomers_first_tutorial_is_begun_at_once_while_a_hundred_roadmaps_wait(fleet, model):
    """The content cluster has four slots, and nine thousand pieces wait for them."""
    slots = 4
    make_backlog(steps=100 * 90, age=timedelta(hours=3))
    fleet.environment.update({"CONTENT_WORKERS": "1", "CONTENT_IN_FLIGHT": str(slots)})
    fleet.start("workflow", "content")
    wait_until(lambda: Step.objects.content().filter(state=Step.State.DONE).exists(), seconds=90, fleet=fleet)
    (newcomer,) = start_roadmaps(1)
    first = newcomer.steps.filter(kind=Step.Kind.TUTORIAL, concept__position=0)
    wait_until(lambda: first.filter(state=Step.State.DONE).exists(), seconds=90, fleet=fleet)

    step = first.get()
    between = Step.objects.content().filter(started_at__gt=step.created_at, started_at__lt=step.started_at)
    assert between.count() <= slots  # one claim may have been under way as it was created
    assert Step.objects.content().waiting().count() > 8_000


def test_every_kind_of_a_clusters_processes_is_in_the_sum(fleet, model):
    """Workers, monitor, pusher and, after half a minute, the sentinel: all of them connect, and nobody else does."""
    variables = {"CONTENT_WORKERS": "2", "CONTENT_IN_FLIGHT": "4"}  # so many answers that no worker lets go
    fleet.environment.update(variables)
    declared = ConnectionBudget.from_environment(Environment(variables)).service("content").peak
    fleet.start("content")
    wait_until(lambda: observed()["content"] >= 3, seconds=60, fleet=fleet)  # its first sweep: the sentinel is up
    fleet.start("workflow")
    start_roadmaps(3)
    seen = [0]

    def look():
        seen.append(observed()["content"])

    wait_until(lambda: states() <= set(FINAL), seconds=150, fleet=fleet, watch=look)

    assert max(seen) == declared == 5


def test_a_stopped_fleet_leaves_no_process_and_no_connection(fleet):
    fleet.start()
    wait_until(
        lambda: sum(len(descendants(each.pid)) for each in fleet.processes.values()) >= 26, seconds=30, fleet=fleet
    )
    wait_until(lambda: ClusterHeartbeat.objects.count() == 3, seconds=30, fleet=fleet)
    family = set().union(*(descendants(each.pid) for each in fleet.processes.values()))

    fleet.stop()

    assert alive(family) == set()
    assert not holding()
    assert not ClusterHeartbeat.objects.exists()


def test_D11_sigterm_during_calls_loses_nothing(fleet, model):
    fleet.environment["STOP_GRACE"] = "1"
    fleet.start("workflow", "content")
    start_roadmaps(1)
    wait_until(lambda: Roadmap.State.WRITING in states(), seconds=60, fleet=fleet)
    model.control("hold", {})
    wait_until(lambda: model.control("state")["in_flight"] > 10, seconds=30, fleet=fleet)

    fleet.stop()
    assert not Step.objects.filter(state=Step.State.RUNNING).exists()
    model.control("release", {})
    fleet.start("content")

    wait_until(lambda: states() <= set(FINAL), seconds=90, fleet=fleet)
    assert states() == {Roadmap.State.READY}
    assert not Step.objects.filter(losses__gt=0).exists()


@pytest.mark.parametrize(
    ("command", "environment"),
    [
        (["-m", "gunicorn", "--config", "roadmap_project/gunicorn_conf.py", "roadmap_project.wsgi"], {}),
        (["manage.py", "qcluster"], {"Q_CLUSTER_NAME": "content"}),
        (["manage.py", "migrate"], {}),
        (["manage.py", "check"], {}),
    ],
)
def test_a_fleet_that_does_not_fit_is_refused_at_every_door(fleet, command, environment):
    done = subprocess.run(
        [sys.executable, *command],
        env={**fleet.environment, **environment, "WEB_THREADS": "40"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode != 0
    assert "roadmap_project.E001" in done.stderr
    for said in ("web 160", "content 9", "usable are 72", "WEB_THREADS="):
        assert said in done.stderr
    assert not {"web", "content"} & holding()


def test_a_process_that_cannot_start_is_reported_with_its_words(fleet):
    fleet.environment["WEB_WORKERS"] = "many"

    with pytest.raises(FleetError, match=r"(?s)WEB_WORKERS='many': expected a whole number"):
        fleet.start("web")
