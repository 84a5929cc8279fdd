"""Addresses of the pages about what was written for a concept, about taking it away and sharing it."""

from django.urls import path

from content import converters  # noqa: F401  registers them
from content.views import concepts, diagrams, practice, quizzes, shared, taking_away, versions

app_name = "content"

urlpatterns = [
    path("diagram/", diagrams.diagram, name="diagram"),
    path("account/everything/", taking_away.everything, name="everything"),
    path("bring-in/", taking_away.bring_in, name="bring_in"),
    path("roadmap.schema.json", taking_away.schema, name="schema"),
    path("roadmaps/<slug:slug>/take-away/", taking_away.take_away, name="take_away"),
    path("roadmaps/<slug:slug>/take-away/<slug:file_format>/", taking_away.download, name="download"),
    path("roadmaps/<slug:slug>/share/", taking_away.share, name="share"),
    path("roadmaps/<slug:slug>/unshare/", taking_away.unshare, name="unshare"),
    path("roadmaps/<slug:slug>/practice/", practice.practice, name="practice"),
    path("roadmaps/<slug:slug>/<concept_key:key>/", concepts.concept, name="concept"),
    path("roadmaps/<slug:slug>/<concept_key:key>/quiz/", quizzes.quiz, name="quiz"),
    path("roadmaps/<slug:slug>/<concept_key:key>/done/", concepts.done, name="done"),
    path("roadmaps/<slug:slug>/<concept_key:key>/note/", concepts.note, name="note"),
    path("roadmaps/<slug:slug>/<concept_key:key>/report/<row:resource>/", concepts.report, name="report"),
    path("roadmaps/<slug:slug>/<concept_key:key>/regenerate/<slug:kind>/", concepts.regenerate, name="regenerate"),
    path("roadmaps/<slug:slug>/<concept_key:key>/versions/<slug:kind>/", versions.versions, name="versions"),
    path("roadmaps/<slug:slug>/<concept_key:key>/restore/<slug:kind>/", versions.restore, name="restore"),
    path("roadmaps/<slug:slug>/<concept_key:key>/pieces/", concepts.pieces, name="pieces"),
    path("shared/<share_token:token>/", shared.outline, name="shared"),
    path("shared/<share_token:token>/copy/", shared.copy, name="copy"),
    path("shared/<share_token:token>/<concept_key:key>/", shared.concept, name="shared_concept"),
    path("shared/<share_token:token>/<concept_key:key>/quiz/", shared.quiz, name="shared_quiz"),
]
