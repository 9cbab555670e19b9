/** Gestures: wheel, drag, pinch, tap and keys on the stage. */

import { byId } from "./dom.js";
import { turnPage } from "./layers.js";
import { objectAt } from "./outlines.js";
import { redraw, viewport } from "./stage.js";
import { light, lookAt, select, tell, visit } from "./visit.js";

const WHEEL_STEP = 1.0015; // zoom factor per pixel of the wheel
const PINCH_STEP = 1.01; // zoom factor per pixel that a touchpad's pinch reports
const KEY_STEP = 1.25;
const KEY_MOVE = 60; // CSS pixels
const GRIP = 10; // CSS pixels on either side of the line between original and result, by which it is dragged
const STILL = 5; // CSS pixels; a pointer that moves less is a tap

const view = byId("view");
const pointers = new Map(); // pressed pointers: id → [x, y]
let moved = 0;
let dragsSplit = false;

view.addEventListener("wheel", onWheel, { passive: false });
view.addEventListener("pointerdown", onDown);
view.addEventListener("pointermove", onMove);
view.addEventListener("pointerup", onUp);
view.addEventListener("pointercancel", onCancel);
view.addEventListener("pointerleave", () => light(null));
view.addEventListener("dblclick", (event) => zoom(2, ...at(event)));
view.addEventListener("keydown", onKey);

/** Zoom by this factor around a point of the view, or around its middle. */
export function zoom(factor, x, y) {
  change(() => viewport.zoom(factor, x, y));
}

/** Show the whole picture. */
export function fit() {
  change(() => viewport.fit());
}

/** Show each pixel of the picture as one pixel of the screen. */
export function showPixels() {
  change(() => viewport.showPixels());
}

/** Choose an object, and bring it into view. */
export function reveal(segment) {
  select(segment);
  if (segment) change(() => viewport.reveal(segment.box));
}

function change(how) {
  if (!viewport.picture) return;
  how();
  // A finger scrolls the page if the picture fits, and moves the picture if it does not.
  view.classList.toggle("zoomed", !viewport.fits);
  redraw();
}

function onWheel(event) {
  event.preventDefault();
  const pixels = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 * event.deltaY : event.deltaY;
  zoom((event.ctrlKey ? PINCH_STEP : WHEEL_STEP) ** -pixels, ...at(event));
}

function onDown(event) {
  if (event.button !== 0) return;
  view.setPointerCapture(event.pointerId);
  dragsSplit = pointers.size === 0 && isOnSplit(event);
  pointers.set(event.pointerId, at(event));
  if (pointers.size === 1) moved = 0;
}

function isOnSplit(event) {
  const { split } = visit.view;
  return split !== null && Boolean(visit.current?.answer) && Math.abs(at(event)[0] - split * view.clientWidth) <= GRIP;
}

function onMove(event) {
  const before = pointers.get(event.pointerId);
  if (!before) view.classList.toggle("on-split", isOnSplit(event));
  if (!before) return light(objectUnder(event));
  const now = at(event);
  pointers.set(event.pointerId, now);
  moved += Math.hypot(now[0] - before[0], now[1] - before[1]);
  if (dragsSplit) {
    visit.view.split = Math.min(1, Math.max(0, now[0] / view.clientWidth));
    return tell("view");
  }
  const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
  if (other) pinch(before, now, other);
  else if (moved > STILL && !(event.pointerType === "touch" && viewport.fits))
    change(() => viewport.move(now[0] - before[0], now[1] - before[1]));
}

/** One of two fingers has moved from `before` to `now`. */
function pinch(before, now, other) {
  const distance = ([x, y]) => Math.hypot(x - other[0], y - other[1]);
  const middle = ([x, y]) => [(x + other[0]) / 2, (y + other[1]) / 2];
  const [x, y] = middle(now);
  const [oldX, oldY] = middle(before);
  change(() => {
    viewport.zoom(distance(now) / Math.max(1, distance(before)), oldX, oldY);
    viewport.move(x - oldX, y - oldY);
  });
}

function onUp(event) {
  const wasAlone = pointers.delete(event.pointerId) && pointers.size === 0;
  if (wasAlone && moved <= STILL && !dragsSplit) select(objectUnder(event));
}

function onCancel(event) {
  pointers.delete(event.pointerId);
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const action = keys[event.key];
  if (!action) return;
  event.preventDefault();
  action();
}

const keys = {
  ArrowLeft: () => change(() => viewport.move(KEY_MOVE, 0)),
  ArrowRight: () => change(() => viewport.move(-KEY_MOVE, 0)),
  ArrowUp: () => change(() => viewport.move(0, KEY_MOVE)),
  ArrowDown: () => change(() => viewport.move(0, -KEY_MOVE)),
  "+": () => zoom(KEY_STEP),
  "=": () => zoom(KEY_STEP), // the same key without shift
  "-": () => zoom(1 / KEY_STEP),
  0: fit,
  1: showPixels,
  PageDown: () => turn(1),
  PageUp: () => turn(-1),
  n: () => step(1),
  p: () => step(-1),
  ".": () => turnPage(1),
  ",": () => turnPage(-1),
  Escape: () => select(null),
};

/** Look at the next or the previous picture of the visit. */
function turn(by) {
  const next = visit.pictures[visit.pictures.indexOf(visit.current) + by];
  if (next) lookAt(next);
}

/** Choose the next or the previous object, in the table's order. */
function step(by) {
  const shown = new Set(visit.current?.shown);
  const objects = visit.ordered.filter((segment) => shown.has(segment));
  if (!objects.length) return;
  const at = objects.indexOf(visit.selected);
  const start = at < 0 && by < 0 ? 0 : at;
  reveal(objects[(start + by + objects.length) % objects.length]);
}

function objectUnder(event) {
  const picture = visit.current;
  if (!picture?.answer || !viewport.picture) return null;
  return objectAt(picture.shown, ...viewport.toPicture(...at(event)));
}

function at(event) {
  const { left, top } = view.getBoundingClientRect();
  return [event.clientX - left - view.clientLeft, event.clientY - top - view.clientTop];
}
