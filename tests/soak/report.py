"""One table of what happened and what held."""

import os
import platform
from collections import Counter
from typing import Any

from tests.soak.judging import Run, Verdict

WIDTH = 44


def faults(run: Run) -> list[tuple[str, int]]:
    counted = Counter(
        " ".join(filter(None, (each.fault.kind, each.fault.service, each.fault.what))) for each in run.breaker.happened
    )
    return sorted(counted.items())


def text(run: Run, verdicts: list[Verdict], *, title: str) -> str:
    happened = faults(run)
    lines = [title, ""]
    lines += [f"{name:{WIDTH}}  {number:>5}" for name, number in happened]
    lines.append(f"{'faults':{WIDTH}}  {sum(number for _, number in happened):>5}")
    if run.breaker.skipped:
        lines.append(f"{'(nobody there to be struck)':{WIDTH}}  {len(run.breaker.skipped):>5}")
    lines.append("")
    for verdict in verdicts:
        lines.append(f"{'broken' if verdict.broken else 'holds ':6}  {verdict.name:{WIDTH}}  {verdict.figure}")
        lines += [f"        - {each}" for each in verdict.broken[:8]]
        if len(verdict.broken) > 8:
            lines.append(f"        - and {len(verdict.broken) - 8} more")
    return "\n".join(lines)


def as_json(run: Run, verdicts: list[Verdict], *, title: str) -> dict[str, Any]:
    return {
        "title": title,
        "machine": f"{os.cpu_count()} CPUs, Python {platform.python_version()}",
        "faults": dict(faults(run)),
        "skipped": [str(fault) for fault in run.breaker.skipped],
        "restarts": [
            {"at": at, "service": service, "status": status} for at, service, status in run.supervisor.restarts
        ],
        "verdicts": {verdict.name: {"figure": verdict.figure, "broken": verdict.broken} for verdict in verdicts},
    }
