"""Requests are counted in memory: a minute at a time, and never without end."""

from roadmap_project import rates
from roadmap_project.rates import Rates


def at(moment: float, monkeypatch) -> None:
    monkeypatch.setattr(rates.time, "monotonic", lambda: moment)


def test_above_the_limit_one_waits_until_the_minute_is_over(monkeypatch):
    counted = Rates()

    at(100, monkeypatch)
    assert [counted.seconds_to_wait("a", limit=2) for _ in range(3)] == [0, 0, 60]
    at(130, monkeypatch)
    assert counted.seconds_to_wait("a", limit=2) == 30
    assert counted.seconds_to_wait("b", limit=2) == 0
    at(160, monkeypatch)
    assert counted.seconds_to_wait("a", limit=2) == 0


def test_a_limit_of_0_is_none():
    counted = Rates()

    assert not any(counted.seconds_to_wait("a", limit=0) for _ in range(10))


def test_the_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(rates, "MOST_KEYS", 3)
    counted = Rates()

    for number in range(10):
        assert counted.seconds_to_wait(f"address {number}", limit=1) == 0

    assert len(counted._counts) == 3
    assert counted.seconds_to_wait("address 0", limit=1) > 0
