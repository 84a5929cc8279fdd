"""The files' own words, in the language that `Format.write` chose."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from content.exporting.documents import QuestionDocument, ResourceDocument, RoadmapDocument
from content.models import Question, Resource
from roadmap_project.languages import name_of
from roadmap_project.lengths import hours
from roadmap_project.listing import listed

ANSWERS = gettext_lazy("Answers")
BUILDS_ON = gettext_lazy("Builds on")
CONTENTS = gettext_lazy("Contents")
MY_NOTES = gettext_lazy("My notes")
NOT_WRITTEN = gettext_lazy("Not written")
QUIZ = gettext_lazy("Quiz")
RESOURCES = gettext_lazy("Resources")
WHAT_IS_RIGHT = gettext_lazy("What is right in the quizzes, and why:")


def facts(document: RoadmapDocument) -> str:
    """How large it is, as a sentence."""
    number = len(document.parts())
    sentence = ngettext("%(hours)s, %(number)s concept.", "%(hours)s, %(number)s concepts.", number)
    return sentence % {"hours": hours(document.hours), "number": number}


def goal(words: str) -> str:
    return _("Goal: %(goal)s") % {"goal": words}


def not_written(pieces: list[str]) -> str:
    return _("Not written: %(pieces)s.") % {"pieces": listed(pieces)}


def facts_of(resource: ResourceDocument) -> str:
    """Its kind and its language; a kind that no choice names stays as it is."""
    kind = str(dict(Resource.Kind.choices).get(resource.kind, resource.kind))
    return listed((kind, name_of(resource.language)))


def how_many(question: QuestionDocument) -> str:
    """What stands beside a question of which several answers are right; nothing beside others."""
    several = Question.Kind.MULTIPLE
    return str(several.label) if question.kind == several.value else ""
