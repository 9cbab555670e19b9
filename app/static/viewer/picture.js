/** A picture of the visit: its file, its state, and the objects found in it. */

import { giveClassColours, giveColours } from "./colours.js";
import { coverage } from "./outlines.js";
import { page } from "./page.js";

const SQUARE = 0.001; // the share by which the sides of a square pixel may differ
let count = 0;

export class Picture {
  /**
   * waiting → sending → working → done, or failed with a `problem`, or cancelled; pausing: waiting to retry,
   * because the service is busy; reading: its objects come from a file.
   */
  state = "waiting";
  sent = 0; // share of the upload, 0 to 1
  since = 0; // when the state began, in the time of performance.now()
  problem = null; // { title, detail, again: whether trying again may help }
  abort = null; // AbortController of the running request
  answer = null;
  /**
   * The request: { model, page, channel, projection, split }. Pages and channels are numbered from 0; page null
   * means the first, channel null means all. projection is "max", "mean" or null, split is "parts" or null.
   */
  asked = null;
  answered = null; // the request that `answer` belongs to
  segments = []; // as in the answer and then corrected, best first, each with its colour
  /**
   * Corrections, the last one last: { action, before, after }, with the segments that each removed and added, as plain
   * values; after each correction another object. A segment that comes from one has `edited`. `segments` is the
   * picture's own list, which is stored with them so that they have the same segments.
   */
  edits = { done: [], undone: [], segments: [] };
  numbers = 0; // the highest number that a segment has had
  passing = []; // the segments that pass the threshold and the limits of measures
  shown = []; // those of them whose class is not hidden
  threshold = 0;
  hiddenClasses = new Set();
  /** Limits of measures: { limits: [{ name, least, most }], wholeOnly }, lengths and areas in pixels; null: none. */
  limits = null;
  /** { model, threshold, hidden }: the filter to begin with if this model, { name, version }, answers; null: its own. */
  wish = null;
  within = null; // a function: whether a segment's measures are within these limits; null: there are none
  #covered = { shown: null, share: 0 };
  measured = []; // the groups of measures that the segments have: "shape", "intensity"
  values = null; // the measures by the segments' numbers, replaced when some are taken; null: nothing is measured
  wasReset = false; // another model has answered since the user set the threshold
  /** The width of a pixel in micrometres as the user has entered it; null if unknown, undefined if not entered. */
  enteredPixelSize = undefined;
  note = null; // what training data say of the picture: { corrections, pixel_size }
  isNative = false; // the browser can show the file itself
  showable = null; // the file itself, or if the browser cannot show that, another file of the same picture
  thumbnail = null; // an object URL of the next
  thumbnailFile = null;
  prepared = null; // a promise: the two above are set, as far as possible without an answer

  /** @param url where the service gets the picture from, if there is no `file` */
  constructor(file, name, model, url = null) {
    this.id = ++count;
    this.file = file;
    this.url = url;
    this.name = name;
    this.asked = { model, page: null, channel: null, projection: null, split: null };
  }

  /** What a request sends: the file, or where the service finds it. */
  get upload() {
    return this.url ? { url: this.url } : this.file;
  }

  /** The name without its extension, for the names of downloads. */
  get stem() {
    return this.name.replace(/\.[^.]+$/, "") || "picture";
  }

  get finished() {
    return ["done", "failed", "cancelled"].includes(this.state);
  }

  fail(problem) {
    this.problem = problem;
    this.move("failed");
  }

  move(state) {
    this.state = state;
    this.since = performance.now();
  }

  /** Whether the answer is from a semantic model, which finds the class of each pixel and no objects. */
  get isOfPixels() {
    return this.answer?.model.task === "semantic";
  }

  /** What a segment is: an "object", all pixels of a "class", or a connected "part" of a class. */
  get kind() {
    if (!this.isOfPixels) return "object";
    return this.answered.split === "parts" ? "part" : "class";
  }

  /**
   * Whether objects that pass the threshold are missing from the answer, so that sums over it are too small. Those
   * left out score no better than the last one in it.
   */
  get isCut() {
    return Boolean(this.answer?.truncated) && this.threshold <= this.answer.segments.at(-1).score;
  }

  /** The number of objects found, if the answer has only the best; null if classes or measures were left out. */
  get total() {
    if (!this.isCut || this.hiddenClasses.size || this.within) return null;
    return this.answer.found + this.segments.length - this.answer.segments.length;
  }

  /**
   * The width of a pixel in micrometres, as entered or as the file has it; null if unknown. If pixels are not
   * square, the side of a square of the same area.
   */
  get pixelSize() {
    return this.enteredPixelSize === undefined ? this.filePixelSize : this.enteredPixelSize;
  }

  get filePixelSize() {
    const size = this.answer?.image.pixel_size;
    if (!size) return null;
    return size.x === size.y ? size.x : Number(Math.sqrt(size.x * size.y).toPrecision(6));
  }

  /** The width and height { x, y } of a pixel in micrometres; null if unknown. */
  get pixelSides() {
    const { enteredPixelSize: side } = this;
    if (side === undefined) return this.answer?.image.pixel_size ?? null;
    return side === null ? null : { x: side, y: side };
  }

  /** Whether pixels are not square, so that a length in pixels means nothing by itself; as in docs/measures.md. */
  get isSkewed() {
    const { x, y } = this.pixelSides ?? { x: 1, y: 1 };
    return Math.abs(x - y) > SQUARE * Math.max(x, y);
  }

  /** The share (0 to 1) of the picture that so many pixels are. */
  share(area) {
    const { width, height } = this.answer.image;
    return area / (width * height);
  }

  /** The threshold of the model that answered; null if it is not loaded any more. Objects from a file have none. */
  get ownThreshold() {
    if (this.answer.read_from) return 0;
    return page.models.find(({ name }) => name === this.answer.model.name)?.threshold ?? null;
  }

  /**
   * Store the service's answer, which has masks as polygons. The filter stays if the same model has answered; scores
   * of another one mean something else. Objects from a file are all shown at first.
   */
  accept(answer) {
    const before = this.answer;
    const isOfFile = Boolean(answer.read_from || before?.read_from);
    const isSame = isSameModel(before?.model, answer.model) && !isOfFile;
    const wasSet = Boolean(before) && !this.isOfPixels && this.threshold !== this.ownThreshold;
    this.wasReset = wasSet && !isSame && !isOfFile;
    this.answer = answer;
    this.answered = this.asked;
    this.segments = answer.segments;
    this.edits = { done: [], undone: [], segments: this.segments };
    this.numbers = answer.segments.length;
    this.measured = [];
    this.values = null;
    const model = page.models.find(({ name }) => name === answer.model.name);
    if (this.isOfPixels) giveClassColours(this.segments, model.colours);
    else giveColours(this.segments);
    if (!isSame) {
      this.threshold = this.isOfPixels || answer.read_from ? 0 : model.threshold;
      this.hiddenClasses.clear();
      if (isSameModel(this.wish?.model, answer.model) && !answer.read_from) {
        this.threshold = this.wish.threshold ?? this.threshold;
        this.hide(this.wish.hidden ?? []);
      }
      this.limits = this.within = null;
    }
    this.filter();
    this.move("done");
  }

  /** Hide those of these classes that the picture has, and show all others. */
  hide(names) {
    const found = new Set(this.segments.map((segment) => segment.class));
    this.hiddenClasses = new Set(names.filter((name) => found.has(name)));
  }

  /** Remove and add segments, after which these corrections are done and undone. */
  replace(removed, added, { done, undone }) {
    const gone = new Set(removed);
    this.segments = this.segments.filter((segment) => !gone.has(segment)).concat(added);
    this.segments.sort((a, b) => b.score - a.score || a.id - b.id);
    this.edits = { done, undone, segments: this.segments };
    for (const { class: name } of added) this.hiddenClasses.delete(name);
    this.filter();
  }

  /** A number for a new segment. */
  newNumber() {
    return ++this.numbers;
  }

  /** The colour of a segment's class, if the classes of this picture have colours. */
  classColour(segment) {
    if (!this.isOfPixels) return null;
    return page.models.find(({ name }) => name === this.answer.model.name)?.colours[segment.class_id - 1] ?? null;
  }

  /** What was corrected, for the service: each action with the segments before and after it, without masks. */
  get corrections() {
    const brief = ({ id, class: name, score, box, area }) => ({ id, class: name, score, box, area });
    const own = this.edits.done.map(({ action, before, after }) => ({
      action,
      before: before.map(brief),
      after: after.map(brief),
    }));
    return [...(this.answer.earlier ?? []), ...own];
  }

  /** What another answer would discard, in words: corrections, and objects from a file; "" if it is nothing. */
  get atStake() {
    const { length } = this.edits.done;
    const corrections = length > 1 ? `all ${length} corrections` : length && "the correction";
    const objects = this.answer?.read_from && `the objects read from ${this.answer.read_from}`;
    return [corrections, objects].filter(Boolean).join(" and ");
  }

  /** Whether a segment passes the threshold. One that somebody has corrected always does. */
  passes(segment) {
    return segment.edited || segment.score >= this.threshold;
  }

  /** Whether a segment's measures are within the limits. One that somebody has corrected always passes. */
  isWithin(segment) {
    return segment.edited || (this.within?.(segment) ?? true);
  }

  /** Show the objects that pass the threshold, have measures within the limits, and whose class is not hidden. */
  filter() {
    this.passing = this.segments.filter((segment) => this.passes(segment) && this.isWithin(segment));
    this.shown = this.passing.filter((segment) => !this.hiddenClasses.has(segment.class));
  }

  /** The share (0 to 1) of the picture that the objects shown cover. */
  get covered() {
    const { shown, answer } = this;
    if (this.#covered.shown !== shown) {
      const share = shown.length === 1 ? this.share(shown[0].area) : coverage(shown, answer.image);
      this.#covered = { shown, share };
    }
    return this.#covered.share;
  }

  /**
   * The classes found, each with the number of segments that pass the threshold and the limits of measures, hidden or
   * not; sorted by this number, or by covered area.
   */
  classCounts() {
    const counts = new Map();
    for (const { class: name } of this.segments) counts.set(name, 0);
    for (const { class: name } of this.passing) counts.set(name, counts.get(name) + 1);
    const byShare = (a, b) => areaOf(b, this.segments) - areaOf(a, this.segments);
    return [...counts].sort(
      ([a, many], [b, more]) =>
        more - many || (this.kind === "class" && byShare(a, b)) || a.localeCompare(b),
    );
  }

  /** Whether the answer must include the picture, because the browser cannot show it by itself. */
  get wantsPicture() {
    const { page: number, channel, projection } = this.asked;
    return !this.isNative || number > 0 || channel !== null || projection !== null;
  }

  /** The request parameters with which the service returns exactly the objects shown. */
  parameters() {
    const parameters = source({ ...this.answered, model: this.answer.model.name });
    if (!this.isOfPixels) parameters.threshold = this.threshold;
    if (this.hiddenClasses.size)
      parameters.classes = [...new Set(this.shown.map((segment) => segment.class))];
    return parameters;
  }

  /** Release what the browser does not free by itself. */
  forget() {
    this.abort?.abort();
    if (this.thumbnail) URL.revokeObjectURL(this.thumbnail);
  }
}

function isSameModel(one, other) {
  return one?.name === other.name && one.version === other.version;
}

/** The number of pixels in the segments of a class. */
export function areaOf(name, segments) {
  return segments.reduce((sum, segment) => (segment.class === name ? sum + segment.area : sum), 0);
}

/** The parameters that select the picture, the model and the kind of segments. */
export function source({ model, page: number, channel, projection, split }) {
  const parameters = { model, max_segments: page.most_segments };
  if (number !== null) parameters.page = number;
  if (channel !== null) parameters.channel = channel;
  if (projection) parameters.projection = projection;
  if (split) parameters.split = split;
  return parameters;
}
