"""Which concept does an address mean, and what is its address?"""

from django.shortcuts import get_object_or_404
from django.urls import reverse

from roadmaps import reading
from roadmaps.models import Concept, Roadmap
from roadmaps.slugs import token_of
from roadmaps.views import SignedInRequest


def own_roadmap(request: SignedInRequest, slug: str) -> Roadmap:
    return get_object_or_404(reading.owned(request.user, slug))


def own_concept(request: SignedInRequest, slug: str, key: str) -> Concept:
    concepts = Concept.objects.for_owner(request.user).select_related("roadmap", "module__stage")
    return get_object_or_404(concepts, roadmap__token=token_of(slug), key=key)


def address(concept: Concept, name: str = "concept", *rest: str) -> str:
    return reverse(f"content:{name}", args=[concept.roadmap.slug, concept.key, *rest])


def numbers(values: list[str]) -> list[int]:
    """What may be questions' places or keys; junk is none."""
    return [int(each) for each in values if each.isascii() and each.isdigit() and len(each) <= 18]
