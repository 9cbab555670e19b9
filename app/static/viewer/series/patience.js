/** Patience: asks a busy service again. */

import { pause } from "../worklist.js";

const PATIENCE = 60_000; // milliseconds during which a busy service is asked again for the same picture
const DEFAULT_PAUSE = 2; // seconds

/** What `ask` promises; while the service is busy, it is called again after the pause that the service wants. */
export async function patiently(ask, signal) {
  const start = performance.now();
  for (;;)
    try {
      return await ask();
    } catch (error) {
      const isBusy = error.status === 503 || error.status === 429;
      if (!isBusy || performance.now() - start > PATIENCE) throw error;
      await pause(error.retryAfter ?? DEFAULT_PAUSE, signal);
    }
}
