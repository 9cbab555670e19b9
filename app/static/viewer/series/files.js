/** Files: the tables of all pictures, a row a picture or a row an object. */

import { withGroups } from "../plots/groups.js";
import { rendered } from "../rendering.js";
import { cellText, fromCsv, toCsv } from "./csv.js";
import { figuresOf } from "./figures.js";
import { patiently } from "./patience.js";

const ORIGIN = ["file_name", "page", "channel", "pixel_size_um", "model", "version", "threshold"];
const SUMMARY = [
  ...["objects", "complete", "covered_share", "median_area", "total_area", "median_area_um2", "total_area_um2"],
  ...["corrections", "state"],
];

/** A table with a row for each picture, as a Blob. `area` is in pixels, as in the service's tables. */
export function summaryOf(pictures) {
  return toCsv([...ORIGIN, ...SUMMARY], pictures.map(figuresOf).map((one) => [...originOf(one), ...summed(one)]));
}

function summed({ isDone, count, isCut, covered, median, total, pixelSize, corrections, state }) {
  if (!isDone) return [...Array(SUMMARY.length - 1).fill(null), cellText(state)];
  const pixels = (pixelSize ?? 1) ** 2;
  const areas = [median, total];
  return [
    count,
    !isCut,
    rounded(covered),
    ...areas.map((area) => (area === null ? null : rounded(area / pixels))),
    ...areas.map((area) => (area === null || !pixelSize ? null : rounded(area))),
    corrections,
    state,
  ];
}

/**
 * A table with a row for each object shown of these pictures, which are done. The service writes the objects of one
 * picture after the other; columns that only some have are empty for the others.
 *
 * @param options key, signal; isMeasured: whether objects have their measures, too; onProgress: called with the number
 *   of pictures that are ready
 * @returns a promise of a Blob
 * @throws Problem, or the signal's AbortError
 */
export async function objectsOf(pictures, { onProgress, ...options }) {
  const columns = [...ORIGIN];
  const rows = [];
  for (const [at, picture] of pictures.entries()) {
    onProgress(at);
    const origin = originOf(figuresOf(picture));
    const [names = [], ...objects] = picture.shown.length ? fromCsv(await written(picture, options)) : [];
    for (const name of names) if (!columns.includes(name)) columns.push(name);
    const places = names.map((name) => columns.indexOf(name));
    for (const cells of objects) {
      const row = [...origin];
      cells.forEach((cell, column) => (row[places[column]] = cell));
      rows.push(row);
    }
  }
  return toCsv(columns, rows);
}

async function written(picture, { isMeasured, key, signal }) {
  const ask = (groups) => patiently(() => rendered(picture, "csv", { groups, key, signal }), signal);
  const { result } = isMeasured ? await withGroups(picture, ask) : { result: await ask([]) };
  return result.text();
}

function originOf({ name, page, channel, pixelSize, model, version, threshold }) {
  return [cellText(name), page, channel, pixelSize, model && cellText(model), version, threshold];
}

/** With no more digits than the service writes. */
function rounded(value) {
  return Number(value.toPrecision(6));
}
