"""Which language a page speaks."""

import re
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.conf.locale import LANG_INFO
from django.http import HttpResponse
from django.urls import reverse

from roadmap_project import languages
from tests.factories import make_roadmap_in_review
from tests.test_security_ownership import OURS, address, made, undone

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


@pytest.mark.parametrize(
    "path", ["/sign-up/?next=/shared/x/", "/sign-in/?next=/new/", "/account/", "/account/delete/", "/bring-in/?sent"]
)
def test_another_language_is_chosen_for_a_page_that_refused_what_was_sent(client, person, path):
    if not path.startswith("/sign"):
        client.force_login(person)

    page = client.post(path, {"username": "x"}).content.decode()

    footer = page.partition('id="languages"')[2]
    assert f'<input type="hidden" name="next" value="{path}">' in footer
    assert footer.partition(">")[0].endswith("data-is-answer")


def test_a_roadmap_that_refused_what_was_asked_for_is_the_page_in_another_language(client, person):
    roadmap = make_roadmap_in_review(owner=person)
    client.force_login(person)

    page = client.post(reverse("roadmaps:request_changes", args=[roadmap.slug]), {"text": " "}).content.decode()

    assert f'name="next" value="{roadmap.get_absolute_url()}"' in page


def test_whatever_answers_a_form_another_language_leads_to_a_page(client, person):
    """Every address by its name, so that a new page is looked at as well."""
    roadmap = made(person)
    client.force_login(person)
    refused = {"text": "x" * 30_000, "wish": "x" * 2_000, "hours_per_week": "0"}
    led_to, to_nothing = set(), {}
    for name in sorted({*OURS} - {"roadmaps:logout"}):
        with undone():
            page = client.post(address(name, roadmap), refused)
        if found := re.search(r'id="languages".*?name="next" value="([^"]*)"', page.content.decode(), re.S):
            led_to.add(name)
            status = client.get(found[1]).status_code
            if status not in (200, 302, page.status_code):
                to_nothing[name] = status

    assert to_nothing == {}
    assert led_to >= {"roadmaps:account", "roadmaps:change_plan", "content:note", "content:regenerate"}


def test_what_is_written_from_right_to_left_stands_so_on_every_page():
    """The pages say which language, and the style sheet which way it goes: the same list in both."""
    sheet = (settings.BASE_DIR / "roadmap_project/static/roadmaps/site.css").read_text()
    rule = re.search(r":is\((?P<languages>[^)]*)\) \{ direction: rtl;", sheet)
    bidi = {code for code in languages.OFFERED if LANG_INFO.get(code, {}).get("bidi")}

    assert rule
    assert re.findall(r'\[lang\|="(\w+)"\]', rule["languages"]) == list(languages.RIGHT_TO_LEFT)
    assert (
        bidi
        == {"he", "ar", "fa", "ur"}
        == {each for each in languages.OFFERED if languages.direction_of(each) == "rtl"}
    )
    assert [languages.direction_of(each) for each in ("ar-EG", "Persian", "Azerbaijani", "")] == [
        "rtl",
        "rtl",
        "ltr",
        "ltr",
    ]


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
