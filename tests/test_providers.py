"""Every way in which a provider fails, through the real client: in bounded time, a failed piece with its reason."""

import time

import httpx2
import openai
import pytest

from content.models import MODELS
from roadmap_project.llm.openai import _retry_after, _translated
from roadmaps import deciding
from roadmaps.models import Concept, ModelCall, ProviderPause, Step
from roadmaps.steps import draining, recording

pytestmark = pytest.mark.django_db(transaction=True)

# What goes wrong: what the step says of it, how often it was asked for, and what the first of its calls is recorded as.
FAULTS = {
    "slow": ("no complete answer within 2 seconds", 2, "timeout"),
    "stall": ("no complete answer within 2 seconds", 2, "timeout"),
    "reset": ("no connection to the provider", 2, "connection"),
    "server_error": ("the provider answered 500", 2, "http_500"),
    "no_choices": ("the provider returned no choice", 2, "empty"),
    "refusal": ("the model refused", 1, "refused"),
    "insufficient_quota": ("exceeded your current quota", 1, "rate_limited"),
    "rate_limited": ("Rate limit reached", 2, "rate_limited"),
}


@pytest.fixture
def writing(reviewed, stub, settings):
    """A tutorial for each fault, at its last attempt; a provider's limit has lasted as long as is waited for."""
    settings.LLM_TIMEOUT, settings.CALL_DEADLINE = 2, 20
    roadmap = deciding.approve(reviewed.pk)
    concepts = list(roadmap.concepts.order_by("position")[: len(FAULTS)])
    roadmap.steps.exclude(kind="tutorial", concept__in=concepts).delete()
    roadmap.steps.update(attempts=Step.MOST_ATTEMPTS - 1, limited_for=Step.MOST_LIMITED)
    Concept.prerequisites.through.objects.all().delete()  # no prompt names another's concept
    for concept, fault in zip(concepts, FAULTS, strict=True):
        concept.name = f"Concept of {fault}"
        concept.save(update_fields=["name"])
    stub.reset()
    ModelCall.objects.all().delete()
    return roadmap


def test_F6_whatever_the_provider_does_the_piece_fails_in_time_with_its_reason(writing, stub):
    stub.faults([{"fault": fault, "match": f"Concept of {fault}"} for fault in FAULTS])
    began = time.monotonic()

    draining.drain("content")

    assert time.monotonic() - began < 25
    for fault, (reason, times, outcome) in FAULTS.items():
        step = Step.objects.get(concept__name=f"Concept of {fault}")
        assert (step.state, reason in step.last_error) == (Step.State.FAILED, True), (fault, step.last_error)
        outcomes = list(ModelCall.objects.filter(concept=step.concept).values_list("outcome", flat=True))
        assert outcomes == [outcome] * times, fault
    assert not any(model.objects.exists() for model in MODELS.values())
    assert ProviderPause.objects.exists()  # a limit makes every other step wait, too


@pytest.mark.parametrize("retry_after", [None, 60], ids=["without Retry-After", "with Retry-After"])
def test_F6_a_limit_is_waited_for_by_everybody_and_costs_no_attempt(writing, stub, retry_after):
    Step.objects.update(limited_for=Step.MOST_LIMITED * 0)
    stub.faults([{"fault": "rate_limited", "retry_after": retry_after}])

    draining.drain("content")

    assert set(Step.objects.content().values_list("state", "attempts")) == {("waiting", Step.MOST_ATTEMPTS - 1)}
    calls = len(stub.requests())
    assert calls == len(FAULTS) * (1 if retry_after else 2)
    assert draining.drain("content") == 0
    assert len(stub.requests()) == calls


def rate_limit_error(*, code: object, message: str) -> openai.RateLimitError:
    response = httpx2.Response(429, request=httpx2.Request("POST", "https://example.org/v1/chat/completions"))
    return openai.RateLimitError(message, response=response, body={"code": code, "message": message})


def test_F6_a_message_that_only_mentions_a_quota_is_no_end():
    """Out of credit is known by the code of the answer, not by words in it."""
    assert not _translated(rate_limit_error(code="rate_limit_exceeded", message="no insufficient_quota here")).permanent
    assert _translated(rate_limit_error(code="insufficient_quota", message="Pay first.")).permanent
    assert not _translated(rate_limit_error(code={"odd": 1}, message="?")).permanent


@pytest.mark.parametrize(
    ("cause", "outcome"), [(httpx2.ConnectTimeout("slow"), "connection"), (httpx2.ReadTimeout("slow"), "timeout")]
)
def test_F6_a_provider_that_was_not_reached_in_time_was_asked_nothing_and_is_paid_nothing(cause, outcome):
    late = openai.APITimeoutError(request=httpx2.Request("POST", "https://example.org/v1/chat/completions"))
    late.__cause__ = cause

    assert _translated(late).outcome == outcome
    assert (outcome in recording.PAID) == (outcome == "timeout")


def test_F7_a_piece_that_is_cut_by_the_token_limit_is_failed_and_not_saved(writing, stub):
    stub.faults([{"fault": "cut"}])

    draining.drain("content")

    failed = Step.objects.content()
    assert {step.state for step in failed} == {Step.State.FAILED}
    assert all("cut off by the token limit" in step.last_error for step in failed)
    assert set(ModelCall.objects.values_list("outcome", flat=True)) == {"cut"}
    assert not any(model.objects.exists() for model in MODELS.values())


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("0", 0), ("2.5", 2.5), ("1800000000", 3600), ("-5", 0)]
    + [(each, None) for each in ("inf", "nan", "", "Wed, 21 Oct 2026 07:28:00 GMT")],
)
def test_F6_a_provider_pauses_us_for_an_hour_at_most_and_not_by_a_typo(said, seconds):
    assert _retry_after(said) == seconds
