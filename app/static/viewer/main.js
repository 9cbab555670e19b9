/** The page's entry point. Without JavaScript, its form still works and is answered with another page. */

import "./intake.js";
import "./stage.js";
import "./tip.js";
import "./toolbar.js";
import "./correct.js";
import "./filters.js";
import "./pixel-size.js";
import "./summary.js";
import "./measure.js";
import "./table.js";
import "./finding.js";
import "./developers.js";
import "./downloads.js";
import "./model-panel.js";
import "./layers.js";
import "./strip.js";
import "./status.js";
import "./keeping.js";
import { byId } from "./dom.js";
import { on, visit } from "./visit.js";

const start = byId("start");
const work = byId("visit");
const panel = byId("panel");
const title = document.title;

// A ring around the picture tells keyboard users where they are; nobody else needs it after choosing a file.
let byKey = false;
addEventListener("keydown", () => (byKey = true), true);
addEventListener("pointerdown", () => (byKey = false), true);
addEventListener("drop", () => (byKey = false), true);
for (const change of ["blur", "keydown"])
  byId("view").addEventListener(change, () => byId("view").classList.remove("unringed"));

on("current pictures", () => {
  const empty = visit.pictures.length === 0;
  panel.classList.toggle("empty", !visit.current?.answer);
  panel.classList.toggle("awaited", visit.current?.finished === false);
  work.classList.toggle("alone", Boolean(visit.current?.finished && !visit.current.answer));
  if (visit.current && !visit.current.answer) document.title = `${visit.current.name} – MaskServe`;
  if (work.hidden === empty) return;
  start.hidden = !empty;
  work.hidden = empty;
  document.body.classList.toggle("at-work", !empty); // body:has(…) would restyle 2,000 rows whenever one goes
  if (empty) document.title = title;
  byId("view").classList.toggle("unringed", !byKey);
  (empty ? byId("image") : byId("view")).focus({ preventScroll: true });
  scrollTo(0, 0);
});
