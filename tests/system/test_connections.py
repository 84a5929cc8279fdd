"""Where connections were lost before: each way counted on the server, with the real processes."""

import contextlib
import http.client
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connection, connections
from django.test import Client
from django.utils import timezone
from psycopg import sql

from content.models import Tutorial
from roadmap_project.connection_budget import CLUSTER_PROCESSES_BESIDE_WORKERS, ConnectionBudget
from roadmap_project.counting import Peak
from roadmap_project.environment import Environment
from roadmap_project.fleet import ROOT, Fleet, free_port
from roadmap_project.postgresql import base, roles
from roadmap_project.postgresql.server import ROLE_PREFIX
from roadmaps import deciding, starting
from roadmaps.models import Roadmap, Step
from roadmaps.steps import draining
from tests.factories import make_tutorial, make_written_roadmap
from tests.system.conftest import alive, database_url, descendants, observed, superuser, wait_until

pytestmark = [pytest.mark.system, pytest.mark.timeout(300), pytest.mark.django_db(transaction=True)]

SOMEBODY = {"Cookie": f"sessionid={'a' * 32}"}  # who has to be looked up: one query at least
FINAL = {Roadmap.State.READY, Roadmap.State.PARTLY_READY, Roadmap.State.FAILED}


def person():
    return get_user_model().objects.get_or_create(username="ada")[0]


def start_roadmaps(count):
    return [
        starting.start(owner=person(), goal=f"Learn subject {number}", skips_review=True) for number in range(count)
    ]


def states():
    return set(Roadmap.objects.values_list("state", flat=True))


def all_final():
    return states() <= FINAL


def said(fleet):
    return "".join(fleet.tail(name) for name in fleet.processes)


def test_A5_when_the_provider_is_down_the_bound_holds_and_every_failure_is_recorded(fleet, model):
    fleet.start("workflow", "content")
    start_roadmaps(2)
    wait_until(lambda: states() == {Roadmap.State.WRITING}, seconds=60, fleet=fleet)
    model.control("faults", [{"fault": "unauthorized"}])
    peak = Peak()

    wait_until(all_final, seconds=90, fleet=fleet, watch=lambda: peak.sample(settings.CONNECTION_BUDGET))

    assert peak.is_within(settings.CONNECTION_BUDGET), peak.by_service
    failed = Step.objects.content().filter(state=Step.State.FAILED)
    assert failed.count() > 30
    assert all("401" in step.last_error for step in failed)


def test_A10_two_releases_side_by_side_stay_within_what_was_declared(fleet, model, tmp_path):
    (tmp_path / "new").mkdir()
    budget = settings.CONNECTION_BUDGET
    fleet.start()
    newer = Fleet(logs=tmp_path / "new", environment={**fleet.environment})
    start_roadmaps(2)
    peak = 0

    def look():
        nonlocal peak
        now = observed()
        for service in budget.services:
            assert now[service.name] <= budget.deploy_overlap * service.total, now
        peak = max(peak, sum(now[service.name] for service in budget.services))

    with newer:
        wait_until(all_final, seconds=150, fleet=fleet, watch=look)

    assert states() == {Roadmap.State.READY}
    assert 12 < peak <= budget.deploy
    assert "too many" not in said(fleet)


@pytest.fixture
def service_roles(transactional_db):
    """The plan's roles on the server, each limited to one release's peak and one."""
    budget = settings.CONNECTION_BUDGET
    config = connection.settings_dict
    names = list(roles.planned_limits(budget))
    with superuser() as server:
        server.execute(roles.statements(budget, owner=config["USER"], database=config["NAME"]))
        server.execute(sql.SQL("ALTER ROLE {} CONNECTION LIMIT -1").format(sql.Identifier(config["USER"])))
        for service in budget.services:
            role = sql.Identifier(ROLE_PREFIX + service.name)
            server.execute(sql.SQL("ALTER ROLE {} CONNECTION LIMIT {}").format(role, sql.Literal(service.total + 1)))
        yield server
        for name in names:
            role = sql.Identifier(ROLE_PREFIX + name)
            server.execute(sql.SQL("DROP OWNED BY {}").format(role))
            server.execute(sql.SQL("DROP ROLE {}").format(role))


def under_role(fleet, name):
    """Start one service as its own role."""
    fleet.environment["DEPLOY_OVERLAP"] = "1"
    fleet.environment["DATABASE_URL"] = database_url().replace(
        f"//{connection.settings_dict['USER']}:", f"//{ROLE_PREFIX}{name}:"
    )
    fleet.start(name)


def test_A1_the_whole_fleet_works_under_roles_that_admit_no_connection_more(fleet, service_roles):
    for name in ("web", "workflow", "content", "logs"):
        under_role(fleet, name)
    start_roadmaps(3)

    def look():
        with urllib.request.urlopen(f"{fleet.url}/health/", timeout=10) as response:
            assert response.status == 200

    wait_until(all_final, seconds=120, fleet=fleet, watch=look)

    assert states() == {Roadmap.State.READY}
    assert "too many connections" not in said(fleet)


def test_a_service_that_takes_more_than_its_share_is_refused_alone(fleet, service_roles):
    service_roles.execute("ALTER ROLE roadmaps_logs CONNECTION LIMIT 2")
    for name in ("workflow", "content"):
        under_role(fleet, name)
    start_roadmaps(1)
    under_role(fleet, "logs")
    refused = fleet.processes.pop("logs")

    assert refused.wait(30) != 0
    assert "roadmap_project.E014" in fleet.tail("logs")

    wait_until(all_final, seconds=90, fleet=fleet)

    assert states() == {Roadmap.State.READY}


def test_an_over_provisioned_service_is_refused_by_the_server_alone(fleet, service_roles, tmp_path):
    """Three times the declared web, each of them sure that it fits: their role's limit stops them, and nobody else."""
    for name in ("workflow", "content", "logs", "web"):
        under_role(fleet, name)
    others = [fleet]
    start_roadmaps(1)
    refused = 0

    def flood():
        nonlocal refused
        with ThreadPoolExecutor(24) as visitors:
            answers = list(visitors.map(health_of, others * 8))
        refused += sum(answer["process"]["refusals"].get(base.ROLE, 0) for answer in answers)

    try:
        for number in (1, 2):
            (tmp_path / str(number)).mkdir()
            more = Fleet(logs=tmp_path / str(number), environment=fleet.environment | {"PORT": str(free_port())})
            more.port = int(more.environment["PORT"])
            others.append(more)
            more.start("web")
        wait_until(lambda: bool(refused), seconds=60, fleet=fleet, watch=flood)
        wait_until(all_final, seconds=90, fleet=fleet)
    finally:
        for each in others[1:]:
            each.stop()

    assert states() == {Roadmap.State.READY}
    assert observed()["web"] <= settings.CONNECTION_BUDGET.service("web").total + 1
    assert "too many connections" not in "".join(fleet.tail(name) for name in ("workflow", "content", "logs"))


def health_of(fleet):
    with urllib.request.urlopen(f"{fleet.url}/health/", timeout=30) as response:
        return json.load(response)


def test_A7_a_thousand_steps_through_one_worker_leave_it_as_it_was(reviewed, stub, monkeypatch):
    monkeypatch.setattr(settings, "DRAIN_SECONDS", 300)
    deciding.approve(reviewed.pk)
    draining.drain("content")
    before = facts_of_this_process()
    done = 0

    while done < 1000:
        Step.objects.content().update(is_rewrite=True)
        Step.objects.content().start_over()
        done += draining.drain("content")

    after = facts_of_this_process()
    assert after["connections"] <= 1
    assert after["threads"] == before["threads"]
    # The stub lives in this process too: both ends of a kept-alive connection for each call in flight, and no more.
    assert after["files"] <= before["files"] + 2 * settings.CONNECTION_BUDGET.service("content").in_flight
    assert after["memory"] < before["memory"] * 1.25
    assert Tutorial.objects.current().count() == reviewed.concepts.count()


def facts_of_this_process():
    return {
        "connections": base.open_connections(),
        "threads": threading.active_count(),
        "files": len(list(Path("/proc/self/fd").iterdir())),
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
    }


def test_A9_the_connection_of_a_process_killed_in_a_query_is_gone_within_two_seconds(fleet):
    query = "from django.db import connection; connection.cursor().execute('SELECT pg_sleep(25)')"
    running = subprocess.Popen([sys.executable, "manage.py", "shell", "-c", query], env=fleet.environment, cwd=ROOT)
    wait_until(lambda: observed()["other"] >= 2, seconds=20, fleet=fleet)

    os.kill(running.pid, signal.SIGKILL)
    running.wait()

    wait_until(lambda: observed()["other"] == 1, seconds=2.5, fleet=fleet)


def finish_a_piece(roadmap):
    """In whatever thread, whose connection is given back."""
    step = roadmap.steps.filter(state=Step.State.WAITING, kind=Step.Kind.TUTORIAL).order_by("pk").first()
    make_tutorial(concept=step.concept)
    Step.objects.filter(pk=step.pk).update(state=Step.State.DONE, finished_at=timezone.now())
    connection.close()


def test_A12_fifty_tabs_on_one_roadmap_are_bounded_by_the_webs_threads(fleet, model):
    """Three times a piece is finished, each tab sees each of them once, and in between that nothing is new."""
    fleet.start("web")
    being_written = {"state": Roadmap.State.WRITING, "steps": Step.State.WAITING}  # by nobody but this test
    roadmap = make_written_roadmap(owner=person(), **being_written, stages=2, modules=2, concepts=4)
    browser = Client()
    browser.force_login(person())
    cookie = f"{settings.SESSION_COOKIE_NAME}={browser.cookies[settings.SESSION_COOKIE_NAME].value}"
    address = f"{fleet.url}/roadmaps/{roadmap.slug}/progress/"
    peak, answers, rounds, polls = Peak(), [], 3, 5
    between = threading.Barrier(50, action=lambda: finish_a_piece(roadmap), timeout=240)

    def tab():
        etag = ""
        for number in range(rounds * polls):
            if number % polls == 0:
                between.wait()
            request = urllib.request.Request(
                address, headers={"Cookie": cookie, "HX-Request": "true", "If-None-Match": etag}
            )
            try:
                with urllib.request.urlopen(request, timeout=120) as response:  # however slow the machine
                    etag = response.headers["ETag"]
                    answers.append(response.status)
            except urllib.error.HTTPError as error:
                answers.append(error.code)

    with ThreadPoolExecutor(50) as tabs:
        waiting = [tabs.submit(tab) for _ in range(50)]
        while not all(each.done() for each in waiting):
            peak.sample(settings.CONNECTION_BUDGET)
            time.sleep(0.01)
        for each in waiting:
            each.result()  # no tab was left without an answer

    assert len(answers) == 50 * rounds * polls
    assert set(answers) == {200, 304}
    assert answers.count(200) >= 50 * rounds
    assert answers.count(304) >= 0.75 * len(answers)  # 0.8, and more new states where it takes minutes
    assert 1 <= peak.by_service["web"] <= settings.CONNECTION_BUDGET.service("web").total


@pytest.mark.parametrize(
    ("command", "environment"),
    [
        (["-m", "gunicorn", "--config", "roadmap_project/gunicorn_conf.py", "roadmap_project.wsgi"], {}),
        (["manage.py", "qcluster"], {"Q_CLUSTER_NAME": "content"}),
        (["manage.py", "migrate"], {}),
        (["manage.py", "check", "--database", "default"], {}),
    ],
)
def test_a_servers_limit_below_the_declared_one_is_refused_at_every_door_that_asks(fleet, command, environment):
    name = sql.Identifier(connection.settings_dict["NAME"])
    with superuser() as server:
        server.execute(sql.SQL("ALTER DATABASE {} CONNECTION LIMIT 40").format(name))
        try:
            done = subprocess.run(
                [sys.executable, *command],
                env={**fleet.environment, **environment},
                cwd=ROOT,
                capture_output=True,
                text=True,
                timeout=60,
            )
        finally:
            server.execute(sql.SQL("ALTER DATABASE {} CONNECTION LIMIT -1").format(name))

    assert done.returncode != 0
    assert "roadmap_project.E001" in done.stderr
    assert "the database's CONNECTION LIMIT 40" in done.stderr
    assert "2 × 31 + 1 = 63" in done.stderr


def test_processes_start_and_wait_for_a_server_that_is_not_there(fleet):
    hidden = Path(tempfile.mkdtemp(dir="/tmp")) / "socket"  # a socket's path must be short
    fleet.environment["DATABASE_URL"] = f"postgres://roadmaps@:5432/{connection.settings_dict['NAME']}?host={hidden}"
    fleet.start("web", "workflow", "content")
    start_roadmaps(1)
    logs = [fleet.logs / f"{name}.log" for name in ("workflow", "content")]
    waiting = "waiting_for_database"
    wait_until(lambda: all(log.read_text().count(waiting) > 1 for log in logs), seconds=60, fleet=fleet)

    hidden.symlink_to(connection.settings_dict["OPTIONS"]["host"])

    wait_until(all_final, seconds=120, fleet=fleet)
    assert states() == {Roadmap.State.READY}
    assert "database_unreachable_at_start" in (fleet.logs / "content.log").read_text()
    hidden.unlink()
    hidden.parent.rmdir()


def test_a_cluster_that_waited_for_its_server_asks_it_again_before_it_starts(fleet):
    hidden = Path(tempfile.mkdtemp(dir="/tmp")) / "socket"
    name = sql.Identifier(connection.settings_dict["NAME"])
    fleet.environment["DATABASE_URL"] = f"postgres://roadmaps@:5432/{connection.settings_dict['NAME']}?host={hidden}"
    fleet.start("content")
    log = fleet.logs / "content.log"
    wait_until(lambda: "waiting_for_database" in log.read_text(), seconds=60, fleet=fleet)
    with superuser() as server:
        server.execute(sql.SQL("ALTER DATABASE {} CONNECTION LIMIT 40").format(name))
        try:
            hidden.symlink_to(connection.settings_dict["OPTIONS"]["host"])
            refused = fleet.processes["content"].wait(60)
        finally:
            server.execute(sql.SQL("ALTER DATABASE {} CONNECTION LIMIT -1").format(name))
            hidden.unlink()
            hidden.parent.rmdir()

    assert refused != 0
    assert "roadmap_project.E001" in log.read_text()
    assert "the database's CONNECTION LIMIT 40" in log.read_text()
    assert "cluster_started" not in log.read_text()


def test_changing_a_variable_moves_the_started_processes_and_the_sum_together(fleet):
    variables = {
        "WEB_WORKERS": "2",
        "WEB_THREADS": "3",
        "CONTENT_WORKERS": "2",
        "LOGS_WORKERS": "3",
        "WORKFLOW_WORKERS": "1",
    }
    fleet.environment.update(variables)
    declared = ConnectionBudget.from_environment(Environment(variables))
    fleet.start()

    for service in declared.services:
        # Below a cluster's parent: sentinel, workers, monitor and pusher; below gunicorn's master its workers.
        processes = service.processes + (CLUSTER_PROCESSES_BESIDE_WORKERS if service.is_cluster else 0)
        parent = fleet.processes[service.name].pid
        wait_until(lambda parent=parent, count=processes: len(descendants(parent)) == count, seconds=30, fleet=fleet)
    assert declared.steady == 2 * 3 + 5 + 6 + 4
    with ThreadPoolExecutor(30) as visitors:
        list(visitors.map(lambda _: urllib.request.urlopen(f"{fleet.url}/health/", timeout=30).close(), range(200)))
    assert 1 <= observed()["web"] <= 6


@pytest.mark.parametrize("overlap", ["1", "2"])
def test_gunicorn_does_not_grow_by_signal(fleet, overlap):
    fleet.environment["DEPLOY_OVERLAP"] = overlap
    fleet.start("web")
    master = fleet.processes["web"].pid
    wait_until(lambda: len(descendants(master)) == 4, seconds=20, fleet=fleet)
    workers = descendants(master)

    words = "SIGTTIN is ignored" if overlap == "1" else "the connection budget declares no more"
    for times in (1, 2):  # once it has answered the second, whatever the first did is done
        os.kill(master, signal.SIGTTIN)
        wait_until(lambda times=times: said(fleet).count(words) == times, seconds=20, fleet=fleet)
    for name in ("SIGHUP", "SIGUSR2") if overlap == "1" else ():
        os.kill(master, getattr(signal, name))
        wait_until(lambda name=name: f"{name} is ignored" in said(fleet), seconds=20, fleet=fleet)
        assert descendants(master) == workers
    assert len(descendants(master)) == 4


@pytest.fixture
def stuck_visitors(fleet):
    """Visitors of a page that no worker can answer, because a table is locked until the test is over."""

    def ask():
        request = urllib.request.Request(f"{fleet.url}/", headers=SOMEBODY)
        with contextlib.suppress(OSError, http.client.HTTPException):
            urllib.request.urlopen(request, timeout=60).close()

    def waiting():
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'django_session'::regclass")
            return cursor.fetchone()[0]

    config = {**connection.get_connection_params(), "application_name": "test"}
    for name in ("cursor_factory", "context", "prepare_threshold"):
        config.pop(name, None)
    fleet.start("web")
    wait_until(lambda: len(descendants(fleet.processes["web"].pid)) == 4, seconds=30, fleet=fleet)
    with ThreadPoolExecutor(24) as pool, psycopg.connect(**config) as holder:
        holder.execute("LOCK TABLE django_session IN ACCESS EXCLUSIVE MODE")
        for _ in range(24):
            pool.submit(ask)
        wait_until(lambda: waiting() > 1, seconds=30, fleet=fleet)
        yield


@pytest.mark.usefixtures("stuck_visitors")
def test_D3_gunicorns_busy_workers_die_with_their_master_and_leave_no_connection(fleet):
    master = fleet.processes["web"]
    workers = descendants(master.pid)

    os.kill(master.pid, signal.SIGKILL)
    master.wait()

    wait_until(lambda: not alive(workers) and observed()["web"] == 0, seconds=4, fleet=fleet)


@pytest.mark.usefixtures("stuck_visitors")
def test_a_reload_of_gunicorn_is_refused_until_the_one_before_it_is_over(fleet):
    """DEPLOY_OVERLAP has room for a second set of workers, and not for a third."""
    master = fleet.processes["web"].pid
    first = set(descendants(master))
    os.kill(master, signal.SIGHUP)
    wait_until(lambda: len(set(descendants(master)) - first) == len(first), seconds=30, fleet=fleet)
    second = set(descendants(master)) - first

    for name in ("SIGHUP", "SIGUSR2"):
        os.kill(master, getattr(signal, name))
        words = f"{name} is ignored: workers of an earlier reload"
        wait_until(lambda words=words: words in said(fleet), seconds=20, fleet=fleet)

    assert second < set(descendants(master)) <= first | second


def test_an_upgrade_of_gunicorn_is_a_second_set_of_workers_and_nobody_adds_a_third(fleet):
    fleet.start("web")
    old = fleet.processes["web"].pid
    wait_until(lambda: len(descendants(old)) == 4, seconds=30, fleet=fleet)
    os.kill(old, signal.SIGUSR2)
    wait_until(lambda: len(descendants(old)) == 4 + 1 + 4, seconds=60, fleet=fleet)
    (new,) = [pid for pid in descendants(old) if descendants(pid)]

    for number, master in enumerate((old, new), start=1):
        os.kill(master, signal.SIGHUP)
        words = "SIGHUP is ignored: workers of an earlier reload"
        wait_until(lambda number=number, words=words: said(fleet).count(words) == number, seconds=20, fleet=fleet)
    assert len(descendants(old)) == 4 + 1 + 4

    os.kill(old, signal.SIGKILL)  # its workers go with it, and the new master's stay
    fleet.processes["web"].wait()
    wait_until(lambda: len(descendants(new)) == 4, seconds=20, fleet=fleet)
    assert health_of(fleet)["status"]
    os.kill(new, signal.SIGTERM)
    wait_until(lambda: not alive([new]), seconds=30, fleet=fleet)


def test_A14_pages_outlive_the_loss_of_their_connections(fleet):
    """A connection that was lost between two requests is noticed before the second one uses it."""
    fleet.start("web")

    def answers():
        with ThreadPoolExecutor(24) as visitors:
            return list(visitors.map(status_of, ["/", "/health/"] * 24))

    def status_of(path):
        request = urllib.request.Request(f"{fleet.url}{path}", headers=SOMEBODY)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return response.status
        except urllib.error.HTTPError as error:
            return error.code

    assert set(answers()) == {200}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'web:worker'"
        )
        assert cursor.fetchone()[0] >= 4

    assert set(answers()) == {200}


def test_A15_answers_in_hand_outlive_a_server_that_is_full(reviewed, stub, settings):
    """The role's only other slots are taken while all calls wait; the store waits for one and buys nothing again."""
    settings.DRAIN_SECONDS, settings.CONNECT_WAIT = 60, 0.1
    user = sql.Identifier(connection.settings_dict["USER"])
    deciding.approve(reviewed.pk)
    stub.hold()
    stored = []
    drained = threading.Thread(target=lambda: (stored.append(draining.drain("content")), connections.close_all()))
    drained.start()
    stub.wait_for(settings.CONNECTION_BUDGET.service("content").in_flight)
    connection.close()
    with superuser("postgres") as server:
        wait_for(
            lambda: (
                server.execute(
                    "SELECT count(*) FROM pg_stat_activity WHERE usename = %s", [connection.settings_dict["USER"]]
                ).fetchone()[0]
                == 0
            )
        )
        server.execute(sql.SQL("ALTER ROLE {} CONNECTION LIMIT 0").format(user))
        refused = base.refusals().get(base.ROLE, 0)
        stub.release()
        wait_for(lambda: base.refusals().get(base.ROLE, 0) > refused + 2)
        server.execute(sql.SQL("ALTER ROLE {} CONNECTION LIMIT -1").format(user))
    drained.join(60)

    assert stored == [3 * reviewed.concepts.count()]
    bought = [
        (each.purpose, each.prompt_sha256)
        for each in stub.requests()
        if each.purpose in ("tutorial", "resources", "quiz")
    ]
    assert len(bought) == len(set(bought)) == stored[0]


def wait_for(condition, seconds=20.0):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)
