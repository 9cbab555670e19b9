/** Colours: assigns the overlay's colours by the same rule as pick_colours in model/formats/overlay.py. */

import { page } from "./page.js";

const NEIGHBOUR_GAP = 6; // pixels: boxes this near each other get different colours

/** Give each segment a `colour`, in CSS notation, that differs from its neighbours' colours. */
export function giveColours(segments) {
  const turns = page.palette.length;
  const choices = [];
  const edges = (edge) => Int32Array.from(segments, edge); // ten thousand objects make fifty million pairs
  const left = edges(({ box }) => box[0]);
  const top = edges(({ box }) => box[1]);
  const right = edges(({ box }) => box[0] + box[2] + NEIGHBOUR_GAP);
  const bottom = edges(({ box }) => box[1] + box[3] + NEIGHBOUR_GAP);
  segments.forEach((segment, index) => {
    const taken = new Set();
    for (let other = 0; other < index; other++)
      if (
        left[index] < right[other] &&
        left[other] < right[index] &&
        top[index] < bottom[other] &&
        top[other] < bottom[index]
      )
        taken.add(choices[other]);
    let choice = index % turns;
    for (let step = 0; step < turns && taken.has(choice); step++) choice = (choice + 1) % turns;
    choices.push(choice);
    segment.colour = page.palette[choice];
  });
}

/** A colour for a segment that is unlike those of its neighbours among `others`. */
export function freeColour({ id, box }, others) {
  const [x, y, width, height] = box;
  const taken = new Set();
  for (const { box: [left, top, across, down], colour } of others)
    if (
      x < left + across + NEIGHBOUR_GAP &&
      left < x + width + NEIGHBOUR_GAP &&
      y < top + down + NEIGHBOUR_GAP &&
      top < y + height + NEIGHBOUR_GAP
    )
      taken.add(colour);
  const turns = page.palette.length;
  const choices = page.palette.map((_, step) => page.palette[(id - 1 + step) % turns]);
  return choices.find((colour) => !taken.has(colour)) ?? choices[0];
}

/** Give each segment the `colour` of its class; `colours` has one for each class, starting at class id 1. */
export function giveClassColours(segments, colours) {
  for (const segment of segments) segment.colour = colours[segment.class_id - 1];
}
