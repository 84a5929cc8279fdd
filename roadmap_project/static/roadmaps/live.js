// Where a page is renewed while it is read: what is before the reader stays there, what they opened stays open,
// and the focus stays where it was.
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

  // What has no name is known by where it leads, or what it sends, among its like.
  const sign = (element) => [element.getAttribute("href"), element.name, element.value, element.form?.action].join(" ");
  const likes = (element) =>
    [...document.querySelectorAll(`main ${element.localName}`)].filter((each) => sign(each) === sign(element));

  function focusAgain(element, place) {
    if (element.isConnected || document.activeElement !== document.body) return;
    const now = element.id ? kept(element) : (likes(element)[place] ?? likes(element)[0]);
    now?.focus({ preventScroll: true });
  }

  document.addEventListener("htmx:beforeSwap", (event) => {
    const place = event.detail.shouldSwap && inSight();
    const focused = document.activeElement ?? document.body;
    before = event.detail.shouldSwap && {
      open: [...document.querySelectorAll("details[id][open]")],
      scrolled: [...document.querySelectorAll(".scrolls[id]")].map((each) => [each, each.scrollLeft]),
      focused,
      among: likes(focused).indexOf(focused),
      place,
      top: place?.getBoundingClientRect().top,
    };
  });

  document.addEventListener("htmx:afterSwap", () => {
    if (!before) return;
    for (const each of before.open) kept(each)?.setAttribute("open", "");
    for (const [each, left] of before.scrolled) kept(each)?.scrollTo({ left, behavior: "instant" });
    focusAgain(before.focused, before.among);
    const now = before.place && kept(before.place);
    if (now) scrollBy({ top: now.getBoundingClientRect().top - before.top, behavior: "instant" });
    before = null;
  });
})();
