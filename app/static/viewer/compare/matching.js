/** Matching: which objects two answers to the same picture have in common. */

import { fromRings, shared } from "../edit/raster.js";

const SAME = 0.5; // intersection over union from which on two objects are the same, as in the service's figures

/**
 * Match objects one to one, the best overlap first.
 *
 * @param left, right segments of pictures of the same size
 * @returns { pairs: [{ left, right, iou }], onlyLeft, onlyRight }
 */
export function match(left, right) {
  const overlaps = [];
  for (const one of left)
    for (const other of right)
      if (meet(one.box, other.box)) {
        const iou = overlapOf(one, other);
        if (iou >= SAME) overlaps.push({ left: one, right: other, iou });
      }
  overlaps.sort((a, b) => b.iou - a.iou);
  const taken = new Set();
  const pairs = overlaps.filter((pair) => {
    if (taken.has(pair.left) || taken.has(pair.right)) return false;
    taken.add(pair.left).add(pair.right);
    return true;
  });
  const isAlone = (segment) => !taken.has(segment);
  return { pairs, onlyLeft: left.filter(isAlone), onlyRight: right.filter(isAlone) };
}

/** Dice coefficient of each class of two semantic answers: [name, share], 0 where only one has the class. */
export function agreement(left, right) {
  const names = new Set([...left, ...right].map((segment) => segment.class));
  const ofClass = (segments, name) => segments.find((segment) => segment.class === name);
  return [...names].map((name) => {
    const [one, other] = [ofClass(left, name), ofClass(right, name)];
    if (!one || !other) return [name, 0];
    return [name, (2 * shared(raster(one), raster(other))) / (one.area + other.area)];
  });
}

function overlapOf(one, other) {
  const both = shared(raster(one), raster(other));
  return both / (one.area + other.area - both);
}

const kept = new WeakMap(); // segment → its raster

function raster(segment) {
  if (!kept.has(segment)) kept.set(segment, fromRings(segment.mask, segment.box));
  return kept.get(segment);
}

function meet([x, y, width, height], [left, top, across, down]) {
  return x < left + across && left < x + width && y < top + down && top < y + height;
}
