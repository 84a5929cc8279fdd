"""What is stored of one person is bounded: how many roadmaps, and how many versions of what is written for them."""

from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse

from content import sharing
from content.exporting import reading
from content.models import MODELS, QuizAttempt, Tutorial
from roadmaps import deciding, starting
from roadmaps.deciding import RefusedError
from roadmaps.models import Roadmap, Step
from roadmaps.steps import draining
from tests.content.test_importing import complete
from tests.editors import address, make_editor
from tests.factories import (
    make_call,
    make_quiz,
    make_resources,
    make_roadmap,
    make_tutorial,
    make_user,
    make_written_roadmap,
)
from tests.programs import Program

pytestmark = pytest.mark.django_db

KEPT = "You have as many roadmaps as one person may keep (2). Delete one to make room."
DELETED = "You have deleted so many roadmaps lately that there is no room for another one."
VERSIONS = "There are as many versions of this as are kept (2). It stays as it is; all of them can be read."
WISHES = {"goal": "Chess", "level": "beginner", "hours_per_week": "6", "preference": "any", "language": "en"}


@pytest.fixture
def visitor(client, person, library):
    client.force_login(person)
    return client


@pytest.fixture
def program(person, library):
    return Program(person)


# Roadmaps


@pytest.fixture
def shared(settings):
    """Somebody else's; of their own people may keep two."""
    settings.MAX_ROADMAPS_PER_PERSON = 2
    return complete(make_written_roadmap(owner=make_user()))


@pytest.fixture
def full(person, shared):
    return [make_roadmap(owner=person, state=Roadmap.State.READY) for _ in range(2)]


def test_a_person_who_keeps_as_many_as_they_may_gets_no_further_one_and_loses_no_words(
    visitor, program, person, shared, full
):
    link = sharing.share(shared).token
    document = reading.for_others(shared).model_dump_json()

    begun = visitor.post("/new/", WISHES)
    brought = visitor.post("/bring-in/", {"text": document})
    copied = visitor.post(reverse("content:copy", args=[link]), follow=True)
    programs = [
        program("post", "roadmaps", {"goal": "Chess"}),
        program("post", "roadmaps/import", document.encode()),
        program("post", f"shared/{link}/copy"),
    ]

    assert begun.context["form"].errors["goal"] == [KEPT]
    assert begun.context["form"]["goal"].value() == "Chess"
    assert brought.context["form"].non_field_errors() == [KEPT]
    assert brought.context["form"]["text"].value() == document
    assert KEPT in copied.content.decode()
    assert [(each.status_code, each.json()["error"]["message"]) for each in programs] == [(409, KEPT)] * 3
    assert person.roadmaps.count() == 2


def test_what_is_deleted_makes_room_and_what_is_kept_works_on(visitor, person, full):
    visitor.post(reverse("roadmaps:delete", args=[full[0].slug]))

    assert visitor.post("/new/", WISHES).status_code == 302
    assert visitor.get(full[1].get_absolute_url()).status_code == 200
    assert person.roadmaps.for_owner(person).count() == 2


def test_making_and_deleting_in_turns_ends_and_each_can_be_taken_back(person, shared, library):
    def make_and_delete():
        made = starting.start(owner=person, goal="Chess")
        deciding.delete(made.pk)
        return made

    made = [make_and_delete() for _ in range(4)]

    with pytest.raises(RefusedError, match=DELETED):
        starting.start(owner=person, goal="Chess")
    for each in made:
        deciding.take_back(each.pk)
    assert person.roadmaps.for_owner(person).count() == 4
    deciding.delete(made[0].pk)
    with pytest.raises(RefusedError, match="as one person may keep"):
        starting.start(owner=person, goal="Chess")


def test_the_same_request_finds_the_roadmap_that_took_the_last_place(person, shared, library):
    made = make_roadmap(owner=person, request_key="00000000-0000-0000-0000-000000000001")
    make_roadmap(owner=person)

    assert starting.start(owner=person, goal="Chess", request_key=made.request_key) == made


def test_a_program_is_told_how_many_there_are_and_may_be(program, full):
    limits = program("get", "about").json()["limits"]

    assert (limits["roadmaps_kept"], limits["most_roadmaps_kept"]) == (2, 2)


# Versions


@pytest.fixture
def concept(person, settings):
    """With as many versions of everything as are kept."""
    settings.MAX_VERSIONS_PER_PIECE = 2
    concept = make_written_roadmap(owner=person).concepts.first()
    for version in (1, 2):
        for make in (make_tutorial, make_resources, make_quiz):
            make(concept=concept, version=version)
    return concept


def at(concept, name: str, kind: str) -> str:
    return reverse(f"content:{name}", args=[concept.roadmap.slug, concept.key, kind])


def counted(concept) -> list[int]:
    return [model.objects.filter(concept=concept).count() for model in MODELS.values()]


@pytest.mark.parametrize("kind", Step.CONTENT_KINDS)
def test_no_further_version_is_ordered_or_restored_by_page_or_by_program(visitor, program, concept, kind):
    piece = f"roadmaps/{concept.roadmap.slug}/concepts/{concept.key}/pieces/{kind}"

    wished = visitor.post(at(concept, "regenerate", kind), {"wish": "With <b>cats</b>"})
    plain = visitor.post(at(concept, "regenerate", kind), follow=True)
    restored = visitor.post(at(concept, "restore", kind), {"version": 1}, follow=True)
    programs = [program("post", f"{piece}/regenerate", {}), program("post", f"{piece}/versions/1/restore")]

    page = wished.content.decode()
    assert VERSIONS in page
    assert "autofocus>With &lt;b&gt;cats&lt;/b&gt;</textarea>" in page
    assert VERSIONS in plain.content.decode()
    assert VERSIONS in restored.content.decode()
    assert [(each.status_code, each.json()["error"]["message"]) for each in programs] == [(409, VERSIONS)] * 2
    assert counted(concept) == [2, 2, 2]
    assert not Step.objects.active().exists()


def test_a_wish_that_the_days_cost_refuses_stays_before_its_reader(visitor, concept, settings):
    settings.MAX_VERSIONS_PER_PIECE, settings.MAX_COST_PER_PERSON = 0, 0.5
    make_call(roadmap=concept.roadmap, cost=Decimal("0.5"))

    page = visitor.post(at(concept, "regenerate", "quiz"), {"wish": "Harder"}).content.decode()

    assert "The model calls for you have cost 0.5 US dollars today" in page
    assert "autofocus>Harder</textarea>" in page
    assert page.count('<details class="again" open>') == 1


def test_the_earlier_version_that_is_current_and_other_concepts_are_none_of_the_limits(visitor, concept):
    other = concept.roadmap.concepts.last()

    assert deciding.regenerate(other, "quiz").state == Step.State.WAITING
    assert visitor.post(at(concept, "restore", "quiz"), {"version": 2}, follow=True).status_code == 200


def test_an_editors_words_stay_in_the_form(client, concept):
    client.force_login(make_editor())
    first, current = Tutorial.objects.filter(concept=concept).order_by("version")
    edited = {"title": "Mended", "summary": "s", "minutes": 5, "markdown": "## Better\n\nwords."}
    Tutorial.objects.filter(pk=first.pk).update(title="As it was")

    page = client.post(address(current), edited)
    restored = client.post(address(first), {"action": "restore"}, follow=True)

    assert page.status_code == 200
    assert VERSIONS in page.content.decode()
    assert "## Better\n\nwords." in page.content.decode()
    assert VERSIONS in restored.content.decode()
    assert counted(concept) == [2, 2, 2]


def test_saving_what_is_current_is_not_refused(client, concept):
    client.force_login(make_editor())
    current = Tutorial.objects.current().get(concept=concept)
    same = {name: getattr(current, name) for name in ("title", "summary", "minutes", "markdown")}

    assert client.post(address(current), same).status_code == 302


@pytest.mark.django_db(transaction=True)
def test_an_answer_that_was_paid_is_kept_whatever_was_restored_meanwhile(person, stub, settings):
    settings.MAX_VERSIONS_PER_PIECE = 3
    concept = make_written_roadmap(owner=person, concepts=1).concepts.get()
    for version in (1, 2):
        make_quiz(concept=concept, version=version)
    deciding.regenerate(concept, "quiz")
    make_quiz(concept=concept, version=3)

    step = deciding.regenerate(concept, "quiz")  # a second click is no further order
    draining.drain("content")

    step.refresh_from_db()
    assert step.state == Step.State.DONE
    assert counted(concept)[2] == 4


def test_zero_is_any_number(person, concept, settings, library):
    settings.MAX_VERSIONS_PER_PIECE = settings.MAX_ROADMAPS_PER_PERSON = 0

    assert deciding.regenerate(concept, "quiz").state == Step.State.WAITING
    assert starting.start(owner=person, goal="Chess").pk


# Changes by page


def test_changes_by_page_are_counted_for_the_person_who_may_still_read_use_programs_and_leave(
    visitor, program, person, settings
):
    settings.PAGE_CHANGES_PER_PERSON = 3
    concept = make_written_roadmap(owner=person).concepts.get(key="c-1-1-1")
    make_quiz(concept=concept)
    page = reverse("content:quiz", args=[concept.roadmap.slug, concept.key])
    forged, other = Client(enforce_csrf_checks=True), Client()
    forged.force_login(person)
    other.force_login(make_user())

    assert {forged.post(page).status_code for _ in range(4)} == {403}  # a form of somebody else's, which counts nothing
    answers = [visitor.post(page, {"question-0": "1"}) for _ in range(4)]

    assert [each.status_code for each in answers] == [302, 302, 302, 429]
    assert QuizAttempt.objects.count() == 3
    assert "Too many tries. Please wait 15 minutes." in answers[-1].content.decode()
    assert 890 < int(answers[-1].headers["Retry-After"]) <= 900
    assert visitor.get(page).status_code == 200
    assert program("put", f"roadmaps/{concept.roadmap.slug}/concepts/{concept.key}/learned").status_code == 200
    assert other.post("/language/", {"language": "en"}).status_code == 302
    assert visitor.post(reverse("roadmaps:logout")).status_code == 302
