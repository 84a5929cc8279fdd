"""What was measured, as one table with notes and as JSON."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

OURS = "ours"


@dataclass
class Result:
    """One contender's row; without `failure` everything but `facts` and `memory` is there."""

    name: str
    settings: str
    versions: dict[str, str]
    failure: str = ""  # why it could not be installed or started
    slots: int = 0
    ideal: float = 0.0  # seconds
    seconds: float = 0.0
    first_tutorial: float | None = None  # seconds
    first_call: float | None = None  # seconds
    peak_connections: int = 0
    mean_connections: float = 0.0
    peak_calls: int = 0
    mean_calls: float = 0.0
    opened: int = 0  # connections
    refused: int = 0
    lost: int = 0
    twice: int = 0  # pieces that were saved more than once
    answers: int = 0  # complete ones that the model sent
    cpu: float = 0.0  # seconds per 1,000 pieces, as is the next
    server_cpu: float = 0.0
    megabytes: float = 0.0
    load: float = 0.0  # of the machine, when it began
    facts: dict[str, float] = field(default_factory=dict)
    memory: dict[str, float] = field(default_factory=dict)  # megabytes by the processes' names

    @property
    def ratio(self) -> float:
        return self.seconds / self.ideal if self.ideal else 0.0

    @property
    def calls_per_connection(self) -> float:
        return self.mean_calls / self.mean_connections if self.mean_connections else float("inf")

    def as_json(self) -> dict[str, Any]:
        derived = {"ratio": self.ratio, "calls_per_connection": self.calls_per_connection}
        return asdict(self) | ({} if self.failure else derived)


@dataclass(frozen=True)
class Measure:
    title: str
    value: Callable[[Result], float | None]
    form: str = "{:.0f}"
    better: int = 0  # -1 where less is better, 1 where more is


MEASURES = [
    Measure("calls in flight it is configured for", lambda row: row.slots),
    Measure("all pieces written, seconds", lambda row: None if row.lost else row.seconds, "{:.1f}", -1),
    Measure("ideal on its slots, seconds", lambda row: row.ideal, "{:.1f}"),
    Measure("time ÷ ideal", lambda row: None if row.lost else row.ratio, "{:.2f}", -1),
    Measure("first call begun, seconds", lambda row: row.first_call, "{:.2f}", -1),
    Measure("first tutorial finished, seconds", lambda row: row.first_tutorial, "{:.1f}", -1),
    Measure("connections, peak", lambda row: row.peak_connections, better=-1),
    Measure("connections, mean", lambda row: row.mean_connections, "{:.1f}", -1),
    Measure("connections opened", lambda row: row.opened, better=-1),
    Measure("calls in flight, peak", lambda row: row.peak_calls),
    Measure("calls in flight, mean", lambda row: row.mean_calls, "{:.1f}"),
    Measure("calls in flight per connection (means)", lambda row: row.calls_per_connection, "{:.1f}", 1),
    Measure("refused connections", lambda row: row.refused, better=-1),
    Measure("lost pieces", lambda row: row.lost, better=-1),
    Measure("pieces written twice", lambda row: row.twice, better=-1),
    Measure("answers bought", lambda row: row.answers, better=-1),
    Measure("CPU seconds per 1,000 pieces", lambda row: row.cpu, "{:.1f}", -1),
    Measure("PostgreSQL's CPU s per 1,000 pieces", lambda row: row.server_cpu, "{:.1f}", -1),
    Measure("memory of all its processes, MB (PSS)", lambda row: row.megabytes, better=-1),
]


def table(rows: Sequence[Result]) -> str:
    """A line per measure, a column per contender."""
    lines = [["", *(row.name for row in rows)]]
    lines += [[measure.title, *(_cell(measure, row) for row in rows)] for measure in MEASURES]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join([line[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(line[1:], widths[1:], strict=True))])
        for line in lines
    )


def _cell(measure: Measure, row: Result) -> str:
    value = None if row.failure else measure.value(row)
    return "–" if value is None else measure.form.format(value)


def notes(rows: Sequence[Result]) -> list[str]:
    """Settings and versions of each, who could not take part and why, and where somebody is better than ours."""
    listed = []
    for row in rows:
        versions = ", ".join(f"{name} {version}" for name, version in row.versions.items())
        if row.settings:
            listed.append(f"{row.name}: {row.settings} ({versions})")
        if row.failure:
            listed.append(f"{row.name} TOOK NO PART: {row.failure}")
        elif row.lost:
            listed.append(
                f"{row.name} lost {row.lost} pieces: it never finished; the last that it wrote came after "
                f"{row.seconds:.1f} s."
            )
    ours = next((row for row in rows if row.name == OURS and not row.failure), None)
    if ours:
        listed += [line for measure in MEASURES if (line := _better_than(ours, measure, rows))]
        listed += _ours_alone(ours)
    return listed


def _better_than(ours: Result, measure: Measure, rows: Sequence[Result]) -> str:
    """Compares only whoever wrote all pieces."""
    own = measure.value(ours)
    if not measure.better or own is None:
        return ""
    found = []
    for row in rows:
        value = None if row.failure or row.lost else measure.value(row)
        if value is not None and (value - own) * measure.better > 0 and _cell(measure, row) != _cell(measure, ours):
            found.append(f"{row.name} {_cell(measure, row)}")
    return f"Better than ours ({_cell(measure, ours)}) in “{measure.title}”: {', '.join(found)}." if found else ""


def _ours_alone(ours: Result) -> list[str]:
    lines = []
    if "design_seconds" in ours.facts:
        whole = ours.facts["design_seconds"] + ours.seconds
        ideal = ours.facts["design_ideal"] + ours.ideal
        lines.append(
            f"ours with the design of the roadmaps: {whole:.1f} s, {whole / ideal:.2f} × its ideal of {ideal:.1f} s "
            f"(design {ours.facts['design_seconds']:.1f} s of {ours.facts['design_ideal']:.1f} s)."
        )
    if ours.memory:
        parts = ", ".join(f"{name} {megabytes:.0f}" for name, megabytes in ours.memory.items())
        lines.append(f"ours, memory by service in MB: {parts}.")
    return lines
