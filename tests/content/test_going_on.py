"""A quiz that was left in the middle goes on where it stopped; or starts over."""

import re
from datetime import timedelta
from functools import partial

import pytest
from django.db import connection
from django.utils import timezone

from content import answering, practising
from content.models import QuizAttempt
from tests.content.test_pages import address
from tests.content.test_practice import ask, check, order_of
from tests.content.test_practising import all_at_once
from tests.factories import make_quiz
from tests.roadmaps.test_pages import queries_of, text_of

pytestmark = pytest.mark.django_db


def shown_by(response) -> dict[str, list[str]]:
    """The hidden fields of the step, as a browser would send them."""
    fields: dict[str, list[str]] = {}
    for name, value in re.findall(r'<input type="hidden" name="(\w+)" value="(\d*)"', response.content.decode()):
        fields.setdefault(name, []).append(value)
    return fields


def answer(visitor, concept, step, *chosen):
    """What is asked in this step."""
    fields = shown_by(step)
    position = fields.pop("asked")[0]
    return check(visitor, concept, position, *chosen, **fields)


def start_over(visitor, concept, query=""):
    return visitor.post(address("quiz", concept) + query, {"start_over": ""}, follow=True)


def test_a_page_that_is_loaded_again_goes_on_and_shows_what_was_answered(visitor, person, concept):
    answer(visitor, concept, ask(visitor, concept), "0")

    page, step = visitor.get(address("quiz", concept)), ask(visitor, concept)

    assert "It goes on where you stopped: you have answered 1 question." in text_of(page)
    assert "Because green-explained." in text_of(page)
    assert "odd-explained" not in page.content.decode()
    assert order_of(page) == [1, 2]  # without a script
    assert "Question 2 of 3" in text_of(step)
    assert order_of(step) == [1]
    answer(visitor, concept, step, "0", "2")
    last = answer(visitor, concept, ask(visitor, concept), "1")
    assert "See how it went" in text_of(last)
    attempt = QuizAttempt.objects.get(user=person)
    result = f"{address('quiz', concept)}?attempt={attempt.pk}"
    assert last.headers["HX-Replace-Url"] == result  # loaded again; and in another language, see typed.js
    assert f'data-page="{result}"' in last.content.decode()
    assert (attempt.answers, attempt.right, attempt.total, attempt.left) == (
        {"0": [0], "1": [0, 2], "2": [1]}, 2, 3, [],
    )  # fmt: skip
    assert order_of(visitor.get(address("quiz", concept))) == [0, 1, 2]  # the next one


def test_without_a_script_the_rest_is_added_to_what_was_answered_and_once(visitor, person, concept):
    answer(visitor, concept, ask(visitor, concept), "1")
    rest = {**shown_by(visitor.get(address("quiz", concept))), "question-1": ["0", "2"], "question-2": "0"}
    del rest["start_over"]

    response = visitor.post(address("quiz", concept), rest, follow=True)
    visitor.post(address("quiz", concept), {**rest, "question-2": "1"})

    assert "2 of 3 right" in text_of(response)
    attempt = QuizAttempt.objects.get(user=person)
    assert (attempt.answers, attempt.right, attempt.total) == ({"0": [1], "1": [0, 2], "2": [0]}, 2, 3)


def test_half_an_attempt_is_none_but_what_was_answered_counts(visitor, person, concept):
    answer(visitor, concept, ask(visitor, concept), "0")
    half = QuizAttempt.objects.get(user=person)

    page = text_of(visitor.get(address("concept", concept)))
    assert "Begun: 1 of 3 answered." in page
    assert "Go on with the quiz" in page
    assert "Last time" not in page
    assert "1 to practise" in page
    assert [each.wrong for each in practising.results(concept.roadmap).values()] == [1]
    there = visitor.get(f"{address('quiz', concept)}?attempt={half.pk}")
    assert there.headers["Location"] == address("quiz", concept)
    whole = visitor.post(address("quiz", concept), {"version": "1"}, follow=True)
    assert "Earlier attempts" not in text_of(whole)


def test_starting_over_asks_everything_again_and_keeps_what_was_answered(visitor, person, concept):
    answer(visitor, concept, ask(visitor, concept), "1")
    answer(visitor, concept, ask(visitor, concept), "0")  # wrong

    for _ in range(2):
        page = start_over(visitor, concept)
        assert order_of(page) == [1, 0, 2]
        assert "It goes on" not in text_of(page)
        assert "Go on with the quiz" not in text_of(visitor.get(address("concept", concept)))
    step = ask(visitor, concept)
    assert "Question 1 of 3" in text_of(step)
    answer(visitor, concept, step, "0", "2")

    assert [each.answers for each in QuizAttempt.objects.order_by("pk")] == [{"0": [1], "1": [0]}, {"1": [0, 2]}]
    assert order_of(visitor.get(address("quiz", concept))) == [0, 2]


def test_nothing_starts_over_where_nothing_was_begun(visitor, concept):
    assert order_of(start_over(visitor, concept)) == [0, 1, 2]
    assert not QuizAttempt.objects.exists()


def test_after_a_day_or_with_a_new_version_it_begins_anew(visitor, concept):
    answer(visitor, concept, ask(visitor, concept), "1")
    QuizAttempt.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert order_of(visitor.get(address("quiz", concept))) == [0, 1, 2]

    QuizAttempt.objects.update(created_at=timezone.now() - timedelta(hours=23))
    assert order_of(visitor.get(address("quiz", concept))) == [1, 2]
    make_quiz(concept=concept, version=2)
    assert order_of(visitor.get(address("quiz", concept))) == [0, 1, 2]


def test_practice_of_what_was_missed_goes_on_apart_from_the_quiz(visitor, concept):
    visitor.post(address("quiz", concept), {"version": "1", "question-0": "0", "question-1": "0", "question-2": "1"})
    step = ask(visitor, concept, missed="")
    assert "Question 1 of 2" in text_of(step)
    answer(visitor, concept, step, "0")  # wrong again

    assert order_of(visitor.get(address("quiz", concept) + "?missed")) == [1]
    assert "Question 2 of 2" in text_of(ask(visitor, concept, missed=""))
    assert order_of(visitor.get(address("quiz", concept))) == [0, 1, 2]
    assert order_of(start_over(visitor, concept, "?missed")) == [0, 1]
    answer(visitor, concept, ask(visitor, concept, missed=""), "1")
    answer(visitor, concept, ask(visitor, concept, missed=""), "0", "2")
    assert order_of(start_over(visitor, concept, "?missed")) == [0, 1, 2]  # nothing is missed any more


WAYS_OF_QUESTION_1 = [(["0"], ["0", "2"], []), (["0", "2"], ["0"], [1])]  # in practice, then in the quiz; then missed


@pytest.mark.parametrize(("first", "then", "missed"), WAYS_OF_QUESTION_1)
def test_the_last_answer_counts_also_in_an_attempt_that_was_begun_before_another(visitor, concept, first, then, missed):
    visitor.post(address("quiz", concept), {"version": "1", "question-0": "0", "question-1": "0", "question-2": "1"})
    answer(visitor, concept, ask(visitor, concept), "1")
    answer(visitor, concept, ask(visitor, concept, missed=""), *first)

    answer(visitor, concept, ask(visitor, concept), *then)

    assert [each.position for each in practising.missed(concept.roadmap)] == missed
    assert f"{len(missed)} to practise" in text_of(visitor.get(address("concept", concept))) or not missed


def test_the_last_answer_counts_also_at_a_version_that_was_replaced_meanwhile(visitor, person, concept):
    answer(visitor, concept, ask(visitor, concept), "1")
    left_open = ask(visitor, concept)
    answering.answer(make_quiz(concept=concept, version=2), user=person, submitted={1: ["0"]})
    assert len(practising.missed(concept.roadmap)) == 1

    answer(visitor, concept, left_open, "0", "2")

    assert practising.missed(concept.roadmap) == []


def test_what_was_finished_last_is_the_last_time_however_early_it_was_begun(visitor, person, concept):
    answer(visitor, concept, ask(visitor, concept), "1")
    QuizAttempt.objects.update(created_at=timezone.now() - timedelta(hours=20))
    answering.answer(concept.quiz_versions.get(), user=person, submitted={0: ["0"]})
    for chosen in (["0", "2"], ["1"]):
        answer(visitor, concept, ask(visitor, concept), *chosen)
    attempt = QuizAttempt.objects.earliest("pk")

    assert "Last time: 3 of 3 right" in text_of(visitor.get(address("concept", concept)))
    page = visitor.get(f"{address('quiz', concept)}?attempt={attempt.pk}").content.decode()
    assert f'Answered <time datetime="{attempt.given_at["2"]}">' in page


def test_a_tab_that_was_opened_before_the_first_answer_goes_on_with_the_same_attempt(visitor, person, concept):
    one, other = ask(visitor, concept), ask(visitor, concept)
    answer(visitor, concept, one, "1")

    again = answer(visitor, concept, other, "0")
    assert "Right" in text_of(again)  # the answer that counts
    step = visitor.get(address("quiz", concept), shown_by(again), headers={"HX-Request": "true"})
    assert "Question 2 of 3" in text_of(step)
    answer(visitor, concept, step, "0", "2")
    last = ask(visitor, concept)
    for _ in range(2):
        assert "See how it went" in text_of(answer(visitor, concept, last, "1"))

    attempt = QuizAttempt.objects.get(user=person)
    assert (attempt.right, attempt.total) == (3, 3)
    left_behind = ask(visitor, concept, attempt=attempt.pk)
    assert left_behind.headers["HX-Redirect"] == f"{address('quiz', concept)}?attempt={attempt.pk}"
    assert "See how it went" in text_of(answer(visitor, concept, other, "0"))
    assert QuizAttempt.objects.count() == 1


def test_what_a_program_or_a_round_answered_meanwhile_is_not_gone_on_with(visitor, person, concept):
    step, quiz = ask(visitor, concept), concept.quiz_versions.get()
    answering.answer(quiz, user=person, submitted={0: ["0"]})
    practising.answer(concept.roadmap, quiz.questions.first().pk, user=person, since=0, values=["0"])

    assert "Right" in text_of(answer(visitor, concept, step, "1"))

    assert QuizAttempt.objects.count() == 3


def test_going_on_costs_a_query_more_and_not_one_for_each_answer(visitor, concept):
    path = address("quiz", concept)
    answer(visitor, concept, ask(visitor, concept), "1")
    few = queries_of(visitor, path)
    answer(visitor, concept, ask(visitor, concept), "0")

    assert queries_of(visitor, path) == few


def answered_at_once(quiz, person, *steps):
    def answer_it(position: int, value: str, **step) -> None:
        try:
            way = QuizAttempt.Way.IN_TURN
            answering.answer_one(quiz, user=person, way=way, position=position, values=[value], **step)
        finally:
            connection.close()

    # Both may look, and neither can write yet.
    deeds = [partial(answer_it, *each, **step) for *each, step in steps]
    all_at_once(deeds, held="LOCK TABLE content_quizattempt IN SHARE MODE")


@pytest.mark.django_db(transaction=True)
def test_two_tabs_that_answer_one_attempt_at_once_both_count(person, concept):
    quiz = concept.quiz_versions.get()
    way = QuizAttempt.Way.IN_TURN
    attempt, _ = answering.answer_one(quiz, user=person, way=way, position=0, values=["1"], left=[1, 2])
    steps = [(1, "0", {"attempt_pk": attempt.pk}), (2, "1", {"attempt_pk": attempt.pk})]

    answered_at_once(quiz, person, *steps)

    attempt.refresh_from_db()
    assert (attempt.answers, attempt.right, attempt.total) == ({"0": [1], "1": [0], "2": [1]}, 2, 3)
    assert attempt.left == []


@pytest.mark.django_db(transaction=True)
def test_two_tabs_first_answers_at_once_begin_one_attempt(person, concept):
    quiz = concept.quiz_versions.get()
    steps = [(0, value, {"since": 0, "left": [1, 2]}) for value in "01"]

    answered_at_once(quiz, person, *steps)

    attempt = QuizAttempt.objects.get()
    assert (attempt.total, attempt.left) == (1, [1, 2])
