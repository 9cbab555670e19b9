/** Viewport: which part of a picture is in view, and at what scale. Screen lengths are in CSS pixels. */

const LARGEST_PIXEL = 40; // the most CSS pixels per pixel of the picture
const MARGIN = 48; // CSS pixels of the picture that stay in view, however it is moved

export class Viewport {
  scale = 1; // CSS pixels per pixel of the picture
  left = 0; // position of the picture's top left corner
  top = 0;
  fits = true; // the whole picture is in view, and stays in view when the window changes

  /** Set the sizes of the picture and the view; if the picture fitted before, fit it again. */
  resize(picture, view) {
    const isNew = picture.width !== this.picture?.width || picture.height !== this.picture?.height;
    const grownX = isNew ? 0 : (view.width - this.view.width) / 2;
    const grownY = isNew ? 0 : (view.height - this.view.height) / 2;
    this.picture = picture;
    this.view = view;
    if (this.fits || isNew) this.fit();
    else this.move(grownX, grownY);
  }

  get fittingScale() {
    const { picture, view } = this;
    // A small picture is enlarged at most 4 times, so that its pixels do not become blocks.
    return Math.min(view.width / picture.width, view.height / picture.height, 4);
  }

  fit() {
    this.fits = true;
    this.scale = this.fittingScale;
    this.left = (this.view.width - this.picture.width * this.scale) / 2;
    this.top = (this.view.height - this.picture.height * this.scale) / 2;
  }

  /** Show each pixel of the picture as one pixel of the screen, around the middle of the view. */
  showPixels() {
    this.zoom(1 / devicePixelRatio / this.scale);
  }

  /** Zoom by `factor`; the point (x, y) of the view stays where it is. */
  zoom(factor, x = this.view.width / 2, y = this.view.height / 2) {
    const smallest = Math.min(this.fittingScale, 1 / devicePixelRatio);
    const scale = Math.min(Math.max(this.scale * factor, smallest), LARGEST_PIXEL);
    this.left = x - ((x - this.left) * scale) / this.scale;
    this.top = y - ((y - this.top) * scale) / this.scale;
    this.scale = scale;
    this.fits = false;
    this.move(0, 0);
  }

  /** Move the picture; a part of it stays in view. */
  move(x, y) {
    const { picture, view, scale } = this;
    this.fits = false;
    this.left = clamp(this.left + x, MARGIN - picture.width * scale, view.width - MARGIN);
    this.top = clamp(this.top + y, MARGIN - picture.height * scale, view.height - MARGIN);
  }

  /** Bring a box [x, y, width, height] of the picture into view, moving the picture no further than needed. */
  reveal([x, y, width, height]) {
    const { scale, view } = this;
    const across = missing(this.left + x * scale, width * scale, view.width);
    const down = missing(this.top + y * scale, height * scale, view.height);
    if (across || down) this.move(across, down);
  }

  /** The whole picture as a box [x, y, width, height]. */
  whole() {
    return [0, 0, this.picture.width, this.picture.height];
  }

  /** The part of the picture that is in view, as a box. */
  seen() {
    const { picture, view } = this;
    const [left, top] = this.toPicture(0, 0).map((value) => Math.max(0, value));
    const [right, bottom] = this.toPicture(view.width, view.height);
    return [left, top, Math.min(picture.width, right) - left, Math.min(picture.height, bottom) - top];
  }

  /** The point of the picture at (x, y) of the view, in pixels of the picture. */
  toPicture(x, y) {
    return [(x - this.left) / this.scale, (y - this.top) / this.scale];
  }

  /** Whether a box [x, y, width, height] of the picture is in view. */
  sees([x, y, width, height]) {
    const left = this.left + x * this.scale;
    const top = this.top + y * this.scale;
    return (
      left < this.view.width &&
      top < this.view.height &&
      left + width * this.scale > 0 &&
      top + height * this.scale > 0
    );
  }
}

/** How far an interval from `start` with this length must move to be in view; one too long is centred. */
function missing(start, length, view) {
  if (start >= 0 && start + length <= view) return 0;
  if (length + 2 * MARGIN > view) return (view - length) / 2 - start;
  return Math.max(MARGIN - start, 0) + Math.min(view - MARGIN - start - length, 0);
}

function clamp(value, low, high) {
  return Math.min(Math.max(value, Math.min(low, high)), Math.max(low, high));
}
