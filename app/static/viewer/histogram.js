/** Histogram: the distribution of a measurement over all objects, and over the objects shown. */

import { makeSvg } from "./dom.js";

const BARS = 24;
const WIDTH = 240; // units of the drawing, which is stretched to fit
const HEIGHT = 64;

export class Histogram {
  /** @param figure has an svg, a figcaption, and elements with the classes "low" and "high" */
  constructor(figure) {
    this.figure = figure;
    const svg = figure.querySelector("svg");
    svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    svg.setAttribute("preserveAspectRatio", "none");
    const bars = (name) =>
      Array.from({ length: BARS }, (_, at) =>
        makeSvg("rect", { class: name, x: (at * WIDTH) / BARS + 0.5, width: WIDTH / BARS - 1 }),
      );
    this.all = bars("all");
    this.kept = bars("kept");
    svg.append(...this.all, ...this.kept);
  }

  /** Show the distribution of `measure` over these objects; values beyond `range` go into the last bar. */
  spread(objects, measure, range) {
    this.range = range;
    this.measure = measure;
    const counts = this.#count(objects);
    this.highest = Math.max(1, ...counts);
    this.#draw(this.all, counts);
  }

  /** Highlight the distribution of the objects shown. */
  mark(objects) {
    this.#draw(this.kept, this.#count(objects));
  }

  label(title, low, high, meaning) {
    this.figure.querySelector("figcaption").textContent = title;
    this.figure.querySelector(".low").textContent = low;
    this.figure.querySelector(".high").textContent = high;
    this.figure.querySelector("svg").setAttribute("aria-label", `${title}: ${meaning || "nothing to show"}`);
  }

  #count(objects) {
    const [low, high] = this.range;
    const counts = new Array(BARS).fill(0);
    for (const object of objects) {
      const bar = Math.floor((BARS * (this.measure(object) - low)) / (high - low));
      counts[Math.min(BARS - 1, Math.max(0, bar))]++;
    }
    return counts;
  }

  #draw(bars, counts) {
    bars.forEach((bar, at) => {
      // A single object among hundreds stays visible.
      const height = counts[at] && Math.max(2, (HEIGHT * counts[at]) / this.highest);
      bar.setAttribute("height", height);
      bar.setAttribute("y", HEIGHT - height);
    });
  }
}
