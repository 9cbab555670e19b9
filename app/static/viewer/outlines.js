/** Outlines: objects' rings as paths for a canvas, with no more points than are visible at the current zoom. */

import { smooth } from "./smoothing.js";

const SMOOTH_FROM = 1.5; // screen pixels per pixel of the picture, from which on the steps of pixels are visible

const kept = new WeakMap(); // segment → Map of level, or "smooth" → Path2D

/**
 * The path of an object, in pixels of its picture; holes by the even-odd rule.
 *
 * The service's rings follow the edges of pixels exactly. At a scale below 1, most of their points coincide and
 * are left out, at resolutions that are powers of two. Each path is made once.
 *
 * @param segment has `mask`: rings [x1, y1, x2, y2, …]
 * @param scale screen pixels per pixel of the picture
 */
export function outline(segment, scale) {
  const level = Math.max(0, Math.floor(-Math.log2(scale)));
  return keptPath(segment, level, () => trace(segment.mask, 2 ** level));
}

/** The same for looking at: where pixels are enlarged, without their steps. */
export function smoothOutline(segment, scale) {
  if (scale < SMOOTH_FROM) return outline(segment, scale);
  return keptPath(segment, "smooth", () => trace(smooth(segment.mask), 1));
}

function keptPath(segment, level, make) {
  const levels = kept.get(segment) ?? new Map();
  kept.set(segment, levels);
  if (!levels.has(level)) levels.set(level, make());
  return levels.get(level);
}

/** The path through the rings' points that are at least `step` pixels apart; through all points if it is 1. */
function trace(rings, step) {
  const path = new Path2D();
  for (const ring of rings) {
    let x = ring[0];
    let y = ring[1];
    path.moveTo(x, y);
    for (let at = 2; at < ring.length; at += 2) {
      if (step > 1 && Math.abs(ring[at] - x) < step && Math.abs(ring[at + 1] - y) < step) continue;
      x = ring[at];
      y = ring[at + 1];
      path.lineTo(x, y);
    }
    path.closePath();
  }
  return path;
}

const COVERAGE_SIDE = 512; // pixels, enough for an accuracy of a tenth of a percent

const probe = document.createElement("canvas").getContext("2d");

/** The object at the point (x, y) of the picture, with the best score if several overlap; null if none. */
export function objectAt(segments, x, y) {
  for (const segment of segments) {
    const [left, top, width, height] = segment.box;
    const inBox = x >= left && y >= top && x < left + width && y < top + height;
    if (inBox && probe.isPointInPath(outline(segment, 1), x, y, "evenodd")) return segment;
  }
  return null;
}

/** The share (0 to 1) of a picture that these objects cover; overlaps count once. */
export function coverage(segments, { width, height }) {
  const canvas = coverage.canvas ?? (coverage.canvas = document.createElement("canvas"));
  canvas.width = Math.min(width, COVERAGE_SIDE);
  canvas.height = Math.min(height, COVERAGE_SIDE);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.scale(canvas.width / width, canvas.height / height);
  context.globalCompositeOperation = "lighter"; // adds up the shares of objects that touch in a pixel
  // Points that are left out move an outline by at most an eighth of a pixel here.
  const scale = 8 * Math.max(canvas.width / width, canvas.height / height);
  for (const segment of segments) context.fill(outline(segment, scale), "evenodd");
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  let sum = 0;
  for (let at = 3; at < data.length; at += 4) sum += data[at];
  return sum / 255 / (canvas.width * canvas.height);
}
