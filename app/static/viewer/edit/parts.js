/** Parts: the connected parts of a raster, and rasters cut apart along a line. */

import { area, blank, cropped, minus, shared } from "./raster.js";

// Along an uneven edge a line also cuts off crumbs, which stay with the part beside them.
const CRUMB = 1 / 50; // share of the object

/** Label the parts, whose pixels are connected along their edges: { labels from 1 by pixel, areas by label }. */
function labelled({ width, height, data }) {
  const labels = new Int32Array(width * height);
  const areas = [0];
  const open = [];
  for (let start = 0; start < data.length; start++) {
    if (!data[start] || labels[start]) continue;
    const label = areas.length;
    labels[start] = label;
    open.push(start);
    let count = 0;
    while (open.length) {
      const at = open.pop();
      count++;
      for (const next of neighbours(at, width, height))
        if (data[next] && !labels[next]) {
          labels[next] = label;
          open.push(next);
        }
    }
    areas.push(count);
  }
  return { labels, areas };
}

function neighbours(at, width, height) {
  const column = at % width;
  const found = [];
  if (column > 0) found.push(at - 1);
  if (column < width - 1) found.push(at + 1);
  if (at >= width) found.push(at - width);
  if (at < width * (height - 1)) found.push(at + width);
  return found;
}

/**
 * The rasters into which a line cuts a raster, the largest first; together they have all its pixels.
 *
 * Parts that the line does not touch stay with the largest one. The pixels under the line go to the parts beside it.
 *
 * @param line a raster that pixels connected along their edges cannot pass, such as a stroke of size 1
 * @returns at least two rasters, or null if the line does not cut through
 */
export function cut(raster, line) {
  if (!shared(raster, line)) return null;
  const before = labelled(raster);
  const { labels, areas } = labelled(minus(raster, line));
  const least = CRUMB * area(raster);
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
    if (labels[at]) edge.push(at);
  }
  while (edge.length) {
    const next = [];
    for (const at of edge)
      for (const beside of neighbours(at, width, height))
        if (data[beside] && !labels[beside]) {
          labels[beside] = labels[at];
          next.push(beside);
        }
    edge = next;
  }
  const some = partOf.find(Boolean);
  for (let at = 0; at < labels.length; at++) if (data[at] && !labels[at]) labels[at] = some; // thin as the line
}
