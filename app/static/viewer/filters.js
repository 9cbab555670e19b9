/** Filters: the lowest score, and the classes. Both work on what is here; the service is not asked again. */

import { byId, make } from "./dom.js";
import { number, percent } from "./units.js";
import { on, select, tell, visit } from "./visit.js";

const threshold = byId("threshold");
const value = byId("threshold-value");
const slider = threshold.closest("label");
const chips = byId("classes");

threshold.addEventListener("input", () => {
  visit.current.threshold = Number(threshold.value);
  filter();
});
on("current", show);
on("filter", showCounts);

function show() {
  const picture = visit.current;
  if (!picture?.answer) return;
  threshold.value = picture.threshold;
  slider.hidden = picture.isOfPixels;
  chips.replaceChildren(...picture.classCounts().map(([name]) => chip(name, picture)));
  showCounts();
}

function chip(name, { isOfPixels, segments }) {
  const button = make("button", { type: "button", className: "chip", dataset: { name } });
  if (isOfPixels) {
    const swatch = make("span", { className: "swatch" });
    swatch.style.background = segments.find((segment) => segment.class === name).colour;
    button.append(swatch);
  }
  button.append(make("span", { textContent: name }), " ", make("strong"));
  button.addEventListener("click", () => {
    const { hiddenClasses } = visit.current;
    if (!hiddenClasses.delete(name)) hiddenClasses.add(name);
    filter();
  });
  return button;
}

function filter() {
  visit.current.filter();
  if (visit.selected && !visit.current.shown.includes(visit.selected)) select(null);
  tell("filter");
}

function showCounts() {
  const picture = visit.current;
  value.textContent = picture.threshold.toFixed(2);
  const counts = new Map(picture.classCounts());
  for (const button of chips.children) {
    const { name } = button.dataset;
    button.querySelector("strong").textContent = picture.isOfPixels
      ? percent(picture.segments.reduce((sum, one) => sum + (one.class === name ? picture.share(one) : 0), 0))
      : number(counts.get(name));
    button.setAttribute("aria-pressed", !picture.hiddenClasses.has(name));
  }
}
