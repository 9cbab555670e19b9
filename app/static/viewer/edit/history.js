/**
 * History: edits of a picture, which can be undone and redone.
 *
 * An edit is { action, before, after }: what was done, the segments that it removes and those that it adds. The
 * picture keeps its edits as plain values, so that they can be stored with it.
 */

import { light, select, tell, visit } from "../visit.js";

/** Make an edit of the current picture. */
export function apply(edit) {
  const { done } = visit.current.edits;
  replace(edit.before, edit.after, { done: [...done, edit], undone: [] });
}

/** Take back the last edit, and return it; null if there is none. */
export function undo() {
  const { done, undone } = visit.current.edits;
  const edit = done.at(-1);
  if (!edit) return null;
  replace(edit.after, edit.before, { done: done.slice(0, -1), undone: [...undone, edit] });
  return edit;
}

/** Make again what was undone last, and return it; null if there is nothing. */
export function redo() {
  const { done, undone } = visit.current.edits;
  const edit = undone.at(-1);
  if (!edit) return null;
  replace(edit.before, edit.after, { done: [...done, edit], undone: undone.slice(0, -1) });
  return edit;
}

function replace(removed, added, edits) {
  const picture = visit.current;
  const hadSelection = removed.includes(visit.selected);
  if (removed.includes(visit.lit)) light(null);
  const hidden = picture.hiddenClasses.size;
  picture.replace(removed, added, edits);
  tell("edits", { removed, added });
  tell("filter");
  if (picture.hiddenClasses.size < hidden) tell("view"); // others of these classes are shown now, too
  const next = added.find((segment) => picture.shown.includes(segment)) ?? null;
  if (hadSelection || next) select(next);
}
