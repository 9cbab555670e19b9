/**
 * The state of correcting: the tool, the objects that are chosen, and what is being drawn.
 *
 * As in visit.js, parts listen: "edit" is announced when the tool, its settings or the chosen objects change, and
 * "drawing" when the cursor or what is being drawn does.
 */

import { byId } from "../dom.js";
import { page } from "../page.js";
import { on, select, tell, visit } from "../visit.js";

export const edit = {
  on: false,
  tool: "select", // or "polygon", "brush", "cut"
  erases: false, // polygon and brush take pixels away
  several: false, // a tap adds to the chosen objects, as with the shift key
  size: 9, // of the brush, in pixels of the picture
  kind: null, // class of new objects: { name, id }
  chosen: new Set(), // segments; if there are any, visit.selected is one of them
  points: [], // of what is being drawn: [x, y] in pixels of the picture
  band: null, // the rectangle that chooses several objects: its first point
  pen: false, // the brush is down
  cursor: null, // [x, y] in pixels of the picture
  byKeys: false, // the arrow keys moved the cursor last
  message: "",
};

export const SIZES = { least: 1, most: 200 };

/** Change the tool, its settings or the message. */
export function set(values) {
  Object.assign(edit, values);
  tell("edit");
}

/** Change the cursor or what is being drawn. */
export function sketch(values) {
  Object.assign(edit, values);
  tell("drawing");
}

/** Drop what is being drawn. Returns whether there was anything. */
export function drop() {
  const had = edit.points.length > 0 || edit.band !== null;
  sketch({ points: [], band: null, pen: false });
  return had;
}

/** Choose a tool. */
export function take(tool) {
  drop();
  set({ tool, message: "" });
}

/** Change the size of the brush. */
export function resize(size) {
  set({ size: Math.round(Math.min(Math.max(size, SIZES.least), SIZES.most)) });
  tell("drawing");
}

/** Choose these objects only. */
export function choose(segments) {
  edit.chosen = new Set(segments);
  select(segments.at(-1) ?? null);
  tell("edit");
}

/** Choose this object too, or no longer. */
export function toggle(segment) {
  if (!edit.chosen.delete(segment)) edit.chosen.add(segment);
  choose([...edit.chosen]);
}

/** The classes of the current picture's model: { name, id } each. */
export function kinds() {
  const { answer, segments } = visit.current;
  const names = answer.classes ?? page.models.find(({ name }) => name === answer.model.name)?.classes;
  if (names) return names.map((name, at) => ({ name, id: at + 1 }));
  // The model is no longer loaded.
  const found = segments.map((segment) => [segment.class, { name: segment.class, id: segment.class_id }]);
  return [...new Map(found).values()];
}

/** Whether there is a picture to be corrected. */
export function isReady() {
  return edit.on && visit.current?.state === "done";
}

on("selection", () => {
  const { selected } = visit;
  if (selected ? edit.chosen.has(selected) : edit.chosen.size === 0) return;
  edit.chosen = new Set(selected ? [selected] : []);
  tell("edit");
});
on("filter", () => {
  const shown = new Set(visit.current.shown);
  const left = [...edit.chosen].filter((segment) => shown.has(segment));
  if (left.length < edit.chosen.size) choose(left);
});
on("current", () => {
  edit.chosen = new Set(visit.selected ? [visit.selected] : []);
  drop();
  if (visit.current?.answer) {
    const all = kinds();
    edit.kind = all.find(({ name }) => name === edit.kind?.name) ?? all[0];
  }
  set({ message: "" });
});

/** Move the keyboard's focus to the picture. */
export function focusPicture() {
  byId("view").focus({ preventScroll: true });
}
