"""How does a curated roadmap become a subject of the library? Rows in, the library's own files out."""

import io
import re
import zipfile
from collections.abc import Collection
from contextlib import suppress

from django.utils.text import slugify

from content.models import Quiz, Resource, ResourceList, Tutorial
from content.subject_rules import SubjectError, check
from content.writing import NOTES
from roadmap_project.library import subjects
from roadmap_project.library.prerequisites import HEADINGS, MARK, with_section
from roadmap_project.library.subjects import (
    SCAFFOLD,
    Subject,
    SubjectConcept,
    SubjectModule,
    SubjectQuestion,
    SubjectResource,
    SubjectStage,
    Term,
)
from roadmap_project.library.writing import concept_file, subject_file
from roadmaps import added_subjects
from roadmaps.models import Concept, Roadmap

KNOWN_HEADINGS = {heading.casefold() for heading in HEADINGS.values()}
USUAL_IMPORTANCE = 2  # of three
SECTION = re.compile(r"^## +([^\n]*)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
OWN_LINK = re.compile(r"\[((?:\\.|[^\]\\])*)\]\(concept:(c-[0-9-]+)\)")
ONE_LINK = re.compile(rf" *(?:[-*+]|\d+[.)]) +{OWN_LINK.pattern}")


def subject_of(
    roadmap: Roadmap, *, key: str, title: str, description: str, terms: list[Term]
) -> tuple[Subject, list[SubjectConcept]]:
    """The roadmap's current contents, without its owner's goal; raises SubjectError where they make no subject."""
    concepts = list(roadmap.concepts.order_by("position").prefetch_related("prerequisites"))
    behind = subject_behind(roadmap)
    keys, language = _keys(concepts, behind), roadmap.written_in
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
        _concept(concept, keys, tutorials[concept.pk], resources[concept.pk], quizzes[concept.pk], language=language)
        for concept in concepts
    ]
    subject = Subject(
        key=key,
        title=title,
        language=language,
        description=description,
        slug_words=behind.slug_words if behind and behind.key == key else _slug_words(key),
        terms=terms,
        stages=_stages(roadmap, keys),
    )
    check(subject, written)
    return subject, written


def _slug_words(key: str) -> list[str]:
    """Three to six, as a slug wants them; of the key, as a title may have no Latin letter."""
    return [*(word[:24] for word in key.split("-")), "learning", "path"][:6]


def subject_behind(roadmap: Roadmap) -> Subject | None:
    """The subject that the roadmap was made from; None where it was from none, or from several, or by the scaffold."""
    sources = roadmap.concepts.order_by().exclude(source="").values_list("source", flat=True)
    subject_keys = {source.partition("/")[0] for source in sources}
    if len(subject_keys) != 1 or SCAFFOLD in subject_keys:
        return None
    added_subjects.refresh()
    with suppress(KeyError):  # withdrawn since
        return subjects.subject(*subject_keys)
    return None


def left_out(roadmap: Roadmap, behind: Subject) -> list[str]:
    """The subject's concepts that this roadmap does without, by name."""
    there = {source.partition("/")[2] for source in roadmap.concepts.order_by().values_list("source", flat=True)}
    return [concept.name for concept in behind.concepts() if concept.key not in there]


def losses(roadmap: Roadmap) -> list[str]:
    """What of the current contents a subject cannot hold, in sentences for whoever downloads it. Four queries."""
    broken = Resource.objects.filter(
        resource_list__is_current=True, resource_list__concept__roadmap=roadmap, status=Resource.Status.BROKEN
    )
    tutorials = Tutorial.objects.current().filter(concept__roadmap=roadmap).order_by("concept__position")
    lost = [
        f"{link.resource_list.concept.name}: the broken link “{link.title}” ({link.url})."
        for link in broken.select_related("resource_list__concept").order_by(
            "resource_list__concept__position", "position"
        )
    ]
    for tutorial in tutorials.select_related("concept").prefetch_related("concept__prerequisites"):
        concept = tutorial.concept
        name, section = concept.name, _section_of_prerequisites(tutorial.markdown, _keys_of_prerequisites(concept))
        if section and not all(ONE_LINK.fullmatch(line.rstrip()) for line in _lines(section[2])):
            lost.append(f"{name}: what the tutorial’s section “{section[1]}” says; the library makes one of links.")
        if links := OWN_LINK.findall(_without(tutorial.markdown, section)):
            named = ", ".join(f"“{text}”" for text, _ in links)
            lost.append(f"{name}: the tutorial’s links to other concepts, of which the words stay ({named}).")
    return lost


def _keys(concepts: list[Concept], behind: Subject | None) -> dict[int, str]:
    """Those of the subject behind, by which its roadmaps know their concepts; else names, each once."""
    keys: dict[int, str] = {}
    for concept in concepts:
        known = concept.source.partition("/")[2] if behind else ""
        name = known or slugify(concept.name)[:60].strip("-") or concept.key
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
    concept: Concept, keys: dict[int, str], tutorial: Tutorial, resources: ResourceList, quiz: Quiz, *, language: str
) -> SubjectConcept:
    working = [link for link in resources.resources.all() if link.status != Resource.Status.BROKEN]
    prerequisites = [keys[each.pk] for each in concept.prerequisites.all() if each.pk in keys]
    return SubjectConcept(
        key=keys[concept.pk],
        name=concept.name,
        title=tutorial.title if tutorial.title != concept.name else "",
        description=concept.description,
        difficulty=concept.difficulty,
        hours=concept.hours,
        importance=_importance(concept.source),
        keywords=concept.keywords,
        prerequisites=prerequisites,
        minutes=tutorial.minutes,
        summary=tutorial.summary,
        resources=[
            SubjectResource(
                **{name: getattr(link, name) for name in ("title", "url", "kind", "description", "relevance")},
                language=link.language if link.language != language else "",
            )
            for link in working
        ],
        resources_note="" if resources.note in NOTES else resources.note,
        questions=[
            SubjectQuestion(
                question=each.text,
                **{name: getattr(each, name) for name in ("kind", "options", "correct", "explanation", "difficulty")},
            )
            for each in quiz.questions.all()
        ],
        markdown=without_own_links(tutorial.markdown, _keys_of_prerequisites(concept), language=language),
    )


def _importance(source: str) -> int:
    """What it was in the library, which takes the important ones where time is short."""
    with suppress(KeyError):
        return subjects.by_source(source).importance
    return USUAL_IMPORTANCE


def _keys_of_prerequisites(concept: Concept) -> set[str]:
    return {each.key for each in concept.prerequisites.all()}


def without_own_links(markdown: str, builds_on: Collection[str], *, language: str) -> str:
    """The library makes the section of prerequisites for each roadmap; other links to concepts mean nothing elsewhere.

    Where that section stands otherwise than the library would have it, its heading is kept, with a mark for the links.
    """
    section = _section_of_prerequisites(markdown, builds_on)
    rest = OWN_LINK.sub(r"\1", _without(markdown, section)).strip()
    if section is None:
        return rest
    marked = f"{markdown[: section.start()]}## {section[1]}\n\n{MARK}\n\n{markdown[section.end() :]}"
    kept = OWN_LINK.sub(r"\1", marked).strip()
    return rest if with_section(rest, MARK, language=language) == kept else kept


def _section_of_prerequisites(markdown: str, builds_on: Collection[str]) -> re.Match[str] | None:
    """The one that is headed so, in whatever language, else the first list of links to what the concept builds on."""
    sections = list(SECTION.finditer(markdown))
    for section in sections:
        if section[1].strip().casefold() in KNOWN_HEADINGS and (builds_on or OWN_LINK.search(section[2])):
            return section
    for section in sections:
        links = [ONE_LINK.match(line) for line in _lines(section[2])]
        if links and all(link and link[2] in builds_on for link in links):
            return section
    return None


def _lines(body: str) -> list[str]:
    return [line for line in body.splitlines() if line.strip()]


def _without(markdown: str, section: re.Match[str] | None) -> str:
    return markdown[: section.start()] + markdown[section.end() :] if section else markdown


def archive(subject: Subject, concepts: list[SubjectConcept]) -> bytes:
    """A folder of files, as the library's own folders are."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as files:
        files.writestr(f"{subject.key}/subject.toml", subject_file(subject))
        for concept in concepts:
            files.writestr(f"{subject.key}/{concept.key}.md", concept_file(concept))
    return written.getvalue()
