/** Parts: the connected parts of a raster, and rasters cut apart along a line. */

import { area, blank, cropped, minus, shared } from "./raster.js";

/** Along an uneven edge a line also cuts off crumbs: parts below this share of the object. */
export const CRUMB = 1 / 50;

/** Label the parts, whose pixels are connected along their edges: { labels from 1 by pixel, areas by label }. */
function labelled({ width, height, data }) {
  const labels = new Int32Array(width * height);
  const areas = [0];
  const open = new Int32Array(width * height); // a stack: each pixel is put on it once
  for (let start = 0; start < data.length; start++) {
    if (!data[start] || labels[start]) continue;
    const label = areas.length;
    labels[start] = label;
    let size = 0;
    open[size++] = start;
    let count = 0;
    const add = (next) => {
      if (!data[next] || labels[next]) return;
      labels[next] = label;
      open[size++] = next;
    };
    while (size) {
      count++;
      eachNeighbour(open[--size], width, height, add);
    }
    areas.push(count);
  }
  return { labels, areas };
}

function eachNeighbour(at, width, height, visit) {
  const column = at % width;
  if (column > 0) visit(at - 1);
  if (column < width - 1) visit(at + 1);
  if (at >= width) visit(at - width);
  if (at < width * (height - 1)) visit(at + width);
}

/**
 * The rasters into which a line cuts a raster, the largest first; together they have all its pixels.
 *
 * Parts that the line does not touch stay with the largest one. The pixels under the line go to the parts beside it.
 *
 * @param line a raster that pixels connected along their edges cannot pass, such as a stroke of size 1
 * @param crumb smaller parts than this share of the raster stay with the part beside them
 * @returns at least two rasters, or null if the line does not cut through
 */
export function cut(raster, line, crumb) {
  if (!shared(raster, line)) return null;
  const before = labelled(raster);
  const { labels, areas } = labelled(minus(raster, line));
  const least = crumb * area(raster);
  const partOf = new Int32Array(areas.length); // label → label of the part to which it goes; 0: not known yet
  const largest = areas.indexOf(Math.max(...areas));
  const sample = new Int32Array(areas.length); // label → a pixel of it
  labels.forEach((label, at) => (sample[label] = at));
  for (let label = 1; label < areas.length; label++) {
    const untouched = areas[label] === before.areas[before.labels[sample[label]]];
    if (untouched) partOf[label] = largest;
    else if (areas[label] >= least) partOf[label] = label;
  }
  partOf[largest] = largest;
  const parts = [...new Set(partOf)].filter(Boolean);
  if (parts.length < 2) return null;
  flood(labels, partOf, raster);
  return parts
    .sort((a, b) => areas[b] - areas[a])
    .map((part) => {
      const one = blank(raster.x, raster.y, raster.width, raster.height);
      for (let at = 0; at < labels.length; at++) one.data[at] = labels[at] === part ? 1 : 0;
      return cropped(one);
    });
}

/** Replace each label by its part, and give the pixels without one to the nearest part. */
function flood(labels, partOf, { width, height, data }) {
  let edge = [];
  for (let at = 0; at < labels.length; at++) {
    labels[at] = partOf[labels[at]];
    if (data[at] && !labels[at]) edge.push(at);
  }
  // Round by round, so that the nearest part wins; usually, all are beside one already.
  while (edge.length) {
    const found = [];
    for (const at of edge) {
      let part = 0;
      eachNeighbour(at, width, height, (beside) => (part ||= labels[beside]));
      if (part) found.push([at, part]);
    }
    if (!found.length) break;
    for (const [at, part] of found) labels[at] = part;
    edge = edge.filter((at) => !labels[at]);
  }
  const some = partOf.find(Boolean);
  for (let at = 0; at < labels.length; at++) if (data[at] && !labels[at]) labels[at] = some; // thin as the line
}
