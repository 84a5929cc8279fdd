"""A tutorial with diagrams, and a quiz question by question, in a real browser; with script and without."""

import pytest
from playwright.sync_api import expect

from content.models import QuizAttempt
from roadmaps import learning
from roadmaps.models import Roadmap
from tests.browser import fits, sign_in, violations
from tests.factories import make_quiz, make_resources, make_tutorial, make_user, make_written_roadmap

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]

FAR_DOWN = "\n\n".join(["Read on."] * 400)
TUTORIAL = f"""
## Overview

```python
print("hello")
```

## A picture
{FAR_DOWN}

```mermaid
flowchart LR
  A[Begin] --> B[End]
  B --> C[Look at each row] --> D[Keep what is wanted] --> E[Put it in order] --> F[Hand it over] --> G[Clean up]
```

## A broken one

```mermaid
flowchart LR
  A --> --> [
```
"""
IN_THE_FRAME = """
async () => {
    const tried = (work) => work.then(() => "let through", () => "refused");
    const page = async () => parent.document.title;
    return [origin, await tried(page()), await tried(fetch(location.href))];
}
"""

IN_SIGHT = """
(each) => {
    const [inner, outer] = [each, each.closest(".scrolls")].map((one) => one.getBoundingClientRect());
    return inner.left >= outer.left && inner.right <= outer.right && inner.top >= 0 && inner.bottom <= innerHeight;
}
"""

IS_WHOLE = (
    "(each) => each.getBoundingClientRect().right <= innerWidth && each.getBoundingClientRect().bottom <= innerHeight"
)
STYLE = "(each, [part, name]) => getComputedStyle(each, part)[name]"


def test_a_tutorial_is_read_and_its_quiz_taken_question_by_question(fleet, page):
    owner = make_user(username="ada")
    roadmap = make_written_roadmap(owner=owner, concepts=2)
    concept = roadmap.concepts.first()
    make_tutorial(concept=concept, markdown=TUTORIAL)
    make_resources(concept=concept)
    make_quiz(concept=concept)
    fleet.start("web")
    sign_in(page, fleet.url, owner)
    loaded: list[str] = []
    page.on("request", lambda each: loaded.append(each.url))
    address = f"{fleet.url}{roadmap.get_absolute_url()}c-1-1-1/"

    page.goto(address, wait_until="networkidle")
    assert not any("mermaid" in each or "diagram" in each for each in loaded)  # before one scrolls there
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy").first.click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == 'print("hello")\n'

    page.get_by_role("navigation", name="Contents").get_by_role("link", name="A broken one").click()
    drawing = page.frame_locator("iframe[title='Diagram 1']").locator("svg")
    expect(drawing).to_be_visible(timeout=30_000)
    expect(drawing).to_contain_text("Begin")
    assert page.locator("iframe").bounding_box()["height"] > 30
    expect(page.get_by_text("This diagram could not be drawn")).to_be_visible(timeout=30_000)
    expect(page.get_by_text("A --> --> [")).to_be_visible()
    expect(page.get_by_text("A[Begin] --> B[End]")).to_be_hidden()
    page.get_by_text("The diagram as text").click()
    expect(page.get_by_text("A[Begin] --> B[End]")).to_be_visible()
    assert page.frames[-1].evaluate(IN_THE_FRAME) == ["null", "refused", "refused"]
    assert violations(page) == []
    assert fits(page)

    page.get_by_role("link", name="Take the quiz").click()
    for count, choice in enumerate(("Green", "One", "True"), start=1):
        expect(page.get_by_text(f"Question {count} of 3")).to_be_visible()
        assert "explained" not in page.locator("#quiz-step").inner_html()
        page.get_by_label(choice, exact=True).check()
        page.get_by_role("button", name="Check my answer").click()
        expect(page.locator("#quiz-step .explanation")).to_have_count(1)
        assert violations(page) == []
        if count == 1:
            page.get_by_role("button", name="简体中文").click()
            expect(page.get_by_text("第 2 题，共 3 题")).to_be_visible()
            page.get_by_label("One", exact=True).check()
            page.get_by_role("button", name="English").click()
            expect(page.get_by_text("Question 2 of 3")).to_be_visible()
            expect(page.get_by_label("One", exact=True)).to_be_checked()  # and what was chosen is still there
            page.get_by_text("What you have answered").press("Enter")
            expect(page.locator(".explanation")).to_have_count(1)
            assert violations(page) == []
            page.get_by_text("What you have answered").press("Enter")
        elif count < 3:
            page.get_by_role("button", name="Next question").press("Enter")
    page.get_by_role("button", name="简体中文").click()
    expect(page.get_by_role("heading", name="答对 1 / 3 题")).to_be_visible()  # it does not begin anew
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", name="1 of 3 right")).to_be_visible()
    assert QuizAttempt.objects.get().answers == {"0": [1], "1": [0], "2": [0]}
    page.get_by_role("link", name="Practise what you missed").click()
    expect(page.get_by_text("Question 1 of 2")).to_be_visible()

    page.goto(address)
    page.evaluate("print = () => { window.printed = document.querySelectorAll('figure.drawn').length }")
    page.keyboard.press("Control+p")  # the diagrams are drawn first, though nobody scrolled to them
    page.wait_for_function("() => window.printed === 1")
    page.emulate_media(media="print")
    for left_out in ("#quiz", "#note", "#print", "header.site", ".contents"):
        expect(page.locator(left_out)).to_be_hidden()
    assert page.locator("#resources > [role=status]").evaluate(STYLE, ["", "break-after"]) == "avoid"
    page.set_viewport_size({"width": 640, "height": 900})  # as wide as paper
    assert drawing.evaluate(IS_WHOLE)
    page.emulate_media(media="screen")
    assert not drawing.evaluate(IS_WHOLE)  # it would be too small to read, and can be scrolled

    without_script = page.context.browser.new_context(
        java_script_enabled=False, storage_state=page.context.storage_state()
    ).new_page()
    without_script.goto(address)
    expect(without_script.get_by_text("A[Begin] --> B[End]")).to_be_visible()
    expect(without_script.get_by_role("button", name="Print")).to_have_count(0)  # it would do nothing
    without_script.get_by_role("link", name="Take it again").click()
    expect(without_script.locator("fieldset")).to_have_count(3)


def test_what_one_looks_at_stays_in_its_place_while_the_page_is_renewed(fleet, page):
    owner = make_user()
    roadmap = make_written_roadmap(owner=owner, state=Roadmap.State.WRITING, steps="running", stages=3, modules=2)
    first = roadmap.concepts.first()
    fleet.start("web")
    sign_in(page, fleet.url, owner)
    page.goto(f"{fleet.url}{roadmap.get_absolute_url()}?plan")
    page.get_by_role("button", name="Save").click()
    said = page.locator(".messages")
    expect(said).to_have_count(1)
    for box in page.locator("svg a.box").all():
        box.focus()
        assert box.evaluate(IN_SIGHT), "who goes through the picture by keyboard sees where they are"
    page.get_by_text("The same as a list").click()
    page.locator("#map-scrolls").evaluate("(each) => each.scrollTo(150, 0)")
    read = page.locator("#at-c-2-2-2")
    read.evaluate("(each) => each.scrollIntoView({ block: 'center' })")
    place = read.bounding_box()["y"]

    page.emulate_media(media="print")  # without grounds, by which what is written and what is not are told apart
    for name in (".state", ".chip > *", ".route > li"):
        assert page.locator(name).first.evaluate(STYLE, ["::before", "print-color-adjust"]) == "exact"
    assert page.locator("progress").first.evaluate(STYLE, ["", "print-color-adjust"]) == "exact"
    assert page.locator("#map svg").evaluate(STYLE, ["", "max-height"]).startswith("812.")  # of 1123, an A4 sheet
    page.emulate_media(media="screen")

    focused = page.locator("#live .over a").first  # without a name to find it by
    focused.evaluate("(each) => each.focus({ preventScroll: true })")

    learning.mark(first, user=owner, is_learned=True)  # its box in the picture changes
    first.steps.update(state="failed", last_error="HTTP 500: it broke")  # a section more, above
    expect(page.get_by_role("heading", name="What could not be written")).to_have_count(1)
    expect(said).to_have_count(1)
    Roadmap.objects.filter(pk=roadmap.pk).update(state=Roadmap.State.PARTLY_READY)
    expect(said).to_have_count(0)  # what was said while it was written

    expect(focused).to_be_focused()
    assert read.bounding_box()["y"] == pytest.approx(place, abs=2)
    assert page.locator("#map-list").get_attribute("open") is not None
    assert page.locator("#map-scrolls").evaluate("(each) => each.scrollLeft") == 150
    expect(page.locator("#map .box-learned")).to_have_count(2)  # in the picture, and what it means
