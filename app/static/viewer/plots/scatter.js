/**
 * Scatter plot: two measures of the objects shown, a dot each in the object's colour. Pointing at a dot highlights its
 * object, a click chooses it, and dragging a rectangle keeps what is in it.
 */

import { make, oncePerFrame } from "../dom.js";
import { reveal } from "../gestures.js";
import { light, visit } from "../visit.js";

const RADIUS = 3; // CSS pixels
const NEAR = 10; // CSS pixels from a dot, at which it is still meant
const MARGIN = 8; // CSS pixels around the outermost dots
const DRAG = 5; // CSS pixels from which on a press is a drag

export class Scatter {
  #context;
  #dots = []; // { segment, x, y }, in CSS pixels
  #from = null; // where the pointer was pressed
  #to = null;

  /**
   * @param onRectangle called with the values [least, most] across and down that a rectangle has
   */
  constructor(onRectangle) {
    this.canvas = make("canvas", { className: "scatter" });
    this.canvas.setAttribute("role", "img");
    this.#context = this.canvas.getContext("2d");
    this.onRectangle = onRectangle;
    this.canvas.addEventListener("pointerdown", (event) => this.#press(event));
    this.canvas.addEventListener("pointermove", (event) => this.#move(event));
    this.canvas.addEventListener("pointerup", (event) => this.#release(event));
    this.canvas.addEventListener("pointercancel", () => this.#drop());
    this.canvas.addEventListener("pointerleave", () => light(null));
    new ResizeObserver(() => this.draw()).observe(this.canvas);
  }

  /**
   * Show these objects.
   *
   * @param across, down functions that give the values of a segment
   * @param ranges of both: [[low, high], [low, high]]
   */
  show(segments, across, down, ranges) {
    Object.assign(this, { segments, across, down, ranges });
    this.draw();
  }

  /** Draw before the next frame. */
  draw = oncePerFrame(() => this.segments && this.#paint());

  #paint() {
    const { canvas } = this;
    const { clientWidth: width, clientHeight: height } = canvas;
    if (!width) return;
    canvas.width = Math.round(width * devicePixelRatio);
    canvas.height = Math.round(height * devicePixelRatio);
    const context = this.#context;
    context.scale(devicePixelRatio, devicePixelRatio);
    const [[left, right], [low, high]] = this.ranges;
    this.#dots = this.segments.map((segment) => ({
      segment,
      x: MARGIN + ((this.across(segment) - left) / (right - left)) * (width - 2 * MARGIN),
      y: height - MARGIN - ((this.down(segment) - low) / (high - low)) * (height - 2 * MARGIN),
    }));
    for (const { segment, x, y } of this.#dots) {
      context.fillStyle = segment.colour;
      context.fillRect(x - RADIUS + 1, y - RADIUS + 1, 2 * RADIUS - 2, 2 * RADIUS - 2); // quicker than thousands of circles
    }
    for (const dot of this.#dots) if ([visit.lit, visit.selected].includes(dot.segment)) this.#emphasise(dot);
    if (this.#to) this.#drawRectangle();
  }

  #emphasise({ segment, x, y }) {
    const context = this.#context;
    context.beginPath();
    context.arc(x, y, 2 * RADIUS, 0, 2 * Math.PI);
    context.fillStyle = segment.colour;
    context.fill();
    context.lineWidth = 4;
    context.strokeStyle = "#000";
    context.stroke();
    context.lineWidth = 2;
    context.strokeStyle = "#fff";
    context.stroke();
  }

  #drawRectangle() {
    const context = this.#context;
    const [x, y] = this.#from;
    context.lineWidth = 1.5;
    context.strokeStyle = getComputedStyle(this.canvas).color;
    context.strokeRect(x, y, this.#to[0] - x, this.#to[1] - y);
  }

  #press(event) {
    if (event.button !== 0) return;
    this.#from = [event.offsetX, event.offsetY];
    this.canvas.setPointerCapture(event.pointerId);
  }

  #move({ offsetX, offsetY }) {
    if (!this.#from) return light(this.#nearest(offsetX, offsetY));
    const [x, y] = this.#from;
    if (!this.#to && Math.hypot(offsetX - x, offsetY - y) < DRAG) return;
    light(null);
    this.#to = [offsetX, offsetY];
    this.draw();
  }

  #release({ offsetX, offsetY }) {
    const from = this.#from;
    const wasDrag = this.#to !== null;
    this.#drop();
    if (!from) return;
    if (!wasDrag) return reveal(this.#nearest(offsetX, offsetY));
    const [[left, right], [low, high]] = this.ranges;
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const across = (x) => left + ((x - MARGIN) / (width - 2 * MARGIN)) * (right - left);
    const down = (y) => low + ((height - MARGIN - y) / (height - 2 * MARGIN)) * (high - low);
    const ordered = (a, b) => (a < b ? [a, b] : [b, a]);
    this.onRectangle(ordered(across(from[0]), across(offsetX)), ordered(down(from[1]), down(offsetY)));
  }

  #drop() {
    this.#from = this.#to = null;
    this.draw();
  }

  #nearest(x, y) {
    let nearest = null;
    let least = NEAR;
    for (const dot of this.#dots) {
      const distance = Math.hypot(dot.x - x, dot.y - y);
      if (distance < least) [nearest, least] = [dot.segment, distance];
    }
    return nearest;
  }
}
