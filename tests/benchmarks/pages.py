"""How fast are pages? A few readers who ask again as soon as they are answered, from one process."""

import gzip
import http.client
import itertools
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from urllib.parse import urlsplit

READERS = 4  # half of the default web's threads
# Behind a proxy that ended TLS: otherwise everything is redirected to https. Text travels compressed, as to browsers.
HEADERS = {"X-Forwarded-Proto": "https", "Accept-Encoding": "gzip, deflate, br, zstd"}


@dataclass
class Load:
    """What the readers of one page saw."""

    seconds: float
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
    load = Load(seconds)
    until = time.monotonic() + seconds

    def go_on() -> None:
        reader = Reader(site, cookie)
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
    """A signed-in browser with one connection that is kept open."""

    def __init__(self, site: str, cookie: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(site).netloc, timeout=60)
        self._headers = {**HEADERS, "Cookie": cookie}
        self._tag = ""

    def get(self, path: str, *, polls: bool = False) -> Answer:
        """A worker that closed the connection meanwhile is asked again."""
        known = {"If-None-Match": self._tag} if polls and self._tag else {}
        for _ in range(3):
            try:
                self._connection.request("GET", path, headers={**self._headers, **known})
                response = self._connection.getresponse()
                body = response.read()
            except (http.client.HTTPException, ConnectionError):
                self._connection.close()
                continue
            self._tag = response.headers.get("ETag", self._tag)
            return Answer(response.status, body, response.headers.get("Content-Encoding", ""))
        return Answer(0)
