"""What a long backlog costs, and whom it keeps waiting."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Now
from django.utils import timezone
from django_q.brokers.orm import ORM
from django_q.models import OrmQ

from roadmap_project.llm import RATE_LIMITED
from roadmap_project.llm.asking import AskingFailedError, CallRecord
from roadmaps import deciding, reading
from roadmaps.models import ProviderPause, Roadmap, Step
from roadmaps.models.step import rank_of
from roadmaps.steps import claiming, draining, heartbeats, storing, sweeping, waking
from roadmaps.steps.calling import Finished
from tests.backlog import Plans, analyse, make_backlog, plans
from tests.engine import answer_of, finished, in_thread, wait_until
from tests.factories import make_roadmap_in_review, make_step, make_written_roadmap

pytestmark = pytest.mark.django_db(transaction=True)

BIG_TABLES = {"roadmaps_step", "roadmaps_roadmap", "roadmaps_concept", "django_q_ormq"}


@pytest.fixture(autouse=True)
def _no_connection_is_needed_for_links(settings):
    settings.LINK_CHECKS = False


def limited(*, retry_after: float | None = 60, permanent: bool = False) -> AskingFailedError:
    call = CallRecord(purpose="quiz", provider="stub", model="", outcome=RATE_LIMITED, latency=0.1)
    return AskingFailedError("slow down", permanent=permanent, calls=[call], retry_after=retry_after)


def claim_and_fail(error: AskingFailedError) -> Step:
    """The one step there is, after one more call that failed; whatever it waited for is over."""
    ProviderPause.objects.all().delete()
    Step.objects.update(not_before=None)
    (step,) = claiming.claim("content", 1)
    storing.store([Finished(step, error=error)])
    step.refresh_from_db()
    return step


@pytest.fixture
def one_step(db) -> Step:
    roadmap = make_written_roadmap(state=Roadmap.State.WRITING, steps=Step.State.WAITING, concepts=1)
    Step.objects.exclude(kind=Step.Kind.QUIZ).delete()
    return roadmap.steps.get()


def measured(settings, *, steps: int) -> dict[str, Plans]:
    """What everything that runs beside a backlog asks of the server."""
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE auth_user, django_q_ormq, roadmaps_queueheartbeat CASCADE")
    OrmQ.objects.bulk_create(OrmQ(key="logs", payload="x", lock=timezone.now()) for _ in range(steps // 10))
    roadmap = make_backlog(steps=steps, done=6, deferred=6)
    heartbeats.swept("content")
    found = {}

    def measure(name, work):
        with plans() as found[name]:
            return work()

    measure("claim", lambda: claiming.claim("content", 32))
    settings.LLM_MAX_IN_FLIGHT = 100
    claimed = measure("claim under the installation's cap", lambda: claiming.claim("content", 32))
    settings.LLM_MAX_IN_FLIGHT = 0
    assert len(claimed) == 32
    measure("claim of link checks", lambda: claiming.claim("logs", 4))
    measure("store", lambda: storing.store([Finished(claimed[0], error=limited(retry_after=None, permanent=True))]))
    answer = finished(claimed[3])
    measure("store of an answer", lambda: storing.store([answer]))
    assert Step.objects.get(pk=claimed[3].pk).state == "done"
    measure("until the next is due", lambda: claiming.seconds_until_due("content"))
    Step.objects.filter(pk__in=[step.pk for step in claimed[1:3]]).update(lease_expires_at=timezone.now())
    measure("sweep", lambda: sweeping.sweep("content"))
    measure("wake", lambda: waking.wake_another("content"))
    measure("wake beside waiting log lines", lambda: waking.wake("logs"))
    measure("poll of the queue", ORM("content").dequeue)
    measure("heartbeat", lambda: heartbeats.picked_up("content"))
    measure("poll of a roadmap's page", lambda: reading.current_tag(roadmap))
    measure("a roadmap's page", lambda: reading.page(roadmap))
    measure("list of roadmaps", lambda: list(reading.listed(roadmap.owner)))
    return found


def test_a_hundred_times_the_backlog_costs_the_same(settings, monkeypatch):
    monkeypatch.setattr(sweeping, "MOST_AT_ONCE", 10)

    few = measured(settings, steps=1_000)
    many = measured(settings, steps=100_000)

    assert all(found.all for found in many.values())
    assert [name for name, found in many.items() if found.scanned_in_full & BIG_TABLES] == []
    assert {name: found.rows_read for name, found in many.items() if found.rows_read > 100} == {}
    dearer = {
        name: (few[name].buffers, found.buffers)
        for name, found in many.items()
        if found.buffers > 1.5 * few[name].buffers + 20
    }
    assert dearer == {}


def test_running_steps_are_counted_from_an_index_of_running_steps_alone(settings):
    make_backlog(steps=5_000)
    settings.LLM_MAX_IN_FLIGHT = 40
    claiming.claim("content", 32)

    with plans() as found:
        claiming.claim("content", 1)

    (count,) = [plan for plan in found.all if "COUNT(" in plan.statement]
    assert count.indexes == {"step_running"}
    assert count.rows_read == 32


def test_a_new_learners_first_tutorial_comes_next_while_a_hundred_roadmaps_have_waited_for_hours():
    make_backlog(steps=100 * 90, age=timedelta(hours=3))
    newcomer = make_roadmap_in_review(concepts=30)
    deciding.approve(newcomer.pk)

    (first,) = claiming.claim("content", 1)

    assert (first.roadmap_id, first.kind, first.concept.position) == (newcomer.pk, Step.Kind.TUTORIAL, 0)
    assert {step.roadmap_id for step in claiming.claim("content", 32)}.isdisjoint({newcomer.pk})


@pytest.mark.parametrize(("cap", "content", "workflow"), [(8, 6, 2), (2, 1, 1), (1, 0, 1)])
def test_a_backlog_of_pieces_leaves_room_for_designs_under_the_cap(settings, cap, content, workflow):
    settings.LLM_MAX_IN_FLIGHT = cap
    make_written_roadmap(state=Roadmap.State.WRITING, steps=Step.State.WAITING, concepts=6)
    for _ in range(3):
        make_step(roadmap=make_written_roadmap(concepts=1), kind=Step.Kind.ANALYSE)

    taken = {queue: len(claiming.claim(queue, 32)) for queue in ("content", "workflow")}

    assert taken == {"content": content, "workflow": workflow}


def test_two_claims_at_once_keep_the_cap_together(settings):
    settings.LLM_MAX_IN_FLIGHT = 5
    make_written_roadmap(state=Roadmap.State.WRITING, steps=Step.State.WAITING, concepts=4)

    with transaction.atomic():
        assert len(claiming.claim("content", 4)) == 4
        other = in_thread(lambda: len(claiming.claim("content", 4)))
        wait_until(lambda: waits_for(claiming.IN_FLIGHT_LOCK) or other.done())

    assert other.result(10) == 1


def waits_for(lock: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = %s AND NOT granted", [lock])
        return cursor.fetchone() is not None


def test_pieces_may_fill_the_cap_while_no_design_waits(settings):
    settings.LLM_MAX_IN_FLIGHT = 8
    roadmap = make_written_roadmap(state=Roadmap.State.WRITING, steps=Step.State.WAITING, concepts=6)
    make_step(roadmap=roadmap, kind=Step.Kind.PLAN, not_before=timezone.now() + timedelta(hours=1))

    assert len(claiming.claim("content", 32)) == 8


def test_a_step_that_is_due_again_comes_in_its_order():
    roadmap = make_written_roadmap(state=Roadmap.State.WRITING, steps=Step.State.WAITING, concepts=3)
    last = roadmap.steps.get(kind=Step.Kind.QUIZ, concept__position=2)
    roadmap.steps.update(rank=rank_of(1))
    a_minute_ago, in_a_minute = (timezone.now() + timedelta(minutes=minutes) for minutes in (-1, 1))
    Step.objects.filter(pk=last.pk).update(rank=rank_of(0), not_before=in_a_minute)
    assert last.pk not in {step.pk for step in claiming.claim("content", 3)}
    assert claiming.seconds_until_due("content") == 0  # the others are

    Step.objects.filter(pk=last.pk).update(not_before=a_minute_ago)

    assert claiming.seconds_until_due("content") == 0
    assert [step.pk for step in claiming.claim("content", 1)] == [last.pk]


def test_each_roadmap_that_nobody_finished_has_its_turn(monkeypatch):
    monkeypatch.setattr(sweeping, "MOST_AT_ONCE", 2)
    for _ in range(2):
        make_written_roadmap(state=Roadmap.State.WRITING, steps=Step.State.WAITING, concepts=1)
    forgotten = [make_written_roadmap(state=Roadmap.State.WRITING, concepts=1) for _ in range(5)]
    left = [writing_after_a_sweep(forgotten) for _ in range(4)]
    Roadmap.objects.filter(pk=forgotten[0].pk).update(state=Roadmap.State.WRITING)
    again = [writing_after_a_sweep(forgotten) for _ in range(2)]

    assert (left, again) == ([5, 3, 1, 0], [1, 0])
    assert Roadmap.objects.filter(state=Roadmap.State.WRITING).count() == 2


def writing_after_a_sweep(roadmaps: list[Roadmap]) -> int:
    sweeping.sweep("content")
    return Roadmap.objects.filter(pk__in=[each.pk for each in roadmaps], state=Roadmap.State.WRITING).count()


def test_a_sweep_passes_over_finished_roadmaps():
    make_backlog(steps=30_000)
    unfinished = Roadmap.objects.order_by("pk").last()
    Roadmap.objects.exclude(pk=unfinished.pk).update(state=Roadmap.State.READY)
    analyse()

    with plans() as found:
        sweeping.sweep("content")

    assert found.rows_read < 10


def test_F6_a_limiting_provider_makes_every_claim_wait_and_costs_no_attempt(stub, one_step):
    stub.faults([{"fault": "rate_limited", "retry_after": 60}])

    draining.drain("content")

    one_step.refresh_from_db()
    assert (one_step.state, one_step.attempts) == ("waiting", 0)
    assert one_step.limited_for >= timedelta(seconds=60)
    assert "limiting" in one_step.last_error
    assert ProviderPause.objects.get().until > timezone.now() + timedelta(seconds=50)


def test_F6_a_limit_without_retry_after_makes_every_claim_wait_too(one_step):
    design = make_step(roadmap=one_step.roadmap, kind=Step.Kind.PLAN)

    step = claim_and_fail(limited(retry_after=None))

    assert step.attempts == 0
    assert claiming.claim(design.queue, 1) == []
    assert timezone.now() < ProviderPause.objects.get().until < timezone.now() + timedelta(minutes=1)


def test_F6_speed_returns_when_the_pause_is_over(one_step):
    claim_and_fail(limited())
    wide = make_written_roadmap(state=Roadmap.State.WRITING, steps=Step.State.WAITING, concepts=20)
    assert claiming.claim("content", 60) == []

    ProviderPause.objects.update(until=timezone.now() - timedelta(seconds=claiming.RAMP_ENDS))

    assert len(claiming.claim("content", 60)) == wide.steps.count()


def test_F6_after_a_pause_calls_begin_little_by_little_over_all_workers():
    make_written_roadmap(state=Roadmap.State.WRITING, steps=Step.State.WAITING, concepts=20)
    claiming.claim("content", 8)
    Step.objects.filter(state="running").update(started_at=timezone.now() - timedelta(minutes=1))
    ProviderPause.objects.create(provider=settings.LLM_PROVIDER, until=timezone.now(), in_flight=40)

    taken = []
    for seconds in (0.1, 5.1, 10.1):
        with transaction.atomic():  # in which the server's clock stands still
            ProviderPause.objects.update(until=Now() - timedelta(seconds=seconds))
            taken += [len(claiming.claim("content", 32)) for _ in range(2)]

    assert taken == [1, 0, 10, 0, 10, 0]


def test_F6_of_several_refusals_in_one_pause_the_first_says_how_many_calls_there_were(one_step):
    make_written_roadmap(state=Roadmap.State.WRITING, steps=Step.State.WAITING, concepts=3)
    steps = claiming.claim("content", 6)

    for step in steps[:2]:
        storing.store([Finished(step, error=limited())])
    first = ProviderPause.objects.get().in_flight
    ProviderPause.objects.update(until=timezone.now() - timedelta(seconds=1))
    storing.store([Finished(steps[2], error=limited())])

    assert (first, ProviderPause.objects.get().in_flight) == (6, 4)


def test_F6_a_limit_that_lasts_slows_down_by_half_each_time_and_is_not_forgotten_at_once(one_step):
    ProviderPause.objects.create(
        provider=settings.LLM_PROVIDER, until=timezone.now() - timedelta(seconds=20), in_flight=192
    )
    (step,) = claiming.claim("content", 1)
    seen = []
    for retry_after in (0, 60):
        storing.store([Finished(step, error=limited(retry_after=retry_after))])
        seen.append(ProviderPause.objects.get())
        ProviderPause.objects.update(until=timezone.now() - timedelta(seconds=20))
        Step.objects.filter(pk=step.pk).update(not_before=None)
        (step,) = claiming.claim("content", 1)

    assert [pause.in_flight for pause in seen] == [96, 48]
    assert seen[0].until > timezone.now()  # also where it said 0


def test_F6_a_failing_provider_that_says_when_to_come_back_is_asked_little_by_little_too(one_step):
    error = AskingFailedError("busy", permanent=False, calls=[], retry_after=5)

    storing.store([Finished(step, error=error) for step in claiming.claim("content", 1)])

    assert ProviderPause.objects.get().in_flight == 1


def test_F6_after_a_pause_designs_have_their_share():
    make_written_roadmap(state=Roadmap.State.WRITING, steps=Step.State.WAITING, concepts=6)
    for _ in range(3):
        make_step(roadmap=make_written_roadmap(concepts=1), kind=Step.Kind.ANALYSE)
    ended = timezone.now() - timedelta(seconds=10)
    ProviderPause.objects.create(provider=settings.LLM_PROVIDER, until=ended, in_flight=14)

    taken = {queue: len(claiming.claim(queue, 32)) for queue in ("content", "workflow")}

    assert taken == {"content": 6, "workflow": 2}


def test_F6_a_short_retry_after_is_for_everybody_too(stub, one_step):
    stub.faults([{"fault": "rate_limited", "retry_after": 3, "times": 1}])
    (step,) = claiming.claim("content", 1)

    with pytest.raises(AskingFailedError) as refusal:
        answer_of(step)
    storing.store([Finished(step, error=refusal.value)])

    assert len(stub.requests()) == 1
    step.refresh_from_db()
    assert (step.state, step.attempts) == ("waiting", 0)
    assert timedelta(seconds=2) < ProviderPause.objects.get().until - timezone.now() < timedelta(seconds=4)


@pytest.mark.parametrize(("retry_after", "most_calls"), [(None, 24), (0, 40), (3600, 3)])
def test_F6_a_step_that_is_limited_for_a_day_fails_with_its_reason(one_step, retry_after, most_calls):
    Step.objects.update(limited_for=Step.MOST_LIMITED - timedelta(hours=2))
    calls, step = 0, one_step
    while step.state == Step.State.WAITING and calls < 60:
        calls, step = calls + 1, claim_and_fail(limited(retry_after=retry_after))

    assert (step.state, step.attempts) == ("failed", 0)
    assert step.last_error.startswith("limited for 24 hours: slow down")
    assert 3 <= calls <= most_calls + 2


def test_F6_a_limited_step_comes_back_soon_and_then_less_and_less_often(one_step):
    waits = []
    for waited in (timedelta(), timedelta(minutes=2), timedelta(hours=2)):
        Step.objects.update(limited_for=waited)
        waits.append((claim_and_fail(limited(retry_after=1)).limited_for - waited).total_seconds())

    assert [least <= wait <= 1.25 * least for least, wait in zip((1, 60, 300), waits, strict=True)] == [True] * 3


def test_F6_an_account_without_credit_fails_at_once(one_step):
    assert claim_and_fail(limited(permanent=True)).state == "failed"


def test_F6_a_step_is_forgiven_its_waiting_when_a_person_retries(one_step):
    Step.objects.update(limited_for=Step.MOST_LIMITED)
    claim_and_fail(limited())

    deciding.retry(one_step.roadmap_id)

    one_step.refresh_from_db()
    assert (one_step.state, one_step.limited_for) == ("waiting", timedelta())
