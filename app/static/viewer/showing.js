/** Showing: turns a picture's file into a bitmap for the stage and a thumbnail for the list. */

import { isShownOtherwise } from "./otherwise.js";

const THUMBNAIL_SIDE = 160; // pixels of the longer side: twice the displayed size, for high-resolution screens

let kept = { showable: null, bitmap: null };

/** Find out whether the browser can show the file, and make its thumbnail. */
export async function prepare(picture) {
  try {
    if (await isShownOtherwise(picture.file)) return; // the answer will include the picture
    await makeThumbnail(picture, picture.file);
    picture.isNative = true;
    picture.showable = picture.file;
  } catch {
    // A TIFF, for example: the service will return the picture as it read it. Or not a picture: it will say so.
  }
}

/** The file to show with this answer: the picture's own file, or the picture included in the answer. */
export async function showableOf(picture, answer) {
  if (!answer.picture) return picture.file;
  const bytes = Uint8Array.from(atob(answer.picture), (letter) => letter.charCodeAt(0));
  delete answer.picture;
  const showable = new Blob([bytes], { type: "image/png" });
  await makeThumbnail(picture, showable);
  return showable;
}

/** A promise of the picture's ImageBitmap, or null if there is none yet. The last one is cached. */
export function bitmapOf({ showable }) {
  if (!showable) return null;
  // The previous bitmap is closed by the stage, which may still be drawing it.
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
  picture.thumbnailFile = small;
  picture.thumbnail = URL.createObjectURL(small);
}
