/** CSV: tables as RFC 4180 has them, as the service reads and writes them. */

// Characters that spreadsheets read as the start of a formula, as in model/formats/table.py.
const FORMULA = /(?:^|(?<=[;,\t\r\n"]))(?=\s*[-=+@\uff0d\uff1d\uff0b\uff20])/g;

const CELL = /("(?:[^"]|"")*"|[^",\r\n]*)(,|\r?\n|$)/g;

/** The text, with an apostrophe before any part of it that a spreadsheet would read as a formula. */
export function cellText(text) {
  return text.replace(FORMULA, "'");
}

/** A file of these rows, which are lists of texts and numbers; null is an empty cell. */
export function toCsv(columns, rows) {
  const lines = [columns, ...rows].map((row) => columns.map((_, at) => cell(row[at])).join(",") + "\r\n");
  return new Blob(lines, { type: "text/csv" });
}

/** The rows of a file in which each row ends with a line break. */
export function fromCsv(text) {
  const rows = [[]];
  for (const [, written, end] of text.matchAll(CELL)) {
    rows.at(-1).push(written.startsWith('"') ? written.slice(1, -1).replaceAll('""', '"') : written);
    if (end !== ",") rows.push([]);
  }
  return rows.slice(0, -2); // after the last line break are an empty cell, and the end
}

function cell(value) {
  const text = String(value ?? "");
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
