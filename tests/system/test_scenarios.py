"""The whole fleet killed, pages at the content's peak, and the commands that run beside them."""

import os
import signal
import statistics
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.db.models.functions import Now
from django.utils import timezone
from django_q.models import Schedule

from roadmap_project.demo import Browser
from roadmap_project.fleet import ROOT
from roadmaps.models import Roadmap, Step
from roadmaps.steps import waking
from tests.factories import make_written_roadmap
from tests.system.conftest import alive, descendants, observed, wait_until

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]

PASSWORD = "correct horse battery"


def write_roadmap(**tree):
    """Pieces that wait to be written, and their wake-up, in one transaction."""
    with transaction.atomic():
        roadmap = make_written_roadmap(state=Roadmap.State.WRITING, steps=Step.State.WAITING, **tree)
        waking.wake("content")
    return roadmap


def done():
    return Step.objects.filter(state=Step.State.DONE).count()


def test_D2_after_the_whole_fleet_was_killed_only_what_is_unfinished_is_made(fleet, model):
    fleet.environment |= {"CONTENT_WORKERS": "2", "CONTENT_IN_FLIGHT": "4", "STORE_RETRY_SECONDS": "2"}
    fleet.environment |= {"WEB_WORKERS": "1", "LOGS_WORKERS": "2", "WORKFLOW_WORKERS": "1"}
    fleet.start()
    wait_until(lambda: "sweep_after_pause" in fleet.tail("content"), seconds=60, fleet=fleet)
    roadmap = write_roadmap(concepts=9)  # so many that eight are left, however late they are held
    wait_until(lambda: done() >= 8, seconds=60, fleet=fleet)
    model.control("hold", {})
    wait_until(lambda: model.control("state")["in_flight"] == 8, seconds=30, fleet=fleet)
    finished = set(Step.objects.filter(state=Step.State.DONE).values_list("pk", "finished_at"))
    everyone = {each.pid for each in fleet.processes.values()}
    everyone |= set().union(*(descendants(pid) for pid in everyone))

    for pid in everyone:
        with suppress(ProcessLookupError):  # it died with its parent
            os.kill(pid, signal.SIGKILL)
    for process in fleet.processes.values():
        process.wait()
    wait_until(lambda: not alive(everyone), seconds=5, fleet=fleet)
    assert Step.objects.filter(state=Step.State.RUNNING).count() == 8
    model.control("release", {})
    Step.objects.filter(state=Step.State.RUNNING).update(lease_expires_at=Now())  # as if their time were over
    Schedule.objects.update(next_run=timezone.now())
    fleet.start()
    wait_until(lambda: done() == 27, seconds=60, fleet=fleet)

    assert finished <= set(Step.objects.values_list("pk", "finished_at"))
    assert len(model.bought()) == len(set(model.bought())) == 27
    wait_until(lambda: Roadmap.objects.get(pk=roadmap.pk).state == Roadmap.State.READY, seconds=10, fleet=fleet)
    assert sum(Step.objects.values_list("losses", flat=True)) == 8


def test_A13_a_page_answers_in_well_under_a_second_while_content_is_written_at_full_speed(fleet, model):
    fleet.start("web", "content")
    browser, times = Browser(fleet.url), []
    browser.get("/sign-up/")
    browser.submit("/sign-up/", username="ada", password1=PASSWORD, password2=PASSWORD)
    owner = get_user_model().objects.get()
    wait_until(lambda: observed()["content"] >= 3, seconds=60, fleet=fleet)
    model.control("hold", {})
    roadmap = write_roadmap(owner=owner, stages=2, modules=2, concepts=10)

    def load():
        began = time.monotonic()
        _, page = browser.get(roadmap.get_absolute_url())
        times.append(time.monotonic() - began)
        assert "Concept 40" in page

    wait_until(lambda: model.control("state")["in_flight"] == 120, seconds=60, fleet=fleet, watch=load)
    model.control("release", {})  # all are answered, and stored, at once
    wait_until(lambda: done() == 120, seconds=60, fleet=fleet, watch=load)

    assert len(times) >= 3
    assert statistics.median(times) < 0.8, times


def test_A11_a_shell_a_migration_a_command_and_monitoring_are_in_the_budget(fleet):
    budget = settings.CONNECTION_BUDGET
    ask = "from roadmaps.models import Step; Step.objects.count(); print('asked', flush=True); input()"
    kept_open = ["shell", "--verbosity", "0", "-c", ask]
    passing = [["migrate", "--noinput"], ["roadmap", "list"], ["connection_budget", "--live"]]
    most: Counter[str] = Counter()

    def look():
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT application_name, count(*) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid() "
                "AND state IS NOT NULL GROUP BY 1"  # before that, it has not taken its name yet
            )
            for name, count in cursor.fetchall():
                most[name] = max(most[name], count)

    def run(command):
        return subprocess.Popen(
            [sys.executable, "manage.py", *command],
            cwd=ROOT,
            env=fleet.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    shell, *gone = [run(command) for command in (kept_open, *passing)]
    try:
        assert shell.stdout.readline() == "asked\n"
        wait_until(
            lambda: all(each.poll() is not None for each in gone),
            seconds=60,
            fleet=fleet,
            watch=look,
        )
        assert [each.returncode for each in gone] == [0, 0, 0]
    finally:
        for each in (shell, *gone):
            each.communicate("\n", timeout=30)

    assert most.pop("release:migrate") == 1
    assert set(most) <= {"other:shell", "other:roadmap", "other:connection_budget"}
    assert set(most.values()) == {1}
    assert most["other:shell"] == 1
    assert most.total() <= len(passing) <= budget.other_clients
    assert budget.deploy + budget.other_clients <= budget.limit
