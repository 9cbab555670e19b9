/**
 * Rasters: sets of pixels, each in its own box of a picture. Edits compute with them, a box at a time.
 *
 * A raster is { x, y, width, height, data }: the box in pixels of the picture, and a Uint8Array of 0 and 1, row
 * by row. A point is [x, y]; the centre of the picture's first pixel is (0.5, 0.5).
 */

/** An empty raster. */
export function blank(x, y, width, height) {
  return { x, y, width, height, data: new Uint8Array(width * height) };
}

/**
 * The pixels inside rings that follow the edges of pixels, by the even-odd rule; the inverse of toRings.
 *
 * @param rings [x1, y1, x2, y2, …] each, whole numbers
 * @param box [x, y, width, height] that contains the rings
 */
export function fromRings(rings, [x, y, width, height]) {
  const raster = blank(x, y, width, height);
  const { data } = raster;
  for (const ring of rings)
    for (let at = 0; at < ring.length; at += 2) {
      const next = (at + 2) % ring.length;
      const column = ring[at] - x;
      if (ring[at] !== ring[next] || column === width) continue;
      const end = Math.max(ring[at + 1], ring[next + 1]) - y;
      for (let row = Math.min(ring[at + 1], ring[next + 1]) - y; row < end; row++) data[row * width + column] ^= 1;
    }
  // A pixel is inside if the number of edges on its left is odd.
  for (let row = 0; row < height; row++)
    for (let at = row * width + 1; at < (row + 1) * width; at++) data[at] ^= data[at - 1];
  return raster;
}

/** The pixels whose centres are inside a polygon; where it crosses itself, by the nonzero rule. */
export function fromPolygon(points, picture) {
  const raster = blank(...hull(points, 0, picture));
  for (let row = 0; row < raster.height; row++) {
    const level = raster.y + row + 0.5;
    let winding = 0;
    let start = 0;
    for (const [x, direction] of crossings(points, level)) {
      if (winding === 0) start = x;
      winding += direction;
      if (winding === 0) fillRow(raster, row, start, x);
    }
  }
  return raster;
}

/** Where the polygon's edges cross the horizontal line at y = `level`: [x, direction], from left to right. */
function crossings(points, level) {
  const found = [];
  points.forEach(([x, y], at) => {
    const [nextX, nextY] = points[(at + 1) % points.length];
    if (y <= level === nextY <= level) return;
    found.push([x + ((level - y) / (nextY - y)) * (nextX - x), nextY > y ? 1 : -1]);
  });
  return found.sort(([a], [b]) => a - b);
}

/**
 * The pixels that a round brush touches along a line.
 *
 * @param points at least one; at odd sizes they are moved to centres of pixels, else to corners, so that a brush
 *   covers the same number of pixels everywhere
 * @param size diameter of the brush in pixels
 */
export function fromStroke(points, size, picture) {
  const radius = size / 2;
  const snapped = points.map((point) => point.map((value) => (size % 2 ? Math.floor(value) + 0.5 : Math.round(value))));
  const raster = blank(...hull(snapped, radius, picture));
  snapped.forEach((point, at) => stamp(raster, snapped[Math.max(0, at - 1)], point, radius));
  return raster;
}

/** Add the pixels whose centres are at most `radius` from the line between two points: an interval in each row. */
function stamp(raster, [x1, y1], [x2, y2], radius) {
  const length = Math.hypot(x2 - x1, y2 - y1);
  // From the line to its parallels on both sides.
  const [acrossX, acrossY] = length ? [(-(y2 - y1) / length) * radius, ((x2 - x1) / length) * radius] : [0, 0];
  const sides = [
    [x1 + acrossX, y1 + acrossY],
    [x2 + acrossX, y2 + acrossY],
    [x2 - acrossX, y2 - acrossY],
    [x1 - acrossX, y1 - acrossY],
  ];
  const last = Math.min(raster.height, Math.ceil(Math.max(y1, y2) + radius) - raster.y);
  for (let row = Math.max(0, Math.floor(Math.min(y1, y2) - radius) - raster.y); row < last; row++) {
    const level = raster.y + row + 0.5;
    const ends = crossings(sides, level).map(([x]) => x);
    for (const [x, y] of [
      [x1, y1],
      [x2, y2],
    ]) {
      const square = radius ** 2 - (level - y) ** 2;
      if (square >= 0) ends.push(x - Math.sqrt(square), x + Math.sqrt(square));
    }
    if (ends.length) fillRow(raster, row, Math.min(...ends), Math.max(...ends) + 1e-9); // both ends belong to it
  }
}

/** Set the pixels of a row whose centres are from `start` up to, and not at, `end`. */
function fillRow({ x, width, data }, row, start, end) {
  const first = Math.max(0, Math.ceil(start - 0.5) - x);
  const last = Math.min(width, Math.ceil(end - 0.5) - x);
  if (first < last) data.fill(1, row * width + first, row * width + last);
}

/** The box around points, larger by a margin, as far as it is in the picture. */
function hull(points, margin, picture) {
  const columns = points.map(([x]) => x);
  const rows = points.map(([, y]) => y);
  const left = Math.max(0, Math.floor(least(columns) - margin));
  const top = Math.max(0, Math.floor(least(rows) - margin));
  const right = Math.min(picture.width, Math.ceil(most(columns) + margin));
  const bottom = Math.min(picture.height, Math.ceil(most(rows) + margin));
  return [left, top, Math.max(0, right - left), Math.max(0, bottom - top)];
}

// A stroke can have more points than a function can have arguments.
const least = (values) => values.reduce((a, b) => Math.min(a, b));
const most = (values) => values.reduce((a, b) => Math.max(a, b));

/** All pixels of these rasters. */
export function union(...rasters) {
  const x = least(rasters.map((one) => one.x));
  const y = least(rasters.map((one) => one.y));
  const right = most(rasters.map((one) => one.x + one.width));
  const bottom = most(rasters.map((one) => one.y + one.height));
  const all = blank(x, y, right - x, bottom - y);
  for (const one of rasters)
    eachSharedRow(all, one, (at, from, length) => {
      for (let step = 0; step < length; step++) all.data[at + step] |= one.data[from + step];
    });
  return all;
}

/** The pixels of `raster` that are not in `other`. */
export function minus(raster, other) {
  const left = { ...raster, data: raster.data.slice() };
  eachSharedRow(left, other, (at, from, length) => {
    for (let step = 0; step < length; step++) left.data[at + step] &= 1 - other.data[from + step];
  });
  return left;
}

/** The number of pixels in both. */
export function shared(raster, other) {
  let count = 0;
  eachSharedRow(raster, other, (at, from, length) => {
    for (let step = 0; step < length; step++) count += raster.data[at + step] & other.data[from + step];
  });
  return count;
}

/** For each row of pixels in both boxes, call `visit` with its first index in the data of each, and its length. */
function eachSharedRow(one, other, visit) {
  const left = Math.max(one.x, other.x);
  const length = Math.min(one.x + one.width, other.x + other.width) - left;
  const bottom = Math.min(one.y + one.height, other.y + other.height);
  if (length <= 0) return;
  for (let y = Math.max(one.y, other.y); y < bottom; y++)
    visit((y - one.y) * one.width + left - one.x, (y - other.y) * other.width + left - other.x, length);
}

/** The same pixels in the smallest box; null if there are none. */
export function cropped(raster) {
  const { x, y, width, height, data } = raster;
  let left = width;
  let right = -1;
  let top = height;
  let bottom = -1;
  for (let row = 0; row < height; row++) {
    const first = data.indexOf(1, row * width) - row * width;
    if (first < 0) break; // no pixel from here on
    if (first >= width) continue;
    top = Math.min(top, row);
    bottom = row;
    left = Math.min(left, first);
    right = Math.max(right, data.lastIndexOf(1, (row + 1) * width - 1) - row * width);
  }
  if (bottom < 0) return null;
  const small = blank(x + left, y + top, right - left + 1, bottom - top + 1);
  eachSharedRow(small, raster, (at, from, length) => small.data.set(data.subarray(from, from + length), at));
  return small;
}

/** The number of pixels. */
export function area({ data }) {
  let sum = 0;
  for (let at = 0; at < data.length; at++) sum += data[at];
  return sum;
}
