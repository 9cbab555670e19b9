/**
 * Layers: chooses one page of a file or all pages combined, and all channels or one. Only for files that have them.
 *
 * Pages and channels are counted from 1 here, as in the programs that write such files, and from 0 in requests.
 */

import { byId, make } from "./dom.js";
import { number } from "./units.js";
import { on, visit } from "./visit.js";
import { channelOf, isOfChannels, placeOf } from "./words.js";
import { again } from "./worklist.js";

const MANY = /\.(tiff?|gif|png|webp|avif|heic|heif)$/i; // files that may have channels worth a look of their own
const QUIET = 250; // milliseconds without another step before a page is asked for: each sends the file again

const form = byId("layers");
const { page, projection, channel } = form.elements;
const before = byId("page-before");
const after = byId("page-after");
let timer;

form.addEventListener("submit", (event) => event.preventDefault());
before.addEventListener("click", () => turnPage(-1));
after.addEventListener("click", () => turnPage(1));
page.addEventListener("change", () => {
  if (page.value && page.validity.valid) ask();
  else show();
});
projection.addEventListener("change", combine);
channel.addEventListener("change", () => ask());
on("current", show);

/** Go so many pages on, if the current picture has them. */
export function turnPage(by) {
  const to = page.valueAsNumber + by;
  if (form.hidden || page.disabled || !(to >= 1 && to <= Number(page.max))) return;
  page.value = to;
  enable();
  clearTimeout(timer);
  timer = setTimeout(ask, QUIET);
}

function combine() {
  const { answer, answered } = visit.current;
  if (!isOfChannels(answer.image)) return ask();
  // Each page is one channel: combine those of the channel seen.
  if (!projection.value) ask(null);
  else ask(answered.projection ? answered.channel : channelOf(answer.image));
}

function ask(oneChannel = channel.value === "" ? null : Number(channel.value)) {
  clearTimeout(timer);
  again(visit.current, {
    page: projection.value ? null : page.valueAsNumber - 1,
    projection: projection.value || null,
    channel: oneChannel,
  });
}

function show() {
  clearTimeout(timer);
  const picture = visit.current;
  if (!picture?.answer) return;
  const { asked, answer } = picture;
  const { pages, channels } = answer.image;
  const hasChannels = channels > 1 && (MANY.test(picture.name) || !picture.isNative);
  form.hidden = pages === 1 && !hasChannels;
  byId("pages").hidden = pages === 1;
  page.max = pages;
  page.value = (asked.page ?? 0) + 1;
  projection.value = asked.projection ?? "";
  byId("page-count").textContent = `of ${number(pages)}`;
  channel.parentElement.hidden = !hasChannels;
  channel.replaceChildren(make("option", { value: "", textContent: "all" }), ...channelsOf(answer.image));
  channel.value = asked.channel ?? "";
  byId("page-name").textContent = placeOf(picture);
  enable();
}

function enable() {
  page.disabled = Boolean(projection.value);
  before.disabled = page.disabled || page.valueAsNumber <= 1;
  after.disabled = page.disabled || page.valueAsNumber >= Number(page.max);
}

function channelsOf(image) {
  const names = isOfChannels(image) && !image.projection ? [] : (image.channel_names ?? []); // those of other pages
  return Array.from({ length: image.channels }, (_, at) =>
    make("option", { value: at, textContent: names[at] ? `${at + 1}: ${names[at]}` : at + 1 }),
  );
}
