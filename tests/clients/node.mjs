// node.mjs ADDRESS PICTURE: a picture in each way that Node sends one, with a line for each.
import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import http from "node:http";
import { Readable } from "node:stream";
import { createGzip } from "node:zlib";

const [address, path] = process.argv.slice(2);
const picture = await readFile(path);

async function ask(way, body, options = {}, route = "/api/v1/segment") {
  const reply = await fetch(address + route, { method: "POST", body, ...options });
  const answer = await reply.text();
  if (!reply.ok) throw new Error(`${way}: ${answer}`);
  console.log(way, answer);
}

function form(...parts) {
  const filled = new FormData();
  for (const part of parts) filled.append(...part);
  return filled;
}

await ask("form", form(["image", new Blob([picture]), "cells.png"], ["threshold", "0.5"]));
await ask("unnamed-blob", form(["image", new Blob([picture], { type: "image/png" })]));
await ask("file", form(["file", new File([picture], '細胞 "é".png', { type: "image/png" })]));
await ask("blob-parameters", form(
  ["image", new Blob([picture])],
  ["threshold", new Blob(["0.5"], { type: "application/json" })],
  ["mask_format", new Blob(["none"], { type: "text/plain" })],
));
await ask("buffer", picture);
await ask("blob", new Blob([picture], { type: "image/png" }));
await ask("json", JSON.stringify({ image: picture.toString("base64") }));
await ask("stream", Readable.toWeb(createReadStream(path)), { duplex: "half" });
await ask("small-stream", Readable.toWeb(createReadStream(path, { highWaterMark: 100 })), { duplex: "half" });
await ask("gzip-stream", Readable.toWeb(createReadStream(path).pipe(createGzip())), {
  duplex: "half",
  headers: { "Content-Encoding": "gzip" },
});
await ask("batch", form(["images", new Blob([picture]), "a.png"], ["files[]", new Blob([picture]), "b.png"]), {}, "/api/v1/batch");

const piped = http.request(`${address}/api/v1/segment`, { method: "POST" });
createReadStream(path).pipe(piped);
const reply = await new Promise((resolve, reject) => piped.on("response", resolve).on("error", reject));
let answer = "";
for await (const piece of reply) answer += piece;
if (reply.statusCode !== 200) throw new Error(answer);
console.log("piped-request", answer);
