/**
 * Coats: thousands of objects drawn with few calls, which take most of the time.
 *
 * Objects that do not overlap look the same in whatever order they are drawn. So each object gets the lowest coat that
 * is above all that it overlaps, and what has one colour in one coat becomes one path.
 */

const CELL = 4; // CSS pixels: objects are taken to overlap if their boxes share a square of this size

/**
 * @param segments the lowest first
 * @param viewport in which they are seen
 * @param reach how far they are drawn beyond their boxes, in CSS pixels
 * @param kindOf gives a text; segments of which it is the same can share a path
 * @returns lists of segments that can share a path, the lowest first
 */
export function coats(segments, viewport, reach, kindOf) {
  const { view, scale, left, top } = viewport;
  const columns = Math.ceil(view.width / CELL) + 1;
  const rows = Math.ceil(view.height / CELL) + 1;
  const highest = new Uint16Array(columns * rows); // the number of coats on each square
  const made = []; // for each coat: kind → its segments
  for (const segment of segments) {
    const [x, y, width, height] = segment.box;
    const first = cell(left + x * scale - reach, columns);
    const last = cell(left + (x + width) * scale + reach, columns);
    const start = cell(top + y * scale - reach, rows) * columns;
    const end = cell(top + (y + height) * scale + reach, rows) * columns;
    let coat = 0;
    for (let row = start; row <= end; row += columns)
      for (let at = row + first; at <= row + last; at++) if (highest[at] > coat) coat = highest[at];
    for (let row = start; row <= end; row += columns) highest.fill(coat + 1, row + first, row + last + 1);
    const kinds = (made[coat] ??= new Map());
    const kind = kindOf(segment);
    if (kinds.has(kind)) kinds.get(kind).push(segment);
    else kinds.set(kind, [segment]);
  }
  return made.flatMap((kinds) => [...kinds.values()]);
}

/** The row or column of squares that a length from the view's edge is in; the outermost one for what is outside. */
function cell(length, count) {
  return Math.min(Math.max(Math.floor(length / CELL), 0), count - 1);
}
