/** Units: pixels, or micrometres if the width of a pixel of the current picture is known. */

import { visit } from "./visit.js";

/** An area of so many pixels as text, with its unit. */
export function area(pixels) {
  return `${bareArea(pixels)} ${areaUnit()}`;
}

/** A length of so many pixels along an axis, "x" or "y", as text, without the unit. */
export function bareLength(pixels, axis) {
  return number(pixels * (visit.current?.pixelSides?.[axis] ?? 1));
}

/** An area of so many pixels as text, without the unit. */
export function bareArea(pixels) {
  return number(pixels * (micrometres() ?? 1) ** 2);
}

export function lengthUnit() {
  return micrometres() ? "µm" : "px";
}

export function areaUnit() {
  return micrometres() ? "µm²" : "px²";
}

function micrometres() {
  return visit.current?.pixelSize ?? null;
}

/** The number that a text is, with a decimal point or comma; NaN if it is not one, or has separators of thousands. */
export function decimal(text) {
  return /^\s*(\d+[.,]?\d*|[.,]\d+)\s*$/.test(text) ? Number(text.replace(",", ".")) : NaN;
}

/** Whether a text such as "1,000" or "1.000" is a thousand to some and one to others. */
export function isTwofold(text) {
  return /^\s*[1-9]\d{0,2}[.,]\d{3}\s*$/.test(text);
}

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });

/** A number with three significant digits, or with all integer digits, and commas at the thousands. */
export function number(value) {
  return (Math.abs(value) >= 100 ? whole : short).format(value);
}

/** "1 object", "2 objects". */
export function counted(count, noun, plural = `${noun}s`) {
  return `${number(count)} ${count === 1 ? noun : plural}`;
}

/** A score, cut to two digits as the slider has them: what reads 1.00 passes a lowest score of 1.00. */
export function score(value) {
  return (Math.floor(Math.round(value * 10_000) / 100) / 100).toFixed(2);
}

/** A share (0 to 1) as text: "31 %", or "0.4 %" if it is small. */
export function percent(part) {
  return `${(100 * part).toFixed(part < 0.0995 ? 1 : 0)} %`;
}
