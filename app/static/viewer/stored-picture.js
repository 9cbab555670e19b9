/** Stored pictures: a picture as values that IndexedDB takes, and back. */

import { Picture } from "./picture.js";
import { Problem } from "./requests.js";

const LEFT = new Problem(
  "The page was left before the objects were read",
  "Drop the file with the objects again, or try again to segment the picture.",
);

/** The values. All but the small `state` are the same objects as long as they have not changed. */
export function stored(picture) {
  const { problem, edits, file, showable, answer, values } = picture;
  const { name, url, state, asked, answered, wish, threshold, measured, enteredPixelSize, isNative, numbers } = picture;
  const told = problem && [problem.title, problem.detail, problem.status, problem.retryAfter];
  const hidden = [...picture.hiddenClasses];
  const limits = structuredClone(picture.limits); // they are changed in place
  const shown = { threshold, hidden, limits, measured, enteredPixelSize, isNative, numbers };
  return {
    state: { name, url, state, problem: told, asked, answered, wish, ...shown },
    file,
    showable: showable === file ? "file" : showable,
    thumbnail: picture.thumbnailFile,
    answer,
    values,
    edits: edits.done.length || edits.undone.length ? edits : null,
  };
}

/** A picture of an earlier visit; one whose answer was still to come waits for its turn. */
export function restored({ state: kept, file, showable, thumbnail, answer, values = null, edits }) {
  const { name, state, problem, hidden, ...others } = kept;
  const picture = new Picture(file, name);
  Object.assign(picture, others, { answer, values, thumbnailFile: thumbnail });
  picture.showable = showable === "file" ? file : showable;
  if (thumbnail) picture.thumbnail = URL.createObjectURL(thumbnail);
  picture.hiddenClasses = new Set(hidden);
  picture.state = state;
  if (problem) picture.problem = new Problem(...problem);
  if (state === "reading") picture.fail(LEFT); // the file of its objects is not kept
  else if (!picture.finished) picture.state = "waiting";
  if (answer) picture.edits = edits ?? { done: [], undone: [], segments: answer.segments };
  if (answer) picture.segments = picture.edits.segments;
  if (answer) picture.filter();
  return picture;
}
