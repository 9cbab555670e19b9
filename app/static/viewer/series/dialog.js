/** All pictures: one table of them, settings for all, and their tables as files. */

import { make, oncePerFrame, save } from "../dom.js";
import { buildLargeDialog } from "../later/large-dialog.js";
import { counted, number } from "../units.js";
import { lookAt, on, visit } from "../visit.js";
import { objectsOf, summaryOf } from "./files.js";
import { applyToAll, effectOf, SETTINGS } from "./settings.js";
import { newTable, showTable } from "./table.js";
import { trainingOf } from "./training.js";

const progress = make("progress");
const done = make("p", { className: "done" });
const out = make("p", { className: "hint" });
const settings = make("form", { className: "settings" });
const whose = make("legend");
const effect = make("p", { className: "hint" });
const apply = make("button", { type: "submit", textContent: "Apply to all" });
const summary = make("button", { type: "button", textContent: "Summary (CSV)" });
const objects = make("button", { type: "button", textContent: "All objects (CSV)" });
const measured = make("input", { type: "checkbox", autocomplete: "off" });
const training = make("button", { type: "button", textContent: "Training data (zip)" });
const cancel = make("button", { type: "button", textContent: "Cancel", hidden: true });
const taking = make("p", { className: "hint" });
const problem = make("p", { className: "inline-problem", hidden: true });
let abort = null;

progress.setAttribute("aria-label", "Pictures that are done or have failed");
effect.setAttribute("role", "status");
taking.setAttribute("role", "status");
problem.setAttribute("role", "alert");
const dialog = await build();

on("pictures current filter edits units", oncePerFrame(() => dialog.open && show())); // uploads report often
settings.addEventListener("change", showSettings);
settings.addEventListener("submit", (event) => {
  event.preventDefault();
  applyToAll(chosen());
});
summary.addEventListener("click", () => save(summaryOf(visit.pictures), "pictures-summary.csv"));
objects.addEventListener("click", () =>
  takeAll("pictures-objects.csv", "The objects shown in", (pictures, options) =>
    objectsOf(pictures, { isMeasured: measured.checked, ...options }),
  ),
);
training.addEventListener("click", () => takeAll("pictures-training.zip", "The training data of", trainingOf));
cancel.addEventListener("click", () => abort.abort());
dialog.addEventListener("close", () => abort?.abort());

/** Open the dialogue. */
export function openSeries() {
  for (const { name } of SETTINGS) settings.elements[name].checked = false;
  problem.hidden = true;
  taking.textContent = "";
  dialog.showModal();
  show();
}

function show() {
  if (!visit.pictures.length) return dialog.close(); // the visit was forgotten
  const { pictures } = visit;
  const having = (state) => pictures.filter((picture) => picture.state === state).length;
  progress.max = pictures.length;
  progress.value = pictures.filter(({ finished }) => finished).length;
  progress.hidden = progress.value === progress.max;
  const others = ["failed", "cancelled"].map((state) => [having(state), state]).filter(([count]) => count);
  done.textContent = [
    `${number(having("done"))} of ${number(pictures.length)} done`,
    ...others.map(([count, state]) => `${number(count)} ${state}`),
  ].join(", ");
  out.textContent = showTable();
  out.hidden = !out.textContent;
  objects.disabled = training.disabled = abort !== null || !having("done");
  showSettings();
}

function showSettings() {
  whose.textContent = `Apply the settings of ${visit.current.name} to all pictures`;
  for (const setting of SETTINGS) {
    const field = settings.elements[setting.name];
    field.disabled = !setting.isOffered(visit.current);
    if (field.disabled) field.checked = false;
    field.nextElementSibling.textContent = field.disabled ? setting.absent : setting.label(visit.current);
  }
  const words = effectOf(chosen());
  if (effect.textContent !== words) effect.textContent = words; // screen readers would say the same again
  apply.disabled = !chosen().some((setting) => setting.changed(visit.current).length);
}

function chosen() {
  return SETTINGS.filter(({ name }) => settings.elements[name].checked);
}

/** Save a file of all pictures that are done, made by `makeFile`; `what` begins the sentence that says so. */
async function takeAll(fileName, what, makeFile) {
  const pictures = visit.pictures.filter(({ state }) => state === "done");
  const left = visit.pictures.length - pictures.length;
  const cut = pictures.filter(({ isCut }) => isCut).length;
  const { signal } = (abort = new AbortController());
  const onProgress = (count) => {
    taking.textContent = `${number(count)} of ${number(pictures.length)} pictures written`;
  };
  problem.hidden = true;
  cancel.hidden = false;
  objects.disabled = training.disabled = true;
  try {
    save(await makeFile(pictures, { key: visit.key, signal, onProgress }), fileName);
    taking.textContent = [
      `${what} ${counted(pictures.length, "picture")} are saved.`,
      left ? `Without ${counted(left, "picture")} not done.` : "",
      cut ? `Of ${counted(cut, "picture")} with ≥, only the best objects are known.` : "",
    ].join(" ").trim();
  } catch (error) {
    taking.textContent = signal.aborted ? "Cancelled: nothing was saved." : "";
    problem.hidden = signal.aborted;
    problem.textContent = `${error.title ?? "The download failed"}. ${error.detail ?? ""}`;
  } finally {
    abort = null;
    cancel.hidden = true;
    objects.disabled = training.disabled = false;
  }
}

function open(picture) {
  dialog.close();
  lookAt(picture);
}

function build() {
  const choices = SETTINGS.map(({ name }) =>
    make("label", { className: "toggle" }, make("input", { type: "checkbox", name }), make("span")),
  );
  settings.append(make("fieldset", {}, whose, ...choices), effect, make("p", { className: "actions" }, apply));
  return buildLargeDialog(
    "series",
    "All pictures",
    new URL("series.css", import.meta.url),
    { beside: [done, progress] },
    make("div", { className: "scroller" }, newTable(open)),
    out,
    settings,
    make("h3", { textContent: "Download" }),
    make(
      "p",
      { className: "hint" },
      "A row for each picture, or a row for each object shown in any of them; or all pictures with these objects, to train with.",
    ),
    make("label", { className: "toggle" }, measured, " Measure the objects, too"),
    make("p", { className: "actions" }, summary, objects, training, cancel),
    taking,
    problem,
  );
}
