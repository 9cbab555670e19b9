/** Names of files that have objects instead of a picture: JSON, label maps, and zips of training data. */

export const LABEL_MAP = /(^|[-_. ])(labels?|labelmap|masks?)\.png$/i;

export function isOfObjects({ name, type }) {
  return /\.(json|zip)$/i.test(name) || type === "application/json" || LABEL_MAP.test(name);
}

/** A file's name without its extension and without what downloads add to the name of a picture; "" for "labels.png". */
export function bareName(name) {
  return name.replace(/\.[^.]+$/, "").replace(/(^|[-_. ])(coco|labels?|labelmap|masks?|training)$/i, "");
}
