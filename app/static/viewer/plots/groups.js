/** Groups: which measures a picture's objects can have. Intensities need the picture's own file. */

import { page } from "../page.js";

const UNFIT = new Set([400, 413, 415, 422]); // statuses: with this file, intensities cannot be measured at all

/**
 * Call `ask` with the groups of measures that this picture is measured by; if there are none yet, with all that it may
 * have, and with the shapes alone if its file is not fit for more.
 *
 * @returns a promise of { groups, result } of the call that succeeded
 * @throws what `ask` throws
 */
export async function withGroups({ measured, file }, ask) {
  if (measured.length) return { groups: measured, result: await ask(measured) };
  if (file && file.size <= page.max_bytes)
    try {
      const groups = ["shape", "intensity"];
      return { groups, result: await ask(groups) };
    } catch (error) {
      if (!UNFIT.has(error.status)) throw error;
    }
  return { groups: ["shape"], result: await ask(["shape"]) };
}
