/** Kept: whether this browser has a visit from before. What keeps it is loaded with it, or with the first picture. */

import { on, visit } from "./visit.js";

export const SOME = "maskserve-kept"; // in localStorage: there may be a visit in the database

let loaded = false;

function load() {
  loaded ||= Boolean(import("./later/keeping.js"));
}

try {
  if (localStorage.getItem(SOME)) load();
} catch {
  // The user has forbidden pages to keep anything: keeping.js will say so.
}
on("pictures", () => visit.pictures.length && load());
