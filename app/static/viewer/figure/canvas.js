/** Canvas: draws a scene, for the preview and for PNG. */

export const FONT = "Helvetica, Arial, 'Liberation Sans', sans-serif";
export const HALO = 0.25; // width of the line around letters, as a share of their size
export const BASELINE = 0.36; // how far below the letters' middle they stand, as a share of their size

/** A canvas with the scene on white, `scale` pixels a point. */
export function draw(scene, scale) {
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(scene.width * scale);
  canvas.height = Math.round(scene.height * scale);
  const context = canvas.getContext("2d", { alpha: false });
  context.fillStyle = "#ffffff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.scale(canvas.width / scene.width, canvas.height / scene.height);
  for (const shape of scene.below) paint(context, shape);
  context.beginPath();
  context.rect(0, 0, scene.picture.width, scene.picture.height);
  context.clip();
  for (const shape of scene.inside) paint(context, shape);
  return canvas;
}

/** A PNG of the scene, `scale` pixels a point. */
export async function toPng(scene, scale) {
  const canvas = draw(scene, scale);
  return new Promise((resolve) => canvas.toBlob(resolve));
}

/** The part of an image that a shape shows, as a canvas of at most `most` pixels a side; its filter applied. */
export function cropped({ source, crop: [x, y, width, height], filter }, most = 4096) {
  const scale = Math.min(1, most / Math.max(width, height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  const context = canvas.getContext("2d", { alpha: false });
  context.imageSmoothingQuality = "high";
  context.filter = filter;
  context.drawImage(source, x, y, width, height, 0, 0, canvas.width, canvas.height);
  return canvas;
}

/** The width of a text in points. */
export function widthOf(text, size) {
  const context = (widthOf.context ??= document.createElement("canvas").getContext("2d"));
  context.font = `bold ${size}px ${FONT}`;
  return context.measureText(text).width;
}

function paint(context, shape) {
  context.save();
  if (shape.image) paintImage(context, shape);
  else if (shape.text !== undefined) paintText(context, shape);
  else paintRings(context, shape);
  context.restore();
}

function paintImage(context, { image: { source, crop, filter }, box }) {
  context.filter = filter;
  context.imageSmoothingQuality = "high";
  context.drawImage(source, ...crop, ...box);
}

function paintRings(context, { rings, fill, opacity, stroke, line }) {
  context.beginPath();
  for (const ring of rings) {
    context.moveTo(ring[0], ring[1]);
    for (let at = 2; at < ring.length; at += 2) context.lineTo(ring[at], ring[at + 1]);
    context.closePath();
  }
  if (fill) {
    context.globalAlpha = opacity;
    context.fillStyle = fill;
    context.fill("evenodd");
  } else {
    context.lineJoin = "round";
    context.lineWidth = line;
    context.strokeStyle = stroke;
    context.stroke();
  }
}

function paintText(context, { text, x, y, size, fill, halo, anchor }) {
  context.font = `bold ${size}px ${FONT}`;
  context.textAlign = anchor === "middle" ? "center" : anchor;
  const baseline = y + BASELINE * size;
  if (halo) {
    context.lineJoin = "round";
    context.lineWidth = HALO * size;
    context.strokeStyle = halo;
    context.strokeText(text, x, baseline);
  }
  context.fillStyle = fill;
  context.fillText(text, x, baseline);
}
