/** Zip: unpacks zip files, such as the training data that the page downloads. */

import { Problem } from "../requests.js";

const END = 0x06054b50; // signatures of the end, of an entry in the directory
const ENTRY = 0x02014b50;
const LONGEST_END = 22 + 65535; // bytes, with the longest comment
const DEFLATED = 8;
const NOTE = "corrections.json";

export function isZip(file) {
  return /\.zip$/i.test(file.name);
}

/**
 * The files in a zip file, except label maps, which repeat what is in others. A picture with a name that all share is
 * called after the zip file. If the zip file has a note of corrections, pictures have theirs as `note`.
 */
export async function unpack(file) {
  const all = (await entries(file, isOfInterest)).map(({ name, bytes }) => ({ name: name.split("/").pop(), bytes }));
  const written = all.find(({ name }) => name === NOTE);
  const note = written && JSON.parse(new TextDecoder().decode(written.bytes));
  return all
    .filter((one) => one !== written)
    .map(({ name, bytes }) => {
      const own = note?.pictures ? note.pictures.find((one) => one.file_name === name) : note;
      return Object.assign(new File([bytes], name === "image.png" ? ownName(file.name) : name), { note: own });
    });
}

/** The files in a zip file whose names, with their folders, are wanted: [{ name, bytes }]. */
export async function entries(file, isWanted = () => true) {
  const buffer = await file.arrayBuffer();
  const view = new DataView(buffer);
  const found = entriesOf(view, file.name ?? "The zip file").filter(({ name }) => isWanted(name));
  return Promise.all(found.map(async (entry) => ({ name: entry.name, bytes: await content(buffer, view, entry) })));
}

function isOfInterest(name) {
  return !/\/$|(^|\/)labelmap\/|^__MACOSX\//.test(name);
}

function ownName(zip) {
  return zip.replace(/(-training)?( \(\d+\))?\.zip$/i, ".png");
}

function entriesOf(view, name) {
  let end = view.byteLength - 22;
  const first = Math.max(0, view.byteLength - LONGEST_END);
  while (end >= first && view.getUint32(end, true) !== END) end--;
  if (end < first) throw new Problem("The zip file cannot be read", `${name} is incomplete: download it again.`, 422);
  const entries = [];
  let at = view.getUint32(end + 16, true);
  for (let count = view.getUint16(end + 10, true); count > 0 && view.getUint32(at, true) === ENTRY; count--) {
    const length = view.getUint16(at + 28, true);
    entries.push({
      name: new TextDecoder().decode(new Uint8Array(view.buffer, at + 46, length)),
      method: view.getUint16(at + 10, true),
      size: view.getUint32(at + 20, true),
      start: view.getUint32(at + 42, true),
    });
    at += 46 + length + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
  }
  return entries;
}

async function content(buffer, view, { method, size, start }) {
  const at = start + 30 + view.getUint16(start + 26, true) + view.getUint16(start + 28, true);
  const packed = new Uint8Array(buffer, at, size);
  if (method !== DEFLATED) return packed;
  const unpacked = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(unpacked).arrayBuffer());
}
