"""The engine: claims, calls without a connection, stores, failures, leases."""

import ast
import dataclasses
import multiprocessing
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from importlib import import_module

import pytest
from django.apps import apps
from django.conf import settings as settings_module
from django.db import OperationalError, connection, connections, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.module_loading import import_string
from django_q.models import OrmQ, Schedule

from content import answering, revising
from content.answers import TutorialAnswer
from content.contents import Contents, contents
from content.models import MODELS, Quiz, QuizAttempt, ResourceList, Tutorial
from roadmap_project import process
from roadmap_project.connections import ConnectionHeldError
from roadmap_project.llm.asking import AskingFailedError
from roadmaps import deciding
from roadmaps.models import LogEntry, ModelCall, ProviderPause, QueueHeartbeat, Roadmap, Step
from roadmaps.models.step import rank_of
from roadmaps.steps import claiming, draining, kinds, storing, sweeping
from roadmaps.steps.calling import Finished
from tests.engine import answer_of, in_thread, server_count, wait_until
from tests.factories import make_user, make_written_roadmap

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def writing(reviewed) -> Roadmap:
    """A roadmap whose pieces wait to be written."""
    return deciding.approve(reviewed.pk)


def test_every_concept_gets_its_three_pieces(writing):
    draining.drain("content")

    writing.refresh_from_db()
    concepts = writing.concepts.count()
    assert writing.state == Roadmap.State.READY
    for model in (Tutorial, ResourceList, Quiz):
        assert model.objects.current().filter(concept__roadmap=writing).count() == concepts
    calls = ModelCall.objects.filter(roadmap=writing, concept__isnull=False)
    assert calls.count() == 3 * concepts
    assert all(call.input_tokens and call.output_tokens and call.cost > 0 for call in calls)


def test_a_claim_takes_exactly_what_it_was_asked_for(writing):
    assert len(claiming.claim("content", 7)) == 7
    assert Step.objects.filter(state="running").count() == 7


def test_claims_at_the_same_time_never_take_the_same_step(writing):
    with ThreadPoolExecutor(4) as pool:

        def work():
            try:
                return [step.pk for _ in range(3) for step in claiming.claim("content", 5)]
            finally:
                connections.close_all()

        taken = [pk for future in [pool.submit(work) for _ in range(4)] for pk in future.result()]

    assert len(taken) == len(set(taken)) == min(60, 3 * writing.concepts.count())


def test_the_first_concepts_of_every_roadmap_come_before_the_tenth_of_any(writing, person):
    second = Roadmap.objects.create(owner=person, goal="later", token="later123", slug="later-later123")
    Step.objects.create(roadmap=second, kind=Step.Kind.TUTORIAL, rank=rank_of(0))

    claimed = claiming.claim("content", 6)

    assert second.pk in {step.roadmap_id for step in claimed}
    assert [step.rank for step in claimed] == sorted(step.rank for step in claimed)


def test_old_work_overtakes_new(writing, person):
    old = Step.objects.filter(concept__position=3).first()
    Step.objects.filter(pk=old.pk).update(rank=rank_of(3) - 4)

    first, second = claiming.claim("content", 2)

    assert (first.kind, first.concept.position) == ("tutorial", 0)  # somebody is about to read it
    assert second.pk == old.pk


def test_a_claim_reads_no_more_than_it_takes(writing):
    row = Step.objects.waiting().filter(queue="content").first()
    Step.objects.bulk_create(
        Step(roadmap=writing, kind=Step.Kind.LINKS, queue="content", rank=row.rank + number, state="done")
        for number in range(3000)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE roadmaps_step")
        parameters = {"queue": "content", "provider": "x", "slots": 5, "lease": timedelta(seconds=9), "worker": "w"}
        cursor.execute("EXPLAIN " + claiming.CLAIM, parameters)
        plan = "\n".join(line for (line,) in cursor.fetchall())

    assert "step_ready" in plan
    assert "Seq Scan on roadmaps_step" not in plan


@contextmanager
def statements() -> Iterator[list[str]]:
    """What is asked of the server meanwhile."""
    found: list[str] = []

    def note(execute, sql, parameters, many, context):
        found.append(sql)
        return execute(sql, parameters, many, context)

    with connection.execute_wrapper(note):
        yield found


def test_a_piece_costs_few_statements(writing):
    """What is equal for many pieces is read with their claim, or once for all that are stored together."""
    with statements() as asked:
        stored = draining.drain("content")

    assert stored == writing.steps.content().count()
    assert len(asked) / stored < 5


def test_the_days_calls_are_not_added_up_after_each_store(writing, monkeypatch):
    monkeypatch.setattr(draining, "COST_SECONDS", 1000)

    with statements() as asked:
        draining.drain("content")

    stores = sum("FOR NO KEY UPDATE" in sql and 'FROM "roadmaps_roadmap"' in sql for sql in asked)
    assert stores > 1 == sum('SUM("roadmaps_modelcall"."cost")' in sql for sql in asked)


def test_A4_no_connection_is_held_while_all_calls_wait(writing, stub):
    stub.hold()
    done = []
    drained = threading.Thread(target=lambda: done.append(_drain_and_close("content")))
    drained.start()
    try:
        stub.wait_for(settings_in_flight("content"))
        connections.close_all()

        wait_until(lambda: server_count() == 0)
    finally:
        stub.release()
        drained.join(30)
    assert done == [3 * writing.concepts.count()]


def put_a_task(tasks, drain):
    tasks.put("a wake-up that every worker is too busy to take")


def let_it_beat(tasks, drain):
    """A wake-up was lost."""
    drain.next_beat = 0.0


@pytest.mark.parametrize("wake", [put_a_task, let_it_beat])
def test_a_worker_with_free_slots_claims_when_it_is_woken_and_not_again_and_again(writing, stub, monkeypatch, wake):
    for name in ("CLAIM_SECONDS", "LISTEN_SECONDS"):
        monkeypatch.setattr(draining, name, 0.02)
    tasks = multiprocessing.get_context("fork").Queue()
    monkeypatch.setattr(process.current, "tasks", tasks)
    claims, looks = [], []
    claim, is_called_away = claiming.claim, draining._Drain._is_called_away
    monkeypatch.setattr(claiming, "claim", lambda *wanted: claims.append(wanted) or claim(*wanted))
    monkeypatch.setattr(draining._Drain, "_is_called_away", lambda self: looks.append(self) or is_called_away(self))
    first, later = Step.objects.waiting().filter(kind="quiz")[:2]
    Step.objects.exclude(pk__in=[first.pk, later.pk]).delete()
    Step.objects.filter(pk=later.pk).update(state="done")
    stub.hold()
    drained = in_thread(draining.drain, "content")
    try:
        stub.wait_for(1)
        Step.objects.filter(pk=later.pk).update(state="waiting")
        wait_until(lambda: len(looks) > 30)
        assert len(claims) == 1

        wake(tasks, looks[-1])
        stub.wait_for(2)
    finally:
        stub.release()
    assert drained.result(30) == 2


def _drain_and_close(queue):
    try:
        return draining.drain(queue)
    finally:
        connections.close_all()


def settings_in_flight(queue):
    from django.conf import settings

    return settings.CONNECTION_BUDGET.service(queue).in_flight


def test_a_call_that_uses_the_database_is_refused_by_the_backend(writing, monkeypatch):
    async def call(request):
        Roadmap.objects.count()

    definition = kinds.definition("tutorial")
    monkeypatch.setattr(
        kinds, "definition", lambda kind: kinds.StepKind(definition.prepare, definition.store, definition.fail, call)
    )
    Step.objects.exclude(pk=Step.objects.filter(kind="tutorial").first().pk).delete()

    draining.drain("content")

    step = Step.objects.get()
    assert step.state == "failed"
    assert "may not open a database connection" in step.last_error or "async" in step.last_error


def test_the_calls_thread_may_not_open_a_connection():
    from roadmaps.steps.calling import event_loop

    async def query():
        return None

    import asyncio

    async def in_loop():
        connections["default"].inc_thread_sharing()
        return connections["default"].get_new_connection({})

    with pytest.raises(ConnectionHeldError, match="model calls' thread"):
        asyncio.run_coroutine_threadsafe(in_loop(), event_loop()).result(5)


def test_D6_partly_ready_says_how_many_and_retry_makes_only_those(writing, stub):
    stub.faults([{"purpose": "quiz", "match": writing.concepts.first().name, "fault": "unauthorized"}])
    draining.drain("content")
    writing.refresh_from_db()
    failed = writing.steps.filter(state="failed").count()
    assert writing.state == Roadmap.State.PARTLY_READY
    assert failed >= 1
    assert f"{failed} could not be written" in writing.notice

    stub.reset()
    deciding.retry(writing.pk)
    draining.drain("content")

    writing.refresh_from_db()
    assert writing.state == Roadmap.State.READY
    assert [record.purpose for record in stub.requests()] == ["quiz"] * failed


def test_D7_when_all_fail_the_roadmap_has_failed(writing, stub):
    stub.faults([{"fault": "unauthorized"}])

    draining.drain("content")

    writing.refresh_from_db()
    assert writing.state == Roadmap.State.FAILED
    assert "401" in writing.steps.content().first().last_error


def test_a_transient_error_puts_the_step_back_with_a_delay(writing, stub):
    Step.objects.exclude(pk=Step.objects.waiting().first().pk).delete()
    stub.reset()
    stub.faults([{"fault": "server_error"}])

    draining.drain("content")

    step = Step.objects.get()
    assert (step.state, step.attempts) == ("waiting", 1)
    assert step.not_before > timezone.now()
    assert "500" in step.last_error
    assert len(stub.requests()) == 2  # tried once more inside the call


def test_transient_errors_end_in_failure(writing, stub):
    Step.objects.exclude(pk=Step.objects.waiting().first().pk).delete()
    stub.faults([{"fault": "unavailable"}])

    for _ in range(Step.MOST_ATTEMPTS):
        draining.drain("content")
        Step.objects.update(not_before=None)

    step = Step.objects.get()
    assert (step.state, step.attempts) == ("failed", Step.MOST_ATTEMPTS)


def test_retry_after_makes_every_claim_wait(writing, stub):
    Step.objects.exclude(pk__in=Step.objects.waiting()[:3]).delete()
    stub.faults([{"fault": "rate_limited", "retry_after": 60, "times": 1}])

    storing.store([Finished(step, error=_rate_limited()) for step in claiming.claim("content", 1)])

    assert ProviderPause.objects.get().until > timezone.now() + timedelta(seconds=50)
    assert claiming.claim("content", 10) == []
    assert claiming.seconds_until_due("content") > 50
    ProviderPause.objects.update(until=timezone.now() - timedelta(seconds=claiming.RAMP_ENDS))
    assert len(claiming.claim("content", 10)) == 2


def _rate_limited():
    return AskingFailedError("slow down", permanent=False, calls=[], retry_after=60)


def test_a_shorter_retry_after_does_not_shorten_a_pause(writing):
    first, second = claiming.claim("content", 2)

    storing.store([Finished(first, error=_rate_limited())])
    until = ProviderPause.objects.get().until
    short = AskingFailedError("slow down", permanent=False, calls=[], retry_after=1)
    storing.store([Finished(second, error=short)])

    assert ProviderPause.objects.get().until == until


def test_the_installations_cap_holds_over_all_workers(writing, settings):
    settings.LLM_MAX_IN_FLIGHT = 5

    assert len(claiming.claim("content", 4)) == 4
    assert len(claiming.claim("content", 4)) == 1
    assert claiming.claim("content", 4) == []


def test_one_worker_of_the_logs_cluster_stays_free(writing, settings, monkeypatch):
    concepts = list(writing.concepts.all())
    Step.objects.bulk_create(
        Step(roadmap=writing, concept=concept, kind=Step.Kind.LINKS, queue="logs", rank=rank_of(0))
        for concept in concepts
    )
    workers = settings.CONNECTION_BUDGET.service("logs").processes

    taken = []
    for number in range(workers):
        monkeypatch.setattr(process, "address", lambda number=number: f"host:{number}")
        taken.append(len(claiming.claim("logs", 1)))

    assert taken == [1] * (workers - 1) + [0]


def test_B5_the_same_result_stored_twice_changes_nothing(writing, stub):
    (step,) = claiming.claim("content", 1)
    answer = answer_of(step)

    storing.store([Finished(step, answer=answer)])
    storing.store([Finished(step, answer=answer)])

    model = {"tutorial": Tutorial, "resources": ResourceList, "quiz": Quiz}[step.kind]
    assert model.objects.filter(concept=step.concept).count() == 1


def test_D4_a_result_that_comes_after_cancel_is_not_stored(writing):
    steps = claiming.claim("content", 3)
    answers = [Finished(step, answer=answer_of(step)) for step in steps]

    deciding.cancel(writing.pk)
    storing.store(answers)

    writing.refresh_from_db()
    assert writing.state == Roadmap.State.CANCELLED
    assert not Tutorial.objects.exists()
    assert not Quiz.objects.exists()
    assert set(writing.steps.content().values_list("state", flat=True)) == {"cancelled"}
    assert claiming.claim("content", 10) == []


def test_an_answer_that_outlived_its_lease_counts_until_somebody_claims_anew(writing):
    (step,) = claiming.claim("content", 1)
    answer = answer_of(step)
    _expire_leases()
    _sweep_as_usual("content")
    assert Step.objects.get(pk=step.pk).state == "waiting"

    storing.store([Finished(step, answer=answer)])

    assert Step.objects.get(pk=step.pk).state == "done"


def test_an_answer_is_refused_when_the_step_was_claimed_anew(writing):
    (step,) = claiming.claim("content", 1)
    answer = answer_of(step)
    _expire_leases()
    _sweep_as_usual("content")
    (again,) = claiming.claim("content", 1)
    assert again.pk == step.pk

    storing.store([Finished(step, answer=answer)])

    now = Step.objects.get(pk=step.pk)
    assert (now.state, now.lease_token) == ("running", again.lease_token)
    assert ModelCall.objects.filter(concept=step.concept, purpose=answer.calls[0].purpose).exists()  # it was paid for


def _sweep_as_usual(queue):
    QueueHeartbeat.objects.update_or_create(
        queue=queue, defaults={"swept_at": timezone.now(), "takes_leases_from": None}
    )
    sweeping.sweep(queue)


def _expire_leases():
    Step.objects.filter(state="running").update(lease_expires_at=timezone.now() - timedelta(seconds=1))


def test_D3_what_a_killed_worker_of_this_machine_held_waits_for_no_lease(writing):
    gone = subprocess.Popen(["true"])
    gone.wait()
    steps = claiming.claim("content", 5)
    here = steps[0].worker.rsplit(":", 1)[0]
    restarted = f"{here.rpartition('/')[0]}/0badc0de"  # the machine, or another container of the same name
    places = (
        f"{here}:{gone.pid}",
        f"{here}:{os.getpid()}",
        f"another/0badc0de:{gone.pid}",
        f"{restarted}:{gone.pid}",
        f"{here}:1",
    )
    for step, worker in zip(steps, places, strict=True):
        Step.objects.filter(pk=step.pk).update(worker=worker)

    _sweep_as_usual("content")

    states = [Step.objects.get(pk=step.pk) for step in steps]
    assert [(step.state, step.losses) for step in states] == [("waiting", 1)] + [("running", 0)] * 4


def test_no_worker_is_taken_for_dead_where_the_system_does_not_tell_whose_ids_these_are(writing, monkeypatch):
    monkeypatch.setattr(process, "ids_are_of", lambda: "")
    gone = subprocess.Popen(["true"])
    gone.wait()
    (step,) = claiming.claim("content", 1)
    Step.objects.update(worker=f"{step.worker.rsplit(':', 1)[0]}:{gone.pid}")

    _sweep_as_usual("content")

    assert Step.objects.get(pk=step.pk).state == "running"


def test_a_step_that_loses_its_worker_five_times_has_failed(writing):
    Step.objects.exclude(pk=Step.objects.waiting().first().pk).delete()

    for _ in range(Step.MOST_LOSSES):
        Step.objects.update(not_before=None)
        assert claiming.claim("content", 1)
        _expire_leases()
        _sweep_as_usual("content")

    step = Step.objects.get()
    assert (step.state, step.losses, step.attempts) == ("failed", Step.MOST_LOSSES, 0)
    assert "lost 5 times" in step.last_error


def test_a_step_that_kills_its_workers_fails_alone(writing):
    deadly = Step.objects.waiting().filter(queue="content").order_by("rank", "pk").first()

    while Step.objects.active().filter(pk=deadly.pk).exists():
        held = {step.pk for step in claiming.claim("content", 16)}
        if deadly.pk in held:
            _expire_leases()
            _sweep_as_usual("content")
        elif held:
            Step.objects.filter(pk__in=held).update(state="done", lease_token=None, lease_expires_at=None)
        else:  # half a second passes
            Step.objects.filter(not_before__isnull=False).update(not_before=F("not_before") - timedelta(seconds=0.5))

    assert list(writing.steps.filter(state="failed")) == [deadly]


def test_after_an_outage_no_lease_is_taken_while_answers_may_be_in_hand(writing):
    claiming.claim("content", 1)
    _expire_leases()
    QueueHeartbeat.objects.update_or_create(
        queue="content", defaults={"swept_at": timezone.now() - timedelta(minutes=10)}
    )

    sweeping.sweep("content")
    sweeping.sweep("content")
    assert Step.objects.filter(state="running").count() == 1

    QueueHeartbeat.objects.update(takes_leases_from=timezone.now() - timedelta(seconds=1))
    sweeping.sweep("content")
    assert Step.objects.filter(state="running").count() == 0


def test_a_drain_sweeps_when_nobody_else_did(writing):
    step = claiming.claim("content", 1)[0]
    _expire_leases()
    QueueHeartbeat.objects.update_or_create(
        queue="content", defaults={"swept_at": timezone.now() - timedelta(seconds=90), "takes_leases_from": None}
    )

    draining.drain("content")

    assert Step.objects.get(pk=step.pk).state == "done"


def test_B2_a_sweep_replaces_a_lost_wake_up(writing):
    OrmQ.objects.all().delete()

    sweeping.sweep("content")

    assert OrmQ.objects.filter(key="content").count() == 1


def test_B2_every_cluster_sweeps_each_minute_by_itself(writing):
    """As a fresh installation schedules it; a schedule without a cluster would be run by none."""
    import_module("roadmaps.migrations.0003_sweep_schedules").add(apps, None)
    sweeps = Schedule.objects.filter(func="roadmaps.tasks.sweep")

    assert set(sweeps.values_list("cluster", "args", "schedule_type", "minutes", "repeats")) == {
        (queue, f"'{queue}'", Schedule.MINUTES, 1, -1) for queue in ("workflow", "content", "logs")
    }
    OrmQ.objects.all().delete()
    for each in sweeps:
        import_string(each.func)(ast.literal_eval(each.args))
    assert "content" in OrmQ.objects.values_list("key", flat=True)


def test_B3_a_rollback_takes_the_wake_up_along(reviewed):
    OrmQ.objects.all().delete()

    with pytest.raises(RuntimeError), transaction.atomic():
        deciding.approve(reviewed.pk)
        raise RuntimeError

    assert not OrmQ.objects.exists()
    assert not reviewed.steps.content().exists()


def test_B4_a_double_click_on_approve_writes_once(reviewed):
    deciding.approve(reviewed.pk)
    deciding.approve(reviewed.pk)

    assert reviewed.steps.content().count() == 3 * reviewed.concepts.count()


def test_wake_ups_do_not_pile_up(writing, settings):
    from roadmaps.steps.waking import wake, wake_another

    OrmQ.objects.all().delete()
    for _ in range(50):
        wake("content")
    assert OrmQ.objects.filter(key="content").count() == settings.CONNECTION_BUDGET.service("content").processes
    wake_another("content")
    assert OrmQ.objects.filter(key="content").count() == settings.CONNECTION_BUDGET.service("content").processes


def test_a_wake_up_that_a_killed_worker_left_behind_holds_nobody_up(writing):
    from roadmaps.steps.waking import wake_another

    OrmQ.objects.update(lock=timezone.now() + timedelta(hours=1))

    wake_another("content")

    assert OrmQ.objects.filter(key="content", lock__lte=timezone.now()).count() == 1


def test_C3_one_bad_result_does_not_take_the_others_along(writing):
    tutorials = [step for step in claiming.claim("content", 30) if step.kind == "tutorial"][:3]
    finished = [Finished(step, answer=answer_of(step)) for step in tutorials]
    finished[1].answer.value.title = "x" * 1000  # longer than the column

    storing.store(finished)

    states = {step.pk: step.state for step in Step.objects.filter(pk__in=[step.pk for step in tutorials])}
    assert [states[step.pk] for step in tutorials] == ["done", "failed", "done"]
    assert set(Step.objects.filter(pk__in=states).values_list("attempts", flat=True)) == {1}
    assert LogEntry.objects.filter(event="step_failed", concept=tutorials[1].concept).exists()
    assert Tutorial.objects.count() == 2
    paid = ModelCall.objects.filter(purpose="tutorial").values_list("concept", flat=True)
    assert sorted(paid) == sorted(step.concept_id for step in tutorials)  # also for the one that could not be saved


def test_C5_regenerating_makes_the_next_version_and_keeps_the_first(writing, stub):
    draining.drain("content")
    concept = writing.concepts.first()

    deciding.regenerate(concept, Step.Kind.TUTORIAL, wish="Shorter, please")
    draining.drain("content")

    versions = Tutorial.objects.filter(concept=concept).order_by("version")
    assert [(each.version, each.is_current) for each in versions] == [(1, False), (2, True)]
    assert versions[1].wish == "Shorter, please"


def test_C6_attempts_outlive_their_quiz_being_written_again(writing, stub):
    draining.drain("content")
    concept = writing.concepts.first()
    attempt = answering.answer(concept.quiz_versions.get(), user=writing.owner, submitted={0: ["0"]})

    deciding.regenerate(concept, Step.Kind.QUIZ)
    draining.drain("content")

    assert [(each.version, each.is_current) for each in concept.quiz_versions.order_by("version")] == [
        (1, False),
        (2, True),
    ]
    assert QuizAttempt.objects.get() == attempt
    assert QuizAttempt.objects.get().quiz.version == 1
    assert [each.chosen for each in answering.marked(attempt)] == [[0]]


@pytest.mark.parametrize("kind", Step.CONTENT_KINDS)
def test_C5_an_answer_that_says_what_stands_is_paid_and_makes_no_version(writing, stub, kind):
    draining.drain("content")
    concept = writing.concepts.first()
    versions, paid = MODELS[kind].objects.filter(concept=concept), ModelCall.objects.filter(concept=concept)

    def written_again(value=None):
        step = deciding.regenerate(concept, kind, wish="As it is")
        (claimed,) = claiming.claim("content", 9)
        answer = answer_of(claimed)
        answer.value = value or answer.value
        storing.store([Finished(claimed, answer=answer)])
        step.refresh_from_db()
        return step, answer.value

    step, value = written_again()
    assert (versions.count(), step.is_unchanged) == (2, False)
    bought = paid.count()
    before = contents(versions.current().get())

    step, _ = written_again(value)

    assert (step.state, step.last_error, step.attempts, step.is_unchanged) == (Step.State.DONE, "", 1, True)
    assert [each.version for each in versions.current()] == [2]
    assert (versions.count(), contents(versions.current().get())) == (2, before)
    assert paid.count() == bought + 1
    assert LogEntry.objects.get(event=f"{kind}_unchanged").details["version"] == 2
    writing.refresh_from_db()
    assert writing.state == Roadmap.State.READY
    step, _ = written_again()  # something else, as what stands is another version than at first
    assert (versions.count(), step.is_unchanged) == (3, False)


def test_what_an_editor_wrote_stays_the_editors_where_an_answer_says_the_same(writing, stub):
    draining.drain("content")
    concept = writing.concepts.first()
    editor, first = make_user(username="eva"), Tutorial.objects.get(concept=concept)
    edited = Contents({**contents(first).fields, "title": "By hand"})
    revising.revise(first, edited, author=editor)

    deciding.regenerate(concept, Step.Kind.TUTORIAL)
    (step,) = claiming.claim("content", 9)
    answer = answer_of(step)
    answer.value = TutorialAnswer.model_construct(**edited.fields)
    storing.store([Finished(step, answer=answer)])

    current = Tutorial.objects.current().get(concept=concept)
    assert (current.version, current.author) == (2, editor)


def test_B4_a_second_click_on_regenerate_while_it_is_written_buys_nothing_twice(writing, stub):
    draining.drain("content")
    stub.reset()
    concept = writing.concepts.first()

    deciding.regenerate(concept, Step.Kind.QUIZ)
    (step,) = claiming.claim("content", 9)
    answer = Finished(step, answer=answer_of(step))
    deciding.regenerate(concept, Step.Kind.QUIZ)
    storing.store([answer])

    assert draining.drain("content") == 0
    assert len(stub.requests()) == 1
    assert Quiz.objects.filter(concept=concept).count() == 2


def test_a_rewrite_that_fails_leaves_the_earlier_version_standing(writing, stub):
    draining.drain("content")
    stub.faults([{"fault": "unauthorized"}])
    concept = writing.concepts.first()

    deciding.regenerate(concept, Step.Kind.TUTORIAL)
    draining.drain("content")

    step = concept.steps.get(kind="tutorial")
    writing.refresh_from_db()
    assert (step.state, writing.state) == ("done", "ready")
    assert "401" in step.last_error
    assert Tutorial.objects.get(concept=concept).is_current


def test_D11_a_stopping_worker_hands_back_what_has_not_answered(writing, stub, stop_event, caplog):
    caplog.set_level("INFO")
    stub.hold()

    def stop_when_all_are_asked():
        stub.wait_for(settings_in_flight("content"))
        stop_event.set()

    asked_to_stop = threading.Thread(target=stop_when_all_are_asked)
    asked_to_stop.start()

    draining.drain("content")

    asked_to_stop.join(10)
    stub.release()
    assert set(writing.steps.content().values_list("state", "attempts", "losses")) == {("waiting", 0, 0)}
    assert not writing.steps.filter(lease_token__isnull=False).exists()
    assert not writing.steps.content().filter(started_at__isnull=False).exists()
    asked_for = writing.steps.content().exclude(worker="").order_by("pk").values_list("pk", flat=True)
    told = next(record.msg for record in caplog.records if "steps_handed_back" in str(record.msg))
    assert (told["count"], told["steps"]) == (settings_in_flight("content"), list(asked_for))
    calls = writing.model_calls.filter(outcome="given_up")
    assert {call.concept_id for call in calls} <= {concept.pk for concept in writing.concepts.all()}
    assert calls.count() == settings_in_flight("content")
    assert all(call.cost and call.is_cost_assumed for call in calls)  # the day's limit counts them


def test_D11_a_wake_up_that_comes_to_a_stopping_cluster_is_handed_on(stop_event):
    """It is acknowledged there; rows that wait would have nobody until the next sweep."""
    roadmap = make_written_roadmap(state=Roadmap.State.WRITING, steps=Step.State.WAITING, concepts=1)
    stop_event.set(grace=10)

    stored = [draining.drain("content") for _ in range(2)]

    assert stored == [0, 0]
    assert [task.func() for task in OrmQ.objects.filter(key="content")] == ["roadmaps.tasks.drain"]
    assert set(roadmap.steps.values_list("state", flat=True)) == {Step.State.WAITING}


def test_D11_a_stopping_worker_stores_what_answers_in_time(writing, stub, stop_event, caplog):
    caplog.set_level("INFO")
    stub.hold()

    def stop_then_answer():
        stub.wait_for(settings_in_flight("content"))
        stop_event.set(grace=10)
        wait_until(lambda: "drain_stopping" in caplog.text)
        stub.release()

    threading.Thread(target=stop_then_answer).start()
    stored = draining.drain("content")

    assert stored == settings_in_flight("content")
    assert writing.steps.filter(kind__in=Step.CONTENT_KINDS, state="done").count() == stored
    assert not writing.steps.filter(state="running").exists()


def test_A14_a_dropped_connection_loses_no_answer(writing, stub):
    stub.hold()
    drained = in_thread(draining.drain, "content")
    stub.wait_for(settings_in_flight("content"))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    stub.release()

    assert drained.result(60) == 3 * writing.concepts.count()
    writing.refresh_from_db()
    assert writing.state == Roadmap.State.READY
    bought = [
        (record.purpose, record.prompt_sha256)
        for record in stub.requests()
        if record.purpose in ("tutorial", "quiz", "resources")
    ]
    assert len(bought) == len(set(bought)) == 3 * writing.concepts.count()


def test_a_drain_waits_for_a_step_that_becomes_due(writing, stub):
    Step.objects.exclude(pk=Step.objects.waiting().first().pk).delete()
    Step.objects.update(not_before=timezone.now() + timedelta(seconds=1))

    assert draining.drain("content") == 1


def test_A4_no_connection_is_held_while_a_drain_waits_for_a_step_that_becomes_due(writing, stub):
    Step.objects.exclude(pk=Step.objects.waiting().first().pk).delete()
    Step.objects.update(not_before=timezone.now() + timedelta(seconds=7))
    done = []
    drained = threading.Thread(target=lambda: done.append(_drain_and_close("content")))
    connections.close_all()
    drained.start()
    wait_until(lambda: server_count() == 1)

    wait_until(lambda: server_count() == 0)

    assert drained.is_alive()
    drained.join(30)
    assert done == [1]


def test_E3_a_log_line_that_cannot_be_saved_fails_neither_the_work_nor_the_other_lines(writing, monkeypatch):
    (step,) = claiming.claim("content", 1)
    answer = answer_of(step)
    definition = kinds.definition(step.kind)

    def store(step, answer, log):
        definition.store(step, answer, log)
        log.line("x" * 1000)  # longer than the column

    monkeypatch.setattr(kinds, "definition", lambda kind: kinds.StepKind(definition.prepare, store, definition.fail))
    storing.store([Finished(step, answer=answer)])

    assert Step.objects.get(pk=step.pk).state == "done"
    lines = LogEntry.objects.filter(roadmap=writing, concept=step.concept).values_list("event", flat=True)
    assert set(lines) == {f"{step.kind}_saved", "step_done"}
    assert LogEntry.objects.get(event="log_lines_lost").details == {"count": 1}


def test_C4_two_stores_on_one_roadmap_at_once_both_count(writing):
    steps = claiming.claim("content", 60)
    finished = [Finished(step, answer=answer_of(step)) for step in steps]
    half = len(finished) // 2

    futures = [in_thread(storing.store, part) for part in (finished[:half], finished[half:])]
    for future in futures:
        future.result(60)

    writing.refresh_from_db()
    assert writing.state == Roadmap.State.READY


@pytest.mark.parametrize("decision", ["approve", "cancel", "retry", "store", "regenerate"])
def test_decisions_and_stores_wait_for_the_roadmaps_lock(writing, decision):
    """Two of them on one roadmap never look at the same state at the same time."""
    step = claiming.claim("content", 1)[0]
    finished = Finished(step, answer=answer_of(step))
    decisions = {
        "approve": lambda: deciding.approve(writing.pk),
        "cancel": lambda: deciding.cancel(writing.pk),
        "retry": lambda: deciding.retry(writing.pk),
        "store": lambda: storing.store([finished]),
        "regenerate": lambda: deciding.regenerate(step.concept, step.kind),
    }

    with transaction.atomic():
        Roadmap.objects.locked(writing.pk)
        other = in_thread(decisions[decision])
        with pytest.raises(TimeoutError):
            other.result(0.7)

    other.result(10)


def test_a_claim_passes_over_what_another_worker_is_taking(writing):
    first = Step.objects.waiting().order_by("rank", "pk").first()

    with transaction.atomic():
        Step.objects.select_for_update().get(pk=first.pk)
        claimed = in_thread(claiming.claim, "content", 3).result(5)

    assert len(claimed) == 3
    assert first.pk not in {step.pk for step in claimed}


def test_a_drain_ends_when_due_rows_may_not_be_claimed(writing, settings):
    settings.LLM_MAX_IN_FLIGHT, settings.DRAIN_SECONDS = 1, 2
    claiming.claim("content", 1)
    began = time.monotonic()

    assert draining.drain("content") == 0

    assert 1 < time.monotonic() - began < 8


def test_the_last_free_worker_of_the_logs_cluster_leaves_the_rest_to_the_others(writing, settings, monkeypatch):
    concepts = list(writing.concepts.all())
    Step.objects.bulk_create(
        Step(roadmap=writing, concept=each, kind=Step.Kind.LINKS, queue="logs", rank=rank_of(0)) for each in concepts
    )
    for number in range(settings.CONNECTION_BUDGET.service("logs").processes - 1):
        monkeypatch.setattr(process, "address", lambda number=number: f"host:{number}")
        claiming.claim("logs", 1)
    monkeypatch.setattr(process, "address", lambda: "host:last")
    OrmQ.objects.all().delete()
    QueueHeartbeat.objects.update_or_create(queue="logs", defaults={"swept_at": timezone.now()})
    began = time.monotonic()

    assert draining.drain("logs") == 0

    assert time.monotonic() - began < 2
    assert not OrmQ.objects.filter(key="logs").exists()


def test_one_odd_call_record_takes_neither_results_nor_other_records_along(writing):
    steps = claiming.claim("content", 3)
    finished = [Finished(step, answer=answer_of(step)) for step in steps]
    odd = finished[1].answer.calls[0]
    finished[1].answer.calls[0] = dataclasses.replace(odd, input_tokens=None, model="m\x00")
    before = ModelCall.objects.count()

    storing.store(finished)

    states = {step.pk: step.state for step in Step.objects.filter(pk__in=[step.pk for step in steps])}
    assert [states[step.pk] for step in steps] == ["done", "done", "done"]
    assert ModelCall.objects.count() == before + 2


def test_a_short_retry_after_does_not_use_all_attempts_up_at_once(writing):
    (step,) = claiming.claim("content", 1)

    storing.store([Finished(step, error=AskingFailedError("slow down", permanent=False, calls=[], retry_after=1))])

    step.refresh_from_db()
    assert step.not_before > timezone.now() + timedelta(seconds=10)


def test_a_result_stored_twice_pays_once(writing):
    (step,) = claiming.claim("content", 1)
    answer = answer_of(step)
    before = ModelCall.objects.count()

    storing.store([Finished(step, answer=answer)])
    storing.store([Finished(step, answer=answer)])

    assert ModelCall.objects.count() == before + 1


def test_D11_without_grace_what_has_answered_is_stored(writing, stub, stop_event, monkeypatch):
    def wait_until_all_have_answered(drain):
        wait_until(lambda: drain.calls._results.qsize() == len(drain.calls))
        stop_event.set()
        return []

    monkeypatch.setattr(draining._Drain, "_wait_for_results", wait_until_all_have_answered)

    stored = draining.drain("content")

    assert stored == settings_in_flight("content")
    assert not writing.steps.filter(state="running").exists()


def test_steps_that_were_claimed_and_not_begun_are_handed_back(writing, monkeypatch):
    definition = kinds.definition("tutorial")

    def lose_the_database(step):
        raise OperationalError("the connection is lost")

    monkeypatch.setattr(
        kinds, "definition", lambda kind: kinds.StepKind(lose_the_database, definition.store, definition.fail)
    )
    monkeypatch.setattr(settings_module, "STORE_RETRY_SECONDS", 1)

    with pytest.raises(OperationalError):
        draining.drain("content")

    assert not Step.objects.filter(state="running").exists()
    assert set(writing.steps.content().values_list("losses", flat=True)) == {0}


def test_a_deleted_roadmap_is_not_taken_up_again(writing):
    deciding.delete(writing.pk)

    with pytest.raises(deciding.RefusedError, match="deleted"):
        deciding.retry(writing.pk)

    assert not Step.objects.active().exists()
