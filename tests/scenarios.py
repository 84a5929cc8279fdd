"""The failures that the system survives: each has an id and a test whose name begins with it (`test_D3_…`)."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

SCENARIOS = {
    "A1": "the whole fleet under load stays within the declared connections",
    "A2": "a fleet is accepted exactly where the arithmetic holds",
    "A4": "no connection while all calls wait",
    "A5": "the provider is down, and ninety calls fail at once",
    "A6": "no connection while links are looked at",
    "A7": "a thousand steps leave a worker as it was",
    "A8": "no child uses its parent's connection",
    "A9": "the connection of a killed process is gone within two seconds",
    "A10": "two releases side by side",
    "A11": "shell, migration, a command and monitoring are in the budget",
    "A12": "fifty tabs on one roadmap",
    "A13": "a page answers while content is written at full speed",
    "A14": "PostgreSQL restarts, or drops connections",
    "A15": "the server is full",
    "A16": "PgBouncer in between",
    "A17": "how full the database is, by service",
    "A18": "a commit fails, and the caller is told",
    "B1": "a very fast worker finds what it was woken for",
    "B2": "a lost wake-up is replaced",
    "B3": "after a rollback nothing runs",
    "B4": "double clicks",
    "B5": "a wake-up that is delivered twice",
    "C1": "a crash between a piece and its state",
    "C2": "two workers store the same piece",
    "C3": "one bad piece or line in a batch",
    "C4": "two retries finish at once",
    "C5": "a piece that is written again is the next version",
    "C6": "attempts stay with the version that was answered",
    "C9": "a removed concept is gone from every total",
    "C10": "a fresh and an upgraded database are the same",
    "C11": "a permanent deletion is complete, in one transaction",
    "D1": "a worker is killed in the middle of its calls",
    "D2": "the whole fleet is killed",
    "D3": "any process of a cluster is killed",
    "D4": "what is cancelled stays cancelled",
    "D5": "a retry starts with a clean slate",
    "D6": "one piece fails",
    "D7": "most pieces fail",
    "D10": "nobody serves a queue",
    "D11": "SIGTERM with and without grace",
    "E1": "the log lines of a step are there with its result",
    "E3": "a log line cannot be written",
    "E4": "a page that is opened late shows everything",
    "E6": "partly ready, cancelled and failed are shown as such",
    "E7": "every state has a label",
    "F1": "damaged answers",
    "F2": "the review itself fails",
    "F4": "changes are asked for without words",
    "F5": "a person's edits have rounds of their own",
    "F6": "every way in which a provider fails",
    "F7": "an answer cut by the token limit",
    "G1": "another person's roadmap is not found",
    "G2": "hostile text is neutralised",
    "G3": "a quiz keeps its answers to itself",
    "G4": "a fresh installation has no default secret",
    "G5": "a link to a private address is not fetched",
    "G6": "limits on running roadmaps and on cost",
}
ID = re.compile(r"test_([A-G]\d{1,2})_")


def id_of(test: str) -> str | None:
    """By the name of a test, or its address in a report (`tests/x.py::test_D3_…[idle worker]`)."""
    found = ID.match(test.rpartition("::")[2] if "[" not in test else test.partition("[")[0].rpartition("::")[2])
    return found[1] if found else None


def table(reports: Mapping[str, Iterable[Any]]) -> list[str]:
    """A line for each scenario of which a test was run; a test that failed in several phases counts once."""
    outcomes: dict[str, dict[str, str]] = {}
    for outcome in ("skipped", "passed", "failed", "error"):
        for report in reports.get(outcome, ()):
            scenario = id_of(getattr(report, "nodeid", ""))
            if scenario:
                outcomes.setdefault(scenario, {})[report.nodeid] = outcome
    lines = []
    for scenario, title in SCENARIOS.items():
        if tests := outcomes.get(scenario):
            counts = Counter(tests.values())
            verdict = "FAILED" if counts["failed"] + counts["error"] else "passed" if counts["passed"] else "skipped"
            numbers = ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items()))
            lines.append(f"{scenario:<4} {verdict:<8} {title} ({numbers})")
    return lines
