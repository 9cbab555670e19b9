/** Downloads: the objects shown, as files for other programs. The service makes them, as for any caller. */

import { byId, make, save } from "./dom.js";
import { outline } from "./outlines.js";
import { page } from "./page.js";
import { address, segment } from "./requests.js";
import { bitmapOf } from "./showing.js";
import { on, visit } from "./visit.js";

const problem = byId("take-problem");
const one = byId("take-one");
const curl = byId("curl");
const copy = byId("copy-curl");
const buttons = [...byId("take").querySelectorAll("[data-output]")];

for (const button of buttons) button.addEventListener("click", () => take(button));
one.addEventListener("click", takeOne);
copy.addEventListener("click", copyCurl);
on("current filter", showCurl);
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
  const { upload, stem } = visit.current;
  const use = button.querySelector("small");
  const { textContent: words } = use;
  button.dataset.busy = "yes";
  use.textContent = "in progress…";
  problem.hidden = true;
  enable();
  try {
    save(await segment(upload, parameters(output), { key: visit.key, type: "blob" }), `${stem}${ending}`);
  } catch (error) {
    problem.textContent = `${error.title ?? "The download failed"}. ${error.detail ?? ""}`;
    problem.hidden = false;
  } finally {
    delete button.dataset.busy;
    use.textContent = words;
    enable();
  }
}

function parameters(output) {
  const wanted = { ...visit.current.parameters(), output };
  // This format shows one class: that of the chosen object, or the one that covers the most.
  if (output === "probability") wanted.classes = (visit.selected ?? largest(visit.current.shown)).class;
  if (output === "csv" && visit.current.pixelSize) wanted.pixel_size = visit.current.pixelSize;
  return wanted;
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

function showCurl() {
  const picture = visit.current;
  curl.parentElement.hidden = !picture?.answer || picture.shown.length === 0;
  if (!picture?.answer) return;
  const url = new URL(address(picture.parameters()), location.href);
  const key = page.key_header ? ` -H "${page.key_header}: $KEY"` : "";
  const sent = picture.url
    ? `-H "Content-Type: application/json" -d ${quote(JSON.stringify(picture.upload))}`
    : `-F ${quote(`image=@${asCurlReads(picture.name)}`)}`;
  curl.textContent = `curl${key} ${sent} ${quote(url.href)}`;
}

/** A file's name, quoted for curl's -F, which a comma or semicolon would end. */
function asCurlReads(name) {
  return /[,;"]/.test(name) ? `"${name.replaceAll(/["\\]/g, "\\$&")}"` : name;
}

/** `text`, quoted for a POSIX shell. */
function quote(text) {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

async function copyCurl() {
  try {
    await navigator.clipboard.writeText(curl.textContent);
    copy.textContent = "Copied";
  } catch {
    // Browsers offer the clipboard only on https and localhost. Otherwise select the text, for Ctrl+C.
    getSelection().selectAllChildren(curl);
    copy.textContent = "Press Ctrl+C";
  }
  setTimeout(() => (copy.textContent = "Copy"), 2000);
}
