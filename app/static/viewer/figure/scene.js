/**
 * Scene: what a figure shows, as shapes in points (1/72 inch), for the writers of each file format.
 *
 * A scene is { width, height, picture, inside, below }: its size, the size of the picture in its upper left
 * corner, the shapes inside the picture, which end at its edges, and those below it. A shape is one of
 *
 *   { image: { source, crop: [x, y, width, height], filter }, box }   part of a canvas or bitmap, in a box
 *   { rings, fill, opacity }            filled by the even-odd rule; rings are [x1, y1, x2, y2, …]
 *   { rings, stroke, line }             outlined, `line` wide
 *   { text, x, y, size, fill, halo, anchor }   y is the middle of the letters; anchor "start", "middle" or "end"
 */

import { centre } from "../centres.js";
import { page } from "../page.js";
import { areaOf } from "../picture.js";
import { smooth } from "../smoothing.js";
import { number, percent } from "../units.js";

const WIDEST = 720; // points: ten inches
const SMALLEST = 240; // points: a small picture is enlarged to this width, so that a legend fits
const LINE = 1;
const LETTERS = 9; // points
const SMALLEST_LETTERS = 5;
const MARGIN = 12;
const BAR_PART = 1 / 5; // of the figure's width that a scale bar has at most
const BAR_HEIGHT = 4;
const INK = "#1b1b22";
const WHITE = "#ffffff";
const BLACK = "#000000";

/**
 * The scene of a picture with the objects shown.
 *
 * @param picture the picture, answered
 * @param bitmap its pixels, whose size may differ from that of the answer's picture
 * @param options crop: the part to show [x, y, width, height] in pixels of the picture; numbers: "none",
 *   "numbers" or "classes"; colours: "object" or "class"; bar: the width of a pixel in micrometres, or null for
 *   no scale bar; legend: whether to have one; view: as in visit.js
 */
export function sceneOf(picture, bitmap, { crop, numbers, colours, bar, legend, view }) {
  const [left, top, width, height] = crop;
  const scale = Math.min(Math.max(SMALLEST / width, Math.min(1, WIDEST / width)), WIDEST / width);
  const size = { width: width * scale, height: height * scale };
  const place = { left, top, scale };
  const colourOf = colours === "class" ? classColours(picture) : (segment) => segment.colour;
  const seen = picture.shown.filter(({ box }) => overlap(box, crop));
  const inside = [
    pixels(picture, bitmap, crop, size, view),
    ...objects(seen, place, colourOf, view),
    ...labels(seen, place, numbers),
    ...(bar ? scaleBar(bar / scale, size) : []),
  ];
  const rows = legend ? legendRows(picture, seen, colours === "class" || picture.isOfPixels ? colourOf : null) : [];
  const { shapes: below, height: more } = legendShapes(rows, size);
  return { width: size.width, height: size.height + more, picture: size, inside, below };
}

function pixels(picture, bitmap, [left, top, width, height], size, view) {
  const { image } = picture.answer;
  const [across, down] = [bitmap.width / image.width, bitmap.height / image.height];
  const crop = [left * across, top * down, width * across, height * down];
  return { image: { source: bitmap, crop, filter: view.filter }, box: [0, 0, size.width, size.height] };
}

/** As on the stage: the best score on top, and all outlines above all fills. */
function objects(segments, place, colourOf, view) {
  const drawn = segments.toReversed().map((segment) => ({
    rings: smooth(segment.mask).map((ring) => moved(ring, place)),
    box: framed(segment.box, place),
    colour: colourOf(segment),
  }));
  const fills = drawn.map(({ rings, colour }) => ({ rings, fill: colour, opacity: view.opacity }));
  const lines = drawn.flatMap(({ rings, box, colour }) => [
    ...(view.outlines ? [{ rings, stroke: colour, line: LINE }] : []),
    ...(view.boxes ? [{ rings: [box], stroke: colour, line: LINE }] : []),
  ]);
  return [...(view.opacity > 0 ? fills : []), ...lines];
}

/** A number or a class in each object, smaller in small ones; none where it could not be read. */
function labels(segments, place, kind) {
  if (kind === "none") return [];
  return segments.flatMap((segment) => {
    const text = kind === "numbers" ? String(segment.id) : segment.class;
    const { x, y, room } = centre(segment);
    const size = Math.min(LETTERS, (1.6 * room * place.scale) / text.length);
    if (size < SMALLEST_LETTERS) return [];
    const [atX, atY] = moved([x, y], place);
    return [{ text, x: atX, y: atY, size, fill: WHITE, halo: BLACK, anchor: "middle" }];
  });
}

/** A bar of a round length, at the bottom right, with that length. */
function scaleBar(micrometres, { width, height }) {
  const length = roundLength(BAR_PART * width * micrometres);
  const [right, bottom] = [width - MARGIN, height - MARGIN];
  const start = right - length / micrometres;
  const bar = (by) => [
    ...[start - by, bottom - BAR_HEIGHT - by, right + by, bottom - BAR_HEIGHT - by],
    ...[right + by, bottom + by, start - by, bottom + by],
  ];
  return [
    { rings: [bar(0.75)], fill: BLACK, opacity: 1 },
    { rings: [bar(0)], fill: WHITE, opacity: 1 },
    {
      text: length < 1000 ? `${number(length)} µm` : `${number(length / 1000)} mm`,
      x: (start + right) / 2,
      y: bottom - BAR_HEIGHT - LETTERS,
      size: LETTERS + 1,
      fill: WHITE,
      halo: BLACK,
      anchor: "middle",
    },
  ];
}

/** The largest of 1, 2 or 5 times a power of ten that is not above `most`. */
export function roundLength(most) {
  const power = 10 ** Math.floor(Math.log10(most));
  return ([5, 2].find((times) => times * power <= most) ?? 1) * power;
}

/** A row for each class of the segments in the figure: its colour if it has one, and how much of it there is. */
function legendRows(picture, seen, colourOf) {
  const names = [...new Set(seen.map((segment) => segment.class))];
  return names.map((name) => {
    const own = seen.filter((segment) => segment.class === name);
    const share = percent(picture.share(areaOf(name, own)));
    const amount = picture.kind === "class" ? share : number(own.length);
    return { colour: colourOf?.(own[0]), text: `${name}: ${amount}` };
  });
}

/** The legend's rows, from left to right and then downwards, below the picture; and how high they are. */
function legendShapes(rows, { width, height }) {
  const shapes = [];
  const line = 1.8 * LETTERS;
  let x = 0;
  let y = height + line;
  for (const { colour, text } of rows) {
    const long = (colour ? 1.5 * LETTERS : 0) + 0.6 * LETTERS * text.length;
    if (x > 0 && x + long > width) [x, y] = [0, y + line];
    if (colour) shapes.push({ rings: [framed([x, y - LETTERS / 2, LETTERS, LETTERS], WHOLE)], fill: colour, opacity: 1 });
    const start = x + (colour ? 1.5 * LETTERS : 0);
    shapes.push({ text, x: start, y, size: LETTERS, fill: INK, anchor: "start" });
    x += long + 1.5 * LETTERS;
  }
  return { shapes, height: rows.length ? y + line / 2 - height : 0 };
}

/** The model's colours; those of the palette for classes that are not the model's, or if it is not loaded any more. */
function classColours({ answer: { model, classes } }) {
  const loaded = page.models.find(({ name }) => name === model.name);
  const colours = loaded && (classes ?? loaded.classes).every((name, at) => name === loaded.classes[at]) ? loaded.colours : [];
  return ({ class_id: id }) => colours[id - 1] ?? page.palette[(id - 1) % page.palette.length];
}

const WHOLE = { left: 0, top: 0, scale: 1 };

/** Points [x1, y1, …] of the picture in points of the figure. */
function moved(points, { left, top, scale }) {
  return points.map((value, at) => (value - (at % 2 ? top : left)) * scale);
}

function framed([x, y, width, height], place) {
  return moved([x, y, x + width, y, x + width, y + height, x, y + height], place);
}

function overlap([x, y, width, height], [left, top, across, down]) {
  return x < left + across && y < top + down && x + width > left && y + height > top;
}
