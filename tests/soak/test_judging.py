"""What breaks an invariant is named, and what explains it is taken for an explanation only while it does."""

from collections import Counter
from pathlib import Path
from types import SimpleNamespace

from roadmap_project.connection_budget import ConnectionBudget
from roadmap_project.environment import Environment
from tests.soak import judging
from tests.soak.breaking import Happened
from tests.soak.judging import Account, Run
from tests.soak.learning import Trouble
from tests.soak.schedule import Fault
from tests.soak.watching import Look, Sample

BUDGET = ConnectionBudget.from_environment(Environment({}))  # 31: web 8, logs 7, content 9, workflow 7
FULL = Counter({"web": 8, "logs": 7, "content": 9, "workflow": 7})
KILL = Fault("kill", "sentinel", service="content")
STALL = Fault("stall", "stall")


def make_run(*, happened=(), releases=((0.0, None),), samples=(), troubles=()):
    spans = [SimpleNamespace(began_at=began_at, ended_at=ended_at) for began_at, ended_at in releases]
    return Run(
        budget=BUDGET,
        supervisor=SimpleNamespace(releases=spans),
        breaker=SimpleNamespace(happened=list(happened)),
        learners=[SimpleNamespace(troubles=list(troubles), pages=1)],
        server=SimpleNamespace(samples=list(samples)),
        processes=SimpleNamespace(looks=[]),
        asked=[],
        log=Path(),
        finished_in_time=True,
        left=set(),
        began_at=0.0,
        faults_ended_at=600.0,
    )


def connections(*levels, **about):
    return judging._connections(make_run(**about), "connections", list(levels))


def test_a_fleet_that_holds_all_that_was_declared_is_within_the_budget():
    verdict = connections((10.0, FULL))

    assert verdict.broken == []
    assert verdict.figure.startswith("peak 31 of 31")


def test_one_connection_more_is_named_with_its_service_and_moment():
    verdict = connections((10.0, FULL + Counter(content=1)))

    assert verdict.broken == ["00:00:10.000000 content: 10 of 9", "00:00:10.000000 all: 32 of 31"]


def test_what_a_killed_process_leaves_on_the_server_is_counted_for_two_seconds_and_for_its_service_alone():
    happened = [Happened(KILL, at=9.0, until=9.0, killed=9)]

    assert connections((10.0, FULL + Counter(content=9)), happened=happened).broken == []
    assert connections((10.0, FULL + Counter(web=1)), happened=happened).broken == ["00:00:10.000000 web: 9 of 8"]
    assert connections((11.5, FULL + Counter(content=1)), happened=happened).broken
    assert connections((10.0, FULL + Counter(content=10)), happened=happened).broken


def test_two_releases_may_hold_twice_as_much_and_only_while_both_run():
    twice = FULL + FULL

    assert connections((10.0, twice), releases=((0.0, 20.0), (5.0, None))).broken == []
    assert connections((22.0, twice), releases=((0.0, 20.0), (5.0, None))).broken


def test_a_count_of_nearly_nothing_proves_nothing():
    assert connections((10.0, Counter(web=1))).broken == ["hardly anything was counted"]


def stalled(**workers):
    """Six workers with calls in hand, looked at five times while nothing is answered."""
    happened = [Happened(STALL, at=10.0, until=15.0)]
    samples = [Sample(12.0 + n / 5, FULL, Counter(workers), Counter(content=6)) for n in range(5)]
    return judging._released(make_run(happened=happened, samples=samples))


def test_a_connection_that_is_held_throughout_a_stall_is_found():
    assert stalled(content=0).broken == []
    assert stalled(content=1).broken == ["00:00:10 content: 1 held throughout"]
    assert stalled(content=0).figure == "1 stalls looked at"


def test_every_further_purchase_needs_a_cause():
    assert Account("quiz", bought=1, made=1).without_cause == 0
    assert Account("quiz", bought=2, made=1).without_cause == 1
    assert Account("quiz", bought=2, made=1, causes=1).without_cause == 0
    assert Account("quiz", bought=2, made=2).without_cause == 1  # nobody ordered the second
    assert Account("quiz", bought=2, made=2, ordered=2).without_cause == 0


def test_a_page_may_fail_while_the_database_is_away_and_at_no_other_time():
    away = [Happened(Fault("database", "absence"), at=10.0, until=14.0)]
    early, late = Trouble(11.0, 12.0, "/", 500), Trouble(30.0, 31.0, "/", 500)

    assert judging._pages(make_run(happened=away, troubles=[early])).broken == []
    assert judging._pages(make_run(happened=away, troubles=[late])).broken == ["00:00:30 / answered 500"]
    assert judging._pages(make_run(troubles=[Trouble(30.0, 31.0, "/", 0)])).broken == []  # its process was killed


def test_files_that_a_process_keeps_opening_are_found():
    def looks(growth):
        return [Look(n, {7: 20 + growth * n}, 100.0, 1) for n in range(12)]

    assert judging._files(looks(0)).broken == []
    assert judging._files(looks(5)).broken == ["process 7: 30 more files than at first"]


def test_memory_that_grows_from_the_second_third_to_the_last_is_found():
    whole = sum(service.processes + (4 if service.is_cluster else 1) for service in BUDGET.services)

    def looks(growth):
        return [Look(float(at), dict.fromkeys(range(whole), 1), 500.0 + growth * at, 1) for at in range(0, 600, 50)]

    assert judging._memory(looks(0), make_run()).broken == []
    assert judging._memory(looks(3), make_run()).broken == ["1700 MB became 2150"]
