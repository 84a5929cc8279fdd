"""Rows for tests: keyword-only, with a default for everything."""

import itertools
import uuid
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.utils import timezone

from content import rendering
from content.models import Question, Quiz, Resource, ResourceList, Tutorial
from roadmaps.models import (
    ClusterHeartbeat,
    Concept,
    Feedback,
    LogEntry,
    ModelCall,
    Module,
    OutlineReview,
    OutlineRevision,
    QueueHeartbeat,
    Roadmap,
    Stage,
    Step,
)
from roadmaps.reviewing import SCORE_NAMES
from roadmaps.slugs import new_token, slug_from

_numbers = itertools.count(1)


def make_user(*, username: str = "", password: str | None = None, **fields: Any) -> User:
    """Without a password nobody can sign in with the form, and no time goes into hashing."""
    user: User = get_user_model().objects.create_user(username or f"person{next(_numbers)}", None, password, **fields)
    return user


def make_roadmap(*, owner: User | None = None, goal: str = "Learn to query a database", **fields: Any) -> Roadmap:
    """A roadmap without a tree."""
    token = new_token()
    return Roadmap.objects.create(
        owner=owner or make_user(),
        goal=goal,
        token=token,
        slug=slug_from(goal.split()[:5], token),
        **fields,
    )


def make_tree(*, roadmap: Roadmap | None = None, stages: int = 1, modules: int = 1, concepts: int = 3) -> Roadmap:
    """Numbers of parts per part. Every concept but a module's first builds on the one before it."""
    roadmap = roadmap or make_roadmap()
    all_modules, all_concepts = [], []
    all_stages = [
        Stage(roadmap=roadmap, position=place, name=f"Stage {place + 1}", description="What comes first, and why.")
        for place in range(stages)
    ]
    for stage in all_stages:
        for module_place in range(modules):
            name = f"{stage.position + 1}.{module_place + 1}"
            module = Module(
                stage=stage, position=module_place, name=f"Module {name}", description="What belongs together."
            )
            all_modules.append(module)
            for place in range(concepts):
                position = len(all_concepts)
                concept = Concept(
                    roadmap=roadmap,
                    module=module,
                    key=f"c-{name.replace('.', '-')}-{place + 1}",
                    position=position,
                    name=f"Concept {position + 1}",
                    description="One thing to learn.",
                    hours=1.5,
                    difficulty=Concept.Difficulty.EASY,
                    keywords=["one", "two", "three"],
                )
                all_concepts.append(concept)
    Stage.objects.bulk_create(all_stages)
    Module.objects.bulk_create(all_modules)
    Concept.objects.bulk_create(all_concepts)
    needs = Concept.prerequisites.through
    needs._default_manager.bulk_create(
        needs(from_concept=concept, to_concept=before)
        for before, concept in itertools.pairwise(all_concepts)
        if concept.module is before.module
    )
    position = len(all_concepts)
    roadmap.title = roadmap.title or "Querying a database"
    roadmap.hours, roadmap.weeks = 1.5 * position, 1
    roadmap.save()
    return roadmap


def make_revision(*, roadmap: Roadmap, number: int = 1, **fields: Any) -> OutlineRevision:
    """A version equal to the roadmap's rows."""
    tree = {
        "title": roadmap.title,
        "stages": [
            {
                "name": stage.name,
                "description": stage.description,
                "modules": [
                    {
                        "name": module.name,
                        "description": module.description,
                        "concepts": [
                            {
                                "key": each.key,
                                "name": each.name,
                                "description": each.description,
                                "hours": each.hours,
                                "difficulty": each.difficulty,
                                "keywords": each.keywords,
                                "prerequisites": [
                                    needed.key
                                    for needed in sorted(each.prerequisites.all(), key=lambda needed: needed.position)
                                ],
                                "source": each.source,
                            }
                            for each in module.concepts.all()
                        ],
                    }
                    for module in stage.modules.all()
                ],
            }
            for stage in roadmap.stages.prefetch_related("modules__concepts__prerequisites")
        ],
    }
    fields = {"author": OutlineRevision.Author.DESIGN, "tree": tree, **fields}
    return OutlineRevision.objects.create(roadmap=roadmap, number=number, **fields)


def make_review(*, revision: OutlineRevision, overall: float = 86, **fields: Any) -> OutlineReview:
    scores = {name: {"score": overall, "reason": f"{label}: as it should be."} for name, label in SCORE_NAMES.items()}
    fields = {"scores": scores, "passes": True, "origin": "Reviewed for a test.", **fields}
    return OutlineReview.objects.create(revision=revision, overall=overall, **fields)


def make_roadmap_in_review(*, owner: User | None = None, is_reviewed: bool = True, **tree: int) -> Roadmap:
    roadmap = make_tree(roadmap=make_roadmap(owner=owner, state=Roadmap.State.IN_REVIEW), **tree)
    revision = make_revision(roadmap=roadmap)
    if is_reviewed:
        make_review(revision=revision)
    else:
        OutlineReview.objects.create(revision=revision, is_reviewed=False, failure="HTTP 401: no such key")
    return roadmap


def make_feedback(*, roadmap: Roadmap, text: str = "More practice", **fields: Any) -> Feedback:
    revision = roadmap.revisions.order_by("number").last() or make_revision(roadmap=roadmap)
    return Feedback.objects.create(roadmap=roadmap, revision=revision, author=roadmap.owner, text=text, **fields)


def make_step(*, roadmap: Roadmap, **fields: Any) -> Step:
    step = _step(roadmap=roadmap, **fields)
    step.save(force_insert=True)
    return step


def _step(*, roadmap: Roadmap, kind: str = Step.Kind.ANALYSE, state: str = Step.State.WAITING, **fields: Any) -> Step:
    now = timezone.now()
    if state == Step.State.RUNNING:
        fields = {"lease_token": uuid.uuid4(), "lease_expires_at": now + timedelta(minutes=4), **fields}
    if state != Step.State.WAITING:
        fields = {"started_at": now, **fields}
    if state in (Step.State.DONE, Step.State.FAILED, Step.State.CANCELLED):
        fields = {"finished_at": now, **fields}
    queue = Step.QUEUES[Step.Kind(kind)]
    return Step(roadmap=roadmap, kind=kind, queue=queue, state=state, **{"rank": 0.0, **fields})


def make_piece_steps(*, roadmap: Roadmap, state: str = Step.State.WAITING, **fields: Any) -> list[Step]:
    """The three pieces of every concept."""
    return Step.objects.bulk_create(
        _step(roadmap=roadmap, concept=concept, kind=kind, state=state, **fields)
        for concept in roadmap.concepts.all()
        for kind in Step.CONTENT_KINDS
    )


def make_written_roadmap(
    *, owner: User | None = None, state: str = Roadmap.State.READY, steps: str = Step.State.DONE, **tree: int
) -> Roadmap:
    """Approved, with all three pieces of every concept in one state; what they wrote is made by other factories."""
    roadmap = make_tree(roadmap=make_roadmap(owner=owner, state=state), **tree)
    make_revision(roadmap=roadmap)
    make_piece_steps(roadmap=roadmap, state=steps)
    return roadmap


def make_tutorial(*, concept: Concept, version: int = 1, markdown: str = "## Overview\n\nRead *this*.", **fields: Any):
    fields = {"title": f"All about {concept.name}", "summary": "In short.", "minutes": 12, **fields}
    fields = {"origin": "Written for a test.", "html": rendering.to_html(markdown), **fields}
    Tutorial.objects.filter(concept=concept).update(is_current=False)
    return Tutorial.objects.create(concept=concept, version=version, markdown=markdown, **fields)


def make_resources(
    *, concept: Concept, version: int = 1, count: int = 2, note: str = "", **fields: Any
) -> ResourceList:
    """`fields` are the links'."""
    ResourceList.objects.filter(concept=concept).update(is_current=False)
    resources = ResourceList.objects.create(concept=concept, version=version, origin="Listed for a test.", note=note)
    for position in range(count):
        Resource.objects.create(
            resource_list=resources,
            position=position,
            **{
                "title": f"Link {position + 1}",
                "url": f"https://example.org/{position}",
                "kind": Resource.Kind.ARTICLE,
                "description": "Worth reading.",
                **fields,
            },
        )
    return resources


QUESTIONS = (
    (Question.Kind.SINGLE, "Which one?", ["Red", "Green", "Blue"], [1], "Because green-explained."),
    (Question.Kind.MULTIPLE, "Which ones?", ["One", "Two", "Three", "Four"], [0, 2], "Because odd-explained."),
    (Question.Kind.TRUE_FALSE, "Is it so?", ["True", "False"], [1], "Because false-explained."),
)


def make_quiz(*, concept: Concept, version: int = 1, questions: Any = QUESTIONS) -> Quiz:
    Quiz.objects.filter(concept=concept).update(is_current=False)
    quiz = Quiz.objects.create(concept=concept, version=version, origin="Asked for a test.")
    for position, (kind, text, options, correct, explanation) in enumerate(questions):
        Question.objects.create(
            quiz=quiz,
            position=position,
            kind=kind,
            text=text,
            options=options,
            correct=correct,
            explanation=explanation,
            difficulty="easy",
        )
    return quiz


def make_log_entry(*, roadmap: Roadmap, event: str = "outline_designed", **fields: Any) -> LogEntry:
    return LogEntry.objects.create(roadmap=roadmap, event=event, **{"happened_at": timezone.now(), **fields})


def make_call(*, ago: timedelta = timedelta(), **fields: Any) -> ModelCall:
    """A valid answer of a model, unless `outcome` says something else."""
    fields = {"purpose": "tutorial", "provider": "openai", "model": "gpt", "outcome": "ok", "latency": 2, **fields}
    call = ModelCall.objects.create(**fields)
    ModelCall.objects.filter(pk=call.pk).update(created_at=timezone.now() - ago)
    return call


def make_cluster(*, queue: str = "content", name: str = "host:1", seconds_ago: float = 5) -> ClusterHeartbeat:
    picked_up_at = timezone.now() - timedelta(seconds=seconds_ago)
    return ClusterHeartbeat.objects.create(queue=queue, cluster=name, picked_up_at=picked_up_at)


def make_heartbeat(*, queue: str = "content", seconds_ago: float = 5) -> QueueHeartbeat:
    picked_up_at = timezone.now() - timedelta(seconds=seconds_ago)
    return QueueHeartbeat.objects.update_or_create(queue=queue, defaults={"picked_up_at": picked_up_at})[0]
