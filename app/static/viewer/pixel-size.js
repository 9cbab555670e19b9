/**
 * Pixel size: the width of a pixel of the current picture in micrometres, as its file has it or as it is entered.
 *
 * A comma is as good as a point: browsers disagree on what a field for numbers makes of "0,325".
 */

import { byId } from "./dom.js";
import { decimal } from "./units.js";
import { on, tell, visit } from "./visit.js";

const LEAST = 1e-6; // micrometres, as the limits of `pixel_size` in the API
const MOST = 1e6;

const field = byId("micrometres");
const source = byId("micrometres-source");
const toFile = byId("micrometres-file");
const toAll = byId("micrometres-all");

field.addEventListener("input", () => {
  const empty = field.value.trim() === "";
  const value = decimal(field.value);
  const valid = value >= LEAST && value <= MOST;
  field.setAttribute("aria-invalid", !empty && !valid);
  visit.current.enteredPixelSize = valid ? value : null;
  tell("units");
});
toFile.addEventListener("click", () => {
  visit.current.enteredPixelSize = undefined;
  show();
  tell("units");
  field.focus();
});
toAll.addEventListener("click", () => {
  for (const picture of visit.pictures) picture.enteredPixelSize = visit.current.pixelSize;
  tell("units");
});
on("current", show);
on("units pictures", explain);

function show() {
  if (!visit.current) return;
  field.value = visit.current.pixelSize ?? "";
  field.setAttribute("aria-invalid", false);
  explain();
}

function explain() {
  const picture = visit.current;
  if (!picture?.answer) return;
  const { enteredPixelSize, filePixelSize, pixelSize } = picture;
  source.textContent = wordsFor(picture);
  toFile.hidden = enteredPixelSize === undefined || filePixelSize === null || enteredPixelSize === filePixelSize;
  toFile.textContent = `Use the file’s ${filePixelSize}`;
  toAll.hidden = visit.pictures.every((other) => other.pixelSize === pixelSize);
}

function wordsFor({ enteredPixelSize, filePixelSize, answer }) {
  if (field.getAttribute("aria-invalid") === "true") return "Enter a number above 0, such as 0.325 or 0,325.";
  if (enteredPixelSize) return "As entered for this picture.";
  if (filePixelSize === null) return "The file does not say.";
  if (enteredPixelSize === null) return "";
  const { x, y } = answer.image.pixel_size;
  if (x === y) return "As the file says.";
  return `The file says ${x} × ${y} µm; the field has the side of a square of the same area.`;
}
