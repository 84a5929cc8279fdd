"""What is gone after a permanent deletion, and what a purge leaves alone."""

from datetime import timedelta

import pytest
from django.apps import apps
from django.db import DatabaseError, connection, models
from django.utils import timezone

from content.models import Note, QuizAttempt, Share
from roadmaps import deciding, erasing, tasks
from roadmaps.models import ConceptProgress, LogEntry, Mail, ModelCall, Roadmap
from tests.factories import (
    make_feedback,
    make_log_entry,
    make_quiz,
    make_resources,
    make_review,
    make_roadmap,
    make_tutorial,
    make_written_roadmap,
)

pytestmark = pytest.mark.django_db


def make_full_roadmap(*, owner) -> Roadmap:
    """With a row in every table that may hold one for a roadmap."""
    roadmap = make_written_roadmap(owner=owner)
    concept = roadmap.concepts.first()
    make_tutorial(concept=concept)
    make_resources(concept=concept)
    QuizAttempt.objects.create(quiz=make_quiz(concept=concept), user=owner, answers={}, right=1, total=2)
    Note.objects.create(concept=concept, user=owner, text="mine", saved_at=timezone.now())
    Share.objects.create(roadmap=roadmap)
    ConceptProgress.objects.create(user=owner, concept=concept, done_at=timezone.now())
    make_review(revision=roadmap.revisions.get())
    make_feedback(roadmap=roadmap)
    make_log_entry(roadmap=roadmap, concept=concept)
    Mail.objects.create(user=owner, roadmap=roadmap, kind=Mail.Kind.READY)
    ModelCall.objects.create(
        roadmap=roadmap, concept=concept, purpose="tutorial", provider="openai", outcome="ok", latency=1, cost=2
    )
    return roadmap


def rows_of(roadmap_id: int) -> dict[str, set[object]]:
    """The keys of all rows that belong to the roadmap, by table, found along the models' foreign keys."""
    rows: dict[type[models.Model], set[object]] = {Roadmap: {roadmap_id}}
    grows = True
    while grows:
        grows = False
        for model in apps.get_models(include_auto_created=True):
            for field in model._meta.fields:
                parents = rows.get(field.remote_field.model) if field.remote_field else None
                if not parents or model is Roadmap:
                    continue
                found = set(model.objects.filter(**{f"{field.name}__in": parents}).values_list("pk", flat=True))
                grows |= not found <= rows.get(model, set())
                rows[model] = rows.get(model, set()) | found
    return {model._meta.db_table: keys for model, keys in rows.items() if keys}


def test_C11_nothing_of_an_erased_roadmap_is_left_in_any_table_but_its_costs(person):
    kept, erased = make_full_roadmap(owner=person), make_full_roadmap(owner=person)
    others, before = rows_of(kept.pk), rows_of(erased.pk)
    ours = {
        model._meta.db_table
        for model in apps.get_models(include_auto_created=True)
        if model._meta.app_label in ("roadmaps", "content")
    }
    of_nobody = {
        "roadmaps_providerpause",
        "roadmaps_queueheartbeat",
        "roadmaps_clusterheartbeat",
        "roadmaps_librarysubject",
        "roadmaps_subjectversion",
        "roadmaps_profile",
    }
    assert set(before) == ours - of_nobody

    assert erasing.erase(erased.pk)

    with connection.cursor() as cursor:
        for table, keys in before.items():
            if table != ModelCall._meta.db_table:
                cursor.execute(f'SELECT count(*) FROM "{table}" WHERE id = ANY(%s)', [list(keys)])
                assert cursor.fetchone() == (0,), table
    connection.check_constraints()
    assert ModelCall.objects.filter(roadmap=None, concept=None).count() == 1
    assert rows_of(kept.pk) == others
    assert not erasing.erase(erased.pk)


def test_C11_an_erasure_that_fails_has_erased_nothing(person):
    roadmap = make_full_roadmap(owner=person)
    ModelCall.objects.update(error="was about this")
    before = rows_of(roadmap.pk)
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''refused''; END';"
            "CREATE TRIGGER refuse BEFORE DELETE ON roadmaps_roadmap FOR EACH ROW EXECUTE FUNCTION refuse()"
        )

    with pytest.raises(DatabaseError, match="refused"):
        erasing.erase(roadmap.pk)

    assert rows_of(roadmap.pk) == before
    assert ModelCall.objects.get().error == "was about this"


def test_what_was_deleted_thirty_days_ago_is_purged_and_nothing_else(person):
    for days in (31, 29):
        roadmap = make_roadmap(owner=person, goal=f"Deleted {days} days ago")
        deciding.delete(roadmap.pk)
        Roadmap.objects.filter(pk=roadmap.pk).update(deleted_at=timezone.now() - timedelta(days=days))
    make_roadmap(owner=person, goal="Kept")

    tasks.purge_deleted_roadmaps()
    tasks.purge_deleted_roadmaps()

    assert set(Roadmap.objects.values_list("goal", flat=True)) == {"Deleted 29 days ago", "Kept"}


def test_one_that_cannot_be_erased_keeps_no_other_from_it(person):
    first, middle, last = (make_roadmap(owner=person) for _ in range(3))
    Roadmap.objects.update(deleted_at=timezone.now() - timedelta(days=31))
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''refused''; END';"
            "CREATE TRIGGER refuse BEFORE DELETE ON roadmaps_roadmap FOR EACH ROW "
            f"WHEN (OLD.id <> {middle.pk}) EXECUTE FUNCTION refuse()"
        )

    with pytest.raises(DatabaseError, match="refused"):
        tasks.purge_deleted_roadmaps()

    assert {each.pk for each in Roadmap.objects.all()} == {first.pk, last.pk}  # whichever is tried first


def test_a_roadmap_that_was_taken_back_meanwhile_is_not_erased(person):
    roadmap = make_roadmap(owner=person)

    assert not erasing.erase(roadmap.pk, deleted_before=timezone.now())
    assert Roadmap.objects.filter(pk=roadmap.pk).exists()


def test_old_log_lines_and_model_calls_are_purged(person, settings):
    settings.LOG_RETENTION_DAYS, settings.MODEL_CALL_RETENTION_DAYS = 5, 50
    roadmap = make_roadmap(owner=person)
    for days in (4, 6, 49, 51):
        at = timezone.now() - timedelta(days=days)
        make_log_entry(roadmap=roadmap, event=f"{days}", happened_at=at)
        call = ModelCall.objects.create(purpose=f"{days}", provider="x", outcome="ok", latency=1)
        ModelCall.objects.filter(pk=call.pk).update(created_at=at)

    tasks.purge_records()

    assert set(LogEntry.objects.values_list("event", flat=True)) == {"4"}
    assert set(ModelCall.objects.values_list("purpose", flat=True)) == {"4", "6", "49"}
