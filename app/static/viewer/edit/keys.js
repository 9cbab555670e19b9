/** Keys: everything can be corrected without a mouse. The arrow keys move a cursor, and the space bar sets points. */

import { keyOf, takesKeys } from "../correct.js";
import { byId } from "../dom.js";
import { redraw, viewport } from "../stage.js";
import { visit } from "../visit.js";
import { deleteChosen, mergeChosen, redoLast, undoLast } from "./actions.js";
import { choose, drop, edit, isReady, resize, set, sketch, take, toggle } from "./state.js";
import { chooseAt, finish, move, press, release, removePoint } from "./tools.js";

const STEP = 8; // CSS pixels per press of an arrow key, but at least a pixel of the picture
const LARGER = 1.25;

const view = byId("view");

addEventListener("keydown", onKey, true);

function onKey(event) {
  if (!isReady() || takesKeys(event.target) || event.altKey) return;
  const action = actionFor(event);
  if (!action) return;
  event.preventDefault();
  event.stopPropagation();
  action(event);
}

function actionFor(event) {
  const { ctrlKey, metaKey, shiftKey, target } = event;
  const key = keyOf(event);
  if (ctrlKey || metaKey) {
    if (key === "z") return shiftKey ? redoLast : undoLast;
    return key === "y" ? redoLast : null;
  }
  if (target === view && shiftKey && adding[key]) return adding[key];
  if (target === view && inView[key]) return inView[key];
  // On a button in the page, Escape and letters work too.
  if (key === "Escape") return edit.points.length || edit.chosen.size ? letGo : null;
  return anywhere[key];
}

/** Drop what is being drawn; if there is nothing, the choice. */
function letGo() {
  if (!drop()) choose([]);
}

const anywhere = {
  v: () => take("select"),
  d: () => take("polygon"),
  b: () => take("brush"),
  s: () => take("cut"),
  x: () => set({ erases: !edit.erases }),
  m: mergeChosen,
  c: () => byId("edit-class").focus(),
  Delete: deleteChosen,
  "[": () => resize(Math.min(edit.size - 1, edit.size / LARGER)),
  "]": () => resize(Math.max(edit.size + 1, edit.size * LARGER)),
};

const inView = {
  ArrowLeft: (event) => moveCursor(-1, 0, event),
  ArrowRight: (event) => moveCursor(1, 0, event),
  ArrowUp: (event) => moveCursor(0, -1, event),
  ArrowDown: (event) => moveCursor(0, 1, event),
  " ": setPoint,
  Enter: () => (edit.pen ? release(edit.cursor) : finish()),
  Backspace: () => (edit.points.length && !edit.pen ? removePoint() : deleteChosen()),
};

// With Shift, in addition to what is chosen.
const adding = {
  n: () => chooseNext(1),
  p: () => chooseNext(-1),
};

/** Move the cursor by a step, or with Shift by a pixel; the picture follows it. */
function moveCursor(x, y, { shiftKey }) {
  const { width, height } = visit.current.answer.image;
  const step = shiftKey ? 1 : Math.max(1, Math.round(STEP / viewport.scale));
  const [column, row] = cursor();
  // At the centre of a pixel.
  const to = (value, by, end) => Math.min(Math.max(Math.floor(value) + by * step, 0), end - 1) + 0.5;
  const point = [to(column, x, width), to(row, y, height)];
  sketch({ cursor: point, byKeys: true });
  if (edit.pen) move(point);
  viewport.reveal([point[0] - 0.5, point[1] - 0.5, 1, 1]);
  redraw();
}

/** The cursor; at first in the middle of the chosen object, or of the view. */
function cursor() {
  if (edit.cursor) return edit.cursor;
  if (visit.selected) {
    const [x, y, width, height] = visit.selected.box;
    return [x + width / 2, y + height / 2];
  }
  return viewport.toPicture(viewport.view.width / 2, viewport.view.height / 2);
}

/** The space bar: choose, set a point, or put the brush down and lift it again. */
function setPoint({ shiftKey, repeat }) {
  if (repeat) return;
  const point = cursor();
  sketch({ cursor: point, byKeys: true });
  if (edit.tool === "select") return chooseAt(point, shiftKey || edit.several);
  if (edit.pen) return release(point);
  press(point);
  if (edit.tool !== "brush") release(point);
}

/** Choose the next or previous object too. */
function chooseNext(by) {
  const { shown } = visit.current;
  if (!shown.length) return;
  const at = shown.indexOf(visit.selected);
  const from = at < 0 && by < 0 ? 0 : at; // without a choice, backwards from the end
  for (let step = 1; step <= shown.length; step++) {
    const segment = shown[(from + by * step + 2 * shown.length) % shown.length];
    if (edit.chosen.has(segment)) continue;
    toggle(segment);
    viewport.reveal(segment.box);
    return redraw();
  }
}
