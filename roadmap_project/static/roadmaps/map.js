// Who goes through the picture by keyboard sees where they are: browsers do not scroll to what is drawn.
"use strict";

document.addEventListener("focusin", ({ target }) => {
  if (target.closest(".scrolls svg")) target.scrollIntoView({ block: "nearest", inline: "nearest" });
});
