"""The same seed is the same soak."""

from tests.soak.schedule import DATABASE, PROCESSES, PROVIDER, Fault, Journey, SlowClient, drawn


def faults(entries, kind):
    return [each.happening for each in entries if isinstance(each.happening, Fault) and each.happening.kind == kind]


def test_the_same_seed_draws_the_same_schedule_and_another_seed_another():
    assert drawn(seed=1, seconds=600) == drawn(seed=1, seconds=600)
    assert drawn(seed=1, seconds=600) != drawn(seed=2, seconds=600)


def test_ten_minutes_hold_every_fault_there_is():
    entries = drawn(seed=1, seconds=600)

    assert {(fault.service, fault.what) for fault in faults(entries, "kill")} == set(PROCESSES)
    assert {fault.what for fault in faults(entries, "database")} == set(DATABASE)
    assert {fault.what for fault in faults(entries, "provider")} == set(PROVIDER)
    assert len(faults(entries, "deploy")) > 3
    journeys = [each.happening for each in entries if isinstance(each.happening, Journey)]
    assert {journey.cancels_while for journey in journeys} == {"", "designing", "writing"}
    for choice in ("skips_review", "approves", "asks_for_changes", "retries", "clicks_twice"):
        assert {getattr(journey, choice) for journey in journeys} == {True, False}
    assert {each.happening.way for each in entries if isinstance(each.happening, SlowClient)} == {"sends", "reads"}


def test_a_minute_holds_every_kind_and_nothing_happens_after_the_end():
    entries = drawn(seed=1, seconds=60)

    assert all(faults(entries, kind) for kind in ("kill", "database", "provider", "deploy"))
    assert [each.second for each in entries] == sorted(each.second for each in entries)
    assert 0 <= entries[0].second < entries[-1].second < 60
