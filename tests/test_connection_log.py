"""Connections are counted from the server's log, also where it wrote no end of them down."""

import pytest

from tests.connection_log import levels, peaks

OPENED = "{at}|{pid}|LOG:  connection authorized: user=roadmaps database=roadmaps application_name={name}:worker"
CLOSED = "{at}|{pid}|LOG:  disconnection: session time: 0:00:01.000 user=roadmaps database=roadmaps host=[local]"
BEGUN = (
    "{at}|99|LOG:  starting PostgreSQL 18.6 on x86_64-pc-linux-gnu",
    "{at}|99|LOG:  all server processes terminated; reinitializing",
)


def log_with(tmp_path, *lines):
    log = tmp_path / "server.log"
    log.write_text("not a line of it\n" + "\n".join(lines) + "\n")
    return log


def opened(at, pid, name="content"):
    return OPENED.format(at=at, pid=pid, name=name)


def closed(at, pid):
    return CLOSED.format(at=at, pid=pid)


def test_the_most_at_one_moment_is_counted_for_each_service_and_for_all(tmp_path):
    log = log_with(
        tmp_path,
        opened(1.0, 10),
        opened(2.0, 11, "web"),
        opened(3.0, 12),
        closed(4.0, 10),
        opened(5.0, 13),
        closed(6.0, 11),
        closed(6.0, 12),
    )

    assert peaks(log) == {"content": 2, "web": 1, "all": 3}


def test_one_that_ends_in_the_instant_in_which_another_begins_is_not_counted_with_it(tmp_path):
    log = log_with(tmp_path, opened(1.0, 10), opened(2.0, 11), closed(2.0, 10))

    assert peaks(log)["content"] == 1


def test_who_is_nobody_of_ours_is_counted_with_all_but_what_a_test_asks_is_not(tmp_path):
    unlabelled = "3.0|12|LOG:  connection authorized: user=roadmaps database=roadmaps"
    log = log_with(tmp_path, opened(1.0, 10, "psql"), opened(2.0, 11, "test"), unlabelled)

    assert peaks(log) == {"psql": 1, "test": 1, "": 1, "all": 2}


@pytest.mark.parametrize("begun", BEGUN)
def test_no_connection_outlives_a_new_beginning_of_the_server(tmp_path, begun):
    log = log_with(tmp_path, opened(1.0, 10), opened(2.0, 11), begun.format(at=3.0), opened(4.0, 10), closed(5.0, 10))

    assert peaks(log)["content"] == 2
    assert [(at, now["content"]) for at, now in levels(log)][2:] == [(3.0, 1), (3.0, 0), (4.0, 1), (5.0, 0)]
