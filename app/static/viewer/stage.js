/**
 * Stage: the picture and its objects on two canvases, sharp at any zoom.
 *
 * The lower canvas has the picture and all objects, and is redrawn when these or the view change. The upper
 * canvas has the highlighted objects, and is redrawn as the pointer moves.
 */

import { byId } from "./dom.js";
import { outline } from "./outlines.js";
import { bitmapOf } from "./showing.js";
import { Viewport } from "./viewport.js";
import { on, visit } from "./visit.js";

const LINE_WIDTH = 1.5; // CSS pixels, like the other lengths here
const LABEL_HEIGHT = 17;
const LABEL_MARGIN = 5;
const LABEL_PART = 1 / 5; // share of an object's box that its label may hide
const LABEL_FONT = "600 11px system-ui, sans-serif";
const MARK_RADIUS = 3; // of the dot at a corrected object
const BLOCKS_FROM = 3; // screen pixels per picture pixel, from which on pixels are not smoothed

export const viewport = new Viewport();

const lower = byId("picture-canvas").getContext("2d", { alpha: false });
const upper = byId("lit-canvas").getContext("2d");
const frame = byId("view");

let bitmap = null;
let reduced = null; // a copy with fewer pixels, for small scales: {canvas, scale}
let requested = false;

on("edits", ({ removed, added }) => (corrected = [...removed, ...added]));
on("filter", () => (corrected ? redrawAround(corrected) : redraw()));
on("view", redraw);
on("selection", redrawLit);
on("current", show);
on("pictures", showIfNew);
new ResizeObserver(fitFrame).observe(frame);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);

let corrected = null; // segments that a correction has removed or added, until "filter" follows

/**
 * Redraw the part of the picture that has these segments: drawing two thousand takes longer than a correction may.
 */
function redrawAround(segments) {
  corrected = null;
  if (requested || !bitmap) return redraw();
  // The whole of objects that overlap, because their labels may come or go.
  const area = hull([...segments, ...touching(hull(segments))]);
  requestAnimationFrame(() => requested || drawLower(area));
}

function touching([left, top, right, bottom]) {
  return visit.current.shown.filter(
    ({ box: [x, y, width, height] }) => x < right && left < x + width && y < bottom && top < y + height,
  );
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
    bitmap?.close();
    bitmap = next;
    reduced = null;
    viewport.fits = true;
  }
  fitFrame();
}

function fitFrame() {
  const { clientWidth: width, clientHeight: height } = frame;
  for (const { canvas } of [lower, upper]) {
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

/** Draw the picture and its objects: all, or the part with these corners in pixels of the picture. */
function drawLower(area = null) {
  lower.setTransform(1, 0, 0, 1, 0, 0);
  if (area) {
    const [left, top, right, bottom] = onCanvas(area);
    lower.save();
    lower.beginPath();
    lower.rect(left, top, right - left, bottom - top);
    lower.clip();
    drawAll(area);
    return lower.restore();
  }
  drawAll(null);
}

/** The corners, in whole pixels of the canvas, of a part of the picture with the outlines and marks at its edges. */
function onCanvas(area) {
  return area.map((value, at) => {
    const from = at % 2 ? viewport.top : viewport.left;
    const margin = MARK_RADIUS + LINE_WIDTH;
    const sign = at < 2 ? -1 : 1;
    return sign * Math.ceil(sign * (from + value * viewport.scale + sign * margin) * devicePixelRatio);
  });
}

function drawAll(area) {
  lower.fillStyle = getComputedStyle(frame).backgroundColor;
  lower.fillRect(0, 0, lower.canvas.width, lower.canvas.height);
  frame.dataset.zoom = bitmap ? Math.round(viewport.scale * devicePixelRatio * 100) : "";
  frame.dispatchEvent(new Event("zoomed"));
  if (!bitmap) return;
  drawPicture();
  const { split } = visit.view;
  lower.save();
  if (split !== null) {
    const x = split * frame.clientWidth;
    useScreenUnits(lower);
    lower.beginPath();
    lower.rect(x, 0, frame.clientWidth - x, frame.clientHeight);
    lower.clip();
  }
  drawObjects(area);
  lower.restore();
  if (split !== null) drawSplit(split * frame.clientWidth);
}

function drawPicture() {
  const { width, height } = sizeOf(visit.current);
  usePictureUnits(lower);
  const pixel = viewport.scale * devicePixelRatio;
  lower.imageSmoothingEnabled = pixel < BLOCKS_FROM;
  lower.imageSmoothingQuality = "high";
  lower.drawImage(suited(pixel), 0, 0, width, height);
}

/** The bitmap, or a copy with fewer pixels if the scale is small: drawing 50 million pixels takes too long. */
function suited(pixel) {
  if (pixel > 0.5) return bitmap;
  const scale = 2 ** Math.ceil(Math.log2(pixel));
  if (reduced?.scale !== scale) {
    const canvas = new OffscreenCanvas(Math.ceil(bitmap.width * scale), Math.ceil(bitmap.height * scale));
    const context = canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    reduced = { canvas, scale };
  }
  return reduced.canvas;
}

function drawObjects(area) {
  const { view, current } = visit;
  // With outlines and marks that reach into the part from outside.
  const margin = (2 * MARK_RADIUS + LINE_WIDTH) / viewport.scale;
  const around = area?.map((value, at) => value + (at < 2 ? -margin : margin));
  const seen = (around ? touching(around) : current.shown).filter((segment) => viewport.sees(segment.box));
  const scale = viewport.scale * devicePixelRatio;
  usePictureUnits(lower);
  lower.lineJoin = "bevel"; // at this width it looks like "round", which takes twice as long
  // As in the overlay: the best score on top, and all outlines above all fills.
  if (view.opacity > 0) {
    lower.globalAlpha = view.opacity;
    for (let at = seen.length - 1; at >= 0; at--) {
      lower.fillStyle = seen[at].colour;
      lower.fill(outline(seen[at], scale), "evenodd");
    }
    lower.globalAlpha = 1;
  }
  lower.lineWidth = LINE_WIDTH / viewport.scale;
  for (let at = seen.length - 1; at >= 0; at--) {
    lower.strokeStyle = seen[at].colour;
    if (view.outlines) lower.stroke(outline(seen[at], scale));
    if (view.boxes) lower.strokeRect(...seen[at].box);
  }
  drawMarks(seen);
  if (view.labels) drawLabels(seen);
}

/** Draw a dot at the upper right corner of each object that somebody has corrected. */
function drawMarks(segments) {
  useScreenUnits(lower);
  lower.beginPath();
  for (const { edited, box } of segments) {
    if (!edited) continue;
    const x = viewport.left + (box[0] + box[2]) * viewport.scale;
    const y = viewport.top + box[1] * viewport.scale;
    lower.moveTo(x + MARK_RADIUS, y);
    lower.arc(x, y, MARK_RADIUS, 0, 2 * Math.PI);
  }
  lower.lineWidth = 1.5;
  lower.strokeStyle = "#000";
  lower.stroke();
  lower.fillStyle = "#fff";
  lower.fill();
}

/** Draw a label on each object that is large enough, unless it would hide the label of a better object. */
function drawLabels(segments) {
  useScreenUnits(lower);
  lower.font = LABEL_FONT;
  lower.textBaseline = "middle";
  const taken = [];
  const { kind } = visit.current;
  const several = visit.current.classCounts().length > 1;
  for (const segment of segments) {
    const [x, y, width, height] = segment.box;
    const score = segment.score.toFixed(2);
    const said = kind === "class" ? segment.class : several ? `${segment.class} ${score}` : score;
    const text = segment.edited ? `✎ ${said}` : said;
    const tagWidth = lower.measureText(text).width + 2 * LABEL_MARGIN;
    const room = LABEL_PART * width * height * viewport.scale ** 2;
    if (width * viewport.scale < tagWidth || room < tagWidth * LABEL_HEIGHT) continue;
    const left = viewport.left + x * viewport.scale;
    const top = viewport.top + y * viewport.scale;
    const hidden = taken.some(
      ([otherLeft, otherTop, otherWidth]) =>
        left < otherLeft + otherWidth &&
        otherLeft < left + tagWidth &&
        Math.abs(top - otherTop) < LABEL_HEIGHT,
    );
    if (hidden) continue;
    taken.push([left, top, tagWidth]);
    lower.fillStyle = segment.colour;
    lower.fillRect(left, top, tagWidth, LABEL_HEIGHT);
    lower.fillStyle = "#000";
    lower.fillText(text, left + LABEL_MARGIN, top + LABEL_HEIGHT / 2 + 0.5);
  }
}

function drawSplit(x) {
  useScreenUnits(lower);
  lower.fillStyle = "#000";
  lower.fillRect(x - 1.5, 0, 3, frame.clientHeight);
  lower.fillStyle = "#fff";
  lower.fillRect(x - 0.5, 0, 1, frame.clientHeight);
}

function redrawLit() {
  upper.setTransform(1, 0, 0, 1, 0, 0);
  upper.clearRect(0, 0, upper.canvas.width, upper.canvas.height);
  if (!bitmap) return;
  if (visit.selected) drawLit(visit.selected, 0.55);
  if (visit.lit && visit.lit !== visit.selected) drawLit(visit.lit, 0.35);
}

/** Highlight an object: fill it with its colour, and outline it in white between black lines. */
function drawLit(segment, opacity) {
  usePictureUnits(upper);
  const path = outline(segment, viewport.scale * devicePixelRatio);
  upper.globalAlpha = opacity;
  upper.fillStyle = segment.colour;
  upper.fill(path, "evenodd");
  upper.globalAlpha = 1;
  upper.lineJoin = "round";
  for (const [width, colour] of [
    [4.5, "#000"],
    [2, "#fff"],
  ]) {
    upper.lineWidth = width / viewport.scale;
    upper.strokeStyle = colour;
    upper.stroke(path);
  }
}

function usePictureUnits(context) {
  const { scale, left, top } = viewport;
  const ratio = devicePixelRatio;
  context.setTransform(scale * ratio, 0, 0, scale * ratio, left * ratio, top * ratio);
}

function useScreenUnits(context) {
  context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
}
