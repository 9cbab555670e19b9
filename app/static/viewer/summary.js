/** Summary: how many objects, how much of the picture they cover, and how they are spread. */

import { byId, make } from "./dom.js";
import { Histogram } from "./histogram.js";
import { coverage } from "./outlines.js";
import { area, areaUnit, bareArea, counted, number, percent } from "./units.js";
import { on, visit } from "./visit.js";

const found = byId("found");
const hint = byId("found-hint");
const covered = byId("covered");
const typical = byId("typical");
const total = byId("total");
const byClass = byId("by-class");
const areas = new Histogram(byId("areas"));
const scores = new Histogram(byId("scores"));

on("current", show);
on("filter", update);
on("units", () => visit.current?.answer && showAreas(visit.current.shown));

function show() {
  const picture = visit.current;
  if (!picture?.answer) return;
  const { segments } = picture;
  // A few giants would press all others into one bar: the last bar takes what is beyond.
  const sorted = segments.map((segment) => segment.area).sort((a, b) => a - b);
  const most = sorted[Math.floor(0.98 * (sorted.length - 1))] ?? 1;
  areas.spread(segments, (segment) => segment.area, [0, Math.max(1, most)]);
  scores.spread(segments, (segment) => segment.score, [0, 1]);
  update();
}

function update() {
  const picture = visit.current;
  const { shown, segments } = picture;
  found.textContent = picture.isOfPixels ? sharesOf(picture) : countOf(shown);
  hint.textContent = hintFor(picture);
  covered.textContent = `${(100 * coverage(shown, picture.answer.image)).toFixed(1)} %`;
  areas.mark(shown);
  scores.mark(shown);
  showAreas(shown);
  document.title = `${found.textContent} in ${picture.name} – MaskServe`;
  byId("histograms").hidden = segments.length === 0 || picture.isOfPixels;
  for (const measure of [typical, total]) measure.parentElement.hidden = picture.isOfPixels;
}

function countOf(shown) {
  return shown.length ? counted(shown.length, "object") : "No objects";
}

/** What is seen of the picture: one class by name, several together. */
function sharesOf(picture) {
  const { shown, answer } = picture;
  if (!shown.length) return "Nothing found";
  if (shown.length === 1) return `${capitalised(shown[0].class)}: ${percent(picture.covered)} of the picture`;
  return `${counted(shown.length, "class", "classes")}: ${percent(coverage(shown, answer.image))} of the picture`;
}

function capitalised(words) {
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function showAreas(shown) {
  showClasses(shown);
  const sizes = shown.map((segment) => segment.area).sort((a, b) => a - b);
  const half = sizes.length / 2;
  const median = sizes.length ? (sizes[Math.ceil(half) - 1] + sizes[Math.floor(half)]) / 2 : 0;
  typical.textContent = sizes.length ? area(median) : "–";
  total.textContent = sizes.length ? area(sizes.reduce((sum, size) => sum + size, 0)) : "–";
  const [, end] = areas.range;
  areas.label(`Area, ${areaUnit()}`, "0", `${bareArea(end)}+`, sizes.length ? `median ${area(median)}` : "");
  scores.label("Score", "0", "1", sizes.length ? `${counted(sizes.length, "object")} kept` : "");
}

/** A row a class, where there are several: how many, and how much of the area. */
function showClasses(shown) {
  const classes = visit.current.classCounts().map(([name]) => name);
  byClass.hidden = classes.length < 2 || visit.current.isOfPixels;
  const rows = classes.map((name) => {
    const sizes = shown.filter((segment) => segment.class === name).map((segment) => segment.area);
    const sum = sizes.reduce((all, size) => all + size, 0);
    return make(
      "tr",
      {},
      make("th", { scope: "row", textContent: name }),
      make("td", { className: "number", textContent: number(sizes.length) }),
      make("td", { className: "number", textContent: sizes.length ? area(sum) : "–" }),
      make("td", { className: "number", textContent: sizes.length ? area(sum / sizes.length) : "–" }),
    );
  });
  byClass.tBodies[0].replaceChildren(...rows);
}

function hintFor({ shown, segments, answer, threshold }) {
  const { width, height } = answer.image;
  const size = `${number(width)} × ${number(height)} pixels`;
  const left = segments.length - shown.length;
  if (!left) return size;
  const below = segments.filter((segment) => segment.score < threshold).length;
  if (!shown.length && below === left)
    return `${size}. ${number(below)} ${below === 1 ? "guess" : "guesses"} below ${threshold.toFixed(2)}: lower the score to see.`;
  return `${size}, ${number(left)} more hidden`;
}
