/**
 * Downloads: the objects shown, as files for other programs.
 *
 * The service writes them from the objects that the page has, without segmenting again, so that they are what is
 * shown. Only the probability of a class has to be asked of the model.
 */

import { byId, make, save } from "./dom.js";
import { outline } from "./outlines.js";
import { page } from "./page.js";
import { render, segment } from "./requests.js";
import { bitmapOf } from "./showing.js";
import { shownObjects } from "./shown-objects.js";
import { on, visit } from "./visit.js";

const menu = byId("downloads");
const problem = byId("take-problem");
const one = byId("take-one");
const MEASURED = new Set(["csv", "json"]); // the outputs that have measures once the page has them
const buttons = [...byId("take").querySelectorAll("[data-output]")];

for (const button of buttons) button.addEventListener("click", () => take(button));
one.addEventListener("click", takeOne);
addEventListener("pointerdown", (event) => menu.contains(event.target) || (menu.open = false));
menu.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  menu.open = false;
  menu.querySelector("summary").focus();
});
on("current filter", () => (problem.hidden = true));
on("current filter selection", enable);

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
    save(await made(output, "picture" in button.dataset), `${stem}${ending}`);
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
function made(output, showsPicture) {
  const { current, key } = visit;
  if (output === "probability") {
    // It shows one class: that of the chosen object, or the one that covers the most.
    const classes = (visit.selected ?? largest(current.shown)).class;
    return segment(current.upload, { ...current.parameters(), output, classes }, { key, type: "blob" });
  }
  const needsValues = MEASURED.has(output) && current.measured.includes("intensity");
  const file = showsPicture || needsValues ? (current.file ?? current.showable) : null;
  const objects = shownObjects(current);
  if (current.pixelSize === null) objects.image = { ...objects.image, pixel_size: undefined }; // the file's is not meant
  return render(objects, file, { output, ...optionsOf(output, current, file) }, { key });
}

/** The parameters that are not defaults. */
function optionsOf(output, { answered, file: own, pixelSize, measured }, file) {
  const options = {};
  // The answer has the page, but not the channel.
  if (file && file === own && answered.channel !== null) options.channel = answered.channel;
  const isMeasured = MEASURED.has(output) && measured.length > 0;
  if ((output === "csv" || isMeasured) && pixelSize) options.pixel_size = pixelSize;
  if (isMeasured) options.measure = measured.join();
  if (output === "overlay") {
    const { opacity, ...view } = visit.view;
    const drawn = ["outlines", "labels", "boxes"].filter((name) => view[name]);
    options.fill = opacity;
    options.draw = drawn.join() || "none";
  }
  return options;
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
  save(blob, `${current.stem}-${number}-${selected.class.replace(/[^\w-]+/g, "_")}.png`);
}
