/** Measure: the button that has the objects measured. What shows the measures is loaded when first used. */

import { byId } from "./dom.js";
import { on, visit } from "./visit.js";

const button = byId("measure");
const problem = byId("measure-problem");
let state = "closed"; // then opening, then open or failed

button.addEventListener("click", open);
on("current pictures", () => {
  // Measures of an earlier visit are shown, and filtered by, without another click.
  if (state === "closed" && visit.pictures.some(({ values }) => values)) open();
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
    openMeasures();
    state = "open";
  } catch {
    state = "failed";
    problem.textContent = "The measures could not be loaded. Try again when the service answers.";
  }
  problem.hidden = state === "open";
  enable();
}
