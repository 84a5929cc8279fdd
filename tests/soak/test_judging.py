"""What breaks an invariant is named, and what explains it is taken for an explanation only while it does."""

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.utils import timezone

from content.models import Quiz
from roadmap_project.connection_budget import ConnectionBudget
from roadmap_project.environment import Environment
from roadmaps.models import Feedback, Roadmap, Step
from tests.factories import (
    make_call,
    make_feedback,
    make_log_entry,
    make_quiz,
    make_revision,
    make_roadmap,
    make_step,
    make_written_roadmap,
)
from tests.soak import judging
from tests.soak.breaking import Happened
from tests.soak.judging import Account, Run
from tests.soak.learning import Trouble
from tests.soak.schedule import Fault, Journey
from tests.soak.watching import Call, Look, Sample

BUDGET = ConnectionBudget.from_environment(Environment({}))  # 31: web 8, logs 7, content 9, workflow 7
FULL = Counter({"web": 8, "logs": 7, "content": 9, "workflow": 7})
KILL = Fault("kill", "sentinel", service="content")
STALL = Fault("stall", "stall")


def make_run(*, happened=(), releases=((0.0, None),), samples=(), troubles=()):
    spans = [SimpleNamespace(began_at=began_at, ended_at=ended_at, stopped_at=None) for began_at, ended_at in releases]
    return Run(
        budget=BUDGET,
        supervisor=SimpleNamespace(releases=spans),
        breaker=SimpleNamespace(happened=list(happened), skipped=[]),
        learners=[SimpleNamespace(troubles=list(troubles), pages=1)],
        crowd=SimpleNamespace(came=0, answered=set()),
        server=SimpleNamespace(samples=list(samples), pieces=set(), holders={}),
        processes=SimpleNamespace(looks=[]),
        asked=[],
        log=Path(),
        finished_in_time=True,
        left=set(),
        began_at=0.0,
        faults_ended_at=600.0,
        ended_at=700.0,
    )


def test_a_run_in_which_nothing_happened_shows_nothing():
    fault = Happened(Fault("kill", "parent", service="logs"), at=1.0, until=1.0)
    run = make_run(happened=[fault] * 2)
    run.breaker.skipped = [fault.fault]
    assert judging._struck(run).broken == []

    run.breaker.skipped *= 2

    assert judging._struck(run).broken == ["only 2 of 4 found anybody to strike"]
    assert judging._struck(make_run()).broken == ["only 0 of 0 found anybody to strike"]


@pytest.mark.django_db
def test_people_of_whom_nobody_does_what_was_drawn_show_nothing():
    journey = Journey(1, False, True, True, "", 0.0, True, True, 2)
    learners = [SimpleNamespace(journey=journey, did=Counter()) for _ in range(3)]
    learners += [
        SimpleNamespace(journey=replace(journey, cancels_while=state, skips_review=True), did=Counter())
        for state in ("designing", "writing", "writing")
    ]
    learners += [SimpleNamespace(journey=replace(journey, cancels_while="writing"), did=Counter())]
    run = make_run()
    run.learners, run.crowd = learners, SimpleNamespace(came=8, answered=set())
    whats = ["slow visitors answered", "clicked twice", "changes asked for", "written again", "cancelled"]
    numbers = [8, 7, 3, 3, 3]
    assert judging._did(run).broken == [f"nobody of {n}: {what}" for n, what in zip(numbers, whats, strict=True)]

    for what in ("clicked twice", "cancelled"):
        learners[3].did[what] += 1
    make_feedback(roadmap=make_roadmap())
    make_step(roadmap=make_roadmap(), kind=Step.Kind.QUIZ, is_rewrite=True)
    run.crowd.answered.add(7)

    assert judging._did(run).broken == []
    assert judging._did(make_learnerless()).broken == []


def make_learnerless():
    run = make_run()
    run.learners = []
    return run


def test_a_run_at_which_nobody_looked_shows_nothing():
    def judged(samples, looks, *happened):
        run = make_run(happened=happened, samples=[SimpleNamespace(at=at) for at in samples])
        run.processes.looks = [Look(at, {7: 20}, 100.0, 1) for at in looks]
        return judging._watched(run).broken

    always = [float(at) for at in range(0, 701, 10)]
    assert judged(always, always) == []
    assert judged(always[:30], always) == ["nobody looked at the server for 410 s"]
    assert judged(always, always[1:30]) == ["nobody looked at the processes for 410 s"]
    assert judged([], []) != []
    away = [at for at in always if not 100 < at < 145]
    assert judged(away, always) == ["nobody looked at the server for 50 s"]
    assert judged(away, always, Happened(Fault("database", "absence"), at=105.0, until=140.0)) != []
    absences = [Happened(Fault("database", "absence"), at=float(at), until=at + 10.0) for at in (105, 125)]
    assert judged(away, always, *absences) == []


def connections(*levels, **about):
    return judging._connections(make_run(**about), "connections", list(levels))


def test_a_fleet_that_holds_all_that_was_declared_is_within_the_budget():
    verdict = connections((10.0, FULL))

    assert verdict.broken == []
    assert verdict.figure.startswith("peak 31 of 31")


def test_one_connection_more_is_named_with_its_service_and_moment():
    verdict = connections((10.0, FULL + Counter(content=1)))

    assert verdict.broken == ["00:00:10.000000 content: 10 of 9", "00:00:10.000000 all: 32 of 31"]


def test_what_a_killed_process_leaves_on_the_server_is_counted_for_two_seconds_and_for_its_service_alone():
    happened = [Happened(KILL, at=9.0, until=9.0, killed=9)]

    assert connections((10.0, FULL + Counter(content=9)), happened=happened).broken == []
    assert connections((10.0, FULL + Counter(web=1)), happened=happened).broken == ["00:00:10.000000 web: 9 of 8"]
    assert connections((11.5, FULL + Counter(content=1)), happened=happened).broken
    assert connections((10.0, FULL + Counter(content=10)), happened=happened).broken


def test_two_releases_may_hold_twice_as_much_and_only_while_both_run():
    twice = FULL + FULL

    assert connections((10.0, twice), releases=((0.0, 20.0), (5.0, None))).broken == []
    assert connections((22.0, twice), releases=((0.0, 20.0), (5.0, None))).broken


def test_a_third_release_has_no_connections_of_its_own():
    three = ((0.0, 20.0), (5.0, None), (6.0, None))

    assert connections((10.0, FULL + FULL), releases=three).broken == []
    assert "00:00:10.000000 all: 93 of 62" in connections((10.0, FULL + FULL + FULL), releases=three).broken


def test_connections_of_nobody_who_was_declared_are_named():
    def beside(**now):
        return connections((10.0, FULL + Counter(now))).broken

    assert beside(release=1, test=3, all=35) == []
    assert beside(release=2) == ["00:00:10.000000 release: 2 of 1"]
    assert beside(other=1, fork=2) == ["00:00:10.000000 other: 1 of 0", "00:00:10.000000 fork: 2 of 0"]
    assert connections((10.0, FULL + Counter({"": 1}))).broken == ["00:00:10.000000 without a label: 1 of 0"]


def test_a_count_of_nearly_nothing_proves_nothing():
    assert connections((10.0, Counter(web=1))).broken == ["hardly anything was counted"]


IN_HAND = "in hand: quiz step 4 of roadmap 2 at host:31"


def stalled(*held, busy=6):
    """Six workers look at a stall, so many with calls in hand; who holds a connection, five times a second.

    One call is there all the time, others by turns.
    """
    happened = [Happened(STALL, at=10.0, until=10.0 + 3 + len(held) / 5)]
    calls = [{Call("host:31", 2, 4, "quiz"), Call("host:32", 3, 10 + n, "tutorial")} for n in range(len(held))]
    samples = [
        Sample(
            12.0 + n / 5, FULL, {"content": frozenset(each)}, Counter(content=busy), {"content": frozenset(calls[n])}
        )
        for n, each in enumerate(held)
    ]
    return judging._released(make_run(happened=happened, samples=samples))


def test_a_connection_that_is_held_while_all_calls_wait_is_found():
    assert stalled(*[()] * 8).broken == []
    assert stalled(*[()] * 8).figure == "1 stalls looked at"
    assert stalled(*[(7,)] * 8).broken == [f"00:00:10 content: 1 held for 1 s, {IN_HAND}"]
    assert stalled(*[(7, 8)] * 8).broken == [f"00:00:10 content: 2 held for 1 s, {IN_HAND}"]


def test_a_connection_that_is_held_in_all_samples_but_one_is_found():
    assert stalled(*[(7,)] * 10, (), *[(7,)] * 10).broken == [f"00:00:10 content: 1 held for 1 s, {IN_HAND}"]


def test_workers_that_look_for_new_work_by_turns_hold_nothing():
    by_turns = [(number,) if number % 2 else (number, number + 1) for number in range(20)]

    assert stalled(*by_turns).broken == []


def test_a_worker_without_calls_may_keep_its_connection():
    assert stalled(*[(7,)] * 8, busy=5).broken == []
    assert stalled(*[(7, 8)] * 8, busy=5).broken == [f"00:00:10 content: 1 held for 1 s, {IN_HAND}"]


def test_a_stall_that_kept_calls_waiting_and_was_not_looked_at_is_found():
    def judged(*, until, started_at):
        run = make_run(happened=[Happened(STALL, at=10.0, until=until)])
        run.asked = [{"started_at": started_at, "finished_at": until}]
        return judging._released(run).broken

    assert judged(until=14.0, started_at=9.0) == ["1 stalls kept calls waiting, and nothing was looked at"]
    assert judged(until=12.0, started_at=9.0) == []  # too short
    assert judged(until=14.0, started_at=13.0) == []  # nobody had work
    assert judging._released(make_run()).broken == []  # none happened


def test_every_further_purchase_needs_a_cause():
    assert Account("quiz", bought=1, made=1).without_cause == 0
    assert Account("quiz", bought=2, made=1).without_cause == 1
    assert Account("quiz", bought=2, made=1, causes=1).without_cause == 0
    assert Account("quiz", bought=2, made=2).without_cause == 1  # nobody ordered the second
    assert Account("quiz", bought=2, made=2, ordered=2).without_cause == 0


def test_a_page_may_fail_while_the_database_is_away_and_at_no_other_time():
    away = [Happened(Fault("database", "absence"), at=10.0, until=14.0)]
    early, late = Trouble(11.0, 12.0, "/", 500), Trouble(30.0, 31.0, "/", 500)

    assert judging._pages(make_run(happened=away, troubles=[early])).broken == []
    assert judging._pages(make_run(happened=away, troubles=[late])).broken == ["00:00:30 / answered 500"]


@pytest.mark.parametrize(
    ("fault", "is_reason"),
    [
        (Fault("kill", "worker", service="web"), True),
        (Fault("kill", "master", service="web"), True),
        (Fault("database", "absence"), True),
        (Fault("kill", "busy worker", service="content"), False),
        (Fault("provider", "refused"), False),
    ],
)
def test_a_page_goes_without_an_answer_only_near_what_kills_its_process(fault, is_reason):
    def judged(at):
        happened, troubles = [Happened(fault, at=at, until=at)], [Trouble(30.0, 31.0, "/", 0)]
        return not judging._pages(make_run(happened=happened, troubles=troubles)).broken

    assert judged(30.5) is judged(25.0) is is_reason
    assert not judged(5.0)
    assert not judged(40.0)


def test_a_page_may_go_without_an_answer_when_its_release_was_stopped():
    run = make_run(troubles=[Trouble(30.0, 31.0, "/", 0)])
    assert judging._pages(run).broken == ["00:00:30 / answered 0"]

    run.supervisor.releases[0].stopped_at = 29.0

    assert judging._pages(run).broken == []


def test_files_that_a_process_keeps_opening_are_found():
    def looks(growth):
        return [Look(n, {7: 20 + growth * n}, 100.0, 1) for n in range(12)]

    assert judging._files(looks(0)).broken == []
    assert judging._files(looks(5)).broken == ["process 7: 30 more files than at first"]
    assert (
        judging._files([]).broken == judging._files(looks(0)[:8]).broken == ["no process was looked at for long enough"]
    )


def test_memory_that_grows_from_the_second_third_to_the_last_is_found():
    whole = sum(service.processes + (4 if service.is_cluster else 1) for service in BUDGET.services)

    def looks(growth):
        return [Look(float(at), dict.fromkeys(range(whole), 1), 500.0 + growth * at, 1) for at in range(0, 600, 50)]

    assert judging._memory(looks(0), make_run()).broken == []
    assert judging._memory(looks(3), make_run()).broken == ["1700 MB became 2150"]
    assert judging._memory(looks(3)[:8], make_run()).broken == ["1550 MB became 0"]


# Rows


GOAL = "Learn to query a database"


def make_learner(*, approves=True, **fields):
    drawn = {"cancels_while": "", "retries": False, "clicks_twice": False, "asks_for_changes": False}
    drawn |= {"skips_review": True, "regenerates": 0}
    journey = SimpleNamespace(goal=GOAL, approves=approves, **drawn)
    told = {
        "did": Counter(),
        "findings": [],
        "orders": Counter(),
        "cancels": [],
        "cancel_clicks": [],
        "troubles": [],
        "pages": 1,
        **fields,
    }
    return SimpleNamespace(journey=journey, **told)


def made(learner, *, asked=(), logs=(), pieces=()):
    """The run of one person."""
    run = make_run()
    run.learners, run.asked, run.faults_ended_at = [learner], list(asked), time.time()
    run.server.pieces = set(pieces)
    run.supervisor.releases = [
        SimpleNamespace(fleet=SimpleNamespace(logs=each), began_at=0.0, stopped_at=None) for each in logs
    ]
    return run


@pytest.mark.django_db
def test_a_roadmap_that_came_to_no_end_is_named():
    def judged(state, learner=None, **about):
        Roadmap.objects.all().delete()
        make_roadmap(goal=GOAL, state=state)
        run = made(learner or make_learner())
        run.finished_in_time = about.get("finished_in_time", True)
        return judging._states(run).broken

    assert judged("partly_ready") == judged("in_review", make_learner(approves=False)) == []
    assert judged("writing") == [f"{GOAL} is writing"]
    assert judged("in_review") == [f"{GOAL} is in_review"]
    assert judged("ready", make_learner(findings=["cancelled, and then ready"])) == ["cancelled, and then ready"]
    assert judged("ready", finished_in_time=False) == ["the fleet did not finish in the time it was given"]
    Roadmap.objects.all().delete()
    assert judging._states(made(make_learner())).broken == [f"{GOAL} is never begun"]


@pytest.mark.django_db
def test_a_run_in_which_everything_failed_does_not_hold():
    roadmap = make_written_roadmap(state="failed", steps="failed")
    Step.objects.content().update(last_error="nothing is ever written")
    Roadmap.objects.update(goal=GOAL)
    steps = roadmap.steps.content().count()

    assert judging._made(made(make_learner())).broken == [
        f"{GOAL} has failed: nothing is ever written ({steps})",
        "no piece was made",
        f"{steps} of {steps} pieces have failed: nothing is ever written ({steps})",
    ]


@pytest.mark.django_db
def test_what_people_wanted_is_there_but_for_a_few_pieces():
    roadmap = make_written_roadmap(concepts=7)
    make_written_roadmap(state="cancelled", steps="failed", concepts=1)  # nobody wants it any more
    first, second = roadmap.steps.content()[:2]
    Step.objects.filter(pk=first.pk).update(state="failed")
    assert judging._made(made(make_learner())).broken == []

    Step.objects.filter(pk=second.pk).update(state="failed")

    assert judging._made(made(make_learner())).broken == ["2 of 21 pieces have failed: without a reason (2)"]


@pytest.mark.django_db
def test_a_run_without_people_made_nothing_and_lost_nothing():
    run = made(make_learner())
    assert judging._made(run).broken == ["no piece was made"]

    run.learners = []

    assert judging._made(run).broken == []


@pytest.mark.django_db
def test_a_whole_run_is_judged_by_every_judge(quiz, tmp_path):
    run = made(make_learner(), asked=sold(quiz, 10.0), pieces=[("quiz", quiz.pk)])
    Roadmap.objects.update(goal=GOAL)
    run.log = tmp_path / "server.log"
    run.log.write_text("")
    run.supervisor.restarts = run.supervisor.findings = []
    run.processes.findings = {}
    judges = {name for name, each in vars(judging).items() if name.startswith("_") and _is_judge(each)}

    names = [verdict.name for verdict in judging.verdicts(run)]

    assert len(names) == len(set(names)) == len(judges) + 1 + 2  # connections are counted twice; purchases are three
    assert [verdict.name for verdict in judging.verdicts(run) if verdict.broken] == [
        "the faults happened",
        "it was looked at all the while",
        "connections, sampled on the server, within the budget",
        "connections, from the server's log, within the budget",
        "memory flat",
        "file descriptors flat",
    ]  # nothing happened, and nobody looked


def _is_judge(each):
    told = getattr(each, "__annotations__", {}).get("return")
    return told in (judging.Verdict, Iterator[judging.Verdict])


@pytest.mark.django_db
@pytest.mark.parametrize("state", ["waiting", "running"])
def test_a_step_that_was_not_ended_is_named(state):
    roadmap = make_roadmap()
    make_step(roadmap=roadmap, state=Step.State.DONE)
    assert judging._steps().broken == []

    step = make_step(roadmap=roadmap, kind=Step.Kind.DESIGN, state=state)

    (said,) = judging._steps().broken
    assert said.startswith(f"step {step.pk} (design) is {state}, lease until ")


@pytest.fixture
def quiz(db):
    """One piece was written."""
    concept = make_written_roadmap(concepts=1).concepts.get()
    concept.steps.exclude(kind="quiz").delete()
    return make_quiz(concept=concept)


def test_a_finished_piece_without_a_version_is_named(quiz):
    assert judging._versions().broken == []
    concept = quiz.concept_id

    Quiz.objects.update(is_current=False)

    assert judging._versions().broken == [f"quiz of concept {concept}: done without a version"]


def test_a_piece_that_was_there_and_is_gone_is_named(quiz):
    run = made(make_learner(), pieces=[("quiz", quiz.pk)])
    assert judging._losses(run).broken == []
    gone = quiz.pk

    quiz.delete()

    assert judging._losses(run).broken == [f"quiz {gone} was there and is gone"]


def sold(quiz, *finished_at, version=0, **about):
    """Answers that the stub gave for this piece; with a version, where that stood there."""
    prompt = list(judging._prompts_of(quiz.concept.steps.get(kind="quiz")))[version]
    record = {"status": 200, "is_sent": True, "goal": GOAL, "purpose": "quiz", "prompt_sha256": prompt}
    return [{**record, "started_at": each - 2, "finished_at": each, **about} for each in finished_at]


def purchases(run):
    twice, unordered, unknown = judging._purchases(run)
    return [*twice.broken, *unordered.broken, *unknown.broken]


@pytest.fixture
def log(tmp_path, quiz):
    """A cluster's log: a worker gave its calls up when the minute was over."""
    return handed_back(tmp_path, quiz.concept.steps.get(kind="quiz").pk)


def handed_back(folder, *steps):
    at = datetime.fromtimestamp(60, UTC).isoformat().replace("+00:00", "Z")
    said = f"event='steps_handed_back' queue='content' count={len(steps)} steps={[*steps]}"
    (folder / "content.log").write_text(f"timestamp='{at}' level='info' {said} request=None\n")
    return folder


def test_a_second_answer_for_the_same_piece_needs_a_cause(quiz, log):
    assert purchases(made(make_learner(), asked=sold(quiz, 10.0))) == []
    twice = sold(quiz, 10.0, 20.0)
    (said,) = purchases(made(make_learner(), asked=twice))
    assert said == f"{GOAL}, {quiz.concept.key} quiz: bought 2, made 1, causes 0"

    assert purchases(made(make_learner(cancel_clicks=[9.0]), asked=twice)) == []  # while the first was on its way
    assert purchases(made(make_learner(cancel_clicks=[40.0]), asked=twice)) == [said]  # both were stored long ago
    assert purchases(made(make_learner(), asked=twice, logs=[log])) == [said]  # nothing was given up then
    assert purchases(made(make_learner(), asked=sold(quiz, 59.0, 80.0), logs=[log])) == []


def test_what_was_written_again_is_bought_for_the_version_that_stood_there(quiz):
    make_quiz(concept=quiz.concept, version=2)
    learner = make_learner(orders=Counter({(quiz.concept.key, "quiz"): 1}))
    both = [*sold(quiz, 10.0), *sold(quiz, 20.0, version=1)]
    assert purchases(made(learner, asked=both)) == []

    (said,) = purchases(made(learner, asked=[*both, *sold(quiz, 30.0, version=1)]))

    assert said == f"{GOAL}, {quiz.concept.key} quiz: bought 3, made 2, causes 0"


def test_an_answer_that_was_used_explains_no_other_that_was_lost(quiz, log):
    """The last was stored shortly before a hand-back, or near a click on Cancel; the first was lost without a cause."""
    said = [f"{GOAL}, {quiz.concept.key} quiz: bought 2, made 1, causes 0"]

    assert purchases(made(make_learner(), asked=sold(quiz, 10.0, 59.0), logs=[log])) == said
    assert purchases(made(make_learner(cancel_clicks=[61.0]), asked=sold(quiz, 10.0, 59.0))) == said


def test_a_hand_back_of_a_step_explains_one_lost_answer_to_it(quiz, log, tmp_path):
    asked = sold(quiz, 58.5, 59.0, 80.0)
    said = [f"{GOAL}, {quiz.concept.key} quiz: bought 3, made 1, causes 1"]
    assert purchases(made(make_learner(), asked=asked, logs=[log])) == said

    again = tmp_path / "another worker"
    again.mkdir()
    both = [log, handed_back(again, 0, quiz.concept.steps.get(kind="quiz").pk)]

    assert purchases(made(make_learner(), asked=asked, logs=both)) == []


def test_a_hand_back_of_other_steps_explains_nothing(quiz, tmp_path):
    step = quiz.concept.steps.get(kind="quiz").pk
    said = [f"{GOAL}, {quiz.concept.key} quiz: bought 2, made 1, causes 0"]

    others = handed_back(tmp_path, step + 1, int(f"1{step}"))

    assert purchases(made(make_learner(), asked=sold(quiz, 59.0, 80.0), logs=[others])) == said


@pytest.mark.parametrize(
    ("fault", "is_cause"),
    [
        (Fault("kill", "busy worker", service="content"), True),
        (Fault("kill", "sentinel", service="content"), True),
        (Fault("database", "absence"), True),
        (Fault("kill", "busy worker", service="workflow"), False),
        (Fault("kill", "pusher", service="content"), False),
        (Fault("provider", "errors"), False),
    ],
)
def test_a_lease_that_ran_out_is_a_cause_only_after_what_takes_workers_or_the_database(quiz, settings, fault, is_cause):
    ended = lose(quiz)
    first = ended - settings.LEASE_SECONDS

    def judged(*moments):
        run = made(make_learner(), asked=sold(quiz, 10.0, 20.0))
        run.breaker.happened += [Happened(fault, at=at, until=at) for at in moments]
        return not purchases(run)

    assert not judged()
    assert judged(ended - 1) is judged(first + 1) is is_cause
    assert not judged(ended + 1, first - 1)


def test_a_lease_that_ran_out_though_its_worker_lived_on_has_no_cause(quiz, settings):
    """Somebody else of its cluster was killed; it dropped the answer itself."""
    ended = lose(quiz)
    run = made(make_learner(), asked=sold(quiz, 10.0, 20.0))
    run.breaker.happened.append(
        Happened(Fault("kill", "busy worker", service="content"), at=ended - 5, until=ended - 5)
    )
    run.server.holders[datetime.fromtimestamp(ended, UTC)] = 7
    run.processes.looks = [Look(ended - 6, {7: 20}, 100.0, 1), Look(ended + 1, {8: 20}, 100.0, 1)]
    assert purchases(run) == []  # 7 was the one that was killed

    run.processes.looks.append(Look(ended + 1, {7: 20, 8: 20}, 100.0, 1))

    assert purchases(run) == [f"{GOAL}, {quiz.concept.key} quiz: bought 2, made 1, causes 0"]
    away = ended - settings.LEASE_SECONDS
    run.breaker.happened.append(Happened(Fault("database", "crash"), at=away - 1, until=away))
    assert purchases(run) == []  # the claim came to nobody


def test_a_lease_that_ran_out_after_a_release_was_stopped_has_a_cause(quiz, tmp_path):
    ended = lose(quiz)

    def judged(stopped_at):
        run = made(make_learner(), asked=sold(quiz, 10.0, 20.0), logs=[tmp_path])
        run.supervisor.releases[0].stopped_at = stopped_at
        return not purchases(run)

    assert judged(ended - 1)
    assert not judged(ended + 1)
    assert not judged(None)


def test_a_lease_that_a_late_sweep_ended_has_its_cause_where_its_worker_died(quiz, settings, tmp_path):
    ended = lose(quiz)
    died = ended - settings.LEASE_SECONDS - 60
    run = made(make_learner(), asked=sold(quiz, 10.0, 20.0), logs=[tmp_path])
    run.processes.looks = [Look(died - 1, {7: 20, 8: 20}, 100.0, 1), Look(died + 1, {8: 20}, 100.0, 1)]
    run.breaker.happened.append(Happened(Fault("kill", "busy worker", service="content"), at=died, until=died))
    assert purchases(run) == [f"{GOAL}, {quiz.concept.key} quiz: bought 2, made 1, causes 0"]

    (tmp_path / "content.log").write_text(
        f"timestamp='{datetime.fromtimestamp(ended, UTC):%Y-%m-%dT%H:%M:%S.%fZ}' level='warning' "
        "event='leases_of_dead_workers_ended' queue='content' workers=['vm/3b1a681d:7'] steps=1"
    )

    assert purchases(run) == []
    run.breaker.happened[0] = Happened(Fault("kill", "busy worker", service="content"), at=died - 60, until=died - 60)
    assert len(purchases(run)) == 1


def lose(quiz) -> float:
    """Its lease ran out: when."""
    ended = timezone.now()
    make_log_entry(
        roadmap=quiz.concept.roadmap,
        event="step_lease_expired",
        concept=quiz.concept,
        step_kind="quiz",
        details={"expired_at": str(ended)},
    )
    return ended.timestamp()


@pytest.mark.parametrize(
    ("fault", "is_cause"),
    [
        (Fault("provider", "stall"), True),
        (Fault("kill", "busy worker", service="content"), False),
        (Fault("kill", "sentinel", service="content"), False),
        (Fault("database", "absence"), False),
    ],
)
def test_an_answer_that_nobody_heard_is_a_cause_only_while_the_provider_was_broken(quiz, fault, is_cause):
    call = make_call(roadmap=quiz.concept.roadmap, concept=quiz.concept, purpose="quiz", outcome="timeout", latency=6)
    call.refresh_from_db()
    stored = call.created_at.timestamp()

    def judged(*spans):
        run = made(make_learner(), asked=sold(quiz, 10.0, 20.0))
        run.breaker.happened += [Happened(fault, at=begin, until=end) for begin, end in spans]
        return not purchases(run)

    assert not judged()
    assert judged((stored - 5, stored - 3)) is judged((stored - 60, stored - 5)) is is_cause
    assert not judged((stored - 60, stored - 30), (stored + 1, stored + 9))


def test_an_answer_that_was_not_kept_was_bought_without_cause(quiz):
    asked = sold(quiz, 10.0)

    Quiz.objects.all().delete()

    assert purchases(made(make_learner(), asked=asked)) == [
        f"{GOAL}, {quiz.concept.key} quiz: bought 1, made 0, causes 0"
    ]


def test_a_version_that_nobody_ordered_is_named(quiz):
    make_quiz(concept=quiz.concept, version=2)
    asked = sold(quiz, 10.0, 20.0)

    broken = purchases(made(make_learner(), asked=asked))

    assert f"{GOAL}, {quiz.concept.key} quiz: 2 versions of 1 ordered" in broken
    ordered = make_learner(orders=Counter({(quiz.concept.key, "quiz"): 1}))
    assert purchases(made(ordered, asked=asked)) == []


def test_an_answer_that_belongs_to_no_piece_is_counted(quiz):
    asked = [*sold(quiz, 10.0), *sold(quiz, 20.0, prompt_sha256="another's")]

    assert purchases(made(make_learner(), asked=asked)) == ["1 of 2 answers belong to no piece"]
    assert purchases(made(make_learner(), asked=sold(quiz, 10.0) + sold(quiz, 20.0, status=500))) == []


@pytest.mark.django_db
def test_a_design_that_was_bought_twice_needs_a_cause():
    roadmap = make_roadmap(goal=GOAL)
    make_step(roadmap=roadmap, kind=Step.Kind.DESIGN, state=Step.State.DONE)
    record = {"status": 200, "is_sent": True, "goal": GOAL, "purpose": "outline", "prompt_sha256": "x"}
    once = [{**record, "started_at": 8.0, "finished_at": 10.0}]

    assert purchases(made(make_learner(), asked=once)) == []
    assert purchases(made(make_learner(), asked=once * 2)) == [f"{GOAL}, design: bought 2, made 1, causes 0"]


@pytest.mark.django_db
def test_a_design_that_was_made_more_often_than_ordered_is_named():
    roadmap = make_roadmap(goal=GOAL)
    feedback = Feedback.objects.create(
        roadmap=roadmap, revision=make_revision(roadmap=roadmap), author=roadmap.owner, text="Less"
    )
    done = {"roadmap": roadmap, "state": Step.State.DONE}
    make_step(kind="analyse", **done)
    make_step(kind="design", **done)
    make_step(kind="review", payload={"revision": 1}, **done)
    make_step(kind="plan", feedback=feedback, payload={"round": 0}, **done)
    make_step(kind="plan", payload={"round": 1}, **done)  # the review's
    make_step(kind="edit", payload={"round": 1}, **done)
    make_step(kind="edit", payload={"round": 0}, **done)
    make_step(kind="review", payload={"revision": 2}, **done)
    ordered = {"analyse": 1, "design": 1, "review": 2, "plan": 3, "edit": 2}

    assert {step.kind: _ordered_of(roadmap, step.kind) for step in roadmap.steps.all()} == ordered
    assert _made_twice() == []
    make_step(kind="design", **done)
    make_step(kind="review", payload={"revision": 2}, **done)
    assert _made_twice() == [
        f"{GOAL}, design: 2 versions of 1 ordered",
        f"{GOAL}, review: 3 versions of 2 ordered",
    ]


def _ordered_of(roadmap, kind):
    return judging._ordered(roadmap, kind, list(roadmap.steps.filter(kind=kind, state=Step.State.DONE)))


def _made_twice():
    _, unordered, _ = judging._purchases(made(make_learner()))
    return unordered.broken


@pytest.mark.django_db
def test_a_piece_that_was_written_while_its_roadmap_was_cancelled_is_named(quiz):
    at = quiz.created_at.timestamp()

    assert judging._cancelled(made(make_learner(cancels=[(at + 5, at + 9)]))).broken == []
    assert judging._cancelled(made(make_learner(cancels=[(at - 9, at - 5)]))).broken == []
    (said,) = judging._cancelled(made(make_learner(cancels=[(at - 5, float("inf"))]))).broken
    assert f"{GOAL}: quiz {quiz.pk} written at" in said


def asked_at(moments, *, cancels, happened=(), goal=GOAL):
    run = make_run(happened=happened)
    run.learners = [make_learner(cancels=cancels)]
    run.asked = [{"goal": goal, "started_at": each, "finished_at": each + 2} for each in moments]
    return judging._asked_in_vain(run).broken


def test_a_call_that_begins_after_a_cancel_is_named():
    ever, near = float("inf"), judging.GOES_ON_SECONDS - 0.1
    said = [f"{GOAL}: the model was asked at 00:00:40, cancelled at 00:00:20"]

    assert asked_at([10.0, 19.9, 20 + near], cancels=[(20.0, ever)]) == []  # under way, or one more try
    assert asked_at([10.0, 40.0], cancels=[(20.0, ever)]) == said
    assert asked_at([40.0], cancels=[(20.0, 50.0)]) == said
    assert asked_at([40.0], cancels=[(20.0, 39.0)]) == []  # taken up again
    assert asked_at([40.0], cancels=[(20.0, ever)], goal="Another's") == []


def test_a_call_that_begins_late_after_a_cancel_is_excused_only_by_the_database():
    def judged(asked, kind, at, until):
        return not asked_at([asked], cancels=[(20.0, float("inf"))], happened=[Happened(Fault(kind, "x"), at, until)])

    assert judged(34.0, "database", 21.0, 28.0)
    assert not judged(34.0, "provider", 21.0, 28.0)
    assert not judged(34.0, "database", 5.0, 13.0)  # it was back long ago
    assert not judged(34.0, "database", 30.0, 33.0)  # it was there when the workers had to look
    assert not judged(40.0, "database", 21.0, 28.0)


# The server and the processes


@pytest.mark.parametrize(
    "words",
    ["sorry, too many clients already", "remaining connection slots are reserved", "too many connections for role"],
)
def test_a_connection_that_the_server_refused_is_found(tmp_path, words):
    run = make_run()
    run.log = tmp_path / "server.log"
    run.log.write_text("connection authorized\n")
    assert judging._refusals(run).broken == []

    run.log.write_text(f"FATAL:  {words}\n")

    assert judging._refusals(run).broken == ["refused"]


def test_a_process_that_is_left_or_was_without_a_parent_is_found():
    run = make_run()
    run.supervisor = SimpleNamespace(releases=[], restarts=[], findings=[])
    run.processes = SimpleNamespace(findings={})
    assert judging._orphans(run).broken == []

    run.left = {7}
    assert judging._orphans(run).broken == ["process 7 was left"]
    run.left, run.processes.findings = set(), {8: "process 8 lived without its parent"}
    assert judging._orphans(run).broken == ["process 8 lived without its parent"]
    run.processes.findings, run.supervisor.findings = {}, ["release 1: content did not end in time"]
    assert judging._orphans(run).broken == ["release 1: content did not end in time"]
