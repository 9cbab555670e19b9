/**
 * Pointer: mouse, pen and fingers draw. What is not drawing goes on to gestures.js: the wheel, two fingers, dragging
 * with Alt, and with the tool that chooses everything without Shift.
 */

import { byId } from "../dom.js";
import { viewport } from "../stage.js";
import { drop, edit, isReady, sketch } from "./state.js";
import { finish, move, press, release } from "./tools.js";

const view = byId("view");
const frame = view.parentElement; // in its capturing phase, events come here first

let pen = null; // the pointerdown event of the pointer that draws
let handing = false; // an event is being handed over to gestures.js
const others = new Set(); // pointers that gestures.js has

frame.addEventListener("pointerdown", onDown, true);
frame.addEventListener("pointermove", onMove, true);
frame.addEventListener("pointerup", onUp, true);
frame.addEventListener("pointercancel", onCancel, true);
frame.addEventListener("dblclick", onDoubleClick, true);
view.addEventListener("pointerleave", () => edit.cursor && !pen && sketch({ cursor: null }));

function takes(event) {
  if (handing || !isReady() || !view.contains(event.target)) return false;
  return edit.tool !== "select" || event.shiftKey || edit.several;
}

function onDown(event) {
  if (event.isPrimary && !handing) others.clear(); // a button may have been released elsewhere
  if (pen && event.pointerType === "touch") return handOver(event);
  if (!takes(event) || event.button !== 0 || event.altKey || others.size) {
    if (!handing) others.add(event.pointerId);
    return;
  }
  event.stopPropagation();
  pen = event;
  view.setPointerCapture(event.pointerId);
  sketch({ byKeys: false });
  press(at(event));
}

/** A second finger: the two pinch and move the picture, and what the first has drawn is dropped. */
function handOver(event) {
  const first = pen;
  pen = null;
  drop();
  others.add(first.pointerId).add(event.pointerId);
  handing = true;
  view.dispatchEvent(new PointerEvent("pointerdown", first));
  handing = false;
}

function onMove(event) {
  if (event.pointerId === pen?.pointerId) {
    event.stopPropagation();
    const passed = event.getCoalescedEvents?.() ?? [];
    for (const one of passed.length ? passed : [event]) move(at(one));
  } else if (takes(event) && !others.has(event.pointerId)) {
    event.stopPropagation(); // objects are not highlighted on the way
    sketch({ cursor: at(event), byKeys: false });
  }
}

function onUp(event) {
  others.delete(event.pointerId);
  if (event.pointerId !== pen?.pointerId) return;
  event.stopPropagation();
  pen = null;
  release(at(event));
}

function onCancel(event) {
  others.delete(event.pointerId);
  if (event.pointerId !== pen?.pointerId) return;
  pen = null;
  drop();
}

function onDoubleClick(event) {
  if (!takes(event)) return;
  event.stopPropagation();
  finish();
}

function at(event) {
  const { left, top } = view.getBoundingClientRect();
  return viewport.toPicture(event.clientX - left - view.clientLeft, event.clientY - top - view.clientTop);
}
