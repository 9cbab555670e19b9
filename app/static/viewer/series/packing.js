/** Packing: zip files. Their content is stored as it is, since most of it is PNGs, which do not get smaller. */

import { Problem } from "../requests.js";

const MOST_ENTRIES = 0xffff; // without the extension ZIP64, which not all programs read
const MOST_BYTES = 0xffffffff;
const UTF8_NAMES = 0x0800; // flag
const DATE = 0x0021; // 1 January 1980: the same content gives the same file

const CRC = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

/**
 * A zip file, a Blob.
 *
 * @param files [name, content], with the content as text or Uint8Array
 * @throws Problem if they are too many or too large for one
 */
export function packed(files) {
  const parts = [];
  const directory = [];
  let at = 0;
  for (const [name, content] of files) {
    const path = new TextEncoder().encode(name);
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    const [crc, size] = [crc32(bytes), bytes.length];
    // version needed, flags, method, time, date; checksum, packed and unpacked size; lengths of name and extra field
    const shared = [[2, 20], [2, UTF8_NAMES], [2, 0], [2, 0], [2, DATE], [4, crc], [4, size], [4, size], [2, path.length], [2, 0]];
    const head = fields([4, 0x04034b50], ...shared);
    parts.push(head, path, bytes);
    // made by; comment, disk, attributes inside and outside, place
    directory.push(fields([4, 0x02014b50], [2, 20], ...shared, [2, 0], [2, 0], [2, 0], [4, 0], [4, at]), path);
    at += head.length + path.length + size;
  }
  const length = directory.reduce((sum, part) => sum + part.length, 0);
  if (files.length > MOST_ENTRIES || at + length > MOST_BYTES)
    throw new Problem("The zip file would be too large", "It has at most 65,535 files and 4 GB: take fewer pictures.");
  const counts = [[2, files.length], [2, files.length], [4, length], [4, at], [2, 0]];
  const end = fields([4, 0x06054b50], [2, 0], [2, 0], ...counts);
  return new Blob([...parts, ...directory, end], { type: "application/zip" });
}

/** Numbers, each [bytes that it takes, value], little-endian. */
function fields(...numbers) {
  const view = new DataView(new ArrayBuffer(numbers.reduce((sum, [bytes]) => sum + bytes, 0)));
  let at = 0;
  for (const [bytes, value] of numbers) {
    if (bytes === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
    at += bytes;
  }
  return new Uint8Array(view.buffer);
}

function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = CRC[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}
