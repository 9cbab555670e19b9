/** The work list: the pictures of the visit go to the service one by one, oldest first. */

import { page } from "./page.js";
import { Picture } from "./picture.js";
import { Problem, segment } from "./requests.js";
import { prepare, takeFromAnswer } from "./showing.js";
import { lookAt, tell, visit } from "./visit.js";

const MOST_PAUSES = 5; // times that a busy service is asked again by itself
const DEFAULT_PAUSE = 2; // seconds

let running = false;
let preparing = Promise.resolve();

/** Add files to the visit, look at the first of them, and work through them. */
export function add(files) {
  const pictures = [...files].map((file) => new Picture(file, file.name || "pasted.png", visit.model));
  if (!pictures.length) return;
  visit.pictures.push(...pictures);
  // One after the other, the first first: a hundred at once would take a hundred times the memory.
  for (const picture of pictures)
    picture.prepared = preparing = preparing.then(() => prepare(picture)).then(() => tell("pictures"));
  lookAt(pictures[0]);
  work();
}

/** Put a picture on the list again: after a problem, or for another model. */
export function again(picture, model = picture.model) {
  picture.abort?.abort();
  picture.model = model;
  picture.problem = null;
  picture.move("waiting");
  changed(picture);
  work();
}

/** Take a picture off the list, or end its request. It stays in the visit. */
export function cancel(picture) {
  picture.abort?.abort();
  picture.move("cancelled");
  changed(picture);
}

async function work() {
  if (running) return;
  running = true;
  for (let next; (next = visit.pictures.find((picture) => picture.state === "waiting")); ) await take(next);
  running = false;
}

async function take(picture) {
  const abort = (picture.abort = new AbortController());
  try {
    refuseEarly(picture);
    picture.move("sending");
    await picture.prepared;
    const answer = await ask(picture, abort.signal);
    await takeFromAnswer(picture, answer);
    if (abort.signal.aborted) return; // meanwhile
    picture.accept(answer);
  } catch (error) {
    if (abort.signal.aborted) return; // whoever did that has said what becomes of the picture
    picture.problem = asProblem(error);
    picture.move("failed");
  }
  changed(picture);
}

/** What is already known not to go through need not be sent. */
function refuseEarly(picture) {
  if (picture.file.size > page.max_bytes)
    throw new Problem(
      "The picture is too large",
      `It has ${megabytes(picture.file.size)} MB, and this service takes ${megabytes(page.max_bytes)}.` +
        " Save it as JPEG, and try again.",
      413,
    );
  if (picture.file.size === 0)
    throw new Problem("The file is empty", "There is nothing in it. Choose another picture.", 400);
}

/** The answer; a service that is busy is asked again when it says. */
async function ask(picture, signal) {
  for (let pauses = 0; ; pauses++) {
    signal.throwIfAborted(); // while the browser read the picture, say
    try {
      picture.sent = 0;
      picture.move("sending");
      changed(picture);
      return await segment(picture.file, wanted(picture), {
        key: visit.key,
        signal,
        onSent: (part) => progress(picture, part),
      });
    } catch (error) {
      const busy = error.status === 503 || error.status === 429;
      if (!busy || pauses === MOST_PAUSES) throw error;
      const seconds = error.retryAfter ?? DEFAULT_PAUSE;
      picture.pause = seconds;
      picture.move("pausing");
      changed(picture);
      await pause(seconds, signal);
    }
  }
}

/** Asked once with a low threshold: from then on the page filters by itself. */
function wanted(picture) {
  return {
    ...picture.source(),
    threshold: page.lowest_threshold,
    mask_format: "polygon",
    // What the browser cannot show comes back as a file that it can.
    ...(picture.showable ? {} : { include: "picture", image_format: "png" }),
  };
}

function progress(picture, part) {
  picture.sent = part;
  if (part === 1 && picture.state === "sending") picture.move("working");
  changed(picture);
}

function changed(picture) {
  tell("pictures");
  if (picture === visit.current && picture.state === "done") tell("current");
}

function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, 1000 * seconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}

function asProblem(error) {
  if (error instanceof Problem) return error;
  console.error(error);
  return new Problem("The page could not show the answer", "Try again, or another picture.", 500);
}

function megabytes(bytes) {
  return (Math.ceil((10 * bytes) / 2 ** 20) / 10).toFixed(1); // a little too much is more
}
