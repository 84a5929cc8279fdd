"""What a reader adds to a concept: notes, reports of broken links, and practice of what was missed."""

import re

import pytest
from django.utils import timezone

from content.models import Note, QuizAttempt, Resource
from roadmaps import deciding
from roadmaps.models import Roadmap, Step
from tests.content.test_pages import address
from tests.factories import (
    QUESTIONS,
    make_quiz,
    make_resources,
    make_step,
    make_user,
    make_written_roadmap,
)
from tests.roadmaps.test_pages import queries_of, text_of

pytestmark = pytest.mark.django_db


# Notes


def test_a_note_is_kept_and_shown_with_the_time(visitor, person, concept):
    response = visitor.post(address("note", concept), {"text": "Mine\r\nalone"}, follow=True)

    note = Note.objects.get(user=person, concept=concept)
    assert note.text == "Mine\nalone"
    assert f"Saved at {note.saved_at:%H:%M:%S}" in text_of(response)
    assert "Mine\nalone</textarea>" in response.content.decode()


def test_of_two_saves_that_say_nothing_about_what_they_read_the_later_wins(visitor, person, concept):
    for text in ("first", "second", ""):
        visitor.post(address("note", concept), {"text": text})

    assert [note.text for note in Note.objects.filter(user=person)] == [""]


def opened(visitor, concept) -> dict[str, str]:
    """What a loading of the page sends beside the text."""
    page = visitor.get(address("concept", concept)).content.decode()
    return dict(re.findall(r'name="(page|since)" value="([^"]*)"', page))


@pytest.mark.parametrize("before", ["", "as it was"])
def test_what_was_written_elsewhere_meanwhile_is_shown_and_not_written_over(visitor, concept, before):
    if before:
        visitor.post(address("note", concept), {"text": before})
    laptop, phone = opened(visitor, concept), opened(visitor, concept)
    visitor.post(address("note", concept), {"text": "from the laptop", **laptop})

    page = visitor.post(address("note", concept), {"text": "from the phone", **phone})
    fragment = visitor.post(
        address("note", concept), {"text": "from the phone", **phone}, headers={"HX-Request": "true"}
    )

    assert Note.objects.get().text == "from the laptop"
    for response in (page, fragment):
        assert "Not saved: these notes were changed in another place at" in text_of(response)
        assert "<blockquote>from the laptop</blockquote>" in response.content.decode()
        assert "data-kept" not in response.content.decode()
    assert "from the phone</textarea>" in page.content.decode()
    assert dict(re.findall(r'name="(page|since)" value="([^"]*)"', page.content.decode())) == phone  # nor by Save again

    over = re.search(r'name="over" value="([^"]*)"', fragment.content.decode())[1]
    visitor.post(address("note", concept), {"text": "from the phone", **phone, "over": over})
    assert Note.objects.get().text == "from the phone"
    visitor.post(address("note", concept), {"text": "from the laptop again", **laptop})
    assert Note.objects.get().text == "from the phone"


def test_the_last_words_of_a_page_that_is_left_are_kept_below_what_was_written_elsewhere(visitor, concept):
    laptop, phone = opened(visitor, concept), opened(visitor, concept)
    visitor.post(address("note", concept), {"text": "from the laptop", **laptop})

    visitor.post(address("note", concept), {"text": "from the phone", **phone, "is_last": ""})

    visitor.post(address("note", concept), {"text": "from the phone", **phone, "is_last": ""})  # left twice
    visitor.post(address("note", concept), {"text": " ", **phone, "is_last": ""})

    there = Note.objects.get().text
    assert there == "from the laptop\n\nfrom the phone"
    for page in (laptop, phone):  # both, if they come back, are asked
        visitor.post(address("note", concept), {"text": "back again", **page})
        visitor.post(address("note", concept), {"text": "x" * Note.LENGTH, **page, "is_last": ""})
        assert Note.objects.get().text == there


def test_a_page_is_not_asked_about_its_own_words_whose_answer_it_has_not_seen(visitor, concept):
    page = opened(visitor, concept)

    for text in ("first", "first, then more", "", "anew"):
        visitor.post(address("note", concept), {"text": text, **page})

    assert Note.objects.get().text == "anew"


def test_the_same_words_from_two_pages_are_no_difference_and_an_empty_note_has_nothing_to_lose(visitor, concept):
    laptop, phone = opened(visitor, concept), opened(visitor, concept)

    for text, page in (("both", laptop), ("both", phone), ("", phone), ("after all", laptop)):
        visitor.post(address("note", concept), {"text": text, **page})

    assert Note.objects.get().text == "after all"


@pytest.mark.parametrize("junk", ["x", "2026-99-99T00:00:00Z", "2026-11-28T10:00:00"])
def test_junk_for_what_was_read_keeps_what_is_there(visitor, concept, junk):
    visitor.post(address("note", concept), {"text": "before"})

    visitor.post(address("note", concept), {"text": "after", **opened(visitor, concept), "since": junk})

    assert Note.objects.get().text == "before"


def test_a_script_saves_without_loading_the_page_again(visitor, concept):
    response = visitor.post(address("note", concept), {"text": "typing"}, headers={"HX-Request": "true"})

    assert response.status_code == 200
    assert text_of(response).startswith("Saved at")
    assert "<textarea" not in response.content.decode()


@pytest.mark.parametrize("text", ["x" * 20_001, "a\x00b"])
def test_a_note_that_is_refused_is_not_lost(visitor, concept, text):
    visitor.post(address("note", concept), {"text": "before"})

    page = visitor.post(address("note", concept), {"text": text})
    fragment = visitor.post(address("note", concept), {"text": text}, headers={"HX-Request": "true"})

    assert text in page.content.decode()
    assert "Not saved: " in text_of(page)
    assert "Not saved: " in text_of(fragment)
    assert Note.objects.get().text == "before"


def test_line_ends_count_once_as_in_the_browser(visitor, concept):
    visitor.post(address("note", concept), {"text": "a\r\n" * 10_000})

    assert len(Note.objects.get().text) == 20_000


def test_a_script_is_told_that_the_session_ended_and_the_text_stays_in_the_form(client, concept):
    response = client.post(address("note", concept), {"text": "typing"}, headers={"HX-Request": "true"})

    assert "Not saved: you are signed out" in text_of(response)
    assert "HX-Refresh" not in response.headers
    assert not Note.objects.exists()


def test_G1_a_note_is_its_writers_alone(client, visitor, concept):
    foreign = make_user()
    Note.objects.create(concept=concept, user=foreign, text="not yours", saved_at=timezone.now())

    assert "not yours" not in visitor.get(address("concept", concept)).content.decode()
    client.force_login(foreign)
    assert client.post(address("note", concept), {"text": "x"}).status_code == 404


# Broken links


@pytest.fixture
def _link_checks(settings):
    settings.LINK_CHECKS = True


@pytest.mark.usefixtures("_link_checks")
def test_a_link_reported_as_broken_is_looked_at_at_once_however_often_it_is_clicked(visitor, concept):
    link = Resource.objects.first()
    page = text_of(visitor.get(address("concept", concept)))
    assert page.count("Report as broken") == 2

    for _ in range(2):
        response = visitor.post(address("report", concept, link.pk), follow=True)

    assert "You reported it as broken; it is looked at again." in text_of(response)
    assert text_of(response).count("Report as broken") == 1
    check = Step.objects.get(concept=concept, kind="links")
    assert (check.state, check.queue) == (Step.State.WAITING, "logs")


@pytest.mark.usefixtures("_link_checks")
def test_a_report_starts_a_finished_check_over_and_ends_with_the_next_one(visitor, concept):
    link = Resource.objects.first()
    make_step(roadmap=concept.roadmap, concept=concept, kind="links", state="done")
    visitor.post(address("report", concept, link.pk))
    assert Step.objects.get(concept=concept, kind="links").state == Step.State.WAITING

    reported = Resource.objects.get(pk=link.pk).reported_at
    visitor.post(address("report", concept, link.pk))
    assert Resource.objects.get(pk=link.pk).reported_at == reported
    Resource.objects.update(checked_at=timezone.now(), status=Resource.Status.BROKEN)

    shown = text_of(visitor.get(address("concept", concept)))
    assert "Broken, checked" in shown
    assert "You reported" not in shown


def looks(concept):
    return Step.objects.filter(concept=concept, kind=Step.Kind.LINKS)


def stop_writing(concept):
    roadmap = concept.roadmap
    roadmap.steps.filter(kind=Step.Kind.QUIZ).update(state=Step.State.WAITING)
    Roadmap.objects.filter(pk=roadmap.pk).update(state=Roadmap.State.WRITING)
    deciding.cancel(roadmap.pk)


def go_on_writing(concept):
    deciding.retry(concept.roadmap_id)


def delete(concept):
    deciding.delete(concept.roadmap_id)


def take_back(concept):
    deciding.take_back(concept.roadmap_id)


@pytest.mark.usefixtures("_link_checks")
@pytest.mark.parametrize(("stop", "go_on"), [(stop_writing, go_on_writing), (delete, take_back)])
def test_a_reported_link_whose_look_was_cancelled_is_looked_at_when_it_goes_on(visitor, concept, stop, go_on):
    visitor.post(address("report", concept, Resource.objects.first().pk))
    stop(concept)
    assert looks(concept).get().state == Step.State.CANCELLED

    go_on(concept)

    assert looks(concept).get().state == Step.State.WAITING


def test_only_the_current_lists_links_of_this_concept_can_be_reported(visitor, person, concept):
    earlier = Resource.objects.first()
    make_resources(concept=concept, version=2)
    other = make_resources(concept=concept.roadmap.concepts.get(key="c-1-1-1")).resources.first()
    foreign = make_resources(concept=make_written_roadmap().concepts.first()).resources.first()

    for link in (earlier, other, foreign):
        assert visitor.post(address("report", concept, link.pk)).status_code == 404
        link.refresh_from_db()
        assert link.reported_at is None


def test_G1_nobody_reports_a_link_in_another_persons_roadmap(visitor):
    concept = make_written_roadmap().concepts.first()
    link = make_resources(concept=concept).resources.first()

    assert visitor.post(address("report", concept, link.pk)).status_code == 404
    link.refresh_from_db()
    assert link.reported_at is None


# Weak questions


RIGHT = {"question-0": "1", "question-1": ["0", "2"], "question-2": "1"}


def order_of(response) -> list[int]:
    return [int(each) for each in re.findall(r'name="asked" value="(\d+)"', response.content.decode())]


def take(visitor, concept, **answers):
    return visitor.post(address("quiz", concept), {"version": "1", **RIGHT, **answers}, follow=True)


def test_what_was_answered_wrong_comes_first_next_time(visitor, concept):
    assert order_of(visitor.get(address("quiz", concept))) == [0, 1, 2]
    take(visitor, concept, **{"question-2": "0"})

    response = visitor.get(address("quiz", concept))

    assert order_of(response) == [2, 0, 1]
    assert text_of(response).count("· missed last time") == 1
    assert "1 to practise" in text_of(visitor.get(address("concept", concept)))


def test_what_was_missed_is_practised_alone_and_marked_alone(visitor, person, concept):
    response = take(visitor, concept, **{"question-1": "0", "question-2": "0"})
    assert "Practise what you missed" in text_of(response)
    practice = visitor.get(address("quiz", concept) + "?missed")
    assert order_of(practice) == [1, 2]

    response = take(visitor, concept, asked=["1", "2"], **{"question-2": "0"})

    assert "1 of 2 right" in text_of(response)
    assert "Which one?" not in text_of(response)
    assert QuizAttempt.objects.filter(user=person).first().answers == {"1": [0, 2], "2": [0]}
    assert order_of(visitor.get(address("quiz", concept) + "?missed")) == [2]


def test_the_last_answer_to_a_question_decides(visitor, concept):
    take(visitor, concept, **{"question-0": "0"})
    take(visitor, concept)

    assert order_of(visitor.get(address("quiz", concept) + "?missed")) == [0, 1, 2]
    assert "to practise" not in text_of(visitor.get(address("concept", concept)))


def test_what_is_missed_among_other_questions_or_by_others_does_not_count(visitor, concept):
    take(visitor, concept, **{"question-0": "0"})
    others = [(kind, f"{text} Again?", *rest) for kind, text, *rest in QUESTIONS]
    quiz = make_quiz(concept=concept, version=2, questions=others)
    QuizAttempt.objects.create(quiz=quiz, user=make_user(), answers={"0": [0]}, right=0, total=1)

    assert order_of(visitor.get(address("quiz", concept))) == [0, 1, 2]
    assert "to practise" not in text_of(visitor.get(address("concept", concept)))


@pytest.mark.parametrize("asked", [["9"], ["x", "²"], [""]])
def test_junk_for_what_was_asked_means_all_questions(visitor, concept, asked):
    assert "3 of 3 right" in text_of(take(visitor, concept, asked=asked))


def test_many_attempts_cost_no_more_queries(visitor, person, concept):
    paths = [address("quiz", concept), address("concept", concept)]
    take(visitor, concept, **{"question-0": "0"})
    few = [queries_of(visitor, path) for path in paths]
    for _ in range(5):
        take(visitor, concept, **{"question-0": "0"})

    assert [queries_of(visitor, path) for path in paths] == few


# Question by question


HTMX = {"HX-Request": "true"}


def ask(visitor, concept, **values):
    return visitor.get(address("quiz", concept), {"version": "1", **values}, headers=HTMX)


def check(visitor, concept, position, *chosen, **values):
    answers = {"version": "1", "asked": position, f"question-{position}": chosen, **values}
    return visitor.post(address("quiz", concept), answers, headers=HTMX)


def test_G3_one_question_is_asked_and_nothing_is_said_about_its_answer(visitor, concept):
    response = ask(visitor, concept)

    shown = response.content.decode()
    assert "Question 1 of 3" in text_of(response)
    assert "Which one?" in shown
    assert "Is it so?" not in shown
    assert "explained" not in shown
    assert "correct" not in shown
    assert 'name="left" value="2"' in shown


def test_an_answer_is_explained_at_once_and_kept_with_those_before_it(visitor, person, concept):
    first = check(visitor, concept, 1, "0", left=["0"])
    attempt = QuizAttempt.objects.get(user=person)
    assert "Wrong" in text_of(first)
    assert "Because odd-explained." in text_of(first)
    assert "green-explained" not in text_of(first)
    assert "Question 1 of 2" in text_of(first)

    assert "Question 2 of 2" in text_of(ask(visitor, concept, attempt=attempt.pk))
    last = check(visitor, concept, 0, "1", attempt=attempt.pk)

    attempt.refresh_from_db()
    assert (attempt.right, attempt.total, attempt.answers) == (1, 2, {"1": [0], "0": [1]})
    assert f"?attempt={attempt.pk}" in last.content.decode()
    assert "Next question" not in text_of(last)
    assert order_of(visitor.get(address("quiz", concept))) == [1, 0, 2]


def test_the_first_answer_counts_however_often_another_is_sent(visitor, person, concept):
    check(visitor, concept, 0, "0")
    attempt = QuizAttempt.objects.get(user=person)

    again = check(visitor, concept, 0, "1", attempt=attempt.pk)

    assert "Wrong" in text_of(again)
    attempt.refresh_from_db()
    assert (attempt.right, attempt.total, attempt.answers) == (0, 1, {"0": [0]})


def test_an_attempt_of_another_person_or_version_is_not_added_to(visitor, person, concept):
    foreign = QuizAttempt.objects.create(
        quiz=concept.quiz_versions.get(), user=make_user(), answers={}, right=0, total=0
    )
    check(visitor, concept, 0, "1", attempt=foreign.pk)
    own = QuizAttempt.objects.get(user=person)
    make_quiz(concept=concept, version=2)
    check(visitor, concept, 0, "1", attempt=own.pk, version="2")

    foreign.refresh_from_db()
    assert foreign.answers == {}
    assert QuizAttempt.objects.filter(user=person).count() == 2


def test_G1_another_persons_attempt_or_one_of_another_version_is_not_gone_on_with(visitor, person, concept):
    quiz = concept.quiz_versions.get()
    answered = {"answers": {"0": [0], "1": [0]}, "right": 1, "total": 2, "way": "in_turn", "left": [2]}
    foreign = QuizAttempt.objects.create(quiz=quiz, user=make_user(), **answered)
    own = QuizAttempt.objects.create(quiz=quiz, user=person, **answered)
    make_quiz(concept=concept, version=2)

    assert "Question 3 of 3" in text_of(ask(visitor, concept, attempt=own.pk))
    for response in (
        ask(visitor, concept, attempt=foreign.pk, version="2"),
        ask(visitor, concept, attempt=own.pk, version="2"),
    ):
        assert "Question 1 of 3" in text_of(response)
        assert 'name="attempt"' not in response.content.decode()


@pytest.mark.parametrize("position", ["9", "x", ""])
def test_junk_names_no_question(visitor, concept, position):
    assert check(visitor, concept, position).status_code == 404
    assert not QuizAttempt.objects.exists()
    check(visitor, concept, 0, "1", left=[position, "2", "2"])
    assert QuizAttempt.objects.get().left == [2]


def test_who_signed_out_meanwhile_gets_the_page_anew(client, concept):
    assert client.get(address("quiz", concept), {"left": "0"}, headers=HTMX).headers["HX-Refresh"] == "true"
