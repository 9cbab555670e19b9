/** Bar: the tools, the actions, and a line that says what was done or how to go on. */

import { byId, make } from "../dom.js";
import { on, visit } from "../visit.js";
import { deleteChosen, mergeChosen, redoLast, relabelChosen, undoLast } from "./actions.js";
import { edit, focusPicture, isReady, kinds, resize, set, SIZES, take } from "./state.js";

const HINTS = {
  select: "Click an object to choose it; with Shift, several, or drag a rectangle around them.",
  polygon: "Click from point to point, or draw in one go. Close with a double click, Enter, or the first point.",
  brush: "Draw: it adds to the chosen object, or begins a new one.",
  cut: "Draw a line across an object, or click points and press Enter.",
};
const HINTS_FOR_FINGERS = {
  ...HINTS,
  select: "Tap an object to choose it, or several with “Several”.",
  polygon: "Draw around an object in one go, or tap from point to point and the first point again.",
  cut: "Draw a line across an object.",
};
const fingers = matchMedia("(pointer: coarse)");
const ERASING = "Draw: it erases from the chosen object, or from the one where you start.";

const tools = {
  select: button("Choose", "V", () => take("select")),
  polygon: button("Outline", "D", () => take("polygon")),
  brush: button("Brush", "B", () => take("brush")),
  cut: button("Split", "S", () => take("cut")),
};
const erase = button("Erase", "X", () => set({ erases: !edit.erases }));
const several = button("Several", null, () => set({ several: !edit.several }));
const size = make("input", { type: "range", min: SIZES.least, max: SIZES.most });
const sizeValue = make("output");
const sizeLabel = make("label", { className: "slider" }, "Size ", size, sizeValue);
const remove = button("Delete", "Delete", deleteChosen);
const merge = button("Merge", "M", mergeChosen);
const kind = make("select", { id: "edit-class" });
const kindLabel = make("label", { className: "slider" }, "Class ", kind);
const undo = button("Undo", "Control+Z", undoLast);
const redo = button("Redo", "Control+Shift+Z", redoLast);
const message = make("p", { className: "hint edit-message", role: "status" });
const keys = make("p", {
  className: "hint keys",
  id: "edit-keys",
  textContent:
    "Keys: arrows move a cursor, with Shift by one pixel; Space chooses, sets a point, or puts the brush down and lifts " +
    "it; Enter completes, Backspace takes a point back, Esc drops it. n, p choose, with Shift several; [ ] size; " +
    "c class; e ends.",
});

const bar = make(
  "div",
  { id: "edit-bar", className: "edit-bar", hidden: true },
  group("Tool", ...Object.values(tools)),
  group("How the tool works", erase, several, sizeLabel),
  group("Chosen objects", remove, merge, kindLabel),
  group("Corrections", undo, redo),
  message,
  keys,
);
byId("toolbar").after(bar);

size.addEventListener("input", () => resize(size.valueAsNumber));
kind.addEventListener("change", () => {
  relabelChosen(kinds()[kind.selectedIndex]);
  focusPicture();
});
on("edit edits", show);
on("current", showKinds);

/** Show the bar, or hide it. */
export function open(isOpen) {
  bar.hidden = !isOpen;
  if (isOpen) showKinds();
}

function button(text, shortcut, action) {
  const element = make("button", { type: "button", textContent: text });
  if (shortcut) {
    element.setAttribute("aria-keyshortcuts", shortcut);
    element.title = `${text} (${shortcut.replace("Control", "Ctrl")})`;
  }
  element.addEventListener("click", action);
  return element;
}

function group(name, ...controls) {
  const element = make("div", { className: "tools" }, ...controls);
  element.setAttribute("role", "group");
  element.setAttribute("aria-label", name);
  return element;
}

function showKinds() {
  if (visit.current?.answer)
    kind.replaceChildren(...kinds().map(({ name }) => make("option", { textContent: name })));
  show();
}

function show() {
  const ready = isReady();
  for (const control of bar.querySelectorAll("button, input, select")) control.disabled = !ready;
  if (!ready) return;
  const { tool, erases, chosen } = edit;
  for (const [name, element] of Object.entries(tools)) element.setAttribute("aria-pressed", name === tool);
  erase.setAttribute("aria-pressed", erases);
  several.setAttribute("aria-pressed", edit.several);
  erase.hidden = tool !== "polygon" && tool !== "brush";
  several.hidden = tool !== "select";
  sizeLabel.hidden = tool !== "brush";
  size.value = edit.size;
  sizeValue.textContent = `${edit.size} px`;
  remove.disabled = !chosen.size;
  merge.disabled = chosen.size < 2;
  kindLabel.hidden = kind.options.length < 2;
  kind.value = [...chosen].at(-1)?.class ?? edit.kind?.name;
  const { done, undone } = visit.current.edits;
  undo.disabled = !done.length;
  redo.disabled = !undone.length;
  const hint = erases && !erase.hidden ? ERASING : (fingers.matches ? HINTS_FOR_FINGERS : HINTS)[tool];
  const text = edit.message ? `${edit.message} ${hint}` : hint;
  if (message.textContent !== text) message.textContent = text;
}
