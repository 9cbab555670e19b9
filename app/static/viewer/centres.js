/** Centres: for each object a point well inside it, for a number or a mark. */

const LINES = [0.5, 0.35, 0.65, 0.2, 0.8]; // heights in the object's box to look at, the middle first
const FAIR = 1.5; // how much wider than at the line before an object must be for another line to be better

const kept = new WeakMap(); // segment → { x, y, room }

/**
 * A point inside an object, away from its holes, in pixels of the picture, and how wide the object is there.
 *
 * @param segment has `mask`: rings [x1, y1, x2, y2, …] along the edges of pixels, and `box`
 * @returns { x, y, room }, room in pixels
 */
export function centre(segment) {
  if (!kept.has(segment)) kept.set(segment, find(segment));
  return kept.get(segment);
}

function find({ mask, box: [left, top, width, height] }) {
  let best = { x: left + width / 2, y: top + height / 2, room: 0 };
  for (const part of LINES) {
    const y = top + Math.floor(part * height) + 0.5; // through the middles of pixels
    const [start, end] = widest(mask, y);
    if (end - start > FAIR * best.room) best = { x: (start + end) / 2, y, room: end - start };
  }
  return best;
}

/** The longest run of pixels of the object on the line `y`: where it starts and ends. */
function widest(rings, y) {
  const crossings = [];
  for (const ring of rings)
    for (let at = 0; at < ring.length; at += 2) {
      const next = (at + 2) % ring.length;
      const [y1, y2] = [ring[at + 1], ring[next + 1]];
      if (y1 > y !== y2 > y) crossings.push(ring[at] + ((y - y1) * (ring[next] - ring[at])) / (y2 - y1));
    }
  crossings.sort((a, b) => a - b);
  let best = [0, 0];
  for (let at = 0; at + 1 < crossings.length; at += 2)
    if (crossings[at + 1] - crossings[at] > best[1] - best[0]) best = [crossings[at], crossings[at + 1]];
  return best;
}
