"""The pages about roadmaps: who sees them, what they say in every state, and what they cost."""

import math
import re
import uuid
from datetime import timedelta
from html import unescape
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import escape

from content import prompts
from content import urls as content_urls
from roadmap_project.library.matching import best_subject
from roadmaps import deciding, erasing, reshaping
from roadmaps import urls as roadmaps_urls
from roadmaps.models import Concept, ConceptProgress, Feedback, OutlineRevision, Profile, QueueHeartbeat, Roadmap, Step
from tests.factories import (
    make_feedback,
    make_heartbeat,
    make_log_entry,
    make_piece_steps,
    make_review,
    make_revision,
    make_roadmap,
    make_roadmap_in_review,
    make_step,
    make_tree,
    make_tutorial,
    make_user,
    make_written_roadmap,
)
from tests.test_security_ownership import undone

pytestmark = pytest.mark.django_db

HOSTILE = '<script>alert(1)</script> "onerror=alert(1) javascript:alert(1)'
STYLES = Path(settings.BASE_DIR, "roadmap_project/static/roadmaps/site.css").read_text()
GOAL = {"goal": "Learn chess", "level": "beginner", "hours_per_week": "6", "preference": "any", "language": "en"}


def text_of(response) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def address(name: str, roadmap: Roadmap) -> str:
    return reverse(f"roadmaps:{name}", args=[roadmap.slug])


def queries_of(client, path: str) -> int:
    client.get(path)  # the session and the content types are warm
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert client.get(path).status_code == 200
    return len(captured)


# Who sees what


# What stands in an address beside the slug.
VALUES = {"key": "c-1-1-1", "kind": "quiz", "file_format": "json", "resource": "1"}


def patterns_about_a_roadmap() -> list[tuple[str, URLPattern]]:
    return [
        (module.app_name, pattern)
        for module in (roadmaps_urls, content_urls)
        for pattern in module.urlpatterns
        if "slug" in pattern.pattern.converters
    ]


def address_of(app: str, pattern: URLPattern, roadmap: Roadmap) -> str:
    names = {name: VALUES.get(name, roadmap.slug) for name in pattern.pattern.converters}
    return reverse(f"{app}:{pattern.name}", kwargs=names)


@pytest.mark.parametrize("method", ["get", "post"])
def test_G1_what_belongs_to_somebody_else_or_is_deleted_is_not_found(visitor, person, method):
    foreign = make_written_roadmap()
    deleted = make_written_roadmap(owner=person)
    Roadmap.objects.filter(pk=deleted.pk).update(deleted_at=timezone.now())
    mine = make_written_roadmap(owner=person)
    visitor.raise_request_exception = False
    wrong = {}

    for app, pattern in patterns_about_a_roadmap():

        def status_for(roadmap: Roadmap, app=app, pattern=pattern) -> int:
            with undone():
                return getattr(visitor, method)(address_of(app, pattern, roadmap)).status_code

        expected = 405 if status_for(mine) == 405 else 404  # what does not take the method tells nobody anything
        statuses = [status_for(foreign), status_for(deleted)]
        if pattern.name == "take_back":  # which is there for the owner's deleted ones
            statuses.pop()
        if set(statuses) != {expected}:
            wrong[f"{app}:{pattern.name}"] = statuses

    assert not wrong, wrong


def test_there_are_addresses_to_walk():
    assert len(patterns_about_a_roadmap()) >= 21


def test_G1_nobody_sees_anything_without_signing_in(client):
    roadmap = make_written_roadmap()
    client.raise_request_exception = False
    wrong = {}

    for app, pattern in patterns_about_a_roadmap():
        for method in ("get", "post"):
            with undone():
                response = getattr(client, method)(address_of(app, pattern, roadmap))
            is_sent_to_sign_in = response.status_code == 302 and "/sign-in/" in response.url
            if not is_sent_to_sign_in and response.status_code != 405:
                wrong[f"{method} {app}:{pattern.name}"] = response.status_code

    assert not wrong, wrong


@pytest.mark.parametrize("name", ["approve", "cancel", "retry", "delete", "request_changes", "change_plan"])
def test_nothing_changes_by_following_a_link(visitor, person, name):
    roadmap = make_roadmap_in_review(owner=person)

    assert visitor.get(address(name, roadmap)).status_code == 405
    roadmap.refresh_from_db()
    assert (roadmap.state, roadmap.deleted_at) == (Roadmap.State.IN_REVIEW, None)


def test_a_signed_out_readers_page_is_loaded_again_not_filled_with_the_sign_in_form(client):
    response = client.get(address("progress", make_roadmap()), headers={"HX-Request": "true"})

    assert response.headers["HX-Refresh"] == "true"
    assert response.content == b""


# Signing up, in and out


def test_a_person_signs_up_and_starts(client, db):
    response = client.post(
        reverse("roadmaps:signup"),
        {"username": "grace", "password1": "correct horse battery", "password2": "correct horse battery"},
    )

    assert response.url == reverse("roadmaps:new")
    assert client.get(response.url).context["user"] == get_user_model().objects.get(username="grace")


def test_a_weak_password_is_refused_with_the_reason_beside_the_field(client, db):
    response = client.post(reverse("roadmaps:signup"), {"username": "grace", "password1": "a", "password2": "a"})

    assert "too short" in response.content.decode()
    assert not get_user_model().objects.exists()


def test_a_person_signs_in_and_returns_to_where_they_wanted_to_go(client, person):
    roadmap = make_written_roadmap(owner=person)

    asked = client.get(roadmap.get_absolute_url())
    response = client.post(asked.url, {"username": "ada", "password": "correct horse battery"})

    assert response.url == roadmap.get_absolute_url()


def test_a_decision_after_the_session_ended_leads_back_to_the_roadmap(client, person):
    roadmap = make_roadmap_in_review(owner=person)

    asked = client.post(address("approve", roadmap))
    response = client.post(asked.url, {"username": "ada", "password": "correct horse battery"}, follow=True)

    assert response.redirect_chain[-1][0] == roadmap.get_absolute_url()
    assert "Waiting for your review" in text_of(response)


def test_a_person_signs_out_with_a_form_not_a_link(visitor):
    assert visitor.get(reverse("roadmaps:logout")).status_code == 405
    assert visitor.post(reverse("roadmaps:logout")).url == reverse("roadmaps:login")
    assert "Sign up" in text_of(visitor.get("/"))


# The list and the goal


def test_the_list_counts_pieces_and_learned_concepts(visitor, person):
    roadmap = make_written_roadmap(owner=person, state=Roadmap.State.PARTLY_READY, concepts=2)
    Step.objects.filter(roadmap=roadmap, kind="quiz").update(state=Step.State.FAILED)
    ConceptProgress.objects.create(user=person, concept=roadmap.concepts.all()[0], done_at=timezone.now())
    ConceptProgress.objects.create(user=person, concept=roadmap.concepts.all()[1])
    make_written_roadmap()

    shown = text_of(visitor.get("/"))

    assert "4 of 6 pieces written" in shown
    assert "1 of 2 concepts learned" in shown
    assert "Partly ready" in shown
    assert shown.count("pieces written") == 1


def test_a_person_without_a_roadmap_is_told_what_to_do(visitor):
    assert "Start your first roadmap" in text_of(visitor.get("/"))


@pytest.mark.parametrize(
    ("language", "said"),
    [("en", "You have already started this roadmap."), ("zh-hans", "你已经开始创建这份学习路线图了。")],
)
def test_a_goal_form_that_is_sent_twice_leads_to_the_roadmap_that_it_started(visitor, library, language, said):
    form = {**GOAL, "request_key": str(uuid.uuid4())}
    headers = {"accept-language": language}

    first = visitor.post("/new/", form, headers=headers, follow=True)
    again = [{**form, "goal": " Learn \n chess"}, {**form, "skips_review": "on"}]
    answers = [visitor.post("/new/", each, headers=headers, follow=True) for each in again]

    roadmap = Roadmap.objects.get()
    assert (roadmap.goal, roadmap.hours_per_week, roadmap.skips_review) == ("Learn chess", 6, False)
    assert {each.redirect_chain[-1][0] for each in (first, *answers)} == {roadmap.get_absolute_url()}
    assert [said in text_of(each) for each in (first, *answers)] == [False, True, True]
    assert roadmap.steps.count() == 1


@pytest.mark.parametrize(
    "change",
    [
        {"goal": "Learn go"},
        {"level": "advanced"},
        {"hours_per_week": "7"},
        {"background": "Draughts"},
        {"language": "de"},
    ],
)
def test_a_form_that_back_brought_and_somebody_changed_starts_what_it_says_now(visitor, library, change):
    form = {**GOAL, "request_key": str(uuid.uuid4())}
    first = visitor.post("/new/", form)
    changed = [visitor.post("/new/", {**form, **change}) for _ in "ab"]

    assert changed[0].url == changed[1].url != first.url
    assert Roadmap.objects.count() == 2
    made = Roadmap.objects.first()
    assert {name: str(getattr(made, name)) for name in change} == change


def test_the_same_goal_in_a_form_opened_anew_or_of_a_deleted_roadmap_starts_another(visitor, person, library):
    form = {**GOAL, "request_key": str(uuid.uuid4())}
    first = visitor.post("/new/", form)
    other = visitor.post("/new/", {**GOAL, "request_key": str(uuid.uuid4())})
    visitor.post(address("delete", person.roadmaps.get(slug=first.url.split("/")[2])))

    after = visitor.post("/new/", form)

    assert len({first.url, other.url, after.url}) == 3
    assert visitor.get(after.url).status_code == 200


def test_a_key_means_nothing_of_somebody_elses(visitor, client, library):
    form = {**GOAL, "request_key": str(uuid.uuid4())}
    theirs = visitor.post("/new/", form).url
    client.force_login(make_user())

    assert client.post("/new/", form).url != theirs
    assert Roadmap.objects.values("request_key").distinct().count() == 1


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_each_example_of_a_goal_finds_its_subject_in_the_library(visitor, library, language):
    page = visitor.get("/new/", headers={"accept-language": language}).content.decode()

    goals = re.findall(r"<li>([^<]+)</li>", page.partition('class="examples')[2].partition("</ul>")[0])
    goals += re.findall(r'<textarea[^>]*name="goal"[^>]*placeholder="([^"]+)"', page)
    assert [best_subject(unescape(goal)).key for goal in goals] == [
        "python-programming",
        "web-development",
        "data-analysis-machine-learning",
        "sql-databases",
    ]
    assert any("数据库" in goal for goal in goals) == (language == "zh-hans")
    assert ("资料库只有英文" in page) == (language == "zh-hans")


@pytest.mark.parametrize("is_kept", [False, True])
def test_each_form_has_a_key_of_its_own(visitor, is_kept):
    if is_kept:
        visitor.post("/new/", {**GOAL, "request_key": str(uuid.uuid4())}, headers={"HX-Request": "true"})
        assert GOAL["goal"] in visitor.get("/new/").content.decode()

    keys = {re.search(r'name="request_key" value="([^"]+)"', visitor.get("/new/").content.decode())[1] for _ in "ab"}

    assert len(keys) == 2


def test_a_refused_goal_keeps_everything_typed(visitor, settings, library):
    settings.MAX_ACTIVE_ROADMAPS = 1
    visitor.post("/new/", GOAL)

    page = visitor.post("/new/", {**GOAL, "goal": "Learn go", "background": "Some chess"}).content.decode()

    assert "1 of your roadmaps" in page
    assert "Learn go" in page
    assert "Some chess" in page


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"goal": " "}, "This field is required"),
        ({"goal": "x" * 1001}, "at most 1,000 characters"),
        ({"goal": "a\x00b"}, "Null characters"),
        ({"hours_per_week": "0"}, "greater than or equal to 1"),
        ({"hours_per_week": "169"}, "less than or equal to 168"),
        ({"level": "wizard"}, "not one of the available choices"),
        ({"deadline": "2001-01-01"}, "a day in the future"),
        ({"request_key": "junk"}, "Enter a valid UUID"),
    ],
)
def test_a_wrong_wish_is_told_and_starts_nothing(visitor, wrong, reason):
    page = visitor.post("/new/", {**GOAL, **wrong}).content.decode()

    assert reason in page
    assert not Roadmap.objects.exists()


def test_six_fields_are_to_be_filled_in_and_the_rest_is_the_accounts(visitor, person):
    Profile.objects.create(user=person, preference="hands_on", second_language="de")
    page = visitor.get("/new/")
    visitor.post("/new/", {**GOAL, "preference": "junk", "level": "advanced"})

    assert len(re.findall(r"<(?:label for|legend)", page.content.decode())) == 6
    made = Roadmap.objects.get()
    assert (made.preference, made.second_language, made.level, made.skips_review) == (
        "hands_on",
        "de",
        "advanced",
        False,
    )


def test_one_button_has_it_written_without_a_review(visitor):
    assert (
        '<button class="plain" type="submit" name="skips_review" value="on">' in visitor.get("/new/").content.decode()
    )

    visitor.post("/new/", {**GOAL, "skips_review": "on"})

    assert Roadmap.objects.get().skips_review


def test_what_to_expect_is_said_before_anything_is_started(visitor, settings):
    settings.LLM_PROVIDER = "library"
    shown = text_of(visitor.get("/new/"))
    assert "Size 8 to 30 concepts each with a tutorial, links and a quiz: 24 to 90 pieces" in shown
    assert "Cost nothing" in shown

    settings.LLM_PROVIDER, settings.OPENAI_MODEL = "openai", "some-model"
    shown = text_of(visitor.get("/new/"))
    assert "25 to 32 concepts" in shown
    assert re.search(
        r"Cost \d{3},000 to \d{3},000 tokens for calls of some-model, whose price is not known here", shown
    )
    assert "dollars" not in shown
    assert "Time and tokens are, at least in part, assumptions" in shown

    settings.LLM_PRICES_ARE_SET = True
    shown = text_of(visitor.get("/new/"))
    assert re.search(r"Cost 0\.\d\d to 0\.\d\d US dollars for calls of some-model", shown)
    assert "Time and cost are, at least in part, assumptions" in shown


def test_the_form_says_who_answers(visitor, settings):
    settings.LLM_PROVIDER = "library"
    assert "no model is used" in text_of(visitor.get("/new/"))
    settings.LLM_PROVIDER, settings.OPENAI_MODEL = "openai", "some-model"
    assert "some-model" in text_of(visitor.get("/new/"))


# Every state has its page


@pytest.mark.parametrize("state", Roadmap.State)
@pytest.mark.parametrize("has_content", [False, True])
def test_E6_every_state_of_a_roadmap_is_shown_with_its_label(visitor, person, state, has_content):
    roadmap = make_tree(roadmap=make_roadmap(owner=person, state=state, notice="Something to know."))
    make_review(revision=make_revision(roadmap=roadmap))
    make_step(roadmap=roadmap, state=Step.State.DONE)
    if has_content:
        make_piece_steps(roadmap=roadmap)

    for page in (visitor.get(roadmap.get_absolute_url()), visitor.get("/"), visitor.get(address("progress", roadmap))):
        assert f'class="state state-{state.value}">{state.label}<' in page.content.decode()
    assert "Something to know." in text_of(visitor.get(roadmap.get_absolute_url()))


@pytest.mark.parametrize("state", Step.State)
def test_E7_every_state_of_a_step_is_shown_with_its_label(visitor, person, state):
    designing = make_roadmap(owner=person)
    make_step(roadmap=designing, state=state)
    writing = make_written_roadmap(owner=person, state=Roadmap.State.WRITING, steps=state)

    assert f'state-{state.value}">{state.label}<' in visitor.get(designing.get_absolute_url()).content.decode()
    assert f"Tutorial : {state.label}" in text_of(visitor.get(writing.get_absolute_url()))


@pytest.mark.parametrize("state", Feedback.State)
def test_E7_every_state_of_feedback_is_shown_with_its_label(visitor, person, state):
    roadmap = make_roadmap_in_review(owner=person)
    make_feedback(roadmap=roadmap, state=state, answer="As you said.", questions=["How much?"])

    page = visitor.get(roadmap.get_absolute_url())

    assert f'state-{state.value}">{state.label}<' in page.content.decode()
    assert "As you said." in text_of(page)
    assert "How much?" in text_of(page)


@pytest.mark.parametrize("state", [*Roadmap.State, *Step.State, *Feedback.State])
def test_E7_every_state_has_a_look(state):
    assert re.search(rf"\.state-{state.value}\b[^{{]*{{ --c:", STYLES)


# Designing and reviewing


def test_the_steps_of_designing_are_shown_with_what_is_still_to_come(visitor, person):
    roadmap = make_roadmap(owner=person)
    make_step(roadmap=roadmap, kind=Step.Kind.ANALYSE, state=Step.State.DONE)
    make_step(roadmap=roadmap, kind=Step.Kind.DESIGN, state=Step.State.RUNNING)

    shown = text_of(visitor.get(roadmap.get_absolute_url()))

    assert "Understand the goal Done Design the outline In progress Review the outline" in shown


def test_a_requested_change_shows_its_own_steps(visitor, person):
    roadmap = make_roadmap_in_review(owner=person)
    make_step(roadmap=roadmap, kind=Step.Kind.REVIEW, state=Step.State.DONE)
    Roadmap.objects.filter(pk=roadmap.pk).update(state=Roadmap.State.DESIGNING)
    feedback = make_feedback(roadmap=roadmap)
    make_step(roadmap=roadmap, kind=Step.Kind.PLAN, state=Step.State.RUNNING, feedback=feedback)

    shown = text_of(visitor.get(roadmap.get_absolute_url()))

    assert "Plan an edit In progress Edit the outline Review the outline" in shown
    assert "Review the outline Done" not in shown
    assert "The outline so far" in shown


def test_the_review_shows_scores_reasons_issues_and_the_outline(visitor, person):
    roadmap = make_roadmap_in_review(owner=person)
    review = roadmap.revisions.get().review
    review.issues = [{"severity": "warning", "location": "c-1-1-2", "issue": "Too short.", "suggestion": "Longer."}]
    advice = {"content": "Add practice.", "reason": "It helps."}
    review.suggestions = [
        {**advice, "action": "add_concept", "location": "Stage 1"},
        {**advice, "action": "modify_concept", "location": "c-1-1-2"},
        {**advice, "action": "merge_modules", "location": "m-1-1, c-9-9-9"},
        {**advice, "action": "add_stage", "location": "outline"},
    ]
    review.save()

    shown = text_of(visitor.get(roadmap.get_absolute_url()))

    for part in ("Automatic review: 86 of 100", "Completeness", "Fits you: as it should be.", "Too short.", "Longer."):
        assert part in shown
    assert "Worth a look, Concept 2 : Too short." in shown  # the concept's name, not its key
    suggested = shown.partition("Suggestions ")[2].split(" Add practice. It helps.")[:4]
    assert [each.strip() for each in suggested] == [
        "Add a concept, Stage 1 :",
        "Change a concept, Concept 2 :",
        "Join modules, Module 1.1, c-9-9-9 :",  # no such concept
        "Add a stage:",
    ]
    for part in ("Add practice.", "It helps.", "Builds on Concept 1", "1.5 h", "Easy"):
        assert part in shown


def test_F2_a_failed_review_is_shown_as_not_reviewed_with_the_reason(visitor, person):
    shown = text_of(visitor.get(make_roadmap_in_review(owner=person, is_reviewed=False).get_absolute_url()))

    assert "Not reviewed" in shown
    assert "HTTP 401: no such key" in shown
    assert "of 100" not in shown


def test_F2_a_version_that_no_review_looked_at_is_not_reviewed(visitor, person):
    roadmap = make_roadmap_in_review(owner=person)
    make_revision(roadmap=roadmap, number=2, author=OutlineRevision.Author.REQUESTED_EDIT)

    assert "Not reviewed" in text_of(visitor.get(roadmap.get_absolute_url()))


def test_a_new_version_says_what_changed_by_name(visitor, person):
    roadmap = make_roadmap_in_review(owner=person)
    roadmap.concepts.filter(key="c-1-1-3").delete()
    roadmap.concepts.filter(key="c-1-1-1").update(hours=2)
    make_revision(roadmap=roadmap, number=2, author=OutlineRevision.Author.REQUESTED_EDIT, reason="Shorter, as asked.")

    shown = text_of(visitor.get(roadmap.get_absolute_url()))

    assert "Version 2: what changed Edited as you asked. Shorter, as asked." in shown
    assert "Changed Concept 1 1.5 hours became 2 Removed Concept 3 in “Stage 1 › Module 1.1”" in shown


def test_B4_a_double_click_on_approve_starts_the_writing_once(visitor, person):
    roadmap = make_roadmap_in_review(owner=person)

    first = visitor.post(address("approve", roadmap))
    second = visitor.post(address("approve", roadmap))

    assert first.url == second.url == roadmap.get_absolute_url()
    assert roadmap.steps.count() == 9
    assert text_of(visitor.get(first.url)).count("Approved.") == 1


@pytest.mark.parametrize("seen", ["1", "x", ""])
def test_only_the_outline_that_was_before_the_person_is_approved(visitor, person, seen):
    roadmap = make_roadmap_in_review(owner=person)
    before = visitor.get(roadmap.get_absolute_url()).content.decode()
    reshaping.remove(roadmap.pk, seen_version=1, by=person, part="c-1-1-3")  # in another tab

    page = text_of(visitor.post(address("approve", roadmap), {"seen_version": seen}, follow=True))

    assert 'name="seen_version" value="1"' in before
    assert "The outline changed meanwhile, perhaps in another tab. Nothing is being written yet" in page
    assert not roadmap.steps.content().exists()
    visitor.post(address("approve", roadmap), {"seen_version": "2"})
    assert roadmap.steps.content().count() == 6


def test_what_cannot_be_approved_is_explained(visitor, person):
    roadmap = make_roadmap(owner=person)

    response = visitor.post(address("approve", roadmap), follow=True)

    assert "There is nothing to approve" in text_of(response)


def test_changes_are_requested_in_words(visitor, person):
    roadmap = make_roadmap_in_review(owner=person)

    response = visitor.post(address("request_changes", roadmap), {"text": "Less theory"}, follow=True)

    assert "Designing" in text_of(response)
    assert "Less theory" in text_of(response)
    assert roadmap.feedback.get().author == person


@pytest.mark.parametrize(
    ("typed", "reason"),
    [({}, "what should change"), ({"text": " \n"}, "what should change"), ({"text": "a\x00"}, "Null characters")],
)
def test_F4_changes_without_words_are_asked_for_words(visitor, person, typed, reason):
    roadmap = make_roadmap_in_review(owner=person)

    response = visitor.post(address("request_changes", roadmap), typed)

    assert response.status_code == 200
    assert reason in text_of(response)
    assert not roadmap.feedback.exists()


def test_too_many_words_are_refused_and_kept(visitor, person):
    roadmap = make_roadmap_in_review(owner=person)

    response = visitor.post(address("request_changes", roadmap), {"text": "more " * 1000})

    assert "at most 4,000 characters" in text_of(response)
    assert "more more more" in text_of(response)


def test_the_planners_question_is_answered_in_the_same_form(visitor, person):
    roadmap = make_roadmap_in_review(owner=person)
    make_feedback(roadmap=roadmap, state=Feedback.State.QUESTION, questions=["Which part?"])

    shown = text_of(visitor.get(roadmap.get_absolute_url()))

    assert "please answer: Which part?" in shown
    assert "Your answer" in shown
    assert shown.count("Which part?") == 1


# Writing


def test_the_pieces_are_counted_and_failures_grouped_by_reason(visitor, person):
    roadmap = make_written_roadmap(owner=person, state=Roadmap.State.PARTLY_READY, concepts=30)
    roadmap.steps.filter(kind="quiz", concept__position__lt=12).update(state="failed", last_error="HTTP 500")
    roadmap.steps.filter(kind="tutorial", concept__position=3).update(state="failed", last_error="too long")

    response = visitor.get(roadmap.get_absolute_url())
    shown = text_of(response)

    assert "77 of 90 pieces written, 13 failed" in shown
    assert shown.count("HTTP 500") == shown.count("too long") == 1
    assert "Quiz: Concept 12 " in shown
    assert "Try these again" in shown
    assert re.search(r'id="c-1-1-3" href="[^"]+/c-1-1-3/"', response.content.decode())
    assert 'id="c-1-1-4"' not in response.content.decode()


def test_retry_takes_up_only_what_failed(visitor, person):
    roadmap = make_written_roadmap(owner=person, state=Roadmap.State.PARTLY_READY)
    roadmap.steps.filter(kind="quiz").update(state="failed")

    response = visitor.post(address("retry", roadmap), follow=True)

    assert "Taken up again." in text_of(response)
    assert roadmap.steps.waiting().count() == 3


def test_D4_a_cancelled_roadmap_stays_cancelled_and_can_go_on(visitor, person):
    roadmap = make_written_roadmap(owner=person, state=Roadmap.State.WRITING, steps=Step.State.WAITING)

    response = visitor.post(address("cancel", roadmap), follow=True)

    assert "Cancelled" in text_of(response)
    assert "Go on writing" in text_of(response)
    assert not roadmap.steps.active().exists()


def test_cancelling_what_is_ready_already_confirms_nothing(visitor, person):
    roadmap = make_written_roadmap(owner=person)

    assert "Stopped" not in text_of(visitor.post(address("cancel", roadmap), follow=True))


def test_a_deleted_roadmap_is_gone_from_the_list_and_can_be_taken_back(visitor, person, settings):
    settings.DELETED_ROADMAP_RETENTION_DAYS = 30
    roadmap = make_written_roadmap(owner=person)
    assert "For 30 days you can take it back" in text_of(visitor.get(roadmap.get_absolute_url()))

    response = visitor.post(address("delete", roadmap), follow=True)

    assert "is deleted" in text_of(response)
    assert "No roadmap here" in text_of(response)
    assert f'<span lang="en">{roadmap}</span>' in response.content.decode()
    gone = timezone.localdate() + timedelta(days=30)
    assert f"gone for good after {date_format(gone)}" in text_of(response)

    for _ in range(2):
        visitor.post(address("take_back", roadmap), follow=True)

    response = visitor.get(reverse("roadmaps:list"))
    assert roadmap.get_absolute_url() in response.content.decode()
    assert "Recently deleted" not in text_of(response)
    assert visitor.get(roadmap.get_absolute_url()).status_code == 200
    assert roadmap.steps.exists()


def test_what_was_being_made_when_it_was_deleted_can_go_on_when_it_is_back(visitor, person):
    roadmap = make_written_roadmap(owner=person, state=Roadmap.State.WRITING, steps=Step.State.WAITING)
    visitor.post(address("delete", roadmap))

    response = visitor.post(address("take_back", roadmap), follow=True)

    assert "is back" in text_of(response)
    assert "Go on writing" in text_of(response)


def test_a_piece_that_was_being_written_again_when_it_was_deleted_stands_as_it_was(visitor, person):
    roadmap = make_written_roadmap(owner=person)
    concept = roadmap.concepts.first()
    make_tutorial(concept=concept)
    deciding.regenerate(concept, Step.Kind.TUTORIAL, wish="Shorter")
    visitor.post(address("delete", roadmap))

    response = visitor.post(address("take_back", roadmap), follow=True)

    assert "9 of 9 pieces written" in text_of(response)
    assert "Go on writing" not in text_of(response)


def test_changes_that_were_in_work_when_it_was_deleted_can_be_asked_for_again(visitor, person):
    roadmap = make_roadmap_in_review(owner=person)
    visitor.post(address("request_changes", roadmap), {"text": "More practice"})
    visitor.post(address("delete", roadmap))
    visitor.post(address("take_back", roadmap))
    visitor.post(address("retry", roadmap))

    visitor.post(address("request_changes", roadmap), {"text": "More practice"})

    assert list(roadmap.feedback.order_by("pk").values_list("state", flat=True)) == ["failed", "working"]
    assert roadmap.steps.active().count() == 1


def test_what_was_purged_or_never_deleted_is_not_taken_back(visitor, person):
    roadmap = make_written_roadmap(owner=person)

    assert visitor.post(address("take_back", roadmap)).status_code == 404
    deciding.delete(roadmap.pk)
    erasing.erase(roadmap.pk)
    assert visitor.post(address("take_back", roadmap)).status_code == 404
    with pytest.raises(deciding.RefusedError, match="gone for good"):
        deciding.take_back(roadmap.pk)


@pytest.mark.parametrize(
    ("seconds_ago", "said"),
    [
        (None, "No worker has served the content queue yet; your roadmap continues"),
        (119, ""),
        (190, "No worker has been serving the content queue for 3 minutes; your roadmap continues"),
    ],
    ids=["never", "lately", "too long ago"],
)
def test_D10_a_queue_that_nobody_serves_is_said(visitor, person, seconds_ago, said):
    roadmap = make_written_roadmap(owner=person, state=Roadmap.State.WRITING, steps=Step.State.WAITING)
    QueueHeartbeat.objects.all().delete()
    if seconds_ago:
        make_heartbeat(queue="content", seconds_ago=seconds_ago)

    Step.objects.update(created_at=timezone.now() - timedelta(minutes=5))
    shown = text_of(visitor.get(roadmap.get_absolute_url()))
    assert said in shown if said else "No worker" not in shown


def test_D10_a_queue_without_waiting_steps_is_nobodys_concern(visitor, person):
    roadmap = make_written_roadmap(owner=person)

    assert "No worker" not in text_of(visitor.get(roadmap.get_absolute_url()))


# Polling


def test_a_roadmap_is_polled_while_it_changes_and_not_after(visitor, person):
    roadmap = make_written_roadmap(owner=person, state=Roadmap.State.WRITING, steps=Step.State.RUNNING)
    path = address("progress", roadmap)

    over = '<div id="messages" hx-swap-oob="true"></div>'  # what was said when it began to change
    for response in (visitor.get(roadmap.get_absolute_url()), visitor.get(path)):
        assert f'hx-get="{path}" hx-trigger="every 1.5s"' in response.content.decode()
        assert over not in response.content.decode()
    Roadmap.objects.filter(pk=roadmap.pk).update(state=Roadmap.State.READY)
    assert over in visitor.get(path).content.decode()
    for response in (visitor.get(roadmap.get_absolute_url()), visitor.get(path)):
        assert "hx-get" not in response.content.decode()
        assert "http-equiv" not in response.content.decode()
        assert "Look again" not in response.content.decode()


def test_E4_why_an_outline_is_as_it_is_stays_on_the_page_when_its_pieces_begin(visitor, person):
    designed = make_roadmap_in_review(owner=person)
    begun = make_written_roadmap(owner=person, state=Roadmap.State.WRITING, steps=Step.State.RUNNING)
    Roadmap.objects.update(rationale="Tables come first.")

    shown = [
        text_of(visitor.get(address(name, each))) for name in ("roadmap", "progress") for each in (designed, begun)
    ]

    assert [page.count("Tables come first.") for page in shown] == [1] * 4
    assert ["Why this way" in page for page in shown] == [False, True] * 2


def test_without_script_a_page_is_looked_at_again_by_a_link_and_never_reloaded_under_its_forms(visitor, person):
    begun = make_roadmap(owner=person, state=Roadmap.State.DESIGNING)
    written = make_written_roadmap(owner=person, state=Roadmap.State.WRITING, steps=Step.State.RUNNING)

    for each in (begun, written):
        page = visitor.get(each.get_absolute_url()).content.decode()
        assert "http-equiv" not in page
        assert f'<a href="{each.get_absolute_url()}">Look again</a></p></noscript>' in page


def test_an_unchanged_poll_is_304_from_the_first_on(visitor, person):
    roadmap = make_written_roadmap(owner=person, state=Roadmap.State.WRITING, steps=Step.State.WAITING)
    page = visitor.get(roadmap.get_absolute_url()).content.decode()
    tag = re.search(r'"If-None-Match": "\\"(\w+)\\""', page)[1]

    def poll():
        return visitor.get(address("progress", roadmap), headers={"If-None-Match": f'"{tag}"'})

    assert (poll().status_code, poll().content) == (304, b"")


@pytest.mark.parametrize(
    "change",
    [
        lambda roadmap, step: Step.objects.filter(pk=step.pk).update(state="done", finished_at=timezone.now()),
        lambda roadmap, step: Step.objects.filter(pk=step.pk).update(started_at=timezone.now() + timedelta(seconds=1)),
        lambda roadmap, step: Roadmap.objects.filter(pk=roadmap.pk).update(state=Roadmap.State.CANCELLED),
        lambda roadmap, step: Roadmap.objects.get(pk=roadmap.pk).save(),
        lambda roadmap, step: QueueHeartbeat.objects.all().delete(),
        lambda roadmap, step: ConceptProgress.objects.create(
            user=roadmap.owner, concept=step.concept, done_at=timezone.now()
        ),
    ],
    ids=["a piece done", "a step claimed", "the state", "the row", "the queue", "a concept learned"],
)
def test_E4_a_poll_after_a_change_brings_the_page(visitor, person, change):
    make_heartbeat(queue="content")
    roadmap = make_written_roadmap(owner=person, state=Roadmap.State.WRITING, steps=Step.State.WAITING)
    Step.objects.update(
        created_at=timezone.now() - timedelta(minutes=5)
    )  # long enough for a queue to be called unserved
    tag = visitor.get(address("progress", roadmap)).headers["ETag"]

    change(roadmap, roadmap.steps.first())

    response = visitor.get(address("progress", roadmap), headers={"If-None-Match": tag})
    assert response.status_code == 200
    assert response.headers["ETag"] != tag


def test_E4_a_page_that_is_opened_late_and_a_poll_without_memory_show_all_from_rows(visitor, person):
    roadmap = make_written_roadmap(owner=person, state=Roadmap.State.WRITING, steps=Step.State.DONE, concepts=5)
    roadmap.steps.filter(kind="quiz").update(state="running", lease_token=uuid.uuid4(), lease_expires_at=timezone.now())
    roadmap.steps.filter(kind="resources", concept__position=3).update(state="failed", last_error="HTTP 500")

    page, poll = visitor.get(roadmap.get_absolute_url()), visitor.get(address("progress", roadmap))

    for shown in (text_of(page), text_of(poll)):
        assert "9 of 15 pieces written, 1 failed" in shown
        assert "HTTP 500" in shown
        assert str(Step.State.RUNNING.label) in shown


def test_line_ends_count_once_as_the_browser_counted_them(visitor, person):
    lines = "\r\n".join(["x" * 96] * 41)  # 3,976 characters there
    assert visitor.post(address("request_changes", make_roadmap_in_review(owner=person)), {"text": lines}).url
    background = lines.replace("\r\n", "\n")[:2000].replace("\n", "\r\n")
    motivation = background.replace("\r\n", "\n")[:1000].replace("\n", "\r\n")
    wanted = {"goal": "Learn to sail", "level": "beginner", "hours_per_week": "6", "language": "en"}

    visitor.post(reverse("roadmaps:new"), {**wanted, "background": background})
    made = Roadmap.objects.get(goal="Learn to sail")
    plan = {"hours_per_week": "6", "motivation": motivation, "preference": "any", "second_language": ""}
    visitor.post(address("change_plan", made), plan)
    visitor.post(reverse("roadmaps:account"), {**wanted, "preference": "any", "background": background})

    made.refresh_from_db()
    found = (made.background, made.motivation, Profile.of(person).background)
    assert list(map(len, found)) == [2000, 1000, 2000]


# Where a learner is


def test_what_comes_next_is_said_with_its_reasons_the_hours_left_and_the_day(visitor, person):
    deadline = timezone.localdate() + timedelta(days=2)
    roadmap = make_written_roadmap(owner=person, concepts=3)
    Roadmap.objects.filter(pk=roadmap.pk).update(deadline=deadline)
    assert "Begin with: Concept 1" in text_of(visitor.get(roadmap.get_absolute_url()))
    ConceptProgress.objects.create(user=person, concept=roadmap.concepts.get(position=0), done_at=timezone.now())

    shown = text_of(visitor.get(roadmap.get_absolute_url()))

    assert "Stage 1 Module 1.1 Next: Concept 2" in shown
    assert "You have learned what it builds on: Concept 1 ." in shown
    assert "It lies on the shortest way to “ Stage 1 ”. 1 concept builds on it." in shown
    assert "3 hours 2 concepts" in shown
    assert "6 hours a week as you planned" in shown
    assert "2 days after" in shown
    assert "11 hours a week would do" in shown
    assert "1.5 of" not in shown
    assert "4.5 h, 1 of 3 learned" in shown


def test_a_concept_on_which_no_later_one_builds_is_next_in_order_and_not_on_the_way(visitor, person):
    roadmap = make_written_roadmap(owner=person, stages=3, concepts=1)
    Concept.prerequisites.through.objects.all().delete()

    shown = text_of(visitor.get(roadmap.get_absolute_url()))

    assert "It builds on nothing else here. It is the next in order." in shown
    assert "shortest way" not in shown


def test_a_deadline_is_not_forgotten_where_no_finishing_day_can_be_named(visitor, person):
    deadline = timezone.localdate() + timedelta(days=70)
    roadmap = make_written_roadmap(owner=person, concepts=3)
    Roadmap.objects.filter(pk=roadmap.pk).update(deadline=deadline, hours_per_week=1)
    roadmap.concepts.update(hours=200)

    shown = text_of(visitor.get(roadmap.get_absolute_url()))

    assert "Your pace 1 hour a week as you planned Done by too far off to name a day not by" in shown
    assert "your date; 60 hours a week would do" in shown


def test_hours_and_date_are_changed_on_the_roadmaps_page_and_the_finishing_date_follows(visitor, person):
    roadmap = make_written_roadmap(owner=person, concepts=3)
    day = timezone.localdate() + timedelta(days=5)
    assert '<details id="plan">' in visitor.get(roadmap.get_absolute_url()).content.decode()
    assert '<details id="plan" open>' in visitor.get(roadmap.get_absolute_url() + "?plan").content.decode()

    wishes = {"motivation": "", "preference": "any", "second_language": ""}
    plan = {"hours_per_week": "1", "deadline": day, **wishes}
    shown = visitor.post(address("change_plan", roadmap), plan, follow=True)

    roadmap.refresh_from_db()
    assert (roadmap.hours_per_week, roadmap.deadline, roadmap.weeks) == (1, day, 5)
    assert "Changed. The weeks and the day" in text_of(shown)
    assert "7 hours a week would do" in text_of(shown)
    visitor.post(address("change_plan", roadmap), {**plan, "hours_per_week": "9", "deadline": ""})
    roadmap.refresh_from_db()
    assert (roadmap.hours_per_week, roadmap.deadline) == (9, None)


@pytest.mark.parametrize(("weeks", "is_late"), [(1, True), (52, False)])
def test_before_approving_one_sees_when_it_is_done_and_whether_that_is_too_late(visitor, person, weeks, is_late):
    roadmap = make_roadmap_in_review(owner=person)
    deadline = timezone.localdate() + timedelta(weeks=weeks)
    Roadmap.objects.update(hours_per_week=1, deadline=deadline)

    page = visitor.get(roadmap.get_absolute_url())

    decision = page.content.decode().partition('id="decision-title"')[2].partition("</form>")[0]
    done_on = timezone.localdate() + timedelta(days=math.ceil(roadmap.hours * 7))
    assert f"<dd>{date_format(done_on)}<span" in decision
    assert ("your date; 5 hours a week would do" in decision) is is_late
    assert ("This is more than your date leaves time for." in decision) is is_late
    assert ("in time for" in decision) is not is_late
    assert (f'href="{roadmap.get_absolute_url()}?plan#plan"' in decision) is is_late


@pytest.mark.parametrize(
    ("provider", "said"),
    [
        ("library", "the bundled library’s texts are the same for everybody"),
        ("openai", "counts for what is written from now on"),
    ],
)
def test_what_for_and_how_one_likes_to_learn_are_changed_there_too(visitor, person, settings, provider, said):
    settings.LLM_PROVIDER = provider
    roadmap = make_written_roadmap(owner=person)
    plan = {"hours_per_week": "6", "deadline": "", "motivation": "A new job"}

    visitor.post(address("change_plan", roadmap), {**plan, "preference": "hands_on", "second_language": "de"})

    roadmap.refresh_from_db()
    assert (roadmap.motivation, roadmap.preference, roadmap.second_language) == ("A new job", "hands_on", "de")
    page = visitor.get(roadmap.get_absolute_url())
    assert said in text_of(page)
    assert "A new job</textarea>" in page.content.decode()
    asked = prompts.tutorial(roadmap.concepts.select_related("roadmap", "module__stage").first(), [], "")
    assert "Motivation: A new job" in asked
    assert "Prefers: Hands-on practice" in asked


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"hours_per_week": "0"}, "greater than or equal to 1"),
        ({"hours_per_week": ""}, "This field is required"),
        ({"deadline": "2001-01-01"}, "Choose a day in the future."),
        ({"deadline": "junk"}, "Enter a valid date."),
        ({"preference": "dance"}, "Select a valid choice."),
    ],
)
def test_a_wrong_plan_is_told_beside_its_field_and_changes_nothing(visitor, person, wrong, reason):
    roadmap = make_written_roadmap(owner=person)

    plan = {"hours_per_week": "8", "deadline": "", "motivation": "", "preference": "any", "second_language": ""}

    page = visitor.post(address("change_plan", roadmap), {**plan, **wrong}).content.decode()

    assert '<details id="plan" open>' in page
    assert reason in page
    roadmap.refresh_from_db()
    assert (roadmap.hours_per_week, roadmap.deadline) == (6, None)


def test_who_has_learned_everything_is_told(visitor, person):
    roadmap = make_written_roadmap(owner=person, concepts=2)
    for concept in roadmap.concepts.all():
        ConceptProgress.objects.create(user=person, concept=concept, done_at=timezone.now())

    assert "You have learned everything here." in text_of(visitor.get(roadmap.get_absolute_url()))


def test_the_picture_is_there_as_a_list_with_links_and_what_can_be_begun(visitor, person):
    roadmap = make_written_roadmap(owner=person, concepts=3)
    ConceptProgress.objects.create(user=person, concept=roadmap.concepts.get(position=0), done_at=timezone.now())

    page = visitor.get(roadmap.get_absolute_url())

    html = page.content.decode()
    assert re.search(r'<svg [^>]*role="group" aria-label="The concepts by stage', html)
    boxes = re.findall(r'<a class="box box-(\w+)" href="([^"]+)" lang="en" aria-describedby="look-(\w+)">', html)
    assert boxes == [
        (look, f"{roadmap.get_absolute_url()}c-1-1-{place}/", look)
        for place, look in enumerate(("learned", "next", "later"), start=1)
    ]
    assert all(f'<li id="look-{look}"' in html for look, _, _ in boxes)
    assert "Concept 1 (learned) Concept 2 (next) builds on Concept 1 Concept 3 builds on Concept 2" in text_of(page)
    assert f'{roadmap.get_absolute_url()}c-1-1-3/" lang="en">Concept 3</a>' in page.content.decode()


def test_E4_a_poll_brings_the_picture_only_where_it_looks_otherwise(visitor, person):
    roadmap = make_written_roadmap(owner=person, state=Roadmap.State.WRITING, steps=Step.State.WAITING)
    page = visitor.get(roadmap.get_absolute_url()).content.decode()
    seen = re.search(r'hx-vals=\'{"map": "(\w+)"}\'', page)[1]
    path = f"{address('progress', roadmap)}?map={seen}"

    roadmap.steps.filter(kind="quiz").update(state="done")
    assert "<svg" not in visitor.get(path).content.decode()
    ConceptProgress.objects.create(user=person, concept=roadmap.concepts.get(position=0), done_at=timezone.now())
    assert '<div id="map" hx-swap-oob="true">' in visitor.get(path).content.decode()


# What pages cost


@pytest.mark.parametrize("name", ["roadmap", "progress"])
@pytest.mark.parametrize("state", [Roadmap.State.WRITING, Roadmap.State.PARTLY_READY])
def test_A12_a_pages_queries_do_not_grow_with_the_concepts(visitor, person, name, state):
    small = make_written_roadmap(owner=person, state=state, steps=Step.State.FAILED, concepts=1)
    large = make_written_roadmap(owner=person, state=state, steps=Step.State.FAILED, stages=3, modules=2, concepts=5)

    assert queries_of(visitor, address(name, large)) == queries_of(visitor, address(name, small)) <= 14


@pytest.mark.parametrize("shape", [(3, 2, 3), (3, 2, 5), (5, 4, 6)], ids=["18", "30", "120"])
@pytest.mark.parametrize(("name", "queries"), [("roadmap", 11), ("progress", 13)])
def test_A12_a_roadmap_of_any_size_costs_the_same(visitor, person, django_assert_num_queries, name, queries, shape):
    stages, modules, concepts = shape
    roadmap = make_written_roadmap(owner=person, stages=stages, modules=modules, concepts=concepts)

    # session, user, roadmap, steps' states, learned, steps, quiz attempts, stages, modules, concepts and what they
    # build on; a poll looks at its tag before
    with django_assert_num_queries(queries):
        assert visitor.get(address(name, roadmap)).status_code == 200


def test_A12_a_reviews_queries_do_not_grow_with_the_concepts(visitor, person):
    small = make_roadmap_in_review(owner=person, concepts=2)
    large = make_roadmap_in_review(owner=person, stages=3, modules=2, concepts=5)

    assert queries_of(visitor, address("roadmap", large)) == queries_of(visitor, address("roadmap", small)) <= 14


def test_A12_an_unchanged_poll_costs_five_queries(visitor, person, django_assert_num_queries):
    roadmap = make_written_roadmap(owner=person, state=Roadmap.State.WRITING, steps=Step.State.WAITING, concepts=30)
    tag = visitor.get(address("progress", roadmap)).headers["ETag"]

    with django_assert_num_queries(5):  # session, user, roadmap, steps, learned
        assert visitor.get(address("progress", roadmap), headers={"If-None-Match": tag}).status_code == 304


def test_A12_while_it_is_written_each_finished_piece_is_one_new_answer_of_the_same_cost(
    visitor, person, django_assert_num_queries
):
    roadmap = make_written_roadmap(owner=person, state=Roadmap.State.WRITING, steps=Step.State.WAITING, concepts=5)
    tag = visitor.get(address("progress", roadmap)).headers["ETag"]

    for step in roadmap.steps.filter(kind=Step.Kind.TUTORIAL).order_by("pk"):
        make_tutorial(concept=step.concept)
        Step.objects.filter(pk=step.pk).update(state=Step.State.DONE, finished_at=timezone.now())
        with django_assert_num_queries(13):
            new = visitor.get(address("progress", roadmap), headers={"If-None-Match": tag})
        assert (new.status_code, new.headers["ETag"] == tag) == (200, False)
        tag = new.headers["ETag"]
        for _ in range(3):
            with django_assert_num_queries(5):
                again = visitor.get(address("progress", roadmap), headers={"If-None-Match": tag})
            assert (again.status_code, again.content) == (304, b"")


def test_the_lists_queries_do_not_grow_with_the_roadmaps(visitor, person):
    make_written_roadmap(owner=person)
    few = queries_of(visitor, "/")
    for _ in range(19):
        make_written_roadmap(owner=person, concepts=1)

    assert queries_of(visitor, "/") == few <= 6


# Addresses


def test_an_outdated_slug_leads_to_the_canonical_address(visitor, person):
    roadmap = make_roadmap(owner=person)
    old, path = roadmap.slug, roadmap.get_absolute_url()
    Roadmap.objects.filter(pk=roadmap.pk).update(slug=f"chess-{roadmap.token}")

    assert visitor.get(path).url == f"/roadmaps/chess-{roadmap.token}/"
    assert visitor.get(f"{path}log/").url == f"/roadmaps/chess-{roadmap.token}/log/"
    response = visitor.get(reverse("roadmaps:progress", args=[old]))
    assert response.status_code == 200
    assert response.headers["HX-Replace-Url"] == f"/roadmaps/chess-{roadmap.token}/"


# Hostile text, and what a strict policy will forbid


def test_G2_hostile_text_is_shown_as_text_on_every_page(visitor, person):
    roadmap = make_roadmap_in_review(owner=person)
    Roadmap.objects.filter(pk=roadmap.pk).update(
        goal=HOSTILE, title=HOSTILE, rationale=HOSTILE, notice=HOSTILE, origin=HOSTILE
    )
    roadmap.concepts.update(name=HOSTILE, description=HOSTILE)
    roadmap.stages.update(name=HOSTILE, description=HOSTILE)
    make_feedback(roadmap=roadmap, text=HOSTILE, state=Feedback.State.QUESTION, questions=[HOSTILE])
    make_log_entry(roadmap=roadmap, event=HOSTILE, message=HOSTILE)
    written = make_written_roadmap(owner=person, state=Roadmap.State.PARTLY_READY)
    written.steps.update(state="failed", last_error=HOSTILE)

    pages = [visitor.get(path) for path in ("/", address("roadmap", roadmap), address("log", roadmap))]
    pages += [visitor.get(address("roadmap", written)), visitor.get(address("progress", roadmap))]
    pages += [visitor.post("/new/", {**GOAL, "goal": HOSTILE, "hours_per_week": "0"})]
    pages += [visitor.post(address("request_changes", roadmap), {"text": HOSTILE + "x" * 5000})]

    for page in pages:
        assert page.status_code == 200
        assert "<script>alert" not in page.content.decode()
        assert escape(HOSTILE) in page.content.decode()
        assert 'href="javascript' not in page.content.decode()


def test_pages_hold_no_inline_scripts_styles_or_handlers_and_no_foreign_hosts(visitor, person, client):
    in_review = make_roadmap_in_review(owner=person)
    written = make_written_roadmap(owner=person)

    paths = ["/", "/new/", "/nowhere/", address("roadmap", in_review), address("roadmap", written)]
    for page in [visitor.get(path).content.decode() for path in [*paths, address("log", written)]]:
        assert re.findall(r"<script(?![^>]* src=)", page) == []
        assert re.findall(r"\sstyle=|<style|\son[a-z]+=|hx-on", page) == []
        assert re.findall(r'(?:src|href|action)="(?:https?:)?//', page) == []


def test_a_page_that_is_not_there_says_so_in_the_same_dress(visitor, client):
    response = visitor.get("/nowhere/")

    assert response.status_code == 404
    assert "There is nothing here" in text_of(response)


def test_the_log_is_shown_latest_first(visitor, person):
    roadmap = make_written_roadmap(owner=person)
    make_log_entry(roadmap=roadmap, event="first", happened_at=timezone.now() - timedelta(minutes=1))
    make_log_entry(roadmap=roadmap, event="second", level="error", concept=roadmap.concepts.first())

    assert re.search(r"second Error c-1-1-1 .* first", text_of(visitor.get(address("log", roadmap))))
