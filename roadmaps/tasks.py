"""The functions that Django-Q runs."""

from typing import Any

from roadmaps import log_lines
from roadmaps.steps import draining, sweeping


def drain(queue: str) -> int:
    return draining.drain(queue)


def sweep(queue: str) -> None:
    sweeping.sweep(queue)


def save_log_lines(lines: list[dict[str, Any]]) -> None:
    log_lines.save(lines)
