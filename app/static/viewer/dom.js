/** Functions to create and find elements. */

/** The element with this id; the page has all of them from the start. */
export function byId(id) {
  return document.getElementById(id);
}

/** A new element with these properties ("textContent", "hidden"); `dataset` is an object too. */
export function make(tag, { dataset = {}, ...properties } = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  Object.assign(element.dataset, dataset);
  element.append(...children);
  return element;
}

/** A new SVG element with these attributes. */
export function makeSvg(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Load the style sheet of a part of the page that few visits use; without it, the part still works. */
export async function dress(url) {
  const looks = make("link", { rel: "stylesheet", href: url });
  await new Promise((resolve) => {
    looks.onload = looks.onerror = resolve;
    document.head.append(looks);
  });
}

/** A little square of this colour. */
export function swatch(colour) {
  const element = make("span", { className: "swatch" });
  element.style.background = colour;
  return element;
}

/** A function that has `action` called once before the next frame, however often it is called itself. */
export function oncePerFrame(action) {
  let isDue = false;
  return () => {
    if (isDue) return;
    isDue = true;
    requestAnimationFrame(() => {
      isDue = false;
      action();
    });
  };
}

const PATIENCE = 200; // milliseconds
const whenIdle = globalThis.requestIdleCallback ?? setTimeout; // Safari has none

/** A function that has `action` called once after the next frame, soon, when the browser has time. */
export function onceIdle(action) {
  return oncePerFrame(() => whenIdle(action, { timeout: PATIENCE }));
}

/** Make the browser save `blob` under this name. */
export function save(blob, name) {
  const link = make("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  // The browser reads the link only after this turn of the event loop; by the timeout it has the blob.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
