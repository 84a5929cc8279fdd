"""Why is an outline as it is, once it is no longer the one that was designed?"""

from itertools import takewhile

from django.utils.translation import gettext_noop

from roadmap_project.library import explaining
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
    sources = [concept.source for concept in tree.concepts()]
    if any(sources):
        added_subjects.refresh()
        designed = [line for line in designed if not says(line, *explaining.OF_ONE_VERSION)]
    return "\n".join([*designed, EDITED, *explaining.as_it_is(sources)])
