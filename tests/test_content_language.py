"""A page that speaks one language says of what is written in another which one that is, for voices that read aloud."""

import re
from html.parser import HTMLParser

import pytest
from django.urls import reverse

from content import sharing
from content.models import Resource
from roadmaps import reviewing
from roadmaps.models import Feedback, OutlineReview, Roadmap, Step
from tests.factories import (
    make_feedback,
    make_log_entry,
    make_quiz,
    make_resources,
    make_roadmap_in_review,
    make_tutorial,
    make_user,
    make_written_roadmap,
)
from tests.test_chinese import EMPTY, NOT_FOR_READERS, in_greek
from tests.test_security_ownership import OURS, address

pytestmark = pytest.mark.django_db

GREEK = re.compile(r"[Α-Ωα-ωά-ώ]{2,}")
# A title and a choice hold plain text, and a stored sentence quotes a name as it is.
PLAIN = ("title", "option", "textarea")
QUOTED = re.compile("“[^”]*”|'[^']*'")


class Heard(HTMLParser):
    """Greek that would be read as if it were the page's own language."""

    def __init__(self) -> None:
        super().__init__()
        self.misread: list[str] = []
        self._open: list[tuple[str, str]] = []

    def handle_starttag(self, tag, attrs):
        language = dict(attrs).get("lang") or (self._open[-1][1] if self._open else "")
        if tag not in EMPTY:
            self._open.append((tag, language))

    def handle_startendtag(self, tag, attrs):
        """Holds no words, and nothing was opened that it would close."""

    def handle_endtag(self, tag):
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data):
        tag, language = self._open[-1] if self._open else ("", "")
        if GREEK.search(QUOTED.sub("", data)) and language != "el" and tag not in PLAIN:
            self.misread.append(data.strip())


def misread(client, path: str, **typed) -> list[str]:
    response = client.post(path, typed, follow=True) if typed else client.get(path, follow=True)
    page = Heard()
    page.feed(response.content.decode() if "html" in response.headers.get("Content-Type", "") else "")
    return [f"{path}: {each}" for each in page.misread]


@pytest.fixture
def owner(client):
    user = make_user(username="reader")
    client.force_login(user)
    return user


def written_in_greek() -> None:
    in_greek()
    Roadmap.objects.update(language="Greek", origin="Written for a test.", goal="To learn")


def test_what_is_written_in_another_language_says_so_on_every_page(client, owner):
    roadmap = make_written_roadmap(owner=owner, concepts=3)
    for concept in roadmap.concepts.all():
        make_tutorial(concept=concept)
        make_tutorial(concept=concept, version=2)
        make_resources(concept=concept, language="el")
        make_quiz(concept=concept)
    make_log_entry(roadmap=roadmap, step_kind="tutorial")
    share = sharing.share(roadmap)
    written_in_greek()
    Resource.objects.update(language="el")
    shared = reverse("content:shared", args=[share.token])
    quiz = reverse("content:quiz", args=[roadmap.slug, "c-1-1-2"])
    pages = [name for name in OURS if name not in NOT_FOR_READERS]

    found = [each for name in pages for each in misread(client, address(name, roadmap))]
    found += misread(client, shared) + misread(client, f"{shared}c-1-1-2/") + misread(client, f"{shared}c-1-1-2/quiz/")
    found += misread(client, f"{shared}c-1-1-2/quiz/", version="2", asked="0", **{"question-0": "0"})
    found += misread(client, quiz, version="1", asked=["0", "1"], **{"question-0": "0", "question-1": "0"})
    found += misread(client, reverse("content:concept", args=[roadmap.slug, "c-1-1-2"]))
    found += misread(client, reverse("content:versions", args=[roadmap.slug, "c-1-1-2", "tutorial"]) + "?version=1")
    roadmap.steps.filter(kind=Step.Kind.QUIZ).update(state=Step.State.FAILED, last_error="no answer")
    Roadmap.objects.update(state=Roadmap.State.PARTLY_READY)
    found += misread(client, roadmap.get_absolute_url())
    found += misread(client, reverse("content:take_away", args=[roadmap.slug]))

    assert found == []


def test_a_review_in_another_language_says_so(client, owner):
    roadmap = make_roadmap_in_review(owner=owner)
    make_feedback(roadmap=roadmap, text="More", state=Feedback.State.DONE, answer="Προστέθηκε")
    make_feedback(roadmap=roadmap, text="Less", state=Feedback.State.QUESTION, questions=["Τι άλλο;"])
    written_in_greek()
    issue = {"severity": "critical", "location": "c-1-1-1", "issue": "Λείπει", "suggestion": reviewing.CORRECT_IT}
    advice = {"action": "add_concept", "location": "s-1", "content": "Πίνακες", "reason": "Διότι λείπει"}
    OutlineReview.objects.update(issues=[issue], suggestions=[advice])
    edit = reverse("roadmaps:edit", args=[roadmap.slug])

    found = misread(client, roadmap.get_absolute_url())
    review = client.get(roadmap.get_absolute_url()).content.decode()
    assert '<span lang="el">Λείπει</span>' in review
    assert f"<em>{reviewing.CORRECT_IT}</em>" in review  # ours, and so in the page's language
    found += [each for query in ("", "?open=c-1-1-2", "?add=s-1") for each in misread(client, edit + query)]
    texts = {"name": "Άλλο", "description": "Μέρος", "hours": "2", "difficulty": "easy", "module": "m-1-1"}
    client.post(f"{edit}change/", {"seen_version": 1, "part": "c-1-1-2", **texts})
    found += misread(client, roadmap.get_absolute_url())
    found += misread(client, reverse("roadmaps:versions", args=[roadmap.slug]) + "?version=1")

    assert roadmap.revisions.count() == 2
    assert found == []
