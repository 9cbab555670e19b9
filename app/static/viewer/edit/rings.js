/**
 * Rings: the exact outline of a raster, along the edges of its pixels. These are the service's own rings, vertex
 * by vertex: model/results/polygons.py has the same function and explains it.
 */

/** The rings [x1, y1, x2, y2, …] around a raster's pixels and around its holes, in pixels of the picture. */
export function toRings(raster) {
  const corners = cornersOf(raster);
  const places = placesOf(corners);
  const { columns, rows } = corners;
  return walk(following(corners, places, raster.width + 1), places).map((ring) =>
    ring.flatMap((vertex) => [columns[vertex] + raster.x, rows[vertex] + raster.y]),
  );
}

/** Where the outline turns, row by row. A turn is 1 if its pixel is an upper left or a lower right one, else -1. */
function cornersOf({ width, height, data }) {
  const columns = [];
  const rows = [];
  const turns = [];
  const nothing = new Uint8Array(width);
  const line = (row) => (row >= 0 && row < height ? data.subarray(row * width, (row + 1) * width) : nothing);
  for (let row = 0; row <= height; row++) {
    const upper = line(row - 1);
    const lower = line(row);
    let step = 0; // 1 and -1 along upper and lower edges of pixels
    for (let column = 0; column <= width; column++) {
      const next = column < width ? lower[column] - upper[column] : 0;
      const change = next - step;
      if (change === 0) continue; // nearly always
      step = next;
      for (let count = Math.abs(change); count > 0; count--) {
        columns.push(column);
        rows.push(row);
        turns.push(Math.sign(change));
      }
    }
  }
  return { columns, rows, turns };
}

/** For each vertex the next one of its ring: they are joined in pairs along each row and each column. */
function following({ columns, turns }, places, width) {
  const next = new Int32Array(turns.length);
  const join = (start, end, forwards) => {
    if (forwards) next[start] = end;
    else next[end] = start;
  };
  for (let left = 0; left < turns.length; left += 2) join(left, left + 1, turns[left] > 0);
  const open = new Int32Array(width).fill(-1); // by column: the upper vertex of a pair that lacks its lower one
  const meet = (vertex) => {
    const top = open[columns[vertex]];
    open[columns[vertex]] = top < 0 ? vertex : -1;
    if (top >= 0) join(vertex, top, turns[top] > 0);
  };
  for (let vertex = 0; vertex < turns.length; vertex++) {
    // Where two pixels touch at their corners, the order of the two vertices decides which edges belong together.
    const isTwice = places[vertex + 1] === vertex;
    if (isTwice && turns[vertex] < 0) {
      meet(vertex + 1);
      meet(vertex);
      vertex++;
    } else meet(vertex);
  }
  return next;
}

/** For each vertex the first one at the same place: itself or the one before. */
function placesOf({ columns, rows }) {
  return columns.map((column, vertex) =>
    column === columns[vertex - 1] && rows[vertex] === rows[vertex - 1] ? vertex - 1 : vertex,
  );
}

/** The vertices of each ring: when a walk reaches a place again, those in between form one. */
function walk(next, places) {
  const rings = [];
  const walked = new Uint8Array(next.length);
  const reached = new Int32Array(next.length).fill(-1); // by place: its index in the path
  for (let start = 0; start < next.length; start++) {
    const path = [];
    for (let vertex = start; !walked[vertex]; vertex = next[vertex]) {
      walked[vertex] = 1;
      const place = places[vertex];
      if (reached[place] >= 0) {
        const ring = path.splice(reached[place]);
        for (const other of ring) reached[places[other]] = -1;
        rings.push(ring);
      }
      reached[place] = path.length;
      path.push(vertex);
    }
    for (const other of path) reached[places[other]] = -1;
    if (path.length) rings.push(path);
  }
  return rings;
}
