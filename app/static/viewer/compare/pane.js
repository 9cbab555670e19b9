/** Pane: one side of a comparison: a picture and its objects on a canvas. */

import { make } from "../dom.js";
import { filterOf, Painter } from "../painting.js";
import { Steering } from "../steering.js";
import { visit } from "../visit.js";

const IN_BOTH = { opacity: 0.12, outlines: true, boxes: false, labels: false };
const IN_ONE = { opacity: 0.5, outlines: true, boxes: false, labels: true };
const GREY = "#d0d0d8";
const CROSS = 9; // CSS pixels from the middle of the cross to its ends

export class Pane {
  /**
   * @param viewport shared with the other pane, so that both show the same place
   * @param colour of the objects that only this side has
   * @param changed called when the viewport has changed
   * @param pointed called with the place in the picture that the pointer is at, or null
   */
  constructor(viewport, colour, changed, pointed) {
    this.viewport = viewport;
    this.colour = colour;
    this.canvas = make("canvas");
    this.element = make("div", { className: "view pane" }, this.canvas);
    this.painter = new Painter(this.canvas.getContext("2d", { alpha: false }), viewport);
    this.steering = new Steering(this.element, viewport, {
      changed,
      hover: (point) => pointed(viewport.toPicture(...point)),
      left: () => pointed(null),
    });
  }

  /** Show this from now on: { bitmap, size, kind, both, alone }, the last two lists of segments. */
  show(side) {
    this.side = side;
  }

  /** Give the canvas the pixels that its element has on the screen. */
  fit() {
    const { clientWidth: width, clientHeight: height } = this.element;
    this.canvas.width = Math.round(width * devicePixelRatio);
    this.canvas.height = Math.round(height * devicePixelRatio);
    return { width, height };
  }

  /** Draw all, and a cross at a place of the picture if there is one. */
  draw(place) {
    const { painter, side } = this;
    const { backgroundColor } = getComputedStyle(this.element);
    if (!side?.bitmap || !this.viewport.picture) return painter.clear(backgroundColor);
    painter.picture(side.bitmap, side.size, filterOf(visit.view), backgroundColor);
    painter.objects(side.both, IN_BOTH, side.kind, () => GREY);
    painter.objects(side.alone, IN_ONE, side.kind, () => this.colour);
    if (place) this.#cross(place);
  }

  #cross([x, y]) {
    const { context } = this.painter;
    const { left, top, scale } = this.viewport;
    this.painter.useScreenUnits();
    const [atX, atY] = [left + x * scale, top + y * scale];
    context.beginPath();
    context.moveTo(atX - CROSS, atY);
    context.lineTo(atX + CROSS, atY);
    context.moveTo(atX, atY - CROSS);
    context.lineTo(atX, atY + CROSS);
    for (const [width, colour] of [
      [3.5, "#000"],
      [1.5, "#fff"],
    ]) {
      context.lineWidth = width;
      context.strokeStyle = colour;
      context.stroke();
    }
  }
}
