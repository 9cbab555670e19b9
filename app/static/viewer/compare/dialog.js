/** Compare: two answers side by side, moved together, with what only one of them has in colour. */

import { make, swatch } from "../dom.js";
import { buildLargeDialog } from "../later/large-dialog.js";
import { counted, number, percent } from "../units.js";
import { Viewport } from "../viewport.js";
import { on, visit } from "../visit.js";
import { agreement, match } from "./matching.js";
import { Pane } from "./pane.js";
import { choices } from "./sides.js";

const COLOURS = ["#e69f00", "#56b4e9"]; // of Okabe and Ito: told apart by everybody

const viewport = new Viewport();
const panes = COLOURS.map((colour) => new Pane(viewport, colour, () => draw(), point));
const names = panes.map(() => make("h3"));
const counts = panes.map(() => make("p", { className: "hint" }));
const both = make("p", { className: "in-both" });
const state = make("p", { className: "hint" });
const others = make("select", { id: "compare-with" });
const next = make("button", { type: "button", textContent: "Next difference" });
let sides = [];
let differences = [];
let at = -1;
let place = null; // of the pointer, in pixels of the picture
let abort = null;
let bitmaps = [];

state.setAttribute("role", "status");
const dialog = await build();

others.addEventListener("change", load);
next.addEventListener("click", goToNext);
new ResizeObserver(() => fit()).observe(panes[0].element);
on("current", () => dialog.close());
dialog.addEventListener("close", () => {
  abort?.abort();
  clear();
});

/** Open the comparison of the current picture with the first of the others. */
export function openComparison() {
  const groups = choices();
  sides = groups.flatMap(([, group]) => group);
  others.replaceChildren(
    ...groups.map(([label, group]) =>
      make("optgroup", { label }, ...group.map((side) => make("option", { value: sides.indexOf(side), textContent: side.name }))),
    ),
  );
  dialog.showModal();
  viewport.fits = true;
  clear();
  if (sides.length) load();
  else state.textContent = "There is nothing to compare with: add another picture.";
}

function clear() {
  for (const pane of panes) pane.show(null);
  for (const bitmap of bitmaps) bitmap.close();
  bitmaps = [];
  for (const element of [...names, ...counts, both, state]) element.textContent = "";
  differences = [];
  next.disabled = true;
  draw();
}

async function load() {
  abort?.abort();
  const { signal } = (abort = new AbortController());
  const left = visit.current;
  clear();
  state.textContent = "Looking for objects…";
  try {
    const right = await sides[others.value].load(signal);
    const opened = [await createImageBitmap(left.showable), await createImageBitmap(right.showable)];
    if (signal.aborted) return opened.forEach((bitmap) => bitmap.close());
    bitmaps = opened;
    state.textContent = "";
    show([left, right]);
  } catch (error) {
    if (signal.aborted) return;
    state.textContent = `${error.title ?? "It could not be compared"}. ${error.detail ?? ""}`;
  }
}

function show(pictures) {
  const found = compared(...pictures);
  const { name, version } = pictures[0].answer.model;
  names[0].textContent = `${pictures[0].name}, ${name} version ${version}`;
  names[1].textContent = sides[others.value].name;
  pictures.forEach((picture, side) => {
    const alone = found.alone[side];
    counts[side].replaceChildren(swatch(COLOURS[side]), ` ${describe(picture, alone, found.isMatched)}`);
    panes[side].show({
      bitmap: bitmaps[side],
      size: picture.answer.image,
      kind: picture.kind,
      both: picture.shown.filter((segment) => !alone.includes(segment)),
      alone,
    });
  });
  both.textContent = found.words;
  differences = found.isMatched ? found.alone.flat().sort((a, b) => b.area - a.area) : [];
  at = -1;
  next.disabled = !differences.length;
  const sizes = pictures.map(({ answer }) => answer.image);
  viewport.picture = undefined; // of the comparison before
  fit({ width: Math.max(...sizes.map(({ width }) => width)), height: Math.max(...sizes.map(({ height }) => height)) });
}

/** What two pictures have in common: { alone: [of the left, of the right], words, isMatched }. */
function compared(left, right) {
  const isSameSize = left.answer.image.width === right.answer.image.width && left.answer.image.height === right.answer.image.height;
  if (!isSameSize)
    return { alone: [[], []], isMatched: false, words: "The pictures have different sizes, so only counts can be compared." };
  if (left.kind === "class" && right.kind === "class") {
    const shares = agreement(left.shown, right.shown).map(([name, dice]) => `${name} ${dice.toFixed(3)}`);
    return { alone: [[], []], isMatched: false, words: `Agreement by class (Dice, 1 is perfect): ${shares.join(", ")}` };
  }
  const { pairs, onlyLeft, onlyRight } = match(left.shown, right.shown);
  const mean = pairs.reduce((sum, { iou }) => sum + iou, 0) / pairs.length;
  const overlap = pairs.length ? `, overlapping by ${percent(mean)} on average (IoU)` : "";
  return { alone: [onlyLeft, onlyRight], isMatched: true, words: `${counted(pairs.length, "object")} in both${overlap}` };
}

function describe({ kind, shown }, alone, isMatched) {
  const all = counted(shown.length, kind, kind === "class" ? "classes" : undefined);
  return isMatched ? `${all}, ${number(alone.length)} only here` : all;
}

function fit(picture = viewport.picture) {
  const size = panes.map((pane) => pane.fit())[0];
  if (picture?.width && size.width && size.height) viewport.resize(picture, size);
  draw();
}

function draw() {
  for (const pane of panes) pane.draw(place);
}

function point(where) {
  place = where;
  draw();
}

/** Bring the next object that only one side has into view, the largest first. */
function goToNext() {
  at = (at + 1) % differences.length;
  const [x, y, width, height] = differences[at].box;
  panes[0].steering.change(() => viewport.reveal([x, y, width, height]));
  place = [x + width / 2, y + height / 2];
  draw();
}

function build() {
  const fitting = make("button", { type: "button", textContent: "Fit" });
  fitting.addEventListener("click", () => panes[0].steering.change(() => viewport.fit()));
  const beside = [make("label", {}, "with ", others), both, state];
  const columns = panes.map((pane, side) => make("section", {}, names[side], counts[side], pane.element));
  const looks = new URL("compare.css", import.meta.url);
  return buildLargeDialog("compare", "Compare", looks, { beside, actions: [fitting, next] }, ...columns);
}
