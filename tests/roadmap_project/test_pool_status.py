"""What a process says of itself, and what it does when the server is full; on the real server."""

import threading
import time
from datetime import timedelta

import psycopg
import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from roadmap_project import health, pool_status, process, troubles
from roadmap_project.connection_budget import ConnectionBudget
from roadmap_project.connections import ConnectionBudgetExceededError, patient_for
from roadmap_project.dev_database import SUPERUSER
from roadmap_project.environment import Environment
from roadmap_project.models import ConnectionTrouble
from roadmap_project.pool_status import PoolStatus
from roadmap_project.postgresql import base, telling

pytestmark = pytest.mark.django_db(transaction=True)

BUDGET = ConnectionBudget.from_environment(Environment({}))


@pytest.fixture(autouse=True)
def _untroubled(monkeypatch):
    """No waits and refusals from other tests, and none for them."""
    monkeypatch.setattr(base, "_troubles", base.Troubles())
    health.forget()
    yield
    health.forget()


@pytest.fixture
def become(monkeypatch):
    def change(service: str, kind: str) -> None:
        connection.close()
        monkeypatch.setattr(process, "current", process.Process(service=service, kind=kind))

    yield change
    connection.close()


TOLD = "SELECT service, refused_by, waits, refusals, lately FROM roadmap_project_connectiontrouble ORDER BY 1, 2"


def told():
    """What the rows say, read past our backend."""
    with outside() as reader:
        return reader.execute(TOLD).fetchall()


def outside(**parameters):
    """A connection of which our backend knows nothing."""
    mine = connection.get_connection_params()
    for ours in ("cursor_factory", "context"):
        mine.pop(ours, None)
    return psycopg.connect(**mine | parameters, autocommit=True)


@pytest.fixture
def full_role(become):
    """A role with one slot, which is taken: its connection; `wrapper` is ours, as that role."""
    become("web", "worker")
    try:
        superuser = outside(user=SUPERUSER)
    except psycopg.OperationalError:
        pytest.skip("only the private server lets us in as its superuser")
    superuser.execute("DROP ROLE IF EXISTS one_slot")
    superuser.execute("CREATE ROLE one_slot LOGIN CONNECTION LIMIT 1")
    holder = outside(user="one_slot")
    yield holder
    holder.close()
    until = time.monotonic() + 5
    while superuser.execute("SELECT 1 FROM pg_stat_activity WHERE usename = 'one_slot'").fetchone():
        assert time.monotonic() < until
        time.sleep(0.01)
    superuser.execute("DROP ROLE one_slot")
    superuser.close()


@pytest.fixture
def wrapper(full_role):
    ours = connection.copy()
    ours.settings_dict = {**connection.settings_dict, "USER": "one_slot"}
    yield ours
    ours.close()


def test_A15_a_thread_waits_for_a_slot_and_takes_it_when_it_is_free(full_role, wrapper):
    seen = []
    timer = threading.Timer(0.5, lambda: (seen.append((base.waiting(), pool_status.status())), full_role.close()))
    started = time.monotonic()
    timer.start()

    wrapper.ensure_connection()

    timer.join()
    assert 0.45 < time.monotonic() - started < 2
    assert seen[0][0] == 1
    assert (seen[0][1].checked_out, seen[0][1].waiting) == (0, 1)
    assert (base.waits(), base.waiting(), base.refusals()) == (1, 0, {})
    assert base.open_connections() == 1


def test_A15_it_is_refused_when_its_time_is_up_and_gives_its_place_back(settings, wrapper):
    settings.CONNECT_WAIT = 0.6
    started = time.monotonic()

    with pytest.raises(OperationalError, match="too many connections for role"):
        wrapper.ensure_connection()

    assert 0.55 < time.monotonic() - started < 1
    assert (base.waits(), base.waiting(), base.refusals()) == (1, 0, {"role": 1})
    assert base.open_connections() == 0


def test_whoever_has_less_patience_waits_for_a_slot_no_longer_than_that(settings, wrapper):
    settings.CONNECT_WAIT = 60
    started = time.monotonic()

    with patient_for(0.5), pytest.raises(OperationalError):
        wrapper.ensure_connection()

    assert 0.45 < time.monotonic() - started < 5


def test_a_clusters_process_does_not_wait_because_its_stores_do(settings, wrapper):
    settings.CONNECT_WAIT = 0.0
    started = time.monotonic()

    with pytest.raises(OperationalError, match="too many connections for role"):
        wrapper.ensure_connection()

    assert time.monotonic() - started < 0.3
    assert (base.waits(), base.refusals()) == (0, {"role": 1})


def test_what_is_no_refusal_is_not_waited_for(become):
    become("web", "worker")
    broken = connection.copy()
    broken.settings_dict = {**connection.settings_dict, "NAME": "no_such_database"}
    started = time.monotonic()

    with pytest.raises(OperationalError, match="no_such_database"):
        broken.ensure_connection()

    assert time.monotonic() - started < 1
    assert (base.waits(), base.refusals()) == (0, {})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('FATAL:  too many connections for role "web"', "role"),
        ('FATAL:  too many connections for database "roadmaps"', "database"),
        ("FATAL:  remaining connection slots are reserved for roles with the SUPERUSER attribute", "server"),
        ("FATAL:  sorry, too many clients already", "server"),
        ("FATAL:  no more connections allowed (max_client_conn)", "pooler"),
        ("connection refused", ""),
    ],
)
def test_who_refused_is_read_from_the_servers_words(text, reason):
    assert base.refused_by(OperationalError(text)) == reason


def test_a_process_says_what_it_may_hold_and_holds(become):
    become("web", "worker")
    connection.ensure_connection()

    answer = pool_status.status().as_json()

    assert {name: answer[name] for name in ("pool_size", "max_overflow", "checked_out", "overflow", "pool_total")} == {
        "pool_size": 2, "max_overflow": 0, "checked_out": 1, "overflow": 0, "pool_total": 2,
    }  # fmt: skip
    assert (answer["waits"], answer["refusals"], answer["findings"]) == (0, {}, [])
    assert answer["verdict"] == "healthy"


@pytest.mark.parametrize(("checked_out", "is_healthy", "overflow"), [(0, True, 0), (2, True, 0), (3, False, 1)])
def test_a_process_is_healthy_while_it_holds_no_more_than_it_may(checked_out, is_healthy, overflow):
    status = PoolStatus(service="web", kind="worker", pool_size=2, checked_out=checked_out)

    assert (status.is_healthy, status.overflow) == (is_healthy, overflow)
    assert status.as_json()["verdict"] == ("healthy" if is_healthy else "over its allotment")


def test_refusals_by_the_own_allotment_become_a_finding_when_they_recur(become):
    become("web", "worker")
    wrappers = [connection.copy() for _ in range(2)]
    for each in wrappers:
        each.ensure_connection()

    for times in range(1, 4):
        with pytest.raises(ConnectionBudgetExceededError):
            connection.ensure_connection()
        assert len(pool_status.status().findings) == (times == 3)

    assert "Raise WEB_THREADS" in pool_status.status().findings[0].hint
    assert pool_status.status().refusals == {"allotment": 3}
    assert pool_status.status().is_healthy  # the bound held
    for each in wrappers:
        each.close()


@pytest.mark.parametrize(
    ("service", "reason", "variable"),
    [
        ("web", base.ALLOTMENT, "WEB_THREADS"),
        ("web", base.ROLE, "WEB_WORKERS"),
        ("content", base.ROLE, "CONTENT_WORKERS"),
        ("other", base.ROLE, "DB_OTHER_CLIENTS"),
        ("web", base.SERVER, "DB_MAX_CONNECTIONS"),
        ("logs", base.SERVER, "DB_MAX_CONNECTIONS"),
        ("web", base.DATABASE, "CONNECTION LIMIT"),
        ("web", base.POOLER, "DB_POOLER_MAX_CLIENT_CONN"),
    ],
)
def test_a_finding_names_what_to_raise(service, reason, variable):
    assert pool_status.findings(BUDGET, service, {reason: 2}) == ()

    (finding,) = pool_status.findings(BUDGET, service, {reason: 3})

    assert finding.id == "roadmap_project.W011"
    assert finding.msg.startswith(f"3 connects of this {service} process within 10 minutes")
    assert variable in finding.hint + finding.msg


def test_what_happened_long_ago_is_no_finding():
    long_ago = time.monotonic() - base.RECENT - 1
    base._troubles.recent.extend([(long_ago, base.SERVER)] * 5)

    assert base.recently() == {}


def test_a_refused_process_says_so_over_the_next_connection_that_it_gets(full_role, become, settings):
    settings.CONNECT_WAIT = 0.3
    become("content", "monitor")
    wrapper = connection.copy()
    wrapper.settings_dict = {**connection.settings_dict, "USER": "one_slot"}
    for _ in range(3):
        with pytest.raises(OperationalError, match="too many connections for role"):
            wrapper.ensure_connection()
    assert told() == []

    connection.ensure_connection()
    assert (told(), base.open_connections()) == ([("content", "role", 3, 3, 3)], 1)

    become("content", "worker")
    connection.ensure_connection()
    assert told() == [("content", "role", 3, 3, 3)]  # it says nothing twice

    answer = health._connections(health.look().count, troubles.known())["services"]["content"]
    assert (answer["waits"], answer["refusals"]) == (3, {"role": 3})
    (finding,) = [each for each in health.look().findings if each.id == "roadmap_project.W011"]
    assert "3 connects of content met their role's CONNECTION LIMIT since" in finding.msg
    assert "CONTENT_WORKERS" in finding.hint


def test_a_process_that_keeps_its_connections_says_between_two_requests_that_it_was_refused(become):
    become("web", "worker")
    held = [connection.copy() for _ in range(2)]
    for each in held:
        each.ensure_connection()
    with pytest.raises(ConnectionBudgetExceededError):
        connection.ensure_connection()
    assert told() == []

    held[0].close_if_unusable_or_obsolete()  # as Django does at a request's beginning and end

    assert told() == [("web", "allotment", 0, 1, 1)]
    for each in held:
        each.close()


def test_what_cannot_be_said_now_is_said_later(become, monkeypatch):
    become("web", "worker")
    connection.ensure_connection()
    base._troubles.note(base.SERVER, connects=1, waits=1)
    with monkeypatch.context() as before_the_first_migration:
        before_the_first_migration.setattr(telling, "ADD", telling.ADD.replace("connectiontrouble", "no_such_table"))
        connection.close_if_unusable_or_obsolete()
    base._troubles.note(base.SERVER, refusals=1)

    connection.close_if_unusable_or_obsolete()

    assert told() == [("web", "server", 1, 1, 1)]


def test_after_a_quiet_time_repetitions_are_counted_anew_and_totals_go_on(become):
    become("logs", "worker")
    connection.ensure_connection()
    for _ in range(2):
        base._troubles.note(base.SERVER, connects=1, refusals=1)
    connection.close_if_unusable_or_obsolete()
    ConnectionTrouble.objects.update(last_at=timezone.now() - timedelta(seconds=telling.QUIET + 1))

    for _ in range(2):
        base._troubles.note(base.SERVER, connects=1, refusals=1)
        connection.close_if_unusable_or_obsolete()

    assert told() == [("logs", "server", 0, 4, 2)]
    assert list(troubles.findings(BUDGET, troubles.known())) == []
    base._troubles.note(base.SERVER, connects=1, waits=1)
    connection.close_if_unusable_or_obsolete()
    (finding,) = troubles.findings(BUDGET, troubles.known())
    assert finding.msg.startswith("3 connects of logs met a full server since ")
    ConnectionTrouble.objects.update(last_at=timezone.now() - timedelta(seconds=telling.QUIET + 1))
    assert list(troubles.findings(BUDGET, troubles.known())) == []
