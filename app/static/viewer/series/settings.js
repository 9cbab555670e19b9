/** Settings: what can be taken from the current picture for all others, and what that would change. */

import { page } from "../page.js";
import { counted, number } from "../units.js";
import { tell, visit } from "../visit.js";
import { again } from "../worklist.js";

/**
 * Each setting: its name, and functions of the current picture. If `isOffered`, `label` tells its value, else `absent`
 * is shown; `changed` are the pictures that have another value, and `apply` gives them this one; `words` say so. One
 * that goes only to pictures of the same model has a name for what the others keep, `kept`.
 */
export const SETTINGS = [
  {
    name: "threshold",
    kept: "the lowest score",
    label: ({ threshold }) => `Lowest score: ${threshold.toFixed(2)}`,
    absent: "Lowest score: none",
    isOffered: (current) => Boolean(current.answer) && !current.isOfPixels,
    changed: (current) => ofSameModel(current).filter(({ threshold }) => threshold !== current.threshold),
    words: ({ threshold }, count) => `Sets the lowest score to ${threshold.toFixed(2)} in ${count}.`,
    apply(current, pictures) {
      for (const picture of pictures) Object.assign(picture, { threshold: current.threshold, wasReset: false });
    },
  },
  {
    name: "classes",
    kept: "the classes shown",
    label: ({ hiddenClasses }) => `Hidden classes: ${[...hiddenClasses].join(", ") || "none"}`,
    absent: "Hidden classes: no answer yet",
    isOffered: (current) => Boolean(current.answer),
    changed: (current) =>
      ofSameModel(current).filter((picture) => {
        const { hiddenClasses } = picture;
        const hidden = hiddenIn(picture, current);
        return hidden.length !== hiddenClasses.size || !hidden.every((name) => hiddenClasses.has(name));
      }),
    words: ({ hiddenClasses }, count) =>
      `Hides ${[...hiddenClasses].join(", ") || "no class"}, and shows all other classes, in ${count}.`,
    apply(current, pictures) {
      for (const picture of pictures) picture.hiddenClasses = new Set(hiddenIn(picture, current));
    },
  },
  {
    name: "pixels",
    label: ({ pixelSize }) => `Pixel size: ${pixelSize} µm`,
    absent: "Pixel size: not known",
    isOffered: ({ pixelSize }) => Boolean(pixelSize),
    changed: (current) => others(current).filter(({ pixelSize }) => pixelSize !== current.pixelSize),
    words: ({ pixelSize }, count) =>
      `Sets the width of a pixel to ${pixelSize} µm in ${count}, whatever the files say.`,
    apply({ pixelSize }, pictures) {
      for (const picture of pictures) picture.enteredPixelSize = pixelSize;
    },
  },
  {
    name: "model",
    label: ({ asked }) => `Model: ${nameOf(asked.model)}`,
    absent: "Model: there is only one",
    isOffered: () => page.models.length > 1,
    changed: (current) => others(current).filter(({ asked }) => asked.model !== current.asked.model),
    words({ asked }, count, pictures) {
      const corrected = pictures.filter(({ atStake }) => atStake).length;
      const what = `Segments ${count} again, model: ${nameOf(asked.model)}.`;
      const own = "If another model answers than before, its own lowest score counts, and all classes are shown.";
      if (!corrected) return `${what} ${own}`;
      return `${what} ${own} The page asks before it discards corrections and objects from files of ${counted(corrected, "picture")}.`;
    },
    apply({ asked: { model } }, pictures) {
      visit.model = model; // from now on
      for (const picture of pictures) again(picture, { model, split: null });
    },
  },
];

/** Apply these settings of the current picture to all others. */
export function applyToAll(settings) {
  const { current } = visit;
  const changes = settings.map((setting) => [setting, setting.changed(current)]);
  for (const [setting, pictures] of changes) setting.apply(current, pictures);
  for (const picture of others(current)) if (picture.answer) picture.filter();
  tell("units");
  tell("pictures");
}

/** What applying these settings would do, in sentences. */
export function effectOf(settings) {
  const { current } = visit;
  const sentences = settings.map((setting) => {
    const pictures = setting.changed(current);
    if (!pictures.length) return `${setting.label(current)} – nothing to change.`;
    return setting.words(current, counted(pictures.length, "other picture"), pictures);
  });
  const kept = settings.map((setting) => setting.kept).filter(Boolean);
  if (kept.length) sentences.push(exceptions(kept, current));
  return sentences.join(" ").trim();
}

function others(current) {
  return visit.pictures.filter((picture) => picture !== current);
}

/** The pictures that the same version of the same model has answered: scores and classes of another differ. */
function ofSameModel(current) {
  const { name, version } = current.answer.model;
  return others(current).filter(({ answer }) => answer?.model.name === name && answer.model.version === version);
}

function exceptions(kept, current) {
  const left = others(current).length - ofSameModel(current).length;
  return left ? `Pictures without an answer of the same model (${number(left)}) keep ${kept.join(" and ")}.` : "";
}

/** Which of the classes that are hidden in the current picture a picture has. */
function hiddenIn({ segments }, { hiddenClasses }) {
  const found = new Set(segments.map((segment) => segment.class));
  return [...hiddenClasses].filter((name) => found.has(name));
}

function nameOf(model) {
  return model === page.automatic ? "chosen automatically" : model;
}
