"""A hundred thousand concepts with all that hangs on them: one roadmap by the factories, multiplied by the server."""

from django.apps import apps
from django.contrib.auth.models import User
from django.db import connection, models, transaction
from django.utils import timezone

from content.models import Note, QuizAttempt, Resource, Share
from roadmaps.models import (
    ConceptProgress,
    LibrarySubject,
    Mail,
    ModelCall,
    Profile,
    ProviderPause,
    Roadmap,
    Step,
)
from tests.factories import (
    QUESTIONS,
    make_cluster,
    make_feedback,
    make_heartbeat,
    make_log_entry,
    make_quiz,
    make_resources,
    make_review,
    make_tutorial,
    make_user,
    make_written_roadmap,
)

APART = 1_000_000  # between the keys of one copy and those of the next
# What has to differ between copies, as SQL over n, the copy's number.
DISTINCT = {
    (Roadmap, "slug"): "'learn-to-query-' || lpad(n::text, 8, '0')",
    (Roadmap, "token"): "lpad(n::text, 8, '0')",
    (Roadmap, "title"): "'Querying, ' || n",
    (ModelCall, "key"): "gen_random_uuid()",
    (Mail, "key"): "gen_random_uuid()",
    (Share, "token"): "'shared-' || n",
}


def make_multitude(*, roadmaps: int = 2_000, stages: int = 5, modules: int = 2, concepts: int = 5) -> Roadmap:
    """The first of the roadmaps, whose pieces failed in places and whose links broke in places."""
    first = make_written_roadmap(
        owner=make_user(username="multitude"), stages=stages, modules=modules, concepts=concepts
    )
    Roadmap.objects.filter(pk=first.pk).update(slug="learn-to-query-00000000", token="00000000")
    for concept in first.concepts.all():
        make_tutorial(concept=concept)
        make_resources(concept=concept, count=1)
        make_quiz(concept=concept, questions=QUESTIONS[:1])
        make_log_entry(roadmap=first, concept=concept)
        ModelCall.objects.create(
            roadmap=first, concept=concept, purpose="tutorial", provider="openai", outcome="ok", latency=2, cost="0.01"
        )
    _make_what_people_leave(first)
    Resource.objects.filter(resource_list__concept__key="c-1-1-2").update(status=Resource.Status.BROKEN)
    steps = Step.objects.filter(concept__key="c-1-1-3", kind="quiz")
    steps.update(state=Step.State.FAILED, last_error="HTTP 401: no such key")
    _multiply(roadmaps - 1)
    first.refresh_from_db()
    return first


def _make_what_people_leave(roadmap: Roadmap) -> None:
    """On one concept of each roadmap."""
    concept, person = roadmap.concepts.order_by("position")[0], roadmap.owner
    make_review(revision=roadmap.revisions.get())
    make_feedback(roadmap=roadmap)
    ConceptProgress.objects.create(concept=concept, user=person, done_at=timezone.now())
    QuizAttempt.objects.create(quiz=concept.quiz_versions.get(), user=person, answers={"0": [1]}, right=1, total=1)
    Note.objects.create(concept=concept, user=person, text="Look again.", saved_at=timezone.now())
    Share.objects.create(roadmap=roadmap)
    Mail.objects.create(user=person, roadmap=roadmap, kind=Mail.Kind.READY)


def make_operators_rows(author: User) -> list[models.Model]:
    """One of each that hangs on no roadmap."""
    subject = LibrarySubject.objects.create(key="bees", title="Bees", subject={}, concepts={}, author=author)
    return [
        subject,
        subject.versions.create(number=1, title="Bees", subject={}, concepts={}, author=author),
        ProviderPause.objects.create(provider="openai", until=timezone.now()),
        Profile.objects.create(user=author),
        make_heartbeat(),
        make_cluster(),
    ]


def make_earlier_calls(number: int) -> None:
    """Model calls of the week before, about roadmaps that are gone; the latest last, as they come."""
    others = ("id", "key", "created_at", "roadmap", "concept")
    names = [field.column for field in ModelCall._meta.concrete_fields if field.name not in others]
    columns = ", ".join(f'"{name}"' for name in names)
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute(
            f"INSERT INTO roadmaps_modelcall (key, created_at, {columns})"
            f" SELECT gen_random_uuid(), created_at - n * interval '7 days' / %s, {columns}"
            " FROM (SELECT * FROM roadmaps_modelcall ORDER BY id LIMIT 1) AS first, generate_series(%s, 1, -1) AS n",
            [number, number],
        )
        cursor.execute("VACUUM ANALYZE roadmaps_modelcall")
        cursor.execute("RESET statement_timeout")


def _multiply(copies: int) -> None:
    tables = [
        model
        for label in ("roadmaps", "content")
        for model in apps.get_app_config(label).get_models(include_auto_created=True)
        if model._default_manager.exists()
    ]
    with connection.cursor() as cursor:
        with transaction.atomic():  # foreign keys are compared at its end
            for model in tables:
                cursor.execute(_copy(model, tables), [copies])
        cursor.execute("ANALYZE")


def _copy(model: type[models.Model], copied: list[type[models.Model]]) -> str:
    columns = {}
    for field in model._meta.concrete_fields:
        name = f'"{field.column}"'
        moves = field.primary_key or (field.is_relation and field.related_model in copied)
        columns[name] = DISTINCT.get((model, field.name), f"{name} + n * {APART}" if moves else name)
    table = model._meta.db_table
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) "
        f"SELECT {', '.join(columns.values())} FROM {table}, generate_series(1, %s) AS n"
    )
