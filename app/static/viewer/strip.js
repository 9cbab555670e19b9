/** Strip: the pictures of this visit, each with its state. One that was removed can be put back. */

import { byId, make } from "./dom.js";
import { fadeEnds } from "./fades.js";
import { whenLoaded } from "./loading.js";
import { number, percent } from "./units.js";
import { lookAt, on, putBack, remove, visit } from "./visit.js";
import { again } from "./worklist.js";

const list = byId("pictures");
const items = new Map(); // picture → its elements

const undo = byId("undo");
const all = byId("all-pictures");

fadeEnds(list);
all.addEventListener("click", () => whenLoaded(() => import("./series/dialog.js"), ({ openSeries }) => openSeries()));

byId("undo-button").addEventListener("click", () => {
  const { picture } = visit.removed;
  putBack();
  if (!picture.finished && picture.state !== "reading") again(picture); // its request was aborted
  items.get(picture).open.focus();
});
byId("undo-close").addEventListener("click", () => {
  undo.hidden = true;
  byId(visit.current ? "view" : "image").focus();
});
on("pictures filter", show);

function show() {
  if (!visit.removed) undo.hidden = true;
  all.hidden = visit.pictures.length < 2;
  for (const [picture, { item }] of items)
    if (!visit.pictures.includes(picture)) {
      item.remove();
      items.delete(picture);
    }
  for (const picture of visit.pictures) {
    if (!items.has(picture)) items.set(picture, newItem(picture));
    update(picture, items.get(picture));
  }
}

function newItem(picture) {
  const image = make("img", { alt: "", hidden: true });
  const state = make("span", { className: "state" });
  const name = make("span", { className: "name", textContent: picture.name });
  const open = make("button", { type: "button", className: "open", title: picture.name }, image, name, state);
  open.addEventListener("click", () => lookAt(picture));
  const close = make("button", { type: "button", className: "close", textContent: "×" });
  close.setAttribute("aria-label", `Remove ${picture.name}`);
  close.addEventListener("click", () => {
    const next = item.nextElementSibling ?? item.previousElementSibling;
    remove(picture);
    byId("undo-words").textContent = `${picture.name} was removed.`;
    undo.hidden = false;
    (next?.querySelector(".close") ?? byId("add")).focus();
  });
  const item = make("li", {}, open, close);
  list.append(item);
  return { item, open, image, state };
}

function update(picture, { item, open, image, state }) {
  if (picture.thumbnail && image.src !== picture.thumbnail) {
    image.src = picture.thumbnail;
    image.hidden = false;
  }
  item.dataset.state = picture.state;
  state.textContent = stateOf(picture);
  if (picture === visit.current) {
    if (!open.hasAttribute("aria-current")) list.scrollLeft = item.offsetLeft - (list.clientWidth - item.offsetWidth) / 2;
    open.setAttribute("aria-current", "true");
  } else open.removeAttribute("aria-current");
}

function stateOf(picture) {
  switch (picture.state) {
    case "waiting":
      return "waiting";
    case "sending":
      return `${Math.round(100 * picture.sent)} % sent`;
    case "working":
      return "working";
    case "pausing":
      return picture.waitsFor;
    case "done":
      return picture.kind === "class" ? percent(picture.covered) : `${number(picture.shown.length)}${picture.isCut ? "+" : ""}`;
    default:
      return picture.state;
  }
}
