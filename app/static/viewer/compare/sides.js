/** Sides: what the current picture can be compared with, and how to get it. */

import { page } from "../page.js";
import { Picture } from "../picture.js";
import { segment } from "../requests.js";
import { visit } from "../visit.js";
import { objectsOf } from "../worklist.js";

/**
 * What the current picture can be compared with, in groups: [title, [{ name, load }]], where load(signal) returns
 * a promise of a picture with its objects.
 */
export function choices() {
  const { current } = visit;
  return [
    ["The same picture", [...beforeCorrections(current), ...otherModels(current)]],
    ["Another picture", otherPictures(current)],
  ].filter(([, sides]) => sides.length);
}

function otherModels(current) {
  const { name, version } = current.answer.model;
  return page.models.flatMap((model) =>
    model.versions
      .filter((number) => model.name !== name || number !== version)
      .map((number) => ({
        name: model.versions.length > 1 ? `${model.name} version ${number}` : model.name,
        load: (signal) => ask(current, `${model.name}@${number}`, signal),
      })),
  );
}

function otherPictures(current) {
  return visit.pictures
    .filter((picture) => picture !== current && picture.answer)
    .map((picture) => ({ name: picture.name, load: async () => picture }));
}

/** What the model found, if somebody has corrected it. */
function beforeCorrections(current) {
  if (!current.segments.some(({ edited }) => edited) && current.segments.length === current.answer.segments.length)
    return [];
  return [{ name: "Before the corrections", load: async () => answered(current, current.asked, current.answer) }];
}

const kept = new WeakMap(); // picture → Map of the request → another picture: the answer to it

async function ask(current, model, signal) {
  const asked = { ...current.answered, model, split: null };
  const request = JSON.stringify(asked);
  const answers = kept.get(current) ?? new Map();
  kept.set(current, answers);
  if (!answers.has(request)) {
    const answer = await segment(current.upload, objectsOf(asked), { key: visit.key, signal });
    answers.set(request, answered(current, asked, answer));
  }
  return answers.get(request);
}

/** A picture like `current` with another answer. */
function answered(current, asked, answer) {
  const { file, name, showable, threshold } = current;
  const picture = Object.assign(new Picture(file, name, asked.model), { asked, showable });
  picture.accept({ ...answer, segments: answer.segments.map((one) => ({ ...one })) });
  if (answer === current.answer) picture.threshold = threshold;
  picture.filter();
  return picture;
}
