/** Strip: the pictures of this visit, each with its state. They are kept only in this page. */

import { byId, make } from "./dom.js";
import { number, percent } from "./units.js";
import { lookAt, on, remove, visit } from "./visit.js";

const list = byId("pictures");
const items = new Map(); // picture → its elements

on("pictures filter", show);

function show() {
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
  const open = make("button", { type: "button", className: "open" }, image, name, state);
  open.addEventListener("click", () => lookAt(picture));
  const close = make("button", { type: "button", className: "close", textContent: "×" });
  close.setAttribute("aria-label", `Remove ${picture.name}`);
  close.addEventListener("click", () => {
    const next = item.nextElementSibling ?? item.previousElementSibling;
    remove(picture);
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
    if (!open.hasAttribute("aria-current")) list.scrollLeft = item.offsetLeft - list.offsetLeft;
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
      return "service busy";
    case "done":
      return picture.kind === "class" ? percent(picture.covered) : `${number(picture.shown.length)}${picture.isCut ? "+" : ""}`;
    default:
      return picture.state;
  }
}
