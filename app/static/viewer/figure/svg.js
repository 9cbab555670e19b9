/** SVG: writes a scene as a drawing that other programs can edit. */

import { BASELINE, cropped, FONT, HALO } from "./canvas.js";

const DIGITS = 2; // after the point: a hundredth of a point is 4 µm on paper

/** The scene as an SVG file, with its pixels as PNG inside. */
export async function toSvg(scene) {
  const { width, height, picture } = scene;
  const inside = scene.inside.map(element).join("\n");
  const below = scene.below.map(element).join("\n");
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${short(width)}pt" height="${short(height)}pt" viewBox="0 0 ${short(width)} ${short(height)}" font-family="${FONT}" font-weight="bold" stroke-linejoin="round">
<clipPath id="picture"><rect width="${short(picture.width)}" height="${short(picture.height)}"/></clipPath>
<rect width="100%" height="100%" fill="#ffffff"/>
<g clip-path="url(#picture)">
${inside}
</g>
${below}
</svg>
`;
  return new Blob([svg], { type: "image/svg+xml" });
}

function element(shape) {
  if (shape.image) return image(shape);
  if (shape.text !== undefined) return text(shape);
  const path = shape.rings.map((ring) => `M${pairs(ring)}Z`).join("");
  return shape.fill
    ? `<path d="${path}" fill="${shape.fill}" fill-opacity="${shape.opacity}" fill-rule="evenodd"/>`
    : `<path d="${path}" fill="none" stroke="${shape.stroke}" stroke-width="${shape.line}"/>`;
}

function image({ image: part, box: [x, y, width, height] }) {
  const place = `x="${x}" y="${y}" width="${short(width)}" height="${short(height)}"`;
  return `<image ${place} preserveAspectRatio="none" href="${cropped(part).toDataURL("image/png")}"/>`;
}

function text({ text: words, x, y, size, fill, halo, anchor }) {
  const around = halo ? ` stroke="${halo}" stroke-width="${short(HALO * size)}" paint-order="stroke"` : "";
  const place = `x="${short(x)}" y="${short(y + BASELINE * size)}" font-size="${short(size)}"`;
  return `<text ${place} fill="${fill}"${around} text-anchor="${anchor}">${escaped(words)}</text>`;
}

function pairs(ring) {
  const points = [];
  for (let at = 0; at < ring.length; at += 2) points.push(`${short(ring[at])} ${short(ring[at + 1])}`);
  return points.join("L");
}

function short(value) {
  return Number(value.toFixed(DIGITS));
}

function escaped(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
