/** Rendering: has the service write the objects shown of a picture as a file, without segmenting again. */

import { render } from "./requests.js";
import { shownObjects } from "./shown-objects.js";
import { visit } from "./visit.js";

/**
 * A file of this output, as a promise of a Blob.
 *
 * @param options groups: the groups of measures that it shall have; showsPicture: whether it shows the picture, too; key
 *   and signal as for `segment`
 * @throws Problem, or the signal's AbortError
 */
export function rendered(picture, output, { groups = [], showsPicture = false, key, signal }) {
  const needsValues = groups.includes("intensity");
  const file = showsPicture || needsValues ? (picture.file ?? picture.showable) : null;
  const objects = shownObjects(picture);
  // As it was entered, if it was. For tables it is a parameter, and the file's is not meant if it was taken away.
  if (picture.pixelSize === null || output === "training")
    objects.image = { ...objects.image, pixel_size: picture.pixelSides ?? undefined };
  return render(objects, file, { output, ...optionsOf(picture, output, groups, file) }, { key, signal });
}

/** The parameters that are not defaults. */
function optionsOf({ answered, file: own, pixelSize, isSkewed }, output, groups, file) {
  const options = {};
  // The answer has the page, but not the channel.
  if (file && file === own && answered.channel !== null) options.channel = answered.channel;
  // The answer has both sides of pixels that are not square.
  if ((output === "csv" || groups.length) && pixelSize && !isSkewed) options.pixel_size = pixelSize;
  if (groups.length) options.measure = groups.join();
  if (output === "overlay") {
    const { opacity, ...view } = visit.view;
    const drawn = ["outlines", "labels", "boxes"].filter((name) => view[name]);
    options.fill = opacity;
    options.draw = drawn.join() || "none";
  }
  return options;
}
