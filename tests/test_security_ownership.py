"""Every address of the site, found by walking its URL configuration, so that no view can be forgotten (G1)."""

import itertools
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from content.models import Resource
from roadmap_project import api_tokens
from roadmap_project.models import ApiToken
from roadmaps.models import Roadmap
from tests.factories import make_quiz, make_resources, make_tutorial, make_user, make_written_roadmap

pytestmark = pytest.mark.django_db

METHODS = ("get", "head", "post", "put", "patch", "delete")
SECRET = "only-for-its-owner"
NO_SHARE = "A" * 43  # what a share's link would bear; whoever has a real one may read

# Whoever adds a name here says that a stranger may read what is there.
PUBLIC = {
    "api:api-root",
    "api:docs",
    "api:nothing-here",
    "api:openapi",
    "content:diagram",
    "content:schema",
    "roadmaps:list",
    "roadmaps:login",
    "roadmaps:signup",
    "roadmaps:language",
    "roadmaps:logout",
    "roadmaps:forgotten_password",
    "roadmaps:new_password_sent",
    "health",
    "health-live",
    "metrics",
}
ADMIN_WITHOUT_SIGN_IN = {"admin:login", "admin:logout", "admin:jsi18n"}


def walked(resolver: URLResolver, prefix: str = "", parts: frozenset[str] = frozenset()) -> Iterator[tuple[str, set]]:
    """Every name with what its address takes."""
    for each in resolver.url_patterns:
        names = parts | set(each.pattern.regex.groupindex)
        if isinstance(each, URLPattern):
            yield f"{prefix}{each.name}", names
        else:
            inner = f"{prefix}{each.namespace}:" if each.namespace else prefix
            yield from walked(each, inner, names)


EVERY = list(walked(get_resolver()))
# The admin is walked below, the API's operations with tokens in content/test_api_ownership.py.
ELSEWHERE = {name for name, _ in EVERY if name.startswith(("admin:", "api:"))} - PUBLIC
OURS = sorted({name for name, _ in EVERY} - ELSEWHERE)
ABOUT_SOMETHING = sorted({name for name, takes in EVERY if takes} - ELSEWHERE)


def made(owner) -> Roadmap:
    roadmap = make_written_roadmap(owner=owner)
    Roadmap.objects.filter(pk=roadmap.pk).update(title=SECRET, goal=SECRET)
    concept = roadmap.concepts.first()
    make_tutorial(concept=concept, title=SECRET, markdown=SECRET)
    make_resources(concept=concept, title=SECRET)
    make_quiz(concept=concept)
    api_tokens.make(user=owner, name=f"{SECRET} {roadmap.token}")
    roadmap.refresh_from_db()
    return roadmap


def address(name: str, roadmap: Roadmap, *, share: str = NO_SHARE) -> str:
    takes = next(takes for each, takes in EVERY if each == name)
    values = {"slug": roadmap.slug, "key": "c-1-1-1", "kind": "quiz", "file_format": "json"}
    resource = Resource.objects.filter(resource_list__concept__roadmap=roadmap.pk).first()
    values |= {"resource": resource.pk if resource else 1, "token": share, "uidb64": "MQ"}
    token = ApiToken.objects.filter(user=roadmap.owner_id).first() if roadmap.owner_id else None
    values |= {"pk": token.pk if token else 0}
    unknown = takes - set(values)
    assert not unknown, f"{name} takes {unknown}: give this test values that name something of the roadmap's owner"
    return reverse(name, kwargs={each: values[each] for each in takes})


@contextmanager
def undone() -> Iterator[None]:
    """What a request wrote where it should not have is not found by the next."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def test_every_address_has_a_name_by_which_it_is_walked():
    assert [name for name, _ in EVERY if name.endswith("None") and not name.startswith("admin:")] == []
    assert len(ABOUT_SOMETHING) >= 13
    assert set(OURS) >= PUBLIC


@pytest.mark.parametrize("method", METHODS)
def test_G1_a_stranger_is_let_in_nowhere(client, person, method):
    roadmap = made(person)
    client.raise_request_exception = False
    findings = {}

    for name in sorted(set(OURS) - PUBLIC):
        with undone():
            response = getattr(client, method)(address(name, roadmap))
        client.cookies.clear()
        is_sent_to_sign_in = response.status_code == 302 and response.url.startswith(reverse("roadmaps:login"))
        if not is_sent_to_sign_in and response.status_code not in (401, 403, 404, 405):
            findings[name] = f"answered with {response.status_code}"
        elif SECRET in response.content.decode():
            findings[name] = "shown"

    assert not findings, findings


def posted_by_scripts() -> set[str]:
    """The names of the addresses of every hx-post in the templates."""
    texts = [each.read_text() for each in Path(settings.BASE_DIR).glob("*/templates/**/*.html")]
    return {name for text in texts for said in re.findall(r'hx-post="([^"]+)"', text) for name in posted_to(said, text)}


def posted_to(said: str, text: str) -> list[str]:
    """The name in `{% url … %}`, or those that the variable is set to."""
    if direct := re.search(r"{% url '([^']+)'", said):
        return [direct[1]]
    variable = re.search(r"{{ (\w+) }}", said)[1]
    names = re.findall(rf"{{% url (\S+) [^%]*as {variable} %}}", text)
    assert names, f"{said} comes from somewhere that this test does not see"
    return [verb for each in names for verb in (EDIT_VERBS if each == "form.verb_name" else [each.strip("\"'")])]


EDIT_VERBS = ["roadmaps:change_part", "roadmaps:add_part"]


def test_what_a_script_sends_for_somebody_signed_out_leaves_the_page_as_it_is(client, person):
    """Wherever a script posts: the form with what was typed is not replaced by the one to sign in with."""
    roadmap = made(person)
    names = posted_by_scripts()
    assert names >= {"content:note", "content:quiz", "roadmaps:move_part", "roadmaps:remove_part", *EDIT_VERBS}

    for name in names:
        response = client.post(address(name, roadmap), headers={"HX-Request": "true"})

        assert "HX-Refresh" not in response.headers, name
        assert "<form" not in response.content.decode(), name
        assert response.status_code == (200 if name == "content:note" else 401), name  # the note says it on the spot


@pytest.mark.parametrize("method", METHODS)
def test_G1_another_person_finds_nothing_and_changes_nothing(client, person, method, settings):
    """Answered like something that does not exist, also where it was deleted; nothing is written."""
    settings.PAGE_CHANGES_PER_PERSON = 0  # tries are written
    client.force_login(make_user(is_staff=True))  # who may read the admin owns no more than others
    client.raise_request_exception = False
    foreign, deleted = made(person), made(person)
    Roadmap.objects.filter(pk=deleted.pk).update(deleted_at=timezone.now())
    roadmaps = {"foreign": foreign, "deleted": deleted, "nothing": Roadmap(slug="nothing-aaaaaaaa")}
    findings, answered = {}, {}

    for name, (whose, roadmap) in itertools.product(ABOUT_SOMETHING, roadmaps.items()):
        with undone(), CaptureQueriesContext(connection) as captured:
            response = getattr(client, method)(address(name, roadmap))
        carried_out = [each["sql"][:80] for each in captured]
        written = [sql for sql in carried_out if not sql.startswith(("SELECT", "SAVEPOINT", "RELEASE"))]
        if response.status_code not in (404, 405) or written or SECRET in response.content.decode():
            findings[name, whose] = (response.status_code, written)
        answered.setdefault(name, set()).add(response.status_code)

    assert not findings, findings
    assert {name: each for name, each in answered.items() if len(each) > 1} == {}


def test_what_is_public_shows_nobodys_roadmap(client, person):
    made(person)

    def shown(name):
        client.cookies.clear()
        return client.get(reverse(name), follow=True).content.decode()

    assert [name for name in sorted(PUBLIC) if SECRET in shown(name)] == []


def admin_addresses() -> Iterator[str]:
    for name, takes in EVERY:
        if name.startswith("admin:") and name not in ADMIN_WITHOUT_SIGN_IN and not name.endswith("None"):
            yield reverse(name, kwargs={part: "auth" if part == "app_label" else 1 for part in takes})


@pytest.mark.parametrize("kind", ["stranger", "learner", "staff without permissions"])
def test_G1_the_admin_is_for_staff_with_permission(client, kind):
    if kind != "stranger":
        client.force_login(make_user(is_staff=kind.startswith("staff")))
    addresses = list(admin_addresses())
    own = {reverse("admin:index"), reverse("admin:password_change"), reverse("admin:password_change_done")}

    for path in addresses:
        if kind.startswith("staff") and path in own:
            continue
        for method in ("get", "post"):
            response = getattr(client, method)(path)
            assert response.status_code in (302, 403, 404, 405), (path, method)
            if not kind.startswith("staff") and response.status_code == 302:
                assert reverse("admin:login") in response.url, path
    assert len(addresses) > 60
    assert get_user_model().objects.count() == (0 if kind == "stranger" else 1)
