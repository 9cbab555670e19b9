/** Measure: the button that has the objects measured. What shows the measures is loaded when first used. */

import { byId } from "./dom.js";
import { on, visit } from "./visit.js";

const button = byId("measure");
const problem = byId("measure-problem");
let state = "closed"; // then opening, and open or failed

button.addEventListener("click", open);
on("current pictures", () => {
  // Objects are still filtered by their measures after a reload.
  if (state === "closed" && visit.pictures.some(({ limits }) => limits)) open();
  else enable();
});

function enable() {
  const { current } = visit;
  button.disabled = current?.state !== "done" || state === "opening";
  button.parentElement.hidden = state === "open" || current?.kind === "class"; // a class is not an object
}

async function open() {
  state = "opening";
  enable();
  try {
    const { openMeasures } = await import("./plots/panel.js");
    state = "open";
    problem.hidden = true;
    openMeasures(() => {
      state = "closed";
      enable();
      button.focus();
    });
  } catch {
    state = "failed";
    problem.textContent = "The measures could not be loaded. Try again when the service answers.";
    problem.hidden = false;
  }
  enable();
}
