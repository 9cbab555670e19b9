/** The page's entry point. Without JavaScript, its form still works and is answered with another page. */

import "./intake.js";
import "./stage.js";
import "./toolbar.js";
import "./correct.js";
import "./filters.js";
import "./summary.js";
import "./table.js";
import "./downloads.js";
import "./model-panel.js";
import "./layers.js";
import "./strip.js";
import "./status.js";
import { byId } from "./dom.js";
import { on, visit } from "./visit.js";

const start = byId("start");
const work = byId("visit");
const panel = byId("panel");
const title = document.title;

on("current pictures", () => {
  const empty = visit.pictures.length === 0;
  panel.classList.toggle("empty", !visit.current?.answer);
  if (visit.current && !visit.current.answer) document.title = `${visit.current.name} – MaskServe`;
  if (work.hidden === empty) return;
  start.hidden = !empty;
  work.hidden = empty;
  document.body.classList.toggle("at-work", !empty); // body:has(…) would restyle 2,000 rows whenever one goes
  if (empty) document.title = title;
  (empty ? byId("image") : byId("view")).focus({ preventScroll: true });
  scrollTo(0, 0);
});
