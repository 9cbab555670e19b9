/**
 * Pixels: with a semantic model, a pixel has one class, and a class is one segment (unless connected parts are
 * counted). A correction therefore adds to the segment of its class, and takes its pixels from all others.
 */

import { changed, rasterOf } from "./operations.js";
import { cropped, minus, shared, union } from "./raster.js";

/** The edit, with what it changes in other segments. */
export function withOneClassEach(made, picture) {
  const before = new Set(made.before);
  const others = () => picture.segments.filter((segment) => !before.has(segment));
  const drawn = made.after.map((segment) => {
    const twin = picture.kind === "class" && others().find((other) => other.class === segment.class);
    if (!twin) return segment;
    before.add(twin);
    return changed(twin, union(rasterOf(twin), rasterOf(segment)));
  });
  const after = [...drawn];
  for (const segment of drawn) {
    const pixels = rasterOf(segment);
    for (const other of others()) {
      const own = rasterOf(other);
      if (!shared(own, pixels)) continue;
      before.add(other);
      const left = cropped(minus(own, pixels));
      if (left) after.push(changed(other, left));
    }
  }
  return { ...made, before: [...before], after };
}
