/** Training data: one data set of several pictures, put together from what the service writes for each of them. */

import { entries } from "../edit/zip.js";
import { rendered } from "../rendering.js";
import { patiently } from "./patience.js";
import { packed } from "./packing.js";

const text = (bytes) => JSON.parse(new TextDecoder().decode(bytes));

/**
 * A zip with these pictures, their objects shown as a COCO data set, their label maps in a folder of their own, and a
 * note of what was corrected in which of them. A picture without objects is one, too: the model learns from it what
 * is none.
 *
 * @param options key, signal; onProgress: called with the number of pictures that are ready
 * @returns a promise of a Blob
 * @throws Problem, or the signal's AbortError
 */
export async function trainingOf(pictures, { key, signal, onProgress }) {
  const files = [];
  const notes = [];
  const coco = { images: [], annotations: [], categories: [] };
  const names = new Set();
  for (const [at, picture] of pictures.entries()) {
    onProgress(at);
    const ask = () => rendered(picture, "training", { key, signal, showsPicture: true });
    const found = Object.fromEntries((await entries(await patiently(ask, signal))).map(({ name, bytes }) => [name, bytes]));
    const file_name = unique(picture.stem, names);
    files.push([file_name, found["image.png"]], [`labelmap/${file_name}`, found["labelmap/image.png"]]);
    join(coco, text(found["annotations.json"]), file_name);
    notes.push({ file_name, ...text(found["corrections.json"]) });
  }
  return packed([
    ...files,
    ["annotations.json", JSON.stringify(coco)],
    ["corrections.json", JSON.stringify({ pictures: notes }, null, 2)],
  ]);
}

/** Add the data set of one picture to that of all. Classes are the same if they have the same name. */
function join(coco, { images: [image], annotations, categories, ...others }, file_name) {
  const ids = new Map();
  for (const { id, name, ...category } of categories) {
    let known = coco.categories.find((one) => one.name === name);
    if (!known) coco.categories.push((known = { ...category, id: coco.categories.length + 1, name }));
    ids.set(id, known.id);
  }
  const image_id = coco.images.length + 1;
  coco.images.push({ ...image, id: image_id, file_name });
  for (const annotation of annotations)
    coco.annotations.push({
      ...annotation,
      id: coco.annotations.length + 1,
      image_id,
      category_id: ids.get(annotation.category_id),
    });
  for (const [name, value] of Object.entries(others)) coco[name] ??= value;
}

/** A file name that no other picture has, on a disk that does not tell capitals apart either. */
function unique(stem, names) {
  const plain = stem.replace(/[\\/:*?"<>|]+/g, "_");
  let name = `${plain}.png`;
  for (let number = 2; names.has(name.toLowerCase()); number++) name = `${plain}-${number}.png`;
  names.add(name.toLowerCase());
  return name;
}
