"""The pages of a concept: reading, links, quiz, progress, and writing again."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from content.models import Question, QuizAttempt, Resource
from roadmaps.models import ConceptProgress, Roadmap, Step
from tests.factories import (
    make_quiz,
    make_resources,
    make_roadmap_in_review,
    make_tutorial,
    make_user,
    make_written_roadmap,
)
from tests.roadmaps.test_pages import HOSTILE, queries_of, text_of

pytestmark = pytest.mark.django_db


def address(name, concept, *rest):
    return reverse(f"content:{name}", args=[concept.roadmap.slug, concept.key, *rest])


def set_step(concept, kind, **fields):
    Step.objects.filter(concept=concept, kind=kind).update(**fields)


# Reading


@pytest.mark.parametrize("shape", [(3, 2, 3), (3, 2, 5), (5, 4, 6)], ids=["18", "30", "120"])
def test_A12_a_concepts_queries_do_not_grow_with_the_roadmap(visitor, person, django_assert_num_queries, shape):
    stages, modules, concepts = shape
    roadmap = make_written_roadmap(owner=person, stages=stages, modules=modules, concepts=concepts)
    concept = roadmap.concepts.get(key="c-1-1-2")
    make_tutorial(concept=concept)
    make_resources(concept=concept, count=concepts)
    make_quiz(concept=concept)

    with django_assert_num_queries(17):
        assert visitor.get(address("concept", concept)).status_code == 200
    with django_assert_num_queries(7):
        assert visitor.get(address("pieces", concept)).status_code == 200


def test_a_concept_shows_its_tutorial_links_and_quiz(visitor, concept):
    response = visitor.get(address("concept", concept))
    shown = text_of(response)

    for part in ("All about Concept 2", "12 minutes", "Written for a test.", "Version 1", "Read this ."):
        assert part in shown
    for part in ("Link 1", "Article", "Not checked yet", "3 questions", "Builds on Concept 1"):
        assert part in shown
    assert "Before Concept 1" in shown
    assert "Next Concept 3" in shown
    assert "<em>this</em>" in response.content.decode()
    assert response.content.decode().count('rel="noopener noreferrer nofollow"') == 2


def test_that_a_concept_is_in_english_is_told_on_other_pages_and_no_language_that_was_wished_for(visitor, concept):
    def shown(language, written_in) -> bool:
        Roadmap.objects.update(language=written_in)
        page = text_of(visitor.get(address("concept", concept), headers={"accept-language": language}))
        return "What is written here is" in page or "以下学习内容为英语。" in page

    assert shown("zh-hans", "en")
    assert not any([shown("en", "en"), shown("en", "zh"), shown("zh-hans", "zh")])


@pytest.mark.parametrize(
    ("language", "asked_for", "shown"),
    [
        ("en", "en", "English"),
        ("en", "zh-hans", "英语"),
        ("zh", "en", "Simplified Chinese"),
        ("Elvish", "en", "Elvish"),
    ],
)
def test_a_link_tells_its_language_by_name(visitor, concept, language, asked_for, shown):
    make_resources(concept=concept, version=2, language=language)

    page = visitor.get(address("concept", concept), headers={"Accept-Language": asked_for}).content.decode()

    assert f"<span>{shown}</span>" in page


def test_a_link_tells_when_it_was_checked_and_an_empty_list_why(visitor, concept):
    Resource.objects.update(status=Resource.Status.BROKEN, checked_at=timezone.now())
    other = concept.roadmap.concepts.get(key="c-1-1-1")
    make_resources(concept=other, count=0, note="No links are offered here.")

    assert f"Broken, checked {timezone.now():%-d %b %Y}" in text_of(visitor.get(address("concept", concept)))
    assert "No links are offered here." in text_of(visitor.get(address("concept", other)))


@pytest.mark.parametrize("state", Step.State)
def test_E7_a_piece_that_is_not_there_says_its_state(visitor, person, state):
    roadmap = make_written_roadmap(owner=person, state=Roadmap.State.WRITING, steps=state)

    shown = text_of(visitor.get(address("concept", roadmap.concepts.first())))

    for kind in ("Tutorial", "Resources", "Quiz"):
        assert f"{kind} : {state.label}" in shown


def test_before_approval_a_concept_says_when_it_will_be_written(visitor, person):
    concept = make_roadmap_in_review(owner=person).concepts.first()

    assert "once you approve the outline" in text_of(visitor.get(address("concept", concept)))


def test_a_failed_piece_shows_its_reason_and_can_be_tried_again(visitor, concept):
    concept.quiz_versions.all().delete()
    set_step(concept, "quiz", state="failed", last_error="zero questions")

    shown = text_of(visitor.get(address("concept", concept)))

    assert "It could not be written: zero questions" in shown
    assert "Try again" in shown


def test_C5_while_a_piece_is_written_again_the_old_one_stays_readable(visitor, concept):
    response = visitor.post(address("regenerate", concept, "tutorial"), {"wish": "Shorter"}, follow=True)

    shown = text_of(response)
    assert "It is being written again" in shown
    assert "All about Concept 2" in shown
    assert Step.objects.get(concept=concept, kind="tutorial").wish == "Shorter"


def test_B4_a_double_click_on_regenerate_is_one_piece_of_work(visitor, concept):
    for wish in ("one", "two"):
        visitor.post(address("regenerate", concept, "quiz"), {"wish": wish})

    assert Step.objects.get(concept=concept, kind="quiz").wish == "one"


def test_B4_a_second_click_that_is_heard_when_the_piece_was_written_again_is_no_further_order(visitor, concept):
    again = address("regenerate", concept, "quiz")
    set_step(concept, "quiz", finished_at=timezone.now() - timedelta(minutes=1))
    (seen,) = re.findall(
        rf'action="{again}">.*?name="seen" value="([^"]+)"',
        visitor.get(address("concept", concept)).content.decode(),
        re.DOTALL,
    )

    visitor.post(again, {"wish": "", "seen": seen})
    assert Step.objects.waiting().get().kind == "quiz"
    set_step(concept, "quiz", state="done", finished_at=timezone.now())  # written
    visitor.post(again, {"wish": "", "seen": seen})
    assert not Step.objects.waiting().exists()

    for wish, moment in (("Shorter", seen), ("Shorter", ""), ("Shorter", "2026-02-30T10:00:00Z"), ("Shorter", "0")):
        visitor.post(again, {"wish": wish, "seen": moment})
        assert Step.objects.waiting().get().wish == wish
        set_step(concept, "quiz", state="done", finished_at=timezone.now())


def test_B4_a_second_click_on_try_again_that_is_heard_when_the_piece_is_there_is_no_further_order(visitor, concept):
    again = address("regenerate", concept, "quiz")
    concept.quiz_versions.all().delete()
    set_step(concept, "quiz", state="failed", last_error="zero questions", finished_at=timezone.now())
    page = visitor.get(address("concept", concept)).content.decode()
    (seen,) = re.findall(rf'action="{again}">.*?name="seen" value="([^"]+)"', page, re.DOTALL)

    set_step(concept, "quiz", state="done", last_error="", finished_at=timezone.now())  # by the first click
    visitor.post(again, {"seen": seen})
    assert not Step.objects.waiting().exists()

    set_step(concept, "quiz", last_error="HTTP 500", is_rewrite=True, finished_at=timezone.now())
    visitor.post(again, {"seen": seen})
    assert Step.objects.waiting().exists()  # nothing came of that: they do not have what they ask for


def test_a_rewrite_that_failed_says_so_beside_the_version_that_stands(visitor, concept):
    now = timezone.now()
    set_step(concept, "tutorial", is_rewrite=True, last_error="HTTP 500", started_at=now, finished_at=now)

    assert "this version stands: HTTP 500" in text_of(visitor.get(address("concept", concept)))


def test_a_rewrite_that_succeeded_after_an_error_says_nothing(visitor, concept):
    set_step(concept, "tutorial", is_rewrite=True, last_error="HTTP 500", started_at=timezone.now())
    make_tutorial(concept=concept, version=2)

    assert "HTTP 500" not in text_of(visitor.get(address("concept", concept)))


def test_what_writing_it_again_came_to_is_told_on_the_page_that_is_open(visitor, concept):
    set_step(concept, "quiz", state="waiting", is_rewrite=True)
    set_step(concept, "tutorial", state="waiting", is_rewrite=True)
    page = visitor.get(address("concept", concept)).content.decode()
    poll = re.search(r'hx-get="([^"]+)" hx-trigger="every 1.5s"', page)[1].replace("&amp;", "&")
    tag = re.search(r'"If-None-Match": "\\"(\w+)\\""', page)[1]

    now = timezone.now()
    set_step(concept, "quiz", state="done", started_at=now, finished_at=now, is_unchanged=True)
    set_step(concept, "tutorial", state="done", started_at=now, finished_at=now, last_error="HTTP 500")
    asks = {"If-None-Match": f'"{tag}"', "HX-Request": "true"}
    fragment = visitor.get(poll, headers=asks).content.decode()

    told = dict(re.findall(r'<div id="state-(\w+)" hx-swap-oob="innerHTML">(.*?)</div>', fragment, re.DOTALL))
    assert "came out the same" in told["quiz"]
    assert "this version stands" in told["tutorial"]
    assert not told["resources"].strip()

    make_quiz(concept=concept, version=2)  # they are told of it above, and no more that it is being written
    fragment = visitor.get(poll, headers=asks).content.decode()
    assert re.search(r'<div id="state-quiz" hx-swap-oob="innerHTML">\s*</div>', fragment)
    assert all(f'id="state-{kind}"' in page for kind in told)


def test_the_library_says_before_the_click_that_it_knows_no_wishes(visitor, concept, settings):
    settings.LLM_PROVIDER = "library"
    shown = text_of(visitor.get(address("concept", concept)))
    assert shown.count("the same for everybody and know no wishes") == 3
    assert "What should be different?" not in shown

    settings.LLM_PROVIDER = "openai"
    shown = text_of(visitor.get(address("concept", concept)))
    assert "know no wishes" not in shown
    assert shown.count("What should be different?") == 3


@pytest.mark.parametrize("kind", ["links", "analyse", "nonsense"])
def test_only_the_three_pieces_can_be_written_again(visitor, concept, kind):
    assert visitor.post(address("regenerate", concept, kind)).status_code == 404


def test_what_cannot_be_written_now_is_explained(visitor, person):
    concept = make_roadmap_in_review(owner=person).concepts.first()

    response = visitor.post(address("regenerate", concept, "quiz"), follow=True)

    assert "cannot be written now" in text_of(response)


@pytest.mark.parametrize("wish", ["x" * 1001, "a\x00b"])
def test_an_impossible_wish_is_refused(visitor, concept, wish):
    visitor.post(address("regenerate", concept, "quiz"), {"wish": wish})

    assert Step.objects.get(concept=concept, kind="quiz").state == Step.State.DONE


def test_the_way_on_stands_where_one_lands_after_marking_as_learned(visitor, concept):
    last = concept.roadmap.concepts.last()

    landed = visitor.post(address("done", concept), {"learned": "yes"}, follow=True)

    message = re.search(r'<ul class="messages".*?</ul>', landed.content.decode(), re.S)[0]
    assert f'marked as learned. Next: <a href="{address("concept", last)}" lang="en">{last.name}</a>' in message
    landed = visitor.post(address("done", last), {"learned": "yes"}, follow=True)
    assert f"“{last.name}” is marked as learned. " in text_of(landed)
    assert "Next:" not in text_of(landed)


def test_a_concept_is_marked_as_learned_and_back_however_often_it_is_clicked(visitor, person, concept):
    for _ in range(2):
        response = visitor.post(address("done", concept), {"learned": "yes"}, follow=True)
    assert "learned" in text_of(response)
    assert ConceptProgress.objects.get(user=person).done_at

    visitor.post(address("done", concept), {"learned": "no"})
    assert ConceptProgress.objects.get(user=person).done_at is None


@pytest.mark.parametrize("key", ["c-9-9-9", "nonsense", "c-1-1-1%00", "c-1-1-1%0a", "c-1-1-1111"])
def test_an_unknown_key_is_not_found(visitor, concept, key):
    assert visitor.get(f"/roadmaps/{concept.roadmap.slug}/{key}/").status_code == 404


@pytest.mark.parametrize("name", ["concept", "quiz"])
def test_an_outdated_slug_leads_to_the_canonical_address(visitor, concept, name):
    path = address(name, concept)
    Roadmap.objects.filter(pk=concept.roadmap.pk).update(slug=f"new-words-{concept.roadmap.token}")

    assert visitor.get(path).url == path.replace(concept.roadmap.slug, f"new-words-{concept.roadmap.token}")


def test_a_concepts_queries_do_not_grow_with_the_roadmap(visitor, person, concept):
    large = make_written_roadmap(owner=person, stages=3, modules=2, concepts=5).concepts.get(key="c-2-1-2")
    make_tutorial(concept=large)
    make_resources(concept=large, count=10)
    make_quiz(concept=large)

    assert queries_of(visitor, address("concept", large)) == queries_of(visitor, address("concept", concept)) <= 17


# The three pieces' states


def test_a_piece_that_becomes_ready_is_offered_and_not_forced_on_the_reader(visitor, concept):
    concept.quiz_versions.all().delete()
    set_step(concept, "quiz", state="waiting")
    page = visitor.get(address("concept", concept)).content.decode()
    poll = re.search(r'hx-get="([^"]+)" hx-trigger="every 1.5s"', page)[1].replace("&amp;", "&")
    tag = re.search(r'"If-None-Match": "\\"(\w+)\\""', page)[1]

    assert visitor.get(poll, headers={"If-None-Match": f'"{tag}"'}).status_code == 304
    over, by_script = '<div id="messages" hx-swap-oob="true"></div>', {"HX-Request": "true"}
    assert over not in visitor.get(poll, headers=by_script).content.decode()
    make_quiz(concept=concept)
    set_step(concept, "quiz", state="done")
    fragment = visitor.get(poll, headers={"If-None-Match": f'"{tag}"', **by_script})

    assert "Ready: Quiz. Show it" in text_of(fragment)
    assert "All about" not in text_of(fragment)
    assert "hx-get" not in fragment.content.decode()
    assert over in fragment.content.decode()  # it is not “being written” any more


def test_without_script_a_page_is_looked_at_again_by_a_link_and_never_reloaded_under_a_note(visitor, concept):
    again = f'<a href="{address("concept", concept)}">Look again</a></p></noscript>'
    assert again not in visitor.get(address("concept", concept)).content.decode()

    set_step(concept, "tutorial", state="waiting")
    concept.tutorial_versions.all().delete()
    page = visitor.get(address("concept", concept)).content.decode()

    assert again in page
    assert "http-equiv" not in page


def test_the_fragment_takes_junk_for_versions(visitor, concept):
    response = visitor.get(address("pieces", concept) + "?tutorial=²&quiz=99999999999999999999&resources=-1")

    assert response.status_code == 200


# The quiz


def test_G3_before_answering_nothing_gives_the_answers_away(visitor, person, concept):
    QuizAttempt.objects.create(quiz=concept.quiz_versions.get(), user=person, answers={}, right=1, total=3)

    for path in (address("quiz", concept), address("concept", concept), address("pieces", concept)):
        page = visitor.get(path).content.decode()
        assert "explained" not in page
        assert "correct" not in page.replace("is-correct", "").lower()
    shown = visitor.get(address("quiz", concept)).content.decode()
    assert shown.count('type="radio"') == 5
    assert shown.count('type="checkbox"') == 4
    assert "checked" not in shown


def test_G3_what_is_right_makes_no_difference_to_what_is_asked(visitor, concept):
    """In whatever form it were given away."""

    def pages():
        questions = address("quiz", concept)
        shown = [visitor.get(path) for path in (questions, address("concept", concept), address("pieces", concept))]
        shown.append(visitor.get(questions, {"version": "1", "left": ["0", "1"]}, headers={"HX-Request": "true"}))
        each_its_own = r'name="(csrfmiddlewaretoken|page)" value="[-\w]+"'
        return [re.sub(each_its_own, "", page.content.decode()) for page in shown]

    before = pages()
    Question.objects.update(correct=[0], explanation="Because of something else.")

    assert all("Which one?" in before[place] for place in (0, 3))
    assert pages() == before


@pytest.mark.parametrize(
    ("answers", "right"),
    [
        ({"question-0": "1", "question-1": ["0", "2"], "question-2": "1"}, 3),
        ({"question-0": "1", "question-1": ["0"], "question-2": "0"}, 1),
        ({"question-1": ["2", "0", "0"]}, 1),
        ({}, 0),
        ({"question-0": ["0", "1"], "question-1": ["0", "2", "9", "-1", "x", "²", ""], "question-2": "99999999999"}, 1),
        ({"question-0": "1\x00", "question-77": "1", "junk": "1"}, 0),
    ],
    ids=["all right", "some", "in any order", "nothing answered", "options that are not there", "junk"],
)
def test_answers_are_marked_kept_and_explained(visitor, person, concept, answers, right):
    response = visitor.post(address("quiz", concept), {"version": "1", **answers}, follow=True)

    attempt = QuizAttempt.objects.get(user=person)
    assert (attempt.right, attempt.total) == (right, 3)
    assert f"{right} of 3 right" in text_of(response)
    for explanation in ("green-explained", "odd-explained", "false-explained"):
        assert explanation in text_of(response)
    assert f"{right} of 3 right" in text_of(visitor.get(address("concept", concept)))


def test_C6_an_attempt_belongs_to_the_version_that_was_answered(visitor, person, concept):
    make_quiz(concept=concept, version=2, questions=[("single_choice", "New?", ["Yes", "No"], [0], "New reason.")])

    response = visitor.post(address("quiz", concept), {"version": "1", "question-0": "1"}, follow=True)

    assert QuizAttempt.objects.get(user=person).quiz.version == 1
    assert "1 of 3 right" in text_of(response)
    assert "replaced since" in text_of(response)


@pytest.mark.parametrize("version", ["7", "junk", "", "99999999999999999999"])
def test_an_unknown_version_means_the_current_one(visitor, person, concept, version):
    visitor.post(address("quiz", concept), {"version": version, "question-0": "1"})

    assert QuizAttempt.objects.get(user=person).right == 1


@pytest.mark.parametrize("number", ["0", "junk", "", "99999999999999999999"])
def test_an_attempt_that_is_not_there_is_not_found(visitor, concept, number):
    assert visitor.get(address("quiz", concept) + f"?attempt={number}").status_code == 404


def test_G1_another_persons_attempt_is_not_found(visitor, concept):
    foreign = QuizAttempt.objects.create(
        quiz=concept.quiz_versions.get(), user=make_user(), answers={}, right=0, total=3
    )

    assert visitor.get(address("quiz", concept) + f"?attempt={foreign.pk}").status_code == 404


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_quiz_that_is_not_written_is_not_found(visitor, person, method):
    concept = make_written_roadmap(owner=person).concepts.first()

    assert getattr(visitor, method)(address("quiz", concept)).status_code == 404


# Hostile text


def test_G2_hostile_text_is_shown_as_text(visitor, person, concept):
    concept.roadmap.concepts.update(name=HOSTILE, description=HOSTILE)
    make_tutorial(
        concept=concept,
        version=2,
        title=HOSTILE,
        origin=HOSTILE,
        markdown="<script>alert(1)</script> [x](javascript:alert(1)) <img src=x onerror=alert(1)>",
    )
    make_resources(concept=concept, version=2, title=HOSTILE, description=HOSTILE, language=HOSTILE[:40], note=HOSTILE)
    make_quiz(concept=concept, version=2, questions=[("single_choice", HOSTILE, [HOSTILE, "b"], [0], HOSTILE)])
    set_step(concept, "quiz", state="failed", last_error=HOSTILE)

    pages = [visitor.get(address("concept", concept)), visitor.get(address("quiz", concept))]
    pages += [visitor.post(address("quiz", concept), {"version": "2"}, follow=True)]
    for page in [page.content.decode() for page in pages]:
        assert "<script>alert" not in page
        assert "<img" not in page
        assert 'href="javascript' not in page
        assert re.findall(r"<[^>]*\sonerror=", re.sub(r"&quot;", "", page)) == []
