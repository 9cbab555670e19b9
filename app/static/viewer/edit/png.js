/**
 * PNG: the exact values of a grey or indexed PNG, such as a 16-bit label map. Browsers' own decoders keep only the
 * upper 8 bits.
 */

import { Problem } from "../requests.js";

const GREY = 0;
const INDEXED = 3;
const DATA = 0x49444154; // "IDAT", the type of the chunks that have the values

/** Whether a file is a PNG without colours, by its first bytes. */
export async function isGreyPng(file) {
  const view = new DataView(await file.slice(0, 33).arrayBuffer());
  return isPng(view) && [GREY, INDEXED].includes(view.getUint8(25));
}

/** The values { width, height, values } of a PNG file, row by row. */
export async function readGreyPng(buffer) {
  const { width, height, depth, colour, interlace, packed } = chunksOf(new DataView(buffer));
  if (![GREY, INDEXED].includes(colour) || interlace)
    throw new Problem("The label map is not a grey PNG", "Save it as grey, of 8 or 16 bits, not interlaced.", 422);
  const stream = new Blob(packed).stream().pipeThrough(new DecompressionStream("deflate"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  const length = Math.ceil((width * depth) / 8); // bytes of a row
  const step = Math.max(1, depth / 8); // bytes from a pixel to the next
  const values = new Uint16Array(width * height);
  let above = new Uint8Array(length);
  for (let row = 0; row < height; row++) {
    const start = row * (length + 1);
    const line = bytes.subarray(start + 1, start + 1 + length);
    unfilter(bytes[start], line, above, step);
    for (let column = 0; column < width; column++) values[row * width + column] = valueAt(line, column, depth);
    above = line;
  }
  return { width, height, values };
}

function isPng(view) {
  return view.byteLength >= 33 && view.getUint32(0) === 0x89504e47;
}

function chunksOf(view) {
  if (!isPng(view))
    throw new Problem("The label map is not a PNG", "Save it as a grey PNG, 8 or 16 bits.", 422);
  const packed = [];
  for (let at = 8; at + 12 <= view.byteLength; at += 12 + view.getUint32(at))
    if (view.getUint32(at + 4) === DATA) packed.push(new Uint8Array(view.buffer, at + 8, view.getUint32(at)));
  return {
    width: view.getUint32(16),
    height: view.getUint32(20),
    depth: view.getUint8(24),
    colour: view.getUint8(25),
    interlace: view.getUint8(28),
    packed,
  };
}

/** Undo a row's filter, in place: each byte was written as its difference to a prediction from its neighbours. */
function unfilter(filter, line, above, step) {
  for (let at = 0; at < line.length; at++) {
    const left = at < step ? 0 : line[at - step];
    const corner = at < step ? 0 : above[at - step];
    line[at] += [0, left, above[at], (left + above[at]) >> 1, paeth(left, above[at], corner)][filter];
  }
}

function paeth(left, above, corner) {
  const guess = left + above - corner;
  const [a, b, c] = [left, above, corner].map((value) => Math.abs(guess - value));
  if (a <= b && a <= c) return left;
  return b <= c ? above : corner;
}

function valueAt(line, column, depth) {
  if (depth === 16) return 256 * line[2 * column] + line[2 * column + 1];
  const shift = 8 - depth - ((column * depth) % 8);
  return (line[(column * depth) >> 3] >> shift) & ((1 << depth) - 1);
}
