/** The work list: sends the pictures of the visit to the service one by one, oldest first. */

import { page } from "./page.js";
import { Picture, source } from "./picture.js";
import { answers, Problem, segment } from "./requests.js";
import { prepare, showableOf } from "./showing.js";
import { lookAt, select, tell, visit } from "./visit.js";

const PATIENCE = 600; // seconds during which the page retries if the service is busy or gone
const DEFAULT_PAUSE = 2; // seconds
const LONGEST_PAUSE = 10; // seconds, unless the service asks for a longer one
const MOST_LOSSES = 3; // connections that break off before the picture is taken for the cause

let running = false;
let preparing = Promise.resolve();

/** Add files to the visit, show the first of them, and process all. */
export function add(files) {
  join([...files].map((file) => new Picture(file, file.name || "pasted.png", visit.model)));
}

/** Add a picture that the service fetches from a URL. */
export function addUrl(url) {
  const { hostname, pathname } = new URL(url);
  const name = pathname.split("/").filter(Boolean).pop() ?? hostname;
  join([new Picture(null, name, visit.model, url)]);
}

function join(pictures) {
  if (!pictures.length) return;
  visit.pictures.push(...pictures);
  pictures.forEach(refuseEarly);
  // One after the other, in order: a hundred at once would take a hundred times the memory.
  for (const picture of pictures)
    picture.prepared = preparing = preparing
      .then(() => picture.finished || prepare(picture))
      .then(() => tell("pictures"));
  lookAt(pictures[0]);
  work();
}

/** Take up pictures of an earlier visit, before those of this one; `current` is looked at if none is yet. */
export function takeUp(pictures, current = pictures[0]) {
  if (!pictures.length) return;
  visit.pictures.unshift(...pictures);
  for (const picture of pictures)
    picture.prepared = preparing = preparing
      .then(() => picture.finished || picture.thumbnail || prepare(picture))
      .then(() => tell("pictures"));
  if (!visit.current) lookAt(current);
  tell("pictures");
  work();
}

/**
 * Put a picture on the list again, after a problem or with other parameters, such as { model, page }.
 *
 * @returns whether it is: the user may want to keep its objects instead
 */
export function again(picture, wishes = {}) {
  if (!mayLoseObjects(picture)) {
    if (picture === visit.current) tell("current"); // so that the controls show what is still asked for
    return false;
  }
  picture.abort?.abort();
  picture.asked = { ...picture.asked, ...wishes };
  picture.problem = null;
  picture.move("waiting");
  changed(picture);
  work();
  return true;
}

/** Ask before a new answer replaces corrections or objects from a file. */
function mayLoseObjects({ name, atStake }) {
  return !atStake || confirm(`Segment ${name} again? This discards ${atStake}. To keep them, cancel and download first.`);
}

/** Take a picture off the list, or abort its request. It stays in the visit, with its last result. */
export function cancel(picture) {
  picture.abort?.abort();
  if (picture.answer) return goBack(picture);
  picture.move("cancelled");
  changed(picture);
}

/** Go back to the picture's last result; following pictures have its model again, too. */
export function goBack(picture) {
  if (visit.model === picture.asked.model) visit.model = picture.answered.model;
  picture.asked = picture.answered;
  picture.problem = null;
  picture.move("done");
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
    picture.move("sending");
    changed(picture);
    await picture.prepared;
    const answer = await ask(picture, abort.signal);
    const showable = await showableOf(picture, answer);
    abort.signal.throwIfAborted();
    picture.showable = showable;
    picture.accept(answer);
    if (picture === visit.current) select(null);
  } catch (error) {
    if (abort.signal.aborted) return; // the code that aborted has set the picture's state
    picture.fail(asProblem(error));
  }
  changed(picture);
}

/** Refuse files that the service is known to refuse, without sending them. */
function refuseEarly(picture) {
  if (picture.url) return;
  const { size } = picture.file;
  if (size > page.max_bytes) {
    const words = `It has ${megabytes(size)} MB; the limit of this service is ${megabytes(page.max_bytes)} MB.`;
    picture.problem = new Problem("The picture is too large", words, 413);
  } else if (size === 0) {
    picture.problem = new Problem("The file is empty", "Choose another picture.", 400);
  } else return;
  picture.move("failed");
}

/**
 * The answer. If the service is busy, retries after the time that it asks for; if it is gone, as soon as it is back.
 * The picture is sent only to a service that answers, and not for ever: it may be what breaks the connection.
 */
async function ask(picture, signal) {
  const start = performance.now();
  const isOver = () => performance.now() - start > 1000 * PATIENCE;
  let losses = 0;
  for (let pauses = 0; ; ) {
    signal.throwIfAborted(); // it may have been aborted while the browser read the picture
    try {
      picture.sent = 0;
      picture.move("sending");
      changed(picture);
      return await segment(picture.upload, wanted(picture), {
        key: visit.key,
        signal,
        onSent: (part) => progress(picture, part),
      });
    } catch (error) {
      const busy = error.status === 503 || error.status === 429;
      if (!(busy || error.isSilence) || isOver()) throw error;
      if (error.isSilence && ++losses === MOST_LOSSES) throw brokenOff();
      const least = busy ? (error.retryAfter ?? DEFAULT_PAUSE) : 0;
      do {
        await wait(picture, Math.max(least, Math.min(2 ** pauses++ / 2, LONGEST_PAUSE)), busy, signal);
        if (isOver()) throw error;
      } while (error.isSilence && !(await answers()));
    }
  }
}

function brokenOff() {
  return new Problem(
    `The connection broke off ${MOST_LOSSES} times`,
    "The service answers, but not to this picture. It may be too large for something in between: try a smaller one.",
  );
}

async function wait(picture, seconds, busy, signal) {
  picture.pause = seconds;
  picture.waitsFor = busy ? "service busy" : "no answer";
  picture.move("pausing");
  changed(picture);
  await pause(seconds, signal);
}

/** The parameters that ask for all objects: the threshold is low, because the page filters them by itself. */
export function objectsOf(asked) {
  const tellsPixels = page.models.find(({ name }) => name === asked.model.split("@")[0])?.task === "semantic";
  return {
    ...source(asked),
    ...(tellsPixels ? {} : { threshold: page.lowest_threshold }),
    mask_format: "polygon",
  };
}

/** The parameters to send. A picture that the browser cannot show is returned as a file that it can show. */
function wanted(picture) {
  return {
    ...objectsOf(picture.asked),
    ...(picture.wantsPicture ? { include: "picture", image_format: "png" } : {}),
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

/** Wait, unless the signal aborts it: then its reason is thrown. */
export function pause(seconds, signal) {
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
  return (Math.ceil((10 * bytes) / 2 ** 20) / 10).toFixed(1); // rounded up, so that it exceeds the limit
}
