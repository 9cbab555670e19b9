/** Dialog: a small window over the page, which is gone once it is closed. */

import { make } from "../dom.js";

let count = 0;

/**
 * Open a dialog with a heading, which Escape closes.
 *
 * @param title the heading
 * @param children its content
 */
export function openDialog(title, ...children) {
  const id = `dialog-${++count}`;
  const dialog = make("dialog", { className: "dialog" }, make("h2", { id, textContent: title }), ...children);
  dialog.setAttribute("aria-labelledby", id);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** A button of a dialog. */
export function dialogButton(textContent, onClick, className = "button") {
  const button = make("button", { type: "button", className, textContent });
  button.addEventListener("click", onClick);
  return button;
}
