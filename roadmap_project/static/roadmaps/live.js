// Where a page is renewed while it is read: what is before the reader stays there, and what they opened stays open.
"use strict";

(() => {
  let before = null;

  const kept = (element) => document.getElementById(element.id);

  // The first thing in sight that has a name to find it by afterwards.
  function inSight() {
    return [...document.querySelectorAll("main [id]")].find((each) => {
      const { top, height } = each.getBoundingClientRect();
      return height > 0 && top >= 0 && top < innerHeight;
    });
  }

  document.addEventListener("htmx:beforeSwap", (event) => {
    const place = event.detail.shouldSwap && inSight();
    before = event.detail.shouldSwap && {
      open: [...document.querySelectorAll("details[id][open]")],
      scrolled: [...document.querySelectorAll(".scrolls[id]")].map((each) => [each, each.scrollLeft]),
      place,
      top: place?.getBoundingClientRect().top,
    };
  });

  document.addEventListener("htmx:afterSwap", () => {
    if (!before) return;
    for (const each of before.open) kept(each)?.setAttribute("open", "");
    for (const [each, left] of before.scrolled) kept(each)?.scrollTo({ left, behavior: "instant" });
    const now = before.place && kept(before.place);
    if (now) scrollBy({ top: now.getBoundingClientRect().top - before.top, behavior: "instant" });
    before = null;
  });
})();
