/**
 * Tools: what a press, a movement and a release do with each tool, for mouse, fingers and keys alike. Points are in
 * pixels of the picture.
 */

import { objectAt } from "../outlines.js";
import { viewport } from "../stage.js";
import { visit } from "../visit.js";
import { make } from "./actions.js";
import * as operations from "./operations.js";
import { fromPolygon, fromStroke } from "./raster.js";
import { choose, drop, edit, sketch, toggle } from "./state.js";

const NEAR = 10; // CSS pixels from the first point, at which a polygon is closed
const APART = 3; // CSS pixels between the points of a line that is drawn in one go
const FREEHAND = 8; // points from which on a line drawn in one go is an outline by itself

let drawn = 0; // points that the current press has added by moving

const tools = {
  select: { press: startBand, move: moveCursor, release: endBand, finish() {} },
  polygon: { press: addPoint, move: addPoints, release: closeIfFreehand, finish: endPolygon },
  brush: { press: startStroke, move: addPoints, release: endStroke, finish() {} },
  cut: { press: addPoint, move: addPoints, release: cutIfFreehand, finish: endCut },
};

/** The pointer is pressed, or the space bar. */
export function press(point) {
  drawn = 0;
  tools[edit.tool].press(point);
}

/** The pointer is moved while it is pressed. */
export function move(point) {
  tools[edit.tool].move(point);
}

export function release(point) {
  tools[edit.tool].release(point);
}

/** Complete what is being drawn from single points. */
export function finish() {
  tools[edit.tool].finish();
}

/** Take back the last of the points. */
export function removePoint() {
  sketch({ points: edit.points.slice(0, -1) });
}

/** Choose the object at a point, or none; `adds`: too, or no longer. */
export function chooseAt(point, adds) {
  const segment = objectAt(visit.current.shown, ...point);
  if (!adds) choose(segment ? [segment] : []);
  else if (segment) toggle(segment);
}

function startBand(point) {
  sketch({ band: point, cursor: point });
}

function moveCursor(point) {
  sketch({ cursor: point });
}

/** Choose all objects inside the rectangle too; if it is only a point, the object there. */
function endBand(point) {
  const { band } = edit;
  drop();
  if (!band) return;
  if (distance(band, point) < APART) return chooseAt(point, true);
  const [left, right] = [band[0], point[0]].sort((a, b) => a - b);
  const [top, bottom] = [band[1], point[1]].sort((a, b) => a - b);
  const inside = visit.current.shown.filter(
    ({ box: [x, y, width, height] }) => x >= left && y >= top && x + width <= right && y + height <= bottom,
  );
  choose([...new Set([...edit.chosen, ...inside])]);
}

function addPoint(point) {
  const { points } = edit;
  if (edit.tool === "polygon" && points.length > 2 && distance(points[0], point) <= NEAR) return endPolygon();
  // The second click of a double click adds nothing.
  if (!points.length || distance(points.at(-1), point) >= 1) sketch({ points: [...points, point], cursor: point });
}

function addPoints(point) {
  const { points } = edit;
  if (!points.length || distance(points.at(-1), point) < APART) return sketch({ cursor: point });
  drawn++;
  points.push(point); // a copy for each of a thousand points would be slow
  sketch({ cursor: point });
}

function closeIfFreehand() {
  if (drawn >= FREEHAND) endPolygon();
}

function cutIfFreehand() {
  if (drawn > 0) endCut();
}

function startStroke(point) {
  sketch({ points: [point], pen: true, cursor: point });
}

function endStroke(point) {
  const points = [...edit.points, point];
  const isDown = edit.pen;
  drop();
  if (!isDown) return;
  const raster = fromStroke(points, edit.size, visit.current.answer.image);
  if (edit.erases) return erase(raster, points[0]);
  const [segment] = edit.chosen;
  if (!segment) return draw(raster);
  make(operations.extend(segment, raster, visit.current), "These pixels belong to it already.");
}

function endPolygon() {
  const { points } = edit;
  drop();
  if (points.length < 3) return make(null, "An outline has at least three points.");
  const raster = fromPolygon(points, visit.current.answer.image);
  if (edit.erases) erase(raster, points[0]);
  else draw(raster);
}

function endCut() {
  const { points } = edit;
  drop();
  if (visit.current.kind === "class") return make(null, "A class is not split: count connected parts to split these.");
  if (points.length < 2) return make(null, "A cut has at least two points, one on each side of the object.");
  const line = fromStroke(points, 1, visit.current.answer.image);
  const segments = edit.chosen.size ? [...edit.chosen] : visit.current.shown;
  make(
    operations.split(segments, line, visit.current),
    "Nothing is cut in two: start and end the line outside of the object.",
  );
}

function draw(raster) {
  make(operations.draw(raster, edit.kind, visit.current), "There is no pixel of the picture inside.");
}

/** Erase from the chosen objects, or from the one where the line starts. */
function erase(raster, point) {
  const start = objectAt(visit.current.shown, ...point);
  const segments = edit.chosen.size ? [...edit.chosen] : start ? [start] : [];
  make(
    operations.erase(segments, raster, visit.current),
    segments.length ? "None of these pixels belong to it." : "Choose the object to erase from, or start inside of it.",
  );
}

function distance([x1, y1], [x2, y2]) {
  return Math.hypot(x2 - x1, y2 - y1) * viewport.scale;
}
