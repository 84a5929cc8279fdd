"""Addresses of the pages about what was written for a concept."""

from django.urls import path, register_converter
from django.urls.converters import StringConverter

from content import views


class ConceptKeyConverter(StringConverter):
    """Like c-2-2-1; anything else is no page, and never reaches the database."""

    regex = r"c-[0-9]{1,3}-[0-9]{1,3}-[0-9]{1,3}"


register_converter(ConceptKeyConverter, "concept_key")

app_name = "content"

urlpatterns = [
    path("roadmaps/<slug:slug>/<concept_key:key>/", views.concept, name="concept"),
    path("roadmaps/<slug:slug>/<concept_key:key>/quiz/", views.quiz, name="quiz"),
    path("roadmaps/<slug:slug>/<concept_key:key>/done/", views.done, name="done"),
    path("roadmaps/<slug:slug>/<concept_key:key>/regenerate/<slug:kind>/", views.regenerate, name="regenerate"),
    path("roadmaps/<slug:slug>/<concept_key:key>/pieces/", views.pieces, name="pieces"),
]
