/** URL: takes a picture from the web, which the service fetches as far as its settings allow. */

import { make } from "../dom.js";
import { addUrl } from "../worklist.js";
import { dialogButton, openDialog } from "./dialog.js";

export function open() {
  const field = make("input", { type: "url", required: true, placeholder: "https://", autocomplete: "off" });
  const label = make("label", {}, "Web address of a picture", field);
  const hint = make("p", {
    className: "hint",
    textContent: "The service fetches it, so it must be public. Pages that need a login do not work.",
  });
  const find = make("button", { type: "submit", className: "primary", textContent: "Find objects" });
  const actions = make("p", { className: "actions" }, find, dialogButton("Cancel", () => dialog.close()));
  const form = make("form", {}, label, hint, actions);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    addUrl(field.value);
    dialog.close();
  });
  const dialog = openDialog("From a web address", form);
}
