"""What was answered right and wrong all over a roadmap, and its practice in one place."""

import re
import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.urls import reverse
from django.utils import timezone

from content import answering, practising, writing
from content.models import Question, QuizAttempt
from roadmaps.models import Step
from roadmaps.reading import current_tag
from tests.content.test_pages import address
from tests.engine import wait_until, waiting_for_locks
from tests.factories import QUESTIONS, make_quiz, make_tutorial, make_user, make_written_roadmap
from tests.roadmaps.test_pages import queries_of, text_of

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}
RIGHT = {"question-0": "1", "question-1": ["0", "2"], "question-2": "1"}
ANSWERED_BEFORE = "This was answered before, and that answer counts: it is the one that is marked here."
OTHERS = (("true_false", "Is something else so?", ["True", "False"], [1], "No."),)


@pytest.fixture
def roadmap(person):
    """Three concepts with a quiz of three questions each."""
    roadmap = make_written_roadmap(owner=person)
    for concept in roadmap.concepts.all():
        make_tutorial(concept=concept)
        make_quiz(concept=concept)
    return roadmap


def take(visitor, roadmap, key, **answers):
    concept = roadmap.concepts.get(key=key)
    visitor.post(address("quiz", concept), {"version": "1", **RIGHT, **answers})


def place(roadmap) -> str:
    return reverse("content:practice", args=[roadmap.slug])


def sent_by(response) -> dict[str, list[str]]:
    """The hidden fields of the question's form, as a browser would send them."""
    form = re.search(r'<form id="quiz-step".*?</form>', response.content.decode(), re.S)[0]
    fields: dict[str, list[str]] = {}
    for name, value in re.findall(r'<input type="hidden" name="(\w+)" value="(\d*)"', form):
        fields.setdefault(name, []).append(value)
    return fields


def answer(visitor, roadmap, response, *chosen, **how):
    fields = sent_by(response)
    return visitor.post(place(roadmap), {**fields, f"question-{fields['asked'][0]}": chosen}, **how)


def all_at_once(deeds, *, held: str) -> None:
    """Each in a thread; they go on when all of them wait for the lock that this statement takes."""
    threads = [threading.Thread(target=deed) for deed in deeds]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(held)
        for each in threads:
            each.start()
        wait_until(lambda: waiting_for_locks() == len(threads))
    for each in threads:
        each.join(20)


def test_the_roadmaps_page_says_what_was_answered_right_and_which_concepts_are_weak(visitor, roadmap):
    take(visitor, roadmap, "c-1-1-1")
    take(visitor, roadmap, "c-1-1-2", **{"question-0": "0"})
    take(visitor, roadmap, "c-1-1-3", **{"question-0": "0", "question-2": "0"})

    shown = text_of(visitor.get(roadmap.get_absolute_url()))

    assert "6 of 9 questions answered right" in shown
    assert "Concept 1 3 of 3 right" in shown
    assert "Concept 3 1 of 3 right" in shown
    assert "What does not stick yet Concept 3 (2 of 3 wrong) , Concept 2 (1 of 3 wrong)" in shown
    assert "Practise the 3 questions that you got wrong" in shown


def test_before_the_first_answer_and_without_mistakes_nothing_is_called_weak(visitor, roadmap):
    before = text_of(visitor.get(roadmap.get_absolute_url()))
    take(visitor, roadmap, "c-1-1-1")
    after = text_of(visitor.get(roadmap.get_absolute_url()))

    assert "answered right" not in before
    assert "3 of 3 questions answered right" in after
    assert "stick" not in before + after


def test_what_counts_is_the_last_answer_at_the_quiz_as_it_is_now_and_ones_own(visitor, roadmap):
    take(visitor, roadmap, "c-1-1-1", **{"question-0": "0"})
    take(visitor, roadmap, "c-1-1-1")
    take(visitor, roadmap, "c-1-1-2", **{"question-0": "0"})
    make_quiz(concept=roadmap.concepts.get(key="c-1-1-2"), version=2, questions=OTHERS)
    third = roadmap.concepts.get(key="c-1-1-3").quiz_versions.get()
    QuizAttempt.objects.create(quiz=third, user=make_user(), answers={"0": [0]}, right=0, total=1)

    found = practising.results(roadmap)

    assert [(each.right, each.wrong, each.questions) for each in found.values()] == [(3, 0, 3)]
    assert practising.missed(roadmap) == []


def test_a_quiz_that_is_taken_back_brings_its_answers_back(visitor, person, roadmap):
    concept = roadmap.concepts.get(key="c-1-1-1")
    take(visitor, roadmap, "c-1-1-1", **{"question-0": "0"})
    make_quiz(concept=concept, version=2, questions=OTHERS)
    assert practising.results(roadmap) == {}
    assert practising.missed(roadmap) == []
    seen = current_tag(roadmap)

    writing.restore(concept, Step.Kind.QUIZ, 1)

    assert [(each.right, each.wrong, each.questions) for each in practising.results(roadmap).values()] == [(2, 1, 3)]
    (wrong,) = practising.missed(roadmap)
    assert (wrong.text, wrong.quiz.version) == ("Which one?", 3)
    assert "1 to practise" in text_of(visitor.get(address("concept", concept)))
    assert current_tag(roadmap) != seen  # or an open page would go on without them


def test_a_question_that_an_editor_corrects_loses_its_own_answers_alone_and_the_last_answer_counts(visitor, roadmap):
    concept = roadmap.concepts.get(key="c-1-1-1")
    take(visitor, roadmap, "c-1-1-1", **{"question-0": "0", "question-1": "0", "question-2": "0"})
    corrected = [("single_choice", "Which one is it?", ["Red", "Green", "Blue"], [1], "Because."), *QUESTIONS[1:]]
    make_quiz(concept=concept, version=2, questions=[*corrected[1:], corrected[0]])  # and moves it to the end
    quiz = concept.quiz_versions.get(version=2)

    assert [each.position for each in practising.missed(roadmap)] == [0, 1]
    answering.answer(quiz, user=roadmap.owner, submitted={1: ["1"]})

    assert [each.position for each in practising.missed(roadmap)] == [0]
    assert answering.missed(quiz, quiz.questions.all(), roadmap.owner) == {0}
    assert [(each.right, each.wrong, each.questions) for each in practising.results(roadmap).values()] == [(1, 1, 3)]


def test_the_same_words_with_another_right_answer_are_another_question(visitor, roadmap):
    take(visitor, roadmap, "c-1-1-1", **{"question-0": "0"})
    kind, text, options, _, explanation = QUESTIONS[0]
    make_quiz(concept=roadmap.concepts.first(), version=2, questions=[(kind, text, options, [0], explanation)])

    assert practising.results(roadmap) == {}


def test_what_was_wrong_anywhere_is_asked_one_after_the_other_and_explained(visitor, person, roadmap):
    take(visitor, roadmap, "c-1-1-1", **{"question-0": "0", "question-2": "0"})
    take(visitor, roadmap, "c-1-1-3", **{"question-1": "0"})

    first = visitor.get(place(roadmap))
    assert "3 questions were answered wrong the last time. A question that you answer right leaves" in text_of(first)
    assert "Question 1 of 3" in text_of(first)
    assert "explained" not in first.content.decode()
    marked = answer(visitor, roadmap, first, "1", headers=HTMX)
    assert "Right" in text_of(marked)
    assert "Because green-explained." in text_of(marked)
    assert f'href="{address("concept", roadmap.concepts.get(key="c-1-1-1"))}"' in marked.content.decode()

    second = visitor.get(place(roadmap), sent_by(marked), headers=HTMX)
    assert "Question 2 of 3" in text_of(second)
    assert "<html" not in second.content.decode()
    marked = answer(visitor, roadmap, second, "0", headers=HTMX)
    third = visitor.get(place(roadmap), sent_by(marked), headers=HTMX)
    last = answer(visitor, roadmap, third, "0", "2", headers=HTMX)

    assert "Question 3 of 3" in text_of(last)
    assert "See what is left" in text_of(last)
    kept = [(each.quiz.concept.key, each.answers) for each in QuizAttempt.objects.order_by("pk")[2:]]
    assert kept == [("c-1-1-1", {"0": [1], "2": [0]}), ("c-1-1-3", {"1": [0, 2]})]  # as if taken in their quizzes
    assert [each.text for each in practising.missed(roadmap)] == ["Is it so?"]
    assert "1 question was answered wrong" in text_of(visitor.get(place(roadmap)))


def test_without_a_script_it_is_whole_pages(visitor, roadmap):
    take(visitor, roadmap, "c-1-1-2", **{"question-0": "0", "question-2": "0"})

    marked = answer(visitor, roadmap, visitor.get(place(roadmap)), "0")
    assert "Wrong" in text_of(marked)
    following = visitor.get(place(roadmap), sent_by(marked))

    assert "<html" in marked.content.decode()
    assert "<html" in following.content.decode()
    assert "Question 2 of 2" in text_of(following)


def test_a_round_goes_on_when_the_page_is_loaded_again_or_in_another_language(visitor, roadmap):
    take(visitor, roadmap, "c-1-1-2", **{"question-0": "0", "question-2": "0"})
    take(visitor, roadmap, "c-1-1-3", **{"question-0": "0"})
    marked = answer(visitor, roadmap, visitor.get(place(roadmap)), "0", headers=HTMX)

    goes_on = marked.headers["HX-Replace-Url"]
    again = visitor.get(goes_on)
    assert "Question 2 of 3" in text_of(again)
    assert "Is it so?" in text_of(again)
    assert f'data-page="{goes_on.replace("&", "&amp;")}"' in again.content.decode()  # for the switch, see typed.js
    assert visitor.get(place(roadmap), sent_by(marked), headers=HTMX).headers["HX-Replace-Url"] == goes_on
    whole = answer(visitor, roadmap, again, "1").content.decode()  # without a script
    assert re.search(r'name="next" value="([^"]*)"', whole)[1].endswith(
        "&amp;done=2&amp;left=" + sent_by(again)["left"][0]
    )


def test_where_nothing_is_left_or_nothing_was_answered_it_says_so(visitor, roadmap):
    assert "You have not answered a question here yet." in text_of(visitor.get(place(roadmap)))
    take(visitor, roadmap, "c-1-1-1")
    assert "Nothing is left to practise" in text_of(visitor.get(place(roadmap)))


def test_the_same_answer_sent_twice_counts_once(visitor, roadmap):
    take(visitor, roadmap, "c-1-1-2", **{"question-0": "0", "question-2": "0"})
    marked = answer(visitor, roadmap, visitor.get(place(roadmap)), "0")
    second = visitor.get(place(roadmap), sent_by(marked))

    for chosen in ("0", "1"):
        again = answer(visitor, roadmap, second, chosen)

    assert "Wrong" in text_of(again)
    assert QuizAttempt.objects.first().total == 2


def test_the_first_question_of_a_quiz_sent_again_after_its_explanation_counts_once(visitor, roadmap):
    take(visitor, roadmap, "c-1-1-2", **{"question-0": "0"})
    first = visitor.get(place(roadmap))

    for chosen in ("0", "1"):
        again = answer(visitor, roadmap, first, chosen)

    assert "Wrong" in text_of(again)
    assert QuizAttempt.objects.count() == 2
    assert len(practising.missed(roadmap)) == 1
    answer(visitor, roadmap, visitor.get(place(roadmap)), "1")  # the next round
    assert practising.missed(roadmap) == []


def test_an_answer_at_a_rounds_old_address_counts(visitor, person, roadmap):
    quiz = roadmap.concepts.get(key="c-1-1-2").quiz_versions.get()
    take(visitor, roadmap, "c-1-1-2", **{"question-0": "0"})
    bookmarked = visitor.get(place(roadmap))
    answer(visitor, roadmap, bookmarked, "0")
    QuizAttempt.objects.update(created_at=timezone.now() - timedelta(days=8), given_at={})

    marked = text_of(answer(visitor, roadmap, bookmarked, "1"))

    assert "Right" in marked
    assert ANSWERED_BEFORE not in marked
    assert quiz.attempts.latest("pk").answers == {"0": [1]}
    assert practising.missed(roadmap) == []


def test_an_answer_that_another_came_before_is_not_marked_as_if_it_were_that_one(visitor, roadmap):
    take(visitor, roadmap, "c-1-1-2", **{"question-0": "0"})
    first = visitor.get(place(roadmap))

    assert ANSWERED_BEFORE not in text_of(answer(visitor, roadmap, first, "0"))
    assert ANSWERED_BEFORE not in text_of(answer(visitor, roadmap, first, "0"))  # a click too many
    assert ANSWERED_BEFORE in text_of(answer(visitor, roadmap, first, "1"))


def test_a_round_is_short_enough_to_be_sent(visitor, roadmap):
    many = [("true_false", f"Is {number}?", ["True", "False"], [1], "No.") for number in range(30)]
    quiz = make_quiz(concept=roadmap.concepts.first(), version=2, questions=many)
    wrong = {str(number): [0] for number in range(30)}
    QuizAttempt.objects.create(quiz=quiz, user=roadmap.owner, answers=wrong, right=0, total=30)

    response = visitor.get(place(roadmap))

    assert "30 questions were answered wrong" in text_of(response)
    assert f"Question 1 of {practising.ROUND}" in text_of(response)
    assert len(sent_by(response)["left"]) == practising.ROUND - 1


@pytest.mark.parametrize("junk", ["", "x", "²", "9" * 30])
def test_junk_names_no_question(visitor, roadmap, junk):
    take(visitor, roadmap, "c-1-1-2", **{"question-0": "0"})

    assert visitor.post(place(roadmap), {"question": junk, "asked": junk}).status_code == 404
    assert "Question 1 of 1" in text_of(visitor.get(place(roadmap), {"left": junk, "done": junk, "since": junk}))


def test_G1_no_question_of_another_roadmap_is_asked_or_answered(visitor, roadmap):
    foreign = make_quiz(concept=make_written_roadmap().concepts.first()).questions.first()

    assert visitor.get(place(foreign.quiz.concept.roadmap)).status_code == 404
    assert visitor.post(place(roadmap), {"question": foreign.pk, "asked": "0", "question-0": "1"}).status_code == 404
    assert foreign.text not in text_of(visitor.get(place(roadmap), {"left": foreign.pk}))
    assert not QuizAttempt.objects.exists()


def test_G3_nothing_is_said_about_answers_before_they_are_given(visitor, roadmap):
    take(visitor, roadmap, "c-1-1-2", **{"question-0": "0", "question-1": "0"})

    for response in (visitor.get(place(roadmap)), visitor.get(roadmap.get_absolute_url())):
        shown = response.content.decode()
        assert not any(explanation in shown for explanation in Question.objects.values_list("explanation", flat=True))
        assert "correct" not in shown


def test_what_was_answered_wrong_long_ago_is_still_to_practise_however_much_was_answered_since(
    visitor, person, roadmap
):
    concept = roadmap.concepts.get(key="c-1-1-2")
    quiz = concept.quiz_versions.get()
    wrong, right = {"answers": {"0": [0]}, "right": 0, "total": 1}, {"answers": {"2": [1]}, "right": 1, "total": 1}
    QuizAttempt.objects.create(user=person, quiz=quiz, **wrong)
    QuizAttempt.objects.bulk_create(QuizAttempt(user=person, quiz=quiz, **right) for _ in range(100))

    assert [each.position for each in practising.missed(roadmap)] == [0]
    assert [(each.right, each.wrong) for each in practising.results(roadmap).values()] == [(1, 1)]
    assert "1 to practise" in text_of(visitor.get(address("concept", concept)))
    assert 'name="asked" value="2"' not in visitor.get(address("quiz", concept) + "?missed").content.decode()


@pytest.mark.django_db(transaction=True)
def test_a_rounds_first_answer_sent_twice_at_once_begins_one_attempt(visitor, person, roadmap):
    take(visitor, roadmap, "c-1-1-2", **{"question-0": "0"})
    question, since = practising.missed(roadmap)[0].pk, QuizAttempt.objects.latest("pk").pk

    def answer_it() -> None:
        try:
            practising.answer(roadmap, question, user=person, since=since, values=["1"])
        finally:
            connection.close()

    # Both may look, and neither can write yet.
    all_at_once([answer_it, answer_it], held="LOCK TABLE content_quizattempt IN SHARE MODE")

    assert QuizAttempt.objects.filter(pk__gt=since).count() == 1


def test_many_answers_cost_no_more_queries(visitor, roadmap):
    paths = [place(roadmap), roadmap.get_absolute_url()]
    take(visitor, roadmap, "c-1-1-1", **{"question-0": "0"})
    few = [queries_of(visitor, path) for path in paths]
    for key in ("c-1-1-1", "c-1-1-2", "c-1-1-3") * 2:
        take(visitor, roadmap, key, **{"question-0": "0"})

    assert [queries_of(visitor, path) for path in paths] == few
