/** Figures: what the table of all pictures says of each, and sums over those that can be added. */

import { counted } from "../units.js";

const sizes = new WeakMap(); // list of segments → { median, total } in pixels

/**
 * What is known of a picture: its name and state, and once it is done also where its objects are from, how many they
 * are and how large. Areas are in `unit`, shares are 0 to 1, pages and channels are counted from 1. What it does not
 * have is null, such as the number of objects where a model finds the classes of pixels. If `isCut`, there are more
 * objects than the count and the sums have.
 */
export function figuresOf(picture) {
  const { name, kind, answer, answered, pixelSize, threshold, edits } = picture;
  if (picture.state !== "done") return { name, isDone: false, state: stateOf(picture) };
  const { median, total } = areasOf(picture.shown);
  const scale = (pixelSize ?? 1) ** 2;
  return {
    name,
    isDone: true,
    state: edits.done.length ? `done, ${counted(edits.done.length, "correction")}` : "done",
    page: pageOf(answer.image, answered),
    pages: answer.image.pages,
    channel: answered.channel === null ? null : answered.channel + 1,
    pixelSize,
    model: answer.read_from ? `read from ${answer.read_from}` : answer.model.name,
    version: answer.read_from ? null : answer.model.version,
    threshold: picture.isOfPixels ? null : threshold,
    kind,
    count: kind === "class" ? null : picture.shown.length,
    isCut: picture.isCut,
    covered: picture.covered,
    median: kind === "class" || median === null ? null : median * scale,
    total: total * scale,
    unit: pixelSize ? "µm²" : "px²",
    corrections: edits.done.length,
  };
}

/**
 * Sums over the figures of pictures, as far as these can be added: for each model, kind of segments and unit, over
 * the pictures that are done and have all of their objects.
 *
 * @returns { lines: [{ pictures, model, version, kind, unit, thresholds, count, covered, total }], unfinished, cut },
 *   with the mean of the shares covered, and the numbers of pictures that were left out
 */
export function totalsOf(figures) {
  const groups = new Map();
  for (const one of figures) {
    if (!one.isDone || one.isCut) continue;
    const { model, version, kind, unit } = one;
    const key = JSON.stringify([model, version, kind, unit]);
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  return {
    lines: [...groups.values()].map(lineOf),
    unfinished: figures.filter(({ isDone }) => !isDone).length,
    cut: figures.filter(({ isCut }) => isCut).length,
  };
}

function lineOf(group) {
  const [{ model, version, kind, unit }] = group;
  const sum = (name) => group.reduce((all, one) => all + one[name], 0);
  return {
    pictures: group.length,
    model,
    version,
    kind,
    unit,
    thresholds: [...new Set(group.map(({ threshold }) => threshold))],
    count: kind === "class" ? null : sum("count"),
    covered: sum("covered") / group.length,
    total: sum("total"),
  };
}

/** The page from 1, "max" or "mean" if all were combined, or null if the file has one. */
function pageOf({ pages }, { page, projection }) {
  if (pages === 1) return null;
  return projection ?? (page ?? 0) + 1;
}

function areasOf(segments) {
  if (!sizes.has(segments)) {
    const sorted = segments.map(({ area }) => area).sort((a, b) => a - b);
    const half = sorted.length / 2;
    const median = sorted.length ? (sorted[Math.ceil(half) - 1] + sorted[Math.floor(half)]) / 2 : null;
    sizes.set(segments, { median, total: sorted.reduce((sum, area) => sum + area, 0) });
  }
  return sizes.get(segments);
}

function stateOf({ state, problem, waitsFor }) {
  if (state === "failed") return `failed: ${problem.title}`;
  return state === "pausing" ? waitsFor : state;
}
