/** Names: how measures are called and shown. The service's names are in docs/measures.md. */

import { areaUnit, lengthUnit, number } from "../units.js";
import { visit } from "../visit.js";

const LENGTHS = new Set([
  "perimeter",
  "axis_major_length",
  "axis_minor_length",
  "equivalent_diameter_area",
  "feret_diameter_max",
  "centroid_x",
  "centroid_y",
]);

/** "axis_major_length" → "Axis major length"; "intensity_mean-0" → "Intensity mean, channel 1". */
export function title(name) {
  const [words, channel] = name.replaceAll("_", " ").split("-");
  const capital = words[0].toUpperCase() + words.slice(1);
  return channel === undefined ? capital : `${capital}, channel ${Number(channel) + 1}`;
}

/** The same with the unit, if there is one. */
export function titleAndUnit(name) {
  const unit = unitOf(name);
  return unit ? `${title(name)}, ${unit}` : title(name);
}

function unitOf(name) {
  if (name === "area") return areaUnit();
  if (LENGTHS.has(name)) return lengthUnit();
  return name === "orientation" ? "rad" : "";
}

/** What a value of the current picture, as it was measured, is multiplied by to be shown. */
export function factorOf(name) {
  const { pixelSize, isSkewed } = visit.current;
  if (isSkewed || !pixelSize) return 1; // measured in micrometres, or shown in pixels
  if (name === "area") return pixelSize ** 2;
  return LENGTHS.has(name) ? pixelSize : 1;
}

/** Whether the values of the current picture are whole numbers as they are shown. */
export function isWhole(name) {
  return name === "area" && unitOf(name) === "px²";
}

/** A value of the current picture, as it was measured, as text, without the unit; undefined: it is not measured yet, null: it is not defined. */
export function written(name, value) {
  if (value === undefined) return "…";
  if (value === null) return "–";
  if (name === "touches_border") return value ? "yes" : "no";
  return number(value * factorOf(name));
}
