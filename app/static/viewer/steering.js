/** Steering: the wheel, dragging, pinching and tapping move what a viewport sees. */

const WHEEL_STEP = 1.0015; // zoom factor per pixel of the wheel
const PINCH_STEP = 1.01; // zoom factor per pixel that a touchpad's pinch reports
const STILL = 5; // CSS pixels; a pointer that moves less is a tap

export class Steering {
  #pointers = new Map(); // pressed pointers: id → [x, y]
  #moved = 0;
  #drag = null; // what `grab` has returned

  /**
   * @param view the element that shows what the viewport sees
   * @param viewport may have no picture yet
   * @param listeners changed(): the viewport has changed; hover(point): an unpressed pointer is at this point
   *   [x, y] of the view; tap(point); left(): the pointer has left the view; grab(point): a pointer is pressed
   *   here: returns null, or a function that is called as it moves, instead of moving the picture
   */
  constructor(view, viewport, { changed, hover = () => {}, tap = () => {}, left = () => {}, grab = () => null }) {
    Object.assign(this, { view, viewport, changed, hover, tap, grab });
    view.addEventListener("wheel", (event) => this.#onWheel(event), { passive: false });
    view.addEventListener("pointerdown", (event) => this.#onDown(event));
    view.addEventListener("pointermove", (event) => this.#onMove(event));
    view.addEventListener("pointerup", (event) => this.#onUp(event));
    view.addEventListener("pointercancel", (event) => this.#pointers.delete(event.pointerId));
    view.addEventListener("pointerleave", left);
    view.addEventListener("dblclick", (event) => this.zoom(2, ...this.#at(event)));
  }

  /** Zoom by this factor around a point of the view, or around its middle. */
  zoom(factor, x, y) {
    this.change(() => this.viewport.zoom(factor, x, y));
  }

  /** Change the viewport by calling `how`. */
  change(how) {
    if (!this.viewport.picture) return;
    const { scale, left, top } = this.viewport;
    how();
    const isSame = scale === this.viewport.scale && left === this.viewport.left && top === this.viewport.top;
    if (isSame) return;
    // A finger scrolls the page if the picture fits, and moves the picture if it does not.
    this.view.classList.toggle("zoomed", !this.viewport.fits);
    this.changed();
  }

  #onWheel(event) {
    event.preventDefault();
    const pixels = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 * event.deltaY : event.deltaY;
    this.zoom((event.ctrlKey ? PINCH_STEP : WHEEL_STEP) ** -pixels, ...this.#at(event));
  }

  #onDown(event) {
    if (event.button !== 0) return;
    this.view.setPointerCapture(event.pointerId);
    this.#drag = this.#pointers.size ? null : this.grab(this.#at(event));
    this.#pointers.set(event.pointerId, this.#at(event));
    if (this.#pointers.size === 1) this.#moved = 0;
  }

  #onMove(event) {
    const before = this.#pointers.get(event.pointerId);
    const now = this.#at(event);
    if (!before) return this.hover(now);
    this.#pointers.set(event.pointerId, now);
    this.#moved += Math.hypot(now[0] - before[0], now[1] - before[1]);
    if (this.#drag) return this.#drag(now);
    const other = [...this.#pointers].find(([id]) => id !== event.pointerId)?.[1];
    if (other) this.#pinch(before, now, other);
    else if (this.#moved > STILL && !(event.pointerType === "touch" && this.viewport.fits))
      this.change(() => this.viewport.move(now[0] - before[0], now[1] - before[1]));
  }

  /** One of two fingers has moved from `before` to `now`. */
  #pinch(before, now, other) {
    const distance = ([x, y]) => Math.hypot(x - other[0], y - other[1]);
    const middle = ([x, y]) => [(x + other[0]) / 2, (y + other[1]) / 2];
    const [x, y] = middle(now);
    const [oldX, oldY] = middle(before);
    this.change(() => {
      this.viewport.zoom(distance(now) / Math.max(1, distance(before)), oldX, oldY);
      this.viewport.move(x - oldX, y - oldY);
    });
  }

  #onUp(event) {
    const wasAlone = this.#pointers.delete(event.pointerId) && this.#pointers.size === 0;
    if (wasAlone && this.#moved <= STILL && !this.#drag) this.tap(this.#at(event));
  }

  #at(event) {
    const { left, top } = this.view.getBoundingClientRect();
    return [event.clientX - left - this.view.clientLeft, event.clientY - top - this.view.clientTop];
  }
}
