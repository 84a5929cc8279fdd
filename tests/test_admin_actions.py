"""What editors may decide in the admin, once each, and what they may not."""

from datetime import timedelta
from functools import partial
from importlib import import_module

import pytest
from django.apps import apps
from django.contrib.admin.models import CHANGE
from django.contrib.admin.models import LogEntry as Noted
from django.contrib.auth.models import Permission, User
from django.db.models.signals import post_delete
from django.utils import timezone
from django_q.models import Failure, OrmQ, Success, Task

from content.models import Note, Question, Quiz, QuizAttempt, Resource, ResourceList, Share, Tutorial
from roadmap_project.models import ApiToken
from roadmaps import accounts, deciding, erasing, tasks
from roadmaps.models import (
    Concept,
    ConceptProgress,
    LogEntry,
    ModelCall,
    Module,
    OutlineReview,
    OutlineRevision,
    Profile,
    Roadmap,
    Stage,
    Step,
)
from tests.editors import address, make_editor
from tests.factories import (
    make_call,
    make_feedback,
    make_log_entry,
    make_quiz,
    make_resources,
    make_review,
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


@pytest.fixture
def editor(client):
    editor = make_editor(username="eve")
    client.force_login(editor)
    return editor


@pytest.fixture
def reader(client):
    """Staff that may look and not touch."""
    reader = make_user(is_staff=True)
    models = ("roadmap", "concept", "tutorial", "resourcelist", "quiz", "outlinerevision")
    reader.user_permissions.set(Permission.objects.filter(codename__in=[f"view_{model}" for model in models]))
    client.force_login(reader)
    return reader


def choose(client, action, *rows, **data):
    """Carry out a list's action on rows."""
    data = {"action": action, "_selected_action": [row.pk for row in rows], **data}
    return client.post(address(type(rows[0]), "changelist"), data, follow=True)


def press(client, action, row, **data):
    """Press a button of a row's own page."""
    return client.post(address(row), {"action": action, **data}, follow=True)


def stopped(state=Step.State.FAILED):
    return make_written_roadmap(state=Roadmap.State.PARTLY_READY, steps=state, concepts=2)


each_door = pytest.mark.parametrize("do", [choose, press])


@each_door
def test_approving_starts_the_writing_once(client, editor, do):
    roadmap = make_roadmap_in_review(concepts=2)

    do(client, "approve", roadmap)
    do(client, "approve", roadmap)

    roadmap.refresh_from_db()
    assert roadmap.state == Roadmap.State.WRITING
    assert roadmap.steps.content().count() == 6


@each_door
def test_cancelling_stops_what_is_under_way(client, editor, do):
    roadmap = make_written_roadmap(state=Roadmap.State.WRITING, steps=Step.State.WAITING)

    do(client, "cancel", roadmap)

    roadmap.refresh_from_db()
    assert roadmap.state == Roadmap.State.CANCELLED
    assert not roadmap.steps.active().exists()


@each_door
def test_retrying_takes_up_what_failed(client, editor, do):
    roadmap = stopped()

    do(client, "retry", roadmap)

    assert roadmap.steps.waiting().count() == 6


@each_door
def test_a_concepts_failed_pieces_are_taken_up_with_their_wish(client, editor, do):
    roadmap = stopped()
    roadmap.steps.filter(kind="quiz").update(wish="Harder")
    concept = roadmap.concepts.get(key="c-1-1-1")

    do(client, "retry_failed", concept)

    assert roadmap.steps.waiting().count() == 3
    assert concept.steps.get(kind="quiz").wish == "Harder"


@each_door
@pytest.mark.parametrize("of", ["roadmap", "concept"])
def test_what_could_not_be_written_again_is_taken_up_with_its_wish(client, editor, do, of):
    roadmap = make_written_roadmap(concepts=2)
    concept = roadmap.concepts.get(key="c-1-1-1")
    concept.steps.filter(kind="quiz").update(is_rewrite=True, wish="Harder", last_error="HTTP 500")
    row, action = (roadmap, "retry") if of == "roadmap" else (concept, "retry_failed")
    assert f'value="{action}"' in client.get(address(row)).content.decode()

    pages = [do(client, action, row).content.decode() for _ in range(2)]

    assert ["nothing to do" in page for page in pages] == [False, True]
    step = Step.objects.waiting().get()
    assert (step.concept, step.kind, step.wish, step.is_rewrite) == (concept, "quiz", "Harder", True)
    roadmap.refresh_from_db()
    assert roadmap.state == Roadmap.State.READY


def test_what_may_have_no_further_version_keeps_nothing_else_from_being_taken_up(client, editor, settings):
    settings.MAX_VERSIONS_PER_PIECE = 1
    roadmap = make_written_roadmap(concepts=2)
    full, other = roadmap.concepts.order_by("position")
    roadmap.steps.filter(kind="tutorial").update(is_rewrite=True, last_error="HTTP 500")
    make_tutorial(concept=full)

    first, second = (press(client, "retry", roadmap).content.decode() for _ in range(2))

    assert "taken up again" in first
    assert "There are as many versions of this as are kept (1)." in second
    assert Step.objects.waiting().get().concept == other


@each_door
@pytest.mark.parametrize("kind", Step.CONTENT_KINDS)
def test_a_piece_is_written_again_once(client, editor, do, kind):
    concept = make_written_roadmap().concepts.get(key="c-1-1-1")

    pages = [do(client, f"regenerate_{kind}", concept, wish=wish) for wish in ("Shorter", "Shorter", "", "Longer")]

    assert ["will be written again" in page.content.decode() for page in pages] == [True, False, False, False]
    assert ["nothing to do. It is being written already." in page.content.decode() for page in pages] == [
        *(False, True, True, False)  # another wish is refused
    ]
    assert "It is being written already. When it is there" in pages[-1].content.decode()
    assert Noted.objects.filter(action_flag=CHANGE).count() == 1
    waiting = Step.objects.waiting().get()
    assert (waiting.concept, waiting.kind, waiting.wish, waiting.is_rewrite) == (concept, kind, "Shorter", True)


@each_door
@pytest.mark.parametrize("of", ["roadmap", "concept"])
def test_links_are_checked_now_once(client, editor, do, of, settings):
    settings.LINK_CHECKS = True
    roadmap = make_written_roadmap(concepts=2)
    concept = roadmap.concepts.get(key="c-1-1-1")
    make_resources(concept=concept)
    row = roadmap if of == "roadmap" else concept

    do(client, "check_links", row)
    do(client, "check_links", row)

    assert Step.objects.filter(kind="links").get().concept == concept


def test_links_that_cannot_be_checked_are_said(client, editor, settings):
    concept = make_written_roadmap().concepts.get(key="c-1-1-1")

    settings.LINK_CHECKS = True
    assert "There are no links to check." in press(client, "check_links", concept).content.decode()
    settings.LINK_CHECKS = False
    assert "Link checks are turned off" in press(client, "check_links", concept).content.decode()


def test_a_list_of_versions_restores_too(client, editor):
    concept = make_written_roadmap().concepts.get(key="c-1-1-1")
    first = make_tutorial(concept=concept)
    make_tutorial(concept=concept, version=2, markdown="Worse.")

    choose(client, "restore", first)

    assert Tutorial.objects.current().get(concept=concept).version == 3


def test_what_is_refused_is_said_and_the_others_go_on(client, editor):
    done, fresh = make_roadmap_in_review(), make_tree()

    page = choose(client, "approve", fresh, done)

    assert "There is nothing to approve" in page.content.decode()
    done.refresh_from_db()
    assert done.state == Roadmap.State.WRITING


def test_an_owners_limit_is_not_said_to_be_the_editors(client, editor, settings):
    settings.MAX_COST_PER_PERSON = 1
    roadmap = make_written_roadmap()
    make_call(roadmap=roadmap, cost="1.5")

    page = press(client, "regenerate_quiz", roadmap.concepts.get(key="c-1-1-1")).content.decode()

    assert "refused, in the words for the roadmap’s owner: “The model calls for you" in page


def test_pieces_that_could_not_be_written_again_are_found(client, editor):
    concept, other = make_written_roadmap(concepts=2).concepts.order_by("position")
    concept.steps.filter(kind="quiz").update(last_error="no answer")
    other.steps.filter(kind="quiz").update(state=Step.State.FAILED, last_error="no answer")

    def found(pieces):
        return list(client.get(address(Concept, "changelist"), {"pieces": pieces}).context["cl"].result_list)

    assert (found("rewrite_failed"), found("failed")) == ([concept], [other])


def test_what_its_owner_deleted_is_not_given_out_as_a_subject(client, editor):
    roadmap = make_written_roadmap()
    page = f"{address(roadmap).removesuffix('change/')}subject/"
    assert page in client.get(address(roadmap)).content.decode()

    deciding.delete(roadmap.pk)

    assert page not in client.get(address(roadmap)).content.decode()
    assert client.get(page).status_code == 404


def test_an_action_takes_a_bounded_number_of_rows(client, editor):
    roadmap = make_tree(concepts=101)

    page = choose(client, "regenerate_quiz", *roadmap.concepts.all())

    assert "at most 100 at a time" in page.content.decode()


@pytest.mark.parametrize("model", [Roadmap, User, Success])
def test_all_rows_of_a_long_list_are_not_deleted_at_once(admin_client, model):
    now = timezone.now()
    for number in range(101):
        make_roadmap(owner=make_user())
        Success.objects.create(id=number, name=number, func="x", started=now, stopped=now, success=True)
    first, there = model.objects.all()[0], model.objects.count()

    for confirmed in ({}, {"post": "yes"}):
        page = choose(admin_client, "delete_selected", first, select_across="1", **confirmed)
        assert "at most 100 at a time" in page.content.decode()
    assert model.objects.count() == there

    choose(admin_client, "delete_selected", first, post="yes")
    assert model.objects.count() == there - 1


def test_a_decision_is_noted_with_who_took_it(client, editor):
    roadmap = make_roadmap_in_review()

    press(client, "approve", roadmap)

    assert "approved" in client.get(address(roadmap, "history")).content.decode()


@pytest.mark.parametrize(
    ("state", "verbs"),
    [
        (Roadmap.State.READY, ["approve", "cancel", "retry", "take_back"]),
        (Roadmap.State.PARTLY_READY, ["approve", "cancel", "take_back"]),
        (Roadmap.State.CANCELLED, ["approve", "cancel", "take_back"]),
        (Roadmap.State.WRITING, ["approve", "retry", "take_back"]),
    ],
)
def test_what_changes_nothing_is_neither_confirmed_nor_noted(client, editor, state, verbs):
    roadmap = make_written_roadmap(state=state, concepts=1)

    said = [choose(client, verb, roadmap).content.decode() for verb in verbs]

    assert all(f"nothing to do. Its state: {state.label}." in page for page in said)
    assert not Noted.objects.exists()
    roadmap.refresh_from_db()
    assert roadmap.state == state


def test_a_concept_without_failures_and_a_version_that_is_current_leave_nothing_to_do(client, editor):
    concept = make_written_roadmap().concepts.get(key="c-1-1-1")
    first = make_tutorial(concept=concept)
    make_tutorial(concept=concept, version=2)

    assert "nothing to do. Nothing of it has failed." in press(client, "retry_failed", concept).content.decode()
    page = press(client, "restore", first).content.decode()
    assert "nothing to do. Version 2, which is current, says the same." in page
    assert not Noted.objects.exists()


@pytest.mark.parametrize(
    ("state", "offered"),
    [
        (Roadmap.State.IN_REVIEW, {"approve", "cancel", "check_links"}),
        (Roadmap.State.WRITING, {"cancel", "check_links"}),
        (Roadmap.State.PARTLY_READY, {"retry", "check_links"}),
        (Roadmap.State.READY, {"check_links"}),
        (Roadmap.State.CANCELLED, {"retry", "check_links"}),
    ],
)
def test_a_roadmaps_page_offers_what_its_state_allows(client, editor, state, offered):
    roadmap = make_written_roadmap(state=state)

    assert {verb["name"] for verb in client.get(address(roadmap)).context["verbs"]} == offered


@each_door
def test_what_its_owner_deleted_is_given_back_and_nothing_else_is_offered(client, editor, do):
    roadmap = make_written_roadmap(state=Roadmap.State.READY)
    deciding.delete(roadmap.pk)
    assert {verb["name"] for verb in client.get(address(roadmap)).context["verbs"]} == {"take_back"}

    for _ in range(2):
        do(client, "take_back", roadmap)

    roadmap.refresh_from_db()
    assert roadmap.deleted_at is None
    assert Roadmap.objects.for_owner(roadmap.owner).get() == roadmap


# Permissions


ACTIONS = {
    OutlineRevision: ("restore",),
    Roadmap: ("approve", "cancel", "retry", "take_back", "check_links", "delete_selected"),
    Concept: ("retry_failed", "regenerate_tutorial", "regenerate_resources", "regenerate_quiz", "check_links"),
    Tutorial: ("restore",),
    ResourceList: ("restore",),
    Quiz: ("restore",),
}


@pytest.mark.parametrize(
    ("model", "action"), [(model, action) for model, actions in ACTIONS.items() for action in actions]
)
def test_each_action_needs_its_permission(client, reader, model, action):
    concept = make_written_roadmap(state=Roadmap.State.PARTLY_READY, steps=Step.State.FAILED).concepts.all()[0]
    for make in (make_tutorial, make_resources, make_quiz):
        make(concept=concept)
        make(concept=concept, version=2)
    before = (Step.objects.active().count(), Roadmap.objects.count(), Tutorial.objects.count(), Quiz.objects.count())
    row = model.objects.order_by("pk")[0]

    choose(client, action, row, post="yes")
    refused = press(client, action, row)

    assert refused.status_code == 403
    after = (Step.objects.active().count(), Roadmap.objects.count(), Tutorial.objects.count(), Quiz.objects.count())
    assert after == before


def test_who_may_only_look_is_offered_nothing_to_press(client, reader):
    concept = make_written_roadmap().concepts.all()[0]
    tutorial = make_tutorial(concept=concept)

    for row in (concept.roadmap, concept, tutorial):
        text = client.get(address(row)).content.decode()
        assert 'name="action"' not in text
        assert 'name="_save"' not in text
    assert client.post(address(tutorial), {"title": "Mine"}).status_code == 403


def test_editors_do_not_touch_users(client, editor):
    person = make_user()

    assert client.get(address(User, "changelist")).status_code == 403
    assert client.get(address(person)).status_code == 403
    assert client.post(address(person, "delete"), {"post": "yes"}).status_code == 403
    assert User.objects.filter(pk=person.pk).exists()


def test_editors_delete_no_roadmap(client, editor):
    roadmap = make_written_roadmap()

    assert client.post(address(roadmap, "delete"), {"post": "yes"}).status_code == 403
    assert "Delete for good" not in client.get(address(roadmap)).content.decode()


PARTS = (
    Stage, Module, Concept, Step, OutlineRevision, OutlineReview, LogEntry, ModelCall,
    Tutorial, ResourceList, Resource, Quiz, Question, QuizAttempt,
)  # fmt: skip


@pytest.mark.parametrize(
    "who", [make_editor, partial(make_user, is_staff=True, is_superuser=True)], ids=["an editor", "a superuser"]
)
def test_nobody_deletes_a_part_of_a_roadmap_behind_its_back(client, who):
    """An outline would lose a concept without a new version, a current version a link, a person their answers."""
    client.force_login(who())
    client.raise_request_exception = False
    make_review(revision=make_full_roadmap().revisions.get())
    rows = [model.objects.order_by("pk")[0] for model in PARTS]
    wrong = {}

    for row in rows:
        with undone():
            refused = client.post(address(row, "delete"), {"post": "yes"})
            choose(client, "delete_selected", row, post="yes")
            is_there = type(row).objects.filter(pk=row.pk).exists()
            is_offered = "Delete selected" in client.get(address(type(row), "changelist")).content.decode()
        if refused.status_code != 403 or not is_there or is_offered:
            wrong[type(row).__name__] = (refused.status_code, is_there, is_offered)

    assert not wrong, wrong


def test_editors_see_what_they_curate_by(client, editor):
    curated = (Roadmap, Concept, Step, LogEntry, ModelCall, Tutorial, ResourceList, Resource, Quiz)

    assert {model: client.get(address(model, "changelist")).status_code for model in curated} == dict.fromkeys(
        curated, 200
    )


def test_people_who_are_not_staff_see_nothing(client):
    client.force_login(make_user())

    assert client.get(address(Roadmap, "changelist")).status_code == 302


# Deleting for good


def make_full_roadmap():
    roadmap = make_written_roadmap(concepts=2)
    concept = roadmap.concepts.get(key="c-1-1-1")
    make_tutorial(concept=concept)
    make_tutorial(concept=concept, version=2)
    make_resources(concept=concept)
    make_quiz(concept=concept).attempts.create(user=roadmap.owner, answers={}, right=0, total=3)
    make_log_entry(roadmap=roadmap, concept=concept)
    make_feedback(roadmap=roadmap)
    make_step(roadmap=roadmap)
    ConceptProgress.objects.create(user=roadmap.owner, concept=concept)
    ModelCall.objects.create(
        roadmap=roadmap, concept=concept, purpose="quiz", provider="openai", outcome="invalid", latency=1, cost="0.5",
        error="their own words",
    )  # fmt: skip
    return roadmap


def what_hangs_on_roadmaps():
    """Every table of both apps with a way to a roadmap."""
    models = [*apps.get_app_config("roadmaps").get_models(), *apps.get_app_config("content").get_models()]
    return {model.__name__: model._default_manager.count() for model in models if model is not ModelCall}


@each_door
def test_deleting_for_good_is_complete(admin_client, do):
    kept = make_full_roadmap()
    before = what_hangs_on_roadmaps()
    roadmap = make_full_roadmap()
    press(admin_client, "retry", roadmap)  # which is noted, with the title

    if do is choose:
        choose(admin_client, "delete_selected", roadmap, post="yes")
    else:
        admin_client.post(address(roadmap, "delete"), {"post": "yes"})

    assert what_hangs_on_roadmaps() == before
    assert list(Roadmap.objects.all()) == [kept]
    call = ModelCall.objects.get(roadmap=None)
    assert (float(call.cost), call.error, call.concept) == (0.5, "", None)
    assert {each.object_repr for each in Noted.objects.filter(object_id=roadmap.pk)} == {roadmap.token}


@each_door
def test_deleting_a_person_is_complete_and_keeps_what_their_model_calls_cost(admin_client, do):
    kept = make_full_roadmap()
    before = what_hangs_on_roadmaps()
    person = make_full_roadmap().owner

    confirmation = admin_client.get(address(person, "delete")).content.decode()
    if do is choose:
        choose(admin_client, "delete_selected", person, post="yes")
    else:
        admin_client.post(address(person, "delete"), {"post": "yes"})

    assert "Roadmaps with all that was written, answered and noted: 1" in confirmation
    assert not User.objects.filter(pk=person.pk).exists()
    assert what_hangs_on_roadmaps() == before
    assert list(Roadmap.objects.all()) == [kept]
    call = ModelCall.objects.get(roadmap=None)
    assert (float(call.cost), call.error) == (0.5, "")


def test_a_log_line_is_found_by_its_requests_id(admin_client):
    make_log_entry(roadmap=None, event="found", details={"request_id": "0a1b2c3d"})
    make_log_entry(roadmap=None, event="other", details={"request_id": "ffffffff"})

    page = admin_client.get(address(LogEntry, "changelist"), {"q": "0a1b2c3d"})

    assert [each.event for each in page.context["cl"].result_list] == ["found"]


@pytest.mark.parametrize("is_by_the_admin", [True, False])
def test_what_was_noted_about_a_deleted_person_keeps_no_name_of_theirs(admin_client, is_by_the_admin):
    person, kept = make_user(username="jane.roe@example.org"), make_user(username="john.doe@example.org")
    token = ApiToken.objects.create(user=person, name="Jane’s phone", digest="x", expires_at=timezone.now())
    for row in (person, kept, token, Profile.objects.create(user=person)):
        Noted.objects.log_actions(User.objects.get(username="admin").pk, [row], CHANGE, "done", single_object=True)
    pk = person.pk

    if is_by_the_admin:
        admin_client.post(address(person, "delete"), {"post": "yes"})
    else:
        accounts.delete(person)

    assert not User.objects.filter(pk=pk).exists()
    said = set(Noted.objects.values_list("object_repr", flat=True))
    assert said == {f"account {pk}", "john.doe@example.org"}


def by_the_admin(roadmap, client):
    client.post(address(roadmap, "delete"), {"post": "yes"})


def by_its_owner(roadmap, client):
    accounts.delete(roadmap.owner)


def by_its_age(roadmap, client):
    Roadmap.objects.filter(pk=roadmap.pk).update(deleted_at=timezone.now() - timedelta(days=400))
    tasks.purge_deleted_roadmaps()


@pytest.mark.parametrize("delete", [by_the_admin, by_its_owner, by_its_age])
def test_what_was_noted_about_a_deleted_roadmap_and_its_parts_keeps_no_words_of_it(admin_client, delete):
    kept, roadmap = make_full_roadmap(), make_full_roadmap()
    for each in (kept, roadmap):
        each.title = "Leave my job"
        each.save()
        concept = each.concepts.get(key="c-1-1-1")
        concept.name = "Leaving in secret"
        concept.save()
        quiz, links = Quiz.objects.get(concept=concept), ResourceList.objects.get(concept=concept)
        versions = Tutorial.objects.filter(concept=concept)
        for row in (each, concept, *versions, links, quiz):
            Noted.objects.log_actions(User.objects.get(username="admin").pk, [row], CHANGE, "done")
        admin_client.post(address(Share.objects.create(roadmap=each), "delete"), {"post": "yes"})
    assert Noted.objects.filter(object_repr__contains="Leav").count() == 2 * 6

    delete(roadmap, admin_client)

    assert not Roadmap.objects.filter(pk=roadmap.pk).exists()
    left = list(Noted.objects.filter(object_repr__contains="Leav").values_list("object_repr", flat=True))
    assert len(left) == 6  # of the one that is kept
    about = Noted.objects.filter(object_repr__contains=roadmap.token)
    assert about.count() == 7 + (delete is by_the_admin)
    assert not about.filter(change_message__contains="Leav").exists()


def test_deleting_for_good_twice_finds_nothing(db):
    roadmap = make_full_roadmap()

    erasing.erase(roadmap.pk)
    erasing.erase(roadmap.pk)

    assert QuizAttempt.objects.count() == 0


def test_a_deletion_that_fails_half_way_deletes_nothing():
    roadmap = make_full_roadmap()
    before = what_hangs_on_roadmaps()

    def break_off(**_):
        raise RuntimeError

    post_delete.connect(break_off, sender=Roadmap)
    try:
        with pytest.raises(RuntimeError):
            erasing.erase(roadmap.pk)
    finally:
        post_delete.disconnect(break_off, sender=Roadmap)

    assert what_hangs_on_roadmaps() == before
    assert ModelCall.objects.get().error == "their own words"


def test_deletion_is_confirmed_by_counts_and_not_by_a_list_of_every_row(admin_client, django_assert_max_num_queries):
    roadmap = make_full_roadmap()

    with django_assert_max_num_queries(12):
        text = admin_client.get(address(roadmap, "delete")).content.decode()

    assert roadmap.slug in text
    assert "Concepts with all that was written, answered and noted: 2" in text


@pytest.mark.parametrize("kind", ["note", "share"])
def test_a_note_and_a_shared_link_are_their_owners_also_before_a_superuser(admin_client, kind):
    roadmap = make_written_roadmap(concepts=1)
    secret = "only-for-its-writer"
    if kind == "note":
        concept = roadmap.concepts.get()
        row = Note.objects.create(concept=concept, user=roadmap.owner, text=secret, saved_at=timezone.now())
    else:
        row = Share.objects.create(roadmap=roadmap, token=secret)

    for page in (address(type(row), "changelist"), address(row)):
        assert secret not in admin_client.get(page).content.decode()


def test_what_was_noted_about_long_erased_roadmaps_is_forgotten(admin_user):
    kept, gone = make_written_roadmap(concepts=1), make_written_roadmap(concepts=1)
    concept = gone.concepts.get()
    rows = (kept, gone, concept)
    notes = [Noted.objects.log_actions(admin_user.pk, [row], CHANGE, "x", single_object=True) for row in rows]
    Noted.objects.filter(pk=notes[2].pk).update(object_repr="a2b3c4d5")  # as erasing leaves it now
    others = Noted.objects.log_actions(admin_user.pk, [admin_user], CHANGE, "x", single_object=True)
    gone.delete()

    for _ in range(2):
        import_module("content.migrations.0007_forget_what_was_erased").forget(apps, None)

    said = dict(Noted.objects.values_list("pk", "object_repr"))
    assert said[notes[0].pk] == str(kept)
    assert said[notes[1].pk] == "erased"
    assert said[notes[2].pk] == "a2b3c4d5"
    assert said[others.pk] == str(admin_user)


@pytest.mark.parametrize(
    ("right", "most", "is_done"), [("view", 100, False), ("change", 100, True), ("change", 1, False)]
)
def test_what_failed_is_done_again_by_whom_may_change_it_and_not_all_of_it_at_once(
    client, monkeypatch, right, most, is_done
):
    user = make_user(is_staff=True)
    user.user_permissions.add(*Permission.objects.filter(codename__in=("view_failure", f"{right}_failure")))
    client.force_login(user)
    monkeypatch.setattr("roadmaps.admin.base.MOST_AT_ONCE", most)
    monkeypatch.setattr("roadmaps.admin.tasks.MOST_AT_ONCE", most)
    for name in ("one", "two"):
        Task.objects.create(
            id=name, name=name, func="roadmaps.tasks.send_mail", success=False,
            started=timezone.now(), stopped=timezone.now(),
        )  # fmt: skip
    chosen = {"action": "resubmit_task", "_selected_action": ["one", "two"]}

    client.post(address(Failure, "changelist"), chosen)

    assert Failure.objects.count() == (0 if is_done else 2)
    assert OrmQ.objects.count() == (2 if is_done else 0)
