"""How does what was written become a piece's next version, whoever wrote it?"""

from collections.abc import Iterable
from typing import Any, TypeVar, cast

from django.conf import settings
from django.db.models import Max, Model
from django.utils.translation import gettext as _

from content import links, rendering
from content.contents import Contents
from content.models import Piece, Question, Quiz, Resource, ResourceList, Tutorial
from roadmaps.models import Concept

PieceType = TypeVar("PieceType", bound=Piece)

VERSIONS_OWN = ("id", "concept_id", "version", "is_current", "created_at")
FOUND = ("status", "status_detail", "checked_at")


def problem_with_another_version(model: type[Piece], concept: Concept) -> str:
    """Why there may be no further version of this piece; empty where there may.

    For whoever asks for one, under the roadmap's lock. An answer that comes is stored whatever was restored meanwhile.
    """
    most = settings.MAX_VERSIONS_PER_PIECE
    if not most or model._default_manager.filter(concept=concept).count() < most:
        return ""
    return _(
        "There are as many versions of this as are kept (%(most)s). It stays as it is; all of them can be read."
    ) % {"most": most}


def add_version(model: type[PieceType], concept: Concept, wanted: Contents, **fields: Any) -> PieceType:
    """The concept's next version, with its rows, and the HTML of a tutorial; `fields` say where it comes from.

    What the last check found stands for a link whose address stays; a list's links are looked at soon. The caller
    holds the roadmap's lock, as for new_version.
    """
    found = _found(concept) if model is ResourceList else {}
    if model is Tutorial:
        urls = rendering.concept_urls(concept.roadmap)
        fields["html"] = rendering.to_html(wanted.fields["markdown"], concept_url=urls)
    added = new_version(model, concept, **wanted.fields, **fields)
    if isinstance(added, ResourceList):
        Resource.objects.bulk_create(
            Resource(resource_list=added, position=position, **row, **found.get(row["url"], {}))
            for position, row in enumerate(wanted.rows)
        )
        if wanted.rows:
            links.check_soon(concept)
    if isinstance(added, Quiz):
        Question.objects.bulk_create(
            Question(quiz=added, position=position, **row) for position, row in enumerate(wanted.rows)
        )
    return added


def copy_version(concept: Concept, earlier: PieceType) -> PieceType:
    """The concept's next version, as this one is, and what was found of its links; the lock as for new_version."""
    model = type(earlier)
    names = [field.attname for field in model._meta.concrete_fields if field.attname not in VERSIONS_OWN]
    copied = new_version(model, concept, **{name: getattr(earlier, name) for name in names})
    for name in model.rows:
        _copy(getattr(earlier, name).all(), getattr(copied, name))
    return copied


def new_version(model: type[PieceType], concept: Concept, *, origin: str, **fields: Any) -> PieceType:
    """The concept's next version, current from now on; earlier ones stay readable.

    The caller holds the roadmap's lock, so that two of them cannot both be next.
    """
    versions = model._default_manager.filter(concept=concept)
    last = versions.aggregate(last=Max("version"))["last"] or 0
    if last:
        versions.filter(is_current=True).update(is_current=False)
    return cast(PieceType, model._default_manager.create(concept=concept, version=last + 1, origin=origin, **fields))


def _found(concept: Concept) -> dict[str, dict[str, Any]]:
    links_now = Resource.objects.filter(resource_list__concept=concept, resource_list__is_current=True)
    return {link["url"]: {name: link[name] for name in FOUND} for link in links_now.values("url", *FOUND)}


def _copy(rows: Iterable[Model], manager: Any) -> None:
    copies = list(rows)
    for copy in copies:
        copy.pk, copy._state.adding = None, True
    manager.add(*copies, bulk=False)
