"""Which language a page speaks."""

from urllib.parse import urlencode

import pytest
from django.http import HttpResponse

from roadmap_project import languages

pytestmark = pytest.mark.django_db


def lang(response):
    return response.content.decode().partition('<html lang="')[2].partition('"')[0]


def test_a_page_speaks_what_the_browser_asks_for(client):
    assert lang(client.get("/", headers={"Accept-Language": "zh-CN,zh;q=0.9"})) == "zh-hans"
    assert lang(client.get("/", headers={"Accept-Language": "tlh"})) == "en"


def test_a_choice_is_kept_and_beats_the_browser(client):
    answer = client.post("/language/", {"language": "zh-hans", "next": "/sign-in/"})

    assert answer.headers["Location"] == "/sign-in/"
    assert lang(client.get("/", headers={"Accept-Language": "en"})) == "zh-hans"


@pytest.mark.parametrize("sent", [{"goal": "x" * 3_000_000}, {str(number): "" for number in range(1001)}])
def test_a_request_that_is_refused_as_a_whole_is_answered_by_a_page_in_the_readers_language(client, person, sent):
    client.force_login(person)

    answer = client.post(
        "/new/", urlencode(sent), "application/x-www-form-urlencoded", headers={"Accept-Language": "zh"}
    )

    assert (answer.status_code, lang(answer)) == (400, "zh-hans")
    assert "无法理解这个请求" in answer.content.decode()


def test_a_choice_by_an_address_alone_changes_nothing(client):
    assert client.get("/language/?language=zh-hans").status_code == 405


def test_the_choice_leads_to_no_other_site(client):
    answer = client.post("/language/", {"language": "zh-hans", "next": "https://evil.example/"})

    assert answer.headers["Location"] == "/"


def test_the_admin_speaks_english_whatever_the_reader_chose(admin_client):
    admin_client.cookies["django_language"] = "zh-hans"

    assert lang(admin_client.get("/admin/")) == "en"


def test_a_remembered_language_is_the_choice(client):
    response = HttpResponse()
    languages.remember(response, "zh-hans")
    client.cookies.update(response.cookies)

    assert lang(client.get("/")) == "zh-hans"
