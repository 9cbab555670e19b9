/** What the browser can show of a picture's file: a bitmap for the stage, a thumbnail for the list. */

import { isShownOtherwise } from "./otherwise.js";

const THUMBNAIL_SIDE = 160; // pixels, the longer: twice what is seen, for fine screens

let kept = { showable: null, bitmap: null };

/** Find out whether the browser can show the file, and make its thumbnail. */
export async function prepare(picture) {
  try {
    if (await isShownOtherwise(picture.file)) return; // it comes with the answer
    await makeThumbnail(picture, picture.file);
    picture.isNative = true;
    picture.showable = picture.file;
  } catch {
    // A TIFF, say: the service will send it back as what it has seen. Or no picture: the service will say so.
  }
}

/** What to show once there is this answer: the file itself, or the picture that has come with the answer. */
export async function showableOf(picture, answer) {
  if (!answer.picture) return picture.file;
  const bytes = Uint8Array.from(atob(answer.picture), (letter) => letter.charCodeAt(0));
  delete answer.picture;
  const showable = new Blob([bytes], { type: "image/png" });
  await makeThumbnail(picture, showable);
  return showable;
}

/** The picture as a promise of an ImageBitmap, or null while there is none. The last one asked for is kept. */
export function bitmapOf({ showable }) {
  if (!showable) return null;
  // Whoever shows the one before lets go of it: it may still be drawn.
  if (kept.showable !== showable) kept = { showable, bitmap: createImageBitmap(showable) };
  return kept.bitmap;
}

async function makeThumbnail(picture, blob) {
  const bitmap = await createImageBitmap(blob);
  const scale = Math.min(1, THUMBNAIL_SIDE / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  const small = await new Promise((resolve) => canvas.toBlob(resolve));
  if (picture.thumbnail) URL.revokeObjectURL(picture.thumbnail);
  picture.thumbnail = URL.createObjectURL(small);
}
