"""The interface in Chinese: the catalogue is whole, and no page of a learner's says anything in English."""

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.urls import reverse
from django.utils import translation

from content import writing
from content.models import Question, Quiz, Resource, ResourceList, Share, Tutorial
from roadmap_project import api_tokens, told
from roadmap_project.library import sentences as library_sentences
from roadmap_project.llm import reasons
from roadmaps import amending, deciding, designing, editing, explaining, finishing, mailing, reviewing, sending
from roadmaps.models import (
    Concept,
    Feedback,
    Mail,
    Module,
    OutlineReview,
    OutlineRevision,
    Profile,
    Roadmap,
    Stage,
    Step,
)
from roadmaps.reviewing import SCORE_NAMES
from roadmaps.steps import storing
from tests.factories import (
    make_feedback,
    make_log_entry,
    make_quiz,
    make_resources,
    make_roadmap,
    make_roadmap_in_review,
    make_step,
    make_tutorial,
    make_user,
    make_written_roadmap,
)
from tests.test_security_ownership import OURS, address

pytestmark = pytest.mark.django_db

CATALOGUE = Path(settings.BASE_DIR) / "roadmap_project/locale/zh_Hans/LC_MESSAGES/django.po"
GAP = re.compile(r"%\(\w+\)s|\{\w+\}")


def gettext_tool(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def sentences(catalogue: Path) -> set[str]:
    """What a catalogue has to translate, with what tells equal words apart."""
    bare = gettext_tool("msgattrib", "--clear-fuzzy", "--empty", "--no-obsolete", "--no-wrap", str(catalogue))
    return {each.strip() for each in re.sub(r"^#.*\n", "", bare, flags=re.M).split("\n\n")[1:]}


@pytest.mark.parametrize("unfinished", ["--untranslated", "--only-fuzzy", "--only-obsolete"])
def test_every_sentence_is_translated_for_good(unfinished):
    left = gettext_tool("msgattrib", unfinished, "--no-wrap", str(CATALOGUE))

    assert re.findall(r'^(?:#~ )?msgid "(.+)"', left, re.M) == []


def test_the_catalogue_has_what_the_source_says(tmp_path, monkeypatch):
    """`make messages` finds what is new; here it looks through a copy."""
    ours = ["roadmap_project", "roadmaps", "content"]
    for each in ours:
        shutil.copytree(
            Path(settings.BASE_DIR) / each, tmp_path / each, ignore=shutil.ignore_patterns("subjects", "*.pyc", "*.js")
        )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(settings, "LOCALE_PATHS", [str(tmp_path / "roadmap_project/locale")])
    extensions = ["html", "txt", "py"]
    call_command("makemessages", locale=["zh_Hans"], extensions=extensions, no_location=True, no_wrap=True, verbosity=0)

    found = tmp_path / "roadmap_project/locale/zh_Hans/LC_MESSAGES/django.po"
    assert sentences(found) == sentences(CATALOGUE), "run `make messages`, and translate what it adds"


def test_the_compiled_catalogue_is_what_the_text_says(tmp_path):
    compiled = tmp_path / "django.mo"
    gettext_tool("msgfmt", "--check-format", "-o", str(compiled), str(CATALOGUE))

    assert compiled.read_bytes() == CATALOGUE.with_suffix(".mo").read_bytes(), "run `make messages`"


def test_what_is_filled_in_is_the_same_in_both_languages():
    pairs = re.findall(
        r'^msgid "(.*)"\n(?:msgid_plural "(.*)"\n)?msgstr(?:\[0\])? "(.*)"$', CATALOGUE.read_text(), re.M
    )

    wrong = {one: chinese for one, many, chinese in pairs if set(GAP.findall(many or one)) != set(GAP.findall(chinese))}
    assert wrong == {}
    assert len(pairs) > 500


def test_a_stored_sentence_is_told_in_the_readers_language_with_what_stands_in_it():
    stored = editing.NOT_CHANGED % {"reason": reasons.ANSWERED % {"status": 500, "message": "oops"}}

    assert told.told(stored) == "The outline could not be changed: the provider answered 500: oops"
    with translation.override("zh-hans"):
        assert told.told(stored) == "未能修改大纲：服务商返回 500：oops"
        assert told.told(amending.EDITED_BY % {"key": "c-1-1-2", "name": "eve"}) == "eve 编辑了 c-1-1-2。"
        assert told.told("What a person wrote.") == "What a person wrote."
        assert told.told("") == ""


# Pages. What people and models write is Greek here, so that every Latin word is the interface's.

NAMES = {
    *("API", "Anki", "CSV", "EPUB", "English", "GET", "JSON", "Markdown", "MB", "OpenAPI", "Roadmaps", "Schema", "UTC"),
    *("zip", "Python", "en", "zh", "French", "workflow", "content", "logs"),
}
WORD = re.compile(r"[A-Za-z]{2,}")
SHOWN = ("alt", "aria-label", "placeholder", "title")
SILENT = ("script", "style", "code", "pre")
EMPTY = ("br", "hr", "img", "input", "link", "meta", "path", "rect", "circle")
KEPT_FOR_SCRIPTS = (
    "data-copy",
    "data-copied",
    "data-code",
    "data-diagram",
    "data-source",
    "data-broken",
    "data-open",
    "data-failed",
)


class Shown(HTMLParser):
    """What a page says: its text and the attributes that are read out, apart from what is marked as English."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self._open: list[tuple[str, bool]] = []

    @property
    def is_silent(self) -> bool:
        return bool(self._open) and self._open[-1][1]

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        is_in_english = tag != "html" and (values.get("lang") or "").startswith("en")
        names_a_language = tag == "option" and "lang" in values  # in its own words
        silent = self.is_silent or tag in SILENT or is_in_english or names_a_language
        if not silent:
            self.said += [values[each] or "" for each in (*SHOWN, *KEPT_FOR_SCRIPTS) if each in values]
            if tag == "input" and values.get("type") in ("submit", "button"):
                self.said.append(values.get("value") or "")
        if tag not in EMPTY:
            self._open.append((tag, silent))

    def handle_endtag(self, tag):
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data):
        if not self.is_silent:
            self.said.append(data)


def english_in(html: str) -> list[str]:
    page = Shown()
    page.feed(html)
    return [
        said.strip()
        for said in page.said
        if any(word not in NAMES for word in WORD.findall(re.sub(r"c-\d|[\w.-]+@[\w.]+|https?://\S+|\.\w+", "", said)))
    ]


# A description of the subject, then what the library says by itself.
WHY = "\n".join(
    (
        "Έτσι",
        library_sentences.CHOSEN % {"subject": "Σχέδιο", "chosen": 2, "all": 3, "hours": 4, "weeks": 5},
        explaining.EDITED,
        library_sentences.INCLUDED % {"count": 1, "all": 3},
        library_sentences.LEFT_OUT % {"names": "α, β"},
    )
)

REASON = library_sentences.TIME % {"hours": 4, "budget": 2}


def in_greek() -> None:
    """Whatever people and models said."""
    Roadmap.objects.update(title="Σχέδιο", goal="Θέλω να μάθω", rationale=WHY, origin=reasons.FROM_THE_LIBRARY)
    for part in (Stage, Module):
        part.objects.update(name="Μέρος", description="Περί")
    for concept in Concept.objects.all():
        Concept.objects.filter(pk=concept.pk).update(name=f"Θέμα {concept.position}", description="Περί")
    Tutorial.objects.update(title="Μάθημα", html="<h2>Αρχή</h2>", markdown="## Αρχή", origin=reasons.FROM_THE_LIBRARY)
    Quiz.objects.update(origin=reasons.FROM_THE_LIBRARY)
    ResourceList.objects.update(origin=reasons.WRITTEN_BY % {"model": "μ"})
    Resource.objects.update(title="Πηγή", description="Περί", language="zh")
    Question.objects.update(text="Τι;", options=["α", "β", "γ", "δ"], explanation="Διότι")
    OutlineReview.objects.filter(is_reviewed=True).update(
        scores={name: {"score": 80, "reason": REASON} for name in SCORE_NAMES},
        origin=reasons.FROM_THE_LIBRARY,
    )
    OutlineReview.objects.filter(is_reviewed=False).update(failure=reasons.NO_CHOICE)
    for version in OutlineRevision.objects.all():
        text = re.sub(r'("(?:name|description|title)": ")[^"]*', r"\1Μέρος", json.dumps(version.tree))
        OutlineRevision.objects.filter(pk=version.pk).update(tree=json.loads(text))


@pytest.fixture
def reader(client):
    user = make_user(username="αναγνώστης")
    User.objects.update(email="α@example.org")
    client.force_login(user)
    client.cookies["django_language"] = "zh-hans"
    return client


@pytest.fixture
def owner(reader):
    return User.objects.get()


def shown(reader, path: str, **typed) -> list[str]:
    """The English on a page, after a form was sent where something was typed."""
    response = reader.post(path, typed, follow=True) if typed else reader.get(path, follow=True)
    assert response.status_code in (200, 304, 404, 405), (path, response.status_code)
    html = response.content.decode() if "html" in response.headers.get("Content-Type", "") else ""
    assert not html or 'lang="zh-hans"' in html or "<html" not in html, path
    return [f"{path}: {each}" for each in english_in(html)]


def test_no_page_of_a_readers_has_english_on_it(reader, owner):
    """Every address by its name, so that a new page is looked at as well."""
    roadmap = make_written_roadmap(owner=owner)
    concept = roadmap.concepts.first()
    make_tutorial(concept=concept)
    make_resources(concept=concept)
    make_quiz(concept=concept)
    make_log_entry(roadmap=roadmap, step_kind="tutorial", details={"seconds": 2, "next": storing.NOTHING_BY_ITSELF})
    api_tokens.make(user=owner, name="κλειδί")
    in_greek()
    Roadmap.objects.update(notice=finishing.SOME_WRITTEN % {"done": 1, "all": 2, "missing": 1})

    pages = [name for name in OURS if name not in NOT_FOR_READERS]
    english = [found for name in pages for found in shown(reader, address(name, roadmap))]

    assert english == []
    assert len(pages) > 40


# Answers for programs, and files.
NOT_FOR_READERS = {
    *("health", "health-live", "metrics", "roadmaps:language", "roadmaps:logout", "api:openapi", "api:api-root"),
    *("content:everything", "content:download", "content:schema"),
}


def test_a_roadmap_speaks_chinese_in_every_state(reader, owner):
    ended = reasons.NOT_USABLE % {"problem": "…"}
    found = []
    for state in Roadmap.State:
        is_open = state in (Roadmap.State.DESIGNING, Roadmap.State.IN_REVIEW)
        make = make_roadmap_in_review if is_open else make_written_roadmap
        roadmap = make(owner=owner, concepts=2)
        Roadmap.objects.filter(pk=roadmap.pk).update(
            state=state, notice=designing.NOT_DESIGNED % {"reason": ended}, deadline="2031-01-02", weeks=2
        )
        if is_open:
            make_step(roadmap=roadmap, kind=Step.Kind.REVIEW, state=Step.State.FAILED, last_error=ended)
            make_feedback(roadmap=roadmap, text="Λίγο", state=Feedback.State.FAILED, answer=deciding.CANCELLED)
            make_feedback(
                roadmap=roadmap,
                text="Λίγο",
                state=Feedback.State.DONE,
                answer=library_sentences.LEFT_OUT % {"names": "α, β"},
            )
            for _ in ("answered", "open"):
                asked = [
                    "Τι;",
                    library_sentences.NOT_SHORTER,
                    library_sentences.WHICH % {"words": "α", "names": "β, γ"},
                ]
                make_feedback(roadmap=roadmap, text="Λίγο", state=Feedback.State.QUESTION, questions=asked)
        else:
            roadmap.steps.filter(kind=Step.Kind.QUIZ).update(state=Step.State.FAILED, last_error=ended)
            roadmap.steps.filter(kind=Step.Kind.TUTORIAL).update(state=Step.State.WAITING, last_error=ended)
        in_greek()
        path = reverse("roadmaps:roadmap", args=[roadmap.slug])
        found += shown(reader, path) + shown(reader, f"{path}c-1-1-1/")

    assert found == []


def test_the_outlines_review_speaks_chinese(reader, owner):
    """Issues of the checks, versions with their reasons and differences, the forms of the editor, refusals."""
    roadmap = make_roadmap_in_review(owner=owner)
    make_roadmap_in_review(owner=owner, is_reviewed=False)
    in_greek()
    reviewing.STANDS_TWICE % {"name": "«α»"}
    OutlineReview.objects.filter(is_reviewed=True).update(
        issues=[
            {
                "severity": severity,
                "location": place,
                "issue": reviewing.STANDS_TWICE % {"name": "«α»"},
                "suggestion": tip,
            }
            for severity, place, tip in (
                ("critical", "outline", reviewing.CORRECT_IT),
                ("warning", "c-1-1-1", reviewing.NAME_IT_APART),
            )
        ]
    )
    path = reverse("roadmaps:roadmap", args=[roadmap.slug])
    edit = f"{path}edit/"
    texts = {"name": "Άλλο", "description": "Περί", "hours": "1", "difficulty": "easy", "module": "m-1-1"}
    found = shown(reader, path)
    found += [
        each
        for query in ("?open=s-1", "?open=m-1-1", "?open=c-1-1-1", "?add=s-1")
        for each in shown(reader, edit + query)
    ]
    found += shown(reader, f"{edit}change/", seen_version=1, part="c-1-1-2", **{**texts, "hours": "8"})
    found += shown(reader, f"{edit}change/", seen_version=1, part="c-1-1-2", **texts)
    found += shown(reader, f"{edit}move/", seen_version=2, up="c-1-1-2")
    found += shown(reader, f"{edit}remove/", seen_version=3, part="c-1-1-1")
    found += shown(reader, f"{edit}change/", seen_version=1, part="c-1-1-2", **texts)
    found += shown(reader, path) + shown(reader, f"{path}versions/") + shown(reader, f"{path}versions/?version=1")
    found += shown(reader, f"{path}request-changes/", text=" ")
    found += shown(reader, "/")

    assert roadmap.revisions.count() == 4
    assert found == []


def test_what_is_asked_and_refused_is_in_chinese(reader, owner, settings):
    roadmap = make_written_roadmap(owner=owner)
    concept = roadmap.concepts.first()
    make_tutorial(concept=concept)
    make_tutorial(concept=concept, version=2)
    make_resources(concept=concept, count=0, note=writing.NO_LINKS_FOR_GOAL)
    make_quiz(concept=concept)
    in_greek()
    path = reverse("roadmaps:roadmap", args=[roadmap.slug])
    page = f"{path}c-1-1-1/"
    settings.MAX_ACTIVE_ROADMAPS = 1
    found = shown(reader, page)
    found += shown(reader, reverse("roadmaps:new"), goal="", level="x", hours_per_week="0")
    found += shown(reader, f"{page}quiz/", version="1", asked=["0", "1"], **{"question-0": "0", "question-1": "0"})
    found += shown(reader, page) + shown(reader, path) + shown(reader, f"{path}practice/")
    found += shown(reader, f"{page}done/", learned="yes") + shown(reader, f"{page}note/", text="Σημείωση")
    found += shown(reader, f"{page}regenerate/quiz/", wish="Μικρό") + shown(reader, page)
    found += shown(reader, f"{page}versions/tutorial/?version=1")
    found += shown(reader, f"{page}restore/tutorial/", version="1")
    found += shown(reader, f"{path}share/", yes="1")
    shared = reverse("content:shared", args=[Share.objects.get().token])
    found += shown(reader, shared) + shown(reader, f"{shared}c-1-1-1/") + shown(reader, f"{shared}c-1-1-1/quiz/")
    found += shown(reader, f"{shared}c-1-1-1/quiz/", version="1", asked="0", **{"question-0": "0"})
    found += shown(reader, reverse("content:bring_in"), text=" ")
    found += shown(reader, reverse("roadmaps:account"), level="x") + shown(reader, reverse("tokens"), name="")
    found += shown(reader, f"{path}approve/", yes="1") + shown(reader, f"{path}cancel/", yes="1")
    found += shown(reader, f"{path}delete/", yes="1") + shown(reader, "/nowhere/")
    reader.logout()
    reader.cookies["django_language"] = "zh-hans"
    found += [each for name in ("list", "login", "signup") for each in shown(reader, reverse(f"roadmaps:{name}"))]
    found += shown(reader, reverse("roadmaps:login"), username="α", password="β")
    found += shown(reader, reverse("roadmaps:signup"), username="α b", password1="1", password2="2")

    assert found == []


@pytest.mark.parametrize("kind", ["review", "ready", "partly_ready", "failed", "password", "address"])
def test_mail_is_written_in_the_persons_language(owner, kind):
    Profile.objects.create(user=owner, interface_language="zh-hans")
    roadmap = make_roadmap(owner=owner, goal="Σχέδιο", state=mailing.STATES.get(kind, Roadmap.State.READY))
    mail = Mail.objects.create(user=owner, kind=kind, roadmap=roadmap if kind in mailing.STATES else None)

    message = sending.compose(mail)

    assert english_in(f"{message.subject} {message.body}") == []
