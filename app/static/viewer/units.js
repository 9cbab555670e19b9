/** Units: pixels, or micrometres where somebody has said how many a pixel has. */

import { visit } from "./visit.js";

/** What an area of that many pixels is, as text. */
export function area(pixels) {
  return `${bareArea(pixels)} ${areaUnit()}`;
}

/** A number of pixels in the unit of lengths, without the unit. */
export function bareLength(pixels) {
  return number(pixels * (visit.micrometres ?? 1));
}

/** A number of pixels in the unit of areas, without the unit. */
export function bareArea(pixels) {
  return number(pixels * (visit.micrometres ?? 1) ** 2);
}

export function lengthUnit() {
  return visit.micrometres ? "µm" : "px";
}

export function areaUnit() {
  return visit.micrometres ? "µm²" : "px²";
}

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });

/** A number with three digits that count, or all before the point, and a comma at the thousands. */
export function number(value) {
  return (Math.abs(value) >= 100 ? whole : short).format(value);
}

/** "1 object", "2 objects". */
export function counted(count, noun, plural = `${noun}s`) {
  return `${number(count)} ${count === 1 ? noun : plural}`;
}

/** "31 %", and "0.4 %" of little. */
export function percent(part) {
  return `${(100 * part).toFixed(part < 0.0995 ? 1 : 0)} %`;
}
