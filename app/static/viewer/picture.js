/** A picture of the visit: its file, how far it has come, and the objects that were found in it. */

import { page } from "./page.js";
import { giveClassColours, giveColours } from "./colours.js";

let count = 0;

export class Picture {
  /**
   * waiting → sending → working → done, or failed with a `problem`, or cancelled; pausing is waiting for a
   * service that said when to come back.
   */
  state = "waiting";
  sent = 0; // of 1
  since = 0; // when the state began, as performance.now() counts
  problem = null; // { title, detail, again: whether trying again may help }
  abort = null; // AbortController of the running request
  answer = null;
  asked = null; // { model, page, channel }: what is asked for; page and channel count from 0, null is all
  answered = null; // the same, as the answer is of
  segments = []; // as in the answer, best first, each with its colour
  shown = []; // those that pass the filter
  threshold = 0;
  hiddenClasses = new Set();
  isNative = false; // the browser can show the file itself
  showable = null; // the file itself, or, where the browser cannot show that, one of the same picture
  thumbnail = null; // an object URL
  prepared = null; // a promise: the two above are as good as they can be without an answer

  constructor(file, name, model) {
    this.id = ++count;
    this.file = file;
    this.name = name;
    this.asked = { model, page: 0, channel: null };
  }

  /** The name without its ending, for the names of what is taken away. */
  get stem() {
    return this.name.replace(/\.[^.]+$/, "") || "picture";
  }

  get finished() {
    return ["done", "failed", "cancelled"].includes(this.state);
  }

  move(state) {
    this.state = state;
    this.since = performance.now();
  }

  /** Whether the answer is of pixels: a segment is all that has a class, and not an object. */
  get isOfPixels() {
    return this.answer?.model.task === "semantic";
  }

  /** The part of 1 of the picture that a segment covers. */
  share({ area }) {
    const { width, height } = this.answer.image;
    return area / (width * height);
  }

  /** The part of 1 of the picture that is shown of its classes; where they overlap, it counts twice. */
  get covered() {
    return Math.min(1, this.shown.reduce((sum, segment) => sum + this.share(segment), 0));
  }

  /** Take the service's answer, with masks as polygons. */
  accept(answer) {
    this.answer = answer;
    this.answered = this.asked;
    this.segments = answer.segments;
    const model = page.models.find(({ name }) => name === answer.model.name);
    if (this.isOfPixels) giveClassColours(this.segments, model.colours);
    else giveColours(this.segments);
    this.threshold = this.isOfPixels ? 0 : model.threshold;
    this.hiddenClasses.clear();
    this.filter();
    this.move("done");
  }

  /** Show the objects that pass the threshold and whose class is not hidden. */
  filter() {
    this.shown = this.segments.filter(
      (segment) => segment.score >= this.threshold && !this.hiddenClasses.has(segment.class),
    );
  }

  /** The classes that were found, each with how many pass the threshold, hidden or not; the most first. */
  classCounts() {
    const counts = new Map(this.segments.map((segment) => [segment.class, 0]));
    for (const segment of this.segments)
      if (segment.score >= this.threshold) counts.set(segment.class, counts.get(segment.class) + 1);
    return [...counts].sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0]));
  }

  /** Whether the browser has to be given the picture that it asks for. */
  get wantsPicture() {
    return !this.isNative || this.asked.page > 0 || this.asked.channel !== null;
  }

  /** What the service is to be asked for, so that it finds just what is shown. */
  parameters() {
    const parameters = source({ ...this.answered, model: this.answer.model.name });
    if (!this.isOfPixels) parameters.threshold = this.threshold;
    if (this.hiddenClasses.size)
      parameters.classes = [...new Set(this.shown.map((segment) => segment.class))];
    return parameters;
  }

  /** Let go of what a browser does not collect by itself. */
  forget() {
    this.abort?.abort();
    if (this.thumbnail) URL.revokeObjectURL(this.thumbnail);
  }
}

/** The parameters that say which picture, and what may be found in it. */
export function source({ model, page: number, channel }) {
  const parameters = { model, max_segments: page.most_segments };
  if (number) parameters.page = number;
  if (channel !== null) parameters.channel = channel;
  return parameters;
}
