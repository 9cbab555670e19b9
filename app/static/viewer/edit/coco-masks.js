/** COCO masks: polygons, and run lengths as a list or compressed into text, as rasters. */

import { blank, fromPolygon, union } from "./raster.js";

/** The pixels of an annotation's `segmentation` in a picture of this size. */
export function fromSegmentation(segmentation, size) {
  if (!Array.isArray(segmentation)) return fromRuns(countsOf(segmentation.counts), size);
  const parts = segmentation.map((ring) => fromPolygon(pointsOf(ring), size));
  return union(...parts);
}

function pointsOf(ring) {
  const points = [];
  for (let at = 0; at + 1 < ring.length; at += 2) points.push([ring[at], ring[at + 1]]);
  return points;
}

/**
 * Run lengths from pycocotools' text: each number in groups of 5 bits, the lowest first, in characters from "0"; the
 * bit above them says that more follow. From the third on, numbers are differences to the last but one.
 */
function countsOf(text) {
  if (Array.isArray(text)) return text;
  const counts = [];
  for (let at = 0; at < text.length; ) {
    let value = 0;
    let shift = 0;
    let more = true;
    while (more) {
      const group = text.charCodeAt(at++) - 48;
      value |= (group & 31) << shift;
      shift += 5;
      more = (group & 32) > 0;
      if (!more && group & 16) value |= -1 << shift; // a negative number
    }
    counts.push(counts.length > 2 ? value + counts.at(-2) : value);
  }
  return counts;
}

/** The pixels of run lengths, which go down the columns of the whole picture, beginning with a run of zeros. */
function fromRuns(counts, { width, height }) {
  const runs = [];
  let start = 0;
  counts.forEach((count, at) => {
    if (at % 2 && count) runs.push([start, start + count]);
    start += count;
  });
  if (start !== width * height) throw new Error(`run lengths add up to ${start}, not ${width * height}`);
  if (!runs.length) return blank(0, 0, 0, 0);
  const left = Math.floor(runs[0][0] / height);
  const right = Math.floor((runs.at(-1)[1] - 1) / height);
  let top = height - 1;
  let bottom = 0;
  for (const [first, end] of runs) {
    const isLong = Math.floor(first / height) !== Math.floor((end - 1) / height);
    top = Math.min(top, isLong ? 0 : first % height);
    bottom = Math.max(bottom, isLong ? height - 1 : (end - 1) % height);
  }
  const raster = blank(left, top, right - left + 1, bottom - top + 1);
  for (const [first, end] of runs)
    for (let at = first; at < end; at++)
      raster.data[((at % height) - top) * raster.width + Math.floor(at / height) - left] = 1;
  return raster;
}
