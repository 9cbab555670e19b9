/** Toolbar: the controls of the view. */

import { byId } from "./dom.js";
import { fit, showPixels, zoom } from "./gestures.js";
import { whenLoaded } from "./loading.js";
import { on, tell, visit } from "./visit.js";

const STEP = 1.5;
const SLIDERS = ["opacity", "brightness", "contrast"];

byId("zoom-in").addEventListener("click", () => zoom(STEP));
byId("zoom-out").addEventListener("click", () => zoom(1 / STEP));
byId("fit").addEventListener("click", fit);
byId("pixels").addEventListener("click", showPixels);

// A browser may restore controls after a reload: the visit, not they, knows how it is viewed.
addEventListener("pageshow", showView);
on("view", showView);
showView();

for (const name of SLIDERS)
  byId(name).addEventListener("input", (event) => look({ [name]: Number(event.target.value) }));
for (const name of ["outlines", "labels", "boxes"])
  byId(name).addEventListener("change", (event) => look({ [name]: event.target.checked }));

byId("adjust-reset").addEventListener("click", () => look({ brightness: 1, contrast: 1 }));
// Safari cannot filter what is drawn on a canvas.
byId("adjust").hidden = !("filter" in CanvasRenderingContext2D.prototype);

byId("figure").addEventListener("click", () =>
  whenLoaded(() => import("./figure/dialog.js"), ({ openFigure }) => openFigure()),
);
byId("beside").addEventListener("click", () =>
  whenLoaded(() => import("./compare/dialog.js"), ({ openComparison }) => openComparison()),
);

const split = byId("split");
const compare = byId("compare");
compare.addEventListener("change", () => {
  showSplit();
  look({ split: compare.checked ? Number(split.value) : null });
});
split.addEventListener("input", () => look({ split: Number(split.value) }));

const view = byId("view");
const percent = byId("zoom");
view.addEventListener("zoomed", () => {
  byId("toolbar").classList.toggle("idle", !view.dataset.zoom);
  percent.textContent = view.dataset.zoom ? `${view.dataset.zoom} %` : "";
});

on("current", () => {
  showSplit();
  for (const control of byId("toolbar").querySelectorAll("button, input")) control.disabled = !visit.current;
  for (const name of ["figure", "beside"]) byId(name).disabled = !visit.current?.answer;
});

function showView() {
  const { split: at, ...values } = visit.view;
  for (const name of SLIDERS) byId(name).value = values[name];
  for (const name of ["outlines", "labels", "boxes"]) byId(name).checked = values[name];
  byId("compare").checked = at !== null;
  if (at !== null) byId("split").value = at;
  byId("view").classList.toggle("compared", at !== null);
}

function showSplit() {
  split.hidden = !compare.checked || !visit.current?.answer;
}

function look(change) {
  Object.assign(visit.view, change);
  tell("view");
}
