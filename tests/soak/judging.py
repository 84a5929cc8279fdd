"""What must be true at the end, whatever happened in between? Each invariant with its figure and what breaks it."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any

from django.conf import settings

from content.models import MODELS
from content.writing import WRITINGS
from roadmap_project.connection_budget import RELEASE_CONNECTIONS, ConnectionBudget
from roadmaps.models import Feedback, LogEntry, ModelCall, Roadmap, Step
from roadmaps.steps.draining import CLAIM_SECONDS
from tests import connection_log
from tests.soak.breaking import Breaker, Happened
from tests.soak.learning import Learner, SlowCrowd, Trouble
from tests.soak.schedule import Fault
from tests.soak.supervising import Release, Supervisor
from tests.soak.watching import Look, ProcessWatch, Sample, ServerWatch

# The server process of a killed client lives until it notices: client_connection_check_interval is a second.
LIVES_ON_SECONDS = 2.0
AWAY_MARGIN = (1.0, 6.0)  # seconds around a database fault in which a page may fail
WEB_COMES_BACK = 20.0  # seconds until a killed server serves again, on a slow machine
STALL_BEGINS = 1.5  # seconds until a stalled worker has let go of its connection
HELD_SECONDS = 1.0  # one connection, held so long, is no worker that looks for new work, which takes a third of that
ENOUGH_SAMPLES = 3  # in that time
MOST_IN_HAND = 12  # calls that are named where a connection was held
STALL_LASTS = 2.0  # seconds from then on, in which there are enough samples on a slow machine, too
FLAT_MEMORY = 1.2
LEAST_THIRD = 100.0  # seconds; before, processes are still importing
PLANNED_BESIDE = {"release": RELEASE_CONNECTIONS}  # of clients that are none of the services
FLAT_FILES = 24  # sockets to the provider that are kept open
HANDED_BACK = re.compile(r"timestamp='([^']+)'.*event='steps_handed_back'.* steps=\[([\d, ]*)\]")
HAND_BACK_SECONDS = 3.0
FOUND_DEAD = re.compile(r"timestamp='([^']+)'.*event='leases_of_dead_workers_ended'.* workers=\[([^\]]*)\]")
SWEPT_WITHIN = 2.0  # seconds from a sweep's ending of leases to its line
DIES_WITHIN = 6.0  # seconds from a stop, with its grace, to the end of a worker that had to be killed
SEVERAL = 3  # of which one at least comes to it, as states pass that a person would have acted in
MOST_SKIPPED = 1 / 3  # of the faults: a service that starts again has nobody to strike
SERVER_GAP = 20.0
PROCESSES_GAP = 40.0  # each look reads every process's memory map
MOST_FAILED = 0.05  # of the pieces, after people tried again: a provider that is broken for seconds fails hardly any
DATABASE_COMES_BACK = 6.0  # seconds in which a claim may still be lost on its way
CLOCKS_DIFFER = 0.1
STORED_WITHIN = 10.0  # seconds from an answer to its store, with a server that restarts between them
UNHEARD_SECONDS = 11.0  # from a call's end to its row: as long as its store may take, and a moment
GOES_ON_SECONDS = CLAIM_SECONDS + 3.0  # from a cancel until no call begins any more: one look, on a slow machine
LOSING = ("parent", "sentinel", "idle worker", "busy worker")  # whose death takes workers along
PURPOSES = {
    Step.Kind.ANALYSE: "goal_analysis",
    Step.Kind.DESIGN: "outline",
    Step.Kind.REVIEW: "review",
    Step.Kind.PLAN: "edit_plan",
    Step.Kind.EDIT: "edited_outline",
    Step.Kind.TUTORIAL: "tutorial",
    Step.Kind.RESOURCES: "resources",
    Step.Kind.QUIZ: "quiz",
}


@dataclass(frozen=True)
class Verdict:
    name: str
    figure: str
    broken: list[str] = field(default_factory=list)


@dataclass
class Run:
    """All that was done and seen."""

    budget: ConnectionBudget
    supervisor: Supervisor
    breaker: Breaker
    learners: list[Learner]
    crowd: SlowCrowd
    server: ServerWatch
    processes: ProcessWatch
    asked: list[dict[str, Any]]  # by the fleet, of the model
    log: Path  # the server's
    finished_in_time: bool
    left: set[int]  # processes that were there after the stop
    began_at: float
    faults_ended_at: float
    ended_at: float  # everything was stopped; from then on the judge asks the database


def verdicts(run: Run) -> Iterator[Verdict]:
    yield _struck(run)
    yield _did(run)
    yield _watched(run)
    yield _states(run)
    yield _steps()
    yield _versions()
    yield _losses(run)
    yield _made(run)
    yield from _purchases(run)
    yield _cancelled(run)
    yield _asked_in_vain(run)
    yield _connections(run, "connections, sampled on the server", [(s.at, s.by_service) for s in run.server.samples])
    levels = [level for level in connection_log.levels(run.log) if level[0] <= run.ended_at]
    yield _connections(run, "connections, from the server's log", levels)
    yield _refusals(run)
    yield _released(run)
    yield _orphans(run)
    yield _memory(run.processes.looks, run)
    yield _files(run.processes.looks)
    yield _pages(run)


# What the other verdicts rest on


def _struck(run: Run) -> Verdict:
    """Nothing is survived where nothing happens."""
    happened, skipped = len(run.breaker.happened), len(run.breaker.skipped)
    figure = f"{happened} of {happened + skipped}"
    is_enough = happened and skipped <= MOST_SKIPPED * (happened + skipped)
    return Verdict("the faults happened", figure, [] if is_enough else [f"only {figure} found anybody to strike"])


def _did(run: Run) -> Verdict:
    """Nor where people do nothing: of each thing that was drawn for several of them, somebody has done it."""
    drawn: Counter[str] = Counter({"slow visitors answered": run.crowd.came})
    did: Counter[str] = Counter({"slow visitors answered": len(run.crowd.answered)})
    did["changes asked for"] = Feedback.objects.count()
    did["written again"] = Step.objects.content().filter(is_rewrite=True).count()
    for learner in run.learners:
        journey = learner.journey
        wanted = {
            # In the middle of the writing, only who was not asked before: the others' page waits for them first.
            "cancelled": journey.cancels_while == "designing" or (journey.cancels_while and journey.skips_review),
            "taken up again": learner.did["cancelled"] and journey.retries,
            "clicked twice": journey.clicks_twice,
            "changes asked for": journey.asks_for_changes and not journey.skips_review and not journey.cancels_while,
            "written again": journey.regenerates and journey.approves and not journey.cancels_while,
        }
        drawn.update(what for what, is_wanted in wanted.items() if is_wanted)
        did.update(what for what, times in learner.did.items() if times)
    figure = ", ".join(f"{what} {did[what]}" for what in drawn)
    broken = [f"nobody of {n}: {what}" for what, n in drawn.items() if n >= SEVERAL and not did[what]]
    return Verdict("people did what was drawn", figure, broken)


def _watched(run: Run) -> Verdict:
    """Who was not looked at was not seen to do wrong."""
    absences = [at for each in run.breaker.happened if each.fault.kind == "database" for at in (each.at, each.until)]
    gaps = {
        "the server": (_longest_gap(run, [*absences, *(each.at for each in run.server.samples)]), SERVER_GAP),
        "the processes": (_longest_gap(run, [each.at for each in run.processes.looks if each.files]), PROCESSES_GAP),
    }
    figure = ", ".join(f"{what} at least every {gap:.0f} s" for what, (gap, _) in gaps.items())
    broken = [f"nobody looked at {what} for {gap:.0f} s" for what, (gap, most) in gaps.items() if gap > most]
    return Verdict("it was looked at all the while", figure, broken)


def _longest_gap(run: Run, moments: Iterable[float]) -> float:
    edges = sorted([run.began_at, *moments, run.ended_at])
    return max(later - earlier for earlier, later in pairwise(edges))


# Rows


def _states(run: Run) -> Verdict:
    states = dict(Roadmap.objects.values_list("goal", "state"))
    broken = [] if run.finished_in_time else ["the fleet did not finish in the time it was given"]
    for learner in run.learners:
        goal, state = learner.journey.goal, states.get(learner.journey.goal, "never begun")
        waits = state == Roadmap.State.IN_REVIEW and not learner.journey.approves
        is_final = state in ("ready", "partly_ready", "failed", "cancelled")
        if not (waits or is_final):
            broken.append(f"{goal} is {state}")
        broken += learner.findings
    counted = Counter(states.values())
    return Verdict("every roadmap in a final state", _counted(counted), broken)


def _steps() -> Verdict:
    states = Counter(Step.objects.values_list("state", flat=True))
    unfinished = Step.objects.filter(state__in=(Step.State.WAITING, Step.State.RUNNING))
    broken = [
        f"step {step.pk} ({step.kind}) is {step.state}, lease until {step.lease_expires_at}, {step.last_error!r}"
        for step in unfinished[:10]
    ]
    return Verdict("no step waiting or running", _counted(states), broken)


def _versions() -> Verdict:
    broken, current = [], 0
    for kind, model in MODELS.items():
        done = set(Step.objects.filter(kind=kind, state=Step.State.DONE).values_list("concept_id", flat=True))
        by_concept = Counter(model._default_manager.filter(is_current=True).values_list("concept_id", flat=True))
        current += len(by_concept)
        broken += [f"{kind} of concept {each}: done without a version" for each in done - by_concept.keys()]
        broken += [f"{kind} of concept {each}: {n} current versions" for each, n in by_concept.items() if n > 1]
    return Verdict("one current version of every finished piece", f"{current} current", broken)


def _losses(run: Run) -> Verdict:
    there = {
        (str(kind), pk) for kind, model in MODELS.items() for pk in model._default_manager.values_list("pk", flat=True)
    }
    lost = run.server.pieces - there
    broken = [f"{kind} {pk} was there and is gone" for kind, pk in sorted(lost)]
    return Verdict("no finished piece lost", f"{len(there)} made, {len(lost)} lost", broken)


def _made(run: Run) -> Verdict:
    """Nothing is lost and nothing bought twice where nothing is made: what people wanted to have is there."""
    wanted = Roadmap.objects.exclude(state=Roadmap.State.CANCELLED)
    pieces = Step.objects.content().filter(roadmap__in=wanted)
    counted = Counter(pieces.values_list("state", flat=True))
    failed, done = counted[Step.State.FAILED], counted[Step.State.DONE]
    ended = Step.objects.filter(roadmap__in=wanted, state=Step.State.FAILED)
    reasons = Counter(ended.values_list("last_error", flat=True))
    because = "; ".join(f"{reason or 'without a reason'} ({n})" for reason, n in reasons.most_common(3))
    broken = [f"{roadmap.goal} has failed: {because}" for roadmap in wanted.filter(state=Roadmap.State.FAILED)]
    if run.learners and not done:
        broken.append("no piece was made")
    if failed > MOST_FAILED * (failed + done):
        broken.append(f"{failed} of {failed + done} pieces have failed: {because}")
    return Verdict("what was wanted is made", f"{done} pieces of {wanted.count()} roadmaps, {failed} failed", broken)


# Purchases


@dataclass
class Account:
    """What was bought and made of one piece, or of one kind of a roadmap's design."""

    name: str
    bought: int = 0
    made: int = 0
    ordered: int = 1
    causes: int = 0

    @property
    def without_cause(self) -> int:
        return max(0, self.bought - min(self.made, self.ordered) - self.causes)


def _purchases(run: Run) -> Iterator[Verdict]:
    accounts = [*_pieces(run), *_designs(run)]
    bought, made = sum(each.bought for each in accounts), sum(each.made for each in accounts)
    wasted = sum(max(0, each.bought - each.made) for each in accounts)
    broken = [
        f"{each.name}: bought {each.bought}, made {each.made}, causes {each.causes}"
        for each in accounts
        if each.without_cause
    ]
    unexplained = sum(each.without_cause for each in accounts)
    yield Verdict(
        "nothing bought twice without cause",
        f"{bought} answers bought, {made} used, {wasted} explained by losses, {unexplained} without cause",
        broken,
    )
    twice = [
        f"{each.name}: {each.made} versions of {each.ordered} ordered" for each in accounts if each.made > each.ordered
    ]
    yield Verdict("nothing made that nobody ordered", f"{len(twice)} made twice", twice)
    total = sum(record["status"] == 200 and record["is_sent"] for record in run.asked)
    unknown = [] if total == bought else [f"{total - bought} of {total} answers belong to no piece"]
    yield Verdict("every answer belongs to a piece", f"{total} answers", unknown)


def _sold(run: Run) -> list[dict[str, Any]]:
    return [record for record in run.asked if record["status"] == 200 and record["is_sent"]]


def _pieces(run: Run) -> list[Account]:
    """By concept and kind; its prompts are the same as long as its wish is."""
    sold: dict[str, list[dict[str, Any]]] = {}
    for record in _sold(run):
        sold.setdefault(record["prompt_sha256"], []).append(record)
    versions = {
        kind: Counter(model._default_manager.values_list("concept_id", flat=True)) for kind, model in MODELS.items()
    }
    losses = Counter((line.concept_id, line.step_kind) for line in _losses_with_a_cause(run))
    unheard = Counter((call.concept_id, call.purpose) for call in _unheard(run))
    stored = _moments_of_versions()
    learners = {learner.journey.goal: learner for learner in run.learners}
    given_up = _GivenUp(_hand_backs(run.supervisor.releases, "content"))
    accounts = []
    for step in Step.objects.content().select_related("roadmap", "concept__module__stage"):
        learner, concept = learners[step.roadmap.goal], step.concept
        assert concept
        answers = [record for prompt in _prompts_of(step) for record in sold.pop(prompt, [])]
        accounts.append(
            Account(
                name=f"{step.roadmap.goal}, {concept.key} {step.kind}",
                bought=len(answers),
                made=versions[Step.Kind(step.kind)][concept.pk],
                ordered=1 + learner.orders[concept.key, step.kind],
                causes=losses[concept.pk, step.kind]
                + unheard[concept.pk, step.kind]
                + given_up.count({step.pk}, _unused(answers, stored[concept.pk, step.kind]), learner.cancel_clicks),
            )
        )
    return accounts


def _moments_of_versions() -> dict[tuple[int, str], list[float]]:
    """When each was stored, by concept and kind."""
    found: dict[tuple[int, str], list[float]] = defaultdict(list)
    for kind, model in MODELS.items():
        for concept, created_at in model._default_manager.values_list("concept_id", "created_at"):
            found[concept, str(kind)].append(created_at.timestamp())
    return found


def _unused(answers: Iterable[dict[str, Any]], stored: Iterable[float]) -> list[dict[str, Any]]:
    """Answers of which nothing was made: what is stored is the latest that had come by then."""
    left = sorted(answers, key=lambda record: record["finished_at"])
    for moment in sorted(stored):
        used = [record for record in left if record["finished_at"] <= moment + CLOCKS_DIFFER]
        if used:
            left.remove(used[-1])
    return left


def _prompts_of(step: Step) -> Iterator[str]:
    """Of the piece's first writing, and of each that began with one of its versions."""
    kind = Step.Kind(step.kind)
    for version in (None, *MODELS[kind]._default_manager.filter(concept=step.concept_id).order_by("version")):
        prompt = WRITINGS[kind].prompt_of(step, version)
        yield sha256(prompt.encode("utf-8", "surrogatepass")).hexdigest()


def _designs(run: Run) -> list[Account]:
    """By roadmap and kind: their prompts hold the outline as it was."""
    sold: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for record in _sold(run):
        sold.setdefault((record["goal"], record["purpose"]), []).append(record)
    given_up = _GivenUp(_hand_backs(run.supervisor.releases, "workflow"))
    losses = Counter((line.roadmap_id, line.step_kind) for line in _losses_with_a_cause(run))
    unheard = Counter((call.roadmap_id, call.purpose) for call in _unheard(run))
    accounts = []
    for learner in run.learners:
        goal = learner.journey.goal
        roadmap = Roadmap.objects.filter(goal=goal).first()
        if not roadmap:
            continue
        for kind in Step.WORKFLOW_KINDS:
            steps = Step.objects.filter(roadmap=roadmap, kind=kind)
            answers = sold.get((goal, PURPOSES[kind]), [])
            done = list(steps.filter(state=Step.State.DONE))
            causes = losses[roadmap.pk, kind] + unheard[roadmap.pk, PURPOSES[kind]]
            stored = [step.finished_at.timestamp() for step in done if step.finished_at]
            ours = set(steps.values_list("pk", flat=True))
            causes += given_up.count(ours, _unused(answers, stored), learner.cancel_clicks)
            ordered = _ordered(roadmap, kind, done)
            accounts.append(Account(f"{goal}, {kind}", len(answers), len(done), ordered=ordered, causes=causes))
    return accounts


def _ordered(roadmap: Roadmap, kind: str, done: list[Step]) -> int:
    """How many designs of a kind the rules and the person asked for."""
    finished = Counter(roadmap.steps.filter(state=Step.State.DONE).values_list("kind", flat=True))
    match kind:
        case Step.Kind.REVIEW:
            return len({step.payload["revision"] for step in done})
        case Step.Kind.PLAN:  # by the person, or by a review
            return roadmap.feedback.count() + finished[Step.Kind.REVIEW]
        case Step.Kind.EDIT:
            return finished[Step.Kind.PLAN]
        case _:
            return 1


def _losses_with_a_cause(run: Run) -> list[LogEntry]:
    """Leases that ran out because their worker was killed or stopped, or whose claim the database lost.

    A sweep that finds a worker dead ends its leases at once, however long ago that was: a cluster may take a minute
    to be there again.
    """
    found = []
    found_dead = list(_found_dead(run))
    for line in LogEntry.objects.filter(event="step_lease_expired"):
        ended_at = datetime.fromisoformat(line.details["expired_at"])
        begun, ended = ended_at.timestamp() - settings.LEASE_SECONDS, ended_at.timestamp()
        if _has_lived(run, run.server.holders.get(ended_at), ended):
            has_cause = _is_broken(run, begun - DATABASE_COMES_BACK, begun + 1)
        else:
            died = [seen - DIES_WITHIN for moment, seen in found_dead if abs(moment - ended) < SWEPT_WITHIN]
            begun = min([begun, *died])
            has_cause = _is_struck(run, Step.QUEUES[Step.Kind(line.step_kind)], begun, ended) or _is_stopped(
                run, begun, ended
            )
        if has_cause:
            found.append(line)
    return found


def _found_dead(run: Run) -> Iterator[tuple[float, float]]:
    """When a sweep found workers dead, and when the first of them was last seen."""
    last_seen = {process: look.at for look in run.processes.looks for process in look.files}
    for moment, workers in _lines(run.supervisor.releases, "*", FOUND_DEAD):
        seen = [last_seen[int(process)] for process in re.findall(r":(\d+)'", workers) if int(process) in last_seen]
        if seen:
            yield moment, min(seen)


def _has_lived(run: Run, process: int | None, until: float) -> bool:
    """Whether a process was there still when its lease was over: then it was not lost with its worker."""
    return process is not None and any(look.at >= until and process in look.files for look in run.processes.looks)


def _is_stopped(run: Run, begin: float, end: float) -> bool:
    moments = [release.stopped_at for release in run.supervisor.releases]
    return any(moment is not None and begin <= moment <= end for moment in moments)


def _is_broken(run: Run, begin: float, end: float, *, by: str = "database") -> bool:
    return any(each.at <= end and begin <= each.until for each in run.breaker.happened if each.fault.kind == by)


def _is_struck(run: Run, service: str, begin: float, end: float) -> bool:
    """Whether the service's workers were killed in this span, or the database was broken."""
    return _is_broken(run, begin, end) or any(
        each.at <= end and begin <= each.until and _takes_workers_along(each.fault, service)
        for each in run.breaker.happened
    )


def _takes_workers_along(fault: Fault, service: str) -> bool:
    return fault.kind == "kill" and fault.service == service and fault.what in LOSING


def _unheard(run: Run) -> list[ModelCall]:
    """Calls that ended before their answer came, though it may have been sent: while the provider was broken.

    Nothing else explains them: a killed worker records no call.
    """
    found = []
    for call in ModelCall.objects.filter(outcome__in=("timeout", "connection", "unreadable")):
        stored = call.created_at.timestamp()
        if _is_broken(run, stored - call.latency - UNHEARD_SECONDS, stored, by="provider"):
            found.append(call)
    return found


class _GivenUp:
    """Answers that came when nobody could use them. A hand-back explains one of each of its steps."""

    def __init__(self, hand_backs: Iterable[tuple[float, set[int]]]) -> None:
        self._left = sorted(hand_backs, key=lambda each: each[0])

    def count(self, steps: set[int], unused: Iterable[dict[str, Any]], cancel_clicks: list[float]) -> int:
        """How many came to these steps shortly before a stop, or when they were cancelled."""
        return sum(
            self._was_cancelled(record["started_at"], record["finished_at"], cancel_clicks)
            or self._was_handed_back(steps, record["finished_at"])
            for record in unused
        )

    def _was_cancelled(self, began: float, ended: float, cancel_clicks: list[float]) -> bool:
        return any(began - 1 <= moment <= ended + STORED_WITHIN for moment in cancel_clicks)

    def _was_handed_back(self, steps: set[int], ended: float) -> bool:
        for moment, left in self._left:
            if 0 <= moment - ended + 0.5 <= HAND_BACK_SECONDS and (found := steps & left):
                left.discard(found.pop())
                return True
        return False


def _hand_backs(releases: Iterable[Release], service: str) -> list[tuple[float, set[int]]]:
    """When a worker gave up calls because its cluster stopped, and of which steps."""
    found = _lines(releases, service, HANDED_BACK)
    return [(moment, {int(each) for each in re.findall(r"\d+", steps)}) for moment, steps in found]


def _lines(releases: Iterable[Release], service: str, pattern: re.Pattern[str]) -> Iterator[tuple[float, str]]:
    """The moment of each line of a service's log that fits, and what the pattern looks for."""
    for release in releases:
        for log in sorted(release.fleet.logs.glob(f"{service}.log")):
            for moment, found in pattern.findall(log.read_text(errors="replace")):
                yield datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp(), found


def _cancelled(run: Run) -> Verdict:
    """What was cancelled is written no more, until it is taken up again."""
    broken, spans = [], 0
    for learner in run.learners:
        for begin, end in learner.cancels:
            spans += 1
            span = [datetime.fromtimestamp(each, UTC) for each in (begin, min(end, run.faults_ended_at + 86_400))]
            for kind, model in MODELS.items():
                late = model._default_manager.filter(concept__module__stage__roadmap__goal=learner.journey.goal)
                broken += [
                    f"{learner.journey.goal}: {kind} {piece.pk} written at {piece.created_at:%H:%M:%S}, "
                    f"cancelled at {span[0]:%H:%M:%S}"
                    for piece in late.filter(created_at__range=span)
                ]
    return Verdict("what is cancelled is not written", f"{spans} cancelled", broken)


def _asked_in_vain(run: Run) -> Verdict:
    """For what was cancelled no further call begins, until it is taken up again.

    One whose step was claimed just before, a repair or a second try may begin until its worker has looked; with the
    database away, a worker that has claimed can ask only when it is back.
    """
    broken, after = [], 0
    for learner in run.learners:
        for begin, end in learner.cancels:
            asked = [
                record["started_at"]
                for record in run.asked
                if record["goal"] == learner.journey.goal and begin < record["started_at"] < end
            ]
            after += len(asked)
            until = _goes_on_until(run, begin)
            broken += [
                f"{learner.journey.goal}: the model was asked at {datetime.fromtimestamp(each, UTC):%H:%M:%S}, "
                f"cancelled at {datetime.fromtimestamp(begin, UTC):%H:%M:%S}"
                for each in asked
                if each > until
            ]
    return Verdict("nothing is asked for what is cancelled", f"{after} calls before a worker looked", broken)


def _goes_on_until(run: Run, cancelled_at: float) -> float:
    until = cancelled_at + GOES_ON_SECONDS
    away = [each for each in run.breaker.happened if each.fault.kind == "database"]
    for each in sorted(away, key=lambda each: each.at):
        if cancelled_at - DATABASE_COMES_BACK <= each.until and each.at <= until:
            until = max(until, each.until + DATABASE_COMES_BACK + GOES_ON_SECONDS)
    return until


# Connections


def _connections(run: Run, name: str, levels: list[tuple[float, Counter[str]]]) -> Verdict:
    """At every moment no more than declared, and what killed processes leave for a moment on the server."""
    broken: list[str] = []
    peaks: Counter[int] = Counter()  # by the number of releases
    by_terms = 0
    known = {connection_log.ALL, connection_log.HARNESS, *(service.name for service in run.budget.services)}
    for at, now in levels:
        releases = _releases(run, at)
        together = sum(now[service.name] for service in run.budget.services)
        beside = {name: number for name, number in now.items() if name not in known}
        peaks[releases] = max(peaks[releases], together)
        for what, number, limit in (
            *((service.name, now[service.name], releases * service.total) for service in run.budget.services),
            ("all", together, releases * run.budget.steady),
            *((name or "without a label", number, PLANNED_BESIDE.get(name, 0)) for name, number in beside.items()),
        ):
            if number <= limit:
                continue
            by_terms += 1
            if number > limit + _killed(run.breaker.happened, at, what):
                broken.append(f"{datetime.fromtimestamp(at, UTC):%H:%M:%S.%f} {what}: {number} of {limit}")
    told = ", ".join(
        f"{peak} of {releases * run.budget.steady}{'' if releases == 1 else ' while deploying'}"
        for releases, peak in sorted(peaks.items())
    )
    if not peaks or max(peaks.values()) < run.budget.steady // 3:
        broken.append("hardly anything was counted")
    figure = f"peak {told} ({len(levels)} moments, {by_terms} explained by killed processes)"
    return Verdict(f"{name}, within the budget", figure, broken)


def _releases(run: Run, at: float) -> int:
    """How many had processes then, of those declared; the server needs a moment to notice that one is gone."""
    there = sum(each.began_at <= at <= (each.ended_at or at) + 1 for each in run.supervisor.releases)
    return min(max(1, there), run.budget.deploy_overlap)


def _killed(happened: list[Happened], at: float, service: str) -> int:
    """How many connections of processes that were just killed may still be counted."""
    return sum(
        each.killed
        for each in happened
        if 0 <= at - each.at <= LIVES_ON_SECONDS and service in ("all", each.fault.service)
    )


def _refusals(run: Run) -> Verdict:
    """The server has room for more than the budget: nobody was turned away."""
    text = run.log.read_text(errors="replace")
    refused = sum(
        text.count(words) for words in ("too many clients", "remaining connection slots", "too many connections")
    )
    allowed = run.budget.deploy
    return Verdict(
        "nobody refused by the server",
        f"{refused} refused; the deploying sum is {allowed}",
        ["refused"] * min(refused, 1),
    )


def _released(run: Run) -> Verdict:
    """While the provider stalls, workers with calls in hand keep no connection; they may open one for a moment."""
    broken, looked_at, long_enough = [], 0, 0
    for stall in (each for each in run.breaker.happened if each.fault.what == "stall"):
        samples = [s for s in run.server.samples if stall.at + STALL_BEGINS <= s.at <= stall.until]
        long_enough += _keeps_a_call_waiting(run, stall)
        for service in ("content", "workflow"):
            spans = list(_spans(samples, service))
            looked_at += bool(spans)
            worst = max(spans, key=lambda span: _kept(run, span, service), default=[])
            if worst and (most := _kept(run, worst, service)):
                broken.append(
                    f"{datetime.fromtimestamp(stall.at, UTC):%H:%M:%S} {service}: {most} held for {HELD_SECONDS:g} s, "
                    f"{_in_hand(worst, service)}"
                )
    if long_enough and not looked_at:
        broken.append(f"{long_enough} stalls kept calls waiting, and nothing was looked at")
    return Verdict("no connection held while all calls wait", f"{looked_at} stalls looked at", broken)


def _spans(samples: list[Sample], service: str) -> Iterator[list[Sample]]:
    """Every HELD_SECONDS in which the service had calls in hand all the time."""
    for place, first in enumerate(samples):
        span = [sample for sample in samples[place:] if sample.at <= first.at + HELD_SECONDS]
        is_whole = samples[-1].at >= first.at + HELD_SECONDS
        if is_whole and len(span) >= ENOUGH_SAMPLES and all(sample.busy[service] for sample in span):
            yield span


def _kept(run: Run, span: list[Sample], service: str) -> int:
    """How many connections were there all the time, without those that workers without calls may keep."""
    held = frozenset.intersection(*(sample.workers.get(service, frozenset()) for sample in span))
    return max(0, len(held) - max(_idle(run, sample, service) for sample in span))


def _in_hand(span: list[Sample], service: str) -> str:
    """What the service's workers were busy with all the time, for whoever looks for the one that held on."""
    calls = frozenset.intersection(*(sample.calls.get(service, frozenset()) for sample in span))
    named = [f"{call.kind} step {call.step} of roadmap {call.roadmap} at {call.worker}" for call in sorted(calls)]
    rest = [f"{len(named) - MOST_IN_HAND} more"] if len(named) > MOST_IN_HAND else []
    return f"in hand: {', '.join([*named[:MOST_IN_HAND], *rest]) or 'by turns'}"


def _keeps_a_call_waiting(run: Run, stall: Happened) -> bool:
    """Long enough for samples: once it has begun, a call that was there already is not answered for seconds."""
    first, last = stall.at + STALL_BEGINS, min(stall.until, stall.at + STALL_BEGINS + STALL_LASTS)
    return stall.until - first >= STALL_LASTS and any(
        record["started_at"] <= first and (record["finished_at"] or last) >= last for record in run.asked
    )


def _idle(run: Run, sample: Sample, service: str) -> int:
    """Workers without calls, which may keep a connection."""
    return _releases(run, sample.at) * run.budget.service(service).processes - sample.busy[service]


# Processes


def _orphans(run: Run) -> Verdict:
    broken = [*run.supervisor.findings, *run.processes.findings.values()]
    broken += [f"process {pid} was left" for pid in sorted(run.left)]
    figure = f"{len(run.supervisor.releases)} releases, {len(run.supervisor.restarts)} commands started again"
    return Verdict("no process without a parent, none left", figure, broken)


def _memory(looks: list[Look], run: Run) -> Verdict:
    """The most that a whole fleet of one release took: in the last third no more than in the one before, both warm."""
    whole = sum(service.processes + (4 if service.is_cluster else 1) for service in run.budget.services)
    alone = [look for look in looks if look.releases == 1 and len(look.files) == whole]
    third = (run.faults_ended_at - run.began_at) / 3
    first = max((look.memory for look in alone if 0 <= look.at - run.began_at - third <= third), default=0)
    last = max((look.memory for look in alone if look.at > run.faults_ended_at - third), default=0)
    if third < LEAST_THIRD:
        return Verdict("memory flat", f"{first:.0f} → {last:.0f} MB (PSS); the run is too short to judge")
    broken = [f"{first:.0f} MB became {last:.0f}"] if not first or not last or last > first * FLAT_MEMORY else []
    return Verdict("memory flat", f"{first:.0f} → {last:.0f} MB (PSS, the most in the second and last third)", broken)


def _files(looks: list[Look]) -> Verdict:
    """Of every process that lived through several looks; the first is left out, it was starting."""
    seen: dict[int, list[int]] = {}
    for look in looks:
        for pid, files in look.files.items():
            seen.setdefault(pid, []).append(files)
    lasting = {pid: counts[1:-1] for pid, counts in seen.items() if len(counts) > 8}
    growth = {pid: min(counts[-4:]) - counts[0] for pid, counts in lasting.items()}
    broken = [f"process {pid}: {n} more files than at first" for pid, n in growth.items() if n > FLAT_FILES]
    if not lasting:
        broken = ["no process was looked at for long enough"]
    most = max(growth.values(), default=0)
    return Verdict("file descriptors flat", f"{len(lasting)} processes, at most {most:+d}", broken)


# Pages


def _pages(run: Run) -> Verdict:
    """A page fails only while the database is away, or where its process was killed."""
    away = [
        (each.at - AWAY_MARGIN[0], each.until + AWAY_MARGIN[1])
        for each in run.breaker.happened
        if each.fault.kind == "database"
    ]
    struck = [
        (each.at, each.until + WEB_COMES_BACK)
        for each in run.breaker.happened
        if each.fault.kind == "kill" and each.fault.service == "web"
    ]
    stopped = [release.stopped_at for release in run.supervisor.releases if release.stopped_at is not None]
    unanswered = away + struck + [(moment, moment + WEB_COMES_BACK) for moment in stopped]
    troubles = [trouble for learner in run.learners for trouble in learner.troubles]
    broken = [
        f"{datetime.fromtimestamp(trouble.at, UTC):%H:%M:%S} {trouble.path} answered {trouble.status}"
        for trouble in troubles
        if (trouble.status >= 500 and not _is_within(trouble, away))
        or (trouble.status == 0 and not _is_within(trouble, unanswered))
    ]
    pages = sum(learner.pages for learner in run.learners)
    errors = sum(trouble.status >= 500 for trouble in troubles)
    figure = f"{pages} answered, {errors} failed with 5xx, {len(troubles) - errors} without an answer"
    return Verdict("pages fail only while the database is away", figure, broken)


def _is_within(trouble: Trouble, spans: list[tuple[float, float]]) -> bool:
    return any(begin <= trouble.until and trouble.at <= end for begin, end in spans)


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{number} {name}" for name, number in sorted(counts.items()))
