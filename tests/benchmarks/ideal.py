"""How fast could it go? Greedy schedules of the latencies that the stub model draws."""

import heapq
from collections.abc import Iterable, Sequence


def greedy(latencies: Iterable[float], slots: int) -> float:
    """Seconds until all are answered when each starts, in order, on the slot that is free first."""
    ends = [0.0] * slots
    for latency in latencies:
        heapq.heapreplace(ends, ends[0] + latency)
    return max(ends)


def chains(latencies: Sequence[float], count: int, length: int) -> float:
    """Seconds until `count` chains that begin together have made `length` calls each, one after the other."""
    drawn = iter(latencies)
    ends = [(next(drawn), 1) for _ in range(count)]
    heapq.heapify(ends)
    last = 0.0
    while ends:
        end, calls = heapq.heappop(ends)
        last = max(last, end)
        if calls < length:
            heapq.heappush(ends, (end + next(drawn), calls + 1))
    return last
