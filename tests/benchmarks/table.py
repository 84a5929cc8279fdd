"""What was measured, as one table with notes and as JSON."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

OURS = "ours"


@dataclass
class Result:
    """One contender's run with one seed; without `failure` everything but `facts` and `memory` is there."""

    name: str
    settings: str
    versions: dict[str, str]
    failure: str = ""  # why it could not be installed or started
    seed: int = 1
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
    causes: dict[str, int] = field(default_factory=dict)  # of the loss, as it logged them
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
    """One line of the table; of several seeds it shows the median where nothing else is said."""

    title: str
    value: Callable[[Result], float | None]
    form: str = "{:.0f}"
    better: int = 0  # -1 where less is better, 1 where more is
    of_seeds: Callable[[list[float]], float] = median

    def of(self, runs: Sequence[Result]) -> float | None:
        """Of one contender's runs; None where one of them has no such value."""
        values = [self.value(run) for run in runs if not run.failure]
        known = [value for value in values if value is not None]
        return self.of_seeds(known) if known and len(known) == len(values) else None

    def cell(self, runs: Sequence[Result]) -> str:
        value = self.of(runs)
        return "–" if value is None else self.form.format(value)


MEASURES = [
    Measure("seeds", lambda row: 1, of_seeds=sum),
    Measure("calls in flight it is configured for", lambda row: row.slots),
    Measure("all pieces written, seconds", lambda row: None if row.lost else row.seconds, "{:.1f}", -1),
    Measure("ideal on its slots, seconds", lambda row: row.ideal, "{:.1f}"),
    Measure("time ÷ ideal", lambda row: None if row.lost else row.ratio, "{:.2f}", -1),
    Measure("time ÷ ideal, of the worst seed", lambda row: None if row.lost else row.ratio, "{:.2f}", -1, max),
    Measure("first call begun, seconds", lambda row: row.first_call, "{:.2f}", -1),
    Measure("first tutorial finished, seconds", lambda row: row.first_tutorial, "{:.1f}", -1),
    Measure("connections, peak of all seeds", lambda row: row.peak_connections, better=-1, of_seeds=max),
    Measure("connections, mean", lambda row: row.mean_connections, "{:.1f}", -1),
    Measure("connections opened", lambda row: row.opened, better=-1),
    Measure("calls in flight, peak of all seeds", lambda row: row.peak_calls, of_seeds=max),
    Measure("calls in flight, mean", lambda row: row.mean_calls, "{:.1f}"),
    Measure("calls in flight per connection (means)", lambda row: row.calls_per_connection, "{:.1f}", 1),
    Measure("refused connections, of all seeds", lambda row: row.refused, better=-1, of_seeds=sum),
    Measure("lost pieces, of all seeds", lambda row: row.lost, better=-1, of_seeds=sum),
    Measure("pieces written twice, of all seeds", lambda row: row.twice, better=-1, of_seeds=sum),
    Measure("answers bought", lambda row: row.answers, better=-1),
    Measure("CPU seconds per 1,000 pieces", lambda row: row.cpu, "{:.1f}", -1),
    Measure("PostgreSQL's CPU s per 1,000 pieces", lambda row: row.server_cpu, "{:.1f}", -1),
    Measure("memory of all its processes, MB (PSS)", lambda row: row.megabytes, better=-1),
]


def by_contender(rows: Sequence[Result]) -> dict[str, list[Result]]:
    """Its runs, one for each seed."""
    found: dict[str, list[Result]] = {}
    for row in rows:
        found.setdefault(row.name, []).append(row)
    return found


def table(rows: Sequence[Result]) -> str:
    """A line per measure, a column per contender."""
    columns = by_contender(rows)
    lines = [["", *columns]]
    lines += [[measure.title, *(measure.cell(runs) for runs in columns.values())] for measure in MEASURES]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join([line[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(line[1:], widths[1:], strict=True))])
        for line in lines
    )


def notes(rows: Sequence[Result]) -> list[str]:
    """Settings and versions of each, who could not take part and why, and where somebody is better than ours."""
    listed, columns = [], by_contender(rows)
    for name, (first, *others) in columns.items():
        versions = ", ".join(f"{package} {version}" for package, version in first.versions.items())
        if first.settings:
            listed.append(f"{name}: {first.settings} ({versions})")
        listed += [line for run in (first, *others) if (line := _what_it_lacks(run))]
        listed += _seed_by_seed([run for run in (first, *others) if not run.failure])
    if ours := [run for run in columns.get(OURS, []) if not run.failure]:
        listed += [line for measure in MEASURES if (line := _better_than(ours, measure, columns))]
        listed += [line for run in ours for line in _ours_alone(run)]
    return listed


def _what_it_lacks(run: Result) -> str:
    if run.failure:
        return f"{run.name} TOOK NO PART (seed {run.seed}): {run.failure}"
    if not run.lost:
        return ""
    causes = [f"{count} × {cause}" for cause, count in sorted(run.causes.items())]
    said = f" What it logged: {', '.join(causes)}." if causes else ""
    return (
        f"{run.name} lost {run.lost} pieces (seed {run.seed}): it never finished; the last that it wrote came after "
        f"{run.seconds:.1f} s.{said}"
    )


def _seed_by_seed(runs: Sequence[Result]) -> list[str]:
    if len(runs) < 2:
        return []
    each = ", ".join(
        f"{run.seed}: {'pieces lost' if run.lost else f'{run.ratio:.2f} ({run.seconds:.1f} of {run.ideal:.1f} s)'}"
        for run in runs
    )
    return [f"{runs[0].name}, time ÷ ideal by seed: {each}."]


def _better_than(ours: Sequence[Result], measure: Measure, columns: dict[str, list[Result]]) -> str:
    """Compares only whoever wrote all pieces; of the seeds those that both have."""
    found = []
    for name, runs in columns.items():
        whole = [run for run in runs if not run.failure]
        same = [run for run in ours if run.seed in {peer.seed for peer in whole}]
        value, own = measure.of(whole), measure.of(same)
        if not measure.better or value is None or own is None or any(run.lost for run in whole):
            continue
        if (value - own) * measure.better > 0 and measure.cell(whole) != measure.cell(same):
            found.append(f"{name} {measure.cell(whole)} (ours {measure.cell(same)})")
    return f"Better than ours in “{measure.title}”: {', '.join(found)}." if found else ""


def _ours_alone(ours: Result) -> list[str]:
    lines = []
    if "design_seconds" in ours.facts:
        whole = ours.facts["design_seconds"] + ours.seconds
        ideal = ours.facts["design_ideal"] + ours.ideal
        lines.append(
            f"ours with the design of the roadmaps (seed {ours.seed}): {whole:.1f} s, {whole / ideal:.2f} × its ideal "
            f"of {ideal:.1f} s (design {ours.facts['design_seconds']:.1f} s of {ours.facts['design_ideal']:.1f} s)."
        )
    if ours.memory:
        parts = ", ".join(f"{name} {megabytes:.0f}" for name, megabytes in ours.memory.items())
        lines.append(f"ours, memory by service in MB (seed {ours.seed}): {parts}.")
    return lines
