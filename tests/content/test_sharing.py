"""A read-only link: what it shows, to whom, until when; and a copy of one's own."""

import re
from urllib.parse import unquote

import pytest
from django.urls import reverse
from django.utils import timezone

from content import sharing
from content.exporting import reading
from content.models import Note, Question, QuizAttempt, Share, Tutorial
from roadmaps.deciding import RefusedError
from roadmaps.models import ConceptProgress, Feedback, Profile, Roadmap, Step
from tests.factories import (
    make_feedback,
    make_quiz,
    make_resources,
    make_roadmap,
    make_tutorial,
    make_user,
    make_written_roadmap,
)
from tests.programs import Program
from tests.roadmaps.test_pages import queries_of, text_of

pytestmark = pytest.mark.django_db

PRIVATE = (
    "private-goal",
    "private-motivation",
    "private-background",
    "private-rationale",
    "private-note",
    "secretuser",
)


@pytest.fixture
def owner(db):
    return make_user(username="secretuser")


@pytest.fixture
def roadmap(owner):
    """With private words in every place that has some."""
    roadmap = make_written_roadmap(owner=owner, concepts=2)
    words = {name: f"private-{name}" for name in ("goal", "motivation", "background", "rationale")}
    Roadmap.objects.filter(pk=roadmap.pk).update(**words, intent={"profile_summary": "private-goal"})
    roadmap.refresh_from_db()
    for concept in roadmap.concepts.all():
        tutorial = make_tutorial(concept=concept, wish="private-goal", author=owner, origin="Edited by secretuser")
        html = f'<p>Read <a href="/roadmaps/{roadmap.slug}/c-1-1-1/" rel="nofollow">the first</a>.</p>'
        Tutorial.objects.filter(pk=tutorial.pk).update(html=html)
        make_resources(concept=concept)
        quiz = make_quiz(concept=concept)
        Note.objects.create(concept=concept, user=owner, text="private-note", saved_at=timezone.now())
        ConceptProgress.objects.create(concept=concept, user=owner, done_at=timezone.now())
        QuizAttempt.objects.create(quiz=quiz, user=owner, answers={"0": [0]}, right=0, total=1)
    make_feedback(roadmap=roadmap, text="private-goal", state=Feedback.State.DONE)
    return roadmap


@pytest.fixture
def share(roadmap):
    return sharing.share(roadmap)


def path(name: str, share: Share, *rest: str) -> str:
    return reverse(f"content:{name}", args=[share.token, *rest])


def pages(share: Share) -> list[str]:
    return [path("shared", share), path("shared_concept", share, "c-1-1-1"), path("shared_quiz", share, "c-1-1-1")]


# What a link shows


def test_anybody_with_the_link_reads_the_outline_the_tutorials_the_links_and_the_quiz(client, share):
    outline, concept, quiz = (text_of(client.get(page)) for page in pages(share))

    for part in ("Querying a database", "Stage 1", "Concept 2", "Builds on Concept 1"):
        assert part in outline
    for part in ("All about Concept 1", "Read the first .", "Link 1", "3 questions", "Next Concept 2"):
        assert part in concept
    assert "Which one?" in quiz
    assert "explained" not in quiz


@pytest.mark.parametrize(
    ("written", "read", "said"),
    [
        ("en", "zh-hans", "以下学习内容为英语。"),
        ("zh", "en", "What is written here is in Simplified Chinese."),
        ("Greek", "zh-hans", "以下学习内容为希腊语。"),
        ("Klingon", "en", "What is written here is in Klingon."),
        ("en-GB", "en", ""),
        ("zh-hant", "zh-hans", ""),
    ],
)
def test_what_is_in_another_language_than_the_page_says_so(client, share, written, read, said):
    Roadmap.objects.update(language=written)

    shown = [text_of(client.get(page, headers={"accept-language": read})) for page in pages(share)]

    notes = [re.search(r"What is written here is in [\w ]+\.|以下学习内容为\w+。", page) for page in shown]
    assert [found[0] if found else "" for found in notes] == [said] * 3


def test_G3_what_is_right_makes_no_difference_to_what_a_shared_quiz_asks(client, share):
    """The same page to the letter, whichever answers are right: nothing in it depends on them."""

    def page():
        response = client.get(path("shared_quiz", share, "c-1-1-1")).content.decode()
        return re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", response)

    before = page()
    assert "Which one?" in before
    for question in Question.objects.filter(quiz__concept__roadmap=share.roadmap):
        question.correct = [place for place in range(len(question.options)) if place not in question.correct]
        question.explanation = f"{question.explanation} otherwise"
        question.save()

    assert page() == before


def test_nothing_of_the_owners_is_shown(client, share):
    answered = client.post(path("shared_quiz", share, "c-1-1-1"), {"version": "1", "question-0": "1"})

    for response in [*(client.get(page) for page in pages(share)), answered]:
        page = response.content.decode()
        for word in (*PRIVATE, "learned", "Last time", "Report as broken", "written again", share.roadmap.slug):
            assert word not in page


def test_links_between_concepts_stay_within_the_share(client, share):
    page = client.get(path("shared_concept", share, "c-1-1-2")).content.decode()

    assert f'<a href="/shared/{share.token}/c-1-1-1/" rel="nofollow">the first</a>' in page
    assert 'href="/roadmaps/' not in page


def test_an_answered_quiz_is_marked_and_nothing_is_kept(client, share):
    response = client.post(
        path("shared_quiz", share, "c-1-1-1"), {"version": "1", "question-0": "1", "question-1": "0"}
    )

    assert "1 of 3 right" in text_of(response)
    assert "green-explained" in text_of(response)
    assert QuizAttempt.objects.count() == 2


def test_a_quiz_that_its_owner_replaced_is_shown_to_nobody_with_the_link(client, share):
    quiz, concept = path("shared_quiz", share, "c-1-1-1"), share.roadmap.concepts.get(key="c-1-1-1")
    make_quiz(concept=concept, version=2, questions=[("true_false", "Is the new one so?", ["Yes", "No"], [0], "new")])

    for response in (client.get(f"{quiz}?version=1"), client.post(quiz, {"version": "1", "question-0": "1"})):
        assert "Is the new one so?" in text_of(response)
        assert "Which one?" not in text_of(response)
        assert "explained" not in text_of(response)
    assert "These questions have been replaced" in text_of(response)
    assert "1 of 1 right" in text_of(client.post(quiz, {"version": "2", "question-0": "0"}))


def test_no_search_engine_and_no_cache_keeps_it(client, share):
    for page in pages(share):
        response = client.get(page)
        assert response.headers["X-Robots-Tag"] == "noindex, nofollow"
        assert "no-store" in response.headers["Cache-Control"]
        assert '<meta name="robots" content="noindex, nofollow">' in response.content.decode()


def test_what_is_not_written_is_said(client, share):
    share.roadmap.concepts.get(key="c-1-1-1").tutorial_versions.all().delete()

    assert "It is not written yet." in text_of(client.get(path("shared_concept", share, "c-1-1-1")))


def test_a_shared_page_costs_the_same_queries_whatever_the_size(client, share):
    large = make_written_roadmap(stages=3, modules=2, concepts=5)
    for concept in large.concepts.all():
        make_tutorial(concept=concept)
        make_resources(concept=concept)
        make_quiz(concept=concept)

    for small_page, large_page in zip(pages(share), pages(sharing.share(large)), strict=True):
        assert queries_of(client, small_page) == queries_of(client, large_page) <= 14


@pytest.mark.parametrize("key", ["c-9-9-9", "c-1-1-1111"])
def test_an_unknown_concept_is_not_found(client, share, key):
    assert client.get(f"/shared/{share.token}/{key}/").status_code == 404


# Who may, and until when


def test_a_link_holds_256_random_bits_and_stays_the_same(roadmap, share):
    assert re.fullmatch(r"[-_A-Za-z0-9]{43}", share.token)
    assert sharing.share(roadmap) == share
    assert len({sharing.share(make_written_roadmap()).token for _ in range(5)} | {share.token}) == 6


def test_a_revoked_link_is_not_found_and_the_next_one_is_another(client, roadmap, share):
    sharing.revoke(roadmap)
    sharing.revoke(roadmap)

    for page in pages(share):
        assert client.get(page).status_code == 404
    assert client.post(path("copy", share)).status_code == 404
    assert sharing.share(roadmap).token != share.token


def test_a_deleted_roadmaps_link_is_not_found(client, share):
    Roadmap.objects.update(deleted_at=timezone.now())

    assert {client.get(page).status_code for page in pages(share)} == {404}


@pytest.mark.parametrize("token", ["x" * 43, "x" * 42, "x" * 44, "%00" * 43])
def test_a_guessed_link_is_not_found(client, share, token):
    assert client.get(f"/shared/{token}/").status_code == 404


def test_without_an_outline_there_is_nothing_to_share(person):
    with pytest.raises(RefusedError):
        sharing.share(make_roadmap(owner=person))


def put_goal_into_the_title(roadmap, goal):
    Roadmap.objects.filter(pk=roadmap.pk).update(title=f"A plan for: {goal[:180]}")


def put_goal_into_a_stages_name(roadmap, goal):
    roadmap.stages.update(name=f"Towards {goal[:150].upper()}")


def put_goal_into_a_concept(roadmap, goal):
    roadmap.concepts.filter(position=1).update(description=f"Turn {goal} into a sentence.")


GOAL = "Live well with *my* illness\nand 50% less pain"


@pytest.mark.parametrize(
    ("goal", "put"),
    [
        (GOAL, put_goal_into_the_title),
        (GOAL, put_goal_into_a_stages_name),
        (GOAL, put_goal_into_a_concept),
        ("与疾病共处", put_goal_into_a_concept),
        ("A long one. " * 80, put_goal_into_the_title),
    ],
)
def test_where_a_shared_text_repeats_the_goal_its_owner_is_told_before_there_is_a_link(
    client, owner, roadmap, put, goal
):
    client.force_login(owner)
    page = reverse("content:take_away", args=[roadmap.slug])
    Roadmap.objects.filter(pk=roadmap.pk).update(goal=goal)
    assert "repeats your goal" not in text_of(client.get(page))

    put(roadmap, goal)

    said = text_of(client.get(page))
    assert f"What others see repeats your goal, word for word: “{' '.join(goal.split())[:250]}" in said
    assert "Make a link" in said
    assert Program(owner)("put", f"roadmaps/{roadmap.slug}/share").json()["repeats_goal"] is True


def test_a_short_goal_repeats_nothing(roadmap):
    put_goal_into_a_concept(roadmap, roadmap.goal)
    assert sharing.repeats_goal(roadmap)

    roadmap.goal = "Go"
    assert not sharing.repeats_goal(roadmap)


def test_the_owner_makes_a_link_and_revokes_it_with_one_click_each(client, owner, roadmap):
    client.force_login(owner)
    page = reverse("content:take_away", args=[roadmap.slug])
    assert "Revoke" not in text_of(client.get(page))

    response = client.post(reverse("content:share", args=[roadmap.slug]), follow=True)
    assert f"http://testserver/shared/{Share.objects.get().token}/" in response.content.decode()

    client.post(reverse("content:unshare", args=[roadmap.slug]))
    assert not Share.objects.exists()


@pytest.mark.parametrize("name", ["share", "unshare"])
def test_G1_nobody_shares_or_revokes_what_is_not_theirs(client, person, roadmap, share, name):
    client.force_login(person)

    assert client.post(reverse(f"content:{name}", args=[roadmap.slug])).status_code == 404
    assert Share.objects.get() == share


# A copy


def test_a_reader_copies_it_into_a_roadmap_of_their_own(client, person, roadmap, share):
    client.force_login(person)
    key = re.search(r'name="request_key" value="([^"]+)"', client.get(path("shared", share)).content.decode())[1]

    responses = [client.post(path("copy", share), {"request_key": key}, follow=True) for _ in "ab"]

    made = person.roadmaps.get()
    assert responses[0].redirect_chain == responses[1].redirect_chain == [(made.get_absolute_url(), 302)]
    assert made.state == Roadmap.State.READY
    assert not made.steps.active().exists()
    assert set(made.steps.values_list("state", flat=True)) == {Step.State.DONE}
    was, now = (reading.for_others(each).model_dump(mode="json") for each in (roadmap, made))
    assert now["stages"] == was["stages"]


def test_a_copy_has_no_word_of_the_owners(client, person, share):
    client.force_login(person)
    client.post(path("copy", share))

    made = person.roadmaps.get()
    everything = reading.for_owner(made).model_dump_json()
    for word in PRIVATE:
        assert word not in everything
    assert made.goal == made.title
    assert not Share.objects.filter(roadmap=made).exists()


def test_a_copy_is_planned_with_the_readers_own_hours(client, person, share):
    Profile.objects.create(user=person, hours_per_week=1)
    client.force_login(person)

    client.post(path("copy", share))

    made = person.roadmaps.get()
    assert (made.hours_per_week, made.weeks) == (1, 3)


def test_what_is_not_finished_is_not_copied_and_not_bought(client, person, share):
    client.force_login(person)
    share.roadmap.concepts.get(key="c-1-1-1").quiz_versions.all().delete()

    client.post(path("copy", share))

    made = person.roadmaps.get()
    assert made.state == Roadmap.State.PARTLY_READY
    assert not made.steps.active().exists()


def test_a_signed_out_reader_comes_back_to_the_shared_page_after_signing_in(client, person, share):
    assert "Sign in to copy it" in text_of(client.get(path("shared", share)))
    asked = client.post(path("copy", share))

    response = client.post(asked.url, {"username": "ada", "password": "correct horse battery"})

    assert response.url == path("shared", share)
    assert not person.roadmaps.exists()


def test_a_reader_without_an_account_comes_back_to_the_shared_page_after_signing_up(client, share):
    there = f"?next={path('shared', share)}"
    assert f'href="/sign-up/{there}"' in client.get(path("shared", share)).content.decode()
    sign_in = client.post(path("copy", share), follow=True).content.decode()
    assert [unquote(each) for each in re.findall(r'href="/sign-up/([^"]*)"', sign_in)] == [there, there]
    sign_up = f"/sign-up/{there}"
    page = client.get(sign_up).content.decode()
    assert there in [unquote(each) for each in re.findall(r'href="/sign-in/([^"]*)"', page)]
    form = page.partition('<form class="narrow"')[2].partition("</form>")[0]
    following = re.search(r'name="next" value="([^"]*)"', form)[1]
    wanted = {"username": "bob", "password1": "correct horse battery", "password2": "correct horse battery"}

    response = client.post(sign_up, {**wanted, "next": following}, follow=True)

    assert response.redirect_chain == [(path("shared", share), 302)]
    assert "Copy it" in text_of(response)


def test_nothing_is_copied_by_following_a_link(client, person, share):
    client.force_login(person)

    assert client.get(path("copy", share)).status_code == 405
