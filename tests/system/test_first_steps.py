"""A newcomer without a manual and without a model's key: from the start page to the first answered quiz."""

import re

import pytest
from django.utils import translation
from django.utils.translation import gettext, pgettext
from playwright.sync_api import Page, expect

from tests.browser import fits
from tests.system.test_journey import answer_every_question

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]


def other_hours_then_deleted_and_taken_back(page: Page, site: str) -> None:
    page.goto(site)
    page.locator(".roadmaps h2 a").click()
    page.get_by_role("link", name=gettext("Change hours or date")).click()
    page.locator("#id_hours_per_week").fill("20")
    page.locator("#plan button").click()
    expect(page.get_by_text(gettext("Changed. The weeks and the day when you are done follow."))).to_be_visible()
    assert fits(page)
    expect(page.get_by_text(gettext("%(hours)s hours a week") % {"hours": 20}).first).to_be_visible()
    at = page.url.partition("#")[0]
    page.locator("summary", has_text=gettext("Delete this roadmap")).click()
    page.get_by_role("button", name=gettext("Delete"), exact=True).click()
    expect(page.get_by_role("heading", name=gettext("Recently deleted"))).to_be_visible()
    assert fits(page)
    page.locator(".deleted button").click()
    is_back = gettext("“%(name)s” is back.").partition("%(name)s")[2]
    expect(page.locator(".messages")).to_contain_text(is_back)
    assert page.url == at


@pytest.mark.parametrize(
    ("language", "goal"),
    [
        ("en", "Learn SQL for data analysis"),
        ("zh-hans", "学习 SQL 数据分析"),
        ("en", "Keep bees in a city"),  # no subject of the library
    ],
)
def test_from_the_start_page_to_the_first_answered_quiz(fleet, page, language, goal):
    fleet.environment["LLM_PROVIDER"] = "library"
    fleet.start()
    page.set_extra_http_headers({"Accept-Language": language})
    with translation.override(language):
        page.goto(fleet.url)
        page.get_by_role("link", name=gettext("Sign up")).last.click()
        page.locator("#id_username").fill("ada")
        page.locator("#id_password1").fill("correct horse battery")
        page.locator("#id_password2").fill("correct horse battery")
        page.get_by_role("button", name=gettext("Sign up")).click()

        goals = page.get_by_label(gettext("What do you want to learn?"))
        if "SQL" in goal:  # away and back, the script having kept what was typed
            with page.expect_response(lambda each: each.status == 204):
                goals.fill(goal)
            page.get_by_role("link", name=gettext("Account")).click()
            page.get_by_role("link", name=pgettext("roadmap", "New"), exact=True).click()
            expect(goals).to_have_value(goal)
        goals.fill(goal)
        expect(page.get_by_text(gettext("the bundled library calls no model"))).to_be_visible()
        page.get_by_role("button", name=gettext("Design my roadmap")).click()
        page.get_by_role("button", name=gettext("Approve and start writing")).click(timeout=60_000)
        begin = page.locator("#next-title a")  # the page says where to begin
        expect(begin).to_be_visible(timeout=60_000)
        assert fits(page)
        begin.click()
        expect(page.locator("article.prose[lang=en] h2").first).to_be_visible()
        english = page.get_by_text(gettext("What is written here is in %(name)s.") % {"name": gettext("English")})
        expect(english).to_have_count(0 if language == "en" else 1)
        assert fits(page)
        quiz = page.get_by_role("link", name=gettext("Take the quiz"))
        expect(quiz).to_be_visible(timeout=60_000)
        quiz.click()
        expect(page.locator("#quiz-place")).to_be_visible()  # one question after the other
        words = {"check": "Check my answer", "proceed": "Next question", "end": "See how it went"}
        answer_every_question(page, **{name: gettext(each) for name, each in words.items()})
        expect(page.get_by_role("heading", name=re.compile(r"\d+.*\d+"))).to_be_visible()
        assert fits(page)
        if "SQL" in goal:  # the first option of each question is not always right
            page.goto(fleet.url)
            page.locator(".roadmaps h2 a").click()
            expect(page.get_by_role("heading", name=gettext("What does not stick yet"))).to_be_visible()
            assert fits(page)
            page.locator("#practise").click()
            page.locator("fieldset input").last.check()
            page.get_by_role("button", name=gettext("Check my answer")).click()
            expect(page.locator("#quiz-step .explanation")).to_have_count(1)
            page.get_by_role("button", name=gettext("Next question")).click()
            expect(page.locator("fieldset")).to_have_count(1)
            assert fits(page)
            other_hours_then_deleted_and_taken_back(page, fleet.url)
        page.goto("about:blank")
