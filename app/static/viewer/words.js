/** Words: sentences on what was found and why this model answered, for the page and for screen readers. */

import { page } from "./page.js";
import { counted, number, percent } from "./units.js";

/** "5 objects", "12 parts", "400 of 633 objects", "At least 90 objects", or for classes their share: "Person: 31 % of the picture". */
export function found(picture) {
  const { kind, segments, shown, total, isCut } = picture;
  if (kind !== "class" && total) return `${number(shown.length)} of ${counted(total, kind)}`;
  if (kind !== "class" && isCut && shown.length) return `At least ${counted(shown.length, kind)}`;
  if (kind !== "class") return shown.length ? counted(shown.length, kind) : `No ${kind}s`;
  if (!shown.length) return segments.length ? "Nothing shown" : "Nothing found";
  const what = shown.length === 1 ? capitalised(shown[0].class) : counted(shown.length, "class", "classes");
  return `${what}: ${percent(picture.covered)} of the picture`;
}

/** Why this model answered, in one sentence; _reason in app/routes/pages.py says the same. */
export function reason({ model: { name, chosen_by: by }, gate, read_from: file }) {
  if (file) return `These objects were read from ${file}; no model was run.`;
  if (by === "caller" || !gate) return `${name} answered.`;
  if (by === "default") return `No loaded model recognises such pictures, so ${name} answered.`;
  const { classes } = page.models.find((model) => model.name === name);
  if (classes.includes(gate.label)) return `Chosen automatically: ${name}, which found “${gate.label}”.`;
  return `Chosen automatically: ${name}, for a picture of the kind “${gate.label}”.`;
}

/** What the page shown stands for, if the file says it: "DAPI, slice 2 of 5"; or what a projection combines. */
export function placeOf({ answer: { image }, answered }) {
  if (answered.projection) {
    if (!isOfChannels(image)) return "";
    if (answered.channel === null) return "All channels are combined, too.";
    return image.channel_names?.[answered.channel] || `channel ${answered.channel + 1} of ${number(image.channels)}`;
  }
  return placesOf(image)
    .map(({ name, size, at }) => {
      const own = name === "c" && image.channel_names?.[at];
      return own || `${{ c: "channel", z: "slice", t: "time" }[name]} ${at + 1} of ${number(size)}`;
    })
    .join(", ");
}

/** Whether each page of the file is one of several channels. */
export function isOfChannels({ axes = [] }) {
  return axes.some(({ name }) => name === "c");
}

/** The channel, from 0, that the page shown is. */
export function channelOf(image) {
  return placesOf(image).find(({ name }) => name === "c").at;
}

/** Where the page shown is on each axis of the file's pages, from 0. */
function placesOf({ axes = [], page }) {
  let left = page;
  return axes.map(({ name, size }) => {
    const at = left % size;
    left = Math.floor(left / size);
    return { name, size, at };
  });
}

/** The service's warning, without what only a caller of the API can do. */
export function warningText({ code, message }, { image }) {
  if (code !== "pages") return message;
  return `The file has ${number(image.pages)} pages or frames, of which the first was used.`;
}

export function capitalised(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
