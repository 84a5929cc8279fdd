"""Suggestions fit, and the next larger fleet does not; certificates carry their own proof."""

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from roadmap_project.connection_budget import ConnectionBudget, recomputed
from roadmap_project.environment import Environment
from roadmap_project.fitting import one_more, suggestion
from roadmap_project.postgresql.roles import planned_limits

CLUSTERS = ("LOGS", "CONTENT", "WORKFLOW")

fleets = st.fixed_dictionaries(
    {
        "DB_MAX_CONNECTIONS": st.integers(5, 2000),
        "DB_SERVER_RESERVED": st.integers(0, 10),
        "DB_HEADROOM": st.sampled_from([0, 0.05, 0.2, 0.5, 0.9]),
        "DB_OTHER_CLIENTS": st.integers(1, 20),
        "DEPLOY_OVERLAP": st.integers(1, 3),
        "WEB_WORKERS": st.integers(1, 40),
        "WEB_THREADS": st.integers(1, 20),
        "WEB_REPLICAS": st.integers(0, 3),
        "LOGS_WORKERS": st.integers(1, 20),
        "CONTENT_WORKERS": st.integers(1, 20),
        "CONTENT_REPLICAS": st.integers(1, 4),
        "WORKFLOW_WORKERS": st.integers(1, 20),
    }
)


def budget(variables):
    return ConnectionBudget.from_environment(Environment({name: str(value) for name, value in variables.items()}))


@given(fleets)
def test_a_suggestion_fits_and_the_next_larger_one_does_not(variables):
    found = suggestion(budget(variables))

    if found is not None:
        assert found.fits
        assert not any(each.fits for each in one_more(found))
        assert budget(found.as_environment()).fits


def test_a_fleet_for_twenty_connections_gives_margins_up_before_it_gives_up():
    found = suggestion(budget({"DB_MAX_CONNECTIONS": 20}))

    assert found is not None
    assert (found.deploy_overlap, found.steady, found.usable) == (1, 13, 14)


def test_a_service_that_runs_nowhere_keeps_its_counts():
    found = suggestion(budget(dict.fromkeys(("WEB_REPLICAS", *(f"{name}_REPLICAS" for name in CLUSTERS)), 0)))

    assert found is not None
    assert found.service("web").processes == 4


@given(fleets)
def test_the_roles_limits_and_the_owners_sum_up_to_what_is_there(variables):
    declared = budget(variables)
    found = declared if declared.fits else suggestion(declared)
    assume(found is not None)

    limits = planned_limits(found)

    assert sum(limits.values()) + found.other_clients <= found.usable + found.other_clients
    for service in found.services:
        assert limits[service.name] >= found.deploy_overlap * service.total


def test_where_there_is_room_a_role_may_hold_one_more_for_an_instant():
    assert planned_limits(budget({})) == {"web": 17, "logs": 15, "content": 19, "workflow": 15, "release": 2}


def test_where_nothing_fits_nothing_is_suggested():
    assert suggestion(budget({"DB_MAX_CONNECTIONS": 12})) is None


@given(fleets)
def test_the_verdict_can_be_recomputed_from_the_certificate(variables):
    certificate = budget(variables).certificate()

    assert recomputed(certificate) == certificate["fits"]
    assert certificate["fits"] == all(each["left"] <= each["right"] for each in certificate["inequalities"])


@given(st.integers(1, 300), st.integers(1, 200), st.integers(1, 3))
def test_behind_a_pooler_the_inequality_is_its_own(max_client_conn, max_db_connections, replicas):
    pooled = budget(
        {
            "DB_POOLER": "transaction",
            "DB_POOLER_MAX_CLIENT_CONN": max_client_conn,
            "DB_POOLER_MAX_DB_CONNECTIONS": max_db_connections,
            "DB_POOLER_REPLICAS": replicas,
        }
    )

    found = suggestion(pooled)
    assert found is None or (found.fits and not any(each.fits for each in one_more(found)))
    has_room_for_clients = max_client_conn * replicas >= 2 * 31 + 5  # shells and commands are its clients, too
    is_within_usable = max_db_connections * replicas + 1 <= 72
    assert pooled.fits == (has_room_for_clients and is_within_usable)
    if not pooled.fits:
        changes = dict(re.findall(r"([A-Z_]+)=([0-9]+)", pooled.smallest_change()))
        assert budget(pooled.as_environment() | changes).fits


@pytest.mark.parametrize(("pool", "fits"), [(71, True), (72, False)])
def test_behind_a_pooler_a_migration_needs_a_connection_beside_the_pool(pool, fits):
    pooled = budget({"DB_POOLER": "transaction", "DB_POOLER_MAX_DB_CONNECTIONS": pool})

    assert (pooled.usable, pooled.fits) == (72, fits)


def test_a_suggestion_behind_a_pooler_shrinks_the_pool_to_what_the_server_has_room_for():
    found = suggestion(budget({"DB_POOLER": "transaction", "DB_MAX_CONNECTIONS": 30, "DB_POOLER_MAX_CLIENT_CONN": 40}))

    assert found is not None
    assert (found.usable, found.pooler.max_db_connections, found.deploy_overlap) == (16, 15, 2)
    assert (found.steady, found.pooler.max_client_conn) == (17, 40)
    assert budget(found.as_environment()) == found
