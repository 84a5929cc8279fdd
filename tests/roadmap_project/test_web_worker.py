"""Slow clients hold no thread of the web: a real gunicorn with one, before an application that answers at once."""

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from roadmap_project.fleet import ROOT, free_port

HEAD = b"POST / HTTP/1.1\r\nHost: localhost\r\n"
FORM = HEAD + b"Content-Length: 1000\r\n\r\n"
UPLOAD = HEAD + b"Content-Length: 100000\r\n\r\n"
PATIENCE = 10


@pytest.fixture
def start(tmp_path):
    """gunicorn with a thread and these seconds, at its port."""
    started = []

    def run(threads=1, **seconds):
        port = free_port()
        (tmp_path / "echo.py").write_text(
            textwrap.dedent("""
            import os

            def application(environ, start_response):
                if environ["PATH_INFO"] == "/broken":
                    start_response("200 OK", [("Content-Length", "9")])
                    return breaking()
                bodies = {"/refused": b"no", "/worker": str(os.getpid()).encode()}
                body = bodies.get(environ["PATH_INFO"]) or environ["wsgi.input"].read()
                start_response("200 OK", [("Content-Length", str(len(body)))])
                return [body]

            def breaking():
                yield b"x"
                raise RuntimeError("half way")
            """)
        )
        (tmp_path / "conf.py").write_text(
            "from roadmap_project import web_worker\n"
            + "".join(f"web_worker.{name} = {value}\n" for name, value in seconds.items())
            + "worker_class = 'roadmap_project.web_worker.Worker'\ngraceful_timeout = 60\n"
            f"threads = {threads}\nbind = '127.0.0.1:{port}'\npythonpath = {str(tmp_path)!r}\n"
            "control_socket_disable = True\n"
        )
        command = [sys.executable, "-m", "gunicorn", "--config", str(tmp_path / "conf.py"), "echo"]
        started.append(subprocess.Popen(command, cwd=ROOT, env={**os.environ, "GUNICORN_CMD_ARGS": ""}))
        until = time.monotonic() + 30
        while time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                return port
            except OSError:
                time.sleep(0.02)
        pytest.fail("gunicorn did not listen")

    run.started = started
    yield run
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def connect():
    with contextlib.ExitStack() as clients:

        def open_one(port, sent=b""):
            client = clients.enter_context(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE))
            client.sendall(sent)
            return client

        yield open_one


def read(client, end):
    said = b""
    while not said.endswith(end):
        some = client.recv(1000)
        assert some, f"no {end!r} after {said!r}"
        said += some
    return said


def is_hung_up(client):
    try:
        return client.recv(100) == b""
    except ConnectionResetError:  # with what it sent unread
        return True


def ask(port, body=b"well", path="/", **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("POST", path, body, headers)
        return connection.getresponse().read()
    finally:
        connection.close()


@pytest.mark.parametrize(
    "half",
    [b"", b"POS", HEAD + b"X-Long: ", FORM + b"username=", HEAD + b"Expect: 100-continue\r\nContent-Length: 9\r\n\r\n"],
    ids=["none", "line", "head", "form", "asks first"],
)
def test_requests_that_are_coming_hold_no_thread(start, connect, half):
    port = start()

    slow = [connect(port, half) for _ in range(20)]

    assert ask(port) == b"well"
    for each in slow:
        each.close()
    assert ask(port) == b"well"


def test_what_does_not_come_is_hung_up(start, connect):
    port = start(ARRIVAL_SECONDS=0.2)

    assert is_hung_up(connect(port, HEAD))
    assert ask(port) == b"well"


def test_uploads_that_do_not_come_leave_a_thread_to_the_others(start, connect):
    port = start(threads=2)

    for head in (UPLOAD, HEAD + b"Transfer-Encoding: chunked\r\n\r\n") * 3:
        connect(port, head)

    assert ask(port) == b"well"


@pytest.mark.parametrize("length", [b"9" * 5000, b"9" * 30_000, b"-1", b"1e3"])
def test_a_length_that_is_none_is_refused_and_stops_nobody(start, connect, length):
    port = start()
    ask(port)
    serving = worker_of(start.started[0].pid)

    client = connect(port, HEAD + b"Content-Length: " + length + b"\r\n\r\n")

    assert client.recv(12) in (b"HTTP/1.1 400", b"HTTP/1.1 431")
    assert ask(port) == b"well"
    assert worker_of(start.started[0].pid) == serving


def worker_of(pid):
    return Path(f"/proc/{pid}/task/{pid}/children").read_text()


def test_a_large_body_that_does_not_come_holds_its_thread_for_a_bounded_time(start, connect):
    port = start(ANSWER_SECONDS=0.5)

    connect(port, UPLOAD + b"beginning")

    assert ask(port) == b"well"


def test_a_head_without_an_end_waits_for_nothing(start, connect):
    port = start()
    endless = connect(port)
    for number in range(5):
        endless.sendall(HEAD if not number else b"X-%d: " % number + 8000 * b"x" + b"\r\n")

    assert ask(port) == b"well"


def test_a_request_in_small_pieces_a_large_one_and_one_that_asks_first_are_answered(start, connect):
    port = start()
    slow = connect(port)
    for byte in HEAD + b"Content-Length: 2\r\n\r\nhi":
        slow.sendall(bytes([byte]))
    read(slow, b"\r\n\r\nhi")

    large = 3_000_000 * b"x"
    assert ask(port, large) == large

    polite = connect(port, HEAD + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
    assert read(polite, b"\r\n\r\n").startswith(b"HTTP/1.1 100")
    polite.sendall(b"hi")
    read(polite, b"\r\n\r\nhi")


def test_a_connection_is_used_again_and_requests_may_come_together(start, connect):
    port = start()
    request = HEAD + b"Content-Length: 2\r\n\r\n"
    client = connect(port, request + b"it" + request + b"is" + request[:20])
    read(client, b"is")
    assert ask(port) == b"well"  # the third waits without a thread
    client.sendall(request[20:] + b"so")
    read(client, b"so")


def test_who_has_sent_all_and_hangs_up_one_way_is_answered(start, connect):
    client = connect(start(), HEAD + b"Content-Length: 2\r\n\r\nhi")
    client.shutdown(socket.SHUT_WR)

    read(client, b"\r\n\r\nhi")


def test_a_worker_that_stops_does_not_wait_for_what_may_come(start, connect):
    port = start(LAST_SECONDS=0)
    idle = [connect(port), connect(port, HEAD)]
    assert ask(port) == b"well"

    start.started[0].send_signal(signal.SIGTERM)

    assert start.started[0].wait(30) == 0  # its grace is 60
    assert all(map(is_hung_up, idle))


LAST = HEAD + b"Connection: close\r\nContent-Length: 2\r\n\r\nhi"


def test_who_has_an_answer_and_does_not_hang_up_holds_up_nobody(start, connect):
    """gunicorn itself waits two seconds for each in the thread that takes all others in."""
    port = start()
    for each in [connect(port, LAST) for _ in range(4)]:
        read(each, b"hi")
    began = time.monotonic()

    assert ask(port) == b"well"

    assert time.monotonic() - began < 1


def test_who_sends_a_body_that_nobody_reads_is_answered_all_the_same(start):
    port = start()
    large = 20_000_000 * b"x"

    assert ask(port, large, "/refused", Connection="close") == b"no"
    assert ask(port, large, "/refused") == b"no"
    assert ask(port) == b"well"


def test_who_has_an_answer_and_neither_sends_nor_hangs_up_is_let_go(start, connect):
    port = start(LEAVING_SECONDS=0.2)
    ask(port)
    files = Path(f"/proc/{worker_of(start.started[0].pid).strip()}/fd")
    stays = connect(port)
    before, until = len(list(files.iterdir())), time.monotonic() + PATIENCE

    stays.sendall(LAST)
    read(stays, b"hi")

    while len(list(files.iterdir())) >= before and time.monotonic() < until:
        time.sleep(0.02)
    assert len(list(files.iterdir())) < before


def test_who_goes_on_sending_is_cut_off(start, connect):
    port = start(ARRIVAL_SECONDS=0.2, MOST_THROWN_AWAY=1_000_000)
    slow, until = connect(port, LAST), time.monotonic() + PATIENCE

    with pytest.raises(OSError, match=r"reset|pipe"):
        ask(port, 50_000_000 * b"x", "/refused", Connection="close")
    with pytest.raises(OSError, match=r"reset|pipe"):
        while time.monotonic() < until:
            slow.sendall(b"x")
            time.sleep(0.01)


def test_an_answer_that_breaks_off_ends_no_worker(start, connect):
    port = start()
    worker = ask(port, path="/worker")

    client = connect(port, b"POST /broken HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
    read(client, b"x")
    assert is_hung_up(client)
    client.close()

    assert [ask(port, path="/worker") for _ in range(2)] == [worker] * 2
