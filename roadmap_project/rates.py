"""How often does a program ask? Counted in this process's memory, so that reading costs no write.

A bound on load, not on rights: each web process counts by itself, and forgets when the minute is over.
"""

import threading
import time

MINUTE = 60.0
MOST_KEYS = 20_000  # counted at once, about 3 MB; whoever comes on top of them is not counted until the minute is over


class Rates:
    """Requests by key in the current minute."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, int] = {}
        self._ends = 0.0

    def seconds_to_wait(self, key: str, *, limit: int) -> float:
        """Count a request of this key; 0 where it may go on. A limit of 0 is none."""
        if not limit:
            return 0.0
        with self._lock:
            now = time.monotonic()
            if now >= self._ends:
                self._counts, self._ends = {}, now + MINUTE
            if key not in self._counts and len(self._counts) >= MOST_KEYS:
                return 0.0
            self._counts[key] = self._counts.get(key, 0) + 1
            return self._ends - now if self._counts[key] > limit else 0.0

    def forget(self) -> None:
        with self._lock:
            self._counts, self._ends = {}, 0.0
