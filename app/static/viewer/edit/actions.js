/** Actions: what buttons and keys do to the chosen objects, and what the bar says about it. */

import { visit } from "../visit.js";
import { apply, redo, undo } from "./history.js";
import * as operations from "./operations.js";
import { withOneClassEach } from "./pixels.js";
import { choose, edit, set } from "./state.js";

/** Make an edit and say so; if it is null, say why there is none. */
export function make(made, otherwise) {
  if (!made) return set({ message: otherwise });
  const { current } = visit;
  apply(current.isOfPixels ? withOneClassEach(made, current) : made);
  const { after } = current.edits.done.at(-1);
  choose(after.slice(0, made.after.length).filter((segment) => current.shown.includes(segment)));
  set({ message: `${sentence(made)}.` });
}

export function deleteChosen() {
  make(operations.remove([...edit.chosen]), "Choose an object to delete it.");
}

export function mergeChosen() {
  const several = "Choose two or more objects to merge them: hold Shift, or use “Several”.";
  make(operations.merge([...edit.chosen]), several);
}

/** Give the chosen objects a class, which new ones will have too. */
export function relabelChosen(kind) {
  edit.kind = kind;
  if (!edit.chosen.size) return set({ message: `New ${visit.current.kind}s will be of the class ${kind.name}.` });
  const { name } = kind;
  make(operations.relabel([...edit.chosen], kind, visit.current), `Already of the class ${name}.`);
}

export function undoLast() {
  const undone = undo();
  set({ message: undone ? `Undone: ${lower(sentence(undone))}.` : "Nothing to undo." });
}

export function redoLast() {
  const redone = redo();
  set({ message: redone ? `Done again: ${lower(sentence(redone))}.` : "Nothing to redo." });
}

function sentence({ action, before, after }) {
  const { kind } = visit.current;
  const named = (segments) =>
    segments.length === 1 ? `${kind} ${segments[0].id}` : `${segments.length} ${kind === "class" ? "classe" : kind}s`;
  switch (action) {
    case "delete":
      return `Deleted ${named(before)}`;
    case "draw":
      return `Drew ${named(after)}`;
    case "merge":
      return `Merged ${named(before)} into ${named(after)}`;
    case "split":
      return `Split ${named(before)} into ${after.length}`;
    case "relabel":
      return `Changed the class of ${named(before)} to ${after[0].class}`;
    default:
      return `Changed the outline of ${named(before)}`;
  }
}

function lower(text) {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
