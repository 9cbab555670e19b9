/** Know: which model has answered, how long it took, which others there are, and whether to trust it. */

import { byId, make } from "./dom.js";
import { page } from "./page.js";
import { number } from "./units.js";
import { on, visit } from "./visit.js";
import { again } from "./worklist.js";

const MOST_OTHERS = 3; // that are offered above; all are below

const facts = byId("model-facts");
const timings = byId("timings");
const advice = byId("advice");
const choices = byId("models");
const chosen = byId("chosen");

choices.addEventListener("change", (event) => use(event.target.value));
on("current", show);

/** Ask this model, or let one be chosen, from now on. */
function use(model) {
  visit.model = model;
  if (visit.current) again(visit.current, { model });
}

function show() {
  const picture = visit.current;
  const answer = picture?.answer;
  advice.hidden = !answer?.warnings?.length;
  if (!answer) return;
  const { name, version, engine, precision } = answer.model;
  facts.replaceChildren(
    make("strong", { textContent: name }),
    ` version ${version}, on ${engine} in ${precision}`,
  );
  showTimings(answer.timings_ms);
  showReason(answer);
  const choice = choices.querySelector(`input[value="${CSS.escape(picture.asked.model)}"]`);
  if (choice) choice.checked = true;
  advice.querySelector("p").textContent = (answer.warnings ?? []).map((warning) => warning.message).join(" ");
  const cut = answer.segments.length === page.most_segments;
  byId("cut").hidden = !cut;
}

/** Where nobody has named the model: which one answered and why, with the others a click away. */
function showReason({ model, gate }) {
  chosen.hidden = model.chosen_by === "caller" || page.models.length < 2;
  if (chosen.hidden) return;
  const others = page.models.filter(({ name }) => name !== model.name).slice(0, MOST_OTHERS);
  chosen.replaceChildren(
    `${reasonFor(model, gate)} `,
    ...others.flatMap(({ name }) => {
      const button = make("button", { type: "button", className: "link", textContent: `Use ${name}` });
      button.addEventListener("click", () => use(name));
      return [button, " "];
    }),
  );
}

/** As app/routes/pages.py says it. */
function reasonFor({ name, chosen_by: by }, gate) {
  if (by !== "gate") return `No loaded model knows such pictures, so ${name} answered.`;
  const { classes } = page.models.find((model) => model.name === name);
  if (classes.includes(gate.label)) return `Chosen automatically: ${name}, which found “${gate.label}”.`;
  return `Chosen automatically: ${name}, for a picture of the kind “${gate.label}”.`;
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
