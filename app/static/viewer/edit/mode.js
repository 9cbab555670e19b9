/** Mode: starts and ends correcting. Loaded by correct.js when somebody first wants to. */

import "./canvas.js";
import "./pointer.js";
import "./keys.js";
import { byId, dress } from "../dom.js";
import { on, visit } from "../visit.js";
import { open } from "./bar.js";
import { drop, edit, focusPicture, kinds, set } from "./state.js";

const view = byId("view");
const button = byId("correct");

await dress(new URL("edit.css", import.meta.url));

on("edit", showTool);

/** Start correcting, or end it. */
export function toggle() {
  drop();
  edit.chosen = new Set(visit.selected ? [visit.selected] : []);
  edit.kind ??= kinds()[0];
  set({ on: !edit.on, tool: "select", erases: false, several: false, message: "" });
  button.setAttribute("aria-pressed", edit.on);
  open(edit.on);
  if (edit.on) view.setAttribute("aria-describedby", "edit-keys");
  else view.setAttribute("aria-describedby", "view-keys");
  focusPicture();
  if (edit.on) view.scrollIntoView({ block: "nearest" }); // the bar may have moved it out of a phone's window
}

function showTool() {
  // Fingers draw, and do not scroll the page.
  view.classList.toggle("drawing", edit.on && (edit.tool !== "select" || edit.several));
}
