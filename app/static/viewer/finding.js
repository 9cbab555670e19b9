/** Finding: an object by its number, or those of a class one after the other, in a table too long for the browser's own search. */

import { byId } from "./dom.js";
import { reveal } from "./gestures.js";
import { MOST } from "./long-table.js";
import { on, visit } from "./visit.js";

const field = byId("find-object");
const missing = byId("find-missing");

field.addEventListener("input", () => find(0));
field.addEventListener("keydown", (event) => {
  if (event.key === "Enter") find(event.shiftKey ? -1 : 1);
});
on("current filter", () => {
  missing.textContent = "";
  byId("finding").hidden = !(visit.current?.shown.length > MOST);
});

/** Choose the first object that is meant, or so many after the chosen one. */
function find(by) {
  const text = field.value.trim().toLowerCase();
  const isMeant = /^\d+$/.test(text) ? ({ id }) => id === Number(text) : ({ class: name }) => name.toLowerCase().includes(text);
  const shown = new Set(visit.current.shown);
  const found = text ? visit.ordered.filter((segment) => shown.has(segment) && isMeant(segment)) : [];
  missing.textContent = text && !found.length ? `Nothing that is shown is called “${field.value.trim()}”.` : "";
  if (!found.length) return;
  const at = found.indexOf(visit.selected);
  reveal(found[at < 0 ? 0 : (at + by + found.length) % found.length]);
}
