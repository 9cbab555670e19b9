/** Measure: the button that has the objects measured. What shows the measures is loaded when first used. */

import { byId } from "./dom.js";
import { on, visit } from "./visit.js";

const button = byId("measure");
const problem = byId("measure-problem");
let isOpen = false;

button.addEventListener("click", load);
on("current pictures", enable);

function enable() {
  const { current } = visit;
  button.disabled = current?.state !== "done";
  button.parentElement.hidden = isOpen || current?.kind === "class"; // a class is not an object
}

async function load() {
  button.disabled = true;
  try {
    const { openMeasures } = await import("./plots/panel.js");
    isOpen = true;
    problem.hidden = true;
    openMeasures(() => {
      isOpen = false;
      enable();
      button.focus();
    });
  } catch {
    problem.textContent = "The measures could not be loaded. Try again when the service answers.";
    problem.hidden = false;
  }
  enable();
}
