/** Layers: which page of a file with several, and which channel of it alone. */

import { byId } from "./dom.js";
import { on, visit } from "./visit.js";
import { again } from "./worklist.js";

const MANY = /\.(tiff?|gif|png|webp|avif|heic|heif)$/i; // what may have more than one page or frame

const form = byId("layers");
const { page, channel } = form.elements;

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const picture = visit.current;
  again(picture, {
    page: page.valueAsNumber || 0,
    channel: Number.isNaN(channel.valueAsNumber) ? null : channel.valueAsNumber,
  });
});
on("current", () => {
  const picture = visit.current;
  byId("more-layers").hidden = !picture || !(MANY.test(picture.name) || !picture.isNative);
  if (!picture) return;
  page.value = picture.asked.page;
  channel.value = picture.asked.channel ?? "";
});
