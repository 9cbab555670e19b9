/** Fades: tells the style sheet at which ends of something that scrolls there is more to see. */

/** Keep the classes "more-before" and "more-after" of an element up to date. */
export function fadeEnds(element) {
  const update = () => {
    const { scrollLeft, scrollWidth, clientWidth } = element;
    element.classList.toggle("more-before", scrollLeft > 1);
    element.classList.toggle("more-after", scrollLeft + clientWidth < scrollWidth - 1);
  };
  element.addEventListener("scroll", update, { passive: true });
  new ResizeObserver(update).observe(element);
  new MutationObserver(update).observe(element, { childList: true });
}
