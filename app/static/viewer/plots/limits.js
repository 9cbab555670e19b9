/** Limits: hides the objects whose measures are not between two numbers, or that touch the border. */

import { make } from "../dom.js";
import { filter } from "../filters.js";
import { decimal, isTwofold, number } from "../units.js";
import { visit } from "../visit.js";
import { factorOf, isWhole, titleAndUnit } from "./names.js";
import { valueOf } from "./values.js";

const list = make("ul", { className: "limits" });
const add = make("button", { type: "button", textContent: "Add a filter" });
const wholeOnly = make("input", { type: "checkbox", id: "whole-only", autocomplete: "off" });

export const element = make(
  "div",
  { className: "limiting" },
  list,
  make("p", {}, add),
  make("label", { className: "toggle", htmlFor: "whole-only" }, wholeOnly, " Hide what touches the border"),
);
let names = [];

add.addEventListener("click", () => {
  ofPicture().limits.push({ name: names.includes("circularity") ? "circularity" : names[0], least: null, most: null });
  show(names);
  list.lastChild.querySelector("select").focus();
});
wholeOnly.addEventListener("change", () => {
  ofPicture().wholeOnly = wholeOnly.checked;
  apply();
});

/** Show the current picture's limits, with these measures to choose from. */
export function show(measures) {
  names = measures;
  const { limits, wholeOnly: isWholeOnly } = visit.current.limits ?? { limits: [], wholeOnly: false };
  list.replaceChildren(...limits.map(row));
  add.disabled = !names.length;
  wholeOnly.checked = isWholeOnly;
}

/** Keep what is between these values, in pixels, of one measure; instead of its other limits. */
export function limit(name, least, most) {
  const own = ofPicture();
  own.limits = [...own.limits.filter((one) => one.name !== name), { name, least, most }];
}

/** Forget the limits of all pictures. */
export function drop() {
  for (const picture of visit.pictures) {
    picture.limits = null;
    if (!picture.within) continue;
    picture.within = null;
    picture.filter();
  }
  if (visit.current?.answer) filter();
}

/** Filter by the limits that are set. */
export function apply() {
  restrict(visit.current);
  filter();
}

/** From its next filtering on, hide the objects of a picture that are not within its limits. */
export function restrict(picture) {
  const { limits, wholeOnly: isWholeOnly } = picture.limits ?? { limits: [], wholeOnly: false };
  const effective = limits.filter(({ least, most }) => least !== null || most !== null);
  if (isWholeOnly) effective.push({ name: "touches_border", least: null, most: 0 });
  picture.within = effective.length ? (segment) => effective.every((one) => passes(segment, one)) : null;
}

/** What is not measured yet passes, and what has no such measure does not. */
function passes(segment, { name, least, most }) {
  const value = valueOf(segment, name);
  if (value === undefined) return true;
  return value !== null && (least === null || value >= least) && (most === null || value <= most);
}

/** The limits of the current picture, to be changed. */
function ofPicture() {
  return (visit.current.limits ??= { limits: [], wholeOnly: false });
}

function row(own) {
  const what = make("select", { autocomplete: "off" });
  what.setAttribute("aria-label", "Measure to filter by");
  what.append(...names.map((name) => make("option", { value: name, textContent: titleAndUnit(name) })));
  what.value = own.name;
  what.addEventListener("change", () => {
    Object.assign(own, { name: what.value, least: null, most: null });
    for (const field of fields) field.value = "";
    read.textContent = "";
    apply();
  });
  const read = make("p", { className: "hint" });
  read.setAttribute("role", "status");
  const fields = [field(own, "least", "At least", read), field(own, "most", "At most", read)];
  const away = make("button", { type: "button", textContent: "×" });
  away.setAttribute("aria-label", "Remove this filter");
  away.addEventListener("click", () => {
    const { limits } = ofPicture();
    limits.splice(limits.indexOf(own), 1);
    apply();
    show(names);
    add.focus();
  });
  return make("li", {}, what, ...fields, away, read);
}

function field(own, end, label, read) {
  const factor = () => factorOf(own.name);
  const input = make("input", { type: "text", inputMode: "decimal", autocomplete: "off", placeholder: label.toLowerCase() });
  input.setAttribute("aria-label", label);
  if (own[end] !== null) input.value = Number((own[end] * factor()).toPrecision(6));
  input.addEventListener("input", () => {
    const value = signed(input.value, isWhole(own.name));
    input.setAttribute("aria-invalid", Number.isNaN(value) && input.value.trim() !== "");
    own[end] = Number.isNaN(value) ? null : value / factor();
    read.textContent = howRead(input.value, value);
    apply();
  });
  return input;
}

/** The number that a text is, below zero too; whole numbers have no decimals, so that "1,000" is a thousand. */
function signed(text, whole) {
  const [, sign, rest] = /^\s*([-−]?)(.*)$/s.exec(text);
  const value = decimal(whole && isTwofold(rest) ? rest.replace(/[.,]/, "") : rest);
  return sign ? -value : value;
}

/** How a text was read, if somebody may have meant another number. */
function howRead(text, value) {
  if (text.trim() === "") return "";
  if (Number.isNaN(value)) return "Not a number: write it like 1000 or 0.5.";
  if (!isTwofold(text)) return "";
  const thousands = text.trim().replace(/[.,]/, "");
  return value === Number(thousands) ? `Read as ${number(value)}.` : `Read as ${value}. For thousands, write ${thousands}.`;
}
