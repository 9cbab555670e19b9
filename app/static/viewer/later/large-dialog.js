/** Large dialog: a part of the page that opens over it. It is built once, and keeps what was chosen in it. */

import { dress, make } from "../dom.js";

/**
 * Build a dialog with a heading and a button that closes it, as Escape does; once that is done, it has its looks.
 *
 * @param name of its elements: "figure" makes a dialog of this class with the id "figure-dialog"
 * @param title the heading
 * @param looks the URL of its style sheet
 * @param beside what stands beside the heading, with the buttons of this dialog in `actions`
 * @param content the elements below
 */
export async function buildLargeDialog(name, title, looks, { beside = [], actions = [] }, ...content) {
  const heading = make("h2", { id: `${name}-title`, textContent: title });
  const close = make("button", { type: "submit", textContent: "Close" });
  const buttons = make("p", { className: "actions" }, ...actions, close);
  const head = make("form", { className: "head", method: "dialog" }, heading, ...beside, buttons);
  const dialog = make("dialog", { id: `${name}-dialog`, className: `large visit ${name}` }, head, ...content);
  dialog.setAttribute("aria-labelledby", heading.id);
  document.body.append(dialog);
  await dress(looks);
  return dialog;
}
