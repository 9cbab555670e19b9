/**
 * A long table: of thousands of rows, only those around what it is scrolled to are in the document, with gaps in place
 * of the others. A short one is there whole.
 *
 * Other items are shown at once, but the rows that are out of view follow when the browser has time.
 */

import { make, onceIdle } from "./dom.js";

export const MOST = 60; // rows of a table that is there whole
const AROUND = 15; // rows above and below those in view, to scroll to
const NEAR = 5; // rows from the last of these, at which others follow

export class LongTable {
  #items = [];
  #rows = new Map(); // item → its row, if that is in the document
  #range = [0, 0]; // the indices of the items that are there: the first, and the one after the last
  #top = 0; // to where the table is scrolled; reading it later would cost a layout
  #inView = 12; // rows, until it is known
  #height = 30; // of a row, in CSS pixels, until it is known
  #reachable = null; // the item whose row is reached by Tab; the arrow keys move between rows

  /**
   * @param body the table's body
   * @param scroller in which the table is scrolled
   * @param row makes the row of an item, with a button in it
   */
  constructor(body, scroller, row) {
    Object.assign(this, { body, scroller, row });
    scroller.style.overflowAnchor = "none"; // gaps are as high as the rows for which they stand
    scroller.addEventListener("scroll", () => {
      this.#top = scroller.scrollTop;
      if (this.#isNearEnd) this.#place(AROUND);
    });
    new ResizeObserver(() => this.#measure()).observe(scroller);
    body.addEventListener("focusin", ({ target }) => this.#makeReachable(this.itemAt(target)));
    body.addEventListener("keydown", (event) => this.#onKey(event));
  }

  /** Show a row for each of these items. */
  show(items) {
    this.#items = items;
    this.body.parentElement.setAttribute("aria-rowcount", items.length + 1); // with that of the headings
    if (!items.includes(this.#reachable)) this.#reachable = items[0] ?? null;
    this.#place(1); // of which a part is in view
    this.#widen();
  }

  /** Make all rows anew when they are next shown. */
  forget() {
    this.#rows = new Map();
  }

  /** The row of an item; undefined if it is not in the document. */
  rowOf(item) {
    return this.#rows.get(item);
  }

  /** The item to which an element in the table belongs, or null. */
  itemAt(element) {
    const row = element.closest("tr");
    return [...this.#rows].find(([, own]) => own === row)?.[0] ?? null;
  }

  /** Scroll the table, but not the page, to an item. */
  reveal(item) {
    const at = this.#items.indexOf(item);
    if (at < 0) return;
    if (!this.#rows.has(item)) {
      this.#top = Math.max(0, at - this.#inView / 2) * this.#height;
      this.#place(1);
      this.#widen();
      this.scroller.scrollTop = this.#top;
    }
    const { scroller } = this;
    const head = scroller.querySelector("thead").offsetHeight;
    const { offsetTop: top, offsetHeight: height } = this.#rows.get(item);
    if (top < scroller.scrollTop + head) scroller.scrollTop = top - head;
    else if (top + height > scroller.scrollTop + scroller.clientHeight)
      scroller.scrollTop = top + height - scroller.clientHeight;
  }

  #widen = onceIdle(() => this.#place(AROUND));

  /** The indices of the items in view, with so many around: the first, and the one after the last. */
  #rangeWith(around) {
    const { length } = this.#items;
    if (length <= MOST) return [0, length];
    const count = Math.min(length, this.#inView + 2 * around);
    const first = Math.floor(this.#top / this.#height) - around;
    const start = Math.max(0, Math.min(first, length - count));
    return [start, start + count];
  }

  /** Whether the table is scrolled near the end of the rows that are there. */
  get #isNearEnd() {
    const [first, end] = this.#rangeWith(NEAR);
    return first < this.#range[0] || end > this.#range[1];
  }

  #place(around) {
    const items = this.#items;
    const [first, end] = (this.#range = this.#rangeWith(around));
    const there = Array.from({ length: end - first }, (_, step) => first + step);
    // The keyboard's focus stays, wherever the table is scrolled to.
    const reachable = items.indexOf(this.#reachable);
    if (reachable >= 0 && reachable < first) there.unshift(reachable);
    else if (reachable >= end) there.push(reachable);

    const before = this.#rows;
    this.#rows = new Map();
    const nodes = [];
    let next = 0;
    for (const at of there) {
      if (at > next) nodes.push(this.#gap(at - next));
      const row = before.get(items[at]) ?? this.row(items[at]);
      row.setAttribute("aria-rowindex", at + 2);
      row.querySelector("button").tabIndex = at === reachable ? 0 : -1;
      this.#rows.set(items[at], row);
      nodes.push(row);
      next = at + 1;
    }
    if (next < items.length) nodes.push(this.#gap(items.length - next));
    arrange(this.body, nodes);
  }

  #measure() {
    const [first, end] = this.#range;
    const topOf = (at) => this.#rows.get(this.#items[at])?.offsetTop;
    const height = (topOf(end - 1) - topOf(first)) / (end - 1 - first);
    if (!(height > 0)) return;
    const inView = Math.ceil(this.scroller.clientHeight / height);
    if (height === this.#height && inView === this.#inView) return;
    this.#height = height;
    this.#inView = inView;
    this.#place(AROUND);
  }

  #gap(count) {
    const cell = make("td", { colSpan: 100 });
    Object.assign(cell.style, { height: `${count * this.#height}px`, padding: 0, border: 0 });
    const row = make("tr", { className: "gap" }, cell);
    row.setAttribute("aria-hidden", "true");
    return row;
  }

  #makeReachable(item) {
    const buttonOf = (one) => this.#rows.get(one)?.querySelector("button");
    if (!buttonOf(item)) return;
    if (buttonOf(this.#reachable)) buttonOf(this.#reachable).tabIndex = -1;
    buttonOf(item).tabIndex = 0;
    this.#reachable = item;
  }

  #onKey(event) {
    const at = this.#items.indexOf(this.itemAt(event.target));
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: this.#items.length - 1 }[event.key];
    const item = this.#items[to];
    if (at < 0 || item === undefined) return;
    event.preventDefault();
    if (!this.#rows.has(item)) {
      this.#reachable = item;
      this.#place(AROUND);
    }
    this.#rows.get(item).querySelector("button").focus();
  }
}

/** Give an element these children, without touching those that are in their place already. */
function arrange(element, nodes) {
  const wanted = new Set(nodes);
  for (const child of [...element.children]) if (!wanted.has(child)) child.remove();
  let place = element.firstChild;
  for (const node of nodes)
    if (node === place) place = place.nextSibling;
    else element.insertBefore(node, place);
}
