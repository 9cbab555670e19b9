/** Table: one row per object, sortable, and linked to the picture. */

import { byId, make, swatch } from "./dom.js";
import { reveal } from "./gestures.js";
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

let rows = new Map(); // segment → row, in the table's order
let marked = [];
let sorted = { by: "id", descending: false };

on("current", show);
on("edits", exchange);
on("filter", hideRows);
on("selection", mark);
on("units", show);
on("columns", changeColumns);

for (const heading of own) makeSorting(heading);
body.addEventListener("click", (event) => {
  reveal(segmentOf(event.target));
  bringIntoView();
});
body.addEventListener("pointerover", (event) => light(segmentOf(event.target)));
body.addEventListener("pointerleave", () => light(null));
body.addEventListener("focusin", (event) => light(segmentOf(event.target)));
body.addEventListener("focusout", () => light(null));
body.addEventListener("keydown", moveFocus);

function show() {
  const picture = visit.current;
  if (!picture?.answer) return;
  section.hidden = picture.kind === "class"; // a class is not an object
  section.querySelector("h2").textContent = `${capitalised(picture.kind)}s`;
  for (const heading of headings) {
    const { unit } = heading.dataset;
    if (unit) heading.querySelector("small").textContent = unit === "area" ? areaUnit() : lengthUnit();
  }
  // A column with the same text in each row only wastes space.
  scroller.classList.toggle("one-class", picture.classCounts().length < 2);
  rows = new Map(picture.segments.map((segment) => [segment, row(segment)]));
  order();
  hideRows();
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
  for (const [segment, element] of rows) {
    while (element.children.length > own.length) element.lastChild.remove();
    element.append(...chosenCells(segment));
  }
  if (sorted.by in measures) return;
  if (!headings.some(({ dataset }) => dataset.by === sorted.by)) sorted = { by: "id", descending: false };
  order();
}

function chosenCells(segment) {
  return visit.columns.map(({ text }) => make("td", { className: "number", textContent: text(segment) }));
}

/** Exchange rows after a correction, without a new layout of all others. */
function exchange({ removed, added }) {
  if (scroller.classList.contains("one-class") !== visit.current.classCounts().length < 2) return show();
  const hadFocus = removed.some((segment) => rows.get(segment)?.contains(document.activeElement));
  for (const segment of removed) rows.get(segment)?.remove();
  const compare = comparison();
  for (const segment of added) {
    const after = [...body.children].find((element) => compare(segment, element.segment) < 0);
    body.insertBefore(row(segment), after ?? null);
  }
  rows = new Map(Array.from(body.children, (element) => [element.segment, element]));
  visit.ordered = [...rows.keys()];
  if (hadFocus) byId("view").focus({ preventScroll: true });
}

function row(segment) {
  const [x, y, width, height] = segment.box;
  const number = make("button", { type: "button", textContent: segment.id, tabIndex: -1 });
  const what = capitalised(visit.current.kind);
  const corrected = segment.edited ? ", corrected" : "";
  number.setAttribute("aria-label", `${what} ${segment.id}, ${segment.class}${corrected}, show in the picture`);
  const cells = [
    make("td", { className: "number" }, swatch(segment.colour), number),
    make("td", { className: "class", textContent: segment.class }),
    make("td", { className: "number", textContent: score(segment.score) }),
    make("td", { className: "number", textContent: bareArea(segment.area) }),
    make("td", { className: "number", textContent: `${bareLength(width, "x")} × ${bareLength(height, "y")}` }),
    make("td", { className: "number", textContent: `${bareLength(x, "x")}, ${bareLength(y, "y")}` }),
  ];
  const badge = { className: "edited", title: "Corrected by hand", textContent: "✎" };
  if (segment.edited) cells[0].append(make("span", badge));
  const element = make("tr", {}, ...cells, ...chosenCells(segment));
  element.segment = segment;
  return element;
}

function sortBy(heading) {
  const { by } = heading.dataset;
  const descending = sorted.by === by ? !sorted.descending : (DESCENDING_FIRST.has(by) || !(by in measures));
  sorted = { by, descending };
  order();
}

/** Compares two segments by the chosen column, then by number. */
function comparison() {
  const measure = measures[sorted.by] ?? visit.columns.find(({ by }) => by === sorted.by).value;
  const sign = sorted.descending ? -1 : 1;
  const compare = (a, b) => (a < b ? -sign : a > b ? sign : 0);
  return (a, b) => compare(measure(a), measure(b)) || a.id - b.id;
}

function order() {
  const segments = [...rows.keys()].sort(comparison());
  rows = new Map(segments.map((segment) => [segment, rows.get(segment)]));
  visit.ordered = segments;
  body.replaceChildren(...rows.values());
  for (const heading of headings)
    if (heading.dataset.by !== sorted.by) heading.removeAttribute("aria-sort");
    else heading.setAttribute("aria-sort", sorted.descending ? "descending" : "ascending");
  makeReachable();
}

function hideRows() {
  const shown = new Set(visit.current.shown);
  for (const [segment, element] of rows) element.hidden = !shown.has(segment);
  scroller.hidden = shown.size === 0;
  makeReachable();
}

function mark() {
  for (const element of marked) {
    element.classList.remove("lit", "selected");
    element.querySelector("button").removeAttribute("aria-current");
  }
  const { lit, selected } = visit;
  rows.get(lit)?.classList.add("lit");
  rows.get(selected)?.classList.add("selected");
  rows.get(selected)?.querySelector("button").setAttribute("aria-current", "true");
  marked = [rows.get(lit), rows.get(selected)].filter(Boolean);
  const wanted = rows.get(lit ?? selected);
  if (wanted && !wanted.matches(":hover, :focus-within")) scrollTo(wanted);
}

/** On a phone, the picture is above the table: scroll to it unless most of it is to be seen. */
function bringIntoView() {
  const view = byId("view");
  const { top, bottom, height } = view.getBoundingClientRect();
  if (Math.min(bottom, innerHeight) - Math.max(top, 0) < height / 2) view.scrollIntoView({ block: "nearest" });
}

/** Scroll the table, but not the page. */
function scrollTo(element) {
  const head = scroller.querySelector("thead").offsetHeight;
  const { offsetTop: top, offsetHeight: height } = element;
  if (top < scroller.scrollTop + head) scroller.scrollTop = top - head;
  else if (top + height > scroller.scrollTop + scroller.clientHeight)
    scroller.scrollTop = top + height - scroller.clientHeight;
}

/** Make one row reachable by Tab; the arrow keys move between rows. */
function makeReachable() {
  const buttons = [...body.querySelectorAll("tr:not([hidden]) button")];
  const reachable = body.querySelector("button[tabindex='0']");
  if (reachable && buttons.includes(reachable)) return;
  if (reachable) reachable.tabIndex = -1;
  if (buttons.length) buttons[0].tabIndex = 0;
}

function moveFocus(event) {
  const buttons = [...body.querySelectorAll("tr:not([hidden]) button")];
  const at = buttons.indexOf(event.target);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
  if (to === undefined || !buttons[to]) return;
  event.preventDefault();
  buttons[at].tabIndex = -1;
  buttons[to].tabIndex = 0;
  buttons[to].focus();
}

function segmentOf(element) {
  return element.closest("tr")?.segment ?? null;
}
