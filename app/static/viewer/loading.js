/** Loading: parts of the page that few visits use, when they are first used. */

/** Call `use` with a module that `load` promises; if it cannot be had, say so. */
export async function whenLoaded(load, use) {
  let part;
  try {
    part = await load();
  } catch (error) {
    console.warn(error);
    return alert("This part of the page could not be loaded. Try again when the service answers.");
  }
  use(part);
}
