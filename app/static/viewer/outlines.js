/** Outlines: an object's rings as paths for a canvas, with no more points than the zoom can show. */

const kept = new WeakMap(); // segment → Map of level → Path2D

/**
 * The path of an object, in pixels of its picture; holes by the even-odd rule.
 *
 * The service's rings follow the edges of pixels exactly. Seen at a scale below 1, most of their points fall
 * together: they are left out, by powers of two, and each path is made once.
 *
 * @param segment with `mask`: rings [x1, y1, x2, y2, …]
 * @param scale screen pixels a pixel of the picture
 */
export function outline(segment, scale) {
  const level = Math.max(0, Math.floor(-Math.log2(scale)));
  const levels = kept.get(segment) ?? new Map();
  kept.set(segment, levels);
  if (!levels.has(level)) levels.set(level, trace(segment.mask, 2 ** level));
  return levels.get(level);
}

/** The path through the rings' points that are at least `step` pixels apart; the whole of it for 1. */
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

const COVERAGE_SIDE = 512; // pixels: exact enough for a tenth of a percent

const probe = document.createElement("canvas").getContext("2d");

/** The object at the point (x, y) of the picture, the best score first; null where there is none. */
export function objectAt(segments, x, y) {
  for (const segment of segments) {
    const [left, top, width, height] = segment.box;
    const inBox = x >= left && y >= top && x < left + width && y < top + height;
    if (inBox && probe.isPointInPath(outline(segment, 1), x, y, "evenodd")) return segment;
  }
  return null;
}

/** The part of 1 of a picture that these objects cover; what two cover counts once. */
export function coverage(segments, { width, height }) {
  const canvas = coverage.canvas ?? (coverage.canvas = document.createElement("canvas"));
  canvas.width = Math.min(width, COVERAGE_SIDE);
  canvas.height = Math.min(height, COVERAGE_SIDE);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.scale(canvas.width / width, canvas.height / height);
  context.globalCompositeOperation = "lighter"; // objects that touch share a pixel without losing of it
  // Points that are left out move an outline by an eighth of a pixel here at most.
  const scale = 8 * Math.max(canvas.width / width, canvas.height / height);
  for (const segment of segments) context.fill(outline(segment, scale), "evenodd");
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  let sum = 0;
  for (let at = 3; at < data.length; at += 4) sum += data[at];
  return sum / 255 / (canvas.width * canvas.height);
}
