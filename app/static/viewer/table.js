/** Table: one row per object, sortable, and linked to the picture. */

import { byId, make, oncePerFrame, swatch } from "./dom.js";
import { reveal } from "./gestures.js";
import { LongTable, MOST } from "./long-table.js";
import { areaUnit, bareArea, bareLength, lengthUnit, score } from "./units.js";
import { light, on, visit } from "./visit.js";
import { capitalised } from "./words.js";

const body = byId("objects");
const scroller = byId("table");
const section = scroller.closest("section");
const own = [...byId("headings").children];
let headings = own; // these, and those of the columns that were chosen

// Sort keys, by the heading's data-by.
const measures = {
  id: (segment) => segment.id,
  class: (segment) => segment.class,
  score: (segment) => segment.score,
  area: (segment) => segment.area,
  size: (segment) => Math.max(segment.box[2], segment.box[3]),
  place: (segment) => segment.box[1] * 1e6 + segment.box[0], // in reading order
};
const DESCENDING_FIRST = new Set(["score", "area", "size"]);

let marked = []; // segments
let sorted = { by: "id", descending: false };
const table = new LongTable(body, scroller, row);
const widths = make("tfoot"); // one row, which has no height

on("current", show);
on("edits", order); // "filter" follows
on("filter", showRows);
on("selection", mark);
on("units", show);
on("columns", changeColumns);

scroller.querySelector("table").append(widths);
for (const heading of own) makeSorting(heading);
body.addEventListener("click", (event) => {
  reveal(table.itemAt(event.target));
  bringIntoView();
});
body.addEventListener("pointerover", (event) => light(table.itemAt(event.target)));
body.addEventListener("pointerleave", () => light(null));
body.addEventListener("focusin", (event) => light(table.itemAt(event.target)));
body.addEventListener("focusout", () => light(null));

function show() {
  const picture = visit.current;
  if (!picture?.answer) return;
  section.hidden = picture.kind === "class"; // a class is not an object
  section.querySelector("h2").textContent = `${capitalised(picture.kind)}s`;
  for (const heading of headings) {
    const { unit } = heading.dataset;
    if (unit) heading.querySelector("small").textContent = unit === "area" ? areaUnit() : lengthUnit();
  }
  markHeadings();
  table.forget();
  order();
  setWidths();
  showRows();
  mark();
}

function makeSorting(heading) {
  heading.querySelector("button").addEventListener("click", () => sortBy(heading));
}

/** Write the columns that were chosen beside the table's own. */
function changeColumns() {
  for (const heading of headings) if (!own.includes(heading)) heading.remove();
  const chosen = visit.columns.map(({ by, heading }) =>
    make(
      "th",
      { scope: "col", className: "number", dataset: { by } },
      make("button", { type: "button", textContent: heading }),
    ),
  );
  byId("headings").append(...chosen);
  chosen.forEach(makeSorting);
  headings = [...own, ...chosen];
  if (!(sorted.by in measures) && !headings.some(({ dataset }) => dataset.by === sorted.by))
    sorted = { by: "id", descending: false };
  if (visit.current?.answer) show();
}

/** What the columns say of a segment. */
function texts(segment) {
  const [x, y, width, height] = segment.box;
  return [
    String(segment.id),
    segment.class,
    score(segment.score),
    bareArea(segment.area),
    `${bareLength(width, "x")} × ${bareLength(height, "y")}`,
    `${bareLength(x, "x")}, ${bareLength(y, "y")}`,
    ...visit.columns.map(({ text }) => text(segment)),
  ];
}

function row(segment) {
  const element = rowWith(texts(segment), segment);
  showMark(element, segment);
  return element;
}

function rowWith([id, ...others], { colour, edited, class: name }) {
  const number = make("button", { type: "button", textContent: id, tabIndex: -1 });
  const what = capitalised(visit.current.kind);
  const corrected = edited ? ", corrected" : "";
  number.setAttribute("aria-label", `${what} ${id}, ${name}${corrected}, show in the picture`);
  const first = make("td", { className: "number" }, swatch(colour), number);
  if (edited) first.append(make("span", { className: "edited", title: "Corrected by hand", textContent: "✎" }));
  const [ofClass, ...numbers] = others;
  const cells = [
    make("td", { className: "class", title: ofClass, textContent: ofClass }),
    ...numbers.map((textContent) => make("td", { className: "number", textContent })),
  ];
  return make("tr", {}, first, ...cells);
}

/** Keep the columns as wide as their longest texts need, whichever rows are in the document. */
function setWidths() {
  widths.replaceChildren();
  if (visit.ordered.length <= MOST) return;
  const longest = [];
  for (const segment of visit.ordered)
    texts(segment).forEach((text, at) => (longest[at] = text.length > (longest[at]?.length ?? -1) ? text : longest[at]));
  const element = rowWith(longest, { ...visit.ordered[0], edited: true });
  element.setAttribute("aria-hidden", "true");
  element.style.visibility = "collapse";
  widths.append(element);
}

function sortBy(heading) {
  const { by } = heading.dataset;
  const descending = sorted.by === by ? !sorted.descending : (DESCENDING_FIRST.has(by) || !(by in measures));
  sorted = { by, descending };
  markHeadings();
  order();
  showRows();
}

/** Compares two segments by the chosen column, then by number. */
function comparison() {
  const measure = measures[sorted.by] ?? visit.columns.find(({ by }) => by === sorted.by).value;
  const sign = sorted.descending ? -1 : 1;
  const compare = (a, b) => (a < b ? -sign : a > b ? sign : 0);
  return (a, b) => compare(measure(a), measure(b)) || a.id - b.id;
}

function order() {
  const { segments } = visit.current;
  visit.ordered = [...segments].sort(comparison());
  // A column with the same text in each row only wastes space.
  scroller.classList.toggle("one-class", segments.every((segment) => segment.class === segments[0].class));
}

function markHeadings() {
  for (const heading of headings)
    if (heading.dataset.by !== sorted.by) heading.removeAttribute("aria-sort");
    else heading.setAttribute("aria-sort", sorted.descending ? "descending" : "ascending");
}

function showRows() {
  const picture = visit.current;
  const shown = new Set(picture.shown);
  const hadFocus = body.contains(document.activeElement);
  scroller.hidden = shown.size === 0;
  table.show(visit.ordered.filter((segment) => shown.has(segment)));
  if (hadFocus && !body.contains(document.activeElement)) byId("view").focus({ preventScroll: true });
}

function mark() {
  const before = marked;
  const { lit, selected } = visit;
  marked = [lit, selected].filter(Boolean);
  for (const segment of [...before, ...marked]) showMark(table.rowOf(segment), segment);
  scrollToMarked();
}

/** Once for all that happens in a frame, because it costs a layout. */
const scrollToMarked = oncePerFrame(() => {
  const wanted = visit.lit ?? visit.selected;
  if (wanted && !table.rowOf(wanted)?.matches(":hover, :focus-within")) table.reveal(wanted);
});

function showMark(element, segment) {
  if (!element) return;
  element.classList.toggle("lit", segment === visit.lit);
  element.classList.toggle("selected", segment === visit.selected);
  const number = element.querySelector("button");
  if (segment === visit.selected) number.setAttribute("aria-current", "true");
  else number.removeAttribute("aria-current");
}

/** On a phone, the picture is above the table: scroll to it unless most of it is to be seen. */
function bringIntoView() {
  const view = byId("view");
  const { top, bottom, height } = view.getBoundingClientRect();
  if (Math.min(bottom, innerHeight) - Math.max(top, 0) < height / 2) view.scrollIntoView({ block: "nearest" });
}
