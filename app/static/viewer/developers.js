/** For developers: the request that gives the objects shown, as a line of curl, in Python or in JavaScript. */

import { byId } from "./dom.js";
import { page } from "./page.js";
import { address } from "./requests.js";
import { on, visit } from "./visit.js";

const code = byId("snippet");
const copy = byId("copy-snippet");
const languages = byId("languages");
const lacks = byId("snippet-lacks");

const writers = { curl: asCurl, python: asPython, javascript: asJavaScript };

on("current filter edits", show);
languages.addEventListener("change", show);
copy.addEventListener("click", copyCode);

function show() {
  const picture = visit.current;
  // Objects from a file come from no request.
  code.parentElement.hidden = !picture?.answer || picture.shown.length === 0 || Boolean(picture.answer.read_from);
  if (!picture?.answer) return;
  const language = languages.querySelector(":checked").value;
  code.textContent = writers[language](picture, new URL(address(picture.parameters()), location.href));
  const missing = [picture.within && "filters by measures", picture.edits.done.length && "your corrections"].filter(Boolean);
  lacks.textContent = missing.length ? `Without ${missing.join(" and ")}, which are made in this browser.` : "";
}

function asCurl(picture, url) {
  const key = page.key_header ? ` -H "${page.key_header}: $KEY"` : "";
  const sent = picture.url
    ? `-H "Content-Type: application/json" -d ${quote(JSON.stringify(picture.upload))}`
    : `-F ${quote(`image=@${asCurlReads(picture.name)}`)}`;
  return `curl${key} ${sent} ${quote(url.href)}`;
}

/** A file's name, quoted for curl's -F, which a comma or semicolon would end. */
function asCurlReads(name) {
  return /[,;"]/.test(name) ? `"${name.replaceAll(/["\\]/g, "\\$&")}"` : name;
}

/** `text`, quoted for a POSIX shell. */
function quote(text) {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** With the library requests. Strings of JSON are strings of Python too. */
function asPython(picture, url) {
  const sent = picture.url ? `json=${JSON.stringify(picture.upload)}` : 'files={"image": open(path, "rb")}';
  return [
    ...(page.key_header ? ["import os", ""] : []),
    "import requests",
    "",
    ...(picture.url ? [] : [`path = ${JSON.stringify(picture.name)}`]),
    "answer = requests.post(",
    `    ${JSON.stringify(url.href)},`,
    `    ${sent},`,
    ...(page.key_header ? [`    headers={"${page.key_header}": os.environ["KEY"]},`] : []),
    "    timeout=60,",
    ")",
    'if not answer.ok:',
    '    raise SystemExit(answer.json()["detail"])',
    'for segment in answer.json()["segments"]:',
    '    print(segment["class"], segment["score"], segment["box"])',
  ].join("\n");
}

/** For a browser, with a file that was chosen. */
function asJavaScript(picture, url) {
  const headers = [
    ...(picture.url ? ['"Content-Type": "application/json"'] : []),
    ...(page.key_header ? [`"${page.key_header}": key`] : []),
  ];
  return [
    ...(picture.url ? [] : ["const body = new FormData();", 'body.append("image", file); // a File, such as input.files[0]']),
    `const response = await fetch(${JSON.stringify(url.href)}, {`,
    '  method: "POST",',
    picture.url ? `  body: JSON.stringify(${JSON.stringify(picture.upload)}),` : "  body,",
    ...(headers.length ? [`  headers: { ${headers.join(", ")} },`] : []),
    "});",
    "const answer = await response.json();",
    "if (!response.ok) throw new Error(answer.detail);",
    "for (const segment of answer.segments) console.log(segment.class, segment.score, segment.box);",
  ].join("\n");
}

async function copyCode() {
  try {
    await navigator.clipboard.writeText(code.textContent);
    copy.textContent = "Copied";
  } catch {
    // Browsers offer the clipboard only on https and localhost. Otherwise select the text, for Ctrl+C.
    getSelection().selectAllChildren(code);
    copy.textContent = "Press Ctrl+C";
  }
  setTimeout(() => (copy.textContent = "Copy"), 2000);
}
