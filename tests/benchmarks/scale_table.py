"""What a run at scale showed, as a table: ratios, for figures of two machines cannot be compared."""

from collections.abc import Iterator
from typing import Any

Row = tuple[str, str]


# What a whole run fills in, and what each is called where it is missing.
MEASURED = {
    "pages_at_rest": "pages at rest",
    "pages_at_peak": "pages at the peak",
    "newcomers": "newcomers' first tutorials, and pieces seen by their pages",
    "after_limit": "the pace after a 429's pause",
    "written": "the backlog: pieces, pace, connections, CPU",
    "memory": "memory over the time",
    "wide": "one worker with many calls in flight",
    "parts": "the parts of a piece's CPU time",
}


# What a run of this many roadmaps is held to; a shorter one measures its beginning and its end above all.
HELD_TO_FROM = 500
LEAST_PACE, MOST_GROWTH, MOST_NEWCOMER, MOST_UNSEEN = 0.8, 1.15, 1.2, 2.0


def missing(figures: dict[str, Any]) -> list[str]:
    return [name for name in MEASURED if not figures.get(name)]


def broken(figures: dict[str, Any], *, roadmaps: int) -> list[str]:
    """Which promises a whole run did not keep."""
    if figures["cut"] or missing(figures) or roadmaps < HELD_TO_FROM:
        return []
    first, last = figures["memory"]["content"]
    kept = {
        f"the pace does not fall below {LEAST_PACE:g} of the first third's": figures["pace_ratio"] >= LEAST_PACE,
        f"content's memory grows to {MOST_GROWTH:g} times at most": last <= MOST_GROWTH * first,
        f"newcomers wait {MOST_NEWCOMER:g} times the model's time at most": all(
            each["ratio"] <= MOST_NEWCOMER for each in figures["newcomers"]
        ),
        f"a piece is seen within {MOST_UNSEEN:g} s": all(
            each["seen_after"] <= MOST_UNSEEN for each in figures["newcomers"]
        ),
    }
    return [promise for promise, is_kept in kept.items() if not is_kept]


def table(figures: dict[str, Any]) -> str:
    rows = [*_pace(figures), *_cost(figures), *_waiting(figures), *_pages(figures), *_lacking(figures)]
    width = max(len(title) for title, _ in rows)
    return "\n".join(f"{title.ljust(width)}  {value}" for title, value in rows)


def _lacking(figures: dict[str, Any]) -> Iterator[Row]:
    for reason in figures["cut"]:
        yield "CUT", reason
    lacking = missing(figures)
    for name in lacking:
        yield "NOT MEASURED", MEASURED[name]
    if not lacking and not figures["cut"]:
        yield "measured", "everything"


def _pace(figures: dict[str, Any]) -> Iterator[Row]:
    if not figures.get("written"):
        return
    yield (
        "pieces that waited; written, newcomers' with them; lost",
        (f"{figures['pieces']}; {figures['written']}; {figures['lost']}"),
    )
    yield "pieces per second, over the time", " ".join(f"{each:.0f}" for each in figures["windows"])
    yield "the last third's pace ÷ the first's", f"{figures['pace_ratio']:.2f}"
    yield (
        "connections: peak (budget), mean, refused",
        (
            f"{figures['peak_connections']} ({figures['budget']}), {figures['mean_connections']:.1f}, "
            f"{figures['refused']}"
        ),
    )
    yield "calls in flight, peak", f"{figures['peak_calls']}"
    for name, (first, last) in figures["memory"].items():
        yield f"memory of {name}, MB: first third, last, ratio", f"{first:.0f}, {last:.0f}, {last / first:.2f}"


def _cost(figures: dict[str, Any]) -> Iterator[Row]:
    cpu = figures.get("cpu")
    if cpu:
        yield "CPU ms a piece: the content cluster, at full load", f"{cpu:.2f}"
    if figures.get("parts"):
        parts = {name: 1000 * figures["parts"][name] for name in ("drain", "sdk", "statements")}
        least = parts["sdk"] + parts["statements"]
        yield (
            "  one drain alone; its calls alone; its statements alone",
            (f"{parts['drain']:.2f}; {parts['sdk']:.2f}; {parts['statements']:.2f}"),
        )
        yield "  one drain ÷ the sum of its parts", f"{parts['drain'] / least:.2f}"
        if cpu:
            yield "  cluster ÷ that sum", f"{cpu / least:.2f}"
            yield "  beyond the SDK's own: the cluster", f"{cpu - parts['sdk']:.2f}"
        yield "  beyond the SDK's own: one drain alone", f"{parts['drain'] - parts['sdk']:.2f}"
        yield "statements a piece", f"{figures['parts']['statements_per_piece']:.1f}"
    if wide := figures.get("wide"):
        yield (
            "one worker: calls in flight, its MB while they wait, at most, calls per 100 MB of that",
            (f"{wide['calls']:.0f}, {wide['waiting']:.0f}, {wide['worker']:.0f}, {wide['per_100_mb']:.0f}"),
        )
        yield "  its whole cluster's MB at most", f"{wide['cluster']:.0f}"


def _waiting(figures: dict[str, Any]) -> Iterator[Row]:
    for each in figures.get("newcomers", []):
        yield (
            "a newcomer's first tutorial ÷ the model's own time for its design and that tutorial",
            (f"{each['ratio']:.2f} ({each['first_tutorial']:.1f} s of {each['seconds']:.1f} s, {each['calls']} calls)"),
        )
    if figures.get("newcomers"):
        yield (
            "a finished piece is seen by the page within, s",
            (f"{max(each['seen_after'] for each in figures['newcomers']):.2f}"),
        )
    if "after_limit" in figures:
        yield "pace after a 429's pause ÷ before it", f"{figures['after_limit']:.2f}"


def _pages(figures: dict[str, Any]) -> Iterator[Row]:
    rest, peak = figures.get("pages_at_rest") or {}, figures.get("pages_at_peak")
    read = [*rest.values(), *(peak or {}).values()]
    yield "answers that were neither the page nor 304", f"{sum(page['failed'] for page in read):.0f}"
    for name, at_rest in rest.items():
        empty = rest["empty"]
        yield f"{name}: requests/s and p95 ÷ the empty view's, at rest", _ratios(at_rest, empty)
        if name.startswith("progress"):
            yield f"{name}: share of 304, at rest", f"{at_rest['share_unchanged']:.3f}"
        if peak:
            yield (
                f"{name}: ÷ the empty view's at the peak; ÷ itself at rest",
                (f"{_ratios(peak[name], peak['empty'])}; {_ratios(peak[name], at_rest)}"),
            )
            if name.startswith("progress"):
                yield f"{name}: share of 304, at the peak", f"{peak[name]['share_unchanged']:.3f}"


def _ratios(one: dict[str, float], other: dict[str, float]) -> str:
    return f"{one['per_second'] / other['per_second']:.2f}, {one['p95'] / other['p95']:.1f}"
