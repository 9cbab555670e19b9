/**
 * The visit: its pictures, which of them is looked at, and how.
 *
 * The parts of the page never call each other. One changes the visit and tells what has changed; those that
 * show it listen:
 *
 *   pictures   a picture came, went, or got further
 *   current    another picture is looked at, or the one that is has been answered
 *   filter     other objects of the current picture are shown
 *   selection  another object is lit up
 *   view       the same objects are drawn in another way
 *   units      another size of a pixel is known, or none
 */

import { page } from "./page.js";

export const visit = {
  pictures: [], // newest last
  current: null,
  lit: null, // the object under the pointer
  selected: null, // the object that was chosen
  model: page.automatic ?? page.models[0]?.name,
  key: "",
  micrometres: null, // a pixel, where somebody has said it
  view: { opacity: 0.4, outlines: true, labels: true, boxes: false, split: null },
};

const listeners = {};

/** Call `listener` after each of these changes. */
export function on(changes, listener) {
  for (const change of changes.split(" ")) (listeners[change] ??= []).push(listener);
}

/** Something has changed. A listener that fails is reported, and stops neither the others nor the teller. */
export function tell(change, ...details) {
  for (const listener of listeners[change] ?? [])
    try {
      listener(...details);
    } catch (error) {
      reportError(error);
    }
}

/** Look at this picture, or at none. */
export function lookAt(picture) {
  if (picture === visit.current) return;
  visit.current = picture;
  visit.lit = visit.selected = null;
  tell("current");
  tell("pictures");
}

/** Light up an object, or none, as the pointer passes. */
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

/** Take a picture out of the visit; what is beside it is looked at instead. */
export function remove(picture) {
  const at = visit.pictures.indexOf(picture);
  visit.pictures.splice(at, 1);
  picture.forget();
  if (picture === visit.current) lookAt(visit.pictures[Math.min(at, visit.pictures.length - 1)] ?? null);
  tell("pictures");
}
