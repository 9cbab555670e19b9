/**
 * Values: the measures of segments, which the service takes without running a model. Each segment is measured once;
 * after a correction, what is new and what lies so near that its background may have changed.
 */

import { render } from "../requests.js";
import { shownObjects } from "../shown-objects.js";
import { withGroups } from "./groups.js";

const REACH = 10; // pixels: the background of an object is measured this far around it, see docs/measures.md

// segment → { name: number | null }; lengths and areas are in pixels, or if these are not square, in micrometres
const known = new WeakMap();
const sides = new WeakMap(); // picture → the sides of its pixels that its measures depend on
const atWork = new WeakSet(); // pictures

/** A measure of a segment: undefined if it is not measured yet, null if it is not defined. */
export function valueOf(segment, name) {
  const measures = known.get(segment);
  return measures && (measures[name] ?? null);
}

/** The names of the measures that a picture's segments have. */
export function namesIn({ segments }) {
  const first = segments.find((segment) => known.has(segment));
  return first ? Object.keys(known.get(first)) : [];
}

/** Take up the measures of an earlier visit. */
export function recall(picture) {
  if (sides.has(picture)) return; // it is of this visit
  const { segments, values } = picture;
  for (const segment of segments) if (values?.[segment.id]) known.set(segment, values[segment.id]);
  sides.set(picture, sidesOf(picture));
}

/** Measure these segments' neighbours anew when they are next asked for, because these have come or gone. */
export function forgetAround(changed, picture) {
  for (const segment of near(changed, picture.segments)) known.delete(segment);
  picture.values = valuesOf(picture);
}

/**
 * Measure what is not measured yet of a picture: its shapes, and its intensities if its file is here.
 *
 * @returns whether there was anything to measure; false also if the picture is being measured already
 * @throws Problem
 */
export async function measure(picture, key) {
  if (atWork.has(picture)) return false;
  atWork.add(picture);
  const now = sidesOf(picture);
  if (sides.get(picture) !== now) {
    for (const segment of picture.segments) known.delete(segment);
    if (sides.has(picture)) picture.limits = null; // they were set in another unit
    sides.set(picture, now);
  }
  try {
    let some = false;
    // A correction may bring more while the service measures.
    for (let missing; (missing = picture.segments.filter((one) => !known.has(one))).length; some = true)
      await take(picture, missing, key);
    return some;
  } finally {
    atWork.delete(picture);
  }
}

async function take(picture, missing, key) {
  const { answer } = picture;
  const sent = near(missing, picture.segments).sort((a, b) => b.score - a.score); // the order of the answer
  const { groups, result: found } = await withGroups(picture, (wanted) => ask(picture, sent, wanted, key));
  if (picture.answer !== answer) return; // another answer has come meanwhile
  picture.measured = groups;
  const wanted = new Set(missing);
  sent.forEach((segment, at) => wanted.has(segment) && known.set(segment, found[at].measures));
  picture.values = valuesOf(picture);
}

function sidesOf({ isSkewed, pixelSides }) {
  return isSkewed ? `${pixelSides.x} × ${pixelSides.y}` : "";
}

function valuesOf({ segments }) {
  return Object.fromEntries(segments.map((segment) => [segment.id, known.get(segment)]));
}

/** The segments as measured, in this order. */
async function ask(picture, segments, groups, key) {
  const objects = shownObjects(picture, segments);
  // All in pixels, and the page knows how large these are; but if they are not square, only the service can measure.
  objects.image = { ...objects.image, pixel_size: picture.isSkewed ? picture.pixelSides : undefined };
  const parameters = { output: "json", mask_format: "none", measure: groups.join() };
  const withPicture = groups.includes("intensity");
  const channel = picture.answered?.channel ?? null;
  if (withPicture && channel !== null) parameters.channel = channel;
  const blob = await render(objects, withPicture ? picture.file : null, parameters, { key });
  return JSON.parse(await blob.text()).segments;
}

/** The segments whose box is at most REACH pixels from that of one of `others`, which may be among them. */
function near(others, segments) {
  if (others.length === segments.length) return [...segments];
  return segments.filter(({ box: [x, y, width, height] }) =>
    others.some(
      ({ box: [left, top, across, down] }) =>
        x <= left + across + REACH && left <= x + width + REACH && y <= top + down + REACH && top <= y + height + REACH,
    ),
  );
}
