/**
 * Adopting: shows objects from files, to be corrected without running a model: COCO, the service's JSON, label maps,
 * and zips of training data. A file belongs to the picture that it names or is named after, or to the only one.
 */

import { LABEL_MAP } from "../object-names.js";
import { Picture } from "../picture.js";
import { Problem } from "../requests.js";
import { bitmapOf, prepare } from "../showing.js";
import { lookAt, on, select, tell, visit } from "../visit.js";
import { again, mayLoseObjects } from "../worklist.js";
import { answerFrom } from "./answer.js";
import { open } from "./object-files.js";
import { isZip, unpack } from "./zip.js";

/**
 * Add pictures with their objects; without pictures, give the current one these objects.
 *
 * @returns the files that are left: pictures without objects
 */
export async function adopt(files) {
  const all = (await Promise.all(files.map((file) => (isZip(file) ? unpack(file) : [file])))).flat();
  if (!visit.current && all.every((file) => LABEL_MAP.test(file.name))) return all; // pictures of that name
  const opened = await Promise.all(all.map(open)); // null for a picture
  const pictures = all.filter((_, at) => !opened[at]);
  const sources = opened.filter(Boolean);
  if (!pictures.length && visit.current && sources.length) {
    await give(visit.current, sources[0]);
    return [];
  }
  const pairs = pictures.map((file) => [file, sourceFor(file, sources, pictures.length)]);
  const given = pairs.filter(([, source]) => source).map(([file, source]) => [added(file), source]);
  if (given.length) lookAt(given[0][0]);
  for (const [picture, source] of given) await read(picture, source);
  const spare = sources.find((one) => !pairs.some(([, source]) => source === one));
  if (spare)
    throw new Problem("There is no picture for these objects", `${spare.name}: drop it with its picture, or onto it.`);
  return pairs.filter(([, source]) => !source).map(([file]) => file);
}

function sourceFor(file, sources, count) {
  const only = count === 1 && sources.length === 1 ? sources[0] : null;
  return sources.find((source) => source.names(file.name)) ?? only;
}

function added(file) {
  const picture = new Picture(file, file.name, visit.model);
  picture.prepared = prepare(picture).then(() => tell("pictures"));
  picture.move("reading");
  visit.pictures.push(picture);
  tell("pictures");
  return picture;
}

/** Replace the objects of a picture, after asking if they were corrected. */
async function give(picture, source) {
  if (mayLoseObjects(picture)) await read(picture, source);
}

async function read(picture, source) {
  try {
    await picture.prepared;
    if (!picture.showable) await segmented(picture); // a file that only the service can turn into a picture
    const { width, height } = picture.answer?.image ?? (await bitmapOf(picture));
    const objects = await source.read(picture.name, { width, height });
    const answer = answerFrom(source, objects, picture, { width, height });
    picture.accept(answer);
    if (picture === visit.current) select(null);
  } catch (error) {
    picture.problem = error instanceof Problem ? error : unreadable(source, error);
    picture.move("failed");
  }
  tell("pictures");
  if (picture === visit.current) tell("current");
}

/** Wait until the picture has been segmented, for its pixels. */
function segmented(picture) {
  again(picture);
  return new Promise((resolve, reject) => {
    on("pictures", () => {
      if (picture.state === "done") resolve();
      else if (picture.finished) reject(picture.problem ?? new Problem("Cancelled", "The picture is still here."));
    });
  });
}

function unreadable({ name }, error) {
  console.warn(error);
  return new Problem(
    `The objects in ${name} cannot be read`,
    "Expected COCO or the service's JSON, a label map as a grey PNG, or a zip of training data.",
    422,
  );
}
