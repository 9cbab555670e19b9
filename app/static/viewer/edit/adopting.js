/**
 * Adopting: shows objects from files, to be corrected without running a model: COCO, the service's JSON, label maps,
 * and zips of training data. A file belongs to the pictures that it names or is named after, to those that come with
 * it before those of the visit. A single file that names none of them belongs to the only picture, or the current one.
 */

import { isOfObjects } from "../object-names.js";
import { Picture } from "../picture.js";
import { Problem } from "../requests.js";
import { bitmapOf, prepare } from "../showing.js";
import { counted } from "../units.js";
import { lookAt, on, select, tell, visit } from "../visit.js";
import { add, again } from "../worklist.js";
import { answerFrom } from "./answer.js";
import { open } from "./object-files.js";
import { isZip, unpack } from "./zip.js";

/** Add the pictures among these files, and give the objects in the others to the pictures that they belong to. */
export async function adopt(files) {
  const problems = [];
  const unpacked = await each(files, (file) => (isZip(file) ? unpack(file) : [file]), problems);
  const all = unpacked.flat();
  const known = [...all.filter((file) => !isOfObjects(file)), ...visit.pictures];
  const opened = await each(all, async (file) => ({ file, source: await open(file, known) }), problems);
  const pictures = opened.filter(({ source }) => !source).map(({ file }) => file);
  const sources = opened.map(({ source }) => source).filter(Boolean);
  const pairs = paired(sources, pictures, problems);
  add(pictures.filter((file) => !pairs.has(file)));
  await give(pairs, problems);
  if (problems.length) alert(problems.map(({ title, detail }) => `${title}. ${detail}`).join("\n\n"));
}

/** What `work` makes of each of these files; if it cannot, the reason is one of the problems. */
async function each(files, work, problems) {
  const done = [];
  for (const file of files)
    try {
      done.push(await work(file));
    } catch (error) {
      problems.push(asProblem(error, file));
    }
  return done;
}

/** A Map of the files of new pictures, and pictures of the visit, that get objects, to the sources of these. */
function paired(sources, files, problems) {
  const pairs = new Map();
  for (const source of sources) {
    const targets = targetsOf(source, files, sources.length === 1);
    const free = targets.filter((target) => !pairs.has(target));
    for (const target of free) pairs.set(target, source);
    if (!targets.length)
      problems.push(
        new Problem("There is no picture for these objects", `${source.name}: drop it with its picture, or onto it.`),
      );
    else if (!free.length)
      problems.push(
        new Problem(`${source.name} was not used`, `${targets[0].name} has the objects of ${pairs.get(targets[0]).name}.`),
      );
  }
  return pairs;
}

function targetsOf(source, files, isOnly) {
  const isNamed = ({ name }) => source.names(name);
  const named = files.filter(isNamed);
  if (named.length) return named;
  // Of pictures with the same name the current one, or else the newest.
  const own = [...visit.pictures, visit.current].filter(Boolean).filter(isNamed);
  if (own.length) return [...new Map(own.map((picture) => [picture.name, picture])).values()];
  const single = files.length ? files : [visit.current].filter(Boolean);
  return isOnly && single.length === 1 ? single : [];
}

/** Show the objects. Those that a picture has already are replaced only if the user agrees. */
async function give(pairs, problems) {
  const given = [...pairs].map(([target, source]) => [target instanceof File ? added(target) : target, source]);
  const replacing = given.filter(([picture]) => picture.answer);
  const first = given.find(([picture]) => !picture.answer);
  if (first) lookAt(first[0]);
  for (const [picture, source] of given.filter(([{ answer }]) => !answer)) await readFirst(picture, source);
  const answers = await each(
    replacing,
    async ([picture, source]) => ({ picture, answer: await answerFor(picture, source) }),
    problems,
  );
  if (!answers.length || !mayReplace(answers)) return;
  for (const { picture, answer } of answers) {
    picture.abort?.abort();
    picture.asked = picture.answered;
    show(picture, answer);
  }
  if (!first && !answers.some(({ picture }) => picture === visit.current)) lookAt(answers[0].picture);
}

function mayReplace(answers) {
  const lines = answers.map(({ picture: { name, atStake }, answer: { segments, read_from: file } }) => {
    const loss = atStake ? `. This discards ${atStake}` : "";
    return `${name}: ${counted(segments.length, "object")} from ${file}${loss}.`;
  });
  return confirm([`Replace the objects of ${counted(answers.length, "picture")}?`, ...lines].join("\n"));
}

function added(file) {
  const picture = new Picture(file, file.name, visit.model);
  picture.note = file.note ?? null;
  picture.prepared = prepare(picture).then(() => tell("pictures"));
  visit.pictures.push(picture);
  return picture;
}

/** Give objects to a picture that has none; if they cannot be read, it has failed. */
async function readFirst(picture, source) {
  picture.abort?.abort(); // it may be on its way to the service
  picture.move("reading");
  tell("pictures");
  try {
    show(picture, await answerFor(picture, source));
  } catch (error) {
    picture.fail(asProblem(error, source));
    tell("pictures");
  }
}

function show(picture, answer) {
  picture.problem = null;
  picture.accept(answer);
  if (picture === visit.current) select(null);
  tell("pictures");
  if (picture === visit.current) tell("current");
}

async function answerFor(picture, source) {
  await picture.prepared;
  if (!picture.showable) await segmented(picture); // a file that only the service can turn into a picture
  const { width, height } = picture.answer?.image ?? (await bitmapOf(picture));
  const objects = await source.read(picture.name, { width, height });
  return answerFrom(source, objects, picture, { width, height });
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

function asProblem(error, { name }) {
  if (error instanceof Problem) return error;
  console.warn(error);
  return new Problem(
    `The objects in ${name} cannot be read`,
    "Expected COCO or the service's JSON, a label map as a grey PNG, or a zip of training data.",
    422,
  );
}
