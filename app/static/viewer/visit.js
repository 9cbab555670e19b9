/**
 * The visit: its pictures, the current one, and how it is viewed.
 *
 * The parts of the page do not call each other. A part changes the visit and announces what has changed; the
 * parts that show it listen:
 *
 *   pictures   a picture was added or removed, or its state has changed
 *   current    another picture is the current one, or the current one has been answered
 *   edits      objects of the current picture were corrected: { removed, added }; "filter" follows
 *   filter     other objects of the current picture are shown
 *   selection  another object is highlighted or chosen
 *   view       the same objects are drawn in another way
 *   columns    other columns of the table were chosen, or what they show has changed
 *   units      the size of a pixel of some picture was entered, changed or removed
 */

import { onceIdle } from "./dom.js";
import { page } from "./page.js";

export const visit = {
  pictures: [], // newest last
  current: null,
  removed: null, // the picture that was removed last, and where it was: { picture, at }
  lit: null, // the object under the pointer
  selected: null, // the object that was chosen
  ordered: [], // the objects of the current picture in the table's order
  columns: [], // of the table, besides its own: { by, heading, value, text }, the last two functions of a segment
  model: page.chosen ?? page.automatic ?? page.models[0]?.name,
  key: "",
  // brightness and contrast change how pixels are seen, and nothing that is measured
  view: { opacity: 0.4, outlines: true, labels: true, boxes: false, split: null, brightness: 1, contrast: 1 },
};

const listeners = {};

/** Call `listener` after each of these changes, whose names are separated by spaces. */
export function on(changes, listener) {
  for (const change of changes.split(" ")) (listeners[change] ??= []).push(listener);
}

/**
 * Call `listener` once after the frame in which these changes are seen, however many there are, when the browser has
 * time: for sums that may lag a little behind the picture, which then need not wait for them.
 */
export function afterwards(changes, listener) {
  on(changes, onceIdle(listener));
}

/** Announce a change. An error in a listener is reported, and stops neither the others nor the caller. */
export function tell(change, ...details) {
  for (const listener of listeners[change] ?? [])
    try {
      listener(...details);
    } catch (error) {
      reportError(error);
    }
}

/** Make this picture the current one, or none. */
export function lookAt(picture) {
  if (picture === visit.current) return;
  visit.current = picture;
  visit.lit = visit.selected = null;
  tell("current");
  tell("pictures");
}

/** Highlight an object, or none, as the pointer moves. */
export function light(object) {
  if (object === visit.lit) return;
  visit.lit = object;
  tell("selection");
}

/** Choose an object, or none. */
export function select(object) {
  if (object === visit.selected) return;
  visit.selected = object;
  tell("selection");
}

/**
 * Remove a picture from the visit; if it was the current one, its neighbour becomes current. It can be put back until
 * another one is removed.
 */
export function remove(picture) {
  const at = visit.pictures.indexOf(picture);
  visit.pictures.splice(at, 1);
  picture.abort?.abort();
  visit.removed?.picture.forget();
  visit.removed = { picture, at };
  if (picture === visit.current) lookAt(visit.pictures[Math.min(at, visit.pictures.length - 1)] ?? null);
  tell("pictures");
}

/** Put the picture that was removed last back where it was, and make it the current one. */
export function putBack() {
  const { picture, at } = visit.removed;
  visit.removed = null;
  visit.pictures.splice(at, 0, picture);
  lookAt(picture);
}
