"""The arithmetic of connections, computed a second time here and compared."""

import json
import math
import os
import re
import subprocess
import sys
import time
from dataclasses import replace
from fractions import Fraction

import pytest
from django.core.exceptions import ImproperlyConfigured
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from roadmap_project.cluster_settings import least_retry, q_cluster
from roadmap_project.connection_budget import ConnectionBudget
from roadmap_project.environment import Environment

CLUSTERS = ("LOGS", "CONTENT", "WORKFLOW")
DEFAULTS = {
    "WEB_WORKERS": 4, "WEB_THREADS": 2, "WEB_REPLICAS": 1,
    "LOGS_WORKERS": 4, "LOGS_REPLICAS": 1,
    "CONTENT_WORKERS": 6, "CONTENT_REPLICAS": 1,
    "WORKFLOW_WORKERS": 4, "WORKFLOW_REPLICAS": 1,
    "DB_MAX_CONNECTIONS": 100, "DB_SERVER_RESERVED": 3, "DB_HEADROOM": "0.20", "DB_OTHER_CLIENTS": 5,
    "DEPLOY_OVERLAP": 2,
}  # fmt: skip

fleets = st.fixed_dictionaries(
    {
        "WEB_WORKERS": st.integers(1, 12), "WEB_THREADS": st.integers(1, 12), "WEB_REPLICAS": st.integers(0, 4),
        "LOGS_WORKERS": st.integers(1, 20), "LOGS_REPLICAS": st.integers(0, 4),
        "CONTENT_WORKERS": st.integers(1, 40), "CONTENT_REPLICAS": st.integers(0, 4),
        "WORKFLOW_WORKERS": st.integers(1, 20), "WORKFLOW_REPLICAS": st.integers(0, 4),
        "DB_MAX_CONNECTIONS": st.integers(1, 1000), "DB_SERVER_RESERVED": st.integers(0, 20),
        "DB_HEADROOM": st.integers(0, 90).map(lambda percent: f"{percent / 100:.2f}"),
        "DB_OTHER_CLIENTS": st.integers(1, 30), "DEPLOY_OVERLAP": st.integers(1, 3),
    }
)  # fmt: skip


def budget(**variables: object) -> ConnectionBudget:
    return ConnectionBudget.from_environment(Environment({name: str(value) for name, value in variables.items()}))


def arithmetic(fleet: dict[str, object]) -> tuple[int, int, int]:
    """Steady, deploying and usable connections by DESIGN 3, in exact fractions and without the module under test."""
    number = {name: Fraction(str(value)) for name, value in (DEFAULTS | fleet).items()}
    steady = number["WEB_REPLICAS"] * number["WEB_WORKERS"] * number["WEB_THREADS"]
    steady += sum(number[f"{name}_REPLICAS"] * (number[f"{name}_WORKERS"] + 3) for name in CLUSTERS)
    deploying = number["DEPLOY_OVERLAP"] * steady + 1
    limit = number["DB_MAX_CONNECTIONS"] - number["DB_SERVER_RESERVED"]
    usable = math.floor(limit * (1 - number["DB_HEADROOM"])) - number["DB_OTHER_CLIENTS"]
    return int(steady), int(deploying), int(usable)


def arithmetic_holds(fleet: dict[str, object]) -> bool:
    steady, deploying, usable = arithmetic(fleet)
    return steady <= usable and deploying <= usable


def test_the_defaults_are_those_of_the_design():
    declared = budget()

    assert {service.name: service.total for service in declared.services} == {
        "web": 8, "logs": 7, "content": 9, "workflow": 7,
    }  # fmt: skip
    assert (declared.steady, declared.deploy, declared.limit, declared.usable) == (31, 63, 97, 72)
    assert declared.fits


def test_the_predecessors_pools_do_not_fit():
    assert not budget(WEB_WORKERS=18, WEB_THREADS=60, DB_MAX_CONNECTIONS=200).fits


@given(fleets)
def test_A2_it_fits_exactly_where_the_arithmetic_holds(fleet):
    declared = budget(**fleet)

    assert (declared.steady, declared.deploy, declared.usable) == arithmetic(fleet)
    assert declared.fits == arithmetic_holds(fleet)


@given(fleets)
def test_A2_the_explanation_names_the_sum_the_limit_and_each_share(fleet):
    declared = budget(**fleet)

    text = declared.explain()

    steady, deploying, usable = arithmetic(fleet)
    assert f"{steady} connections" in text
    assert f"= {deploying};" in text
    assert f"usable are {usable}" in text
    assert f"DB_MAX_CONNECTIONS {fleet['DB_MAX_CONNECTIONS']} − {fleet['DB_SERVER_RESERVED']} reserved" in text
    assert f"{round(float(fleet['DB_HEADROOM']) * 100)}% of that" in text
    assert f"{fleet['DB_OTHER_CLIENTS']} for other clients" in text
    for service in declared.services:
        assert f"{service.name} {service.total}" in text


def test_a_headroom_of_an_eighth_is_not_rounded_in_the_explanation():
    assert "12.5% of that" in budget(DB_HEADROOM="0.125").explain()


@given(fleets)
@settings(suppress_health_check=[HealthCheck.filter_too_much])
def test_A2_the_smallest_change_fits_and_one_step_less_does_not(fleet):
    declared = budget(**fleet)
    assume(not declared.fits)

    change = declared.smallest_change()

    matched = re.match(r"([A-Z_]+)=(\d+)", change)
    assert matched, change
    variable, value = matched[1], int(matched[2])
    assert arithmetic_holds(fleet | {variable: value})
    one_less_change = value - 1 if variable == "DB_MAX_CONNECTIONS" else value + 1
    assert not arithmetic_holds(fleet | {variable: one_less_change})
    assert (value > fleet[variable]) == (variable == "DB_MAX_CONNECTIONS")


@given(fleets)
@settings(suppress_health_check=[HealthCheck.filter_too_much])
def test_A2_no_other_count_would_need_to_move_less(fleet):
    declared = budget(**fleet)
    assume(not declared.fits)
    variable, _, value = declared.smallest_change().partition("=")
    assume(variable != "DB_MAX_CONNECTIONS")

    moved = fleet[variable] - int(value)

    counts = ("WORKERS", "REPLICAS")
    for other in ("WEB_THREADS", *(f"{name}_{count}" for name in ("WEB", *CLUSTERS) for count in counts)):
        for less in range(1, min(moved, fleet[other])):
            assert not arithmetic_holds(fleet | {other: fleet[other] - less})


def test_a_change_of_the_server_is_proposed_where_no_single_count_is_enough():
    change = budget(DB_MAX_CONNECTIONS=20).smallest_change()

    assert change.startswith("DB_MAX_CONNECTIONS=")
    assert arithmetic_holds({"DB_MAX_CONNECTIONS": int(re.search(r"\d+", change)[0])})


def test_replicas_are_proposed_where_they_are_too_many():
    change = budget(CONTENT_REPLICAS=5, WEB_WORKERS=1, WEB_THREADS=1).smallest_change()

    assert change == "CONTENT_REPLICAS=2"


def test_a_databases_own_limit_is_what_is_proposed_to_raise():
    before = budget().on_server(max_connections=100, reserved=3, database_limit=12)

    change = before.smallest_change()

    limit = int(re.fullmatch(r"ALTER DATABASE … CONNECTION LIMIT (\d+)", change)[1])
    assert replace(before, database_limit=limit).fits
    assert not replace(before, database_limit=limit - 1).fits


def test_both_limits_are_proposed_to_raise_where_both_are_too_low():
    change = budget().on_server(max_connections=15, reserved=3, database_limit=10).smallest_change()

    assert re.fullmatch(r"ALTER DATABASE … CONNECTION LIMIT 85 and DB_MAX_CONNECTIONS=88 .*", change)


@pytest.mark.parametrize(
    "typo",
    [
        {"WEB_WORKERS": 1_000_000, "WEB_THREADS": 1_000_000, "WEB_REPLICAS": 1_000_000},
        {"CONTENT_WORKERS": 1_000_000, "CONTENT_REPLICAS": 1_000_000},
        {"DB_SERVER_RESERVED": 1_000_000},
        {"DB_OTHER_CLIENTS": 1_000_000},
        {"WORKFLOW_WORKERS": 1_000_000},
    ],
)
def test_a_typo_of_many_digits_is_answered_at_once(typo):
    declared = budget(**typo)
    started = time.monotonic()

    variable, _, value = declared.smallest_change().partition("=")

    assert time.monotonic() - started < 1
    assert arithmetic_holds(typo | {variable: int(value.split()[0])})


@given(fleets, st.sampled_from(sorted(set(DEFAULTS) - {"DB_HEADROOM"})))
def test_it_is_monotone_more_of_anything_never_makes_a_fleet_fit_but_a_larger_server(fleet, variable):
    more = fleet | {variable: fleet[variable] + 1}

    if variable == "DB_MAX_CONNECTIONS":
        assert budget(**more).fits >= budget(**fleet).fits
    else:
        assert budget(**more).fits <= budget(**fleet).fits


@pytest.mark.parametrize("variable", sorted(DEFAULTS))
def test_every_variable_moves_the_sum_or_the_limit(variable):
    before = budget()
    value = "0.5" if variable == "DB_HEADROOM" else DEFAULTS[variable] + 10

    after = budget(**{variable: value})

    assert (before.steady, before.deploy, before.usable) != (after.steady, after.deploy, after.usable)
    assert (after.steady, after.deploy, after.usable) == arithmetic({variable: value})


@pytest.mark.parametrize("variable", ["LOGS_IN_FLIGHT", "CONTENT_IN_FLIGHT", "WORKFLOW_IN_FLIGHT"])
def test_calls_in_flight_cost_no_connection(variable):
    assert budget(**{variable: 500}).steady == budget().steady


@pytest.mark.parametrize(
    ("variable", "value"),
    [("WEB_WORKERS", 0), ("WEB_THREADS", 0), ("CONTENT_WORKERS", 0), ("CONTENT_IN_FLIGHT", 0), ("DEPLOY_OVERLAP", 0),
     ("DB_HEADROOM", "0.95"), ("WEB_REPLICAS", -1), ("LOGS_WORKERS", "many"), ("WEB_CONCURRENCY", "x")],
)  # fmt: skip
def test_a_number_that_makes_no_fleet_is_refused_by_name(variable, value):
    with pytest.raises(ImproperlyConfigured, match=rf"^{variable}='{value}': expected "):
        budget(**{variable: value})


def test_the_platforms_name_for_workers_is_taken_and_ours_wins():
    assert budget(WEB_CONCURRENCY=3).service("web").processes == 3
    assert budget(WEB_CONCURRENCY=3, WEB_WORKERS=5).service("web").processes == 5


def test_A10_a_second_release_and_its_migration_are_counted():
    declared = budget(DEPLOY_OVERLAP=2)

    fitting = replace(declared, max_connections=math.ceil((63 + 5) / 0.8) + 3)

    assert fitting.fits
    assert not replace(fitting, max_connections=fitting.max_connections - 1).fits


@given(fleets)
def test_the_clusters_settings_are_the_budgets_numbers(fleet):
    declared = budget(**fleet)

    q_settings = q_cluster(declared, task_timeout=405)

    for name in ("logs", "content", "workflow"):
        workers = q_settings["ALT_CLUSTERS"][name]["workers"]
        assert workers == declared.service(name).processes == fleet[f"{name.upper()}_WORKERS"]
        assert declared.service(name).peak == workers + 3
        assert q_settings["retry"] > 405 * (1 + math.ceil((q_settings["queue_limit"] + q_settings["bulk"]) / workers))
        assert q_settings["retry"] > least_retry(timeout=405, workers=workers)


REPORT = """
import json
from roadmap_project import gunicorn_conf
from django.conf import settings
print(json.dumps({
    "workers": gunicorn_conf.workers, "threads": gunicorn_conf.threads, "class": gunicorn_conf.worker_class,
    "clusters": {name: each["workers"] for name, each in settings.Q_CLUSTER["ALT_CLUSTERS"].items()},
}))
"""


@pytest.mark.parametrize(
    "fleet",
    [
        {},
        {"WEB_WORKERS": "3", "WEB_THREADS": "5", "LOGS_WORKERS": "1", "CONTENT_WORKERS": "2", "WORKFLOW_WORKERS": "7"},
        {"WEB_CONCURRENCY": "2", "WEB_THREADS": "1", "CONTENT_WORKERS": "40"},
    ],
)
def test_gunicorn_and_the_clusters_run_what_the_budget_declares(fleet):
    environment = {"PATH": os.environ["PATH"], "DEBUG": "1", "GUNICORN_CMD_ARGS": "", **fleet}

    done = subprocess.run(
        [sys.executable, "-c", REPORT], env=environment, capture_output=True, text=True, timeout=60, check=True
    )

    running = json.loads(done.stdout)
    declared = budget(**fleet)
    web = declared.service("web")
    assert (running["workers"], running["threads"]) == (web.processes, web.threads)
    assert running["class"] == "roadmap_project.web_worker.Worker"
    assert running["clusters"] == {name: declared.service(name).processes for name in ("logs", "content", "workflow")}
    assert web.peak == running["workers"] * running["threads"]
