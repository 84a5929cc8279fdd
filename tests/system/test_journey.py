"""A person's way through the pages, in a real browser, in front of the real processes."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser import SIZES, fits

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]


def answer_every_question(page: Page, *, check: str, proceed: str, end: str) -> None:
    """One after the other, by the words on the buttons; each is explained at once."""
    while page.get_by_role("link", name=end).count() == 0:
        page.locator("fieldset input").first.check()
        page.get_by_role("button", name=check).click()
        expect(page.locator(".marked")).to_be_visible()
        if page.get_by_role("button", name=proceed).count():
            page.get_by_role("button", name=proceed).click()
            expect(page.locator(".marked")).to_have_count(0)
    page.get_by_role("link", name=end).click()


def test_from_a_goal_to_an_answered_quiz(fleet, model, page):
    page.set_viewport_size(SIZES["desktop"])
    model.control("faults", [{"purpose": "quiz", "fault": "unauthorized", "times": 1}])
    fleet.start()

    page.goto(fleet.url)
    page.get_by_role("link", name=re.compile("sign up", re.IGNORECASE)).first.click()
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password", exact=True).fill("correct horse battery")
    page.get_by_label(re.compile("password confirmation", re.IGNORECASE)).fill("correct horse battery")
    page.get_by_role("button", name="Sign up").click()

    page.get_by_label("What do you want to learn?").fill("Learn to test <script>alert(1)</script> software")
    assert fits(page)
    page.get_by_role("button", name="Design my roadmap").click()

    approve = page.get_by_role("button", name=re.compile("Approve"))
    expect(approve).to_be_visible(timeout=30_000)  # it comes by itself: the page looks again while it is designed
    expect(page.get_by_text("Waiting for your review").first).to_be_visible()
    assert fits(page)
    page.get_by_role("button", name="Ask for changes").click()
    expect(page.get_by_text("Say in a few words what should change.")).to_be_visible()

    page.get_by_role("button", name=re.compile("Approve")).click()
    first = page.locator("a[id='c-1-1-1']")
    expect(first).to_be_visible(timeout=30_000)  # readable while others are still being written
    first.click()
    expect(page.locator("article.prose h2").first).to_be_visible()
    assert fits(page)
    page.go_back()
    expect(page.get_by_text("Partly ready").first).to_be_visible(timeout=60_000)
    assert "401" in page.content()  # the reason is on the page

    page.get_by_role("button", name=re.compile("again|retry|take it up", re.IGNORECASE)).first.click()
    expect(page.get_by_text("Ready", exact=True).first).to_be_visible(timeout=30_000)
    page.locator("a[id='c-1-1-1']").click()
    page.get_by_role("link", name="Take the quiz").click()
    expect(page.get_by_text(re.compile(r"Question 1 of \d+"))).to_be_visible()
    assert "explanation" not in page.content().lower()
    assert fits(page)
    answer_every_question(page, check="Check my answer", proceed="Next question", end="See how it went")
    expect(page.get_by_role("heading", name=re.compile(r"\d+ of \d+ right"))).to_be_visible()
    assert fits(page)


def test_from_a_goal_to_an_answered_quiz_in_chinese(fleet, model, page):
    fleet.start()
    page.set_extra_http_headers({"Accept-Language": "zh-CN,zh;q=0.9"})

    page.goto(fleet.url)
    page.get_by_role("link", name="注册").first.click()
    page.get_by_label("用户名").fill("ada")
    page.get_by_label("密码", exact=True).fill("correct horse battery")
    page.get_by_label("密码确认").fill("correct horse battery")
    page.get_by_role("button", name="注册").click()

    page.get_by_label("你想学什么？").fill("学会测试软件")
    expect(page.get_by_role("combobox", name="语言", exact=True)).to_have_value("zh")
    assert fits(page)
    page.get_by_role("button", name="设计我的学习路线图").click()
    approve = page.get_by_role("button", name="批准并开始编写")
    expect(approve).to_be_visible(timeout=30_000)
    assert fits(page)
    approve.click()
    expect(page.locator("a[id='c-1-1-1']")).to_be_visible(timeout=30_000)
    expect(page.get_by_text("已就绪", exact=True).first).to_be_visible(timeout=60_000)
    assert fits(page)
    page.locator("a[id='c-1-1-1']").click()
    expect(page.locator("article.prose[lang='zh']")).to_be_visible()
    assert fits(page)
    page.get_by_role("link", name="开始测验").click()
    expect(page.get_by_text(re.compile(r"第 1 题，共 \d+ 题"))).to_be_visible()
    answer_every_question(page, check="提交答案", proceed="下一题", end="查看结果")
    expect(page.get_by_role("heading", name=re.compile("^答对"))).to_be_visible()
    assert fits(page)
