"""What is killed comes back by itself, and what was paid for is not paid for again."""

import contextlib
import os
import re
import signal
import time
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from django.db import connection, transaction
from django.db.models.functions import Now
from django.test import Client
from django.utils import timezone
from django_q.models import OrmQ, Schedule
from django_q.tasks import async_task

from roadmap_project import process, restarting
from roadmap_project.connection_budget import ConnectionBudget
from roadmap_project.counting import Peak
from roadmap_project.environment import Environment
from roadmaps.models import ClusterHeartbeat, QueueHeartbeat, Roadmap, Step
from roadmaps.steps import waking
from tests.factories import make_heartbeat, make_written_roadmap
from tests.system.conftest import alive, database_url, descendants, holding, wait_until

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

VARIABLES = {"CONTENT_WORKERS": "2", "CONTENT_IN_FLIGHT": "4", "STOP_GRACE": "1", "STORE_RETRY_SECONDS": "2"}
BUDGET = ConnectionBudget.from_environment(Environment(VARIABLES))
PROCESSES = 2 + 3  # workers; sentinel, monitor, pusher
SERVED_AGAIN = 30


@pytest.fixture
def cluster(fleet):
    """The content cluster, guarded by its sentinel and swept once, so that nobody has anything to do."""
    fleet.environment.update(VARIABLES)
    start(fleet)
    return fleet


def start(fleet):
    fleet.start("content")
    wait_until(lambda: "sweep_after_pause" in log_of(fleet), seconds=30, fleet=fleet)
    wait_until(lambda: not OrmQ.objects.filter(key="content").exists(), seconds=10, fleet=fleet)


def parent_of(fleet):
    return fleet.processes["content"].pid


def family(fleet):
    return alive(descendants(parent_of(fleet)))


def log_of(fleet):
    return (fleet.logs / "content.log").read_text()


def pids(fleet, kind):
    """The living processes of one kind, oldest first."""
    if kind == "sentinel":
        return [pid for pid in family(fleet) if descendants(pid)]
    started = re.findall(rf"cluster_process_started' kind='{kind}' pid=(\d+)", log_of(fleet))
    return [pid for pid in map(int, started) if pid in family(fleet)]


def waits_for_a_task(pid):
    """Whether this idle worker is the one that reads the queue, with its lock; the others wait for the lock."""
    return "pipe" in Path(f"/proc/{pid}/wchan").read_text()


def busy_workers():
    running = Step.objects.filter(state=Step.State.RUNNING).values_list("worker", flat=True)
    return [int(worker.rpartition(":")[2]) for worker in running.distinct()]


def victim_of(fleet, kind):
    match kind:
        case "parent":
            return parent_of(fleet)
        case "idle worker":
            wait_until(lambda: any(map(waits_for_a_task, pids(fleet, "worker"))), seconds=5, fleet=fleet)
            return next(pid for pid in pids(fleet, "worker") if waits_for_a_task(pid))
        case "busy worker":
            return busy_workers()[0]
        case _:
            return pids(fleet, kind)[0]


def write_roadmap(concepts=4):
    """Pieces that wait to be written, and their wake-up, in one transaction."""
    with transaction.atomic():
        roadmap = make_written_roadmap(state=Roadmap.State.WRITING, steps=Step.State.WAITING, concepts=concepts)
        waking.wake("content")
    return roadmap


def hold_calls(fleet, model, least=4):
    model.control("hold", {})
    roadmap = write_roadmap()
    wait_until(lambda: model.control("state")["in_flight"] >= least, seconds=20, fleet=fleet)
    return roadmap


def all_done():
    return set(Step.objects.values_list("state", flat=True)) == {Step.State.DONE}


def let_leases_pass():
    """As if their time were over, and the next sweep came after no pause; the schedule is due, too."""
    Step.objects.filter(state=Step.State.RUNNING).update(lease_expires_at=Now())
    QueueHeartbeat.objects.update(swept_at=Now(), takes_leases_from=None)
    Schedule.objects.filter(cluster="content").update(next_run=timezone.now())


def assert_nothing_was_bought_twice(model):
    assert len(model.bought()) == Step.objects.count()


# A8: forked


def test_A8_the_parent_asked_the_database_before_it_forked_and_no_process_uses_its_socket(cluster):
    parent = parent_of(cluster)

    assert sockets(parent) == set()
    assert_nobody_shares_a_socket(cluster)


def assert_nobody_shares_a_socket(fleet):
    everybodys = [each for pid in family(fleet) for each in sockets(pid)]
    assert len(everybodys) >= 2  # the sentinel's and the workers' own
    assert len(everybodys) == len(set(everybodys))


def sockets(pid):
    """Of the database: nothing else that a cluster has before its first model call is a socket."""
    found = [os.readlink(each) for each in Path(f"/proc/{pid}/fd").iterdir()]
    return {each for each in found if each.startswith("socket:")}


# D1, D3: killed


def test_D3_after_the_death_of_any_process_the_queue_is_served_again(cluster, model):
    """One after the other, each in the cluster that the one before left behind."""
    for kind in ("sentinel", "monitor", "pusher", "idle worker"):
        with served_again_after_the_death_of(kind, cluster, model):
            pass


def test_D3_after_the_parents_death_its_children_are_gone_and_the_next_one_serves(cluster, model):
    with served_again_after_the_death_of("parent", cluster, model) as before:
        cluster.processes["content"].wait()
        wait_until(lambda: not alive(before), seconds=2, fleet=cluster)
        cluster.start("content")  # the supervisor's part


def test_D3_after_the_death_of_a_busy_worker_the_survivors_have_their_grace_and_the_queue_is_served_again(fleet, model):
    """The other worker does not get its answers in its grace, which counts; the rest is for starting again."""
    fleet.environment |= {**VARIABLES, "STOP_GRACE": "4"}
    start(fleet)
    hold_calls(fleet, model, least=8)

    with served_again_after_the_death_of("busy worker", fleet, model) as before:
        wait_until(lambda: not alive(before), seconds=SERVED_AGAIN, fleet=fleet)
        model.control("release", {})
        let_leases_pass()

    assert [float(grace) > 3 for grace in re.findall(r"grace=([\d.]+)", log_of(fleet))] == [True]


@contextmanager
def served_again_after_the_death_of(kind, fleet, model):
    """Kill it and let new work come; within 30 seconds of that, all of it is done by what is there then."""
    before, parent, peak = family(fleet), parent_of(fleet), Peak()
    sentinel = pids(fleet, "sentinel")[0]
    assert os.getpgid(sentinel) == sentinel != os.getpgid(parent)  # a group-wide SIGTERM reaches the parent alone
    victim = victim_of(fleet, kind)

    killed_at = time.monotonic()
    os.kill(victim, signal.SIGKILL)
    write_roadmap()
    yield before
    wait_until(all_done, seconds=SERVED_AGAIN, fleet=fleet, watch=lambda: peak.sample(BUDGET))
    took = time.monotonic() - killed_at

    assert took <= SERVED_AGAIN, kind
    assert not alive(before), kind
    assert (parent_of(fleet) == parent) == (kind != "parent")
    assert len(family(fleet)) == PROCESSES, kind
    assert peak.is_within(BUDGET), peak.by_service
    assert "cluster_stop_overdue" not in log_of(fleet)
    assert_nothing_was_bought_twice(model)
    assert set(Step.objects.values_list("losses", flat=True)) <= {0, 1}
    left_by_the_dead = set(OrmQ.objects.values_list("pk", flat=True))
    write_roadmap()
    wait_until(all_done, seconds=10, fleet=fleet)
    wait_until(
        lambda: set(OrmQ.objects.values_list("pk", flat=True)) <= left_by_the_dead, seconds=10, fleet=fleet
    )  # results are acknowledged again


def test_D1_what_a_killed_worker_had_in_hand_runs_again_and_what_survivors_had_is_handed_back(cluster, model):
    hold_calls(cluster, model, least=8)
    killed, survivor = busy_workers()

    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: "cluster_restarts" in log_of(cluster), seconds=10, fleet=cluster)

    by_worker = dict(Step.objects.filter(state=Step.State.RUNNING).values_list("worker", "state").distinct())
    assert [int(worker.rpartition(":")[2]) for worker in by_worker] == [killed]
    assert not alive({killed, survivor})
    model.control("release", {})
    let_leases_pass()
    wait_until(all_done, seconds=SERVED_AGAIN, fleet=cluster)
    assert sorted(Step.objects.values_list("losses", flat=True)) == [0] * 8 + [1] * 4
    assert_nothing_was_bought_twice(model)


def test_A9_the_connection_of_a_worker_killed_in_a_query_is_gone_within_two_seconds(cluster, model):
    def blocked():
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            )
            return bool(cursor.fetchall())

    with psycopg.connect(database_url()) as other:
        other.execute("LOCK TABLE roadmaps_step IN ACCESS EXCLUSIVE MODE")
        waking.wake("content")
        wait_until(blocked, seconds=20, fleet=cluster)

        for pid in pids(cluster, "worker"):
            os.kill(pid, signal.SIGKILL)

        wait_until(lambda: not blocked(), seconds=2, fleet=cluster)
    write_roadmap()
    wait_until(all_done, seconds=SERVED_AGAIN, fleet=cluster)


@pytest.mark.parametrize(
    "task", [("time.sleep", 60), ("sum", range(10**13))], ids=["hears the alarm", "is deaf to the alarm"]
)
def test_a_worker_whose_task_timed_out_is_replaced_and_nobody_else(cluster, task):
    before = {kind: pids(cluster, kind) for kind in ("sentinel", "worker", "monitor", "pusher")}
    most = PROCESSES

    def look():
        nonlocal most
        most = max(most, len(family(cluster)))

    async_task(*task, timeout=1, cluster="content")
    wait_until(lambda: "cluster_process_replaced" in log_of(cluster), seconds=20, fleet=cluster, watch=look)
    wait_until(lambda: len(pids(cluster, "worker")) == 2, seconds=10, fleet=cluster, watch=look)

    assert most == PROCESSES
    assert len(set(pids(cluster, "worker")) & set(before["worker"])) == 1
    for kind in ("sentinel", "monitor", "pusher"):
        assert pids(cluster, kind) == before[kind]
    assert_nobody_shares_a_socket(cluster)  # the replacement was forked from a sentinel that had a connection
    write_roadmap()
    wait_until(all_done, seconds=15, fleet=cluster)


# The end of restarting


def test_D3_after_five_restarts_in_ten_minutes_the_command_gives_up(fleet, model):
    now = time.monotonic()
    fleet.environment |= {**VARIABLES, restarting.VARIABLE: " ".join(str(now - each) for each in (700, 4, 3, 2, 1))}
    start(fleet)

    os.kill(pids(fleet, "sentinel")[0], signal.SIGKILL)
    wait_until(lambda: log_of(fleet).count("cluster_started") == 2, seconds=SERVED_AGAIN, fleet=fleet)
    assert fleet.processes["content"].poll() is None  # one was long ago
    os.kill(pids(fleet, "sentinel")[0], signal.SIGKILL)

    assert fleet.processes["content"].wait(20) == 1
    assert "cluster_gives_up' restarts=5" in log_of(fleet)
    assert "content" not in holding()


def test_D11_sigterm_during_a_restart_ends_the_command(cluster):
    parent = parent_of(cluster)

    os.kill(pids(cluster, "sentinel")[0], signal.SIGKILL)
    wait_until(lambda: holds_sigterm(parent), seconds=10, fleet=cluster)
    os.kill(parent, signal.SIGTERM)

    assert cluster.processes["content"].wait(20) == 0
    assert log_of(cluster).count("cluster_started") == 1


def holds_sigterm(pid):
    """Whether the kernel keeps SIGTERM for this process until it is ready to hear it."""
    held = re.search(r"SigBlk:\s*(\w+)", Path(f"/proc/{pid}/status").read_text())[1]
    return bool(int(held, 16) >> (signal.SIGTERM - 1) & 1)


def test_D11_sigterm_while_survivors_drain_ends_the_command(fleet, model):
    fleet.environment |= {**VARIABLES, "STOP_GRACE": "60"}
    start(fleet)
    hold_calls(fleet, model, least=8)

    os.kill(pids(fleet, "monitor")[0], signal.SIGKILL)
    wait_until(lambda: log_of(fleet).count("drain_stopping") == 2, seconds=10, fleet=fleet)
    os.kill(parent_of(fleet), signal.SIGTERM)
    model.control("release", {})

    assert fleet.processes["content"].wait(20) == 0
    assert "cluster_restarts" not in log_of(fleet)
    assert all(float(grace) <= 17 for grace in re.findall(r"grace=([\d.]+)", log_of(fleet)))
    assert sorted(Step.objects.values_list("state", flat=True)) == [Step.State.DONE] * 8 + [Step.State.WAITING] * 4


# D11: asked to stop


def test_D11_with_grace_what_answers_in_time_is_stored_however_often_one_asks(fleet, model):
    fleet.environment |= {**VARIABLES, "STOP_GRACE": "10"}
    start(fleet)
    before = family(fleet)
    hold_calls(fleet, model, least=8)

    for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGINT):
        os.kill(parent_of(fleet), number)
    wait_until(lambda: log_of(fleet).count("drain_stopping") == 2, seconds=5, fleet=fleet)
    os.kill(parent_of(fleet), signal.SIGTERM)
    model.control("release", {})

    assert fleet.processes["content"].wait(20) == 0
    assert not alive(before)
    assert "content" not in holding()
    assert sorted(Step.objects.values_list("state", flat=True)) == [Step.State.DONE] * 8 + [Step.State.WAITING] * 4
    fleet.start("content")
    wait_until(all_done, seconds=SERVED_AGAIN, fleet=fleet)
    assert_nothing_was_bought_twice(model)


def test_D11_without_grace_what_was_in_hand_is_taken_up_when_its_lease_is_over(cluster, model):
    hold_calls(cluster, model, least=8)
    everyone = {parent_of(cluster), *family(cluster)}

    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in everyone:
            with contextlib.suppress(ProcessLookupError):  # it had nothing to hand back
                os.kill(pid, number)
    cluster.processes["content"].wait()
    wait_until(lambda: not alive(everyone), seconds=2, fleet=cluster)
    model.control("release", {})
    assert Step.objects.filter(state=Step.State.RUNNING).count() >= 8
    let_leases_pass()
    cluster.start("content")

    wait_until(all_done, seconds=SERVED_AGAIN, fleet=cluster)
    assert_nothing_was_bought_twice(model)


def test_D11_a_sentinel_that_does_not_answer_is_killed_with_its_children(cluster):
    before = family(cluster)

    os.kill(pids(cluster, "sentinel")[0], signal.SIGSTOP)
    os.kill(parent_of(cluster), signal.SIGTERM)

    assert cluster.processes["content"].wait(15) == 0
    assert not alive(before)


# D10: nobody is there


def test_D10_the_page_says_which_queue_nobody_serves_until_somebody_does(fleet, model):
    fleet.environment.update(VARIABLES)
    roadmap = write_roadmap()
    Step.objects.update(created_at=timezone.now() - timedelta(minutes=5))
    make_heartbeat(queue="content", seconds_ago=190)
    visitor = Client()
    visitor.force_login(roadmap.owner)

    def page():
        return visitor.get(roadmap.get_absolute_url()).content.decode()

    assert "No worker has been serving the content queue for 3 minutes" in page()
    fleet.start("content")

    wait_until(lambda: "No worker" not in page(), seconds=SERVED_AGAIN, fleet=fleet)
    wait_until(all_done, seconds=SERVED_AGAIN, fleet=fleet)
    [beat] = ClusterHeartbeat.objects.all()  # of this cluster alone, whichever of its workers wrote it
    assert (beat.queue, beat.cluster.rpartition(":")[0]) == ("content", process.address().rpartition(":")[0])
