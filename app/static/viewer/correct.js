/** Correct: the button and the key that start correcting objects. What does that is loaded when first used. */

import { byId } from "./dom.js";
import { on, visit } from "./visit.js";

const KEY = "e";

const button = byId("correct");
const problem = byId("correct-problem");
let mode = null;

button.addEventListener("click", toggle);
addEventListener("keydown", (event) => {
  if (keyOf(event) !== KEY || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (button.disabled || takesKeys(event.target)) return;
  event.preventDefault();
  toggle();
});
on("current pictures", enable);

function enable() {
  button.disabled = visit.current?.state !== "done";
}

async function toggle() {
  try {
    mode ??= await import("./edit/mode.js");
  } catch {
    // The server or the connection is gone.
  }
  problem.hidden = mode !== null;
  mode?.toggle();
}

/** Whether keys are text here, or belong to a dialog that is open. */
export function takesKeys(element) {
  if (document.querySelector("dialog[open]")) return true;
  return element.matches("input:not([type=range], [type=checkbox], [type=radio], [type=file]), textarea, select");
}

/** The name of the key that was pressed; letters are small ones, whatever Shift and Caps Lock say. */
export function keyOf({ key = "" }) {
  return key.length === 1 ? key.toLowerCase() : key;
}
