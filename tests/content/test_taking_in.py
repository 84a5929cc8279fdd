"""A curated roadmap becomes files of the library, and such files are taken in; hostile ones are refused."""

import io
import re
import stat
import threading
import tomllib
import zipfile

import pytest
from django.contrib.auth.models import Permission
from django.db import connection, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from content import importing, publishing, taking_in, writing
from content.exporting import reading
from content.exporting.formats import FORMATS
from content.models import Question, Quiz, Resource, Tutorial
from content.subject_rules import SubjectError, check
from roadmap_project.library import subjects
from roadmap_project.library.prerequisites import with_links
from roadmap_project.library.subjects import FOLDER, SCAFFOLD, Term, bundled_keys, read_concept, read_subject
from roadmap_project.library.writing import concept_file, subject_file, toml
from roadmap_project.llm.reasons import FROM_AN_ADDED_SUBJECT
from roadmaps import added_subjects, deciding, starting
from roadmaps.models import Concept, LibrarySubject, Roadmap, SubjectVersion
from roadmaps.steps import draining
from tests.editors import address, make_editor
from tests.engine import wait_until
from tests.factories import make_resources, make_roadmap, make_tree, make_tutorial, make_user, make_written_roadmap

DETAILS = {
    "key": "keeping-bees",
    "title": "Keeping bees",
    "description": "You can keep bees.",
    "terms": [Term(term="beekeeping", weight=3)],
}


@pytest.fixture(autouse=True)
def _bundled_only():
    """What one test offers is not known to the next."""
    yield
    subjects.offer({})
    added_subjects._known.clear()


@pytest.fixture
def written(library, transactional_db) -> Roadmap:
    """A roadmap that the bundled library wrote in full."""
    roadmap = starting.start(owner=make_user(), goal="Learn SQL", level="beginner", skips_review=True)
    draining.drain("workflow")
    draining.drain("content")
    roadmap.refresh_from_db()
    assert roadmap.state == Roadmap.State.READY, roadmap.notice
    return roadmap


def packed(files) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return written.getvalue()


def bundled(key="sql-databases", **changes) -> dict[str, str]:
    """A bundled subject's files under a key of its own, some of them changed."""
    files = {f"keeping-bees/{path.name}": path.read_text() for path in sorted((FOLDER / key).iterdir())}
    toml_name = "keeping-bees/subject.toml"
    files[toml_name] = files[toml_name].replace(f'key = "{key}"', 'key = "keeping-bees"')
    return {**files, **changes}


# Files


@pytest.mark.parametrize("key", bundled_keys())
def test_a_written_subject_is_read_as_it_was(key):
    subject = subjects.subject(key)

    assert read_subject(subject_file(subject)) == subject
    for concept in subject.concepts():
        assert read_concept(concept.key, concept_file(concept)) == concept


words = st.text(st.characters(exclude_categories=["Cs"]))
keys = st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=5)
tables = st.recursive(
    words | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False) | st.lists(words),
    lambda each: st.lists(st.dictionaries(keys, each), min_size=1),
    max_leaves=12,
)


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(keys, tables))
def test_whatever_is_written_as_toml_is_read_the_same(table):
    assert tomllib.loads(toml(table)) == table


# Out and in again


def test_a_published_roadmap_is_taken_in_and_serves_the_next_goal(written):
    concept = written.concepts.order_by("position").last()
    Tutorial.objects.filter(concept=concept).update(markdown=f"## Overview\n\nBees! {'Honey. ' * 120}")

    taking_in.take_in(publishing.archive(*publishing.subject_of(written, **DETAILS)), author=make_user())
    roadmap = starting.start(owner=make_user(), goal="Learn beekeeping", level="beginner", hours_per_week=40)
    draining.drain("workflow")
    deciding.approve(roadmap.pk)
    draining.drain("content")

    roadmap.refresh_from_db()
    assert roadmap.state == Roadmap.State.READY, roadmap.notice
    assert {each.source.partition("/")[0] for each in roadmap.concepts.all()} == {"keeping-bees"}
    again = roadmap.concepts.get(name=concept.name)
    assert "Bees! Honey." in Tutorial.objects.get(concept=again).markdown
    assert Quiz.objects.get(concept=again).questions.count() == Question.objects.filter(quiz__concept=concept).count()
    origins = {roadmap.origin, *Tutorial.objects.filter(concept__roadmap=roadmap).values_list("origin", flat=True)}
    assert origins == {FROM_AN_ADDED_SUBJECT}  # who knows whether a model wrote it once


def as_read(concept: Concept) -> dict[str, list]:
    """What a learner reads of a concept, by piece."""
    tutorial, resources = (
        concept.tutorial_versions.get(is_current=True),
        concept.resourcelist_versions.get(is_current=True),
    )
    working = resources.resources.exclude(status=Resource.Status.BROKEN)
    links = working.values_list("title", "url", "kind", "description", "relevance", "language")
    questions = concept.quiz_versions.get(is_current=True).questions
    return {
        "tutorial": [
            tutorial.title,
            tutorial.summary,
            tutorial.minutes,
            publishing.without_own_links(
                tutorial.markdown, [each.key for each in concept.prerequisites.all()], language="en"
            ),
        ],
        "resources": [resources.note, *links],
        "quiz": list(questions.values_list("kind", "text", "options", "correct", "explanation", "difficulty")),
    }


def test_what_editors_wrote_comes_back_as_it_was(written):
    """Titles of their own, notes, any number of links in their order and languages, a short text, few questions."""
    edited, emptied, untouched, unlisted, *_ = written.concepts.order_by("position")
    Tutorial.objects.filter(concept=edited).update(title="Bees, not honey", minutes=3, markdown="## Overview\n\nShort.")
    make_resources(concept=edited, version=2, count=7, note="Begin with the *last*.")
    for place, link in enumerate(edited.resourcelist_versions.get(is_current=True).resources.all()):
        link.relevance, link.language = [0.1, 0.9][place % 2], ["de", "en"][place % 2]
        link.save()
    edited.resourcelist_versions.get(is_current=True).resources.filter(position=3).update(status=Resource.Status.BROKEN)
    make_resources(concept=emptied, version=2, count=0, note="None is good enough.")
    make_resources(concept=unlisted, version=2, count=0, note=writing.NO_LINKS_FOR_GOAL)
    Question.objects.filter(quiz__concept=edited, position__gt=0).delete()
    before = {concept.name: as_read(concept) for concept in (edited, emptied, untouched)}

    archive = publishing.archive(*publishing.subject_of(written, **DETAILS))
    taking_in.take_in(archive, author=make_user())
    roadmap = starting.start(
        owner=make_user(), goal="Learn beekeeping", level="beginner", hours_per_week=40, skips_review=True
    )
    draining.drain("workflow")
    draining.drain("content")

    roadmap.refresh_from_db()
    assert roadmap.state == Roadmap.State.READY, roadmap.notice
    for name, read in before.items():
        assert as_read(roadmap.concepts.get(name=name)) == read
    assert as_read(roadmap.concepts.get(name=unlisted.name))["resources"] == [writing.NO_LINKS_BY_EDITORS]
    assert publishing.subject_of(roadmap, **DETAILS)[1] == taking_in.unpacked(archive)[1]


def test_a_concept_is_as_important_as_in_the_library_and_else_as_usual():
    keys = [(key, concept) for key in bundled_keys() for concept in subjects.subject(key).concepts() if key != SCAFFOLD]
    assert {concept.importance for _, concept in keys} == {1, 2, 3}

    for key, concept in keys:
        assert publishing._importance(f"{key}/{concept.key}") == concept.importance
    for unknown in ("", "gone/concept", "sql-databases/gone"):
        assert publishing._importance(unknown) == publishing.USUAL_IMPORTANCE


def test_what_a_subject_cannot_hold_is_said_before_the_download(client, db):
    client.force_login(make_editor())
    written = make_written_roadmap(concepts=3)
    page = f"{address(written).removesuffix('change/')}subject/"
    assert publishing.losses(written) == []
    assert "All that the learner sees" in client.get(page).content.decode()

    first, second, *_ = written.concepts.order_by("position")
    make_resources(concept=first)
    make_resources(concept=first, version=2, count=1, title="Gone", status=Resource.Status.BROKEN)
    make_resources(concept=first, version=3, count=1, title="Gone", status=Resource.Status.BROKEN)
    section = "## Prerequisites\n\n- [Before](concept:c-1-1-1)\n"
    make_tutorial(concept=first, markdown=f"## Overview\n\nText.\n\n{section}")
    words = "## Overview\n\nAs [before](concept:c-1-1-1)."
    make_tutorial(concept=second, markdown=f"{words}\n\n{section}\nBe patient.\n\n## More\n\nText.")

    lost = publishing.losses(written)
    assert lost == [
        f"{first.name}: the broken link “Gone” (https://example.org/0).",
        f"{second.name}: what the tutorial’s section “Prerequisites” says; the library makes one of links.",
        f"{second.name}: the tutorial’s links to other concepts, of which the words stay (“before”).",
    ]
    shown = client.get(page).content.decode()
    assert "is left out (3)" in shown
    assert "https://example.org/0" in shown


def test_a_librarys_roadmap_is_offered_as_the_subject_that_it_was_made_from(client, written):
    """So that what editors made better comes before what it was made from, without their naming anything."""
    client.force_login(make_editor())
    concept = written.concepts.get(source="sql-databases/changing-rows")
    Tutorial.objects.filter(concept=concept).update(markdown=f"## Overview\n\nBees! {'Honey. ' * 120}")
    page = f"{address(written).removesuffix('change/')}subject/"

    shown = client.get(page)
    given_out = client.post(page, shown.context["form"].initial)
    put_in_place(client, upload(client, given_out.content))
    deciding.regenerate(concept, "tutorial")
    roadmap = starting.start(owner=make_user(), goal="Learn SQL joins", level="beginner", skips_review=True)
    draining.drain("workflow")
    draining.drain("content")

    whole, kept = subjects.bundled_subject("sql-databases"), written.concepts.count()
    assert f"without {len(whole.order) - kept} of its {len(whole.order)} concepts" in shown.content.decode()
    subject, concepts = taking_in.unpacked(given_out.content)
    assert (subject.title, subject.slug_words, subject.terms) == (whole.title, whole.slug_words, whole.terms)
    bundled = {each.key: each.importance for each in whole.concepts()}
    assert all(bundled[each.key] == each.importance for each in concepts)
    again = roadmap.concepts.get(name=concept.name)
    for each in (again, concept):
        assert "Bees! Honey." in Tutorial.objects.current().get(concept=each).markdown


def test_a_subject_keeps_its_language(library, transactional_db):
    files = bundled()
    for name, old, new in (
        ("subject.toml", 'language = "en"', 'language = "de"'),
        ("subject.toml", "[[terms]]", '[[terms]]\nterm = "imkern"\nweight = 3\n\n[[terms]]'),
    ):
        files[f"keeping-bees/{name}"] = files[f"keeping-bees/{name}"].replace(old, new, 1)
    taking_in.take_in(packed(files), author=make_user())

    roadmap = starting.start(owner=make_user(), goal="Learn imkern", level="beginner", language="fr", skips_review=True)
    draining.drain("workflow")
    draining.drain("content")

    roadmap.refresh_from_db()
    assert roadmap.content_language == "de"
    links = Resource.objects.filter(resource_list__concept__roadmap=roadmap)
    assert set(links.values_list("language", flat=True)) == {"de"}
    assert publishing.subject_of(roadmap, **DETAILS)[0].language == "de"


def test_the_bundled_librarys_roadmaps_are_published_in_its_language(written):
    Roadmap.objects.filter(pk=written.pk).update(language="zh")
    written.refresh_from_db()

    assert publishing.subject_of(written, **DETAILS)[0].language == "en"


def test_links_between_one_roadmaps_concepts_are_not_published(written):
    assert any("concept:c-" in each.markdown for each in Tutorial.objects.all())

    _, concepts = publishing.subject_of(written, **DETAILS)

    assert not any("concept:c-" in each.markdown or "## Prerequisites" in each.markdown for each in concepts)
    assert [each.prerequisites for each in concepts if each.prerequisites]


LINKS = "- [Before](concept:c-1-1-1)\n- [Also before](concept:c-1-1-2): briefly"


@pytest.mark.parametrize(
    ("language", "markdown"),
    [
        ("en", f"## Overview\n\nText.\n\n## Prerequisites\n\n{LINKS}\n\n## Analogy\n\nLike.\n\n## Summary\n\nEnd."),
        ("en", f"## Overview\n\n```r\n## one\n## two\n```\n\n## You need\n\n{LINKS}\n\n## Summary\n\nEnd."),
        ("zh", f"## 概述\n\n文字。\n\n## 前置知识\n\n{LINKS}\n\n## 类比\n\n好比。\n\n## 总结\n\n完。"),
        ("zh-Hans", f"## 概述\n\n文字。\n\n## 类比\n\n好比。\n\n## 先修概念\n\n{LINKS}\n\n## 总结\n\n完。"),
        ("xx", f"## Ena\n\nText.\n\n## Dva\n\n{LINKS}"),
    ],
)
def test_the_section_of_prerequisites_comes_back_where_it_stood_under_its_heading(language, markdown):
    published = publishing.without_own_links(markdown, ["c-1-1-1", "c-1-1-2"], language=language)

    assert "](concept:" not in published
    assert with_links(published, LINKS, language=language) == markdown
    alone = with_links(published, "", language=language)
    assert (alone.count("## "), "{{" in alone) == (markdown.count("## ") - 1, False)


def test_a_list_of_what_comes_next_is_no_section_of_prerequisites():
    markdown = "## Overview\n\nText.\n\n## Go on to\n\n- [Later](concept:c-2-1-1)"

    published = publishing.without_own_links(markdown, ["c-1-1-1"], language="de")

    assert published == markdown.replace("[Later](concept:c-2-1-1)", "Later")
    assert with_links(published, LINKS, language="de") == markdown.replace(
        "## Go on to\n\n- [Later](concept:c-2-1-1)", f"## Voraussetzungen\n\n{LINKS}\n\n## Go on to\n\n- Later"
    )


def test_a_title_in_any_writing_is_published_under_the_words_of_its_key(written):
    for key, words in (
        ("keeping-bees", ["keeping", "bees", "learning", "path"]),
        ("bees", ["bees", "learning", "path"]),
        ("a-b-c-d-e-f-g", ["a", "b", "c", "d", "e", "f"]),
        ("b" * 80, ["b" * 24, "learning", "path"]),
    ):
        subject, _ = publishing.subject_of(written, **{**DETAILS, "key": key, "title": "养蜂入门"})
        assert subject.slug_words == words


def test_what_is_not_written_yet_is_no_subject(db):
    with pytest.raises(SubjectError, match="has no tutorial"):
        publishing.subject_of(make_tree(), **DETAILS)


def renamed(title) -> bytes:
    name = "keeping-bees/subject.toml"
    return packed(
        bundled(**{name: re.sub(r'^title = ".*"', f'title = "{title}"', bundled()[name], flags=re.MULTILINE)})
    )


def test_a_subject_that_is_taken_in_again_is_kept_beside_the_one_in_place_until_it_is_put_there(db):
    first = taking_in.take_in(packed(bundled()), author=make_user())
    second = taking_in.take_in(renamed("Second"), author=make_user(username="second"))
    assert [version.is_in_place for version in (first, second)] == [True, False]
    assert LibrarySubject.objects.get().title == first.title

    for _ in range(2):
        taking_in.put_in_place(second, seen="1")
    row = LibrarySubject.objects.get()
    assert (row.title, row.version, row.author.username) == ("Second", 2, "second")

    taking_in.put_in_place(first, seen="2")  # the earlier one was kept, and so is the later one
    row.refresh_from_db()
    assert (row.title, row.version) == (first.title, 1)
    assert taking_in.read(row) == taking_in.unpacked(packed(bundled()))
    assert [version.number for version in row.versions.all()] == [2, 1]


def test_what_is_in_place_already_is_not_kept_twice(db):
    first = taking_in.take_in(packed(bundled()), author=make_user())

    assert taking_in.take_in(packed(bundled()), author=make_user()) == first
    assert SubjectVersion.objects.count() == 1


def test_a_subject_from_before_versions_were_kept_is_kept_when_it_is_replaced(db):
    taking_in.take_in(packed(bundled()), author=make_user())
    LibrarySubject.objects.update(version=7)
    SubjectVersion.objects.all().delete()

    second = taking_in.take_in(renamed("Second"), author=make_user())

    assert [version.number for version in SubjectVersion.objects.all()] == [8, 7]
    taking_in.put_in_place(second, seen="7")
    assert LibrarySubject.objects.get().version == 8


def test_what_came_in_between_is_not_replaced_unseen(db):
    taking_in.take_in(packed(bundled()), author=make_user())
    second = taking_in.take_in(renamed("Second"), author=make_user(username="second"))
    third = taking_in.take_in(renamed("Third"), author=make_user())
    taking_in.put_in_place(second, seen="1")

    with pytest.raises(taking_in.MovedOnError, match="Meanwhile version 2 by second is in place"):
        taking_in.put_in_place(third, seen="1")

    assert LibrarySubject.objects.get().title == "Second"


def test_the_difference_between_two_subjects_is_said_in_sentences(db):
    before = taking_in.unpacked(packed(bundled()))
    subject, (first, *others) = before
    changed = first.model_copy(update={"title": "Better", "resources_note": "Read these."})
    added = first.model_copy(update={"key": "new", "name": "New"})
    after = (subject.model_copy(update={"title": "Bees"}), [changed, *others[1:], added])

    assert taking_in.differences(before, before) == []
    assert taking_in.differences(before, after) == [
        "Changed: the title.",
        f"Left out: {others[0].name}.",
        "Added: New.",
        f"{first.name}: tutorial’s title, resources’ note.",
    ]
    assert taking_in.differences(None, after) == ["The one in place cannot be read: its format is outdated."]


def test_every_part_of_a_subject_counts_as_a_difference():
    said = {*taking_in.SUBJECT_PARTS, "key", "stages"}, {*taking_in.CONCEPT_PARTS, "key"}

    assert said == (set(subjects.Subject.model_fields), set(subjects.SubjectConcept.model_fields))


def test_of_two_first_ones_at_once_the_second_waits_and_is_kept_beside_it(transactional_db):
    author, taken = make_user(), []

    def take() -> None:
        try:
            taken.append(taking_in.take_in(renamed("Second"), author=author))
        finally:
            connection.close()

    other = threading.Thread(target=take)
    with transaction.atomic():
        first = taking_in.take_in(packed(bundled()), author=author)
        other.start()
        wait_until(is_somebody_waiting)
    other.join(20)

    assert [(version.of_id, version.number, version.is_in_place) for version in taken] == [(first.of_id, 2, False)]


def is_somebody_waiting() -> bool:
    """For a lock that another transaction holds."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")  # else a transaction sees what it saw first
        cursor.execute("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()")
        return cursor.fetchone() is not None


def of_a_bundled_key() -> bytes:
    """SQL's own files, but for the title."""
    files = {name.partition("/")[2]: text for name, text in bundled().items()}
    files["subject.toml"] = files["subject.toml"].replace('"keeping-bees"', '"sql-databases"', 1)
    files["subject.toml"] = files["subject.toml"].replace('title = "', 'title = "Better: ', 1)
    return packed(files)


def test_a_subject_stands_before_the_bundled_one_of_its_key_until_it_is_withdrawn(db):
    version = taking_in.take_in(of_a_bundled_key(), author=make_user())
    taking_in.put_in_place(version, seen=taking_in.mark(version.of))

    added_subjects.refresh()
    assert subjects.subject("sql-databases").title.startswith("Better: ")
    LibrarySubject.objects.filter(pk=version.of_id).update(is_offered=False)
    added_subjects.refresh()
    assert not subjects.subject("sql-databases").title.startswith("Better: ")
    assert not subjects.is_added("sql-databases", FIRST)


def without_a_concept(subject, concepts):
    """As an archive, without one that no other needs; and that one."""
    needed = {key for each in concepts for key in each.prerequisites}
    module = next(m for s in subject.stages for m in s.modules if len(m.concepts) > 1 and not {*m.concepts} <= needed)
    gone = next(key for key in module.concepts if key not in needed)
    module.concepts.remove(gone)
    return publishing.archive(subject, [each for each in concepts if each.key != gone]), gone


def test_what_a_subject_had_once_is_still_there_for_roadmaps_that_were_made_of_it(db):
    """And for no new ones."""
    first = taking_in.take_in(packed(bundled()), author=make_user())
    smaller, gone = without_a_concept(*taking_in.unpacked(packed(bundled())))
    second = taking_in.take_in(smaller, author=make_user())
    source = f"keeping-bees/{gone}"

    def known() -> tuple[bool, bool, bool]:
        added_subjects.refresh()
        return subjects.is_offered(source), subjects.is_added("keeping-bees", gone), bool(subjects.by_source(source))

    assert known() == (True, True, True)
    taking_in.put_in_place(second, seen="1")
    assert known() == (False, True, True)
    assert gone not in subjects.subject("keeping-bees").order
    taking_in.put_in_place(first, seen="2")
    assert known() == (True, True, True)

    LibrarySubject.objects.update(is_offered=False)
    assert known() == (False, True, True)
    assert "keeping-bees" not in {each.key for each in subjects.subjects()}
    assert len(subjects.subject("keeping-bees").concepts()) == len(taking_in.read(first)[1])


def test_what_was_in_place_while_a_later_version_was_is_there_when_an_earlier_one_is_put_back(db):
    smaller, gone = without_a_concept(*taking_in.unpacked(packed(bundled())))
    first = taking_in.take_in(smaller, author=make_user())
    taking_in.put_in_place(taking_in.take_in(packed(bundled()), author=make_user()), seen="1")
    taking_in.put_in_place(first, seen="2")

    added_subjects.refresh()

    assert subjects.by_source(f"keeping-bees/{gone}")


def test_a_roadmap_under_way_is_written_from_its_subject_though_that_is_withdrawn(library, transactional_db):
    """Its outline is changed from it, too."""
    files = bundled()
    terms = files["keeping-bees/subject.toml"]
    files["keeping-bees/subject.toml"] = terms.replace(
        "[[terms]]", '[[terms]]\nterm = "bees"\nweight = 3\n\n[[terms]]', 1
    )
    row = taking_in.take_in(packed(files), author=make_user()).of
    roadmap = starting.start(owner=make_user(), goal="Learn bees", level="beginner", hours_per_week=1)
    draining.drain("workflow")
    LibrarySubject.objects.update(is_offered=False)

    deciding.request_changes(roadmap.pk, text="Add window functions", author=roadmap.owner)
    draining.drain("workflow")
    assert taking_in.unfinished_without([row]).count() == 1
    deciding.approve(roadmap.pk)
    draining.drain("content")

    roadmap.refresh_from_db()
    assert roadmap.state == Roadmap.State.READY, roadmap.notice
    assert {each.source.partition("/")[0] for each in roadmap.concepts.all()} == {"keeping-bees"}
    assert not taking_in.unfinished_without([row]).exists()


def test_what_is_brought_in_keeps_its_place_in_an_added_subject_whichever_process_answers(db):
    """This one has not looked at what editors added yet."""
    roadmap = make_written_roadmap()
    roadmap.stages.get().modules.update(description="What it is for.")
    roadmap.concepts.filter(position=0).update(source=f"keeping-bees/{FIRST}")
    taking_in.take_in(packed(bundled()), author=make_user())

    document = importing.parse(FORMATS["json"].write(reading.for_owner(roadmap)))

    assert next(each.source for each in document.parts()) == f"keeping-bees/{FIRST}"


def test_a_deleted_subjects_roadmaps_say_so_and_keep_what_they_have(written):
    row = taking_in.take_in(packed(bundled()), author=make_user())
    concept = written.concepts.order_by("position")[0]
    Concept.objects.filter(roadmap=written).update(source=f"keeping-bees/{FIRST}")
    row.of.delete()

    deciding.regenerate(concept, "tutorial")
    draining.drain("content")

    step = concept.steps.get(kind="tutorial")
    assert step.state == "done"
    assert "the bundled library has nothing about this" in step.last_error
    assert Tutorial.objects.get(concept=concept).is_current


def test_a_subject_that_nobody_has_is_a_key_error():
    """Which the provider turns into a failed piece with its reason."""
    with pytest.raises(KeyError):
        subjects.subject("withdrawn")


def test_nothing_new_costs_one_query(db, django_assert_num_queries):
    taking_in.take_in(packed(bundled()), author=make_user())
    added_subjects.refresh()

    with django_assert_num_queries(1):
        added_subjects.refresh()


def test_a_row_that_cannot_be_read_leaves_the_others_offered(db):
    taking_in.take_in(packed(bundled()), author=make_user())
    LibrarySubject.objects.create(key="broken", title="Broken", subject={"key": "broken"}, concepts={})

    added_subjects.refresh()

    assert {"keeping-bees", "python-programming"} <= {each.key for each in subjects.subjects()}
    assert "broken" not in {each.key for each in subjects.subjects()}


def test_a_concept_that_cannot_be_read_leaves_the_others_kept(db):
    """Of those that the version in place does without."""
    first = taking_in.take_in(packed(bundled()), author=make_user())
    smaller, gone = without_a_concept(*taking_in.unpacked(packed(bundled())))
    taking_in.put_in_place(taking_in.take_in(smaller, author=make_user()), seen="1")
    first.concepts |= {"from-before": {"key": "from-before", "text": "In an outdated format."}}
    first.save()

    added_subjects.refresh()

    assert subjects.by_source(f"keeping-bees/{gone}")
    with pytest.raises(KeyError):
        subjects.by_source("keeping-bees/from-before")


# Hostile archives

FIRST = subjects.subject("sql-databases").order[0]


def link(name) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        member = zipfile.ZipInfo(name)
        member.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(member, "/etc/passwd")
    return written.getvalue()


def lying_about_its_size() -> bytes:
    """Two megabytes that call themselves ten bytes, in the directory and before the data."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("subject.toml", "x" * 2_000_000)
    return written.getvalue().replace((2_000_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))


def twice() -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        archive.writestr("subject.toml", "a = 1")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("subject.toml", "a = 2")
    return written.getvalue()


def encrypted() -> bytes:
    data = bytearray(packed({"subject.toml": "a = 1"}))
    data[6] |= 1
    data[data.rindex(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


HOSTILE = {
    "no archive": (lambda: b"GIF89a", "not a ZIP archive"),
    "nothing": (lambda: b"", "not a ZIP archive"),
    "cut off": (lambda: packed(bundled())[:-2000], "not a ZIP archive"),
    "too large": (lambda: b"x" * 5_000_001, "more than 5 MB"),
    "empty": (lambda: packed({}), "no subject.toml"),
    "a way out": (lambda: packed({"../subject.toml": ""}), "neither subject.toml"),
    "an absolute path": (lambda: packed({"/etc/subject.toml": ""}), "neither subject.toml"),
    "a program": (lambda: packed({"bees/run.py": ""}), "neither subject.toml"),
    "deep folders": (lambda: packed({"a/b/subject.toml": ""}), "neither subject.toml"),
    "two folders": (lambda: packed({"a/subject.toml": "", "b/one.md": ""}), "not all in the same folder"),
    "a link": (lambda: link("subject.toml"), "is a link"),
    "encrypted": (encrypted, "encrypted"),
    "twice": (twice, "stands twice"),
    "a bomb": (lambda: packed({"subject.toml": "x" * 200_001}), "more than 200 KB"),
    "a bomb that lies": (lying_about_its_size, "not a ZIP archive"),
    "too many files": (lambda: packed({f"a{n}.md": "" for n in range(200)}), "200 files"),
    "no text": (lambda: packed({"subject.toml": b"\xff\xfe"}), "not UTF-8"),
    "no TOML": (lambda: packed({"subject.toml": "key = "}), "subject.toml cannot be read"),
    "nested": (lambda: packed({"subject.toml": "a = " + "[" * 50_000}), "subject.toml cannot be read"),
    "wrong types": (lambda: packed({"subject.toml": "key = 1"}), "subject.toml, key"),
    "a missing file": (lambda: packed({"subject.toml": bundled()["keeping-bees/subject.toml"]}), "is missing"),
    "a needless file": (lambda: packed(bundled(**{"keeping-bees/more.md": ""})), "is no concept"),
    "no front matter": (lambda: packed(bundled(**{f"keeping-bees/{FIRST}.md": "Only text"})), "cannot be read"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_archives_are_refused_and_change_nothing(db, name):
    make, reason = HOSTILE[name]

    with pytest.raises(SubjectError, match=reason):
        taking_in.take_in(make(), author=make_user())

    assert not LibrarySubject.objects.exists()


def changed(old, new, file=f"{FIRST}.md"):
    name = f"keeping-bees/{file}"
    text = bundled()[name]
    assert old in text
    return packed(bundled(**{name: text.replace(old, new, 1)}))


@pytest.mark.parametrize(
    ("old", "new", "file", "reason"),
    [
        ('"keeping-bees"', f'"{SCAFFOLD}"', "subject.toml", "the key"),
        ('"keeping-bees"', '"../bees"', "subject.toml", "the key"),
        ("weight = 3", "weight = 4", "subject.toml", "weight"),
        ('term = "sql"', 'term = "SQL"', "subject.toml", "small letters"),
        ('term = "sql"', f'term = "做{"…" * 14}网站"', "subject.toml", "once or twice"),
        ('term = "sql"', 'term = "做……网站"', "subject.toml", "once or twice"),
        ('term = "sql"', 'term = "做…大…小…网站"', "subject.toml", "once or twice"),
        ('term = "sql"', 'term = "…网站"', "subject.toml", "once or twice"),
        ('language = "en"', 'language = "en"\nextra = 1', "subject.toml", "extra"),
        ('url = "https', 'url = "javascript', f"{FIRST}.md", "neither http nor https"),
        ("correct = [", "correct = [99, ", f"{FIRST}.md", "correct"),
        ("hours = ", "hours = 9", f"{FIRST}.md", "hours"),
        ("hours = ", "hours = nan # ", f"{FIRST}.md", "hours"),
        ("prerequisites = [", 'prerequisites = ["nothing", ', f"{FIRST}.md", "does not come before it"),
        ('summary = "', 'summary = "\\u0000', f"{FIRST}.md", "NUL"),
        ("+++\n", 'key = "other"\n+++\n', f"{FIRST}.md", "cannot be read"),
    ],
)
def test_subjects_that_the_library_could_not_use_are_refused(db, old, new, file, reason):
    if reason == "cannot be read":
        text = bundled()[f"keeping-bees/{file}"].replace("+++\n", '+++\nkey = "other"\n', 1)
        archive = packed(bundled(**{f"keeping-bees/{file}": text}))
    else:
        archive = changed(old, new, file)

    with pytest.raises(SubjectError, match=reason):
        taking_in.take_in(archive, author=make_user())


# In the admin


@pytest.fixture
def editor(client, db):
    editor = make_editor(username="eve")
    client.force_login(editor)
    return editor


def upload(client, data):
    archive = io.BytesIO(data)
    archive.name = "subject.zip"
    return client.post(address(LibrarySubject, "add"), {"archive": archive}, follow=True)


def put_in_place(client, shown, **changes):
    """As the button on the shown version's page does."""
    data = {"action": "put_in_place", "seen": shown.context["seen"], **changes}
    return client.post(shown.request["PATH_INFO"], data, follow=True)


def test_another_editors_subject_is_replaced_after_a_look_at_the_difference(client, editor):
    taking_in.take_in(packed(bundled()), author=make_user(username="otto"))

    shown = upload(client, renamed("<b>Second</b>"))

    text = shown.content.decode()
    assert "version 1 by otto" in text
    assert "Changed: the title." in text
    assert "<b>Second</b>" not in text
    assert LibrarySubject.objects.get().version == 1
    for unseen in ("", "9" * 5_000):
        assert "beside the difference" in put_in_place(client, shown, seen=unseen).content.decode()
    assert LibrarySubject.objects.get().version == 1

    put_in_place(client, shown)
    row = LibrarySubject.objects.get()
    assert (row.version, row.author) == (2, editor)

    earlier = client.get(address(row.versions.get(number=1)))
    assert f'href="{address(row.versions.get(number=1))}"' in client.get(address(row)).content.decode()
    put_in_place(client, earlier)
    row.refresh_from_db()
    assert (row.version, row.author.username) == (1, "otto")
    given_out = client.post(address(row.versions.get(number=2)), {"action": "download"})
    assert taking_in.unpacked(given_out.content)[0].title == "<b>Second</b>"


def test_a_version_of_an_outdated_format_is_not_put_in_place(client, editor):
    taking_in.take_in(packed(bundled()), author=make_user())
    second = taking_in.take_in(renamed("Second"), author=make_user())
    second.concepts |= {FIRST: {"key": FIRST, "text": "In an outdated format."}}
    second.save()

    answer = put_in_place(client, client.get(address(second)))

    assert answer.status_code == 200
    assert "It cannot be read any more: its format is outdated." in answer.content.decode()
    assert LibrarySubject.objects.get().version == 1
    SubjectVersion.objects.filter(number=1).update(subject={"key": "keeping-bees"})
    assert put_in_place(client, client.get(address(SubjectVersion.objects.get(number=1)))).status_code == 200


def test_a_bundled_subject_is_replaced_after_a_look_at_the_difference(client, editor):
    def title() -> str:
        added_subjects.refresh()
        return subjects.subject("sql-databases").title

    usual = title()
    shown = upload(client, of_a_bundled_key())

    text = shown.content.decode()
    assert "In place is the bundled subject" in text
    assert "Changed: the title." in text
    assert "Left out" not in text
    row = LibrarySubject.objects.get()
    client.post(address(row), {"is_offered": "on"})
    assert title() == usual
    assert "the bundled subject" in client.get(address(row)).content.decode()

    upload(client, of_a_bundled_key())  # once more, which is kept beside it, too
    put_in_place(client, shown)
    assert title() == f"Better: {usual}"
    row.refresh_from_db()
    assert (row.version, row.is_offered, row.versions.count()) == (1, True, 2)
    client.post(address(row), {})
    assert title() == usual


def test_what_a_release_made_of_a_bundled_subject_is_not_replaced_unseen(client, editor, monkeypatch):
    shown = upload(client, of_a_bundled_key())
    released = subjects.bundled_subject("sql-databases").model_copy(update={"description": "As released since."})
    monkeypatch.setattr(taking_in, "bundled_subject", lambda key: released)

    refused = put_in_place(client, shown)

    assert "Meanwhile another text of the bundled subject is in place" in refused.content.decode()
    assert LibrarySubject.objects.get().version == 0
    put_in_place(client, client.get(shown.request["PATH_INFO"]))
    assert LibrarySubject.objects.get().version == 1


def test_who_may_only_look_puts_no_subject_in_place(client, db):
    taking_in.take_in(packed(bundled()), author=make_user())
    version = taking_in.take_in(renamed("Second"), author=make_user())
    reader = make_user(is_staff=True)
    reader.user_permissions.add(Permission.objects.get(codename="view_subjectversion"))
    client.force_login(reader)

    shown = client.get(address(version))
    refused = put_in_place(client, shown)

    assert "Put this version in place" not in shown.content.decode()
    assert refused.status_code == 403
    assert LibrarySubject.objects.get().version == 1


def test_an_editor_takes_a_subject_in_and_gives_it_out_again(client, editor):
    upload(client, packed(bundled()))
    row = LibrarySubject.objects.get()
    assert (row.key, row.author) == ("keeping-bees", editor)

    given_out = client.post(address(LibrarySubject, "changelist"), {"action": "download", "_selected_action": [row.pk]})

    assert given_out["Content-Disposition"] == 'attachment; filename="keeping-bees.zip"'
    subject, concepts = taking_in.unpacked(given_out.content)
    assert (subject, concepts) == taking_in.unpacked(packed(bundled()))


def test_goals_that_find_another_subject_are_said_when_one_is_taken_in(client, editor):
    page = upload(client, packed(bundled()))
    assert "“Learn sql” (finds SQL and relational databases)" in page.content.decode()

    renamed = bundled()["keeping-bees/subject.toml"].replace("sql-databases", "keeping-bees")
    found = re.sub(r"(?s)\[\[terms\]\].*?(?=\[\[stages\]\])", '[[terms]]\nterm = "bees"\nweight = 3\n\n', renamed)
    named = re.sub(r'^title = ".*"', 'title = "Keeping bees"', found, flags=re.MULTILINE)
    page = put_in_place(client, upload(client, packed(bundled(**{"keeping-bees/subject.toml": named}))))
    assert "do not find it" not in page.content.decode()
    assert "which are not its own" not in page.content.decode()

    unnamed = named.replace('term = "bees"', 'term = "apiary"')
    page = put_in_place(client, upload(client, packed(bundled(**{"keeping-bees/subject.toml": unnamed}))))
    assert "“Learn Keeping bees” (finds no subject)" in page.content.decode()


@pytest.mark.parametrize(
    ("term", "goals"),
    [
        ("learn", {"Learn something new": "", "Learn python": "python-programming"}),
        ("学习", {"学习新东西": "", "学习全栈": "web-development"}),
        ("入门", {"我想了解一门知识如何入门": ""}),
        ("基础", {"打好基础": ""}),
    ],
)
def test_goals_of_others_that_find_a_subject_with_a_broad_term_are_said(client, editor, term, goals):
    files = bundled()
    terms = files["keeping-bees/subject.toml"]
    files["keeping-bees/subject.toml"] = terms.replace(
        "[[terms]]", f'[[terms]]\nterm = "{term}"\nweight = 3\n\n[[terms]]', 1
    )

    page = upload(client, packed(files)).content.decode()

    assert "these goals, which are not its own, find it: “" in page
    assert "Is one of its terms too broad?" in page
    taken = taking_in.led_here(taking_in.unpacked(packed(files))[0])
    for goal, key in goals.items():
        assert taken[goal] == (subjects.subject(key).title if key else "no subject")


def test_a_models_roadmap_is_offered_as_a_subject_that_its_title_finds(client, editor):
    roadmap = make_tree(roadmap=make_roadmap(title="Keeping  Bees", intent={"key_technologies": ["Smoker"]}))

    form = client.get(f"{address(roadmap).removesuffix('change/')}subject/").context["form"]

    assert form.initial["terms"] == "3 keeping bees\n2 smoker"


@pytest.mark.parametrize("key", [key for key in bundled_keys() if key != SCAFFOLD])
def test_a_bundled_subject_keeps_the_rules_for_an_added_one_that_replaces_it(key):
    subject = subjects.bundled_subject(key)

    check(subject, subject.concepts())


def test_what_is_wrong_with_an_upload_is_said(client, editor):
    page = upload(client, b"GIF89a")

    assert "not a ZIP archive" in page.content.decode()
    assert not LibrarySubject.objects.exists()


def test_the_page_of_a_subject_withdraws_it(client, editor):
    row = taking_in.take_in(packed(bundled()), author=editor).of

    client.post(address(row), {})

    row.refresh_from_db()
    assert not row.is_offered


def test_a_form_takes_no_term_whose_gaps_would_take_for_ever(client, written):
    client.force_login(make_editor())
    page = f"{address(written).removesuffix('change/')}subject/"

    answer = client.post(page, {**DETAILS, "terms": f"3 做{'…' * 14}网站"})

    assert "stands once or twice, between other characters" in answer.content.decode()


@pytest.mark.parametrize("of_group", [True, False])
def test_a_subject_is_deleted_with_its_versions(client, db, of_group):
    who = make_editor() if of_group else make_user(is_staff=True, is_superuser=True)
    client.force_login(who)
    row = taking_in.take_in(packed(bundled()), author=who).of
    taking_in.take_in(renamed("Second"), author=who)
    Concept.objects.filter(roadmap=make_tree()).update(source=f"keeping-bees/{FIRST}")

    asked = client.get(address(row, "delete")).content.decode()
    client.post(address(row, "delete"), {"post": "yes"})

    assert "Versions of them: 2" in asked
    assert "Roadmaps made of them that cannot be finished then (they can while a subject is only withdrawn): 1" in asked
    assert not LibrarySubject.objects.exists()
    assert not SubjectVersion.objects.exists()


def test_a_roadmap_is_downloaded_as_a_subject(client, written):
    client.force_login(make_editor())
    page = f"{address(written).removesuffix('change/')}subject/"
    assert "sql" in client.get(page).content.decode().lower()

    given_out = client.post(page, {**DETAILS, "terms": "3 beekeeping\r\n1 honey"})

    subject, concepts = taking_in.unpacked(given_out.content)
    assert subject.terms == [Term(term="beekeeping", weight=3), Term(term="honey", weight=1)]
    assert len(concepts) == written.concepts.count()
    assert written.goal not in subject_file(subject)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"key": "Not a key"}, "valid value"),
        ({"terms": "beekeeping"}, "not a weight"),
        ({}, "has no tutorial"),
    ],
)
def test_what_is_no_subject_is_said_with_the_form(client, editor, change, reason):
    page = f"{address(make_tree()).removesuffix('change/')}subject/"

    answer = client.post(page, {**DETAILS, "terms": "3 beekeeping", **change})

    assert reason in answer.content.decode()


def test_publishing_and_taking_in_need_their_permissions(client, db):
    client.force_login(make_user(is_staff=True))

    assert client.get(f"{address(make_tree()).removesuffix('change/')}subject/").status_code == 403
    assert upload(client, packed(bundled())).status_code == 403
