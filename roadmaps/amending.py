"""How does an editor change one concept of an outline? With a new version of the outline, like everybody else."""

from typing import Any

from django.utils.translation import gettext_noop
from pydantic import ValidationError

from roadmap_project.told import kept
from roadmaps import allowing, log_lines, outline
from roadmaps.answers import ConceptOutline, OutlineTree
from roadmaps.deciding import RefusedError
from roadmaps.models import Concept, OutlineRevision, Roadmap

EDITED_BY = kept(gettext_noop("%(key)s was edited by %(name)s."))


def version_of(roadmap: Roadmap) -> int:
    """The number of the outline's latest version; 0 where there is none yet."""
    return roadmap.revisions.order_by("-number").values_list("number", flat=True).first() or 0


def amended(roadmap: Roadmap, key: str, *, seen_version: int, **fields: Any) -> OutlineTree:
    """The latest outline with this concept changed. The caller holds the roadmap's lock.

    Raises RefusedError while the outline is being worked on, where it moved on from the version that the editor saw,
    and for what no outline may hold.
    """
    if roadmap.state == Roadmap.State.DESIGNING:
        raise RefusedError("The outline is being worked on right now. Please try again when that is over.")
    latest = version_of(roadmap)
    if not latest or latest != seen_version:
        raise RefusedError(f"The outline is at version {latest} now. Nothing was saved; please look at it again first.")
    before = outline.tree_of(outline.latest(roadmap))
    after = before.model_copy(deep=True)
    for module in (module for stage in after.stages for module in stage.modules):
        module.concepts = [_changed(each, fields) if each.key == key else each for each in module.concepts]
    allowing.refuse_worse(before, after)
    return after


def _changed(concept: ConceptOutline, fields: dict[str, Any]) -> ConceptOutline:
    try:
        return ConceptOutline.model_validate({**concept.model_dump(), **fields})
    except ValidationError as error:
        reasons = [item["msg"].removeprefix("Value error, ") for item in error.errors()[:5]]
        raise RefusedError("; ".join(reasons)) from error


def amend(concept: Concept, tree: OutlineTree, *, by: str) -> None:
    """Store the amended outline, unless it says what the latest says. The caller holds the roadmap's lock."""
    roadmap = concept.roadmap
    if tree == outline.tree_of(outline.latest(roadmap)):
        return
    revision = outline.revise(
        roadmap, tree, author=OutlineRevision.Author.HAND, reason=EDITED_BY % {"key": concept.key, "name": by}
    )
    log_lines.line(roadmap, "concept_amended", str(concept), concept=concept, version=revision.number, by=by)
