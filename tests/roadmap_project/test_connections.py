"""Who holds a connection, who must not, and what the server sees; on the real server."""

import gc
import json
import os
import socket
import threading
import time
import traceback
import warnings

import psycopg
import pytest
from django.db import OperationalError, connection, connections, transaction

from roadmap_project import process
from roadmap_project.connection_budget import ConnectionBudget
from roadmap_project.connections import (
    ConnectionBudgetExceededError,
    ConnectionHeldError,
    connection_released,
    forbid_in_this_thread,
)
from roadmap_project.environment import Environment
from roadmap_project.postgresql.base import allotment, open_connections

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _left_as_found():
    """This thread may connect again, and holds nothing but its own connection, whatever a test did."""
    connection.ensure_connection()
    yield
    connection.close()
    gc.collect()


@pytest.fixture
def become(monkeypatch):
    """Be a process of the fleet; restored afterwards. A change of name needs a new connection to be seen."""

    def change(service: str, kind: str, stop_event: object = None) -> None:
        connection.close()
        monkeypatch.setattr(process, "current", process.Process(service=service, kind=kind, stop_event=stop_event))

    return change


@pytest.fixture
def observer():
    """The server seen from outside: a connection that our backend knows nothing of."""
    parameters = connection.get_connection_params()
    for ours in ("cursor_factory", "context"):
        parameters.pop(ours, None)
    with psycopg.connect(**parameters | {"application_name": "observer"}, autocommit=True) as outside:
        yield outside


def names_on_the_server(observer) -> list[str]:
    rows = observer.execute(
        "SELECT application_name FROM pg_stat_activity WHERE datname = current_database() ORDER BY 1"
    ).fetchall()
    return [name for (name,) in rows if name != "observer"]


def settles(condition, seconds: float = 5) -> bool:
    """The server notices a close a moment later."""
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.01)
    return condition()


def backend_pid() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return cursor.fetchone()[0]


def in_thread(function):
    """What a function returns or raises in a thread of its own."""
    outcome = {}

    def run():
        try:
            outcome["value"] = function()
        except BaseException as error:  # noqa: BLE001  handed to the test
            outcome["error"] = error

    thread = threading.Thread(target=run, name="beside")
    thread.start()
    thread.join(20)
    assert not thread.is_alive()
    if "error" in outcome:
        raise outcome["error"]
    return outcome.get("value")


def in_fork(function):
    """What a function returns in a forked child; the child ends without touching what it inherited."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # a fork beside threads; the child is short and careful
        child = os.fork()
    if not child:
        try:
            report = json.dumps(function())
        except BaseException:  # noqa: BLE001  handed to the test
            report = json.dumps(traceback.format_exc())
        os.write(writing, report.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    return json.loads(text)


def test_a_released_connection_is_gone_on_the_server_and_comes_back_afterwards(observer, become):
    become("content", "worker")
    backend_pid()
    assert "content:worker" in names_on_the_server(observer)

    with connection_released():
        assert connection.connection is None
        assert open_connections() == 0
        assert settles(lambda: "content:worker" not in names_on_the_server(observer))

    assert backend_pid()
    assert "content:worker" in names_on_the_server(observer)


def test_a_query_while_released_is_refused():
    with connection_released(), pytest.raises(ConnectionHeldError, match=r"inside connection_released\(\)"):
        backend_pid()

    assert backend_pid()


def test_a_wrapper_made_while_released_is_refused_too():
    with connection_released():
        other = connection.copy()
        with pytest.raises(ConnectionHeldError):
            other.ensure_connection()


def test_releasing_is_refused_inside_a_transaction_and_leaves_it_usable():
    with transaction.atomic():
        before = backend_pid()
        with pytest.raises(ConnectionHeldError, match="inside a transaction"), connection_released():
            pytest.fail("entered")

        assert backend_pid() == before


def test_releasing_is_refused_where_a_transaction_is_held_by_hand():
    connection.set_autocommit(False)
    try:
        backend_pid()
        with pytest.raises(ConnectionHeldError, match="inside a transaction"), connection_released():
            pytest.fail("entered")
    finally:
        connection.rollback()
        connection.set_autocommit(True)


def test_released_blocks_nest():
    with connection_released():
        with connection_released():
            pass
        with pytest.raises(ConnectionHeldError):
            backend_pid()

    assert backend_pid()


def test_after_an_error_inside_the_connection_may_be_used_again():
    with pytest.raises(LookupError), connection_released():
        raise LookupError

    assert backend_pid()


def test_releasing_concerns_this_thread_alone():
    def query():
        try:
            return backend_pid()
        finally:
            connections.close_all()

    with connection_released():
        assert in_thread(query)


def test_a_connection_above_the_allotment_is_refused_by_name_and_the_server_sees_no_attempt(become):
    become("content", "worker")
    connection.ensure_connection()
    second = connection.copy()
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.2)
    address = {"HOST": "127.0.0.1", "PORT": str(listener.getsockname()[1]), "OPTIONS": {"connect_timeout": 10}}
    second.settings_dict = {**connection.settings_dict, **address}

    with pytest.raises(ConnectionBudgetExceededError) as refused:
        second.ensure_connection()

    with listener, pytest.raises(TimeoutError):
        listener.accept()  # nobody came
    text = str(refused.value)
    assert "content:worker may hold 1 connection(s) and holds 1" in text
    assert "connection budget" in text
    assert isinstance(refused.value, OperationalError)  # whoever copes with a full server copes with this
    assert open_connections() == 1


def test_a_refused_connection_is_counted_by_the_server_neither_before_nor_after(observer, become):
    become("content", "worker")
    connection.ensure_connection()
    before = names_on_the_server(observer)

    for _ in range(5):  # each looks for garbage that holds a connection
        with pytest.raises(ConnectionBudgetExceededError):
            connection.copy().ensure_connection()

    assert names_on_the_server(observer) == before
    assert open_connections() == 1


@pytest.mark.parametrize(
    ("service", "kind", "expected"),
    [("web", "worker", 2), ("web", "runserver", 8), ("logs", "pusher", 1), ("content", "worker", 1),
     ("workflow", "sentinel", 1), ("release", "migrate", 1), ("other", "shell", 5)],
)  # fmt: skip
def test_each_process_is_allotted_what_the_budget_says(become, settings, service, kind, expected):
    settings.CONNECTION_BUDGET = ConnectionBudget.from_environment(Environment({}))
    become(service, kind)

    assert allotment() == expected


def test_a_web_process_may_hold_one_connection_a_thread_and_no_more(become, settings):
    settings.CONNECTION_BUDGET = ConnectionBudget.from_environment(Environment({"WEB_THREADS": "3"}))
    become("web", "worker")
    wrappers = [connection.copy() for _ in range(4)]
    try:
        for wrapper in wrappers[:3]:
            wrapper.ensure_connection()

        with pytest.raises(ConnectionBudgetExceededError, match="web:worker may hold 3"):
            wrappers[3].ensure_connection()

        wrappers[0].close()
        wrappers[3].ensure_connection()
        assert open_connections() == 3
    finally:
        for wrapper in wrappers:
            wrapper.close()


def test_threads_that_rush_in_together_never_hold_more_than_the_allotment(become, settings):
    settings.CONNECTION_BUDGET = ConnectionBudget.from_environment(Environment({"WEB_THREADS": "3"}))
    become("web", "worker")
    together, all_tried = threading.Barrier(12), threading.Barrier(12)
    refused, held = [], []

    def rush():
        together.wait(10)
        try:
            connection.ensure_connection()
            held.append(open_connections())
        except ConnectionBudgetExceededError as error:
            refused.append(error)
        all_tried.wait(20)
        connections.close_all()

    threads = [threading.Thread(target=rush) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert (len(held), len(refused)) == (3, 9)
    assert max(held) <= 3
    assert open_connections() == 0


def test_a_connection_that_could_not_be_opened_takes_no_slot(become):
    become("content", "worker")
    broken = connection.copy()
    broken.settings_dict = {**connection.settings_dict, "NAME": "no_such_database"}

    for _ in range(3):
        with pytest.raises(OperationalError, match="no_such_database"):
            broken.ensure_connection()

    assert open_connections() == 0
    connection.ensure_connection()


def test_A14_a_connection_that_the_server_dropped_gives_its_slot_back(observer, become):
    become("content", "worker")
    observer.execute("SELECT pg_terminate_backend(%s)", [backend_pid()])
    with pytest.raises(OperationalError):
        backend_pid()

    connection.close_if_unusable_or_obsolete()

    assert open_connections() == 0
    another = connection.copy()
    another.ensure_connection()  # the slot is anybody's in this process
    another.close()
    assert backend_pid()
    assert open_connections() == 1


def test_a_thread_that_ended_without_closing_gives_its_slot_back(become):
    become("web", "worker")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # psycopg says that nobody closed it, which is the case here
        for _ in range(6):
            in_thread(lambda: connection.ensure_connection())
        in_thread(backend_pid)
        gc.collect()

    assert open_connections() == 0


def test_a_forked_child_of_whom_nobody_said_what_it_is_may_hold_no_connection(become):
    become("content", "worker")

    def child():
        try:
            connection.copy().ensure_connection()
        except ConnectionBudgetExceededError as error:
            return str(error)
        return "not refused"

    assert "content:fork may hold 0 connection(s)" in in_fork(child)
    assert (process.current.kind, open_connections()) == ("worker", 0)


def test_a_forked_child_is_what_was_said_before_the_fork(become):
    become("content", "sentinel")
    process.current.child_kind = "pusher"

    assert in_fork(lambda: [process.current.kind, process.current.child_kind]) == ["pusher", ""]


def test_every_session_asks_for_keepalives_on_both_ends():
    connection.ensure_connection()

    asked = connection.connection.info.get_parameters()

    wanted = {"connect_timeout": "5", "keepalives_idle": "30", "keepalives_interval": "10", "keepalives_count": "3",
              "tcp_user_timeout": "30000"}  # fmt: skip
    assert {name: asked.get(name) for name in wanted} == wanted
    for name, value in (("idle", 30), ("interval", 10), ("count", 3)):
        assert f"-c tcp_keepalives_{name}={value}" in asked["options"]


def test_A8_a_forked_child_counts_afresh_and_its_connection_is_its_own(become):
    become("content", "worker")
    parents = backend_pid()

    def child():
        process.become("content", "worker")
        inherited = open_connections()
        fresh = connection.copy()
        fresh.ensure_connection()
        with fresh.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            pid = cursor.fetchone()[0]
        try:
            connection.copy().ensure_connection()
            text = "not refused"
        except ConnectionBudgetExceededError as error:
            text = str(error)
        return {"inherited": inherited, "pid": pid, "then": open_connections(), "refused": text}

    report = in_fork(child)

    assert report["inherited"] == 0
    assert report["pid"] != parents
    assert report["then"] == 1
    assert "may hold 1 connection(s) and holds 1" in report["refused"]
    assert open_connections() == 1
    assert backend_pid() == parents


def test_a_fork_while_another_thread_counts_does_not_lock_the_child(become):
    """The lock is held by a thread that does not exist in the child."""
    from roadmap_project.postgresql import base

    become("other", "test")
    with base._lock:
        report = in_fork(lambda: open_connections())

    assert report == 0


def test_a_thread_that_may_have_no_connection_is_refused_and_says_who_it_is():
    def query():
        forbid_in_this_thread("the calls' thread")
        connection.ensure_connection()

    with pytest.raises(ConnectionHeldError, match="the calls' thread may not open a database connection"):
        in_thread(query)

    assert backend_pid()


def test_a_forbidden_thread_stays_forbidden_after_a_released_block():
    def query():
        forbid_in_this_thread("the calls' thread")
        with connection_released():
            pass
        connection.ensure_connection()

    with pytest.raises(ConnectionHeldError, match="the calls' thread"):
        in_thread(query)


def test_in_a_cluster_only_the_main_thread_may_use_the_database(become):
    become("content", "worker", threading.Event())

    with pytest.raises(ConnectionBudgetExceededError) as refused:
        in_thread(connection.ensure_connection)
    assert "thread 'beside' of content:worker" in str(refused.value)
    assert "connection budget" in str(refused.value)

    with pytest.raises(ConnectionBudgetExceededError):
        in_thread(lambda: connections["default"].ensure_connection())
    assert backend_pid()


@pytest.mark.parametrize(
    ("service", "kind"), [("web", "worker"), ("logs", "monitor"), ("content", "pusher"), ("release", "migrate")]
)
def test_A17_the_server_shows_service_and_kind(become, observer, service, kind):
    become(service, kind)

    connection.ensure_connection()

    assert f"{service}:{kind}" in names_on_the_server(observer)


def test_sessions_are_told_to_notice_a_dead_client_and_to_end_long_statements():
    with connection.cursor() as cursor:
        shown = {}
        for name in ("client_connection_check_interval", "statement_timeout", "idle_in_transaction_session_timeout"):
            cursor.execute(f"SHOW {name}")
            shown[name] = cursor.fetchone()[0]

    assert shown == {
        "client_connection_check_interval": "1s",
        "statement_timeout": "30s",
        "idle_in_transaction_session_timeout": "1min",
    }
