/** A picture of the visit: its file, how far it has come, and the objects that were found in it. */

import { giveClassColours, giveColours } from "./colours.js";
import { coverage } from "./outlines.js";
import { page } from "./page.js";

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
  /**
   * What is asked for: { model, page, channel, projection, split }. Page and channel count from 0; page null
   * is the first, channel null all. Projection of all pages is "max", "mean" or null, split "parts" or null.
   */
  asked = null;
  answered = null; // the same, as the answer is of
  segments = []; // as in the answer, best first, each with its colour
  shown = []; // those that pass the filter
  covered = 0; // the part of 1 of the picture that these cover
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
    this.asked = { model, page: null, channel: null, projection: null, split: null };
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

  /** Whether the answer is of a model that tells the class of each pixel, and knows no objects. */
  get isOfPixels() {
    return this.answer?.model.task === "semantic";
  }

  /** What a segment is: an "object", all that has a "class", or a connected "part" of that. */
  get kind() {
    if (!this.isOfPixels) return "object";
    return this.answered.split === "parts" ? "part" : "class";
  }

  /**
   * How many there are, where that is more than could be shown: the answer has the best of them. Null where
   * all are here that pass the threshold, as those left out score no better than the last.
   */
  get total() {
    if (!this.answer?.truncated || this.hiddenClasses.size) return null;
    return this.threshold > this.segments.at(-1).score ? null : this.answer.found;
  }

  /** The part of 1 of the picture that so many pixels are. */
  share(area) {
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
    const { shown, answer } = this;
    this.covered = shown.length === 1 ? this.share(shown[0].area) : coverage(shown, answer.image);
  }

  /**
   * The classes that were found, each with how many pass the threshold, hidden or not: the most first, or
   * what covers the most.
   */
  classCounts() {
    const counts = new Map(this.segments.map((segment) => [segment.class, 0]));
    for (const segment of this.segments)
      if (segment.score >= this.threshold) counts.set(segment.class, counts.get(segment.class) + 1);
    const byShare = (a, b) => areaOf(b, this.segments) - areaOf(a, this.segments);
    return [...counts].sort(
      ([a, many], [b, more]) =>
        more - many || (this.kind === "class" && byShare(a, b)) || a.localeCompare(b),
    );
  }

  /** Whether the browser has to be given the picture that it asks for. */
  get wantsPicture() {
    const { page: number, channel, projection } = this.asked;
    return !this.isNative || number > 0 || channel !== null || projection !== null;
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

/** How many pixels the segments of a class have. */
export function areaOf(name, segments) {
  return segments.reduce((sum, segment) => (segment.class === name ? sum + segment.area : sum), 0);
}

/** The parameters that say which picture, and what may be found in it. */
export function source({ model, page: number, channel, projection, split }) {
  const parameters = { model, max_segments: page.most_segments };
  if (number !== null) parameters.page = number;
  if (channel !== null) parameters.channel = channel;
  if (projection) parameters.projection = projection;
  if (split) parameters.split = split;
  return parameters;
}
