/** Gestures: what pointers and keys do on the stage. */

import { keyOf } from "./correct.js";
import { byId } from "./dom.js";
import { turnPage } from "./layers.js";
import { objectAt } from "./outlines.js";
import { redraw, viewport } from "./stage.js";
import { Steering } from "./steering.js";
import { light, lookAt, select, tell, visit } from "./visit.js";

const KEY_STEP = 1.25; // zoom factor
const KEY_MOVE = 60; // CSS pixels
const GRIP = 10; // CSS pixels on either side of the line between original and result, by which it is dragged

const view = byId("view");
const steering = new Steering(view, viewport, {
  changed: redraw,
  hover(point) {
    view.classList.toggle("on-split", isOnSplit(point));
    light(objectUnder(point));
  },
  tap: (point) => select(objectUnder(point)),
  left: () => light(null),
  grab: (point) => (isOnSplit(point) ? dragSplit : null),
});
view.addEventListener("keydown", onKey);

/** Zoom by this factor around the middle of the view. */
export function zoom(factor) {
  steering.zoom(factor);
}

/** Show the whole picture. */
export function fit() {
  steering.change(() => viewport.fit());
}

/** Show each pixel of the picture as one pixel of the screen. */
export function showPixels() {
  steering.change(() => viewport.showPixels());
}

/** Choose an object, and bring it into view. */
export function reveal(segment) {
  select(segment);
  if (segment) steering.change(() => viewport.reveal(segment.box));
}

function isOnSplit([x]) {
  const { split } = visit.view;
  return split !== null && Boolean(visit.current?.answer) && Math.abs(x - split * view.clientWidth) <= GRIP;
}

function dragSplit([x]) {
  visit.view.split = Math.min(1, Math.max(0, x / view.clientWidth));
  tell("view");
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const action = keys[keyOf(event)];
  if (!action) return;
  event.preventDefault();
  action();
}

const keys = {
  ArrowLeft: () => move(KEY_MOVE, 0),
  ArrowRight: () => move(-KEY_MOVE, 0),
  ArrowUp: () => move(0, KEY_MOVE),
  ArrowDown: () => move(0, -KEY_MOVE),
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

function move(x, y) {
  steering.change(() => viewport.move(x, y));
}

function objectUnder(point) {
  const picture = visit.current;
  if (!picture?.answer || !viewport.picture) return null;
  return objectAt(picture.shown, ...viewport.toPicture(...point));
}
