"""The benchmark's own arithmetic; none of the peers is needed."""

import argparse
import gzip
import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import accumulate
from pathlib import Path
from threading import Thread

import psycopg
import pytest

from tests.benchmarks import __main__ as runner
from tests.benchmarks import ideal, measuring, pages, scale, scale_table, server
from tests.benchmarks.contender import Site
from tests.benchmarks.measuring import Levels
from tests.benchmarks.table import MEASURES, OURS, Result, notes, table


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


@pytest.mark.skipif(not measuring.first_thread_seconds(os.getpid()), reason="the kernel counts whole ticks alone")
def test_cpu_time_of_processes_that_live_shortly_is_not_rounded_away():
    script = "import subprocess, sys; all_of = [subprocess.Popen([sys.argv[1]], stdin=-1) for _ in range(20)]; input()"
    with subprocess.Popen([sys.executable, "-c", script, "cat"], stdin=subprocess.PIPE) as parent:
        until = time.monotonic() + 10
        while len(measuring.family([parent.pid])) < 21 and time.monotonic() < until:
            time.sleep(0.01)

        live = [measuring.cpu_seconds([pid]) for pid in measuring.family([parent.pid]) - {parent.pid}]
        parent.stdin.close()

    assert len(live) == 20
    assert all(seconds > 0 for seconds in live)


def test_memory_is_that_of_the_moment_when_all_together_held_most(monkeypatch):
    left = [10.0, 5.0, 1.0, 30.0, 20.0, 2.0]
    monkeypatch.setattr(measuring, "megabytes", lambda roots: left.pop(0) if left else 0.0)
    monkeypatch.setattr(measuring, "MEMORY_SECONDS", 0.001)

    with measuring.Watch(None, {"web": 1, "content": 2}) as watch:
        until = time.monotonic() + 5
        while left and time.monotonic() < until:
            time.sleep(0.001)

    assert watch.most_memory == {"web": 1.0, "content": 30.0}


def test_a_watch_that_cannot_look_fails_whoever_relies_on_it(monkeypatch):
    monkeypatch.setattr(measuring, "MEMORY_SECONDS", 0.001)
    monkeypatch.setattr(measuring, "family", lambda roots: {"no number of a process"}.pop().unheard_of)

    with pytest.raises(AttributeError), measuring.Watch(None, {"web": 1}) as watch:
        until = time.monotonic() + 5
        while not watch._memory_watched.done() and time.monotonic() < until:
            time.sleep(0.001)


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
    assert "celery TOOK NO PART (seed 1): not installed: No module named 'celery'" in notes(rows)


def test_of_several_seeds_the_median_is_shown_the_worst_the_peak_and_the_sum_of_what_was_lost():
    ours = [
        row(seed=seed, seconds=seconds, peak_connections=peak, lost=0, refused=refused)
        for seed, seconds, peak, refused in [(1, 10.5, 20, 0), (2, 13.0, 31, 2), (3, 11.0, 25, 1)]
    ]

    text = table([*ours, row("celery", seconds=12.0)])

    assert text.splitlines()[0].split() == ["ours", "celery"]
    assert line_of(text, "time ÷ ideal  ").split()[-2:] == ["1.10", "1.20"]
    assert line_of(text, "time ÷ ideal, of the worst seed").split()[-2:] == ["1.30", "1.20"]
    assert line_of(text, "connections, peak of all seeds").split()[-2:] == ["31", "0"]
    assert line_of(text, "refused connections, of all seeds").split()[-2:] == ["3", "0"]
    assert "ours, time ÷ ideal by seed: 1: 1.05 (10.5 of 10.0 s), 2: 1.30 (13.0 of 10.0 s), 3: 1.10" in notes(ours)[1]


def test_whoever_loses_pieces_with_one_seed_has_no_time():
    runs = [row(seconds=10.5), row(seed=2, seconds=9.0, lost=4, causes={"connection refused by PostgreSQL": 4})]

    assert line_of(table(runs), "time ÷ ideal  ").split()[-1] == "–"
    assert line_of(table(runs), "lost pieces").split()[-1] == "4"
    assert any(note.endswith("What it logged: 4 × connection refused by PostgreSQL.") for note in notes(runs))


def test_a_peer_with_one_seed_is_compared_with_ours_of_that_seed():
    rows = [row(seconds=20.0), row(seed=2, seconds=10.0), row(seed=3, seconds=10.0), row("celery", seconds=15.0)]

    assert "Better than ours in “time ÷ ideal”: celery 1.50 (ours 2.00)." in notes(rows)


def test_the_seeds_after_the_first_are_run_by_those_whom_they_tell_something():
    plan = list(runner.planned(runner.parsed(["--seeds", "4,5", "--contenders", "django,our"])))

    assert [(result.name, result.seed) for *_, result in plan] == [("django-q2", 4), ("ours", 4), ("ours", 5)]
    assert [options.seed for _, options, _ in plan] == [4, 4, 5]


def test_what_was_not_reached_is_named_and_fails_the_run(monkeypatch, tmp_path, capsys):
    def fall_over(*arguments):
        raise ZeroDivisionError

    monkeypatch.setattr(runner, "measure", fall_over)
    monkeypatch.setattr(runner.server, "running", lambda name: os.scandir(tmp_path))  # a context and no server

    with pytest.raises(ZeroDivisionError):
        runner.main(["--contenders", "our", "--seeds", "1,2", "--json", str(tmp_path / "told.json")])

    assert capsys.readouterr().out.count("ours TOOK NO PART") == 2


def test_each_piece_that_a_peer_says_it_lost_has_its_cause(tmp_path):
    lines = [
        "save_failed piece=1:1:quiz error=TimeoutError('QueuePool limit of size 5 overflow 3 reached')",
        "save_failed piece=1:2:quiz error=OperationalError('FATAL:  sorry, too many clients already')",
        "save_failed piece=1:3:quiz error=OperationalError('FATAL:  remaining connection slots are reserved')",
        "save_failed piece=1:4:quiz error=KeyError('x')",
        "a connection of the pool was refused: too many clients",
    ]
    (tmp_path / "process.log").write_text("\n".join(lines))

    causes = Site(None, tmp_path, 1, {}, roots={"process": 1}).causes_of_loss("save_failed")

    pool, refused = "no place in its pool in time", "connection refused by PostgreSQL"
    assert causes == {pool: 1, refused: 2, "KeyError('x')": 1}


def test_the_server_is_reached_over_tcp_by_the_ordinary_role_alone():
    name = f"test-bench-{os.getpid()}"
    try:
        with server.running(name) as postgresql, postgresql.fresh_database() as superuser_url:
            with psycopg.connect(postgresql.url) as connection:
                (committed,) = connection.execute("SELECT current_setting('track_commit_timestamp')").fetchone()
                assert (connection.info.hostaddr, committed) == (postgresql.address, "on")
            with psycopg.connect(superuser_url) as connection:
                assert connection.info.host.startswith("/")
            with pytest.raises(psycopg.OperationalError, match=r"no pg_hba\.conf entry"):
                psycopg.connect(postgresql.url.replace("//roadmaps@", "//postgres@"))
    finally:
        postgresql.database.remove()


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

    assert "Better than ours in “memory of all its processes, MB (PSS)”: celery 200 (ours 500)." in said
    assert "time ÷ ideal" not in said
    assert "CPU" not in said  # printed, they are equal


def test_whoever_lost_pieces_is_better_in_nothing():
    rows = [row(seconds=11.0, cpu=20.0), row("predecessor", seconds=9.0, cpu=2.0, lost=3)]

    said = "\n".join(notes(rows))

    assert "Better than ours" not in said
    assert "predecessor lost 3 pieces (seed 1): it never finished; the last that it wrote came after 9.0 s." in said
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


def test_a_newcomer_is_measured_by_what_the_model_took_and_by_nothing_of_ours():
    options = argparse.Namespace(latency_mean=0.5, seed=1, newcomer_seconds=9.5)
    asked = [  # purpose, goal, fault
        ("tutorial", "another", None),
        ("goal_analysis", "NEWCOMER 0", "rate_limited"),
        ("goal_analysis", "NEWCOMER 0", "slow"),
        ("goal_analysis", "NEWCOMER 1", "slow"),
        ("outline", "NEWCOMER 0", "slow"),
        ("quiz", "NEWCOMER 0", "slow"),
        ("tutorial", "NEWCOMER 0", "slow"),
        ("tutorial", "NEWCOMER 0", "slow"),
    ]
    records = [
        {"number": number, "purpose": purpose, "goal": goal, "fault": fault}
        for number, (purpose, goal, fault) in enumerate(asked)
    ]

    taken = scale.sellers_seconds(list(reversed(records)), "NEWCOMER 0", options)

    drawn = [("design", 1), ("design", 3), ("piece", 3)]
    assert taken == [9.5 + scale.drawn_latency(0.5, scale.SIGMA, 1, *each) for each in drawn]


def test_the_whole_run_ends_when_its_time_is_over_and_says_what_is_missing(monkeypatch, tmp_path, capsys):
    def measure(options, postgresql, figures, began):
        figures |= {"pages_at_rest": {"empty": pages.Load(1.0, [0.01]).as_json()}, "refused": 0}
        signal.pause()  # for ever

    handler = signal.getsignal(signal.SIGALRM)
    monkeypatch.setattr(scale, "measure", measure)
    monkeypatch.setattr(scale.server, "running", lambda name: os.scandir(tmp_path))  # a context and no server

    status = scale.main(["--minutes", "0.005", "--json", str(tmp_path / "told.json")])

    said = capsys.readouterr().out
    lacking = [line.removeprefix("NOT MEASURED").strip() for line in said.splitlines() if "NOT MEASURED" in line]
    assert status == 1
    assert "the time was up after 0.0 minutes" in line_of(said, "CUT")
    assert lacking == [title for name, title in scale_table.MEASURED.items() if name != "pages_at_rest"]
    assert signal.getsignal(signal.SIGALRM) == handler


def test_what_fails_in_the_middle_of_a_run_at_scale_fails_the_run():
    run = scale.Run(None, Site(None, Path(), 1, {}), None, "", time.monotonic() + 5, {})
    run.site.row = lambda query: (1,)
    run.fleet = argparse.Namespace(require_running=lambda: None)
    watch = argparse.Namespace(look=lambda: None)

    with scale.ThreadPoolExecutor(1) as pool, pytest.raises(ZeroDivisionError):
        scale._worked_off(run, watch, 90, lambda: pool.submit(lambda: 1 / 0))


def test_readers_take_compressed_text_as_browsers_do_and_a_reader_that_fails_fails_the_reading(monkeypatch):
    class Page(BaseHTTPRequestHandler):
        def do_GET(self):
            body = gzip.compress(b"3 of 90 pieces") if "gzip" in self.headers["Accept-Encoding"] else b"plain"
            self.send_response(200)
            self.send_header("Content-Encoding", "gzip")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    with HTTPServer(("127.0.0.1", 0), Page) as site:
        Thread(target=site.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{site.server_port}"
        with closing(pages.Reader(url, "")) as reader:
            assert [reader.get("/").text for _ in range(2)] == 2 * ["3 of 90 pieces"]
        site.shutdown()

    monkeypatch.setattr(pages.Reader, "get", lambda *arguments, **options: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        pages.read(url, "/", cookie="", seconds=0)


def test_a_page_that_is_slower_than_the_time_is_counted_over_the_time_that_it_took(monkeypatch):
    def get(*arguments, **options):
        time.sleep(0.05)
        return pages.Answer(200)

    monkeypatch.setattr(pages.Reader, "get", get)

    load = pages.read("http://127.0.0.1:1", "/", cookie="", seconds=0.01, readers=2)

    assert len(load.latencies) == 4
    assert load.per_second <= 4 / 0.1


def test_a_pages_load_says_how_often_how_late_and_how_often_nothing_was_new():
    load = pages.Load(2.0, [0.01] * 94 + [0.5] * 6)
    load.statuses.update({304: 75, 200: 24, 500: 1})

    assert (load.per_second, load.p95, load.share_unchanged, load.failed) == (50, 0.5, 0.75, 1)


def test_the_promises_are_held_to():
    kept = Result(OURS, "", {}, ideal=40.0, seconds=45.0, peak_connections=31)

    assert list(runner.broken(kept)) == []
    for change, said in (
        ({"seconds": 47.0}, "1.18 times the ideal"),
        ({"peak_connections": 32}, "32 connections of the 31"),
        ({"lost": 1}, "no piece is lost"),
        ({"refused": 1}, "no connection refused"),
    ):
        (promise,) = runner.broken(replace(kept, **change))
        assert said in promise
    assert list(runner.broken(replace(kept, ideal=4.0, seconds=9.0))) == []


def test_the_promises_at_scale_are_held_to():
    newcomer = {"ratio": 1.1, "seen_after": 1.5}
    kept = {name: [newcomer] for name in scale_table.MEASURED} | {
        "cut": [], "pace_ratio": 0.9, "memory": {"content": (100, 110)},
    }  # fmt: skip

    assert scale_table.broken(kept, roadmaps=1000) == []
    for change in (
        {"pace_ratio": 0.7},
        {"memory": {"content": (100, 120)}},
        {"newcomers": [newcomer, newcomer | {"ratio": 1.3}]},
        {"newcomers": [newcomer, newcomer | {"seen_after": 2.5}]},
    ):
        assert len(scale_table.broken(kept | change, roadmaps=1000)) == 1
        assert scale_table.broken(kept | change, roadmaps=20) == []
