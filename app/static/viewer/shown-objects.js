/** Shown objects: what the service needs to write them as a file. */

/** The objects shown of a picture, or those `wanted`, with what the answer has about it and about the model. */
export function shownObjects({ answer, shown, total, corrections }, wanted = shown) {
  const { model, gate, image, warnings } = answer;
  const objects = { model, gate, image, warnings: warnings?.filter(({ code }) => code !== "truncated") };
  if (total !== null) Object.assign(objects, { truncated: true, found: total, warnings });
  const segments = wanted.map((segment) => ({
    id: segment.id, // as in the table and in figures
    class: segment.class,
    class_id: segment.class_id,
    score: segment.score,
    box: segment.box,
    mask: segment.mask,
    colour: segment.colour,
    edited: segment.edited,
  }));
  return { ...objects, segments, corrections };
}
