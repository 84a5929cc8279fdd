"""How does a curated roadmap become a subject of the library? Rows in, the library's own files out."""

import io
import re
import zipfile

from django.utils.text import slugify

from content.answers import LIBRARY_LIMITS
from content.models import Quiz, Resource, ResourceList, Tutorial
from content.subject_rules import SubjectError, check
from roadmap_project.library.subjects import (
    Subject,
    SubjectConcept,
    SubjectModule,
    SubjectQuestion,
    SubjectResource,
    SubjectStage,
    Term,
)
from roadmap_project.library.writing import concept_file, subject_file
from roadmaps.models import Concept, Roadmap


def subject_of(
    roadmap: Roadmap, *, key: str, title: str, description: str, terms: list[Term]
) -> tuple[Subject, list[SubjectConcept]]:
    """The roadmap's current contents, without its owner's goal; raises SubjectError where they make no subject."""
    concepts = list(roadmap.concepts.order_by("position").prefetch_related("prerequisites"))
    keys = _keys(concepts)
    tutorials, resources, quizzes = (
        {each.concept_id: each for each in rows.filter(concept__roadmap=roadmap, is_current=True)}
        for rows in (
            Tutorial.objects.all(),
            ResourceList.objects.prefetch_related("resources"),
            Quiz.objects.prefetch_related("questions"),
        )
    )
    missing = [
        f"{concept} has no {name}"
        for concept in concepts
        for name, written in (("tutorial", tutorials), ("resources", resources), ("quiz", quizzes))
        if concept.pk not in written
    ]
    if missing:
        raise SubjectError(missing)
    written = [
        _concept(concept, keys, tutorials[concept.pk], resources[concept.pk], quizzes[concept.pk])
        for concept in concepts
    ]
    subject = Subject(
        key=key,
        title=title,
        language=roadmap.language,
        description=description,
        slug_words=[*slugify(title).split("-"), "learning", "path"][:6],
        terms=terms,
        stages=_stages(roadmap, keys),
    )
    check(subject, written)
    return subject, written


def _keys(concepts: list[Concept]) -> dict[int, str]:
    """Names as keys, each once."""
    keys: dict[int, str] = {}
    for concept in concepts:
        name = slugify(concept.name)[:60].strip("-") or concept.key
        keys[concept.pk] = f"{name}-{concept.key}" if name in keys.values() else name
    return keys


def _stages(roadmap: Roadmap, keys: dict[int, str]) -> list[SubjectStage]:
    return [
        SubjectStage(
            name=stage.name,
            description=stage.description,
            modules=[
                SubjectModule(
                    name=module.name,
                    description=module.description,
                    concepts=[keys[each.pk] for each in module.concepts.all()],
                )
                for module in stage.modules.all()
            ],
        )
        for stage in roadmap.stages.prefetch_related("modules__concepts")
    ]


def _concept(
    concept: Concept, keys: dict[int, str], tutorial: Tutorial, resources: ResourceList, quiz: Quiz
) -> SubjectConcept:
    working = [link for link in resources.resources.all() if link.status != Resource.Status.BROKEN]
    best = sorted(working, key=lambda link: -link.relevance)[: LIBRARY_LIMITS.resources[1]]
    prerequisites = [keys[each.pk] for each in concept.prerequisites.all() if each.pk in keys]
    return SubjectConcept(
        key=keys[concept.pk],
        name=concept.name,
        description=concept.description,
        difficulty=concept.difficulty,
        hours=concept.hours,
        importance=2,
        keywords=concept.keywords,
        prerequisites=prerequisites,
        minutes=tutorial.minutes,
        summary=tutorial.summary,
        resources=[
            SubjectResource(
                **{name: getattr(link, name) for name in ("title", "url", "kind", "description", "relevance")}
            )
            for link in best
        ],
        questions=[
            SubjectQuestion(
                question=each.text,
                **{name: getattr(each, name) for name in ("kind", "options", "correct", "explanation", "difficulty")},
            )
            for each in quiz.questions.all()
        ],
        markdown=without_own_links(tutorial.markdown),
    )


def without_own_links(markdown: str) -> str:
    """The library adds the prerequisites' section itself; links to concepts of one roadmap mean nothing in others."""
    text = re.sub(r"^## Prerequisites\n.*?(?=^## |\Z)", "", markdown, count=1, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"\[((?:\\.|[^\]\\])*)\]\(concept:c-[0-9-]+\)", r"\1", text).strip()


def archive(subject: Subject, concepts: list[SubjectConcept]) -> bytes:
    """A folder of files, as the library's own folders are."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as files:
        files.writestr(f"{subject.key}/subject.toml", subject_file(subject))
        for concept in concepts:
            files.writestr(f"{subject.key}/{concept.key}.md", concept_file(concept))
    return written.getvalue()
