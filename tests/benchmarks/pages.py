"""How fast are pages? A few readers who ask again as soon as they are answered, from one process."""

import gzip
import itertools
import socket
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from urllib.parse import urlsplit

READERS = 4  # half of the default web's threads
# Behind a proxy that ended TLS: otherwise everything is redirected to https. Text travels compressed, as to browsers.
HEADERS = {"X-Forwarded-Proto": "https", "Accept-Encoding": "gzip, deflate, br, zstd"}


@dataclass
class Load:
    """What the readers of one page saw."""

    seconds: float = 0.0  # until the last had its answer
    latencies: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    @property
    def per_second(self) -> float:
        return len(self.latencies) / self.seconds

    @property
    def p95(self) -> float:
        ordered = sorted(self.latencies)
        return ordered[int(0.95 * (len(ordered) - 1))] if ordered else 0.0

    @property
    def share_unchanged(self) -> float:
        return self.statuses[304] / max(1, len(self.latencies))

    @property
    def failed(self) -> int:
        return sum(count for status, count in self.statuses.items() if status not in (200, 304))

    def as_json(self) -> dict[str, float]:
        return {
            "per_second": self.per_second,
            "p95": self.p95,
            "share_unchanged": self.share_unchanged,
            "failed": self.failed,
        }


def read(site: str, path: str, *, cookie: str, seconds: float, polls: bool = False, readers: int = READERS) -> Load:
    """Polls say which state they know, as the page's script does; however slow it is, each reader asks twice."""
    load = Load()
    begins = time.monotonic()
    until = begins + seconds

    def go_on() -> None:
        with closing(Reader(site, cookie)) as reader:
            for asked in itertools.count():
                if asked >= 2 and time.monotonic() >= until:
                    return
                began = time.monotonic()
                answer = reader.get(path, polls=polls)
                load.latencies.append(time.monotonic() - began)
                load.statuses[answer.status] += 1

    with ThreadPoolExecutor(readers) as pool:
        for reading in [pool.submit(go_on) for _ in range(readers)]:
            reading.result()
    load.seconds = time.monotonic() - begins
    return load


@dataclass(frozen=True)
class Answer:
    status: int  # 0 where there was none
    body: bytes = b""
    encoding: str = ""

    @property
    def text(self) -> str:
        return (gzip.decompress(self.body) if self.encoding == "gzip" else self.body).decode()


class Reader:
    """A signed-in browser with one connection that is kept open.

    Right on a socket: what http.client itself takes for an answer would slow the empty view down most, to which the
    pages are compared.
    """

    def __init__(self, site: str, cookie: str) -> None:
        self._place = urlsplit(site)
        sent = {"Host": self._place.netloc, **HEADERS, "Cookie": cookie}
        self._head = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
        self._socket: socket.socket | None = None
        self._tag = ""

    def get(self, path: str, *, polls: bool = False) -> Answer:
        """A worker that closed the connection meanwhile is asked again; raises TimeoutError."""
        known = f"If-None-Match: {self._tag}\r\n" if polls and self._tag else ""
        for _ in range(3):
            try:
                return self._asked(f"GET {path} HTTP/1.1\r\n{self._head}{known}\r\n".encode())
            except ConnectionError:
                self.close()
        return Answer(0)

    def _asked(self, request: bytes) -> Answer:
        if self._socket is None:
            self._socket = socket.create_connection((self._place.hostname, self._place.port), timeout=60)
        self._socket.sendall(request)
        head, _, body = self._more(b"", lambda so_far: b"\r\n\r\n" in so_far).partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        named = (line.partition(": ") for line in lines)
        headers = {name.lower(): value for name, _, value in named}
        status = int(first.split(" ")[1])
        if status != 304:
            length = int(headers["content-length"])  # every page tells it
            body = self._more(body, lambda so_far: len(so_far) >= length)
        if headers.get("connection", "").lower() == "close":
            self.close()
        self._tag = headers.get("etag", self._tag)
        return Answer(status, body, headers.get("content-encoding", ""))

    def _more(self, so_far: bytes, is_enough: Callable[[bytes], bool]) -> bytes:
        assert self._socket
        while not is_enough(so_far):
            part = self._socket.recv(1 << 16)
            if not part:
                raise ConnectionResetError
            so_far += part
        return so_far

    def close(self) -> None:
        if self._socket:
            self._socket.close()
        self._socket = None
