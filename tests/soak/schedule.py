"""What happens when: drawn from the seed before anything starts, so that the same seed is the same run."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from random import Random
from typing import Any, TypeVar

T = TypeVar("T")

CLUSTERS = ("content", "workflow", "logs")
CLUSTER_PROCESSES = ("parent", "sentinel", "monitor", "pusher", "idle worker", "busy worker")
PROCESSES = (
    *(("web", kind) for kind in ("master", "worker")),
    # No worker of the logs cluster is ever busy: without a network no links are looked at.
    *(
        (cluster, kind)
        for cluster in CLUSTERS
        for kind in CLUSTER_PROCESSES
        if (cluster, kind) != ("logs", "busy worker")
    ),
)
# Of one round of faults, so many of each kind; a round takes about a minute and a half.
ROUND = ("kill",) * 9 + ("provider",) * 4 + ("database",) * 2 + ("deploy",)
DATABASE = ("restart", "immediate restart", "absence", "crash")
PROVIDER = ("stall", "errors", "refused", "limited", "some errors", "half answers")

FIRST_FAULT, QUIET_END = 6.0, 3.0  # seconds after the beginning, before the end
BETWEEN_FAULTS = (3.0, 8.0)
BETWEEN_ROADMAPS = (9.0, 18.0)
BETWEEN_SLOW_CLIENTS = (10.0, 20.0)
LAST_ROADMAP = 12.0  # seconds before the end


@dataclass(frozen=True)
class Fault:
    """Something that breaks, or for a deploy, changes."""

    kind: str  # kill, database, provider, deploy
    what: str  # which process, or in which way
    service: str = ""
    seconds: float = 0.0  # how long it lasts; for a deploy, how long both releases run
    chance: float = 0.0  # which of several equal processes: from 0 to below 1


@dataclass(frozen=True)
class Journey:
    """One person with one roadmap, from signing up to the end."""

    number: int
    skips_review: bool
    approves: bool  # else it stays in review
    asks_for_changes: bool
    cancels_while: str  # designing, writing, or "" for never
    patience: float  # seconds in that state before cancelling
    retries: bool  # takes up again what was cancelled
    clicks_twice: bool
    regenerates: int  # pieces, once the roadmap is finished

    @property
    def goal(self) -> str:
        return f"Learn subject {self.number}"


@dataclass(frozen=True)
class SlowClient:
    way: str  # sends, reads
    seconds: float


@dataclass(frozen=True)
class Entry:
    second: float
    happening: Fault | Journey | SlowClient

    def __str__(self) -> str:
        told = {name: value for name, value in asdict(self.happening).items() if value not in ("", 0.0, False)}
        words = " ".join(f"{name}={value}" for name, value in told.items())
        return f"{self.second:7.1f}  {type(self.happening).__name__.lower():10}  {words}"


def drawn(*, seed: int, seconds: float) -> list[Entry]:
    """In order of time."""
    faults = _faults(Random(f"{seed} faults"), seconds)
    journeys = _journeys(Random(f"{seed} journeys"), seconds)
    slow = _slow_clients(Random(f"{seed} slow clients"), seconds)
    return sorted([*faults, *journeys, *slow], key=lambda entry: entry.second)


def _dealt(random: Random, cards: Sequence[T]) -> Iterator[T]:
    """One card after the other; each comes once before any comes again."""
    while True:
        yield from random.sample(cards, len(cards))


def _moments(random: Random, first: float, last: float, between: tuple[float, float]) -> Iterator[float]:
    moment = first
    while moment < last:
        yield round(moment, 1)
        moment += random.uniform(*between)


def _faults(random: Random, seconds: float) -> Iterator[Entry]:
    kinds = _dealt(random, ROUND)
    decks: dict[str, Iterator[Any]] = {
        "kill": _dealt(random, PROCESSES),
        "database": _dealt(random, DATABASE),
        "provider": _dealt(random, PROVIDER),
    }
    for moment in _moments(random, FIRST_FAULT, seconds - QUIET_END, BETWEEN_FAULTS):
        kind = next(kinds)
        if kind == "kill":
            service, process = next(decks["kill"])
            fault = Fault(kind, process, service=service, chance=round(random.random(), 3))
        elif kind == "deploy":
            fault = Fault(kind, "side by side", seconds=round(random.uniform(2, 6), 1))
        else:
            fault = Fault(kind, next(decks[kind]), seconds=round(random.uniform(2, 6), 1))
        yield Entry(moment, fault)


def _journeys(random: Random, seconds: float) -> Iterator[Entry]:
    cancels = _dealt(random, ("", "", "", "designing", "writing", "writing"))
    moments = _moments(random, 0.5, max(1.0, seconds - LAST_ROADMAP), BETWEEN_ROADMAPS)
    for number, moment in enumerate(moments, start=1):
        yield Entry(
            moment,
            Journey(
                number=number,
                skips_review=random.random() < 0.4,
                approves=random.random() < 0.9,
                asks_for_changes=random.random() < 0.4,
                cancels_while=next(cancels),
                patience=round(random.uniform(0, 2), 1),
                retries=random.random() < 0.7,
                clicks_twice=random.random() < 0.6,
                regenerates=random.randint(0, 4),
            ),
        )


def _slow_clients(random: Random, seconds: float) -> Iterator[Entry]:
    for moment in _moments(random, 4.0, seconds - QUIET_END, BETWEEN_SLOW_CLIENTS):
        yield Entry(moment, SlowClient(random.choice(("sends", "reads")), round(random.uniform(3, 7), 1)))
