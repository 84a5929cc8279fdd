"""Liveness without a database, readiness with one, and a page's words when there is none."""

import os
import signal
import socket
import threading
import time
from datetime import timedelta

import psycopg
import pytest
from django.db import OperationalError, connection
from django.test import RequestFactory
from django.utils import timezone

from roadmap_project import errors, health, process, sampling
from roadmap_project.connection_budget import ConnectionBudget
from roadmap_project.connections import patient_for
from roadmap_project.environment import Environment
from roadmap_project.models import ConnectionSample
from roadmaps.steps import heartbeats
from tests.factories import make_cluster, make_heartbeat


@pytest.fixture(autouse=True)
def _nothing_seen():
    """Each test looks for itself, and leaves nothing for the next."""
    health.forget()
    yield
    health.forget()


def test_liveness_uses_no_database(client):
    response = client.get("/health/live/")  # pytest-django refuses the database to this test

    assert response.json() == {"status": "alive"}


@pytest.mark.django_db
def test_readiness_tells_the_age_of_each_queues_last_pick_up(client):
    heartbeats.picked_up("content")

    answer = client.get("/health/").json()

    assert answer["status"] == "ready"
    assert 0 <= answer["queues"]["content"]["seconds_since_pick_up"] < 10
    assert answer["queues"]["logs"] == {"seconds_since_pick_up": None, "seconds_since_sweep": None}


@pytest.mark.django_db
def test_D10_a_dead_cluster_beside_a_live_one_is_a_finding(client, settings):
    settings.CONNECTION_BUDGET = ConnectionBudget.from_environment(Environment({"CONTENT_REPLICAS": "2"}))
    make_heartbeat(queue="content", seconds_ago=5)
    make_cluster(queue="content", name="alive:1", seconds_ago=5)
    make_cluster(queue="content", name="dead:1", seconds_ago=240)

    answer = client.get("/health/").json()

    [found] = [each for each in answer["findings"] if each["id"] == "roadmap_project.W049"]
    assert "1 of 2 content clusters pick work up. Seen before: 240 s ago." in found["message"]
    assert "Start the missing one" in found["hint"]
    assert "dead:1" not in str(answer)  # everybody may read it
    assert "CONTENT_REPLICAS" not in found["hint"]  # else what died would soon be called right
    assert answer["clusters"]["content"]["declared"] == 2
    assert answer["clusters"]["content"]["serving"] == 1
    assert answer["clusters"]["logs"] == {"declared": 1, "serving": 0, "seconds_since_pick_up": []}


@pytest.mark.django_db
def test_what_a_deploy_took_away_is_no_finding(client):
    make_cluster(queue="content", name="new:1", seconds_ago=5)
    make_cluster(queue="content", name="old:1", seconds_ago=240)

    assert "roadmap_project.W049" not in {each["id"] for each in client.get("/health/").json()["findings"]}


@pytest.mark.django_db
def test_readiness_needs_few_queries(client, django_assert_num_queries):
    with django_assert_num_queries(
        2 + 6 + 2
    ):  # the server and its roles; the bound, the connections, the queues, the clusters, who was
        # refused, what lasts; the transaction around these
        client.get("/health/")


@pytest.mark.django_db
def test_probes_within_a_moment_share_one_look(client, django_assert_num_queries):
    first = client.get("/health/").json()

    with django_assert_num_queries(0):
        second = client.get("/health/").json()

    assert second["connections"] == first["connections"]
    assert second["age_seconds"] < health.CACHE_SECONDS


@pytest.mark.django_db
def test_A17_readiness_tells_declared_limit_and_observed(client, settings):
    answer = client.get("/health/").json()

    budget, seen = settings.CONNECTION_BUDGET, answer["connections"]
    assert (seen["declared"], seen["declared_deploying"]) == (budget.steady, budget.deploy)
    assert 0 < seen["usable"] < seen["limit"]
    assert seen["services"]["web"] == {
        "declared": budget.service("web").total, "observed": 0, "waits": 0, "refusals": {},
    }  # fmt: skip
    assert seen["services"]["other"]["observed"] >= 1  # this test
    assert seen["observed"] == sum(each["observed"] for each in seen["services"].values())
    assert seen["fits"] is True


@pytest.mark.django_db
def test_readiness_tells_what_its_process_holds_in_the_predecessors_words(client):
    own = client.get("/health/").json()["process"]

    assert own["pool_total"] == own["pool_size"] + own["max_overflow"]
    assert (own["max_overflow"], own["overflow"], own["checked_out"]) == (0, 0, 1)
    assert own["verdict"] == "healthy"


def locked_by_another_thread(statement):
    """Run a statement in a transaction of a thread of its own, which holds until the returned event is set."""
    is_locked, let_go = threading.Event(), threading.Event()

    def hold():
        other = connection.copy()
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute(statement)
        is_locked.set()
        let_go.wait(20)
        other.rollback()
        other.close()

    thread = threading.Thread(target=hold)
    thread.start()
    assert is_locked.wait(10)
    return thread, let_go


@pytest.mark.django_db(transaction=True)
def test_a_database_that_does_not_answer_in_time_is_busy_and_no_reason_to_take_the_web_away(client):
    thread, let_go = locked_by_another_thread("LOCK TABLE roadmaps_queueheartbeat IN ACCESS EXCLUSIVE MODE")
    started = time.monotonic()

    response = client.get("/health/")

    took = time.monotonic() - started
    let_go.set()
    thread.join(20)
    assert response.status_code == 200
    assert response.json()["status"] == "busy"
    assert 1.9 < took < 4
    assert connection.connection is None or not connection.in_atomic_block


@pytest.mark.django_db(transaction=True)
def test_a_server_process_that_has_stopped_answering_holds_no_thread(client):
    """Stopped by a signal it ends nothing by itself, whatever its timeouts are."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (server_process,) = cursor.fetchone()
    try:
        os.kill(server_process, signal.SIGSTOP)
    except PermissionError:
        pytest.skip("the server's processes are another user's")
    started = time.monotonic()
    try:
        response = client.get("/health/")
        took = time.monotonic() - started
    finally:
        os.kill(server_process, signal.SIGCONT)

    assert (response.status_code, response.json()["status"]) == (200, "busy")
    assert took < health.CUT_OFF_AFTER + 2
    health.forget()
    assert client.get("/health/").json()["status"] == "ready"


@pytest.mark.django_db(transaction=True)
def test_patience_that_was_not_needed_leaves_the_connection_alone():
    connection.ensure_connection()
    before = set(threading.enumerate())
    with patient_for(0.2) as patience:
        (its_timer,) = set(threading.enumerate()) - before
    its_timer.join(10)  # at once, or, were it not called off, when it has done what it is there for

    assert not patience.has_ended
    assert connection.is_usable()


@pytest.mark.django_db
def test_patience_bounds_connecting_and_waiting_for_a_slot(settings):
    """A server that takes the connect and says nothing more; the driver's own least are two seconds."""
    settings.CONNECT_WAIT = 60
    assert connection.get_connection_params()["connect_timeout"] == 5
    with socket.create_server(("127.0.0.1", 0)) as frozen:
        host, port = frozen.getsockname()
        silent = connection.copy()
        silent.settings_dict = {
            **connection.settings_dict,
            "HOST": host,
            "PORT": port,
            "OPTIONS": {"connect_timeout": 60},
        }
        started = time.monotonic()

        with patient_for(1), pytest.raises(OperationalError):
            silent.ensure_connection()

    assert 1 < time.monotonic() - started < 4


@pytest.mark.django_db
def test_readiness_gives_every_finding_with_its_id_and_what_to_do(client, settings):
    settings.CONNECTION_BUDGET = ConnectionBudget.from_environment(Environment({"CONTENT_WORKERS": "200"}))
    heartbeats.picked_up("content")

    found = {each["id"].removeprefix("roadmap_project."): each for each in client.get("/health/").json()["findings"]}

    assert found["E001"]["level"] == "error"
    assert "CONTENT_WORKERS=" in found["E001"]["hint"]
    assert found["W012"]["level"] == "warning"
    assert all(each["message"] for each in found.values())


@pytest.mark.django_db
def test_readiness_tells_what_the_server_and_its_clients_give_to_do(client, settings):
    """The server's own limit, who is connected now, and what stood too long."""
    few = {"DB_MAX_CONNECTIONS": "400", "DB_OTHER_CLIENTS": "1"}
    settings.CONNECTION_BUDGET = ConnectionBudget.from_environment(Environment(few))
    for minute in range(sampling.LASTING_MINUTES):
        ConnectionSample.objects.create(
            sampled_at=timezone.now() - timedelta(minutes=minute, seconds=1),
            service="web", observed=9, declared=8, limit=97, usable=72,
        )  # fmt: skip
    parameters = connection.get_connection_params()
    asked = {name: parameters[name] for name in ("dbname", "user", "host", "port", "password") if parameters.get(name)}

    with psycopg.connect(**asked), psycopg.connect(**asked):
        found = {each["id"].removeprefix("roadmap_project.") for each in client.get("/health/").json()["findings"]}

    assert {"W005", "W009", "W007"} <= found


@pytest.mark.django_db(transaction=True)
def test_probes_do_not_pile_up_behind_a_slow_look(client):
    """While one thread looks, another shows what was seen before, or says that it is busy."""
    assert client.get("/health/").json()["status"] == "ready"
    with health._lock:
        health._last = health.Look(**{**vars(health._last), "taken_at": time.monotonic() - 5})
        started = time.monotonic()
        assert client.get("/health/").json()["status"] == "ready"
        assert time.monotonic() - started < 0.5

        health.forget()
        assert client.get("/health/").json()["status"] == "busy"
        assert time.monotonic() - started < health.PATIENCE + 1


@pytest.mark.django_db(transaction=True)
def test_a_process_without_a_free_connection_is_busy(client, monkeypatch):
    connection.close()
    monkeypatch.setattr(process, "current", process.Process(service="content", kind="worker"))
    holder = connection.copy()
    holder.ensure_connection()  # the one that a cluster's process may hold

    response = client.get("/health/")

    holder.close()
    assert (response.status_code, response.json()["status"]) == (200, "busy")
    assert response.json()["process"]["refusals"]["allotment"] >= 1


@pytest.mark.django_db
def test_probes_are_not_redirected_to_https(client, settings):
    settings.SECURE_SSL_REDIRECT = True

    assert client.get("/health/live/").status_code == 200
    assert client.get("/health/").status_code == 200
    assert client.get("/").status_code == 301


def test_a_page_without_a_database_says_so_and_asks_to_come_back():
    try:
        raise OperationalError("connection refused")
    except OperationalError:
        response = errors.server_error(RequestFactory().get("/"))

    assert response.status_code == 503
    assert response["Retry-After"] == "10"
    assert b"try again" in response.content


@pytest.mark.django_db(transaction=True)
def test_readiness_is_503_when_the_database_is_gone(client, monkeypatch):
    connection.close()
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", {"host": "/nonexistent", "connect_timeout": 2})

    response = client.get("/health/")

    assert response.status_code == 503
    assert response.json()["status"] == "no database"
