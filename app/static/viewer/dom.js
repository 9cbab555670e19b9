/** The little that is needed to make and find elements. */

/** The element with this id; the page is written with all of them. */
export function byId(id) {
  return document.getElementById(id);
}

/**
 * A new element. Properties are set as such ("textContent", "onclick", "hidden"); those with a dash, and
 * "role" and "for", as attributes.
 */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  set(element, properties);
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

function set(element, properties) {
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "role" || name === "for") element.setAttribute(name, value);
    else if (name === "dataset") Object.assign(element.dataset, value);
    else element[name] = value;
  }
}

/** Let the browser save `blob` under this name. */
export function save(blob, name) {
  const link = make("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  // The browser reads the link after this turn; by then it has hold of the blob.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
