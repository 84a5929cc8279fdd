// Beside the notes stands what became of the words in the field, not of some that were sent before. Nothing typed is lost.
"use strict";

(() => {
  const LONGEST_WAIT = 5_000; // milliseconds
  const UNSETTLED = "note"; // in this tab's memory: what a page that went away had not seen kept
  const PARTS = ["text", "page", "since"];
  const form = document.querySelector("#note form");
  const field = form.elements.text;
  const said = form.dataset;
  let kept = field.value; // what the server has
  let leaving = null; // what is on its way while the page goes
  let isTyped = false;
  let isFailed = false;

  const isOpen = () => isTyped && field.value !== kept;

  function say(words, className = "") {
    const state = document.getElementById("note-state");
    if (state.textContent !== words) {
      const line = Object.assign(document.createElement("span"), { textContent: words, className });
      state.replaceChildren(line);
    }
  }

  // After an answer: the words that it is about, and whether they were kept.
  function settle(text, isKept) {
    isFailed = !isKept;
    if (isKept) kept = text;
    if (isKept && isOpen()) say(said.open);
  }

  function fail() {
    isFailed = true;
    say(said.failed, "reason");
  }

  // What an answer says became of them; none where something in between answers with a page of its own.
  const stateIn = (answer) => new DOMParser().parseFromString(answer, "text/html").getElementById("note-state");

  const isContested = () => "contested" in document.getElementById("note-state").dataset; // it shows another text
  const isKept = () => "kept" in document.getElementById("note-state").dataset;
  const sendAgain = () => isOpen() && form.requestSubmit();

  form.addEventListener("input", () => {
    isTyped = true;
    if (isOpen() && !isContested()) say(said.open);
  });
  form.addEventListener("htmx:beforeSwap", (event) => {
    if (!stateIn(event.detail.serverResponse)) Object.assign(event.detail, { isError: true, shouldSwap: false });
  });
  form.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.successful) settle(event.detail.requestConfig.parameters.text.replaceAll("\r\n", "\n"), isKept());
  });
  for (const each of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
    form.addEventListener(each, (event) => {
      event.stopPropagation(); // it is said here
      fail();
    });
  }
  addEventListener("online", sendAgain);

  // Whoever leaves within the delay has it kept all the same: such a request outlives the page.
  function flush(isLast) {
    const text = field.value;
    if (!isOpen()) return Promise.resolve();
    if (leaving?.text !== text || (isLast && !leaving.isLast)) {
      const sent = { text, isLast, done: send(text, isLast).finally(() => leaving === sent && (leaving = null)) };
      leaving = sent;
    }
    return leaving.done;
  }

  async function send(text, isLast) {
    const body = new FormData(form);
    if (isLast) body.set("is_last", "");
    body.set("csrfmiddlewaretoken", tokenNow(body.get("csrfmiddlewaretoken"))); // of trouble.js, on every page
    try {
      const answer = await fetch(form.action, {
        method: "POST",
        body,
        headers: { "HX-Request": "true" },
        keepalive: true,
      });
      const state = answer.ok && stateIn(await answer.text());
      if (!state) return fail();
      document.getElementById("note-state").replaceWith(state);
      settle(text, isKept());
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // a TypeError is how fetch tells that nothing got through
      fail();
    }
  }
  addEventListener("pagehide", () => {
    if (isOpen()) sessionStorage.setItem(UNSETTLED, JSON.stringify(asItStands()));
    else sessionStorage.removeItem(UNSETTLED);
    flush(true);
  });

  // Loaded again, the page may come as it was before these words: it goes on with them as the page that they are of.
  const asItStands = () => ({ action: form.action, ...Object.fromEntries(PARTS.map((name) => [name, form.elements[name].value])) });
  const before = JSON.parse(sessionStorage.getItem(UNSETTLED));
  sessionStorage.removeItem(UNSETTLED);
  const isReloaded = performance.getEntriesByType("navigation")[0].type === "reload";
  const isThere = `\n\n${field.value}`.endsWith(`\n\n${before?.text}`); // alone, or below what was written elsewhere
  if (isReloaded && before?.action === form.action && !isThere) {
    for (const name of PARTS) form.elements[name].value = before[name];
    isTyped = true;
    say(said.open);
    addEventListener("load", sendAgain);
  }

  // A form that leads back to this page would come without the words, and after signing out they are refused: it waits.
  let isWaiting = false;
  let mayGo = false;
  document.addEventListener("submit", async (event) => {
    if (event.defaultPrevented || mayGo || !isOpen()) return; // htmx stays on the page
    event.preventDefault();
    if (isWaiting) return;
    isWaiting = true;
    try {
      await Promise.race([flush(true), new Promise((resolve) => setTimeout(resolve, LONGEST_WAIT))]);
    } finally {
      isWaiting = false;
    }
    mayGo = true;
    event.target.requestSubmit(event.submitter);
    mayGo = false;
  });
  document.addEventListener("visibilitychange", () => (document.visibilityState === "hidden" ? flush() : sendAgain()));
  addEventListener("beforeunload", (event) => {
    if (isOpen() && isFailed) event.preventDefault(); // nothing would get through: the browser asks first
  });

  // A page that is loaded again because one is signed out would take the words with it.
  document.addEventListener("htmx:beforeOnLoad", (event) => {
    if (isOpen() && event.detail.xhr.getResponseHeader("HX-Refresh")) event.preventDefault();
  });
})();
