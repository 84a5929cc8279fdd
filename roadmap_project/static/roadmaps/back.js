// Going back may bring a page as the browser kept it, without asking anybody: of somebody who signed out since, too.
// It is hidden until the server says that it is still theirs to read; else it is asked for anew.
"use strict";

addEventListener("pageshow", async (event) => {
  if (!event.persisted) return;
  const page = document.documentElement;
  page.hidden = true;
  try {
    const answer = await fetch(location.href, { method: "HEAD", redirect: "manual", cache: "no-store" });
    if (!answer.ok) return location.reload();
  } catch {
    // Nobody can be asked: the page stays, and with it what was typed into it.
  }
  page.hidden = false;
});
