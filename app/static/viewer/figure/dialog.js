/** Figure: a picture of the objects for a paper or a slide, as seen, as PNG, SVG or PDF. */

import { make, save } from "../dom.js";
import { buildLargeDialog } from "../later/large-dialog.js";
import { filterOf } from "../painting.js";
import { bitmapOf } from "../showing.js";
import { viewport } from "../stage.js";
import { on, visit } from "../visit.js";
import { draw, toPng } from "./canvas.js";
import { toPdf } from "./pdf.js";
import { sceneOf } from "./scene.js";
import { toSvg } from "./svg.js";

const PREVIEW = 460; // CSS pixels of the preview's longer side, at least, if there is room
const OF_WINDOW = 0.65; // of its height, and at most half its width, as in figure.css
const PNG_SCALE = 2; // pixels a point

const FILES = [
  ["PNG", ".png", (scene) => toPng(scene, PNG_SCALE)],
  ["SVG", ".svg", toSvg],
  ["PDF", ".pdf", toPdf],
];

const preview = make("div", { className: "preview" });
const choices = make("form", { className: "choices", method: "dialog" });
const problem = make("p", { className: "inline-problem", hidden: true });
problem.setAttribute("role", "alert");
const dialog = await build();

choices.addEventListener("input", show);
on("current", () => dialog.close()); // it would show another picture than the one behind it

/** Open the dialogue for the current picture, with the last choices. */
export function openFigure() {
  problem.hidden = true;
  const { bar, colours } = choices.elements;
  const width = visit.current.pixelSize;
  bar.disabled = width === null;
  bar.checked = bar.checked && width !== null;
  bar.closest("label").title = width === null ? "Enter the width of a pixel under Measurements first." : "";
  const isOfPixels = visit.current.isOfPixels;
  for (const radio of colours) radio.disabled = isOfPixels;
  dialog.showModal();
  show();
}

async function show() {
  const scene = await current();
  const side = Math.max(PREVIEW, Math.min(OF_WINDOW * innerHeight, innerWidth / 2));
  const shown = draw(scene, (side / Math.max(scene.width, scene.height)) * devicePixelRatio);
  shown.style.width = `${shown.width / devicePixelRatio}px`;
  shown.setAttribute("role", "img");
  shown.setAttribute("aria-label", "Preview of the figure");
  preview.replaceChildren(shown);
}

async function current() {
  const picture = visit.current;
  const { extent, numbers, colours, bar, legend } = choices.elements;
  return sceneOf(picture, await bitmapOf(picture), {
    crop: extent.value === "view" ? viewport.seen() : viewport.whole(),
    numbers: numbers.value,
    colours: colours.value,
    bar: bar.checked ? (visit.current.pixelSides?.x ?? null) : null,
    legend: legend.checked,
    view: { ...visit.view, filter: filterOf(visit.view) },
  });
}

async function take(button, ending, write) {
  button.disabled = true;
  problem.hidden = true;
  try {
    save(await write(await current()), `${visit.current.stem}-figure${ending}`);
  } catch (error) {
    reportError(error);
    problem.textContent = "The figure could not be made: it may be too large for this browser. Zoom in, and choose “What is in view”.";
    problem.hidden = false;
  } finally {
    button.disabled = false;
  }
}

function build() {
  const buttons = FILES.map(([name, ending, write]) => {
    const button = make("button", { type: "button", className: name === "PNG" ? "primary" : "", textContent: `Save ${name}` });
    button.addEventListener("click", () => take(button, ending, write));
    return button;
  });
  choices.append(
    group("Show", "extent", [
      ["whole", "The whole picture"],
      ["view", "What is in view"],
    ]),
    group("In the objects", "numbers", [
      ["none", "Nothing"],
      ["numbers", "Numbers"],
      ["classes", "Classes"],
    ]),
    group("A colour for each", "colours", [
      ["object", "Object"],
      ["class", "Class"],
    ]),
    make("div", { className: "switches" }, toggle("bar", "Scale bar"), toggle("legend", "Legend")),
    make("p", {
      className: "hint",
      textContent: "Fill, outlines, boxes, brightness and contrast are those of the page. PNG has two pixels a point; SVG and PDF can be enlarged without loss.",
    }),
    problem,
    make("p", { className: "actions" }, ...buttons),
  );
  const looks = new URL("figure.css", import.meta.url);
  return buildLargeDialog("figure", "Figure", looks, {}, preview, choices);
}

/** Radio buttons with a heading; the first one is chosen. */
function group(heading, name, options) {
  const radios = options.map(([value, label], at) =>
    make("label", { className: "toggle" }, make("input", { type: "radio", name, value, checked: at === 0 }), label),
  );
  return make("fieldset", {}, make("legend", { textContent: heading }), ...radios);
}

function toggle(name, label) {
  return make("label", { className: "toggle" }, make("input", { type: "checkbox", name }), label);
}
