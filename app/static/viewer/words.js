/** Words: sentences on what was found and why this model answered, for the page and for screen readers. */

import { page } from "./page.js";
import { counted, number, percent } from "./units.js";

/** "5 objects", "12 parts", "400 of 633 objects", or for classes their share: "Person: 31 % of the picture". */
export function found({ kind, segments, shown, covered, total }) {
  if (kind !== "class" && total) return `${number(shown.length)} of ${counted(total, kind)}`;
  if (kind !== "class") return shown.length ? counted(shown.length, kind) : `No ${kind}s`;
  if (!shown.length) return segments.length ? "Nothing shown" : "Nothing found";
  const what = shown.length === 1 ? capitalised(shown[0].class) : counted(shown.length, "class", "classes");
  return `${what}: ${percent(covered)} of the picture`;
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

export function capitalised(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
