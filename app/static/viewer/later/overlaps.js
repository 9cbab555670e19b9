/** Overlaps: what a label map does not hold, because each of its pixels has the number of one object. */

import { fromRings } from "../edit/raster.js";

/**
 * How many objects lose pixels to those before them, and how many pixels these are.
 *
 * @param segments of a picture of this size, best first
 * @returns { objects, pixels }
 */
export function lossesOf(segments, { width, height }) {
  const taken = new Uint8Array(width * height);
  let [objects, pixels] = [0, 0];
  for (const { mask, box } of segments) {
    const raster = fromRings(mask, box);
    const before = pixels;
    for (let row = 0; row < raster.height; row++)
      for (let column = 0; column < raster.width; column++) {
        if (!raster.data[row * raster.width + column]) continue;
        const at = (raster.y + row) * width + raster.x + column;
        pixels += taken[at];
        taken[at] = 1;
      }
    if (pixels > before) objects++;
  }
  return { objects, pixels };
}
