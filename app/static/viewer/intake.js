/** Intake: takes files that are dropped, chosen, pasted or taken with the camera, samples, and opens the other ways. */

import { byId } from "./dom.js";
import { whenLoaded } from "./loading.js";
import { isOfObjects } from "./object-names.js";
import { visit } from "./visit.js";
import { add } from "./worklist.js";

const form = byId("upload");
const drop = byId("drop");
let depth = 0; // number of nested elements that a file is dragged over

for (const input of document.querySelectorAll("input[type=file]")) {
  input.addEventListener("change", () => takeFrom(input));
  if (input.files.length) takeFrom(input); // chosen before the page had loaded its modules
}
byId("find").addEventListener("click", (event) => {
  event.preventDefault(); // a file is sent as soon as it is chosen
  byId("image").click();
});
for (const button of document.querySelectorAll(".sample")) button.addEventListener("click", takeSample);

for (const button of document.querySelectorAll("[data-from]")) {
  // Browsers give the camera only to pages on https and localhost.
  if (button.dataset.from === "webcam") button.hidden = !(isSecureContext && navigator.mediaDevices?.getUserMedia);
  button.addEventListener("click", () => openWay(button.dataset.from));
}

addEventListener("paste", (event) => {
  const { files } = event.clipboardData;
  if (!files.length) return;
  event.preventDefault();
  take(files);
});
addEventListener("dragenter", (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  depth++;
  drop.hidden = false;
});
addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault());
addEventListener("dragleave", (event) => hasFiles(event) && endDrag(depth - 1));
addEventListener("drop", (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  endDrag(0);
  take(event.dataTransfer.files);
});

function endDrag(left) {
  depth = Math.max(0, left);
  if (depth === 0) drop.hidden = true;
}

function hasFiles(event) {
  return event.dataTransfer?.types.includes("Files");
}

function takeFrom(input) {
  take(input.files);
  input.value = ""; // so that the same file can be chosen again
}

function take(files) {
  takeKey();
  if ([...files].some(isOfObjects)) takeObjects([...files]);
  else add(files);
}

function takeKey() {
  const key = form.elements.api_key?.value;
  if (key) visit.key = key;
}

function openWay(name) {
  takeKey();
  whenLoaded(() => import(`./later/${name}.js`), ({ open }) => open());
}

/** Files that have objects, and their pictures if these are not here yet. */
async function takeObjects(files) {
  try {
    const { adopt } = await import("./edit/adopting.js");
    await adopt(files);
  } catch (error) {
    console.warn(error);
    alert("The files could not be read. Check the connection, then try again.");
  }
}

async function takeSample(event) {
  event.preventDefault();
  const { file } = event.currentTarget.dataset;
  const name = file.split("?")[0].split("/").pop();
  try {
    const response = await fetch(file);
    if (!response.ok) throw new Error(`${name}: status ${response.status}`);
    take([new File([await response.blob()], name, { type: "image/png" })]);
  } catch (error) {
    console.warn(error);
    alert("The sample could not be loaded. Check the connection, then try again.");
  }
}
