"""The benchmark's own arithmetic; none of the peers is needed."""

import subprocess
import sys
import time
from itertools import accumulate

import pytest

from tests.benchmarks import __main__ as runner
from tests.benchmarks import ideal, measuring, pages, scale
from tests.benchmarks.measuring import Levels
from tests.benchmarks.table import MEASURES, Result, notes, table


def row(name="ours", **fields):
    return Result(name=name, settings="as documented", versions={"django": "5.2"}, **({"ideal": 10.0} | fields))


def line_of(text, title):
    return next(line for line in text.splitlines() if line.startswith(title))


def test_the_ideal_of_one_slot_is_the_sum_and_of_many_the_longest():
    assert ideal.greedy([3, 1, 2], 1) == 6
    assert ideal.greedy([3, 1, 2], 3) == ideal.greedy([3, 1, 2], 50) == 3


def test_a_call_starts_on_the_slot_that_is_free_first():
    assert ideal.greedy([5, 1, 1, 1, 4], 2) == 7  # 5 | 1 1 1 4
    assert ideal.greedy([1, 1, 1, 4, 5], 2) == 7  # 1 1 5 | 1 4


def test_chains_share_the_latencies_in_the_order_in_which_their_calls_begin():
    assert ideal.chains([1, 10, 2, 3], 2, 2) == 13  # 1, then 2 | 10, then 3
    assert ideal.chains([1, 2, 3], 1, 3) == 6
    assert ideal.chains([4, 5, 6], 3, 1) == 6


def test_a_level_counts_as_long_as_it_lasted():
    levels = Levels([(0.0, 2), (1.0, 10), (3.0, 0), (4.0, 0)])

    assert levels.peak == 10
    assert levels.mean == pytest.approx((2 + 20 + 0) / 4)


def test_between_two_moments_counts_what_stood_at_the_first():
    part = Levels([(0.0, 90), (1.0, 4), (5.0, 8), (9.0, 70)]).between(2.0, 6.0)

    assert part.peak == 8
    assert part.mean == pytest.approx((3 * 4 + 1 * 8) / 4)


def test_nothing_seen_is_nothing():
    assert (Levels().peak, Levels().mean, Levels().between(0.0, 1.0).peak) == (0, 0.0, 0)


def test_calls_in_flight_are_read_from_the_stubs_requests():
    spans = [(0.0, 4.0), (1.0, 2.0), (2.0, 3.0), (3.5, None)]

    levels = measuring.in_flight([{"started_at": start, "finished_at": end} for start, end in spans])

    assert levels.peak == 2  # the one that ends as another begins was not beside it
    assert levels.seen[-1] == (4.0, 1)  # the last never ended
    assert levels.between(0.0, 4.0).mean == pytest.approx((4 + 1 + 1 + 0.5) / 4)


def test_connections_opened_and_refused_are_read_from_the_servers_log():
    log = """
2026-01-01 [7] LOG:  connection received: host=[local]
2026-01-01 [7] roadmaps@contender LOG:  connection authorized: user=roadmaps database=contender
2026-01-01 [8] roadmaps@contender FATAL:  remaining connection slots are reserved for roles with SUPERUSER
2026-01-01 [9] roadmaps@contender FATAL:  sorry, too many clients already
2026-01-01 [9] roadmaps@contender FATAL:  too many connections for role "roadmaps"
2026-01-01 [7] roadmaps@contender ERROR:  a text that says: too many clients
2026-01-01 [7] roadmaps@contender FATAL:  terminating connection due to administrator command
"""

    assert measuring.opened_and_refused(log.splitlines()) == (1, 3)


def test_a_familys_cpu_time_holds_that_of_children_that_ended_and_its_memory_that_of_those_that_live():
    burn = "import time; end = time.process_time() + 0.3\nwhile time.process_time() < end: pass"
    script = f"""
import subprocess, sys
held = bytearray(b"x") * 30_000_000
subprocess.run([sys.executable, "-c", {burn!r}])
child = subprocess.Popen([sys.executable, "-c", "held = bytearray(b'x') * 50_000_000; print(flush=True); input()"],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
input()
"""
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        child = int(parent.stdout.readline())

        assert measuring.family([parent.pid]) == {parent.pid, child}
        assert measuring.cpu_seconds([parent.pid]) >= 0.3 > measuring.cpu_seconds([child])
        assert measuring.megabytes(measuring.family([parent.pid])) > 75 > measuring.megabytes([child]) > 45
        parent.stdin.close()
    assert measuring.family([parent.pid]) == set()


def test_memory_is_that_of_the_moment_when_all_together_held_most(monkeypatch):
    left = [10.0, 5.0, 1.0, 30.0, 20.0, 2.0]
    monkeypatch.setattr(measuring, "megabytes", lambda roots: left.pop(0) if left else 0.0)
    monkeypatch.setattr(measuring, "MEMORY_SECONDS", 0.001)

    with measuring.Watch(None, {"web": 1, "content": 2}) as watch:
        until = time.monotonic() + 5
        while left and time.monotonic() < until:
            time.sleep(0.001)

    assert watch.most_memory == {"web": 1.0, "content": 30.0}


def test_the_table_has_a_line_per_measure_and_a_column_per_contender():
    text = table([row(seconds=11.5, peak_connections=31), row("celery", seconds=25.0, peak_connections=5)])

    assert len(text.splitlines()) == 1 + len(MEASURES)
    assert text.splitlines()[0].split() == ["ours", "celery"]
    assert line_of(text, "time ÷ ideal").split()[-2:] == ["1.15", "2.50"]
    assert line_of(text, "connections, peak").split()[-2:] == ["31", "5"]
    assert len({len(line) for line in text.splitlines()}) == 1


def test_whoever_took_no_part_is_named_with_the_reason():
    rows = [row("celery", failure="not installed: No module named 'celery'"), row(seconds=11.0)]

    assert line_of(table(rows), "lost pieces").split()[-2:] == ["–", "0"]
    assert any(note == "celery TOOK NO PART: not installed: No module named 'celery'" for note in notes(rows))


def test_a_peer_that_cannot_be_imported_is_a_row_and_the_others_are_listed(monkeypatch):
    monkeypatch.setitem(sys.modules, "tests.benchmarks.celery_redis", None)
    monkeypatch.setattr(runner, "MODULES", ("celery_redis", "ours"))

    missing, ours = runner.contenders(None)
    (alone,) = runner.contenders("ours")

    assert missing.failure.startswith("not installed: ")
    assert (ours.name, ours.slots) == (alone.name, alone.slots) == ("ours", 192)


def test_contenders_are_chosen_by_parts_of_their_names():
    assert [each.name for each in runner.contenders("django,our")] == ["django-q2", "ours"]
    assert [each.name for each in runner.contenders("q2")] == ["django-q2"]


def test_where_somebody_is_better_the_notes_say_so():
    rows = [row(seconds=11.0, megabytes=500.0, cpu=20.0), row("celery", seconds=14.0, megabytes=200.0, cpu=19.96)]

    said = "\n".join(notes(rows))

    assert "Better than ours (500) in “memory of all its processes, MB (PSS)”: celery 200." in said
    assert "time ÷ ideal" not in said
    assert "CPU" not in said  # printed, they are equal


def test_whoever_lost_pieces_is_better_in_nothing():
    rows = [row(seconds=11.0, cpu=20.0), row("predecessor", seconds=9.0, cpu=2.0, lost=3)]

    said = "\n".join(notes(rows))

    assert "Better than ours" not in said
    assert "predecessor lost 3 pieces: it never finished; the last that it wrote came after 9.0 s." in said
    assert line_of(table(rows), "time ÷ ideal").split()[-2:] == ["1.10", "–"]


def test_the_whole_run_of_ours_holds_the_design():
    ours = row(seconds=11.0, facts={"design_seconds": 6.0, "design_ideal": 5.0}, memory={"web": 80.0, "content": 200.4})

    said = notes([ours])

    assert any("17.0 s, 1.13 × its ideal of 15.0 s" in note for note in said)
    assert any("web 80, content 200" in note for note in said)


def test_json_holds_what_the_table_derives():
    told = row(seconds=11.5, mean_calls=50.0, mean_connections=4.0).as_json()

    assert (told["ratio"], told["calls_per_connection"], told["lost"]) == (1.15, 12.5, 0)
    assert "ratio" not in row(failure="no").as_json()


def test_the_ideal_grows_with_every_latency_and_shrinks_with_every_slot():
    latencies = [runner.drawn_latency(10, 0.5, 1, "piece", number) for number in range(1, 200)]

    by_length = [ideal.greedy(latencies[:count], 8) for count in range(1, len(latencies))]
    by_slots = [ideal.greedy(latencies, slots) for slots in (1, 4, 16, 64, 256)]

    assert by_length == list(accumulate(by_length, max))
    assert by_slots == sorted(by_slots, reverse=True)
    assert by_slots[-1] == max(latencies)


# At scale


def test_a_run_that_slows_down_is_seen_in_its_windows_and_in_its_pace():
    steady = [float(second) for second in range(90)]
    slowing = [*range(30), *range(30, 90, 2), *range(90, 210, 4)]

    assert scale.windows(steady, 3) == pytest.approx([1.0, 1.0, 1.0], rel=0.05)
    assert scale.pace_ratio(steady) == pytest.approx(1.0)
    assert scale.windows(slowing, 3)[0] > 2 * scale.windows(slowing, 3)[2]
    assert scale.pace_ratio(slowing) == pytest.approx(0.25, rel=0.1)


def test_what_happens_in_the_middle_third_is_no_part_of_the_pace():
    interrupted = [*range(30), *range(100, 400, 10), *range(500, 530)]

    assert scale.pace_ratio([float(each) for each in interrupted]) == 1.0


def test_memory_that_grows_is_seen_and_the_warm_up_is_not():
    seen = [(float(second), {"content": 100.0 if second < 10 else 400.0 + second}) for second in range(100)]

    first, last = scale.memory(seen, 0.0, 99.0)["content"]

    assert (first, last) == pytest.approx((421, 482.5), abs=1.5)
    assert scale.memory(seen[:5], 0.0, 99.0) == {}


def test_speed_that_returns_after_a_pause_is_told_from_one_that_does_not():
    before = [each / 10 for each in range(100)]
    returned = [*before, *(15 + each / 10 for each in range(100))]
    halved = [*before, *(15 + each / 5 for each in range(50))]

    assert scale.after_limit(returned, 10.0, 15.0) == pytest.approx(1.0)
    assert scale.after_limit(halved, 10.0, 15.0) == pytest.approx(0.5)


def test_a_pages_load_says_how_often_how_late_and_how_often_nothing_was_new():
    load = pages.Load(2.0, [0.01] * 94 + [0.5] * 6)
    load.statuses.update({304: 75, 200: 24, 500: 1})

    assert (load.per_second, load.p95, load.share_unchanged, load.failed) == (50, 0.5, 0.75, 1)
