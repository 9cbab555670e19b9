/**
 * Operations: each makes an edit from segments of a picture, or null if it would change nothing.
 *
 * Segments are never changed in place. A segment that replaces others keeps the number and the colour of the first
 * of them, and the highest score; a drawn one has the score 1.
 */

import { freeColour } from "../colours.js";
import { CRUMB, cut } from "./parts.js";
import { area, cropped, fromRings, minus, union } from "./raster.js";
import { toRings } from "./rings.js";

/** The pixels of a segment. */
export function rasterOf(segment) {
  return fromRings(segment.mask, segment.box);
}

export function remove(segments) {
  return segments.length ? { action: "delete", before: segments, after: [] } : null;
}

/** A new object of this class, { name, id }. */
export function draw(raster, kind, picture) {
  const pixels = cropped(raster);
  if (!pixels) return null;
  const segment = added(pixels, { class: kind.name, class_id: kind.id, score: 1 }, picture);
  return { action: "draw", before: [], after: [segment] };
}

/** The segment with these pixels too. */
export function extend(segment, raster) {
  return reshape([segment], (pixels) => union(pixels, raster));
}

/** The segments without these pixels; those that have none left are deleted. */
export function erase(segments, raster) {
  return reshape(segments, (pixels) => minus(pixels, raster));
}

function reshape(segments, how) {
  const before = [];
  const after = [];
  for (const segment of segments) {
    const pixels = cropped(how(rasterOf(segment)));
    if (pixels && area(pixels) === segment.area) continue;
    before.push(segment);
    if (pixels) after.push(changed(segment, pixels));
  }
  if (!before.length) return null;
  return after.length ? { action: "reshape", before, after } : remove(before);
}

/** One segment with the pixels of all of these; it has the class of the first one. */
export function merge(segments) {
  if (segments.length < 2) return null;
  const [first] = segments;
  const score = Math.max(...segments.map((segment) => segment.score));
  const whole = changed({ ...first, score }, union(...segments.map(rasterOf)));
  return { action: "merge", before: segments, after: [whole] };
}

/**
 * Cut these segments along a line; the largest part of each keeps its number. Crumbs that are cut off become objects
 * only if nothing else is: then they are what was meant.
 */
export function split(segments, line, picture) {
  return cutAlong(segments, line, picture, CRUMB) ?? cutAlong(segments, line, picture, 0);
}

function cutAlong(segments, line, picture, crumb) {
  const before = [];
  const after = [];
  for (const segment of segments) {
    if (!meets(segment.box, line)) continue;
    const parts = cut(rasterOf(segment), line, crumb);
    if (!parts) continue;
    before.push(segment);
    const [largest, ...others] = parts;
    after.push(changed(segment, largest));
    for (const part of others) after.push(added(part, segment, picture, after));
  }
  return before.length ? { action: "split", before, after } : null;
}

/** Give these segments another class, { name, id }. */
export function relabel(segments, kind, picture) {
  const before = segments.filter((segment) => segment.class !== kind.name);
  const after = before.map((segment) => {
    const now = { ...withoutMeasures(segment), class: kind.name, class_id: kind.id, edited: true };
    return { ...now, colour: picture.classColour(now) ?? segment.colour };
  });
  return before.length ? { action: "relabel", before, after } : null;
}

function meets([x, y, width, height], raster) {
  return x < raster.x + raster.width && raster.x < x + width && y < raster.y + raster.height && raster.y < y + height;
}

/** The segment with other pixels. */
export function changed(segment, pixels) {
  const { x, y, width, height } = pixels;
  return {
    ...withoutMeasures(segment),
    box: [x, y, width, height],
    area: area(pixels),
    mask: toRings(pixels),
    edited: true,
  };
}

/** A segment with a number of its own and a colour unlike its neighbours'; class and score as in `like`. */
function added(pixels, like, picture, alsoNew = []) {
  const segment = changed({ ...like, id: picture.newNumber() }, pixels);
  return { ...segment, colour: picture.classColour(segment) ?? freeColour(segment, [...picture.segments, ...alsoNew]) };
}

/** Without what was measured in the old pixels. */
function withoutMeasures({ measures, ...others }) {
  return others;
}
