/**
 * PDF: writes a scene as a page of its size, with vectors, letters and the picture's pixels without loss.
 *
 * PDF 1.4 (ISO 32000-1 describes what is used of it): an image and a soft mask (8.9.5, 11.6.5.3), paths (8.5),
 * transparency of fills by graphics state (8.4.5), and Helvetica, which every viewer has (9.6.2.2).
 */

import { BASELINE, cropped, FONT, HALO, widthOf } from "./canvas.js";

const LETTER_PIXELS = 8; // pixels a point of letters that Helvetica lacks, which are drawn as pixels

/** The scene as a PDF file. */
export async function toPdf(scene) {
  const document = new Document(scene.height);
  for (const shape of scene.below) await document.add(shape);
  document.write(`q 0 ${num(scene.height - scene.picture.height)} ${num(scene.picture.width)} ${num(scene.picture.height)} re W n`);
  for (const shape of scene.inside) await document.add(shape);
  document.write("Q");
  return document.file(scene);
}

class Document {
  constructor(height) {
    this.height = height; // y grows upwards in PDF
    this.content = [];
    this.images = []; // bytes of objects
    this.opacities = [];
  }

  write(operators) {
    this.content.push(operators);
  }

  async add(shape) {
    if (shape.image) await this.image(cropped(shape.image), shape.box);
    else if (shape.text !== undefined) await this.text(shape);
    else this.path(shape);
  }

  async image(canvas, [x, y, width, height], withAlpha = false) {
    const name = `I${this.images.length}`;
    this.images.push(await encoded(canvas, withAlpha));
    this.write(`q ${num(width)} 0 0 ${num(height)} ${num(x)} ${num(this.height - y - height)} cm /${name} Do Q`);
  }

  path({ rings, fill, opacity, stroke, line }) {
    const path = rings.map((ring) => this.ring(ring)).join(" ");
    if (fill) this.write(`q /${this.opacity(opacity)} gs ${rgb(fill)} rg ${path} f* Q`);
    else this.write(`q 1 j ${num(line)} w ${rgb(stroke)} RG ${path} S Q`);
  }

  ring(ring) {
    const steps = [];
    for (let at = 0; at < ring.length; at += 2)
      steps.push(`${num(ring[at])} ${num(this.height - ring[at + 1])} ${at ? "l" : "m"}`);
    return `${steps.join(" ")} h`;
  }

  /** The name of the graphics state with this opacity. */
  opacity(value) {
    if (!this.opacities.includes(value)) this.opacities.push(value);
    return `G${this.opacities.indexOf(value)}`;
  }

  async text(shape) {
    const { text, x, y, size, fill, halo, anchor } = shape;
    const width = widthOf(text, size);
    const left = anchor === "middle" ? x - width / 2 : anchor === "end" ? x - width : x;
    const letters = latin(text);
    if (letters === null) return this.drawnText(shape, left, width);
    const at = `/F ${num(size)} Tf ${num(left)} ${num(this.height - y - BASELINE * size)} Td`;
    if (halo) this.write(`q 1 j ${num(HALO * size)} w ${rgb(halo)} RG BT 1 Tr ${at} ${letters} Tj ET Q`);
    this.write(`q ${rgb(fill)} rg BT ${at} ${letters} Tj ET Q`);
  }

  async drawnText({ text, y, size, fill, halo }, left, width) {
    const canvas = document.createElement("canvas");
    const [across, down] = [width + size, 2 * size];
    canvas.width = Math.ceil(across * LETTER_PIXELS);
    canvas.height = Math.ceil(down * LETTER_PIXELS);
    const context = canvas.getContext("2d");
    context.scale(LETTER_PIXELS, LETTER_PIXELS);
    context.font = `bold ${size}px ${FONT}`;
    context.lineJoin = "round";
    const place = [size / 2, size + BASELINE * size];
    if (halo) {
      context.lineWidth = HALO * size;
      context.strokeStyle = halo;
      context.strokeText(text, ...place);
    }
    context.fillStyle = fill;
    context.fillText(text, ...place);
    await this.image(canvas, [left - size / 2, y - size, across, down], true);
  }

  /** The file: a catalogue, a page, its content, a font, the images and a table of where each of them is. */
  async file({ width, height }) {
    const first = 5; // the object of the first image
    const objectsOfImages = [];
    const names = [];
    for (const { data, size, mask } of this.images) {
      const number = first + objectsOfImages.length;
      names.push(number);
      const masked = mask ? `/SMask ${number + 1} 0 R` : "";
      objectsOfImages.push(stream(data, `${imageOf(size)} /ColorSpace /DeviceRGB ${masked}`));
      if (mask) objectsOfImages.push(stream(mask, `${imageOf(size)} /ColorSpace /DeviceGray`));
    }
    const images = names.map((number, at) => `/I${at} ${number} 0 R`).join(" ");
    const states = this.opacities.map((value, at) => `/G${at} << /ca ${num(value)} >>`).join(" ");
    const content = await deflated(new TextEncoder().encode(this.content.join("\n")));
    return assembled([
      ["<< /Type /Catalog /Pages 2 0 R >>"],
      ["<< /Type /Pages /Kids [3 0 R] /Count 1 >>"],
      [
        `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 ${num(width)} ${num(height)}] /Contents 4 0 R /Resources <<` +
          ` /Font << /F << /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold /Encoding /WinAnsiEncoding >> >>` +
          ` /XObject << ${images} >> /ExtGState << ${states} >> >> >>`,
      ],
      stream(content, ""),
      ...objectsOfImages,
    ]);
  }
}

/** Join the objects, numbered from 1, each an array of strings and bytes. */
function assembled(objects) {
  const parts = [];
  let length = 0;
  const put = (part) => {
    const bytes = typeof part === "string" ? new TextEncoder().encode(part) : part;
    parts.push(bytes);
    length += bytes.length;
  };
  put("%PDF-1.4\n");
  const places = objects.map((object, at) => {
    const place = length;
    put(`${at + 1} 0 obj\n`);
    object.forEach(put);
    put("\nendobj\n");
    return place;
  });
  const table = length;
  const rows = places.map((place) => `${String(place).padStart(10, "0")} 00000 n \n`).join("");
  put(`xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${rows}`);
  put(`trailer\n<< /Size ${objects.length + 1} /Root 1 0 R >>\nstartxref\n${table}\n%%EOF\n`);
  return new Blob(parts, { type: "application/pdf" });
}

function stream(data, entries) {
  return [`<< ${entries} /Filter /FlateDecode /Length ${data.length} >>\nstream\n`, data, "\nendstream"];
}

function imageOf({ width, height }) {
  return `/Type /XObject /Subtype /Image /Width ${width} /Height ${height} /BitsPerComponent 8`;
}

/** A canvas's colours, and its opacity if that is wanted, compressed. */
async function encoded(canvas, withAlpha) {
  const { width, height } = canvas;
  const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
  const colours = new Uint8Array(3 * width * height);
  const alpha = new Uint8Array(width * height);
  for (let pixel = 0, to = 0, from = 0; pixel < alpha.length; pixel++) {
    colours[to++] = data[from++];
    colours[to++] = data[from++];
    colours[to++] = data[from++];
    alpha[pixel] = data[from++];
  }
  return { size: { width, height }, data: await deflated(colours), mask: withAlpha ? await deflated(alpha) : null };
}

async function deflated(bytes) {
  const compressed = new Blob([bytes]).stream().pipeThrough(new CompressionStream("deflate"));
  return new Uint8Array(await new Response(compressed).arrayBuffer());
}

// Letters beyond Latin-1 that WinAnsiEncoding has, and their codes.
const BEYOND_LATIN = { "€": 0x80, "–": 0x96, "—": 0x97, "…": 0x85, "‘": 0x91, "’": 0x92, "“": 0x93, "”": 0x94 };

/** The text as a PDF string in WinAnsiEncoding; null if that lacks a letter. */
function latin(text) {
  let hex = "";
  for (const letter of text) {
    const point = letter.codePointAt(0);
    const isLatin = (point >= 0x20 && point < 0x7f) || (point >= 0xa0 && point <= 0xff);
    const code = isLatin ? point : BEYOND_LATIN[letter];
    if (code === undefined) return null;
    hex += code.toString(16).padStart(2, "0");
  }
  return `<${hex}>`;
}

function rgb(colour) {
  return [1, 3, 5].map((at) => num(parseInt(colour.slice(at, at + 2), 16) / 255)).join(" ");
}

function num(value) {
  return Number(value.toFixed(3));
}
