"""What is a model shown of a piece that is to be written again?"""

from collections.abc import Callable
from typing import Any

from content.models import Piece, Question, Quiz, Resource, ResourceList, Tutorial

LONGEST = 20_000  # characters of it; what goes beyond is left out, and said to be
MOST_BROKEN = 30


def text_of(piece: Piece) -> str:
    shown = SHOWN[type(piece)](piece)
    return shown if len(shown) <= LONGEST else f"{shown[:LONGEST]}\n[the rest is left out here]"


def _tutorial(tutorial: Tutorial) -> str:
    return f"{tutorial.title}\n\n{tutorial.markdown}"


def _resources(resources: ResourceList) -> str:
    """With every address that was ever found broken for the concept: what was replaced once does not come back."""
    links = list(resources.resources.all())
    lists = Resource.objects.filter(resource_list__concept=resources.concept_id)
    found = lists.filter(status=Resource.Status.BROKEN).order_by("-resource_list__version", "position")
    broken = [each.url for each in links if each.is_in_doubt]
    broken += [url for url in found.values_list("url", flat=True) if url not in broken]
    works = [f"- {each.title}: {each.url} ({each.kind}, {each.language})" for each in links if each.url not in broken]
    gone = [f"- {url}" for url in dict.fromkeys(broken)][:MOST_BROKEN]
    return "\n".join([*works, *(["Broken, not to be listed again:", *gone] if gone else [])])


def _quiz(quiz: Quiz) -> str:
    return "\n\n".join(_question(each) for each in quiz.questions.all())


def _question(question: Question) -> str:
    options = [
        f"- {option}{' (right)' if place in question.correct else ''}" for place, option in enumerate(question.options)
    ]
    return "\n".join([f"{question.text} ({question.kind}, {question.difficulty})", *options])


SHOWN: dict[type[Piece], Callable[[Any], str]] = {Tutorial: _tutorial, ResourceList: _resources, Quiz: _quiz}
