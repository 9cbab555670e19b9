/**
 * A long table: of thousands of rows, only those around what it is scrolled to are in the document, with gaps in place
 * of the others. A short one is there whole.
 */

import { make } from "./dom.js";

export const MOST = 60; // rows in the document
const STEP = 10; // rows that are exchanged at a time as the table is scrolled

export class LongTable {
  #items = [];
  #rows = new Map(); // item → its row, if that is in the document
  #first = 0; // the index of the first item that is there
  #top = 0; // to where the table is scrolled; reading it later would cost a layout
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
      if (this.#wanted !== this.#first) this.#place();
    });
    new ResizeObserver(() => this.#measure()).observe(scroller);
    body.addEventListener("focusin", ({ target }) => this.#reach(this.itemAt(target)));
    body.addEventListener("keydown", (event) => this.#onKey(event));
  }

  /** Show a row for each of these items. */
  show(items) {
    this.#items = items;
    this.body.parentElement.setAttribute("aria-rowcount", items.length + 1); // with that of the headings
    if (!items.includes(this.#reachable)) this.#reachable = items[0] ?? null;
    this.#place();
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
      this.#top = at * this.#height;
      this.#place();
    }
    const { scroller } = this;
    const head = scroller.querySelector("thead").offsetHeight;
    const { offsetTop: top, offsetHeight: height } = this.#rows.get(item);
    if (top < scroller.scrollTop + head) scroller.scrollTop = top - head;
    else if (top + height > scroller.scrollTop + scroller.clientHeight)
      scroller.scrollTop = top + height - scroller.clientHeight;
  }

  /** The index of the item from which on rows are wanted. */
  get #wanted() {
    const around = STEP * Math.round((this.#top / this.#height - MOST / 2) / STEP);
    return Math.max(0, Math.min(around, this.#items.length - MOST));
  }

  #place() {
    const items = this.#items;
    this.#first = this.#wanted;
    const there = Array.from({ length: Math.min(MOST, items.length) }, (_, step) => this.#first + step);
    // The keyboard's focus stays, wherever the table is scrolled to.
    const reachable = items.indexOf(this.#reachable);
    if (reachable >= 0 && reachable < this.#first) there.unshift(reachable);
    else if (reachable >= this.#first + MOST) there.push(reachable);

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
    const last = Math.min(this.#first + MOST, this.#items.length) - 1;
    const topOf = (at) => this.#rows.get(this.#items[at])?.offsetTop;
    const height = (topOf(last) - topOf(this.#first)) / (last - this.#first);
    if (!(height > 0) || height === this.#height) return;
    this.#height = height;
    this.#place();
  }

  #gap(count) {
    const cell = make("td", { colSpan: 100 });
    Object.assign(cell.style, { height: `${count * this.#height}px`, padding: 0, border: 0 });
    const row = make("tr", { className: "gap" }, cell);
    row.setAttribute("aria-hidden", "true");
    return row;
  }

  #reach(item) {
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
      this.#place();
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
