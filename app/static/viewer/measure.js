/** Measure: the button that has the objects measured. What shows the measures is loaded when first used. */

import { byId } from "./dom.js";
import { on, visit } from "./visit.js";

const button = byId("measure");
const problem = byId("measure-problem");
let isLoaded = false;

button.addEventListener("click", load);
on("current pictures", enable);

function enable() {
  const { current } = visit;
  button.disabled = current?.state !== "done";
  button.parentElement.hidden = isLoaded || current?.kind === "class"; // a class is not an object
}

async function load() {
  button.disabled = true;
  try {
    const { openMeasures } = await import("./plots/panel.js");
    isLoaded = true;
    problem.hidden = true;
    openMeasures();
  } catch {
    problem.textContent = "The measures could not be loaded. Try again when the service answers.";
    problem.hidden = false;
  }
  enable();
}
