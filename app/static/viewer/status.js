/** Status: the state of the current picture, shown over the stage and announced to screen readers. */

import { byId } from "./dom.js";
import { area, score } from "./units.js";
import { on, visit } from "./visit.js";
import { capitalised, found, reason } from "./words.js";
import { again, cancel, goBack } from "./worklist.js";

const TICK = 100; // milliseconds
const QUIET = 600; // milliseconds without another change before a count is announced

// By status: what the user can do. The service's message says what has happened.
const REMEDIES = {
  413: "Make the picture smaller, or crop it.",
  401: "Enter the key here; it is kept only in this page.",
  415: "Choose another file, or save this one as PNG or JPEG.",
  422: "Open the picture in another program and save it again, or choose another one.",
};

const box = byId("status");
const title = byId("status-title");
const detail = byId("status-detail");
const progress = byId("status-progress");
const clock = byId("status-clock");
const cancelButton = byId("status-cancel");
const againButton = byId("status-again");
const backButton = byId("status-back");
const otherButton = byId("status-other");
const keyField = byId("status-key");
const aloud = byId("aloud");

cancelButton.addEventListener("click", () => cancel(visit.current));
backButton.addEventListener("click", () => goBack(visit.current));
otherButton.addEventListener("click", () => byId("add").click());
againButton.addEventListener("click", () => {
  const { current } = visit;
  // The cause of a failure often affects all pictures, for example when the service restarts.
  for (const picture of visit.pictures) if (picture.state === "failed" && picture.problem.again) again(picture);
  if (current.finished) again(current);
});
keyField.addEventListener("submit", (event) => {
  event.preventDefault();
  visit.key = keyField.elements.key.value;
  for (const picture of visit.pictures) if (picture.problem?.status === 401) again(picture);
});
on("pictures current", show);
on("filter", sayCount);
on("selection", saySelected);
setInterval(tick, TICK);
addEventListener("online", () => {
  // Retry the pictures that failed without a connection.
  for (const picture of visit.pictures)
    if (picture.state === "failed" && picture.problem.status === 0) again(picture);
});

let last = "";

function show() {
  const picture = visit.current;
  const busy = picture && !picture.finished;
  box.hidden = !picture || picture.state === "done";
  if (!picture) return;
  box.dataset.state = picture.state;
  progress.hidden = picture.state !== "sending";
  progress.value = picture.sent;
  clock.hidden = !busy;
  cancelButton.hidden = !busy;
  const wantsKey = picture.problem?.status === 401;
  keyField.hidden = !wantsKey;
  againButton.hidden = busy || picture.state === "done" || wantsKey || picture.problem?.again === false;
  otherButton.hidden = busy || picture.problem?.again !== false;
  backButton.hidden = busy || !picture.answer;
  [title.textContent, detail.textContent] = wordsFor(picture);
  tick();
  const now = `${picture.id} ${picture.state}`;
  if (now !== last) say(picture.state === "done" ? outcomeOf(picture) : `${title.textContent}. ${detail.textContent}`);
  last = now;
}

function wordsFor(picture) {
  switch (picture.state) {
    case "waiting":
      return ["Waiting for its turn", "Pictures are sent one after the other."];
    case "sending":
      return ["Sending", ""];
    case "working":
      return ["Looking for objects", ""];
    case "reading":
      return ["Reading its objects", ""];
    case "pausing":
      if (picture.waitsFor === "service busy")
        return ["The service is busy", "The page will try again by itself in a moment."];
      return ["The service does not answer", "It may be restarting. The page goes on by itself when it is back."];
    case "failed":
      return [picture.problem.title, `${picture.problem.detail} ${remedyFor(picture)}`.trim()];
    case "cancelled":
      return ["Cancelled", "The picture is still here."];
    default:
      return ["", ""];
  }
}

function remedyFor({ name, problem }) {
  const remedy = REMEDIES[problem.status] ?? "";
  if (problem.status !== 413 || !/\.tiff?$/i.test(name)) return remedy;
  return `If it is a stack, save fewer of its pages in one file, in Fiji with Image › Stacks › Tools › Make Substack. ${remedy}`;
}

function tick() {
  const picture = visit.current;
  if (!picture || picture.finished) return;
  const seconds = (performance.now() - picture.since) / 1000;
  clock.textContent =
    picture.state === "pausing" ? `${Math.max(0, Math.ceil(picture.pause - seconds))} s` : `${seconds.toFixed(1)} s`;
}

let timer;

function sayCount() {
  clearTimeout(timer);
  timer = setTimeout(() => visit.current?.answer && say(foundIn(visit.current)), QUIET);
}

let lastSelected = null;

function saySelected() {
  const { selected } = visit;
  if (selected && selected !== lastSelected)
    say(
      `${capitalised(visit.current.kind)} ${selected.id}, ${selected.class}, ` +
        `score ${score(selected.score)}, ${area(selected.area)}`,
    );
  lastSelected = selected;
}

/** What was found, and by which model, if the service chose it. */
function outcomeOf(picture) {
  const { answer } = picture;
  return answer.model.chosen_by === "gate" ? `${foundIn(picture)}. ${reason(answer)}` : foundIn(picture);
}

function foundIn(picture) {
  return `${found(picture)} in ${picture.name}`;
}

function say(text) {
  aloud.textContent = text;
}
