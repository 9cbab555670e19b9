/**
 * Finds files that browsers may show differently from what the service reads. Browsers keep only the upper 8 of
 * the 16 bits of a PNG, which leaves a micrograph black. Some turn a picture upright according to EXIF only in
 * JPEG, others also in other formats.
 */

const HEAD = 65536; // bytes, which include AVIF's and HEIC's table of contents
const WEBP_HAS_EXIF = 8; // bit in the flags

export async function isShownOtherwise(file) {
  const head = new Uint8Array(await file.slice(0, HEAD).arrayBuffer());
  if (text(head, 1, 3) === "PNG") return head[24] === 16 || tellsOrientation(await file.arrayBuffer());
  if (text(head, 8, 4) === "WEBP") return text(head, 12, 4) === "VP8X" && (head[20] & WEBP_HAS_EXIF) > 0;
  return text(head, 4, 4) === "ftyp" && text(head, 0, HEAD).includes("Exif");
}

/** Whether a PNG has EXIF, in its own chunk or in the form that ImageMagick wrote. */
function tellsOrientation(buffer) {
  const view = new DataView(buffer);
  const bytes = new Uint8Array(buffer);
  for (let at = 8; at + 12 <= bytes.length; at += 12 + view.getUint32(at)) {
    const kind = text(bytes, at + 4, 4);
    if (kind === "eXIf") return true;
    if (["tEXt", "zTXt"].includes(kind) && text(bytes, at + 8, 21) === "Raw profile type exif") return true;
  }
  return false;
}

function text(bytes, start, length) {
  return new TextDecoder("latin1").decode(bytes.subarray(start, start + length));
}
