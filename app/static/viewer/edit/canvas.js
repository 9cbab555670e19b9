/** Canvas: draws the chosen objects, the cursor and what is being drawn, above the picture and its objects. */

import { byId, make, oncePerFrame } from "../dom.js";
import { outline } from "../outlines.js";
import { viewport } from "../stage.js";
import { on, visit } from "../visit.js";
import { edit, isReady } from "./state.js";

const CROSS = 12; // CSS pixels, half the width of the keyboard's cursor
const VERTEX = 4; // CSS pixels, radius of a polygon's first point
const BLACK_THEN_WHITE = [
  [3.5, "#000"],
  [1.5, "#fff"],
]; // CSS pixels and colours of lines, visible on any picture

const view = byId("view");
const below = byId("lit-canvas");
const context = make("canvas", { id: "edit-canvas" });
below.after(context);
const pen = context.getContext("2d");

on("edit drawing selection filter current", oncePerFrame(draw));
view.addEventListener("zoomed", draw); // in the same frame as the picture

function draw() {
  context.width = below.width; // which clears it
  context.height = below.height;
  if (!isReady() || !viewport.picture) return;
  const ratio = devicePixelRatio;
  const { scale, left, top } = viewport;
  pen.setTransform(scale * ratio, 0, 0, scale * ratio, left * ratio, top * ratio);
  drawChosen();
  if (edit.band) drawBand();
  if (edit.tool === "brush") drawStroke();
  else drawPoints();
  if (edit.cursor && edit.byKeys) drawCross(edit.cursor);
}

function drawChosen() {
  if (edit.chosen.size < 2) return; // the stage highlights the one
  for (const segment of edit.chosen) {
    if (segment === visit.selected || !viewport.sees(segment.box)) continue;
    const path = outline(segment, viewport.scale * devicePixelRatio);
    pen.fillStyle = "rgb(255 255 255 / 35%)";
    pen.fill(path, "evenodd");
    line(path);
  }
}

function drawBand() {
  const [x, y] = edit.band;
  const path = new Path2D();
  path.rect(x, y, edit.cursor[0] - x, edit.cursor[1] - y);
  line(path);
}

/** The points so far, and the line to the cursor. */
function drawPoints() {
  const { points, cursor, tool } = edit;
  if (!points.length) return;
  const path = new Path2D();
  for (const point of points) path.lineTo(...point);
  if (cursor) path.lineTo(...cursor);
  line(path);
  if (tool !== "polygon") return;
  const first = new Path2D();
  first.arc(...points[0], VERTEX / viewport.scale, 0, 2 * Math.PI);
  line(first);
}

/** What the brush has covered, and its size at the cursor. */
function drawStroke() {
  const { points, size, cursor, erases } = edit;
  if (points.length) {
    const path = new Path2D();
    path.moveTo(...points[0]);
    for (const point of points) path.lineTo(...point);
    pen.lineWidth = size;
    pen.lineCap = pen.lineJoin = "round";
    pen.strokeStyle = erases ? "rgb(0 0 0 / 60%)" : "rgb(255 255 255 / 60%)";
    pen.stroke(path);
  }
  if (!cursor) return;
  const round = new Path2D();
  round.arc(...cursor, Math.max(size / 2, 1 / viewport.scale), 0, 2 * Math.PI);
  line(round);
}

function drawCross([x, y]) {
  const arm = CROSS / viewport.scale;
  const path = new Path2D();
  path.moveTo(x - arm, y);
  path.lineTo(x + arm, y);
  path.moveTo(x, y - arm);
  path.lineTo(x, y + arm);
  line(path);
}

function line(path) {
  pen.lineCap = pen.lineJoin = "round";
  for (const [width, colour] of BLACK_THEN_WHITE) {
    pen.lineWidth = width / viewport.scale;
    pen.strokeStyle = colour;
    pen.stroke(path);
  }
}
