/** Menus: close as soon as the user turns to something else, or presses Escape. */

import { byId } from "./dom.js";

const menus = [byId("downloads"), byId("adjust")];

for (const menu of menus) {
  menu.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && menu.open) close(menu);
  });
  menu.addEventListener("focusout", ({ relatedTarget: next }) => {
    if (next && !menu.contains(next)) menu.open = false;
  });
}
addEventListener("pointerdown", ({ target }) => {
  for (const menu of menus) if (!menu.contains(target)) menu.open = false;
});

/** Close a menu; the keyboard's focus stays at its button. */
export function close(menu) {
  if (menu.contains(document.activeElement)) menu.querySelector("summary").focus();
  menu.open = false;
}
