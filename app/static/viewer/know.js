/** Know: which model has answered, how long it took, which others there are, and whether to trust it. */

import { byId, make } from "./dom.js";
import { page } from "./page.js";
import { number } from "./units.js";
import { on, visit } from "./visit.js";
import { again } from "./worklist.js";

const facts = byId("model-facts");
const timings = byId("timings");
const advice = byId("advice");
const choices = byId("models");

choices.addEventListener("change", (event) => {
  visit.model = event.target.value;
  if (visit.current) again(visit.current, { model: visit.model });
});
on("current", show);

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
  const choice = choices.querySelector(`input[value="${CSS.escape(picture.asked.model)}"]`);
  if (choice) choice.checked = true;
  advice.querySelector("p").textContent = (answer.warnings ?? []).map((warning) => warning.message).join(" ");
  const cut = answer.segments.length === page.most_segments;
  byId("cut").hidden = !cut;
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
