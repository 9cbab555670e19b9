/** Painting: draws a picture and its objects on a canvas, at any zoom. Lengths are in CSS pixels. */

import { centre } from "./centres.js";
import { smoothOutline } from "./outlines.js";

const LINE_WIDTH = 1.5;
const HAIRLINE = 0.99; // pixels of the screen; below one, an outline takes a quarter of the time
const SMALL = 32; // objects up to this size are outlined by hairlines: there may be thousands of them
const LABEL_ROOM = 9; // for each letter
const LABEL_FONT = "600 11px system-ui, sans-serif";
const MARK_RADIUS = 3; // of the dot at a corrected object
export const REACH = 8; // half the height of a label: how far an object is drawn beyond its box, at most
const BLOCKS_FROM = 3; // screen pixels per picture pixel, from which on pixels are not smoothed

const reduced = new WeakMap(); // bitmap → a copy with fewer pixels, for small scales: {canvas, scale}

/** The filter of a canvas that shows pixels brighter or with more contrast, as set in a view of visit.js. */
export function filterOf({ brightness, contrast }) {
  return brightness === 1 && contrast === 1 ? "none" : `brightness(${brightness}) contrast(${contrast})`;
}

/** Draws on one canvas what one viewport sees. */
export class Painter {
  constructor(context, viewport) {
    Object.assign(this, { context, viewport });
  }

  /** Cover the canvas with a colour; null makes it transparent. */
  clear(colour) {
    const { context } = this;
    const { width, height } = context.canvas;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, width, height);
    if (colour === null) return;
    context.fillStyle = colour;
    context.fillRect(0, 0, width, height);
  }

  /**
   * A picture of this size, which may be larger than its bitmap, on a canvas of this colour. What is drawn a second
   * time is kept: to filter objects, the picture need not be scaled again.
   */
  picture(bitmap, { width, height }, filter, colour) {
    const { context, viewport } = this;
    const { scale, left, top } = viewport;
    const pixel = scale * devicePixelRatio;
    const now = [scale, left, top, pixel, width, height, filter, colour, context.canvas.width, context.canvas.height].join();
    if (this.#still?.bitmap !== bitmap || this.#still.now !== now) {
      this.#still = { bitmap, now };
      return this.#scaled(bitmap, { width, height }, filter, colour);
    }
    this.#still.canvas ??= this.#copyOf(bitmap, { width, height }, filter, colour);
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.drawImage(this.#still.canvas, 0, 0);
  }

  #still = null; // the picture that was drawn last: { bitmap, now: what its pixels depend on, canvas }

  #copyOf(...picture) {
    const { width, height } = this.context.canvas;
    const canvas = new OffscreenCanvas(width, height);
    new Painter(canvas.getContext("2d", { alpha: false }), this.viewport).#scaled(...picture);
    return canvas;
  }

  #scaled(bitmap, { width, height }, filter, colour) {
    const { context, viewport } = this;
    const pixel = viewport.scale * devicePixelRatio;
    this.clear(colour);
    this.usePictureUnits();
    context.imageSmoothingEnabled = pixel < BLOCKS_FROM;
    context.imageSmoothingQuality = "high";
    context.filter = filter;
    context.drawImage(suited(bitmap, pixel), 0, 0, width, height);
    context.filter = "none";
  }

  /**
   * Objects, best first, with what the view asks for: fill, outlines, boxes, labels.
   *
   * @param view as in visit.js
   * @param kind of the segments, as in picture.js
   * @param colourOf gives a segment's colour
   */
  objects(segments, view, kind, colourOf = ({ colour }) => colour) {
    const { context, viewport } = this;
    const seen = segments.filter((segment) => viewport.sees(segment.box));
    const scale = viewport.scale * devicePixelRatio;
    this.usePictureUnits();
    context.lineJoin = "bevel"; // at this width it looks like "round", which takes twice as long
    // As in the overlay: the best score on top, and all outlines above all fills.
    if (view.opacity > 0) {
      context.globalAlpha = view.opacity;
      for (let at = seen.length - 1; at >= 0; at--) {
        context.fillStyle = colourOf(seen[at]);
        context.fill(smoothOutline(seen[at], scale), "evenodd");
      }
      context.globalAlpha = 1;
    }
    for (let at = seen.length - 1; at >= 0; at--) {
      const [, , width, height] = seen[at].box;
      const isSmall = Math.max(width, height) * viewport.scale <= SMALL;
      context.lineWidth = (isSmall ? HAIRLINE / devicePixelRatio : LINE_WIDTH) / viewport.scale;
      context.strokeStyle = colourOf(seen[at]);
      if (view.outlines) context.stroke(smoothOutline(seen[at], scale));
      if (view.boxes) context.strokeRect(...seen[at].box);
    }
    this.#marks(seen.filter(({ edited }) => edited));
    if (view.labels) this.#labels(seen, kind);
  }

  /** One object highlighted: filled with its colour, and outlined in white between black lines. */
  lit(segment, opacity) {
    const { context, viewport } = this;
    this.usePictureUnits();
    const path = smoothOutline(segment, viewport.scale * devicePixelRatio);
    context.globalAlpha = opacity;
    context.fillStyle = segment.colour;
    context.fill(path, "evenodd");
    context.globalAlpha = 1;
    context.lineJoin = "round";
    for (const [width, colour] of [
      [4.5, "#000"],
      [2, "#fff"],
    ]) {
      context.lineWidth = width / viewport.scale;
      context.strokeStyle = colour;
      context.stroke(path);
    }
  }

  usePictureUnits() {
    const { scale, left, top } = this.viewport;
    const ratio = devicePixelRatio;
    this.context.setTransform(scale * ratio, 0, 0, scale * ratio, left * ratio, top * ratio);
  }

  useScreenUnits() {
    this.context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
  }

  /** A dot at the upper right corner of each object that somebody has corrected. */
  #marks(segments) {
    const { context, viewport } = this;
    this.useScreenUnits();
    context.beginPath();
    for (const { box } of segments) {
      const x = viewport.left + (box[0] + box[2]) * viewport.scale;
      const y = viewport.top + box[1] * viewport.scale;
      context.moveTo(x + MARK_RADIUS, y);
      context.arc(x, y, MARK_RADIUS, 0, 2 * Math.PI);
    }
    context.lineWidth = 1.5;
    context.strokeStyle = "#000";
    context.stroke();
    context.fillStyle = "#fff";
    context.fill();
  }

  /** In each object its number, or its name if it is a class, where it has room for that. */
  #labels(segments, kind) {
    const { context, viewport } = this;
    this.useScreenUnits();
    context.font = LABEL_FONT;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.lineJoin = "round";
    context.lineWidth = 3;
    context.strokeStyle = "#000";
    context.fillStyle = "#fff";
    for (const segment of segments) {
      const text = kind === "class" ? segment.class : String(segment.id);
      const { x, y, room } = centre(segment);
      if (room * viewport.scale < LABEL_ROOM * text.length) continue;
      const place = [viewport.left + x * viewport.scale, viewport.top + y * viewport.scale];
      context.strokeText(text, ...place);
      context.fillText(text, ...place);
    }
  }
}

/** The bitmap, or a copy with fewer pixels if the scale is small: drawing 50 million pixels takes too long. */
function suited(bitmap, pixel) {
  if (pixel > 0.5) return bitmap;
  const scale = 2 ** Math.ceil(Math.log2(pixel));
  if (reduced.get(bitmap)?.scale !== scale) {
    const canvas = new OffscreenCanvas(Math.ceil(bitmap.width * scale), Math.ceil(bitmap.height * scale));
    const context = canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    reduced.set(bitmap, { canvas, scale });
  }
  return reduced.get(bitmap).canvas;
}
