/** Summary: what was found, how much of the picture it covers, and the distributions of area and score. */

import { byId, make, swatch } from "./dom.js";
import { Histogram } from "./histogram.js";
import { areaOf } from "./picture.js";
import { area, areaUnit, bareArea, counted, number, percent } from "./units.js";
import { afterwards, on, visit } from "./visit.js";
import { capitalised, found } from "./words.js";

const heading = byId("found");
const hint = byId("found-hint");
const covered = byId("covered");
const typical = byId("typical");
const total = byId("total");
const partly = byId("partly");
const byClass = byId("by-class");
const histograms = byId("histograms");
const areas = new Histogram(byId("areas"));
const scores = new Histogram(byId("scores"));

on("current filter", showCount);
on("current", show);
afterwards("edits filter", show);
on("units", () => visit.current?.answer && showAreas(visit.current));

/** At once, in the frame in which the picture changes; sums follow. */
function showCount() {
  const picture = visit.current;
  if (!picture?.answer) return;
  heading.textContent = found(picture);
  hint.textContent = hintFor(picture);
  document.title = `${heading.textContent} in ${picture.name} – MaskServe`;
}

function show() {
  const picture = visit.current;
  if (!picture?.answer) return;
  spread(picture);
  update();
}

function spread({ segments }) {
  // Otherwise a few giants would squeeze all others into one bar; the last bar takes the larger areas.
  const sorted = segments.map((segment) => segment.area).sort((a, b) => a - b);
  const most = sorted[Math.floor(0.98 * (sorted.length - 1))] ?? 1;
  areas.spread(segments, (segment) => segment.area, [0, Math.max(1, most)]);
  scores.spread(segments, (segment) => segment.score, [0, 1]);
}

function update() {
  const picture = visit.current;
  const { kind, shown, segments } = picture;
  covered.textContent = `${atLeast(picture)}${(100 * picture.covered).toFixed(1)} %`;
  showPartly(picture);
  areas.mark(shown);
  scores.mark(shown);
  showAreas(picture);
  // For whole classes, a median area and distributions make no sense.
  histograms.hidden = kind === "class" || segments.length === 0;
  typical.parentElement.hidden = kind === "class";
}

function showAreas(picture) {
  showClasses(picture);
  const { kind, shown } = picture;
  const sizes = shown.map((segment) => segment.area).sort((a, b) => a - b);
  const half = sizes.length / 2;
  const median = sizes.length ? (sizes[Math.ceil(half) - 1] + sizes[Math.floor(half)]) / 2 : 0;
  typical.textContent = sizes.length ? area(median) : "–";
  total.textContent = sizes.length ? `${atLeast(picture)}${area(sizes.reduce((sum, size) => sum + size, 0))}` : "–";
  const [, end] = areas.range;
  areas.label(`Area, ${areaUnit()}`, "0", `${bareArea(end)}+`, sizes.length ? `median ${area(median)}` : "");
  scores.label("Score", "0", "1", sizes.length ? `${counted(sizes.length, kind)} kept` : "");
}

/** Before a sum that lacks objects because the answer has only the best ones. */
function atLeast({ isCut }) {
  return isCut ? "≥ " : "";
}

/** If the answer lacks objects that pass the threshold: say so, and from which score on it has all. */
function showPartly(picture) {
  partly.hidden = !picture.isCut;
  if (partly.hidden) return;
  const { segments, kind } = picture;
  const complete = (Math.floor(100 * segments.at(-1).score) + 1) / 100;
  const remedy = complete <= 1 ? ` From a score of ${complete.toFixed(2)} on, they are complete.` : "";
  partly.textContent = `These are of the best ${counted(segments.length, kind)} only: there are more.${remedy}`;
}

/** One row per class, if there are several: counts and areas, or shares of the picture. */
function showClasses(picture) {
  const names = picture.classCounts().map(([name]) => name);
  byClass.hidden = names.length < 2;
  const headings =
    picture.kind === "class" ? ["Covered", "Area"] : [`${capitalised(picture.kind)}s`, "Total area", "Mean area"];
  byClass.tHead.rows[0].replaceChildren(
    make("th", { scope: "col", textContent: "Class" }),
    ...headings.map((textContent) => make("th", { scope: "col", className: "number", textContent })),
  );
  byClass.tBodies[0].replaceChildren(...names.map((name) => classRow(name, picture)));
}

function classRow(name, picture) {
  const ofClass = (segment) => segment.class === name;
  const count = picture.shown.filter(ofClass).length;
  const sum = areaOf(name, picture.shown);
  const cells =
    picture.kind === "class"
      ? [count && percent(picture.share(sum)), count && area(sum)]
      : [`${atLeast(picture)}${number(count)}`, count && `${atLeast(picture)}${area(sum)}`, count && area(sum / count)];
  const heading = make("th", { scope: "row", title: name }, name);
  if (picture.isOfPixels) heading.prepend(swatch(picture.segments.find(ofClass).colour));
  return make(
    "tr",
    {},
    heading,
    ...cells.map((text) => make("td", { className: "number", textContent: text || "–" })),
  );
}

function hintFor(picture) {
  const { kind, shown, segments, answer, threshold } = picture;
  const { width, height } = answer.image;
  const size = `${number(width)} × ${number(height)} pixels`;
  const left = segments.length - shown.length;
  if (!left) return size;
  const below = segments.filter((segment) => !picture.passes(segment)).length;
  if (!shown.length && below === left)
    return `${size}. ${number(below)} ${below === 1 ? "guess" : "guesses"} below ${threshold.toFixed(2)}: lower the score to see.`;
  if (kind === "class") return `${size}, ${counted(left, "class", "classes")} hidden`;
  return `${size}, ${number(left)} more hidden`;
}
