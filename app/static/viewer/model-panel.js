/** Model panel: which model answered and why, how long it took, the other models, and the answer's warnings. */

import { byId, make } from "./dom.js";
import { page } from "./page.js";
import { number } from "./units.js";
import { on, visit } from "./visit.js";
import { reason, warningText } from "./words.js";
import { again } from "./worklist.js";

const MOST_OTHERS = 3; // other models offered above the results; the panel below has all

const facts = byId("model-facts");
const timings = byId("timings");
const advice = byId("advice");
const choices = byId("models");
const cut = byId("cut");
const chosen = byId("chosen");
const toAll = byId("model-all");
const header = byId("header-model");
const loaded = [...header.childNodes]; // which models are, as the server has written it

choices.addEventListener("change", (event) => {
  const model = event.target.value;
  if (!visit.current || use(model)) visit.model = model; // from now on
});
toAll.addEventListener("click", () => {
  const { model } = visit.current.asked;
  visit.model = model;
  for (const picture of visit.pictures) if (picture.asked.model !== model) again(picture, { model, split: null });
});
on("current", show);
on("pictures", offerAll);
addEventListener("pageshow", choose);
choose();

/** Check the model for the current picture, whatever a browser has restored after a reload. */
function choose() {
  const choice = choices.querySelector(`input[value="${CSS.escape(visit.current?.asked.model ?? visit.model)}"]`);
  if (choice) choice.checked = true;
}

/** Segment the picture with this model, or with one that the service chooses. Returns whether the user wants it. */
function use(model) {
  return again(visit.current, { model, split: null });
}

/** Offer the model of this picture for all, if others were for another one. */
function offerAll() {
  const model = visit.current?.asked.model;
  toAll.hidden = visit.pictures.every(({ asked }) => asked.model === model);
  const name = model === page.automatic ? "Choose automatically" : `Use ${model}`;
  toAll.textContent = `${name} for all ${number(visit.pictures.length)} pictures`;
}

function show() {
  const picture = visit.current;
  const answer = picture?.answer;
  const warnings = (answer?.warnings ?? []).filter(({ code }) => code !== "truncated"); // see showCut
  advice.hidden = !warnings.length;
  if (!answer) header.replaceChildren(...(picture && page.automatic ? [] : loaded)); // which one will answer is open
  if (!answer) return;
  const { name, version, engine, precision } = answer.model;
  header.replaceChildren("Model ", make("strong", { textContent: name }), ` version ${version}`);
  facts.replaceChildren(
    make("strong", { textContent: name }),
    ` version ${version}, on ${engine} in ${precision}`,
  );
  if (answer.read_from) facts.textContent = reason(answer);
  showTimings(answer.timings_ms);
  showReason(picture);
  choose();
  advice.querySelector("p").textContent = warnings.map((warning) => warningText(warning, answer)).join(" ");
  showCut();
}

/** If more was found than the answer has: say how much, and how much of it is shown. */
function showCut() {
  const { answer, isOfPixels } = visit.current;
  cut.hidden = !answer.truncated;
  if (cut.hidden) return;
  const asked = isOfPixels ? "" : ` with a score of ${page.lowest_threshold} or more`;
  cut.textContent = `${number(answer.found)} were found${asked}; the best ${number(answer.segments.length)} are here.`;
}

/** If several models are loaded: say which one answered and why, with links to the others. */
function showReason({ answer, asked }) {
  chosen.hidden = !page.automatic;
  if (chosen.hidden) return;
  const hadFocus = chosen.contains(document.activeElement);
  const others = page.models.map(({ name }) => name).filter((name) => name !== answer.model.name);
  if (asked.model !== page.automatic) others.unshift(page.automatic);
  chosen.replaceChildren(reason(answer), ...others.slice(0, MOST_OTHERS).flatMap((name) => [" ", link(name)]));
  if (hadFocus) chosen.querySelector("button").focus({ preventScroll: true });
}

function link(model) {
  const textContent = model === page.automatic ? "Choose automatically" : `Use ${model}`;
  const button = make("button", { type: "button", className: "link", textContent });
  button.addEventListener("click", () => use(model));
  return button;
}

function showTimings(milliseconds) {
  const all = Object.values(milliseconds).reduce((sum, time) => sum + time, 0);
  const longest = Math.max(...Object.values(milliseconds), 1e-9);
  byId("time").textContent = `${number(Math.round(all))} ms in the service`;
  timings.replaceChildren(
    ...Object.entries(milliseconds).map(([stage, time]) => {
      const bar = make("span", { className: "stage-time" });
      bar.style.width = `${(100 * time) / longest}%`;
      return make(
        "div",
        {},
        make("dt", { textContent: stage }),
        make("dd", {}, bar, make("span", { textContent: `${number(time)} ms` })),
      );
    }),
  );
}
