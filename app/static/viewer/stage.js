/**
 * Stage: the picture and its objects on two canvases, sharp at any zoom.
 *
 * The lower canvas has the picture and all objects, and is redrawn when these or the view change. The upper
 * canvas has the highlighted objects, and is redrawn as the pointer moves.
 */

import { byId } from "./dom.js";
import { filterOf, Painter, REACH } from "./painting.js";
import { bitmapOf } from "./showing.js";
import { Viewport } from "./viewport.js";
import { on, visit } from "./visit.js";

export const viewport = new Viewport();

const lower = new Painter(byId("picture-canvas").getContext("2d", { alpha: false }), viewport);
const upper = new Painter(byId("lit-canvas").getContext("2d"), viewport);
const frame = byId("view");
const FEW = 50; // objects, around each of which the picture is redrawn; if more have changed, around all of them

let bitmap = null;
let requested = false;

on("filter", redrawChanged);
on("view", redraw);
on("selection", redrawLit);
on("current", show);
on("pictures", showIfNew);
new ResizeObserver(fitFrame).observe(frame);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);

let drawn = []; // the segments on the lower canvas

/** Redraw the part of the picture where objects came or went: drawing two thousand takes longer than a correction may. */
function redrawChanged() {
  if (requested || !bitmap) return redraw();
  requestAnimationFrame(() => {
    const changed = difference(drawn, visit.current?.shown ?? []);
    if (requested || !changed.length) return;
    drawLower(changed.length > FEW ? [hull(changed)] : changed.map((segment) => hull([segment])));
  });
}

/** What is in only one of two lists. */
function difference(some, others) {
  const [before, after] = [new Set(some), new Set(others)];
  return [...some.filter((one) => !after.has(one)), ...others.filter((one) => !before.has(one))];
}

/** The corners [left, top, right, bottom] of the box around segments, in pixels of the picture. */
function hull(segments) {
  const most = (edge) => segments.reduce((value, { box }) => Math.max(value, edge(box)), -Infinity);
  return [-most(([x]) => -x), -most(([, y]) => -y), most(([x, , w]) => x + w), most(([, y, , h]) => y + h)];
}

/** Redraw everything before the next frame. */
export function redraw() {
  if (requested) return;
  requested = true;
  requestAnimationFrame(() => {
    requested = false;
    drawLower();
    redrawLit();
  });
}

let shown = null; // the file of the picture on the canvas

function showIfNew() {
  if (visit.current?.showable !== shown) show();
}

async function show() {
  const picture = visit.current;
  const next = picture && (await bitmapOf(picture));
  if (picture !== visit.current) return; // it has changed meanwhile
  shown = picture?.showable ?? null;
  if (next !== bitmap) {
    if (next) bitmap?.close(); // else it is kept for a picture that is put back
    bitmap = next;
    viewport.fits = true;
  }
  fitFrame();
}

function fitFrame() {
  if (bitmap) {
    const { width: across, height: down } = sizeOf(visit.current);
    frame.style.setProperty("--ratio", across / down);
  }
  const { clientWidth: width, clientHeight: height } = frame;
  for (const { canvas } of [lower.context, upper.context]) {
    canvas.width = Math.round(width * devicePixelRatio);
    canvas.height = Math.round(height * devicePixelRatio);
  }
  if (bitmap && width && height) viewport.resize(sizeOf(visit.current), { width, height });
  drawLower(); // at once, because a resized canvas is empty
  redrawLit();
}

function sizeOf(picture) {
  return picture?.answer?.image ?? { width: bitmap.width, height: bitmap.height };
}

/** Draw the picture and its objects: all, or the parts with these corners in pixels of the picture. */
function drawLower(parts = null) {
  const { context } = lower;
  drawn = visit.current?.shown ?? [];
  if (!parts) {
    frame.dataset.zoom = bitmap ? Math.round(viewport.scale * devicePixelRatio * 100) : "";
    frame.dispatchEvent(new Event("zoomed"));
    return drawAll(drawn);
  }
  context.save();
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.beginPath();
  for (const part of parts) {
    const [left, top, right, bottom] = onCanvas(part);
    context.rect(left, top, right - left, bottom - top);
  }
  context.clip();
  // With objects whose outlines, marks and labels reach into a part from outside.
  const margin = (2 * REACH) / viewport.scale;
  const isNear = ([x, y, width, height], [left, top, right, bottom]) =>
    x < right + margin && left < x + width + margin && y < bottom + margin && top < y + height + margin;
  drawAll(drawn.filter(({ box }) => parts.some((part) => isNear(box, part))));
  context.restore();
}

/** The corners, in whole pixels of the canvas, of a part of the picture with the outlines and marks at its edges. */
function onCanvas(area) {
  return area.map((value, at) => {
    const from = at % 2 ? viewport.top : viewport.left;
    const sign = at < 2 ? -1 : 1;
    return sign * Math.ceil(sign * (from + value * viewport.scale + sign * REACH) * devicePixelRatio);
  });
}

function drawAll(segments) {
  const { backgroundColor } = getComputedStyle(frame);
  if (!bitmap) return lower.clear(backgroundColor);
  const { current, view } = visit;
  lower.picture(bitmap, sizeOf(current), filterOf(view), backgroundColor);
  const { context } = lower;
  context.save();
  if (view.split !== null) {
    const x = view.split * frame.clientWidth;
    lower.useScreenUnits();
    context.beginPath();
    context.rect(x, 0, frame.clientWidth - x, frame.clientHeight);
    context.clip();
  }
  lower.objects(segments, view, current.kind);
  context.restore();
  if (view.split !== null) drawSplit(context, view.split * frame.clientWidth);
}

function drawSplit(context, x) {
  lower.useScreenUnits();
  context.fillStyle = "#000";
  context.fillRect(x - 1.5, 0, 3, frame.clientHeight);
  context.fillStyle = "#fff";
  context.fillRect(x - 0.5, 0, 1, frame.clientHeight);
}

function redrawLit() {
  upper.clear(null);
  if (!bitmap) return;
  if (visit.selected) upper.lit(visit.selected, 0.55);
  if (visit.lit && visit.lit !== visit.selected) upper.lit(visit.lit, 0.35);
}
