"""gunicorn's worker with threads, which gives a thread to a request that has come, and not to one that is coming.

The web's threads are as few as its connections: without this, whoever sends half a request on each of a handful of
sockets stops every page (a proxy in front that reads requests whole would do the same, and not everybody has one).
Nor does gunicorn wait in the worker's own thread for a client that has its answer to hang up.
"""

import re
import select
import selectors
import socket
import time
from collections import deque
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any
from weakref import WeakSet

from gunicorn.workers.gthread import TConn, ThreadWorker

ARRIVAL_SECONDS = 20.0  # from its connection or its first byte until a request is there
LAST_SECONDS = 2.0  # the same in a worker that stops
ANSWER_SECONDS = 120.0  # from the thread that it gets until it is answered and the answer is taken
LEAVING_SECONDS = 2.0  # since a client that has its whole answer sent something last
MOST_THROWN_AWAY = 64 * 1024 * 1024  # bytes, of a body that nobody read
LONGEST_HEAD = 32 * 1024  # as other servers take at most
LARGEST_FORM = 16 * 1024  # of a body; what is larger is waited for in its thread
BODY_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,9})[ \t]*(?:\r|$)", re.IGNORECASE)  # others are gunicorn's
CHUNKS = re.compile(rb"\r\ntransfer-encoding:", re.IGNORECASE)
ASKS_FIRST = re.compile(rb"\r\nexpect:", re.IGNORECASE)
GO_ON = b"HTTP/1.1 100 Continue\r\n\r\n"


class Arrived(Enum):
    NOT = auto()
    WHOLE = auto()
    HEAD_OF_AN_UPLOAD = auto()


@dataclass
class Leaving:
    """A connection that is over for us. Closed while its client sends, it would not read its answer."""

    conn: TConn
    since: float = field(default_factory=time.monotonic)
    heard: float = field(default_factory=time.monotonic)
    thrown_away: int = 0

    def is_gone(self) -> bool:
        """Reads what has come, and that is all that becomes of it."""
        try:
            sent = len(self.conn.sock.recv(64 * 1024))
        except BlockingIOError:
            return False
        except OSError:
            return True
        self.heard = time.monotonic()
        self.thrown_away += sent
        return sent == 0 or self.thrown_away > MOST_THROWN_AWAY


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """Counts a connection whose request is coming among its connections.

    Uploads, of which only the head has come when they get their thread, have all threads but one.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._coming: dict[int, tuple[TConn, float]] = {}  # by file descriptor, since when
        self._asked: WeakSet[TConn] = WeakSet()  # for the body that they announced
        self._uploads: set[TConn] = set()
        self._next_uploads: deque[TConn] = deque()
        self._answered: dict[TConn, float] = {}  # since when
        self._leaving: dict[int, Leaving] = {}  # by file descriptor

    def run(self) -> None:
        self._arrivals, self._departures = select.epoll(), select.epoll()
        self.poller.register(self._arrivals.fileno(), selectors.EVENT_READ, self._look)
        self.poller.register(self._departures.fileno(), selectors.EVENT_READ, self._throw_away)
        super().run()
        self._arrivals.close()
        self._departures.close()

    def enqueue_req(self, conn: TConn) -> None:
        """What gunicorn calls when a connection is new or becomes readable, in the worker's main thread."""
        arrived = Arrived.WHOLE if self.cfg.is_ssl else self._arrived(conn)
        if arrived is Arrived.NOT:
            self._coming[conn.sock.fileno()] = (conn, time.monotonic())
            # By edges: what has come stays in the kernel, and is no news until there is more.
            self._arrivals.register(conn.sock, select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET)
        else:
            self._give_a_thread(conn, arrived)

    def _look(self, _arrivals: Any) -> None:
        for descriptor, happened in self._arrivals.poll(0):
            conn, _ = self._coming[descriptor]
            has_hung_up = happened & ~select.EPOLLIN
            arrived = Arrived.WHOLE if has_hung_up else self._arrived(conn)
            if arrived is not Arrived.NOT:
                self._give_a_thread(self._take(descriptor), arrived)

    def _arrived(self, conn: TConn) -> Arrived:
        read = conn.parser.unreader.buf.getvalue() if conn.parser else b""  # behind the request before it
        try:
            seen = conn.sock.recv(LONGEST_HEAD + LARGEST_FORM, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            seen, is_over = b"", False
        except OSError:
            return Arrived.WHOLE  # its thread will meet the same and close it
        else:
            is_over = not seen
        seen = read + seen
        head, blank, body = seen.partition(b"\r\n\r\n")
        if is_over:
            return Arrived.WHOLE
        if not blank:
            if len(seen) <= LONGEST_HEAD:
                return Arrived.NOT
            with suppress(OSError):  # its thread reads what is there and waits for no more
                conn.sock.shutdown(socket.SHUT_RD)
            return Arrived.WHOLE
        announced = BODY_LENGTH.search(head)
        length = int(announced[1]) if announced else 0
        if CHUNKS.search(head) or length > LARGEST_FORM:
            return Arrived.HEAD_OF_AN_UPLOAD
        if len(body) >= length:
            return Arrived.WHOLE
        if not body and ASKS_FIRST.search(head) and conn not in self._asked:
            self._asked.add(conn)
            with suppress(OSError):
                conn.sock.send(GO_ON, socket.MSG_DONTWAIT)
        return Arrived.NOT

    def _give_a_thread(self, conn: TConn, arrived: Arrived) -> None:
        if arrived is Arrived.HEAD_OF_AN_UPLOAD:
            if len(self._uploads) >= max(1, self.cfg.threads - 1):
                self._next_uploads.append(conn)
                return
            self._uploads.add(conn)
        conn.data_ready = True
        super().enqueue_req(conn)

    def _take(self, descriptor: int) -> TConn:
        conn, _ = self._coming.pop(descriptor)
        self._arrivals.unregister(descriptor)
        return conn

    def murder_pending(self) -> None:
        """Called once a second and after each event; a thread that waits for a client hears that it is gone."""
        super().murder_pending()
        now = time.monotonic()
        allowed = ARRIVAL_SECONDS if self.alive else LAST_SECONDS
        for descriptor in [each for each, (_, since) in self._coming.items() if since + allowed <= now]:
            self.nr_conns -= 1
            self._take(descriptor).close()
        for descriptor, each in list(self._leaving.items()):
            if each.heard + LEAVING_SECONDS <= now or each.since + allowed <= now:
                self._hang_up(descriptor)
        for conn in [each for each, since in list(self._answered.items()) if since + ANSWER_SECONDS <= now]:
            with suppress(OSError):
                conn.sock.shutdown(socket.SHUT_RDWR)

    def handle(self, conn: TConn) -> Any:
        """In a thread."""
        self._answered[conn] = time.monotonic()
        return super().handle(conn)

    def finish_request(self, conn: TConn, fs: "Future[Any]") -> None:
        self._answered.pop(conn, None)
        self._asked.discard(conn)
        self._uploads.discard(conn)
        if self.cfg.is_ssl or fs.cancelled() or fs.exception() or fs.result():
            super().finish_request(conn, fs)
        else:
            self._see_off(conn)
        if self._next_uploads:
            self._give_a_thread(self._next_uploads.popleft(), Arrived.HEAD_OF_AN_UPLOAD)

    def _see_off(self, conn: TConn) -> None:
        """Counted among the connections until its client hangs up, or the time for that is over."""
        descriptor = conn.sock.fileno()
        if descriptor < 0:  # gunicorn has closed it, as its answer broke off
            self.nr_conns -= 1
            return
        self._leaving[descriptor] = Leaving(conn)
        self._departures.register(descriptor, select.EPOLLIN)
        try:
            conn.sock.shutdown(socket.SHUT_WR)
            conn.sock.settimeout(0)
        except OSError:
            self._hang_up(descriptor)

    def _throw_away(self, _departures: Any) -> None:
        for descriptor, _ in self._departures.poll(0):
            if self._leaving[descriptor].is_gone():
                self._hang_up(descriptor)

    def _hang_up(self, descriptor: int) -> None:
        self._departures.unregister(descriptor)
        self._leaving.pop(descriptor).conn.close()
        self.nr_conns -= 1
