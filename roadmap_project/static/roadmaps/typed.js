// Another language loads the page again: what was typed into its forms is there afterwards. Never a password or a file.
"use strict";

(() => {
  const KEPT = "typed"; // for this tab, until the next page has looked
  const LEFT_OUT = ["hidden", "password", "file", "submit"];

  // Notes are left out as well: they are kept by themselves. What they leave to their own page no other one needs.
  if (!document.getElementById("note")) sessionStorage.removeItem("note");
  const fields = () =>
    [...document.querySelectorAll("main form:not(#note form)")]
      .flatMap((form) => [...form.elements])
      .filter((field) => field.name && !LEFT_OUT.includes(field.type));

  const isTicked = (field) => ["checkbox", "radio"].includes(field.type);

  const valueOf = (field) => (isTicked(field) ? field.checked : field.value);

  // The same on the page in the other language, unless that is of a later version: what changed there meanwhile would be
  // undone by old words under its number.
  const nameOf = (field) =>
    [field.form.getAttribute("action"), versionOf(field.form.elements), field.name, isTicked(field) ? field.value : ""].join(" ");
  const versionOf = ({ seen_version, version }) => (seen_version ?? version)?.value;

  const languages = document.querySelector("#languages");
  // A form that was fetched into the page says which page has it. It may have come with what was refused of it, as all
  // of a page may that answers a form: then nothing says what was typed and what was there.
  const FETCHED = "main form[data-page]";

  function isTyped(field) {
    if ("isAnswer" in languages.dataset || field.form.matches(FETCHED)) return true;
    if (field.options) return [...field.options].some((each) => each.selected !== each.defaultSelected);
    return isTicked(field) ? field.checked !== field.defaultChecked : field.value !== field.defaultValue;
  }

  languages.addEventListener("submit", () => {
    const fetched = document.querySelector(FETCHED);
    if (fetched) languages.elements.next.value = fetched.dataset.page;
    const { pathname } = new URL(languages.elements.next.value, location.href);
    const typed = fields().filter(isTyped);
    const values = typed.map((field) => [nameOf(field), valueOf(field)]);
    sessionStorage.setItem(KEPT, JSON.stringify({ path: pathname, values }));
  });

  const { path, values } = JSON.parse(sessionStorage.getItem(KEPT)) ?? {};
  sessionStorage.removeItem(KEPT);
  if (path !== location.pathname) return;
  const typed = new Map(values);

  // Each word once: what a person types afterwards stands.
  function fillIn() {
    const found = fields().filter((field) => typed.has(nameOf(field)));
    for (const field of found) {
      const value = typed.get(nameOf(field));
      if (value === valueOf(field)) continue;
      if (isTicked(field)) field.checked = value;
      else field.value = value;
      const around = field.closest("details");
      if (around) around.open = true;
    }
    for (const field of found) typed.delete(nameOf(field));
  }
  fillIn();
  document.addEventListener("htmx:load", fillIn); // of a form that the page fetches by itself
})();
