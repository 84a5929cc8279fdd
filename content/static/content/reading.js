// Beside a text: buttons that copy code, and diagrams drawn in a frame of their own. Without it everything can be read.
"use strict";

(() => {
  const LONGEST_DRAWING = 10_000; // milliseconds

  const element = (name, properties, ...children) => {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
  };

  function addCopyButton(pre, words) {
    const said = element("span", { className: "for-screen-readers", role: "status" });
    const button = element("button", { type: "button", className: "copy", textContent: words.copy });
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(pre.textContent);
      button.textContent = said.textContent = words.copied;
      setTimeout(() => {
        button.textContent = words.copy;
        said.textContent = "";
      }, 2000);
    });
    const block = element("div", { className: "code-block" });
    pre.replaceWith(block);
    block.append(pre, button, said);
  }

  // What is wider than the page can be scrolled by keyboard.
  function letScroll(pre, ariaLabel) {
    if (pre.scrollWidth > pre.clientWidth) {
      Object.assign(pre, { tabIndex: 0, role: "region", ariaLabel });
    }
  }

  function addDiagram(pre, words, number) {
    const frame = element("iframe", { title: `${words.diagram} ${number}`, loading: "lazy", height: 1, src: words.frame });
    frame.sandbox.add("allow-scripts");
    const figure = element("figure", { className: "diagram" });
    pre.replaceWith(figure);
    figure.append(frame, pre);
    const source = `${words.source} ${number}`;
    letScroll(pre, source);
    let settle;
    const diagram = {
      frame,
      settled: new Promise((resolve) => (settle = resolve)),
      ready: () => frame.contentWindow.postMessage({ source: pre.textContent }, "*"),
      drawn: ({ height }) => {
        frame.height = Math.ceil(height);
        if (!figure.querySelector("details")) {
          const details = element("details", {}, element("summary", { textContent: words.source }), pre);
          details.addEventListener("toggle", () => letScroll(pre, source));
          figure.append(details);
        }
        figure.classList.add("drawn");
        settle();
      },
      broken: () => {
        frame.remove();
        figure.prepend(element("p", { className: "hint", textContent: words.broken }));
        settle();
      },
    };
    return diagram;
  }

  const diagrams = [];
  addEventListener("message", (event) => {
    const found = diagrams.find((each) => each.frame.contentWindow === event.source);
    if (found && ["ready", "drawn", "broken"].includes(event.data.state)) {
      found[event.data.state](event.data);
    }
  });

  // Nobody has scrolled to what is printed: it is drawn now. A print from a menu does not wait, and shows its text.
  const drawAll = () => diagrams.forEach((each) => (each.frame.loading = "eager"));
  addEventListener("beforeprint", drawAll);

  async function printDrawn() {
    drawAll();
    const drawn = Promise.all(diagrams.map((each) => each.settled));
    await Promise.race([drawn, new Promise((resolve) => setTimeout(resolve, LONGEST_DRAWING))]);
    print();
  }

  addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey && event.key === "p" && diagrams.length) {
      event.preventDefault();
      printDrawn();
    }
  });
  const printButton = document.getElementById("print");
  if (printButton) {
    printButton.hidden = false;
    printButton.addEventListener("click", printDrawn);
  }

  for (const article of document.querySelectorAll("article.prose")) {
    const words = article.dataset;
    for (const pre of article.querySelectorAll("pre.mermaid")) {
      diagrams.push(addDiagram(pre, words, diagrams.length + 1));
    }
    for (const [place, pre] of article.querySelectorAll("pre:not(.mermaid)").entries()) {
      letScroll(pre, `${words.code} ${place + 1}`);
      if (navigator.clipboard) {
        addCopyButton(pre, words);
      }
    }
  }
})();
