"""Editing in the admin makes versions, never a silent overwrite."""

import re

import pytest
from django.contrib.admin.models import CHANGE
from django.contrib.admin.models import LogEntry as Noted
from django.urls import reverse
from django_q.models import OrmQ
from hypothesis import given, settings
from hypothesis import strategies as st

from content import curating, rendering, revising
from content.contents import Contents, contents
from content.models import Question, Quiz, Resource, ResourceList, Tutorial
from roadmaps import deciding, log_lines, outline
from roadmaps.answers import HAND_LIMITS, OutlineTree
from roadmaps.models import OutlineRevision, Roadmap, Step
from roadmaps.steps import claiming, storing
from roadmaps.steps.calling import Finished
from tests.editors import address, make_editor
from tests.factories import (
    make_quiz,
    make_resources,
    make_roadmap,
    make_tutorial,
    make_written_roadmap,
)

pytestmark = pytest.mark.django_db

EDITED = {"title": "Mended", "summary": "Shorter.", "minutes": 5, "markdown": "## Overview\n\nBetter *words*."}


@pytest.fixture
def editor(client):
    editor = make_editor(username="eve")
    client.force_login(editor)
    return editor


@pytest.fixture
def concept():
    return make_written_roadmap(concepts=3).concepts.get(key="c-1-1-2")


def versions(model, concept):
    return [(each.version, each.is_current) for each in model.objects.filter(concept=concept).order_by("version")]


def rows_as_posted(prefix, rows, **changes):
    """What a browser posts for an inline form, with changed fields of the first row."""
    data = {f"{prefix}-TOTAL_FORMS": len(rows), f"{prefix}-INITIAL_FORMS": len(rows)}
    for place, row in enumerate(rows):
        fields = {**row, **(changes if place == 0 else {})}
        data |= {f"{prefix}-{place}-{name}": value for name, value in fields.items()}
    return data


def links_as_posted(resources, **changes):
    names = ("id", "title", "url", "kind", "language", "relevance", "description")
    rows = [{name: getattr(link, name) for name in names} for link in resources.resources.all()]
    return rows_as_posted("resources", rows, **changes) | {"note": resources.note}


def questions_as_posted(quiz, **changes):
    names = ("id", "kind", "text", "explanation", "difficulty")
    rows = [
        {name: getattr(each, name) for name in names} | {"ticked": revising.marked_options(each.options, each.correct)}
        for each in quiz.questions.all()
    ]
    return rows_as_posted("questions", rows, **changes)


def test_an_edited_tutorial_is_a_version_by_the_editor(client, editor, concept):
    tutorial = make_tutorial(concept=concept)

    page = client.post(
        address(tutorial),
        {**EDITED, "markdown": "## Overview\r\n\r\n<script>alert(1)</script> [x](javascript:alert(1))"},
        follow=True,
    )

    assert versions(Tutorial, concept) == [(1, False), (2, True)]
    edited = Tutorial.objects.get(concept=concept, version=2)
    assert (edited.author, edited.origin, edited.title) == (editor, "Edited by eve.", "Mended")
    assert "\r" not in edited.markdown
    assert "<script" not in edited.html
    assert 'href="javascript' not in edited.html
    assert "Version 2 is current." in page.content.decode()
    tutorial.refresh_from_db()
    assert tutorial.markdown == "## Overview\n\nRead *this*."


def test_saving_twice_makes_one_version(client, editor, concept):
    tutorial = make_tutorial(concept=concept)

    client.post(address(tutorial), EDITED)
    second = client.post(address(tutorial), EDITED)

    assert second.status_code == 302
    assert versions(Tutorial, concept) == [(1, False), (2, True)]


def test_saving_what_is_there_already_makes_none(client, editor, concept):
    tutorial = make_tutorial(concept=concept)

    client.post(address(tutorial), {name: getattr(tutorial, name) for name in EDITED})

    assert versions(Tutorial, concept) == [(1, True)]


def test_the_second_of_two_editors_is_told_and_loses_no_words(client, editor, concept):
    tutorial = make_tutorial(concept=concept)
    other = make_editor(username="eli")
    revising.revise(tutorial, Contents({**EDITED, "title": "Eli was first"}), author=other)

    page = client.post(address(tutorial), EDITED)

    text = page.content.decode()
    assert page.status_code == 200
    assert "version 2 was made by eli" in text
    assert "Better *words*." in text
    assert versions(Tutorial, concept) == [(1, False), (2, True)]
    assert Tutorial.objects.current().get(concept=concept).title == "Eli was first"


@pytest.mark.parametrize("is_running", [False, True])
@pytest.mark.parametrize("is_restored", [False, True])
def test_a_version_by_an_editor_is_not_replaced_by_a_rewrite_that_was_under_way(
    client, editor, concept, is_running, is_restored
):
    earlier = make_tutorial(concept=concept)
    tutorial = make_tutorial(concept=concept, version=2, markdown="Worse.")
    step = deciding.regenerate(concept, "tutorial", wish="<b>In verse</b>")
    Step.objects.filter(roadmap=concept.roadmap).exclude(pk=step.pk).update(state="done")
    Roadmap.objects.filter(pk=concept.roadmap_id).update(state=Roadmap.State.WRITING)
    claimed = claiming.claim("content", 1)[0] if is_running else None
    page = client.get(address(tutorial)).content.decode()
    assert "It is being written again (“&lt;b&gt;In verse&lt;/b&gt;”)" in page

    if is_restored:
        page = client.post(address(earlier), {"action": "restore"}, follow=True).content.decode()
    else:
        page = client.post(address(tutorial), EDITED, follow=True).content.decode()
    assert "The writing of it again, which was under way, is called off." in page

    if claimed:
        storing.store([Finished(claimed, error=ValueError("too late"))])
    step.refresh_from_db()
    assert (step.state, step.lease_token, step.last_error) == ("done", None, "")
    assert versions(Tutorial, concept) == [(1, False), (2, False), (3, True)]
    concept.roadmap.refresh_from_db()
    assert concept.roadmap.state == Roadmap.State.READY  # it was the last piece under way
    assert "being written again" not in client.get(address(tutorial)).content.decode()


def test_saving_what_is_there_already_calls_no_rewrite_off(client, editor, concept):
    tutorial = make_tutorial(concept=concept)
    deciding.regenerate(concept, "tutorial")

    client.post(address(tutorial), {name: getattr(tutorial, name) for name in EDITED})

    assert concept.steps.get(kind="tutorial").state == "waiting"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"markdown": ""}, "required"),
        ({"markdown": "```\nopen"}, "a code block is opened and not closed"),
        ({"markdown": "x" * 60_001}, "characters"),
        ({"markdown": "|" * 60_000}, "than can be laid out; write it plainer"),
        ({"minutes": 0}, "minutes"),
        ({"minutes": "many"}, "whole number"),
        ({"title": ""}, "required"),
    ],
)
def test_what_cannot_be_a_tutorial_is_said_and_not_saved(client, editor, concept, change, reason):
    tutorial = make_tutorial(concept=concept)

    page = client.post(address(tutorial), {**EDITED, **change})

    assert reason in page.content.decode()
    assert "Shorter." in page.content.decode()
    assert versions(Tutorial, concept) == [(1, True)]


def test_edited_links_are_a_version_and_keep_what_their_check_found(client, editor, concept, settings):
    settings.LINK_CHECKS = True
    resources = make_resources(concept=concept, status=Resource.Status.BROKEN)

    client.post(address(resources), links_as_posted(resources, url="https://example.org/moved"))

    assert versions(ResourceList, concept) == [(1, False), (2, True)]
    links = Resource.objects.filter(resource_list__version=2, resource_list__concept=concept)
    assert list(links.values_list("url", "status")) == [
        ("https://example.org/moved", "unchecked"),
        ("https://example.org/1", "broken"),
    ]
    assert concept.steps.filter(kind="links", state="waiting").exists()
    assert list(resources.resources.values_list("url", flat=True)) == ["https://example.org/0", "https://example.org/1"]


def test_a_link_can_be_taken_out(client, editor, concept):
    resources = make_resources(concept=concept)

    client.post(address(resources), links_as_posted(resources, DELETE="on"))

    assert ResourceList.objects.current().get(concept=concept).resources.get().title == "Link 2"
    assert resources.resources.count() == 2


@pytest.mark.parametrize("url", ["javascript:alert(1)", "http://127.0.0.1/", "https://example.org/1"])
def test_links_that_are_not_offered_to_learners_are_refused(client, editor, concept, url):
    resources = make_resources(concept=concept)

    page = client.post(address(resources), links_as_posted(resources, url=url))

    assert page.status_code == 200
    assert versions(ResourceList, concept) == [(1, True)]


def test_an_edited_quiz_is_a_version_and_attempts_keep_theirs(client, editor, concept):
    quiz = make_quiz(concept=concept)
    quiz.attempts.create(user=editor, answers={"0": [1]}, right=1, total=3)

    client.post(address(quiz), questions_as_posted(quiz, ticked="[x] Red\r\n[ ] Green"))

    assert versions(Quiz, concept) == [(1, False), (2, True)]
    first = Question.objects.get(quiz__version=2, quiz__concept=concept, position=0)
    assert (first.options, first.correct) == (["Red", "Green"], [0])
    assert quiz.questions.get(position=0).options == ["Red", "Green", "Blue"]
    assert quiz.attempts.count() == 1


ODD_OPTIONS = ["if x:\n    y()\n\nz()", "if x:\ny()\n\nz()", "a  b", "a b", "a\n[ ] b", "\\n"]


def test_options_that_differ_by_blanks_and_lines_alone_are_saved_as_they_are(client, editor, concept):
    quiz = make_quiz(concept=concept)
    quiz.questions.filter(position=0).update(options=ODD_OPTIONS, correct=[1], kind="single_choice")
    shown = client.get(address(quiz)).context["inline_admin_formsets"][0].formset.forms[0].initial["ticked"]

    client.post(address(quiz), questions_as_posted(quiz, ticked=shown.replace("\n", "\r\n")))
    assert versions(Quiz, concept) == [(1, True)]

    client.post(address(quiz), questions_as_posted(quiz, ticked=shown.replace("a  b", "a   b")))
    edited = Quiz.objects.get(concept=concept, is_current=True)
    assert edited.questions.get(position=0).options == [*ODD_OPTIONS[:2], "a   b", *ODD_OPTIONS[3:]]
    assert [(row.left[1], row.right[1]) for row in curating.comparison(edited, "1").rows if row.kind == "replaced"] == [
        ("[ ] a  b", "[ ] a   b")
    ]


lines = (
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), min_size=1).map(str.strip).filter(bool)
)


@settings(max_examples=100, deadline=None)
@given(st.lists(lines, min_size=1), st.sets(st.integers(0, 5)))
def test_whatever_is_shown_as_ticked_lines_is_read_back_the_same(options, ticked):
    correct = [place for place in range(len(options)) if place in ticked]

    assert revising.options_and_right_ones(revising.marked_options(options, correct)) == (options, correct)


@pytest.mark.parametrize("ticked", ["Red\nGreen", "[ ] Red\n[ ] Green", "[x] Red", "[x] Red\n[ ] Red"])
def test_questions_that_cannot_be_answered_are_refused(client, editor, concept, ticked):
    quiz = make_quiz(concept=concept)

    page = client.post(address(quiz), questions_as_posted(quiz, ticked=ticked))

    assert page.status_code == 200
    assert versions(Quiz, concept) == [(1, True)]


@pytest.mark.parametrize("make", [make_tutorial, make_resources, make_quiz])
def test_a_restored_version_is_a_new_current_one_once(client, editor, concept, make):
    first = make(concept=concept)
    changes = {"markdown": "Worse."} if make is make_tutorial else {"count": 1} if make is make_resources else {}
    if make is make_quiz:
        changes = {"questions": [("true_false", "Really?", ["True", "False"], [0], "So it is.")]}
    make(concept=concept, version=2, **changes)

    client.post(address(first), {"action": "restore"})
    client.post(address(first), {"action": "restore"})

    model = type(first)
    assert versions(model, concept) == [(1, False), (2, False), (3, True)]
    restored = model.objects.current().get(concept=concept)
    assert contents(restored) == contents(first)
    assert restored.origin.startswith("Version 1, restored by eve.")
    assert restored.author == editor


def test_an_earlier_version_is_compared_line_by_line_and_escaped(client, editor, concept):
    first = make_tutorial(concept=concept, markdown="Same.\n\n<b>Old</b> line.")
    make_tutorial(concept=concept, version=2, markdown="Same.\n\n<b>New</b> line.\n\nAdded.")

    text = client.get(address(first), {"against": "2"}).content.decode()

    assert "<del>&lt;b&gt;Old&lt;/b&gt; line.</del>" in text
    assert "<ins>&lt;b&gt;New&lt;/b&gt; line.</ins>" in text
    assert "<ins>Added.</ins>" in text
    assert "<b>Old" not in text
    assert 'name="_save"' not in text
    assert "Restore this version" in text


def test_hostile_addresses_of_comparisons_fall_back(client, editor, concept):
    tutorial = make_tutorial(concept=concept)

    for against in ("99", "-1", "x", "²", "9" * 30):
        assert client.get(address(tutorial), {"against": against}).status_code == 200


def test_a_concepts_page_shows_all_that_was_written_for_it(client, editor, concept):
    make_tutorial(concept=concept, title="All about it", markdown="## Overview\n\nRead *this* <i>raw</i>.")
    make_resources(concept=concept, status=Resource.Status.BROKEN, status_detail="HTTP 404")
    make_quiz(concept=concept)
    concept.model_calls.create(
        roadmap=concept.roadmap,
        purpose="tutorial",
        provider="openai",
        model="m",
        outcome="ok",
        latency=1.5,
        cost="0.0123",
        input_tokens=120,
        output_tokens=340,
    )

    text = client.get(address(concept)).content.decode()

    assert "Read <em>this</em>" in text
    assert "Read *this* &lt;i&gt;raw&lt;/i&gt;." in text
    assert "Broken" in text
    assert "HTTP 404" in text
    assert "Because green-explained." in text
    assert "120 tokens in, 340 out; $0.0123" in text
    assert concept.public_id in text
    assert "c-1-1-1 Concept 1" in text


def test_a_tutorial_is_shown_with_its_diagrams_and_its_links_stay_in_the_admin(client, editor, concept):
    other = concept.roadmap.concepts.get(key="c-1-1-1")
    markdown = "[first](concept:c-1-1-1) [gone](concept:c-9-9-9)\n\n```mermaid\nflowchart LR\n  A --> B\n```"
    urls = rendering.concept_urls(concept.roadmap)
    gone = f'<a href="/roadmaps/{concept.roadmap.slug}/c-9-9-9/">gone since</a>'
    tutorial = make_tutorial(
        concept=concept, markdown=markdown, html=rendering.to_html(markdown, concept_url=urls) + gone
    )
    assert f"/roadmaps/{concept.roadmap.slug}/" in tutorial.html

    for page in (address(concept), address(tutorial)):
        text = client.get(page).content.decode()

        article = re.search(r'<article class="prose".*?</article>', text, re.DOTALL)[0]
        assert re.findall(r'<a href="([^"]*)"', article) == [address(other), "#", "#"]
        assert '<pre class="code mermaid">' in article
        assert f'data-frame="{reverse("content:diagram")}"' in article
        assert re.search(r'<script src="[^"]*content/reading[^"]*\.js" defer', text)
        assert "<iframe" not in text


def test_an_editors_version_is_in_the_concepts_log(client, editor, concept):
    tutorial = make_tutorial(concept=concept)
    client.post(address(tutorial), EDITED)
    queued = [task.task for task in OrmQ.objects.filter(key="logs")]

    for task in queued:
        if task["func"] == "roadmaps.tasks.save_log_lines":
            log_lines.save(*task["args"])

    assert "tutorial_edited" in client.get(address(concept)).content.decode()


# What belongs to the outline


@pytest.fixture
def outlined():
    """A roadmap whose rows were made from its first version."""
    concepts = [
        {
            "key": f"c-1-1-{number}",
            "name": f"Concept {number}",
            "description": "One thing.",
            "hours": 1,
            "difficulty": "easy",
            "keywords": ["a", "b", "c"],
            "prerequisites": ["c-1-1-1"] if number > 1 else [],
        }
        for number in (1, 2, 3)
    ]
    module = {"name": "Module", "description": "Together.", "concepts": concepts}
    tree = OutlineTree.model_validate(
        {"title": "Title", "stages": [{"name": "Stage", "description": "First.", "modules": [module]}]},
        context={"outline": HAND_LIMITS},
    )
    roadmap = make_roadmap(state=Roadmap.State.READY)
    outline.revise(roadmap, tree, author=OutlineRevision.Author.DESIGN, reason="")
    return roadmap


def concept_as_posted(concept, **changes):
    fields = {name: getattr(concept, name) for name in ("name", "description", "hours", "difficulty")}
    prerequisites = list(concept.prerequisites.values_list("pk", flat=True))
    seen = concept.roadmap.revisions.count()
    return {**fields, "keywords": "a\nb\nc", "prerequisites": prerequisites, "seen_version": seen, **changes}


def test_a_changed_concept_is_a_version_of_the_outline(client, editor, outlined):
    concept = outlined.concepts.get(key="c-1-1-3")
    second = outlined.concepts.get(key="c-1-1-2")

    client.post(address(concept), concept_as_posted(concept, name="Clearer", prerequisites=[second.pk]))

    concept.refresh_from_db()
    assert concept.name == "Clearer"
    assert list(concept.prerequisites.all()) == [second]
    latest = outline.latest(outlined)
    assert (latest.number, latest.author, latest.changes["changed"]) == (2, "hand", ["c-1-1-3"])
    assert "eve" in latest.reason


def test_a_concept_saved_unchanged_makes_no_version(client, editor, outlined):
    concept = outlined.concepts.get(key="c-1-1-3")

    client.post(address(concept), concept_as_posted(concept))

    assert outlined.revisions.count() == 1


@pytest.mark.parametrize("count", [3, 5])
def test_keywords_with_commas_are_saved_as_they_are(client, editor, outlined, count):
    concept = outlined.concepts.get(key="c-1-1-3")
    keywords = ["C, C++ and D", "two", "three", "four", "five"][:count]
    tree = outline.latest(outlined).tree
    tree["stages"][0]["modules"][0]["concepts"][2]["keywords"] = keywords
    outline.revise(
        outlined, OutlineTree.model_validate(tree, context={"outline": HAND_LIMITS}), author="hand", reason=""
    )
    shown = client.get(address(concept)).context["adminform"].form.initial["keywords"]

    client.post(address(concept), concept_as_posted(concept, keywords=shown.replace("\n", "\r\n")))
    assert outlined.revisions.count() == 2

    client.post(address(concept), concept_as_posted(concept, keywords=shown, name="Clearer"))
    concept.refresh_from_db()
    assert (concept.name, concept.keywords) == ("Clearer", keywords)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"hours": 7}, "easy means"),
        ({"keywords": "one"}, "at least 3"),
        ({"seen_version": 0}, "Nothing was saved"),
        ({"name": ""}, "required"),
    ],
)
def test_a_concept_that_no_outline_may_hold_is_refused(client, editor, outlined, changes, reason):
    concept = outlined.concepts.get(key="c-1-1-3")

    page = client.post(address(concept), concept_as_posted(concept, **changes))

    assert reason in page.content.decode()
    assert outlined.revisions.count() == 1


def test_a_concept_cannot_build_on_a_later_one(client, editor, outlined):
    concept, later = outlined.concepts.get(key="c-1-1-2"), outlined.concepts.get(key="c-1-1-3")

    page = client.post(address(concept), concept_as_posted(concept, prerequisites=[later.pk]))

    form = page.context["adminform"].form
    assert [each.key for each in form.fields["prerequisites"].queryset] == ["c-1-1-1"]
    assert "is not one of the available choices" in str(form.errors["prerequisites"])
    assert outlined.revisions.count() == 1


def test_an_outline_that_is_being_worked_on_is_left_alone(client, editor, outlined):
    Roadmap.objects.filter(pk=outlined.pk).update(state=Roadmap.State.DESIGNING)
    concept = outlined.concepts.get(key="c-1-1-3")

    page = client.post(address(concept), concept_as_posted(concept, name="Clearer"))

    assert "being worked on right now" in page.content.decode()
    assert outlined.revisions.count() == 1


# Versions of the outline


@pytest.fixture
def earlier(outlined):
    """The first of two versions, whose latest has another name for a concept."""
    return outlined.revisions.get(number=1)


def with_a_second_version(roadmap) -> OutlineRevision:
    tree = outline.tree_of(roadmap.revisions.get(number=1))
    tree.stages[0].modules[0].concepts[0].name = "Renamed <b>since</b>"
    return outline.revise(roadmap, tree, author=OutlineRevision.Author.HAND, reason="by hand")


def test_an_outlines_version_shows_its_difference_and_is_restored(client, editor, outlined, earlier):
    latest = with_a_second_version(outlined)
    Roadmap.objects.filter(pk=outlined.pk).update(state=Roadmap.State.IN_REVIEW)

    shown = client.get(address(earlier))

    assert "What version 1 has other than version 2" in shown.content.decode()
    assert "Renamed &lt;b&gt;since&lt;/b&gt;" in shown.content.decode()
    assert "Restore this version" in shown.content.decode()
    was = outline.tree_of(earlier).stages[0].modules[0].concepts[0].name
    assert [each.name for each in shown.context["compared"].changes] == [was]  # what restoring would name it again
    assert "Restore this version" not in client.get(address(latest)).content.decode()
    client.post(address(earlier), {"action": "restore"})  # without having seen what is the latest
    assert outlined.revisions.count() == 2

    for _ in range(2):
        client.post(address(earlier), {"action": "restore", "seen": "2"})

    outlined.refresh_from_db()
    assert [each.number for each in outlined.revisions.order_by("number")] == [1, 2, 3]
    assert outline.tree_of(outlined.revisions.get(number=3)) == outline.tree_of(earlier)
    assert not outlined.concepts.filter(name__startswith="Renamed").exists()


def test_an_outlines_version_that_says_the_same_as_the_latest_is_not_said_to_be_restored(
    client, editor, outlined, earlier
):
    with_a_second_version(outlined)
    outline.revise(outlined, outline.tree_of(earlier), author=OutlineRevision.Author.HAND, reason="back")
    Roadmap.objects.filter(pk=outlined.pk).update(state=Roadmap.State.IN_REVIEW)

    page = client.post(address(earlier), {"action": "restore", "seen": "3"}, follow=True).content.decode()

    assert "nothing to do. Version 3, the latest, says the same." in page
    assert "restored as the latest version" not in page
    assert outlined.revisions.count() == 3
    assert not Noted.objects.filter(action_flag=CHANGE).exists()


def test_an_outlines_version_is_restored_only_beside_its_difference_from_the_latest(client, editor, outlined, earlier):
    second = with_a_second_version(outlined)
    outline.revise(outlined, outline.tree_of(earlier), author=OutlineRevision.Author.HAND, reason="back")
    Roadmap.objects.filter(pk=outlined.pk).update(state=Roadmap.State.IN_REVIEW)

    beside_another = client.get(address(second), {"against": "1"}).content.decode()

    assert "What version 2 has other than version 1" in beside_another
    assert "Restore this version" not in beside_another
    assert "To restore it, compare it with version 3, the latest." in beside_another
    assert "Restore this version" in client.get(address(second), {"against": "3"}).content.decode()


def test_what_an_editor_changed_of_a_finished_outline_is_put_back(client, editor, outlined, earlier):
    concept = outlined.concepts.get(key="c-1-1-3")
    was = concept.name
    client.post(address(concept), concept_as_posted(concept, name="Worse"))

    shown = client.get(address(earlier)).content.decode()
    client.post(address(earlier), {"action": "restore", "seen": "2"})

    assert "Restore this version" in shown
    concept.refresh_from_db()
    assert (concept.name, outlined.revisions.count()) == (was, 3)


def test_a_finished_outline_takes_no_version_with_other_concepts(client, editor, outlined, earlier):
    tree = outline.tree_of(earlier)
    del tree.stages[0].modules[0].concepts[2]
    outline.revise(outlined, tree, author=OutlineRevision.Author.HAND, reason="without the third")

    shown = client.get(address(earlier)).content.decode()
    page = client.post(address(earlier), {"action": "restore", "seen": "2"}, follow=True)

    assert "Restore this version" not in shown
    assert "other concepts than the latest" in shown
    assert outlined.revisions.count() == 2
    assert 'class="error"' in page.content.decode()


@pytest.mark.parametrize("against", ["0", "3", "x", "-1", "9" * 5000])
def test_hostile_comparisons_of_outlines_fall_back(client, editor, outlined, earlier, against):
    assert client.get(address(earlier), {"against": against}).status_code == 200
