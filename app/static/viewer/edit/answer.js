/** Answer: objects from a file in the form of the service's answers, so that the page treats them like these. */

import { page } from "../page.js";
import { Problem } from "../requests.js";
import { number } from "../units.js";
import { visit } from "../visit.js";
import { area, cropped } from "./raster.js";
import { toRings } from "./rings.js";

/**
 * @param source the file, as object-files.js opens it
 * @param objects that it has for the picture, of this size
 */
export function answerFrom(source, objects, picture, { width, height }) {
  if (objects.some(({ score }) => !(score >= 0 && score <= 1)))
    throw new Problem(`${source.name} has a score that is not a number from 0 to 1`, "Correct it in the file.", 422);
  const names = [...new Set(objects.map((object) => object.class).filter((name) => name !== null))];
  const model = modelFor(source, names);
  const isOfModel = hasAll(model, names);
  const classes = isOfModel ? model.classes : (source.classes ?? names);
  const segments = objects
    .map((object) => ({ ...object, raster: cropped(object.raster) }))
    .filter(({ raster }) => raster)
    .sort((a, b) => b.score - a.score)
    .map(({ class: name, score, edited, raster }, at) => ({
      id: at + 1,
      class: name ?? classes[0],
      class_id: name === null ? 1 : classes.indexOf(name) + 1,
      score,
      box: [raster.x, raster.y, raster.width, raster.height],
      area: area(raster),
      mask: toRings(raster),
      ...(edited ? { edited } : {}),
    }));
  if (!segments.length) throw new Problem(`There are no objects in ${source.name}`, "Choose another file.", 422);
  return {
    model: { name: model.name, version: isOfModel ? model.version : "unknown", task: "instance", chosen_by: "caller" },
    image: picture.answer?.image ?? { width, height, pages: 1, page: 0, channels: 3, pixel_size: picture.note?.pixel_size },
    segments,
    classes,
    warnings: tooMany(segments),
    timings_ms: {},
    read_from: source.name,
    earlier: picture.note?.corrections ?? [],
    is_copy: Boolean(picture.note),
  };
}

/** A warning if the service cannot write files of so many objects. */
function tooMany({ length }) {
  if (length <= page.most_written) return [];
  const [count, most] = [length, page.most_written].map(number);
  const message = `${count} objects: downloads take at most ${most}. Filter them, or cut the picture into parts.`;
  return [{ code: "too_many", message }];
}

/** The model to which the objects belong: the file's own, or a loaded one that has their classes. */
function modelFor(source, names) {
  const models = page.models.filter(({ task }) => task === "instance");
  const preferred = [source.model?.name, visit.model].map((name) => models.find((model) => model.name === name));
  const every = [...preferred, ...models].filter(Boolean);
  return every.find((model) => hasAll(model, names)) ?? every[0] ?? page.models[0];
}

function hasAll(model, names) {
  return names.every((name) => model.classes.includes(name));
}
