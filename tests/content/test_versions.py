"""A piece's versions: read, compared, and taken back."""

import pytest
from django.urls import reverse

from content import answering, changes, reading, versioning, writing
from content.changes import compare
from content.contents import contents
from content.models import Quiz, QuizAttempt, Resource, ResourceList, Tutorial
from roadmaps import deciding
from roadmaps.models import Concept, Step
from roadmaps.steps import draining
from tests.factories import make_quiz, make_resources, make_tutorial, make_user, make_written_roadmap
from tests.roadmaps.test_pages import HOSTILE, queries_of, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def concept(person):
    """Two versions of everything."""
    concept = make_written_roadmap(owner=person).concepts.get(key="c-1-1-2")
    make_tutorial(concept=concept, markdown="## Overview\n\nThe cat sat.\n\nKept.")
    make_tutorial(concept=concept, version=2, markdown="## Overview\n\nThe dog sat.\n\nKept.\n\nNew.", wish="A dog")
    make_resources(concept=concept)
    make_resources(concept=concept, version=2, count=1, title="Other")
    make_quiz(concept=concept)
    make_quiz(concept=concept, version=2, questions=[("single_choice", "New?", ["Yes", "No"], [0], "It is-explained.")])
    return concept


def address(concept, name, kind):
    return reverse(f"content:{name}", args=[concept.roadmap.slug, concept.key, kind])


# Comparing


def spans_of(before: str, after: str) -> list[list[tuple[str, str]]]:
    return [[(span.kind, span.text) for span in line.spans] for line in compare(before, after)]


def test_a_changed_line_is_compared_word_by_word():
    assert spans_of("The cat sat.", "The dog sat.") == [
        [("same", "The "), ("removed", "cat"), ("added", "dog"), ("same", " sat.")]
    ]


def test_lines_that_came_and_went_are_told_with_a_line_around_them():
    before, after = "a\nb\nc\nd\ne\nf\ng", "a\nb\nc\nd\nX\ne\nf\ng"

    assert spans_of(before, after) == [[("same", "d")], [("added", "X")], [("same", "e")]]
    assert spans_of(after, before) == [[("same", "d")], [("removed", "X")], [("same", "e")]]


@pytest.mark.parametrize(
    ("before", "after", "spans"),
    [
        (
            "索引让查询变快，因为它是有序的。",
            "索引让查询变慢，因为它是有序的。",
            [("same", "索引让查询变"), ("removed", "快"), ("added", "慢"), ("same", "，因为它是有序的。")],
        ),
        (
            "用 SELECT 查询。",
            "用 UPDATE 查询。",
            [("same", "用 "), ("removed", "SELECT"), ("added", "UPDATE"), ("same", " 查询。")],
        ),
        ("インデックスは速い", "インデックスは遅い", None),
    ],
)
def test_without_blanks_each_character_is_a_word(before, after, spans):
    (line,) = compare(before, after)

    found = [(each.kind, each.text) for each in line.spans]

    assert found == spans if spans else ("removed", "速") in found and found[0] == ("same", "インデックスは")
    assert "".join(text for kind, text in found if kind != "added") == before
    assert "".join(text for kind, text in found if kind != "removed") == after


def test_far_changes_have_a_gap_between_them():
    lines = [str(number) for number in range(20)]

    assert [] in spans_of("\n".join(lines), "\n".join(["first", *lines[1:-1], "last"]))


def test_equal_texts_have_no_difference():
    assert compare("same\ntext", "same\ntext") == []


def test_overlong_texts_are_not_compared():
    assert compare("a\n" * (changes.MOST_LINES + 1), "b") is None


# The page


def test_the_version_before_is_shown_with_what_changed_since(visitor, concept):
    response = visitor.get(address(concept, "versions", "tutorial"))
    page = response.content.decode()

    assert "From version 1 to 2, the current one" in text_of(response)
    assert "<del>cat</del><ins>dog</ins>" in page
    assert "<ins>New.</ins>" in page
    assert "The cat sat.</p>" in page
    assert "You asked: “A dog”" in text_of(response)
    assert "Take version 1 back" in text_of(response)


def test_the_concepts_page_leads_to_the_earlier_versions(visitor, concept):
    page = visitor.get(reverse("content:concept", args=[concept.roadmap.slug, concept.key])).content.decode()

    for kind in Step.CONTENT_KINDS:
        assert f'href="{address(concept, "versions", kind)}"' in page


@pytest.mark.parametrize(("kind", "removed", "added"), [("resources", "Link 2", "Other"), ("quiz", "Which", "New?")])
def test_links_and_questions_are_compared_as_text(visitor, concept, kind, removed, added):
    page = visitor.get(address(concept, "versions", kind)).content.decode()

    assert removed in page
    assert added in page
    assert "<del>" in page


def test_G3_a_quizs_versions_give_no_answer_away(visitor, concept):
    for query in ("?version=1", "?version=2"):
        assert "explained" not in visitor.get(address(concept, "versions", "quiz") + query).content.decode()


def test_the_current_version_alone_is_not_compared_with_itself(visitor, concept):
    page = visitor.get(address(concept, "versions", "tutorial") + "?version=2").content.decode()

    assert "difference" not in page
    assert "Take version" not in page


@pytest.mark.parametrize(
    ("kind", "query"), [("links", ""), ("tutorial", "?version=9"), ("tutorial", "?version=" + "9" * 18)]
)
def test_what_is_not_there_is_not_found(visitor, concept, kind, query):
    assert visitor.get(address(concept, "versions", kind) + query).status_code == 404


def test_a_piece_that_was_never_written_has_no_versions(visitor, person):
    concept = make_written_roadmap(owner=person).concepts.first()

    assert visitor.get(address(concept, "versions", "tutorial")).status_code == 404


def test_G2_hostile_words_are_shown_as_words(visitor, concept):
    make_tutorial(concept=concept, version=3, title=HOSTILE, markdown=HOSTILE, wish=HOSTILE, origin=HOSTILE)

    for number in (1, 2, 3):
        page = visitor.get(f"{address(concept, 'versions', 'tutorial')}?version={number}").content.decode()
        assert "<script>alert" not in page


def test_many_versions_cost_no_more_queries(visitor, concept):
    few = queries_of(visitor, address(concept, "versions", "quiz"))
    for number in range(3, 9):
        make_quiz(concept=concept, version=number)

    assert queries_of(visitor, address(concept, "versions", "quiz")) == few


# Taking back


@pytest.mark.parametrize("kind", Step.CONTENT_KINDS)
def test_C5_an_earlier_version_is_taken_back_as_the_next_one(visitor, concept, kind):
    page = address(concept, "versions", kind)
    before = [visitor.get(f"{page}?version={number}").context["html"] for number in (1, 2)]

    visitor.post(address(concept, "restore", kind), {"version": "1"})

    versions = visitor.get(page).context["versions"]
    assert [(each["version"], each["is_current"]) for each in versions] == [(3, True), (2, False), (1, False)]
    assert [visitor.get(f"{page}?version={number}").context["html"] for number in (1, 2, 3)] == [*before, before[0]]


def test_taking_the_current_version_back_changes_nothing(concept):
    assert writing.restore(concept, Step.Kind.TUTORIAL, 2).version == 2
    assert concept.tutorial_versions.count() == 2


@pytest.mark.django_db(transaction=True)
def test_what_is_taken_back_is_not_replaced_by_a_rewrite_that_was_under_way(visitor, concept, library):
    step = deciding.regenerate(concept, "tutorial", wish="In verse")

    page = visitor.post(address(concept, "restore", "tutorial"), {"version": "1"}, follow=True)
    assert "The writing of it again, which was under way, is called off." in text_of(page)
    draining.drain("content")

    step.refresh_from_db()
    assert (step.state, step.last_error) == (Step.State.DONE, "")
    assert concept.tutorial_versions.count() == 3
    restored = Tutorial.objects.current().get(concept=concept)
    assert (restored.version, restored.origin) == (3, "Written for a test.")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", Step.CONTENT_KINDS)
def test_C6_the_library_writes_no_version_twice_and_attempts_stay_with_the_one_that_stands(
    visitor, person, concept, library, kind
):
    Concept.objects.filter(pk=concept.pk).update(source="python-programming/classes")
    page = reverse("content:concept", args=[concept.roadmap.slug, concept.key])
    visitor.post(address(concept, "regenerate", kind), {"wish": ""})
    draining.drain("content")
    stands = reading.current(concept, kind)
    attempt = kind == "quiz" and answering.answer(stands, user=person, submitted={})
    assert stands.version == 3
    assert "came out the same" not in text_of(visitor.get(page))

    visitor.post(address(concept, "regenerate", kind), {"wish": "Shorter"})
    draining.drain("content")

    assert reading.current(concept, kind) == stands
    assert "It was written again and came out the same, so there is no new version." in text_of(visitor.get(page))
    if attempt:
        assert reading.attempts_of(person, concept).get().quiz == stands
    visitor.post(address(concept, "restore", kind), {"version": "1"})
    assert "came out the same" not in text_of(visitor.get(page))


@pytest.mark.parametrize("version", ["9", "", "x", "9" * 30])
def test_what_never_was_is_not_taken_back(visitor, concept, version):
    assert visitor.post(address(concept, "restore", "quiz"), {"version": version}).status_code == 404


def test_a_restored_quiz_keeps_the_attempts_at_the_earlier_one(person, concept):
    first = Quiz.objects.get(concept=concept, version=1)
    QuizAttempt.objects.create(quiz=first, user=person, answers={"0": [1]}, right=1, total=3)

    restored = writing.restore(concept, Step.Kind.QUIZ, 1)

    assert first.attempts.count() == 1
    assert restored.attempts.count() == 0
    assert restored.questions.count() == first.questions.count() == 3


def test_a_restored_version_keeps_its_origin_and_editor(concept):
    editor = make_user()
    Tutorial.objects.filter(concept=concept, version=1).update(author=editor, origin="Edited by ed")

    restored = writing.restore(concept, Step.Kind.TUTORIAL, 1)

    assert (restored.author, restored.origin) == (editor, "Edited by ed")
    assert ResourceList.objects.filter(concept=concept).count() == 2


def test_what_was_found_of_a_link_stands_in_the_next_version_that_has_its_address(concept):
    current = make_resources(concept=concept, version=3, status=Resource.Status.BROKEN, status_detail="HTTP 404")
    wanted = contents(current)
    wanted.rows[0]["title"], wanted.rows[1]["url"] = "Said otherwise", "https://example.org/new"

    added = versioning.add_version(ResourceList, concept, wanted, origin="Listed again.")

    found = added.resources.values_list("title", "status", "status_detail")
    assert [*found] == [("Said otherwise", "broken", "HTTP 404"), ("Link 2", "unchecked", "")]
