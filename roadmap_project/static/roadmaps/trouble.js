// A request of htmx that fails is said on one line, until one gets through. What was typed stays where it is.
"use strict";

// Signing in in another tab renews the token that forms are sent with: the cookie has the one that counts.
// Every script that sends a form by itself asks here.
function tokenNow(formsOwn) {
  return document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1] ?? formsOwn;
}

(() => {
  const lines = () => document.querySelectorAll("#trouble [data-when]");

  function say(what) {
    for (const each of lines()) each.hidden = each.dataset.when !== what;
  }

  const reason = (status) => (status === 401 ? "signed-out" : status < 500 && status !== 429 ? "outdated" : "refused");

  document.addEventListener("htmx:sendError", () => say("unreachable"));
  document.addEventListener("htmx:timeout", () => say("unreachable"));
  document.addEventListener("htmx:responseError", (event) => say(reason(event.detail.xhr.status)));
  document.addEventListener("htmx:afterRequest", (event) => event.detail.successful && say(null));
  document.addEventListener("htmx:beforeSend", (event) => event.detail.requestConfig.verb === "post" && say(null));

  document.addEventListener("htmx:configRequest", ({ detail }) => {
    const { parameters } = detail;
    if (parameters.csrfmiddlewaretoken) parameters.csrfmiddlewaretoken = tokenNow(parameters.csrfmiddlewaretoken);
  });
})();
