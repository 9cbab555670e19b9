/**
 * History: edits of a picture, which can be undone and redone.
 *
 * An edit is { action, before, after }: what was done, the segments that it removes and those that it adds. The
 * picture keeps its edits as plain values, so that they can be stored with it.
 */

import { light, select, tell, visit } from "../visit.js";

/** Make an edit of the current picture. */
export function apply(edit) {
  const { edits } = visit.current;
  edits.done.push(edit);
  edits.undone = [];
  replace(edit.before, edit.after);
}

/** Take back the last edit, and return it; null if there is none. */
export function undo() {
  const { edits } = visit.current;
  const edit = edits.done.pop() ?? null;
  if (!edit) return null;
  edits.undone.push(edit);
  replace(edit.after, edit.before);
  return edit;
}

/** Make again what was undone last, and return it; null if there is nothing. */
export function redo() {
  const { edits } = visit.current;
  const edit = edits.undone.pop() ?? null;
  if (!edit) return null;
  edits.done.push(edit);
  replace(edit.before, edit.after);
  return edit;
}

function replace(removed, added) {
  const picture = visit.current;
  const hadSelection = removed.includes(visit.selected);
  if (removed.includes(visit.lit)) light(null);
  picture.replace(removed, added);
  tell("edits", { removed, added });
  tell("filter");
  const next = added.find((segment) => picture.shown.includes(segment)) ?? null;
  if (hadSelection || next) select(next);
}
