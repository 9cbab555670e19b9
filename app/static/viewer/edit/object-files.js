/**
 * Object files: files that have the objects of pictures. Each is opened as a source: { name, names(picture's name):
 * whether it belongs to this picture, read(picture's name, its size): a promise of its objects }.
 *
 * Objects are { class, score, edited, raster }, with class null where the file has none.
 */

import { Problem } from "../requests.js";
import { bareName, isOfObjects, LABEL_MAP } from "../object-names.js";
import { fromSegmentation } from "./coco-masks.js";
import { isGreyPng, readGreyPng } from "./png.js";
import { blank, fromRings } from "./raster.js";

/**
 * The source in a file; null if it is a picture.
 *
 * @param pictures those that it may belong to: a label map is named after one of them, and otherwise is a picture itself
 */
export async function open(file, pictures) {
  if (!isOfObjects(file)) return null;
  if (LABEL_MAP.test(file.name)) return (await isLabelMap(file, pictures)) ? labelMap(file) : null;
  let document;
  try {
    document = JSON.parse(await file.text());
  } catch {
    throw new Problem("The file is not JSON", `${file.name} is damaged: download or export it again.`, 422);
  }
  if (document?.images && document.annotations && document.categories) return coco(file.name, document);
  if (document?.segments && document.image) return ownJson(file.name, document);
  throw new Problem(
    "The JSON has no objects that the page can read",
    `${file.name} is neither COCO (images, annotations, categories) nor an answer of the service (image, segments).`,
    422,
  );
}

/** Whether the file has label values for one of the pictures, and is no photo called “mask”. */
async function isLabelMap(file, pictures) {
  const isNamed = ({ name }) => bareName(file.name) === "" || isNamedAfter(file.name)(name);
  return pictures.some(isNamed) && isGreyPng(file);
}

function labelMap(file) {
  return {
    name: file.name,
    names: isNamedAfter(file.name),
    async read(_, size) {
      const map = await readGreyPng(await file.arrayBuffer());
      checkSize(file.name, map, size);
      return [...rastersOf(map)].map((raster) => ({ class: null, score: 1, edited: false, raster }));
    },
  };
}

/** A raster for each number in a label map. */
function rastersOf({ width, values }) {
  const boxes = new Map(); // number → left, top, right, bottom, inclusive
  values.forEach((number, at) => {
    if (!number) return;
    const x = at % width;
    const y = Math.floor(at / width);
    const box = boxes.get(number);
    if (!box) boxes.set(number, [x, y, x, y]);
    else {
      box[0] = Math.min(box[0], x);
      box[2] = Math.max(box[2], x);
      box[3] = y;
    }
  });
  return [...boxes]
    .sort(([a], [b]) => a - b)
    .map(([number, [left, top, right, bottom]]) => {
      const raster = blank(left, top, right - left + 1, bottom - top + 1);
      for (let y = top; y <= bottom; y++)
        for (let x = left; x <= right; x++)
          if (values[y * width + x] === number) raster.data[(y - top) * raster.width + x - left] = 1;
      return raster;
    });
}

function coco(name, { images, annotations, categories }) {
  const classOf = new Map(categories.map((category) => [category.id, category.name]));
  const imageFor = (picture) => images.find((image) => lastPart(image.file_name) === picture);
  return {
    name,
    classes: categories.map((category) => category.name),
    names: (picture) => Boolean(imageFor(picture)) || (images.length === 1 && isNamedAfter(name)(picture)),
    async read(picture, size) {
      const image = imageFor(picture) ?? (images.length === 1 ? images[0] : null);
      if (!image)
        throw new Problem(`${name} has no picture ${picture}`, `It has ${images.length} others, by file names.`, 422);
      checkSize(name, image, size);
      return annotations
        .filter((annotation) => annotation.image_id === image.id && !annotation.iscrowd)
        .map((annotation) => ({
          class: classOf.get(annotation.category_id) ?? null,
          score: annotation.score ?? 1,
          edited: annotation.attributes?.edited === true,
          raster: fromSegmentation(annotation.segmentation ?? boxesOnly(name), size),
        }));
    },
  };
}

function ownJson(name, { image, segments, model }) {
  return {
    name,
    model,
    names: isNamedAfter(name),
    async read(_, size) {
      checkSize(name, image, size);
      return Promise.all(
        segments.map(async (segment) => ({
          class: segment.class,
          score: segment.score ?? 1,
          edited: segment.edited === true,
          raster: await rasterIn(name, segment, size),
        })),
      );
    },
  };
}

function boxesOnly(name) {
  throw new Problem(`${name} has objects without masks`, "Boxes are not enough: export polygons or run lengths.", 422);
}

/** The pixels of a segment whose mask has any of the service's formats. */
async function rasterIn(name, { mask, box }, size) {
  if (Array.isArray(mask)) return fromRings(mask, box);
  if (typeof mask === "string") {
    const { values } = await readGreyPng(Uint8Array.from(atob(mask), (letter) => letter.charCodeAt(0)).buffer);
    return { ...blank(...box), data: Uint8Array.from(values, (value) => (value ? 1 : 0)) };
  }
  if (mask) return fromSegmentation(mask, size);
  throw new Problem(`${name} has no masks`, "It was requested with mask_format=none: request another one.", 422);
}

function checkSize(name, { width, height }, size) {
  if (width === size.width && height === size.height) return;
  throw new Problem(
    "These objects are of another picture",
    `${name} is for ${width} × ${height} pixels; this picture has ${size.width} × ${size.height}.`,
    422,
  );
}

/** A function that tells whether a picture has the name of this file, without what the page adds for downloads. */
function isNamedAfter(file) {
  return (picture) => bareName(file) === bareName(picture);
}

function lastPart(path) {
  return String(path).split(/[/\\]/).pop();
}
