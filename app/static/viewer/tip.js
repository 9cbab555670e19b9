/** Tip: the class, score and area of the object under the pointer, or of the chosen one, beside it. */

import { byId, oncePerFrame } from "./dom.js";
import { viewport } from "./stage.js";
import { area, score } from "./units.js";
import { on, visit } from "./visit.js";

const GAP = 8; // CSS pixels between the object and the tip

const tip = byId("tip");
const view = byId("view");

on("selection current filter units", show);
view.addEventListener("zoomed", place);
const placeSoon = oncePerFrame(place); // it costs a layout

function show() {
  const segment = visit.lit ?? visit.selected;
  tip.hidden = !segment || !visit.current?.shown.includes(segment);
  if (tip.hidden) return;
  const sure = visit.current.kind === "class" ? "" : ` ${score(segment.score)}`;
  tip.replaceChildren(`${segment.id} · ${segment.class}${sure} · ${area(segment.area)}`);
  placeSoon();
}

/** Above the object, or below it if there is no room, and never outside the view. */
function place() {
  const segment = visit.lit ?? visit.selected;
  if (tip.hidden || !segment) return;
  const [x, y, width, height] = segment.box;
  const { scale, left, top } = viewport;
  const middle = left + (x + width / 2) * scale - tip.offsetWidth / 2;
  const above = top + y * scale - GAP - tip.offsetHeight;
  const below = top + (y + height) * scale + GAP;
  tip.style.left = `${within(middle, view.clientWidth - tip.offsetWidth)}px`;
  tip.style.top = `${within(above >= 0 ? above : below, view.clientHeight - tip.offsetHeight)}px`;
}

function within(value, most) {
  return Math.max(0, Math.min(value, most));
}
