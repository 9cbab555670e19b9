/** Requests to the service: sends a picture, returns the answer or throws a problem. */

import { page } from "./page.js";

/** An error with a message for the user. */
export class Problem extends Error {
  /**
   * @param title what happened, in a few words
   * @param detail what to do
   * @param status the answer's status; 0 if there was no answer
   * @param retryAfter seconds after which to try again, if the service said so
   */
  constructor(title, detail, status = 0, retryAfter = null) {
    super(title);
    Object.assign(this, { title, detail, status, retryAfter });
  }

  isOfProxy = false; // the answer came from a proxy in between

  /** Whether nothing answers for the service: it was stopped, or is being restarted. */
  get isSilence() {
    return (this.status === 0 && navigator.onLine) || (this.isOfProxy && [502, 504].includes(this.status));
  }

  /** Whether the same request may succeed later. */
  get again() {
    return this.status === 0 || this.status === 408 || this.status === 429 || this.status >= 500;
  }
}

/** The URL of a request with these parameters; a list becomes one parameter per value. */
export function address(parameters, url = page.segment_url) {
  const values = Object.entries(parameters).flatMap(([name, value]) => [value].flat().map((one) => [name, one]));
  return `${url}?${new URLSearchParams(values)}`;
}

/**
 * Have objects written as a file, without segmenting again.
 *
 * @param objects as in an answer, an object
 * @param file the picture, a Blob; null if the file does not show it
 * @param parameters of POST /api/v1/render
 * @param options key and signal, as for `segment`
 * @returns a Blob
 * @throws Problem
 */
export function render(objects, file, parameters, { key = "", signal } = {}) {
  const form = new FormData();
  form.append("objects", new Blob([JSON.stringify(objects)], { type: "application/json" }), "objects.json");
  if (file) form.append("image", file);
  return post(address(parameters, page.render_url), form, { key, signal, type: "blob" });
}

/**
 * Send a picture to be segmented.
 *
 * fetch() cannot report an upload's progress, so this uses XMLHttpRequest.
 *
 * @param picture its file, a Blob, or { url }, from which the service fetches it
 * @param parameters of POST /api/v1/segment
 * @param options key: the API key; signal: an AbortSignal; onSent: called with the share (0 to 1) that is sent;
 *   type: the type of the answer, "json" or "blob"
 * @returns the answer: parsed JSON, or a Blob if `type` is "blob"
 * @throws Problem, or the signal's AbortError
 */
export function segment(picture, parameters, options) {
  const isFile = picture instanceof Blob;
  const kind = isFile ? "application/octet-stream" : "application/json";
  return post(address(parameters), isFile ? picture : JSON.stringify(picture), { kind, ...options });
}

/** POST `body`, of the media type `kind`; a form has its own. The other options are those of `segment`. */
function post(url, body, { key = "", signal, onSent = () => {}, type = "json", kind = null }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", url);
    request.responseType = "blob"; // problems are JSON, whatever `type` is
    if (kind) request.setRequestHeader("Content-Type", kind);
    if (key) request.setRequestHeader(page.key_header, key);
    request.upload.onprogress = (event) => event.lengthComputable && onSent(event.loaded / event.total);
    request.upload.onload = () => onSent(1);
    request.onload = async () => {
      try {
        if (request.status !== 200) throw await problemOf(request);
        resolve(type === "json" ? JSON.parse(await request.response.text()) : request.response);
      } catch (error) {
        reject(error);
      }
    };
    request.onerror = () => reject(unreachable());
    request.onabort = () => reject(signal.reason);
    if (signal?.aborted) return reject(signal.reason);
    signal?.addEventListener("abort", () => request.abort());
    request.send(body);
  });
}

async function problemOf(request) {
  const retryAfter = Number(request.getResponseHeader("Retry-After")) || null;
  const written = await request.response.text();
  try {
    const { title, detail, status } = JSON.parse(written);
    return new Problem(title, detail, status, retryAfter);
  } catch {
    // Not an answer of the service, but one of a proxy, or an incomplete one.
    const problem = new Problem(
      `The answer had status ${request.status}`,
      "It did not come from the service, but from a proxy in between. Try again later.",
      request.status,
      retryAfter,
    );
    return Object.assign(problem, { isOfProxy: true });
  }
}

/** Whether the service answers, be it that it is not ready yet. */
export async function answers() {
  try {
    const { status } = await fetch(page.alive_url, { cache: "no-store" });
    return status < 502 || status > 504;
  } catch {
    return false;
  }
}

function unreachable() {
  return navigator.onLine
    ? new Problem(
        "The service does not answer",
        "It may be restarting, or the connection was lost. The picture is still here: try again in a moment.",
      )
    : new Problem("You are offline", "The picture is still here: try again when you are connected.");
}
