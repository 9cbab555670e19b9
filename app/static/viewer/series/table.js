/** Table: a row for each picture, and sums below. A click on a row shows the picture. */

import { make } from "../dom.js";
import { counted, number, percent, score } from "../units.js";
import { visit } from "../visit.js";
import { figuresOf, totalsOf } from "./figures.js";

const NONE = "–";
const COMBINED = { max: "maximum", mean: "mean" };

/** Heading, class of the cells, text of a picture's figures; the first column has the name. */
const COLUMNS = [
  ["Page", "page number", ({ page, pages }) => page && (COMBINED[page] ?? `${number(page)} of ${number(pages)}`)],
  ["Channel", "channel number", ({ channel }) => channel && number(channel)],
  ["Pixel, µm", "number", ({ pixelSize }) => pixelSize && String(pixelSize)],
  ["Model", "", ({ model, version }) => model && (version ? `${model} ${version}` : model)],
  ["Lowest score", "number", ({ threshold }) => scored(threshold)],
  ["Objects", "number", ({ count, isCut }) => whole(count) && `${atLeast(isCut)}${number(count)}`],
  ["Covered", "number", ({ covered, isCut }) => whole(covered) && `${atLeast(isCut)}${percent(covered)}`],
  ["Median area", "number", ({ median, unit }) => whole(median) && `${number(median)} ${unit}`],
  ["Total area", "number", ({ total, unit, isCut }) => whole(total) && `${atLeast(isCut)}${number(total)} ${unit}`],
  ["State", "state", ({ state }) => state],
];

const rows = new Map(); // picture → its elements
const body = make("tbody");
const sums = make("tfoot");

/** The table itself; `open` is called with the picture of a row that was clicked. */
export function newTable(open) {
  const headings = [["Picture", ""], ...COLUMNS].map(([textContent, className]) =>
    make("th", { scope: "col", className, textContent }),
  );
  body.addEventListener("click", ({ target }) => {
    const row = target.closest("tr");
    open([...rows].find(([, { element }]) => element === row)[0]);
  });
  return make("table", {}, make("thead", {}, make("tr", {}, ...headings)), body, sums);
}

/**
 * Show the pictures of the visit as they are now.
 *
 * @returns a sentence on the pictures that are not in the sums; empty if all are
 */
export function showTable() {
  for (const [picture, { element }] of rows)
    if (!visit.pictures.includes(picture)) {
      element.remove();
      rows.delete(picture);
    }
  const figures = visit.pictures.map(figuresOf);
  visit.pictures.forEach((picture, at) => {
    if (!rows.has(picture)) rows.set(picture, newRow(picture));
    const { element } = rows.get(picture);
    if (body.rows[at] !== element) body.insertBefore(element, body.rows[at] ?? null);
    update(picture, figures[at], rows.get(picture));
  });
  const table = body.parentElement;
  table.classList.toggle("without-pages", figures.every(({ page }) => !page));
  table.classList.toggle("without-channels", figures.every(({ channel }) => !channel));
  const totals = totalsOf(figures);
  sums.replaceChildren(...totals.lines.map(sumRow));
  return leftOut(totals);
}

function newRow({ name }) {
  const image = make("img", { alt: "", hidden: true });
  const button = make("button", { type: "button", className: "link", textContent: name });
  const cells = COLUMNS.map(([, className]) => make("td", { className }));
  const heading = make("th", { scope: "row" }, make("span", { className: "named" }, image, button));
  return { element: make("tr", {}, heading, ...cells), image, button, cells };
}

function update(picture, figures, { element, image, button, cells }) {
  if (picture.thumbnail && image.src !== picture.thumbnail) {
    image.src = picture.thumbnail;
    image.hidden = false;
  }
  element.dataset.state = picture.state;
  if (picture === visit.current) button.setAttribute("aria-current", "true");
  else button.removeAttribute("aria-current");
  COLUMNS.forEach(([, , text], at) => {
    const now = text(figures) || NONE;
    if (cells[at].textContent !== now) cells[at].textContent = now;
  });
}

function sumRow({ pictures, model, version, unit, thresholds, count, covered, total }) {
  const line = {
    ...{ model, version, count, unit, total },
    threshold: thresholds.length === 1 ? thresholds[0] : null,
    state: "",
  };
  const cells = COLUMNS.map(([heading, className, text]) => {
    let textContent = text(line) || "";
    if (heading === "Covered") textContent = `mean ${percent(covered)}`;
    if (heading === "Lowest score" && thresholds.length > 1) textContent = "various";
    return make("td", { className, textContent });
  });
  return make("tr", {}, make("th", { scope: "row", textContent: `Sum of ${counted(pictures, "picture")}` }), ...cells);
}

function leftOut({ unfinished, cut }) {
  const reasons = [];
  if (unfinished) reasons.push(`${counted(unfinished, "picture")} not done`);
  if (cut) reasons.push(`${counted(cut, "picture")} with ≥, of which only the best objects are known`);
  return reasons.length ? `The sums leave out ${reasons.join(" and ")}.` : "";
}

function whole(value) {
  return value !== null && value !== undefined;
}

function scored(threshold) {
  return whole(threshold) && score(threshold);
}

function atLeast(isCut) {
  return isCut ? "≥ " : "";
}
