/** A picture of the visit: its file, how far it has come, and the objects that were found in it. */

import { page } from "./page.js";
import { giveColours } from "./colours.js";

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
  segments = []; // as in the answer, best first, each with its colour
  shown = []; // those that pass the filter
  threshold = 0;
  hiddenClasses = new Set();
  showable = null; // the file itself, or, where the browser cannot show that, one of the same picture
  thumbnail = null; // an object URL
  prepared = null; // a promise: the two above are as good as they can be without an answer
  page = 0; // of a file with several
  channel = null; // alone, as grey

  constructor(file, name, model) {
    this.id = ++count;
    this.file = file;
    this.name = name;
    this.model = model;
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

  /** Take the service's answer, with masks as polygons. */
  accept(answer) {
    this.answer = answer;
    this.segments = answer.segments;
    giveColours(this.segments);
    this.threshold = page.models.find((model) => model.name === answer.model.name).threshold;
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

  /** The parameters that say which picture, and what may be found in it. */
  source() {
    const source = { model: this.model, max_segments: page.most_segments };
    if (this.page) source.page = this.page;
    if (this.channel !== null) source.channel = this.channel;
    return source;
  }

  /** What the service is to be asked for, so that it finds just what is shown. */
  parameters() {
    const parameters = { ...this.source(), model: this.answer.model.name, threshold: this.threshold };
    if (this.hiddenClasses.size)
      parameters.classes = [...new Set(this.shown.map((segment) => segment.class))].join(",");
    return parameters;
  }

  /** Let go of what a browser does not collect by itself. */
  forget() {
    this.abort?.abort();
    if (this.thumbnail) URL.revokeObjectURL(this.thumbnail);
  }
}
