/**
 * Whether browsers may show a file otherwise than the service sees it. They cut the 16 bits of a PNG to the
 * upper 8, which leaves a micrograph black, and turn a picture upright by the EXIF of a JPEG alone, or of some
 * other formats too.
 */

const HEAD = 65536; // bytes; where AVIF and HEIC list what they hold
const WEBP_HAS_EXIF = 8; // of the flags

export async function isShownOtherwise(file) {
  const head = new Uint8Array(await file.slice(0, HEAD).arrayBuffer());
  if (text(head, 1, 3) === "PNG") return head[24] === 16 || tellsOrientation(await file.arrayBuffer());
  if (text(head, 8, 4) === "WEBP") return text(head, 12, 4) === "VP8X" && (head[20] & WEBP_HAS_EXIF) > 0;
  return text(head, 4, 4) === "ftyp" && text(head, 0, HEAD).includes("Exif");
}

/** Whether a PNG has EXIF, as such or as ImageMagick wrote it. */
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
