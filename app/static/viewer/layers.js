/** Layers: chooses one page of a file, or all pages combined, and all channels or one. */

import { byId } from "./dom.js";
import { number } from "./units.js";
import { on, visit } from "./visit.js";
import { again } from "./worklist.js";

const MANY = /\.(tiff?|gif|png|webp|avif|heic|heif)$/i; // files that may have more than one page or frame

const form = byId("layers");
const { page, projection, channel } = form.elements;

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const picture = visit.current;
  again(picture, {
    page: projection.value ? null : page.valueAsNumber || 0,
    projection: projection.value || null,
    channel: Number.isNaN(channel.valueAsNumber) ? null : channel.valueAsNumber,
  });
});
on("current", () => {
  const picture = visit.current;
  byId("more-layers").hidden = !picture || !(MANY.test(picture.name) || !picture.isNative);
  if (!picture) return;
  page.value = picture.asked.page ?? 0;
  projection.value = picture.asked.projection ?? "";
  const pages = picture.answer?.image.pages ?? 1;
  byId("page-count").textContent = pages > 1 ? `The file has ${number(pages)} pages or frames.` : "";
  channel.value = picture.asked.channel ?? "";
});
