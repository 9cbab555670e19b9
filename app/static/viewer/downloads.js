/**
 * Downloads: the objects shown, as files for other programs.
 *
 * The service writes them from the objects that the page has, without segmenting again, so that they are what is
 * shown. Only the probability of a class has to be asked of the model.
 */

import { byId, make, save } from "./dom.js";
import { close } from "./menus.js";
import { outline } from "./outlines.js";
import { rendered } from "./rendering.js";
import { segment } from "./requests.js";
import { bitmapOf } from "./showing.js";
import { counted } from "./units.js";
import { afterwards, on, visit } from "./visit.js";

const problem = byId("take-problem");
const one = byId("take-one");
const menu = byId("downloads");
const losses = byId("losses");
const buttons = [...byId("take").querySelectorAll("[data-output]")];

for (const button of buttons) button.addEventListener("click", () => take(button));
one.addEventListener("click", takeOne);
menu.addEventListener("toggle", sayLosses);
on("current filter", () => (problem.hidden = true));
on("current filter selection", enable);
afterwards("current filter", sayLosses);

function enable() {
  const { current, selected } = visit;
  const empty = !current?.answer || current.shown.length === 0;
  for (const button of buttons) {
    button.disabled = empty || button.dataset.busy === "yes";
    const task = current?.answer?.model.task;
    button.hidden = task !== undefined && !button.dataset.tasks.split(" ").includes(task);
  }
  one.disabled = !selected;
  if (current?.answer) one.querySelector("span").textContent = `Chosen ${current.kind}`;
}

/** A label map has no room for objects beneath others; its user should know before training with it. */
async function sayLosses() {
  losses.hidden = true;
  const { current } = visit;
  if (!menu.open || !current?.answer || current.isOfPixels) return;
  const part = await import("./later/overlaps.js").catch(() => null); // without the service there are no files either
  if (!part) return;
  const { objects, pixels } = part.lossesOf(current.shown, current.answer.image);
  if (!objects) return;
  losses.hidden = false;
  losses.textContent =
    `Objects overlap. In the label map, the better score has the pixel: ${counted(objects, "object")} ` +
    `${objects === 1 ? "lacks" : "lack"} ${counted(pixels, "pixel")}. Tables, COCO and ROIs keep all.`;
}

async function take(button) {
  const { output, ending } = button.dataset;
  const { stem } = visit.current;
  const use = button.querySelector("small");
  const { textContent: words } = use;
  button.dataset.busy = "yes";
  use.textContent = "in progress…";
  problem.hidden = true;
  enable();
  try {
    save(await made(output, button.dataset), `${stem}${ending}`);
    close(menu);
  } catch (error) {
    problem.textContent = `${error.title ?? "The download failed"}. ${error.detail ?? ""}`;
    problem.hidden = false;
  } finally {
    delete button.dataset.busy;
    use.textContent = words;
    enable();
  }
}

/** The file of this output, as a Blob. */
function made(output, { picture: showsPicture, measures: hasMeasures }) {
  const { current, key } = visit;
  if (output === "probability") {
    // It shows one class: that of the chosen object, or the one that covers the most.
    const classes = (visit.selected ?? largest(current.shown)).class;
    return segment(current.upload, { ...current.parameters(), output, classes }, { key, type: "blob" });
  }
  const groups = hasMeasures === undefined ? [] : current.measured;
  return rendered(current, output, { key, groups, showsPicture: showsPicture !== undefined });
}

function largest(segments) {
  return segments.reduce((most, one) => (one.area > most.area ? one : most));
}

/** Save the chosen object alone, on a transparent background, from the pixels in the browser. */
async function takeOne() {
  const { current, selected } = visit;
  const [x, y, width, height] = selected.box;
  const canvas = make("canvas", { width, height });
  const context = canvas.getContext("2d");
  context.translate(-x, -y);
  context.clip(outline(selected, 1), "evenodd");
  const { image } = current.answer;
  context.drawImage(await bitmapOf(current), 0, 0, image.width, image.height);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve));
  const number = String(selected.id).padStart(4, "0");
  close(menu);
  save(blob, `${current.stem}-${number}-${selected.class.replace(/[^\w-]+/g, "_")}.png`);
}
