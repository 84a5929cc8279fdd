"""How does a document become a new roadmap? From a file that nobody vouches for, or copied from a shared link."""

import json
import re
import uuid
from codecs import BOM_UTF8
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, get_args

from django.contrib.auth.models import User
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from pydantic import ValidationError
from pydantic_core import from_json

from content import rendering
from content.exporting.documents import LIMITS, MOST_CHARACTERS, ConceptDocument, RoadmapDocument
from content.mistakes import Mistake, mistakes
from content.models import Note, Question, Quiz, Resource, ResourceList, Tutorial
from roadmap_project.library.subjects import is_offered
from roadmap_project.llm.asking import storable
from roadmap_project.request_sizes import LARGEST_FILE
from roadmap_project.told import kept
from roadmaps import added_subjects, limits, log_lines, outline, starting
from roadmaps.deciding import RefusedError, refuse
from roadmaps.models import Concept, ConceptProgress, OutlineReview, OutlineRevision, Roadmap, Step
from roadmaps.models.step import rank_of
from roadmaps.slugs import new_token, slug_from

# So many characters of all tutorials together are 120 concepts, the most that a model designs, with 33,000 each, or 66
# of the longest tutorials that are written. Laid out in eight seconds, and two of colouring code, at the most; in one
# where it is plain text. The largest file takes the process about 150 MB more meanwhile.
MOST_WEIGHT = 2 * MOST_CHARACTERS  # as rendering weighs them: of ordinary text a character's is below two
MOST_BYTES = LARGEST_FILE  # of as many Chinese characters three quarters; the rest is for what is not a tutorial
DEEPEST = 12  # the schema has nine levels
MOST_KEYS = 40  # of one object; the schema's largest has 18
MOST_VALUES = 1_000_000  # as brackets and commas count them; each may take a hundred bytes of memory
COLOURING_SECONDS = 2.0
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)  # what is told of year 1, the database takes and Python cannot read again

FROM_A_FILE = kept(gettext_noop("Brought in from a file."))
FROM_A_LINK = kept(gettext_noop("Copied from a shared roadmap."))
NOT_TAKEN_OVER = kept(
    gettext_noop("%(missing)s of %(all)s pieces were not there to be taken over. You can have them written.")
)
# By how the parser's own, English words begin; what none of these says is "SOMETHING_ELSE".
NOT_JSON = {
    "EOF": gettext_noop("The text ends too early."),
    "trailing characters": gettext_noop("Something stands after the end."),
    "trailing comma": gettext_noop("A comma stands before a closing bracket."),
    "key must be": gettext_noop("The name of a field does not stand between double quotes."),
    "control character": gettext_noop("A text holds a line end or another control character."),
    "invalid escape": gettext_noop("What stands after a backslash is not what JSON knows."),
    "unexpected end of hex escape": gettext_noop("What stands after a backslash is not what JSON knows."),
    "lone leading surrogate": gettext_noop("What stands after a backslash is not what JSON knows."),
    "invalid unicode": gettext_noop("The text is not in UTF-8."),
    "invalid number": gettext_noop("A number is not written as JSON writes it."),
    "number out of range": gettext_noop("A number is too large."),
    "recursion": gettext_noop("It is nested too deep."),
}
SOMETHING_ELSE = gettext_noop("Something else is expected there.")
ZIPPED = b"PK\x03\x04"
NOT_JSON_BUT_ZIPPED = gettext_noop(
    "This is not JSON: several files are packed into it, as into a zip or an EPUB. If it is all that you have here, "
    "unpack it and choose the “roadmap.json” of one roadmap."
)
NO_ROADMAP = gettext_noop(
    "This is no roadmap that was taken away as “Everything (JSON)”: such a file says “roadmap” in its field “format”."
)
NEWEST = max(get_args(RoadmapDocument.model_fields["version"].annotation))
NEWER = gettext_noop(
    "The file comes from a newer version of this site: its format has the number %(version)s, and the newest that is "
    "known here is %(newest)s. Nothing is wrong with the file. Ask whoever runs this site to bring it up to date, then "
    "bring the file in again."
)


class WrongFileError(RefusedError):
    """Everything that is wrong in a file, in words for the person."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        super().__init__("\n".join(map(str, mistakes)))
        self.mistakes = mistakes


def parse(data: bytes) -> RoadmapDocument:
    """A roadmap's JSON, judged before anything is stored. Raises RefusedError; WrongFileError says what is where."""
    if len(data) > MOST_BYTES:
        raise RefusedError(too_large(len(data)))
    if data.startswith(ZIPPED):
        raise RefusedError(_(NOT_JSON_BUT_ZIPPED))
    text = _in_utf8(data)
    _refuse_scattered(text)
    try:
        read = _plain(from_json(text), DEEPEST)
    except ValueError as error:
        raise RefusedError(_not_json(str(error))) from error
    if foreign := _foreign(read):
        raise WrongFileError([foreign])
    try:
        document = RoadmapDocument.model_validate(read, context=LIMITS)
    except ValidationError as error:
        raise WrongFileError(mistakes(error, read)) from error
    _refuse_heavy(document)
    added_subjects.refresh()  # or it would be this process's luck which of them it knows
    for concept in document.parts():
        concept.source = _known(concept.source)
    return document


def _in_utf8(data: bytes) -> bytes:
    """As the parser takes it: some editors save a text in UTF-16, and others put a mark before it."""
    encoding = json.detect_encoding(data)
    if encoding.startswith("utf-8"):
        return data.removeprefix(BOM_UTF8)
    try:
        return data.decode(encoding).encode()
    except UnicodeDecodeError:
        return data  # which is no JSON, as the parser will say


def _refuse_scattered(text: bytes) -> None:
    """Before any of it is read: of a few bytes each, millions of empty lists would fill the memory."""
    if sum(map(text.count, (b"[", b"{", b","))) > MOST_VALUES:
        raise RefusedError(_("The file has more lists, fields and commas than any roadmap."))


def _foreign(read: Any) -> Mistake | None:
    """Of what is no roadmap, or a later one, hardly a field would be right: that is all that is told."""
    if not isinstance(read, dict):
        return None
    if read.get("format") != "roadmap":
        return Mistake("format", _(NO_ROADMAP))
    version = read.get("version")
    if isinstance(version, int) and NEWEST < version < 1000:
        return Mistake("version", _(NEWER) % {"version": version, "newest": NEWEST})
    return None


def _refuse_heavy(document: RoadmapDocument) -> None:
    """Before any of it is laid out, which for text that is made to take long takes minutes."""
    texts = [each.tutorial.markdown for each in document.parts() if each.tutorial]
    if sum(map(rendering.weight, texts)) > MOST_WEIGHT:
        raise RefusedError(
            _(
                "The tutorials have %(size)s characters together, or more brackets, bars and line ends, than can be "
                "laid out at once. Leave some of them out: they can be written again."
            )
            % {"size": f"{sum(map(len, texts)):,}"}
        )


def too_large(size: int) -> str:
    words = {"size": f"{size:,}", "most": f"{MOST_BYTES:,}"}
    return _("The file has %(size)s bytes; %(most)s are allowed.") % words


def _plain(value: Any, depth: int) -> Any:
    """The value as the database takes it; what is nested or spread out beyond any roadmap is not looked at further."""
    if depth < 0:
        raise RefusedError(_("The file is nested more than %(most)s levels deep.") % {"most": DEEPEST})
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, list):
        return [_plain(each, depth - 1) for each in value]
    if isinstance(value, dict):
        if len(value) > MOST_KEYS:
            raise RefusedError(
                _("An object has %(number)s keys; %(most)s are allowed.")
                % {"number": f"{len(value):,}", "most": MOST_KEYS}
            )
        return {key: _plain(each, depth - 1) for key, each in value.items()}
    return value


def _not_json(said: str) -> str:
    """The parser says "trailing comma at line 3 column 7"."""
    sentence = next((own for begin, own in NOT_JSON.items() if said.startswith(begin)), SOMETHING_ELSE)
    place = re.search(r"line (\d+) column (\d+)$", said)
    return _("This is not JSON. %(problem)s (Line %(line)s, column %(column)s.)") % {
        "problem": _(sentence),
        "line": place[1] if place else "?",
        "column": place[2] if place else "?",
    }


def _known(source: str) -> str:
    """A place in the bundled library, or nothing: a file may name any."""
    return source if is_offered(source) else ""


@dataclass(frozen=True)
class LaidOut:
    """A document and its tutorials' HTML by concept key, whose links lead to a roadmap with this slug."""

    document: RoadmapDocument
    token: str
    slug: str
    html: dict[str, str]


def lay_out(document: RoadmapDocument) -> LaidOut:
    """Before any transaction: it is the slow part."""
    token = new_token()
    slug = slug_from(slugify(document.title).split("-")[:6], token)
    return LaidOut(document, token, slug, _rendered(document, slug))


def create(laid_out: LaidOut, *, owner: User, origin: str, request_key: uuid.UUID | None = None) -> Roadmap:
    """A new roadmap with everything that the document has; what it lacks is bought only when the owner asks for it.

    Called twice with the same `request_key`, both calls return the same roadmap. Raises RefusedError where the owner
    has as many as one person may keep.
    """
    document = laid_out.document
    with transaction.atomic():
        if existing := starting.made_before(owner=owner, request_key=request_key):
            return existing
        refuse(limits.problem_with_keeping(owner.pk))
        roadmap = Roadmap.objects.create(
            owner=owner,
            token=laid_out.token,
            slug=laid_out.slug,
            request_key=request_key,
            origin=origin,
            **{name: getattr(document, name) for name in SAME},
        )
        revision = outline.revise(roadmap, document.outline(), author=OutlineRevision.Author.DESIGN, reason=origin)
        concepts = {concept.key: concept for concept in roadmap.concepts.all()}
        placed = [(concepts[each.key], each) for each in document.parts()]
        _add_tutorials(placed, laid_out.html)
        _add_resources(placed)
        _add_quizzes(placed)
        _add_notes(placed, owner)
        _add_progress(placed, owner)
        _settle(roadmap, revision, placed)
    log_lines.line(roadmap, "roadmap_brought_in", origin)
    return roadmap


SAME = (
    "goal",
    "level",
    "hours_per_week",
    "motivation",
    "background",
    "preference",
    "language",
    "second_language",
    "deadline",
    "rationale",
)
Placed = list[tuple[Concept, ConceptDocument]]


def _rendered(document: RoadmapDocument, slug: str) -> dict[str, str]:
    """The tutorials' HTML by concept key, made here from Markdown: a file's own HTML is never taken."""
    addresses = {each.key: reverse("content:concept", args=[slug, each.key]) for each in document.parts()}
    colouring = rendering.Colouring(COLOURING_SECONDS)
    return {
        each.key: rendering.to_html(each.tutorial.markdown, concept_url=addresses.get, colouring=colouring)
        for each in document.parts()
        if each.tutorial
    }


def _add_tutorials(placed: Placed, html: dict[str, str]) -> None:
    Tutorial.objects.bulk_create(
        Tutorial(concept=concept, version=1, html=html[each.key], **each.tutorial.model_dump())
        for concept, each in placed
        if each.tutorial
    )


def _add_resources(placed: Placed) -> None:
    """Not checked yet: the daily check of links looks at them."""
    found = [(concept, each.resources) for concept, each in placed if each.resources]
    lists = ResourceList.objects.bulk_create(
        ResourceList(concept=concept, version=1, origin=resources.origin, note=resources.note)
        for concept, resources in found
    )
    Resource.objects.bulk_create(
        Resource(resource_list=row, position=position, **resource.model_dump())
        for row, (_, resources) in zip(lists, found, strict=True)
        for position, resource in enumerate(resources.resources)
    )


def _add_quizzes(placed: Placed) -> None:
    found = [(concept, each.quiz) for concept, each in placed if each.quiz]
    rows = Quiz.objects.bulk_create(Quiz(concept=concept, version=1, origin=quiz.origin) for concept, quiz in found)
    Question.objects.bulk_create(
        Question(quiz=row, position=position, text=question.question, **question.model_dump(exclude={"question"}))
        for row, (_, quiz) in zip(rows, found, strict=True)
        for position, question in enumerate(quiz.questions)
    )


def _add_notes(placed: Placed, owner: User) -> None:
    Note.objects.bulk_create(
        Note(concept=concept, user=owner, text=each.note, saved_at=timezone.now())
        for concept, each in placed
        if each.note
    )


def _add_progress(placed: Placed, owner: User) -> None:
    ConceptProgress.objects.bulk_create(
        ConceptProgress(concept=concept, user=owner, done_at=_credible(each.learned_at))
        for concept, each in placed
        if each.learned_at
    )


def _credible(moment: datetime) -> datetime:
    """Not in the future, which would count as learned before it is; without a zone it is UTC's."""
    return max(EARLIEST, min(moment if moment.tzinfo else moment.replace(tzinfo=UTC), timezone.now()))


def _settle(roadmap: Roadmap, revision: OutlineRevision, placed: Placed) -> None:
    """Ready where everything is there; an outline alone waits for the person as a designed one does."""
    missing = {(concept.pk, kind) for concept, each in placed for kind in Step.CONTENT_KINDS if not getattr(each, kind)}
    pieces = len(placed) * len(Step.CONTENT_KINDS)
    if len(missing) == pieces:
        OutlineReview.objects.create(revision=revision, is_reviewed=False, failure=revision.reason)
        roadmap.move(Roadmap.State.IN_REVIEW)
        return
    now = timezone.now()
    Step.objects.bulk_create(
        Step(
            roadmap=roadmap,
            concept=concept,
            kind=kind,
            queue=Step.QUEUES[kind],
            rank=rank_of(concept.position),
            state=Step.State.CANCELLED if (concept.pk, kind) in missing else Step.State.DONE,
            finished_at=now,
        )
        for concept, _ in placed
        for kind in Step.CONTENT_KINDS
    )
    if missing:
        notice = NOT_TAKEN_OVER % {"missing": len(missing), "all": pieces}
        roadmap.move(Roadmap.State.PARTLY_READY, notice=notice)
    else:
        roadmap.move(Roadmap.State.READY)
