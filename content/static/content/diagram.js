// In the sandboxed frame: draws the text that the page around it sends, and tells it the height.
"use strict";

(() => {
  const drawing = document.getElementById("drawing");
  const say = (message) => parent.postMessage(message, "*");
  const dark = matchMedia("(prefers-color-scheme: dark)");

  const colours = () =>
    dark.matches
      ? { darkMode: true, background: "#14191b", primaryColor: "#20383a", primaryTextColor: "#e5e8e6", primaryBorderColor: "#79cbc8", lineColor: "#a5afb1", secondaryColor: "#33291a", tertiaryColor: "#20282b", edgeLabelBackground: "#14191b" }
      : { background: "#fbfaf7", primaryColor: "#e3f0ef", primaryTextColor: "#1d2528", primaryBorderColor: "#12656b", lineColor: "#566167", secondaryColor: "#fdf1da", tertiaryColor: "#f1efe9", edgeLabelBackground: "#fbfaf7" };

  function measure() {
    const svg = drawing.querySelector("svg");
    if (svg) {
      const natural = svg.viewBox.baseVal.width;
      svg.style.setProperty("--natural", `${Math.round(natural)}px`);
      const scrollbar = innerHeight - document.documentElement.clientHeight;
      say({ state: "drawn", height: drawing.getBoundingClientRect().height + scrollbar });
    }
  }

  async function draw(source) {
    mermaid.initialize({
      startOnLoad: false,
      securityLevel: "strict",
      suppressErrorRendering: true,
      theme: "base",
      themeVariables: { fontFamily: "system-ui, sans-serif", fontSize: "15px", ...colours() },
    });
    try {
      drawing.innerHTML = (await mermaid.render("diagram", source)).svg;
    } catch (error) {
      say({ state: "broken", reason: String(error) });
      return;
    }
    measure();
    new ResizeObserver(measure).observe(drawing);
  }

  addEventListener("message", (event) => {
    if (event.source === parent && typeof event.data.source === "string") {
      dark.addEventListener("change", () => draw(event.data.source));
      draw(event.data.source);
    }
  });
  say({ state: "ready" });
})();
