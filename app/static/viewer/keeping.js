/**
 * Keeping: the visit in this browser's IndexedDB, so that reloading or leaving the page loses nothing.
 *
 * Each tab has a visit of its own. One that was closed is taken up again by the next tab, or is deleted a week later.
 * Nothing of it is sent anywhere, and the API key is not kept.
 */

import { byId, onceIdle } from "./dom.js";
import { page } from "./page.js";
import { restored, stored } from "./stored-picture.js";
import { on, tell, visit } from "./visit.js";
import { takeUp } from "./worklist.js";

const PAUSE = 300; // milliseconds from a change to its being written
const WEEK = 7 * 24 * 3600 * 1000; // milliseconds
const SILENCE = 1000; // milliseconds in which other tabs say which visits are theirs, if there are no locks
const OWN = "maskserve-visit"; // sessionStorage: the visit that this tab had before it was loaded again

const keys = new Map(); // picture → its key in the database
let written = new Map(); // picture → what it was when it was last written
let record = ""; // the visit's own record when it was last written
let database = null;
let id = null;
let timer;

const tabs = new BroadcastChannel("maskserve-visits");
tabs.onmessage = ({ data: { asks, forgotten } }) => {
  if (asks && asks === id) tabs.postMessage({ has: id });
  if (!forgotten) return;
  written = new Map(); // this visit is still open: write all of it again
  record = "";
  soon();
};

byId("forget").addEventListener("click", forget);
addEventListener("pageshow", (event) => {
  if (event.persisted && database) location.reload(); // another page of this tab may have changed the visit
});
addEventListener("pagehide", () => {
  if (database && id && visit.pictures.length) sessionStorage.setItem(OWN, id);
  save();
});

begin();

/** Take up the visit that was left, if there is one, and keep this one from now on. */
async function begin() {
  try {
    database = await open();
    await take();
  } catch (error) {
    giveUp(error);
  }
  on("pictures current filter view units columns", soon);
  on("edits", onceIdle(save)); // a correction is somebody's work, and is written as soon as it is seen
  save();
}

function open() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open("maskserve", 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("visits", { keyPath: "id" });
      request.result.createObjectStore("values"); // key: [picture, name of the value]
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** Take up the visit that this tab had, or the last one that no tab has. */
async function take() {
  const own = sessionStorage.getItem(OWN);
  sessionStorage.removeItem(OWN); // a copy of this tab must not have it as well
  const visits = await answer(database.transaction("visits").objectStore("visits").getAll());
  const old = visits.filter(({ time }) => time < Date.now() - WEEK);
  const left = visits.filter((one) => !old.includes(one)).sort((one, other) => other.time - one.time);
  let mine = left.find((one) => one.id === own);
  for (const one of left) if (!mine && !(await isTaken(one.id))) mine = one;
  id = mine?.id ?? newKey();
  navigator.locks?.request(lockOf(id), () => new Promise(() => {})); // as long as this page is open
  if (mine) await restore(mine);
  if (!old.length) return;
  const changes = database.transaction(["visits", "values"], "readwrite");
  for (const one of old) discard(changes, one);
}

/** Whether another tab has this visit. Only pages on https and localhost have locks; others ask around. */
async function isTaken(other) {
  if (navigator.locks) return (await navigator.locks.query()).held.some(({ name }) => name === lockOf(other));
  return new Promise((resolve) => {
    const channel = new BroadcastChannel("maskserve-visits");
    const end = (taken) => {
      channel.close();
      resolve(taken);
    };
    channel.onmessage = ({ data }) => data.has === other && end(true);
    channel.postMessage({ asks: other });
    setTimeout(end, SILENCE, false);
  });
}

function lockOf(one) {
  return `maskserve-visit-${one}`;
}

async function restore({ pictures, current, model, view }) {
  const values = database.transaction("values").objectStore("values");
  const read = pictures.map(async (key) => {
    const [names, found] = await Promise.all([answer(values.getAllKeys(all(key))), answer(values.getAll(all(key)))]);
    return [key, Object.fromEntries(names.map(([, name], at) => [name, found[at]]))];
  });
  const taken = [];
  for (const [key, found] of await Promise.all(read)) {
    if (!found.state) continue;
    const picture = restored(found);
    keys.set(picture, key);
    written.set(picture, stored(picture));
    taken.push(picture);
  }
  Object.assign(visit.view, view);
  const served = [page.automatic, ...page.models.map(({ name }) => name)];
  if (!page.chosen && served.includes(model)) visit.model = model;
  tell("view");
  takeUp(taken, taken.find((picture) => keys.get(picture) === current));
}

/** Write what has changed after a pause, in which more may change; but a new picture at once. */
function soon() {
  if (visit.pictures.some((picture) => !keys.has(picture))) return save();
  timer ??= setTimeout(save, PAUSE);
}

/** Write what has changed. */
async function save() {
  clearTimeout(timer);
  timer = undefined;
  if (!database || !id) return;
  await write().catch(giveUp);
}

async function write() {
  const changes = database.transaction(["visits", "values"], "readwrite");
  const values = changes.objectStore("values");
  const now = new Map(visit.pictures.map((picture) => [picture, stored(picture)]));
  for (const [picture, kept] of now) {
    if (!keys.has(picture)) keys.set(picture, newKey());
    const before = written.get(picture) ?? {};
    for (const [name, value] of Object.entries(kept))
      if (!isSame(name, value, before[name])) values.put(value, [keys.get(picture), name]);
  }
  for (const picture of written.keys()) if (!now.has(picture)) values.delete(all(keys.get(picture)));
  written = now;
  const { current, model, view } = visit;
  const own = { pictures: visit.pictures.map((picture) => keys.get(picture)), current: keys.get(current), model, view };
  if (JSON.stringify(own) !== record) {
    record = JSON.stringify(own);
    if (own.pictures.length) changes.objectStore("visits").put({ id, time: Date.now(), ...own });
    else changes.objectStore("visits").delete(id);
  }
  changes.commit(); // at once: when the page is left, there may be no other moment
  await new Promise((resolve, reject) => {
    changes.oncomplete = resolve;
    changes.onabort = () => reject(changes.error);
  });
}

/** Large values are replaced, never changed in place; `state` is small and made anew each time. */
function isSame(name, value, before) {
  return value === before || (name === "state" && JSON.stringify(value) === JSON.stringify(before));
}

/** Remove all pictures, here and from this device. */
function forget() {
  if (!confirm("Forget all pictures and what was found in them, on this page and on this device?")) return;
  for (const picture of visit.pictures.splice(0)) picture.forget();
  visit.removed?.picture.forget();
  visit.removed = visit.current = visit.lit = visit.selected = null;
  if (database) {
    const changes = database.transaction(["visits", "values"], "readwrite");
    for (const name of ["visits", "values"]) changes.objectStore(name).clear();
    sessionStorage.removeItem(OWN);
    changes.oncomplete = () => tabs.postMessage({ forgotten: true });
  }
  written = new Map();
  record = "";
  tell("current");
  tell("pictures");
}

function giveUp(error) {
  console.warn("The visit is not kept:", error);
  database = null;
  addEventListener("beforeunload", (event) => {
    if (visit.pictures.length) event.preventDefault(); // the browser asks whether to leave
  });
  byId("kept-words").textContent = "This browser has no room to keep these pictures: they are lost when you leave.";
}

function discard(changes, { id: old, pictures }) {
  changes.objectStore("visits").delete(old);
  for (const key of pictures) changes.objectStore("values").delete(all(key));
}

function all(key) {
  return IDBKeyRange.bound([key], [key, []]);
}

function newKey() {
  return `${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`; // randomUUID needs https
}

function answer(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
