"""What stands around every request: how much is taken, who may keep the answer, and where somebody is sent on to."""

import io
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from content import importing
from roadmap_project import request_sizes
from tests.factories import make_user, make_written_roadmap

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery"
ELSEWHERE = ["https://evil.example/", "//evil.example/", "/\\evil.example", "https:evil.example", "javascript:alert(1)"]


@pytest.fixture
def ada(db):
    return make_user(username="ada", password=PASSWORD)


@pytest.fixture
def visitor(client, ada):
    client.force_login(ada)
    return client


# How much is taken


@pytest.mark.parametrize("path", ["/sign-in/", "/bring-in/", "/admin/login/", "/nothing/"])
def test_more_than_is_taken_anywhere_is_refused_before_it_is_read(client, path):
    read = []

    class Body(io.BytesIO):
        def read(self, *_):
            read.append(1)
            return b""

    response = client.generic(
        "POST",
        path,
        CONTENT_TYPE="multipart/form-data; boundary=x",
        **{"CONTENT_LENGTH": str(request_sizes.MOST_SENT + 1), "wsgi.input": Body()},
    )

    assert response.status_code == 400
    assert not read


def test_a_file_of_the_size_that_is_allowed_is_looked_at(visitor):
    sent = SimpleUploadedFile("r.json", b" " * (importing.MOST_BYTES - 2) + b"{}")

    assert "This is no roadmap that was taken away" in visitor.post("/bring-in/", {"file": sent}).content.decode()


@pytest.mark.parametrize("length", ["", "-1", "x", "\u0661"])
def test_a_length_that_is_none_is_no_reason_to_break(client, length):
    assert client.generic("POST", "/sign-in/", CONTENT_LENGTH=length).status_code in (200, 403)


# Who may keep the answer


def test_no_cache_between_keeps_a_page_of_a_person(visitor, ada):
    roadmap = make_written_roadmap(owner=ada)
    names = ["roadmap", "progress", "versions", "log"]
    pages = [reverse(f"roadmaps:{name}", args=[roadmap.slug]) for name in names]
    pages += [
        "/",
        "/new/",
        "/account/",
        "/bring-in/",
        "/account/tokens/",
        reverse("content:take_away", args=[roadmap.slug]),
    ]
    pages += [reverse("content:concept", args=[roadmap.slug, "c-1-1-1"])]

    for page in pages:
        response = visitor.get(page)
        assert response.status_code == 200, page
        assert {"private", "no-cache"} <= set(response.headers["Cache-Control"].split(", ")), page


def test_a_strangers_pages_are_not_shared_either_as_they_hold_a_forms_token(client):
    assert client.get("/sign-in/").headers["Cache-Control"].endswith("private")
    assert client.get("/").headers["Cache-Control"] == "private, no-cache"


# Where somebody is sent on to, and as whom


@pytest.mark.parametrize("target", ELSEWHERE)
def test_nobody_is_sent_elsewhere_after_signing_in_or_choosing_a_language(client, ada, target):
    form = {"username": "ada", "password": PASSWORD, "next": target}

    assert client.post("/language/", {"language": "en", "next": target}).headers["Location"] == "/"
    assert client.post("/sign-in/", form).headers["Location"] == "/"
    assert client.get("/sign-in/", {"next": target}).headers["Location"] == "/"


@pytest.mark.parametrize("path", ["/new/", "/bring-in/"])
def test_back_brings_a_form_with_the_key_that_it_was_sent_with_and_a_link_brings_a_new_one(client, person, path):
    """The browser keeps it for Back alone, until something is sent to its own address; a link has it loaded anew."""
    client.force_login(person)

    page = client.get(path)
    assert page.headers["Cache-Control"] == "private, no-cache"
    assert not {"ETag", "Last-Modified", "Expires"} & set(page.headers)
    sent = re.findall(r'(?:action|hx-post)="([^"]+)"', page.content.decode().partition('id="main"')[2])
    assert f"{path}?sent" in sent
    assert path not in sent


@pytest.mark.parametrize("path", ["/sign-in/", "/sign-up/"])
def test_a_session_that_somebody_planted_is_none_after_signing_in(client, path, ada):
    client.get("/")
    session = client.session
    session["planted"] = True
    session.save()
    client.cookies["sessionid"] = planted = session.session_key

    name = "ada" if path == "/sign-in/" else "grace"
    client.post(path, {"username": name, "password": PASSWORD, "password1": PASSWORD, "password2": PASSWORD})

    assert client.session["_auth_user_id"]
    assert client.session.session_key != planted


@pytest.mark.parametrize("path", ["/sign-out/", "/new/", "/language/", "/sign-in/", "/bring-in/", "/account/delete/"])
def test_no_other_site_posts_in_somebodys_name(ada, path):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(ada)

    assert browser.post(path, {"username": "ada", "password": PASSWORD}).status_code == 403


def test_the_usual_headers_are_there(client):
    headers = client.get("/").headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"


# A cookie that somebody made up


@pytest.mark.parametrize("cookie", [r'sessionid="abcdefgh\000ij"', "sessionid=" + "a" * 41, "sessionid=ÄÖÜäöüßß"])
def test_a_session_that_is_no_key_is_none_and_breaks_nothing(client, cookie, django_assert_num_queries):
    with django_assert_num_queries(0):
        response = client.get("/sign-in/", headers={"cookie": cookie.encode().decode("latin-1")})

    assert response.status_code == 200


def test_a_session_that_was_given_out_is_one(visitor):
    assert visitor.get("/account/").status_code == 200
