/** Smoothing: outlines without the steps of pixels, for looking at; what is measured keeps its pixels. */

const CUT = 0.5; // pixels from a corner at which the outline leaves the edge, at most
const CUT_AT_STEP = 3; // the same if the other edge is a single step: then this one is part of a slope

/**
 * Rings with their corners cut: a slope, which is a stair of single steps, becomes a line through
 * the middles of its edges, and corners of long edges lose half a pixel.
 *
 * @param rings [x1, y1, x2, y2, …] each, along the edges of pixels
 * @returns rings of the same form, with twice as many points
 */
export function smooth(rings) {
  return rings.map(cutCorners);
}

function cutCorners(ring) {
  const cut = new Float32Array(2 * ring.length);
  const count = ring.length;
  let to = 0;
  for (let at = 0; at < count; at += 2) {
    const before = (at - 2 + count) % count;
    const after = (at + 2) % count;
    const [incoming, outgoing] = [distance(ring, before, at), distance(ring, at, after)];
    for (const [other, length, across] of [
      [before, incoming, outgoing],
      [after, outgoing, incoming],
    ]) {
      const part = Math.min(0.5, (across <= 1 ? CUT_AT_STEP : CUT) / Math.max(length, 1));
      cut[to++] = ring[at] + part * (ring[other] - ring[at]);
      cut[to++] = ring[at + 1] + part * (ring[other + 1] - ring[at + 1]);
    }
  }
  return cut;
}

function distance(ring, a, b) {
  return Math.hypot(ring[a] - ring[b], ring[a + 1] - ring[b + 1]);
}
