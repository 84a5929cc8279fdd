"""Why is an outline as it is, once it is no longer the one that was designed?"""

from itertools import takewhile

from django.utils.translation import gettext_noop

from roadmap_project.library import explaining, sentences
from roadmap_project.told import kept, says
from roadmaps import added_subjects
from roadmaps.answers import OutlineTree

EDITED = kept(gettext_noop("That is how the first version was designed. The outline has been edited since."))


def renewed(rationale: str, tree: OutlineTree) -> str:
    """What the design said, that it speaks of the first version, and what can be counted of this one.

    Lines that are each told by themselves. Nothing where the design said nothing.
    """
    if not rationale:
        return ""
    designed = list(takewhile(lambda line: line != EDITED, rationale.splitlines()))
    if now := _counted(tree):
        designed = [line for line in designed if not says(line, sentences.LEFT_OUT)]
    return "\n".join([*designed, EDITED, *now])


def _counted(tree: OutlineTree) -> list[str]:
    sources = [concept.source for concept in tree.concepts()]
    if any(sources):
        added_subjects.refresh()
    return explaining.as_it_is(sources)
