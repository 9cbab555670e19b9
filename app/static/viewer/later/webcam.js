/** Webcam: takes a picture with the computer's camera, which is on only while this is open. */

import { make } from "../dom.js";
import { add } from "../worklist.js";
import { dialogButton, openDialog } from "./dialog.js";

const SIZE = { width: { ideal: 1920 }, height: { ideal: 1080 } };
const PROBLEMS = {
  NotAllowedError: "The browser does not let this page use the camera: allow it in the address bar, then try again.",
  NotFoundError: "This computer has no camera.",
  NotReadableError: "Another program is using the camera: close it, then try again.",
};

let count = 0;

export async function open() {
  const video = make("video", { autoplay: true, muted: true, playsInline: true });
  video.setAttribute("aria-label", "What the camera sees");
  const words = make("p", { className: "hint", textContent: "Starting the camera…" });
  words.setAttribute("role", "status");
  const shoot = dialogButton("Take the picture", () => take(video, dialog), "primary");
  shoot.disabled = true;
  const actions = make("p", { className: "actions" }, shoot, dialogButton("Cancel", () => dialog.close()));
  const dialog = openDialog("Webcam", video, words, actions);
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ video: SIZE });
    const stop = () => stream.getTracks().forEach((track) => track.stop());
    if (!dialog.open) return stop();
    dialog.addEventListener("close", stop);
    video.srcObject = stream;
    await video.play();
    words.textContent = "The picture goes only to this service.";
    shoot.disabled = false;
    shoot.focus();
  } catch (error) {
    words.textContent = PROBLEMS[error.name] ?? "The camera does not start.";
  }
}

async function take(video, dialog) {
  const canvas = make("canvas", { width: video.videoWidth, height: video.videoHeight });
  canvas.getContext("2d").drawImage(video, 0, 0);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  dialog.close();
  add([new File([blob], `webcam-${++count}.png`, { type: "image/png" })]);
}
