/**
 * Filters: the lowest score, and the classes. Both filter the answer in the browser, without a new request.
 *
 * Answers of semantic models have no score to filter by: the probabilities of pixels stay in the service. Their
 * classes can be split into connected parts, which the service does.
 */

import { byId, make, swatch } from "./dom.js";
import { areaOf } from "./picture.js";
import { number, percent } from "./units.js";
import { on, select, tell, visit } from "./visit.js";
import { again } from "./worklist.js";

const threshold = byId("threshold");
const value = byId("threshold-value");
const slider = threshold.closest("label");
const hint = byId("threshold-hint");
const own = byId("threshold-own");
const chips = byId("classes");
const parts = byId("parts");

threshold.addEventListener("input", () => setThreshold(Number(threshold.value)));
own.addEventListener("click", () => {
  setThreshold(visit.current.ownThreshold);
  threshold.value = visit.current.threshold;
  threshold.focus();
});
parts.addEventListener("change", () => {
  const { name: model } = visit.current.answer.model; // the model that answered, requested or chosen
  again(visit.current, { model, split: parts.checked ? "parts" : null });
});
on("current edits", show);
on("filter", showCounts);

function show() {
  const picture = visit.current;
  if (!picture?.answer) return;
  threshold.value = picture.threshold;
  slider.hidden = hint.hidden = picture.isOfPixels;
  parts.closest("label").hidden = !picture.isOfPixels;
  parts.checked = picture.kind === "part";
  chips.replaceChildren(...picture.classCounts().map(([name]) => chip(name, picture)));
  showCounts();
}

function chip(name, { isOfPixels, segments }) {
  const button = make("button", { type: "button", className: "chip", title: name, dataset: { name } });
  if (isOfPixels) button.append(swatch(segments.find((segment) => segment.class === name).colour));
  button.append(make("span", { textContent: name }), " ", make("strong"));
  button.addEventListener("click", () => {
    const { hiddenClasses } = visit.current;
    if (!hiddenClasses.delete(name)) hiddenClasses.add(name);
    filter();
  });
  return button;
}

function setThreshold(value) {
  visit.current.threshold = value;
  visit.current.wasReset = false;
  filter();
}

/** What the score is compared with: each model has a threshold of its own, and scores of two do not compare. */
function explain(picture) {
  const { threshold: set, ownThreshold, wasReset, answer } = picture;
  const words = set === ownThreshold ? ownWords(picture) : `Your choice for ${answer.read_from ?? answer.model.name}.`;
  byId("threshold-words").textContent = wasReset ? `${words} Scores of different models do not compare.` : words;
  own.hidden = set === ownThreshold || ownThreshold === null;
  const back = answer.read_from ? "Show all" : `Back to its own ${ownThreshold?.toFixed(2)}`;
  own.textContent = own.hidden ? "" : back;
}

function ownWords({ ownThreshold, answer: { model, read_from: file } }) {
  return file ? `All objects of ${file} are shown.` : `${ownThreshold.toFixed(2)} is what ${model.name} is tuned for.`;
}

/** Filter the current picture's objects anew, after a change of what is filtered by. */
export function filter() {
  visit.current.filter();
  if (visit.selected && !visit.current.shown.includes(visit.selected)) select(null);
  tell("filter");
}

function showCounts() {
  const picture = visit.current;
  value.textContent = picture.threshold.toFixed(2);
  if (!picture.isOfPixels) explain(picture);
  const counts = new Map(picture.classCounts());
  for (const button of chips.children) {
    const { name } = button.dataset;
    button.querySelector("strong").textContent =
      picture.kind === "class" ? percent(picture.share(areaOf(name, picture.segments))) : number(counts.get(name));
    button.setAttribute("aria-pressed", !picture.hiddenClasses.has(name));
  }
}
