/**
 * Panel: the measures of the current picture's objects, as columns of the table, filters and plots. Loaded by measure.js
 * when somebody first wants them; from then on, every picture that is looked at is measured.
 */

import { byId, dress, make, makeSvg } from "../dom.js";
import { Histogram } from "../histogram.js";
import { afterwards, on, tell, visit } from "../visit.js";
import * as limits from "./limits.js";
import { title, titleAndUnit, written } from "./names.js";
import { Scatter } from "./scatter.js";
import { forgetAround, measure, namesIn, recall, valueOf } from "./values.js";

const place = byId("measures");
const problem = byId("measure-problem");
const state = make("p", { className: "hint" });
state.setAttribute("role", "status");
const columns = make("div", { className: "choices" });
const bars = chooser("Histogram of", "circularity");
const across = chooser("Across", "area");
const up = chooser("Up", "circularity");
const figure = make(
  "figure",
  { className: "histogram" },
  make("figcaption"),
  makeSvg("svg", { role: "img" }),
  make("p", { className: "axis" }, make("span", { className: "low" }), make("span", { className: "high" })),
);
const histogram = new Histogram(figure);
const scatter = new Scatter(keepRectangle);
const ends = { left: make("span"), right: make("span"), low: make("span"), high: make("span") };
const chosen = new Set(["circularity"]); // the names of the columns
let names = [];

await dress(new URL("plots.css", import.meta.url));
build();

let onClose = null; // while the panel is open

on("current", follow);
on("edits", ({ removed, added }) => forgetAround([...removed, ...added], visit.current));
afterwards("edits", () => isOpen() && complete());
afterwards("filter", () => isOpen() && showPlots());
on("selection", () => onClose && scatter.draw());
on("units", () => {
  if (!isOpen()) return;
  show();
  complete(); // measures of pixels that are not square depend on their sides
});

/** Whether there is a picture whose measures are shown. */
function isOpen() {
  return onClose !== null && Boolean(visit.current?.answer);
}

/** Show the measures until somebody closes them; then `closed` is called. */
export function openMeasures(closed) {
  onClose = closed;
  visit.pictures.forEach(takeUp);
  if (visit.current?.within) tell("filter");
  follow();
}

/** Take up the measures and limits that a picture has from an earlier visit. */
function takeUp(picture) {
  recall(picture);
  if (!picture.limits) return;
  limits.restrict(picture);
  picture.filter();
}

/** Take columns, plots and filters away: a filter that nobody sees would deceive. */
function close() {
  const closed = onClose;
  onClose = null;
  place.hidden = true;
  limits.drop();
  visit.columns = [];
  tell("columns");
  closed();
}

async function follow() {
  const picture = visit.current;
  place.hidden = !onClose || !picture?.answer || picture.kind === "class";
  if (place.hidden) return;
  show();
  complete();
}

/** Have measured what is not measured yet. */
async function complete() {
  const picture = visit.current;
  state.textContent = "Measuring…";
  problem.hidden = true;
  try {
    const some = await measure(picture, visit.key);
    if (picture !== visit.current || !onClose) return;
    describe();
    if (!some) return;
    if (picture.within) limits.apply();
    show();
  } catch (error) {
    if (picture !== visit.current) return;
    problem.textContent = ["The objects could not be measured", error.title, error.detail].filter(Boolean).join(". ");
    problem.hidden = false;
    state.replaceChildren(again);
  }
}

const again = make("button", { type: "button", textContent: "Measure again" });
again.addEventListener("click", complete);

function describe() {
  const { segments, measured, answer } = visit.current;
  if (!segments.length) state.textContent = "There is nothing to measure.";
  else if (!measured.includes("intensity"))
    state.textContent = "Shapes only: the picture's own file is not here, or cannot be measured.";
  else
    state.textContent = answer.is_copy ? "Intensities are those of the picture in the zip, a copy with 8 bits a channel." : "";
}

function show() {
  names = namesIn(visit.current);
  showColumns();
  limits.show(names);
  for (const one of [bars, across, up]) fill(one);
  showPlots();
}

function showColumns() {
  const offered = names.filter((name) => name !== "area"); // which the table has
  columns.replaceChildren(
    ...offered.map((name) => {
      const box = make("input", { type: "checkbox", checked: chosen.has(name), autocomplete: "off" });
      box.addEventListener("change", () => {
        if (box.checked) chosen.add(name);
        else chosen.delete(name);
        putColumns(offered);
      });
      return make("label", {}, box, ` ${title(name)}`);
    }),
  );
  putColumns(offered);
}

function putColumns(offered) {
  visit.columns = offered
    .filter((name) => chosen.has(name))
    .map((name) => ({
      by: `measure ${name}`,
      heading: titleAndUnit(name),
      value: (segment) => valueOf(segment, name) ?? -Infinity,
      text: (segment) => written(name, valueOf(segment, name)),
    }));
  tell("columns");
}

function showPlots() {
  const picture = visit.current;
  const [shape, x, y] = [bars, across, up].map(({ select }) => select.value);
  place.classList.toggle("unmeasured", !shape);
  if (!shape) return;
  const has = (name) => (segment) => Number.isFinite(valueOf(segment, name));
  const { segments, shown } = picture;
  const range = rangeOf(segments, shape);
  histogram.spread(segments.filter(has(shape)), (segment) => valueOf(segment, shape), range);
  const marked = shown.filter(has(shape));
  histogram.mark(marked);
  histogram.label(titleAndUnit(shape), ...range.map((end) => written(shape, end)), `${marked.length} shown`);
  const dots = shown.filter(has(x)).filter(has(y));
  const ranges = [rangeOf(segments, x), rangeOf(segments, y)];
  scatter.show(dots, (segment) => valueOf(segment, x), (segment) => valueOf(segment, y), ranges);
  scatter.canvas.setAttribute("aria-label", `${titleAndUnit(y)} by ${titleAndUnit(x)}: ${dots.length} shown`);
  [ends.left, ends.right].forEach((end, at) => (end.textContent = written(x, ranges[0][at])));
  [ends.low, ends.high].forEach((end, at) => (end.textContent = written(y, ranges[1][at])));
}

/** The lowest and highest value of a measure; never the same. */
function rangeOf(segments, name) {
  let [low, high] = [Infinity, -Infinity];
  for (const segment of segments) {
    const value = valueOf(segment, name) ?? NaN;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (low > high) return [0, 1];
  return low === high ? [low, low + 1] : [low, high];
}

function keepRectangle(horizontal, vertical) {
  limits.limit(across.select.value, ...horizontal);
  if (up.select.value !== across.select.value) limits.limit(up.select.value, ...vertical);
  limits.show(names);
  limits.apply();
}

/** A list of measures, of which one is chosen. */
function chooser(words, preferred) {
  const select = make("select", { autocomplete: "off" });
  select.addEventListener("change", showPlots);
  return { select, preferred, label: make("label", { className: "chooser" }, `${words} `, select) };
}

function fill({ select, preferred }) {
  const before = select.value || preferred;
  select.replaceChildren(...names.map((name) => make("option", { value: name, textContent: titleAndUnit(name) })));
  select.value = names.includes(before) ? before : (names[0] ?? "");
}

function build() {
  const closing = make("button", { type: "button", textContent: "Close the measures" });
  closing.addEventListener("click", close);
  place.append(
    state,
    make("details", {}, make("summary", { textContent: "Columns of the table" }), columns),
    make("h3", { textContent: "Filter" }),
    limits.element,
    make("h3", { textContent: "Plots" }),
    bars.label,
    figure,
    make("div", { className: "axes" }, across.label, up.label),
    make(
      "div",
      { className: "plot" },
      make("p", { className: "axis upright" }, ends.high, ends.low),
      scatter.canvas,
      make("p", { className: "axis" }, ends.left, ends.right),
    ),
    make("p", { className: "hint", textContent: "Point at a dot to find its object. Drag a rectangle to keep only what is in it." }),
    make("p", {}, closing),
  );
}
