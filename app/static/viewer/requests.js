/** Requests to the service: a picture goes up, and an answer or a problem comes down. */

import { page } from "./page.js";

/** What went wrong, in words for the person at the browser. */
export class Problem extends Error {
  /**
   * @param title what happened, in a few words
   * @param detail what to do
   * @param status the answer's status; 0 where there was no answer
   * @param retryAfter seconds after which the service wants to be asked again, if it said so
   */
  constructor(title, detail, status = 0, retryAfter = null) {
    super(title);
    Object.assign(this, { title, detail, status, retryAfter });
  }

  /** Whether the same request may succeed later. */
  get again() {
    return this.status === 0 || this.status === 408 || this.status === 429 || this.status >= 500;
  }
}

/** The address that is asked for these parameters; each value of a list is given by itself. */
export function address(parameters) {
  const values = Object.entries(parameters).flatMap(([name, value]) => [value].flat().map((one) => [name, one]));
  return `${page.segment_url}?${new URLSearchParams(values)}`;
}

/**
 * Send a picture to be segmented.
 *
 * fetch() cannot tell how much of an upload is through, so this is an XMLHttpRequest.
 *
 * @param file the picture, a Blob
 * @param parameters of POST /api/v1/segment
 * @param options key: the API key; signal: an AbortSignal; onSent: called with the part of 1 that is up;
 *   type: of the response, as XMLHttpRequest names it
 * @returns the answer: parsed JSON, or a Blob where `type` is "blob"
 * @throws Problem, or the signal's AbortError
 */
export function segment(file, parameters, { key = "", signal, onSent = () => {}, type = "json" } = {}) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", address(parameters));
    request.responseType = "blob"; // a problem is JSON whatever was asked for
    request.setRequestHeader("Content-Type", "application/octet-stream");
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
    request.send(file);
  });
}

async function problemOf(request) {
  const retryAfter = Number(request.getResponseHeader("Retry-After")) || null;
  const written = await request.response.text();
  try {
    const { title, detail, status } = JSON.parse(written);
    return new Problem(title, detail, status, retryAfter);
  } catch {
    // Not the service's: a proxy on the way, or a part of an answer.
    return new Problem(
      `The answer was ${request.status}`,
      "Something between this page and the service has answered instead. Try again in a while.",
      request.status,
      retryAfter,
    );
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
